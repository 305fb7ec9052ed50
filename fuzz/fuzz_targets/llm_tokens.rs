//! Counting never panics, never gives more tokens than bytes, and adds up: a text cut where a
//! vocabulary cuts it anyway counts as much as its parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_tokens::{Tokenizer, count};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for tokenizer in [Tokenizer::O200kBase, Tokenizer::Cl100kBase] {
        let whole = count(tokenizer, &text).tokens;
        assert!(whole <= text.len() as u64);
        assert_eq!(whole == 0, text.is_empty());
        // A number never joins with a letter.
        let joined = format!("{text}x1");
        let parts = count(tokenizer, &format!("{text}x")).tokens + count(tokenizer, "1").tokens;
        assert_eq!(count(tokenizer, &joined).tokens, parts);
    }
});
