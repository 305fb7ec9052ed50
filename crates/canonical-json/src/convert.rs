//! Handing values to and from `serde_json`, for schema validation and typed reading.

use serde_json::{Map, Number};

use crate::number;
use crate::value::{Integer, Value};

impl Value {
    /// Returns this as a `serde_json` value, to look at and not to sign.
    ///
    /// An integer outside the ranges of `i64` and `u64` becomes the nearest `f64`, and the largest
    /// finite one if that would be infinite. NaN and infinities, which `parse` never gives, become
    /// null. Recurses once per level.
    pub fn to_serde(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(claim) => serde_json::Value::Bool(*claim),
            Self::Int(number) => serde_integer(number),
            Self::Float(number) => serde_float(*number),
            Self::Str(text) => serde_json::Value::String(text.clone()),
            Self::Array(items) => {
                serde_json::Value::Array(items.iter().map(Self::to_serde).collect())
            }
            Self::Object(members) => serde_json::Value::Object(
                members
                    .iter()
                    .map(|(key, member)| (key.clone(), member.to_serde()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// Returns a `serde_json` value as one of ours. Recurses once per level.
    ///
    /// Numbers are taken by their text, so that they mean the same whatever features `serde_json`
    /// was built with. One beyond the floats, which only `arbitrary_precision` can hold, becomes
    /// NaN: its canonical text is one that `parse` refuses.
    pub fn from_serde(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(claim) => Self::Bool(*claim),
            serde_json::Value::Number(number) => our_number(number),
            serde_json::Value::String(text) => Self::Str(text.clone()),
            serde_json::Value::Array(items) => {
                Self::Array(items.iter().map(Self::from_serde).collect())
            }
            serde_json::Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, member)| (key.clone(), Self::from_serde(member)))
                    .collect(),
            ),
        }
    }
}

fn serde_integer(number: &Integer) -> serde_json::Value {
    if let Some(signed) = number.as_i64() {
        return signed.into();
    }
    if let Some(unsigned) = number.as_u64() {
        return unsigned.into();
    }
    let nearest: f64 = number.as_text().parse().unwrap_or(f64::NAN);
    serde_float(nearest.clamp(f64::MIN, f64::MAX))
}

fn serde_float(number: f64) -> serde_json::Value {
    Number::from_f64(number).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

fn our_number(number: &Number) -> Value {
    let text = number.to_string();
    match number::read(&text) {
        Ok((value, length)) if length == text.len() => value,
        _ => Value::Float(f64::NAN),
    }
}
