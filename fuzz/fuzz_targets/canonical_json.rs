//! Reading never panics, and what is read is printed in one stable way.
#![no_main]

use canonical_json::{DEPTH_CEILING, parse, parse_with_depth};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let value = match parse(bytes) {
        Ok(value) => value,
        Err(error) => {
            assert!(error.offset <= bytes.len());
            assert!(!error.to_string().is_empty());
            // A deeper limit reaches code that the usual one keeps out of reach.
            let _unread = parse_with_depth(bytes, DEPTH_CEILING).map(|value| value.canonical());
            return;
        }
    };
    let printed = value.canonical();
    assert!(printed.iter().all(|byte| (b' '..=b'~').contains(byte)));
    let again = parse(&printed).expect("canonical text can be read");
    assert_eq!(again, value);
    assert_eq!(again.canonical(), printed);
    let _converted = value.to_serde();
});
