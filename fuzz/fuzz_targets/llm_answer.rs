//! Whatever a provider answers, reading it never panics; a reply is only ever made of a 200, has
//! text and a model, and is never dearer than what was told; nothing of a fault is without bounds.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use llm_wire::{Api, End, LONGEST_WAIT, Received, models, read};

const APIS: [Api; 5] =
    [Api::OpenaiChat, Api::OpenaiResponses, Api::MistralChat, Api::MoonshotChat, Api::OllamaChat];

// The first byte chooses API and status, the second the end; then a line for the headers.
fuzz_target!(|input: &[u8]| {
    let [first, second, rest @ ..] = input else { return };
    let api = APIS[usize::from(*first) % 5];
    let status = [200, 200, 400, 401, 403, 404, 429, 503][usize::from(*first) / 5 % 8];
    let end = [End::Whole, End::Whole, End::Cut, End::OverCap][usize::from(*second) % 4];
    let at = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (value, body) = rest.split_at(at);
    let json = ("content-type".to_owned(), b"application/json".to_vec());
    let other = ["retry-after", "retry-after-ms", "x-request-id", "content-type"];
    let other = other[usize::from(*second) / 4 % 4].to_owned();
    let headers = [json, (other, value.to_vec())];
    let received = Received { status, headers: &headers, body, end };
    match read(api, &received, SystemTime::UNIX_EPOCH) {
        Ok(reply) => {
            assert_eq!((status, end), (200, End::Whole));
            assert!(!reply.text.trim().is_empty() && !reply.model.is_empty());
            assert!(reply.usage.cached <= reply.usage.input);
        }
        Err(fault) => {
            assert!(fault.retry_after.is_none_or(|wait| wait <= LONGEST_WAIT));
            assert!(fault.message.expose().len() <= 2000);
            assert!(fault.code.is_none_or(|code| code.len() <= 64));
        }
    }
    let _listed = models(api, &received, SystemTime::UNIX_EPOCH).is_ok();
});
