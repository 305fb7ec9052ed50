//! Numbers: JSON number text to values, and floats to Python's `repr`.

use crate::fault::Fault;
use crate::value::{Integer, Value};

/// Further from the decimal point than any 64-bit float reaches (1.8e308, 4.9e-324).
const BEYOND_F64: i64 = 400;

/// Reads the number that `text` starts with. Returns it and its length in bytes; when there is
/// none, the length up to the fault and the fault.
pub(crate) fn read(text: &str) -> Result<(Value, usize), (usize, Fault)> {
    let bytes = text.as_bytes();
    let negative = bytes.first() == Some(&b'-');
    let whole_from = usize::from(negative);
    if text[whole_from..].starts_with("Infinity") {
        return Err((0, Fault::NotFinite));
    }
    let whole_to = digits_end(text, whole_from)?;
    if bytes[whole_from] == b'0' && whole_to > whole_from + 1 {
        return Err((whole_from, Fault::LeadingZero));
    }
    let mut end = whole_to;
    let mut fraction = "";
    if bytes.get(end) == Some(&b'.') {
        let fraction_to = digits_end(text, end + 1)?;
        fraction = &text[end + 1..fraction_to];
        end = fraction_to;
    }
    let mut exponent = "";
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign_to = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent_to = digits_end(text, sign_to)?;
        exponent = &text[end + 1..exponent_to];
        end = exponent_to;
    }
    if end == whole_to {
        return Ok((Value::Int(Integer::from_json_text(&text[..end])), end));
    }
    let size = magnitude(&text[whole_from..whole_to], fraction, exponent)
        .ok_or((0, Fault::FloatOverflow))?;
    Ok((Value::Float(if negative { -size } else { size }), end))
}

/// Returns where the digits that start at `from` end. There must be one.
fn digits_end(text: &str, from: usize) -> Result<usize, (usize, Fault)> {
    let rest = &text[from..];
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest.chars().next() {
        _ if count > 0 => Ok(from + count),
        Some(found) => Err((from, Fault::Unexpected(found))),
        None => Err((from, Fault::UnexpectedEnd)),
    }
}

/// Returns the float nearest to `whole.fraction` times ten to the `exponent`, none if infinite.
fn magnitude(whole: &str, fraction: &str, exponent: &str) -> Option<f64> {
    // The standard library stops reading an exponent near 65536, so that "0.", 65530 zeros and
    // "1e655371" come out as 1e6. It is only ever given a small exponent that belongs to a number
    // written as 0.ddd with a first digit other than zero.
    let exponent: i64 = if exponent.is_empty() {
        0
    } else {
        exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX })
    };
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0.0);
    }
    let zeros = i64::try_from(all.len() - digits.len()).unwrap_or(i64::MAX);
    let point = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_sub(zeros)
        .saturating_add(exponent);
    if point > BEYOND_F64 {
        return None;
    }
    if point < -BEYOND_F64 {
        return Some(0.0);
    }
    format!("0.{digits}e{point}").parse().ok().filter(|size: &f64| size.is_finite())
}

/// Appends `number` as Python's `repr` prints it, and `json.dumps` with it.
pub(crate) fn write_float(number: f64, out: &mut Vec<u8>) {
    // `{:e}` and `{}` give the shortest digits that read back as the same number, as repr does.
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, ""));
    let laid_out = match exponent.parse::<i32>() {
        Ok(exponent @ ..-4) => format!("{mantissa}e-{:02}", exponent.unsigned_abs()),
        Ok(exponent @ 16..) => format!("{mantissa}e+{exponent}"),
        Ok(_) => with_point(number.to_string()),
        // NaN and infinities: only in a value made by hand. Python prints them so, and `parse`
        // refuses what is printed.
        Err(_) => scientific.replace("inf", "Infinity"),
    };
    out.extend_from_slice(laid_out.as_bytes());
}

fn with_point(plain: String) -> String {
    if plain.contains('.') { plain } else { plain + ".0" }
}
