//! How long counting takes from a cold start, beside `tiktoken-rs`: the figures in
//! docs/DEPENDENCIES.md. `measure ours|theirs FILE`, in release, one process per figure.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures, and reads the file it is given"
)]

use std::time::Instant;

use llm_tokens::{Tokenizer, count};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (who, file) = args.next().zip(args.next()).ok_or("measure ours|theirs FILE")?;
    let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
    let start = Instant::now();
    let first = match who.as_str() {
        "ours" => count(Tokenizer::O200kBase, "hello").tokens,
        _ => tiktoken_rs::o200k_base()?.count_ordinary("hello") as u64,
    };
    let loaded = start.elapsed();
    let start = Instant::now();
    let tokens = match who.as_str() {
        "ours" => count(Tokenizer::O200kBase, &text).tokens,
        _ => tiktoken_rs::o200k_base_singleton().count_ordinary(&text) as u64,
    };
    let counted = start.elapsed();
    println!(
        "{who}: first {first} in {loaded:?}; {} bytes, {tokens} tokens in {counted:?}",
        text.len()
    );
    Ok(())
}
