//! Values that stand where a key belongs: what people write in examples.

/// The longest value that is looked at for a period, bytes: looking takes the square of it.
const LONGEST_PATTERN: usize = 512;

/// Returns whether a value is plainly no key: a name in a program, an id, or a pattern.
pub(crate) fn is_made_up(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphabetic() || b"_.-:/".contains(byte);
    value.iter().all(plain) && !is_mixed(value)
        || is_name(value)
        || is_uuid(value)
        || is_pattern(value)
}

/// Returns whether the value is three or more words with a number at most behind each, as in
/// `TRAFFIC_SECRET_0`.
fn is_name(value: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let digits = word[letters..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        letters + digits == word.len() && digits <= 3 && !is_mixed(&word[..letters])
    };
    let words = value.split(|byte| b"_.-".contains(byte));
    words.clone().all(is_word) && words.count() >= 3
}

/// Returns whether a value is one piece over and over, or a piece of the alphabet.
pub(crate) fn is_pattern(value: &[u8]) -> bool {
    has_period(value) || climbs(value)
}

/// Returns whether letters change case often, as in base64 and not as in `camelCase`.
fn is_mixed(value: &[u8]) -> bool {
    let letters: Vec<bool> =
        value.iter().filter(|it| it.is_ascii_alphabetic()).map(u8::is_ascii_uppercase).collect();
    let changes = letters.windows(2).filter(|pair| pair[0] != pair[1]).count();
    changes * 3 > letters.len()
}

/// Returns whether the value is a UUID, the form of ids far more often than of keys.
fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Returns whether the value is a piece of up to half its length over and over.
fn has_period(value: &[u8]) -> bool {
    value.len() <= LONGEST_PATTERN
        && (1..=value.len() / 2).any(|period| value[period..] == value[..value.len() - period])
}

/// Returns whether most characters are the next of the one before them, as in `0123456789abcdef`.
fn climbs(value: &[u8]) -> bool {
    let value: Vec<u8> = value.iter().copied().filter(|byte| !b" -".contains(byte)).collect();
    let steps = value.windows(2).filter(|pair| pair[1] == pair[0].wrapping_add(1)).count();
    steps * 4 > value.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_in_examples_is_told_from_keys() {
        for (value, want) in [
            ("settings.password_field", true),
            ("SecretServiceBackend", true),
            ("CLIENT_TRAFFIC_SECRET_0", true),
            ("aes-256-gcm-v2", true),
            ("q7Zk-2mXw-9RtB-4vNc", false),
            ("0123456789abcdef", true),
            ("abababababababab", true),
            ("deadbeefdeadbeef", true),
            ("123e4567-e89b-12d3-a456-426614174000", true),
            ("", true),
            ("abcd efgh ijkl mnop", true),
            ("q7Zk2mXw9RtB4vNc", false),
            ("qGZkzmXwaRtBbvNc", false),
            ("f81d4fae7dec11d0a76500a0c91e6bf6", false),
        ] {
            assert_eq!(is_made_up(value.as_bytes()), want, "{value}");
        }
    }
}
