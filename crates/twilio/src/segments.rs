//! What a text costs: SMS segments (3GPP TS 23.038, 23.040).

/// How an SMS is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// 7 bits a character, some take two: 160 in one segment, 153 in each of several.
    Gsm7,
    /// UTF-16, as soon as one character is outside GSM-7: 70 units in one segment, 67 in each of
    /// several.
    Ucs2,
}

/// The default alphabet, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table: an escape goes before each.
const EXTENDED: &str = "\x0c^{}\\[~]|€";

fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) { Some(1) } else { EXTENDED.contains(character).then_some(2) }
}

/// How a text is encoded and how many segments it takes. An empty text takes one.
pub fn segments(text: &str) -> (Encoding, usize) {
    let sizes: Option<Vec<usize>> = text.chars().map(septets).collect();
    match sizes {
        Some(sizes) => (Encoding::Gsm7, packed(sizes.into_iter(), 160, 153)),
        None => (Encoding::Ucs2, packed(text.chars().map(char::len_utf16), 70, 67)),
    }
}

/// Fills segments one after the other: a character of two parts is never split between them.
fn packed(sizes: impl Iterator<Item = usize> + Clone, alone: usize, each: usize) -> usize {
    if sizes.clone().sum::<usize>() <= alone {
        return 1;
    }
    let (mut count, mut used) = (1, 0);
    for size in sizes {
        if used + size > each {
            count += 1;
            used = 0;
        }
        used += size;
    }
    count
}

/// Cuts a text so that it takes at most that many segments, and marks the cut.
///
/// The mark is `…`, which is not in GSM-7 and would turn a plain text of 306 characters into one
/// of 134; where what is left is GSM-7 the mark is `...` instead. The longest beginning that fits
/// is kept, so a text with one emoji late in it loses the emoji rather than most of its length.
pub fn fit(text: &str, most: usize) -> String {
    if most == 0 {
        return String::new();
    }
    if segments(text).1 <= most {
        return text.to_owned();
    }
    // No segment holds more characters than 160.
    let ends = text.char_indices().map(|(at, _)| at).take(most.saturating_mul(160) + 1);
    let cut = |end: usize| {
        let kept = text.get(..end).unwrap_or_default();
        let mark = if segments(kept).0 == Encoding::Gsm7 { "..." } else { "…" };
        format!("{kept}{mark}")
    };
    let ends: Vec<usize> = ends.collect();
    let fitting = ends.into_iter().rev().map(cut).find(|cut| segments(cut).1 <= most);
    fitting.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_are_counted_as_carriers_do() {
        use Encoding::{Gsm7, Ucs2};
        for (text, expected) in [
            (String::new(), (Gsm7, 1)),
            ("a".repeat(160), (Gsm7, 1)),
            ("a".repeat(161), (Gsm7, 2)),
            ("a".repeat(306), (Gsm7, 2)),
            ("a".repeat(307), (Gsm7, 3)),
            ("€".repeat(80), (Gsm7, 1)),
            ("€".repeat(81), (Gsm7, 2)),
            // The escape pair that would straddle the border moves on whole.
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), (Gsm7, 3)),
            (format!("{}€{}", "a".repeat(152), "a".repeat(151)), (Gsm7, 2)),
            ("äöüßÄÖÜñ@£\n{}[]".to_owned(), (Gsm7, 1)),
            ("ç".to_owned(), (Ucs2, 1)),
            ("`".to_owned(), (Ucs2, 1)),
            ("…".to_owned(), (Ucs2, 1)),
            ("\t".to_owned(), (Ucs2, 1)),
            ("ж".repeat(70), (Ucs2, 1)),
            ("ж".repeat(71), (Ucs2, 2)),
            ("ж".repeat(134), (Ucs2, 2)),
            ("ж".repeat(135), (Ucs2, 3)),
            ("😀".repeat(35), (Ucs2, 1)),
            // 33 pairs fit into 67 units, one unit stays empty.
            ("😀".repeat(66), (Ucs2, 2)),
            ("😀".repeat(67), (Ucs2, 3)),
        ] {
            assert_eq!(segments(&text), expected, "{text}");
        }
    }

    #[test]
    fn every_character_is_in_one_table_only() {
        assert_eq!((BASIC.chars().count(), EXTENDED.chars().count()), (127, 10));
        let all: std::collections::BTreeSet<char> = BASIC.chars().chain(EXTENDED.chars()).collect();
        assert_eq!(all.len(), 137);
    }

    #[test]
    fn cuts_keep_as_much_as_fits() {
        let plain = "a".repeat(400);
        assert_eq!(fit(&plain, 2), format!("{}...", "a".repeat(303)));
        assert_eq!(fit(&"a".repeat(306), 2), "a".repeat(306));
        assert_eq!(fit(&"ж".repeat(200), 2), format!("{}…", "ж".repeat(133)));
        // 33 pairs in each segment; the mark takes the unit that stays empty.
        assert_eq!(fit(&"😀".repeat(200), 2), format!("{}…", "😀".repeat(66)));
        let late = format!("{}😀{}", "a".repeat(250), "a".repeat(100));
        assert_eq!(fit(&late, 2), format!("{}...", "a".repeat(250)));
        assert_eq!((fit("abc", 0), fit("abc", 1)), (String::new(), "abc".to_owned()));
    }

    proptest! {
        #[test]
        fn a_cut_always_fits_and_is_a_beginning(
            text in "([a-z{€]|[ж😀…]|\\PC){0,400}", most in 1_usize..4,
        ) {
            let cut = fit(&text, most);
            prop_assert!(segments(&cut).1 <= most);
            let kept = cut.strip_suffix("...").or_else(|| cut.strip_suffix('…')).unwrap_or(&cut);
            prop_assert!(cut == text || text.starts_with(kept));
        }
    }
}
