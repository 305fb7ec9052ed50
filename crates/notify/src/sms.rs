//! SMS texts.

/// Two segments of UCS-2 hold 67 characters each; any text of so many UTF-16 units fits.
const UNITS: usize = 134;

/// The text as it fits two segments, cut with `…` where it does not.
pub fn fit(text: &str) -> String {
    if text.encode_utf16().count() <= UNITS {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut units = 0;
    for c in text.chars() {
        units += c.len_utf16();
        if units >= UNITS {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}
