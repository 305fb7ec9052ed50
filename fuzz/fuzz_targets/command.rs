//! The way of an inbound document up to its type: nothing panics, and what is read once is read the
//! same again from its canonical text.
#![no_main]

use bridge::command::Schema;
use bridge::document;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::new);

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = document::read(bytes) else { return };
    let Ok(dated) = SCHEMA.read(document.body()) else { return };
    assert!(dated.expires_at > dated.issued_at);
    let again = document::read(&document.body().canonical()).expect("canonical text is read");
    assert_eq!(SCHEMA.read(again.body()).expect("and is the same command"), dated);
    assert_eq!(again.content(), document.content());
});
