//! The values a document holds, told apart as Python tells them apart.

use std::collections::BTreeMap;
use std::fmt;

/// A JSON value. Integers and floats are different types, as they are to Python.
///
/// Equality of floats is that of `f64`: `0.0` equals `-0.0` though their canonical texts differ.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number written without fraction and exponent.
    Int(Integer),
    /// A number written with a fraction or an exponent. `parse` only gives finite ones.
    Float(f64),
    /// A string.
    Str(String),
    /// An array.
    Array(Vec<Value>),
    /// An object. `BTreeMap` orders by UTF-8 bytes, which is the order of code points.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// Returns the members if this is an object.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the member of this name if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// Returns the text if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }
}

/// An integer of any size, kept as the decimal text Python would print for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Integer(String);

impl Integer {
    /// Keeps `text`, which the caller has found to match `-?(0|[1-9][0-9]*)`.
    pub(crate) fn from_json_text(text: &str) -> Self {
        Self(if text == "-0" { "0" } else { text }.to_owned())
    }

    /// Returns the number if it fits into 64 bits with a sign.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// Returns the number if it fits into 64 bits without a sign.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    pub(crate) fn as_text(&self) -> &str {
        &self.0
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<u64> for Integer {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(!self.0.starts_with('-'), "", self.0.trim_start_matches('-'))
    }
}
