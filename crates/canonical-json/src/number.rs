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
    if number.is_sign_negative() && !number.is_nan() {
        out.push(b'-');
    }
    let text = if number.is_nan() {
        // This and infinity only come from a value made by hand. Python prints them so, and
        // `parse` refuses what is printed.
        "NaN".to_owned()
    } else if number.is_infinite() {
        "Infinity".to_owned()
    } else {
        repr(number.abs())
    };
    out.extend_from_slice(text.as_bytes());
}

/// Returns `repr` of a finite number that is not negative.
fn repr(number: f64) -> String {
    let mut buffer = ryu::Buffer::new();
    let (digits, point) = digits_and_point(buffer.format_finite(number));
    let exponent = point - 1;
    match usize::try_from(point) {
        _ if digits.is_empty() => "0.0".to_owned(),
        _ if !(-4..16).contains(&exponent) => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{first}{dot}{rest}e{sign}{:02}", exponent.unsigned_abs())
        }
        Ok(point) if point >= digits.len() => format!("{digits:0<point$}.0"),
        Ok(point) if point > 0 => format!("{}.{}", &digits[..point], &digits[point..]),
        _ => "0.".to_owned() + &"0000"[..usize::from(point.unsigned_abs().min(4))] + &digits,
    }
}

/// Splits `text` into digits and the power of ten that 0.digits is to be multiplied with. The
/// digits neither start nor end with a zero; those of zero are none.
///
/// The text is Ryu's, since its digits are those of Python. The standard library's are as few, but
/// of two equally near ends it takes the upper where the others take the even one: it prints
/// 2.9802322387695313e-8 for two to the power of -25, which is 2.98023223876953125e-8.
fn digits_and_point(text: &str) -> (String, i16) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0');
    let whole_digits = i16::try_from(whole.len()).unwrap_or(0);
    let leading_zeros = i16::try_from(all.len() - digits.len()).unwrap_or(0);
    let point = exponent.parse::<i16>().unwrap_or(0) + whole_digits - leading_zeros;
    (digits.trim_end_matches('0').to_owned(), point)
}
