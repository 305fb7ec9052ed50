//! A row for each row of facts/review-and-router.md 3.5, and for each way an answer can lie.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::models::{Shutdown, models};

const APIS: [Api; 5] =
    [Api::OpenaiChat, Api::OpenaiResponses, Api::MistralChat, Api::MoonshotChat, Api::OllamaChat];

fn with_type(content_type: &str) -> Vec<(String, Vec<u8>)> {
    vec![
        ("Content-Type".to_owned(), content_type.as_bytes().to_vec()),
        ("X-Request-Id".to_owned(), b"req_1".to_vec()),
    ]
}

fn read_raw(api: Api, status: u16, body: &[u8]) -> Result<Reply, Box<Fault>> {
    let headers = with_type("application/json; charset=utf-8");
    let received = Received { status, headers: &headers, body, end: End::Whole };
    read(api, &received, SystemTime::UNIX_EPOCH)
}

fn read_json(api: Api, status: u16, body: &Json) -> Result<Reply, Box<Fault>> {
    read_raw(api, status, body.to_string().as_bytes())
}

#[track_caller]
fn why(api: Api, body: &Json) -> Why {
    let Class::NonTransient(why) = read_json(api, 200, body).unwrap_err().class else {
        panic!("{body} is not final");
    };
    why
}

/// A good answer of each provider: `{"ok":true}`, 57 tokens in, 9 out.
fn good(api: Api) -> Json {
    let text = r#"{"ok":true}"#;
    let chat = |message: Json, usage: Json| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "m-2026-01-01",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        })
    };
    match api {
        Api::OpenaiChat => chat(
            json!({"role": "assistant", "content": text, "refusal": null, "annotations": []}),
            json!({"prompt_tokens": 57, "completion_tokens": 9, "total_tokens": 66,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 0}}),
        ),
        Api::MistralChat => chat(
            json!({"role": "assistant", "content": text, "tool_calls": null, "prefix": false}),
            json!({"prompt_tokens": 57, "completion_tokens": 9, "total_tokens": 66,
                "num_cached_tokens": 5}),
        ),
        Api::MoonshotChat => chat(
            json!({"role": "assistant", "content": text, "reasoning_content": "{\"ok\":false}"}),
            json!({"prompt_tokens": 57, "completion_tokens": 9, "cached_tokens": 5}),
        ),
        Api::OpenaiResponses => json!({
            "id": "resp_1", "object": "response", "status": "completed", "error": null,
            "incomplete_details": null, "model": "m-2026-01-01",
            "output": [
                {"id": "rs_1", "type": "reasoning", "summary": []},
                {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                 "content": [{"type": "output_text", "text": text, "annotations": []}]},
            ],
            "usage": {"input_tokens": 57, "input_tokens_details": {"cached_tokens": 5},
                "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 2}},
        }),
        Api::OllamaChat => json!({
            "model": "m-2026-01-01", "created_at": "2026-01-01T10:00:00.123456789Z",
            "message": {"role": "assistant", "content": text, "thinking": "hm"},
            "done": true, "done_reason": "stop", "prompt_eval_count": 57, "eval_count": 9,
        }),
    }
}

/// `good` with members replaced, or taken away by null.
fn good_but(api: Api, changes: &[(&str, Json)]) -> Json {
    let mut document = good(api);
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        match parent {
            Json::Object(members) => drop(members.insert(name.to_owned(), value.clone())),
            Json::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
            _ => panic!("{pointer}"),
        }
    }
    document
}

#[test]
fn a_good_answer_of_each_provider_is_read() {
    for api in APIS {
        let reply = read_json(api, 200, &good(api)).unwrap();
        assert_eq!(reply.text, r#"{"ok":true}"#, "{api:?}");
        assert_eq!(reply.model, "m-2026-01-01");
        assert_eq!(reply.request_id.as_deref(), Some("req_1"));
        assert_eq!((reply.usage.input, reply.usage.output), (57, 9));
        let cached = if api == Api::OllamaChat { 0 } else { 5 };
        let written = if api == Api::OpenaiChat { 3 } else { 0 };
        assert_eq!((reply.usage.cached, reply.usage.cache_write), (cached, written), "{api:?}");
        let finish = if api == Api::OpenaiResponses { "completed" } else { "stop" };
        assert_eq!(reply.finish, finish);
    }
}

#[test]
fn every_status_has_its_class() {
    let quota = Class::TransientQuota { billing: false };
    for status in 100..=999 {
        let wanted = match status {
            200 => continue,
            429 => quota,
            500..=504 => Class::TransientServer,
            300..=399 => Class::NonTransient(Why::Redirect),
            400 | 413 | 422 => Class::NonTransient(Why::BadRequest),
            401 => Class::NonTransient(Why::Unauthorized),
            402 => Class::NonTransient(Why::Unpaid),
            403 => Class::NonTransient(Why::Forbidden),
            404 => Class::NonTransient(Why::NotFound),
            // Among them 408, 409, 425, 520 to 529, and 2xx that are not 200.
            _ => Class::NonTransient(Why::OtherStatus),
        };
        for body in [&b""[..], b"<html>timeout, http 429, connection reset</html>", b"\xff"] {
            let fault = read_raw(Api::OpenaiChat, status, body).unwrap_err();
            assert_eq!((fault.class, fault.status), (wanted, Some(status)));
        }
    }
}

#[test]
fn codes_refine_what_a_status_says_and_messages_never_do() {
    let quota = |billing| Class::TransientQuota { billing };
    let last = Class::NonTransient;
    let wrapped = |kind: &str, code: Json| json!({"error": {"message": "insufficient_quota timeout 429", "type": kind, "code": code}});
    let flat = |kind: &str, code: Json| {
        json!({"object": "error", "message": "exceeded", "type": kind, "param": null, "code": code,
            "raw_status_code": 429})
    };
    let kimi = |kind: &str| json!({"error": {"type": kind, "message": "insufficient_quota"}});
    let text = |text: &str| json!({"error": text});
    let detail = json!({"detail": "Unauthorized"});
    for (api, status, body, class) in [
        (Api::OpenaiChat, 429, wrapped("insufficient_quota", json!(null)), quota(true)),
        (Api::OpenaiChat, 429, wrapped("x", json!("insufficient_quota")), quota(true)),
        (Api::OpenaiChat, 429, wrapped("x", json!("credit_balance_exhausted")), quota(true)),
        (Api::OpenaiChat, 429, wrapped("x", json!("project_spend_limit_exceeded")), quota(true)),
        (
            Api::OpenaiResponses,
            429,
            wrapped("insufficient_quota", json!("organization_spend_limit_exceeded")),
            quota(true),
        ),
        (
            Api::OpenaiResponses,
            429,
            wrapped("x", json!("organization_usage_limit_exceeded")),
            quota(true),
        ),
        (Api::OpenaiChat, 429, wrapped("tokens", json!("rate_limit_exceeded")), quota(false)),
        (Api::OpenaiChat, 429, wrapped("rate_limit_error", json!("slow_down")), quota(false)),
        (Api::OpenaiChat, 429, wrapped("requests", json!(null)), quota(false)),
        (Api::OpenaiChat, 429, json!({}), quota(false)),
        (Api::OpenaiChat, 429, json!("insufficient_quota"), quota(false)),
        (Api::OpenaiChat, 401, wrapped("x", json!("invalid_api_key")), last(Why::Unauthorized)),
        (Api::OpenaiChat, 400, wrapped("x", json!("rate_limit_exceeded")), last(Why::BadRequest)),
        (Api::OpenaiChat, 400, wrapped("x", json!("model_not_found")), last(Why::UnknownModel)),
        (Api::OpenaiChat, 403, wrapped("x", json!("model_not_found")), last(Why::UnknownModel)),
        (Api::OpenaiChat, 404, wrapped("x", json!("model_not_found")), last(Why::UnknownModel)),
        (Api::OpenaiChat, 404, wrapped("x", json!(null)), last(Why::NotFound)),
        (Api::OpenaiChat, 403, wrapped("insufficient_quota", json!(null)), last(Why::Unpaid)),
        (Api::OpenaiChat, 503, wrapped("insufficient_quota", json!(null)), Class::TransientServer),
        (Api::OpenaiChat, 503, wrapped("x", json!("server_is_overloaded")), Class::TransientServer),
        (Api::MistralChat, 429, flat("rate_limited", json!("1300")), quota(false)),
        (Api::MistralChat, 429, json!({"message": "Requests rate limit exceeded"}), quota(false)),
        (Api::MistralChat, 400, flat("invalid_model", json!("1500")), last(Why::UnknownModel)),
        (Api::MistralChat, 400, flat("x", json!(1500)), last(Why::UnknownModel)),
        (Api::MistralChat, 401, detail, last(Why::Unauthorized)),
        (Api::MistralChat, 422, json!({"detail": [{"loc": ["body", 1]}]}), last(Why::BadRequest)),
        (
            Api::MistralChat,
            503,
            flat("service_tier_capacity_exceeded", json!("3505")),
            Class::TransientServer,
        ),
        (Api::MoonshotChat, 403, kimi("exceeded_current_quota_error"), last(Why::Unpaid)),
        (Api::MoonshotChat, 429, kimi("exceeded_current_quota_error"), quota(true)),
        (Api::MoonshotChat, 429, kimi("engine_overloaded_error"), quota(false)),
        (Api::MoonshotChat, 404, kimi("resource_not_found_error"), last(Why::UnknownModel)),
        (Api::MoonshotChat, 400, kimi("content_filter"), last(Why::BadRequest)),
        (Api::OllamaChat, 404, text("model 'x' not found"), last(Why::UnknownModel)),
        (Api::OllamaChat, 503, text("server busy"), Class::TransientServer),
        (Api::OllamaChat, 403, text("x"), last(Why::Forbidden)),
    ] {
        let fault = read_json(api, status, &body).unwrap_err();
        assert_eq!(fault.class, class, "{api:?} {status} {body}");
        assert!(!fault.message.is_empty() && fault.usage.is_none());
    }
}

#[test]
fn a_code_that_is_given_twice_is_no_code() {
    let body = br#"{"error":{"type":"x","code":"insufficient_quota","code":"slow_down"}}"#;
    let fault = read_raw(Api::OpenaiChat, 429, body).unwrap_err();
    assert_eq!((fault.class, fault.code), (Class::TransientQuota { billing: false }, None));
}

#[test]
fn messages_of_every_shape_are_kept_bounded_and_out_of_debug() {
    let key = format!("sk-{}", "canary");
    let long = "ü".repeat(5000);
    for (body, told) in [
        (json!({"error": {"message": key, "code": "x"}}), key.as_str()),
        (json!({"object": "Error", "message": [{"msg": key}], "code": 3001}), "[{\"msg\":"),
        (json!({"object": "error", "message": {"detail": key}, "code": null}), "{\"detail\":"),
        (json!({"detail": [{"input": key}]}), "[{\"input\":"),
        (json!({"error": key}), &key),
        (json!({"error": {"message": null}, "x": key}), "{\"error\":"),
        (json!({"error": {"message": long}}), "üü"),
    ] {
        let fault = read_json(Api::MistralChat, 422, &body).unwrap_err();
        assert!(fault.message.expose().starts_with(told), "{}", fault.message.expose());
        assert!(fault.message.expose().len() <= 2000);
        assert!(!format!("{fault:?} {fault}").contains("canary"));
    }
    let fault = read_raw(Api::OpenaiChat, 500, b"\x1b[2J\xff\r<html>").unwrap_err();
    assert_eq!(fault.message.expose(), " [2J\u{fffd} <html>");
}

#[test]
fn a_cut_answer_is_about_the_network_only_where_the_status_was_good() {
    let headers = with_type("application/json");
    for (status, end, class) in [
        (200, End::Cut, Class::TransientNetwork),
        (200, End::OverCap, Class::NonTransient(Why::TooLarge)),
        (401, End::Cut, Class::NonTransient(Why::Unauthorized)),
        (302, End::Cut, Class::NonTransient(Why::Redirect)),
        (429, End::Cut, Class::TransientQuota { billing: false }),
        (503, End::OverCap, Class::TransientServer),
    ] {
        // Whole as it looks, it does not count: more could have followed.
        let body = good(Api::OpenaiChat).to_string();
        let received = Received { status, headers: &headers, body: body.as_bytes(), end };
        let fault = read(Api::OpenaiChat, &received, SystemTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(fault.class, class, "{status} {end:?}");
    }
    let body = br#"{"error":{"type":"insufficient_quota"}}"#;
    for (end, billing) in [(End::Whole, true), (End::Cut, false), (End::OverCap, false)] {
        let received = Received { status: 429, headers: &headers, body, end };
        let fault = read(Api::OpenaiChat, &received, SystemTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(fault.class, Class::TransientQuota { billing }, "{end:?}");
    }
}

#[test]
fn only_json_that_says_so_is_read() {
    let body = good(Api::OpenaiChat).to_string();
    let json = || ("content-type".to_owned(), b"application/json".to_vec());
    for (types, is_read) in [
        (vec!["application/json"], true),
        (vec!["Application/JSON ; charset=utf-8"], true),
        (vec!["application/json", "application/json"], true),
        (vec!["text/html"], false),
        (vec!["application/json", "text/html"], false),
        (vec!["application/jsonp"], false),
        (vec!["application/problem+json"], false),
        (vec![""], false),
        (vec![], false),
    ] {
        let headers: Vec<_> =
            types.iter().map(|it| ("content-type".to_owned(), it.as_bytes().to_vec())).collect();
        let received =
            Received { status: 200, headers: &headers, body: body.as_bytes(), end: End::Whole };
        let result = read(Api::OpenaiChat, &received, SystemTime::UNIX_EPOCH);
        let class = result.map(|_| ()).map_err(|fault| fault.class);
        let wanted = if is_read { Ok(()) } else { Err(Class::NonTransient(Why::ContentType)) };
        assert_eq!(class, wanted, "{types:?}");
    }
    let twice = body.replacen("\"id\"", "\"model\":\"a\",\"id\"", 1);
    let usage_twice =
        body.replacen("\"prompt_tokens\"", "\"prompt_tokens\":1,\"prompt_tokens\"", 1);
    let bad_text = [&b"{\"model\":\"\xff"[..], body.as_bytes().get(10..).unwrap()].concat();
    for (body, why) in [
        (&b""[..], Why::NotJson),
        (b"<html>502</html>", Why::NotJson),
        (b"[]", Why::Shape),
        (b"null", Why::Shape),
        (twice.as_bytes(), Why::NotJson),
        (usage_twice.as_bytes(), Why::NotJson),
        (&bad_text, Why::NotJson),
        (b"{\"a\":1}{\"a\":1}", Why::NotJson),
        (&b"[".repeat(100_000), Why::NotJson),
    ] {
        let headers = [json()];
        let received = Received { status: 200, headers: &headers, body, end: End::Whole };
        for api in APIS {
            let fault = read(api, &received, SystemTime::UNIX_EPOCH).unwrap_err();
            assert_eq!(fault.class, Class::NonTransient(why));
        }
    }
}

#[test]
fn chat_answers_that_are_none_are_told_apart() {
    let call = json!([{"id": "1", "type": "function", "function": {"name": "f"}}]);
    for (changes, wanted) in [
        (vec![("/choices", json!([]))], Why::NoAnswer),
        (vec![("/choices", json!(null))], Why::NoAnswer),
        (vec![("/choices", json!({}))], Why::NoAnswer),
        (vec![("/choices", json!(null)), ("/error", json!({"code": "x"}))], Why::Failed),
        (vec![("/error", json!({"code": "x"}))], Why::Failed),
        (vec![("/choices", json!([{}, {}]))], Why::ManyAnswers),
        (vec![("/choices/0", json!("x"))], Why::Shape),
        (vec![("/choices/0/message", json!(null))], Why::Shape),
        (vec![("/choices/0/finish_reason", json!("length"))], Why::Truncated),
        (vec![("/choices/0/finish_reason", json!("model_length"))], Why::Truncated),
        (vec![("/choices/0/finish_reason", json!("content_filter"))], Why::Filtered),
        (vec![("/choices/0/finish_reason", json!("tool_calls"))], Why::ToolCalls),
        (vec![("/choices/0/finish_reason", json!("function_call"))], Why::ToolCalls),
        (vec![("/choices/0/finish_reason", json!("error"))], Why::Unfinished),
        (vec![("/choices/0/finish_reason", json!("Stop"))], Why::Unfinished),
        (vec![("/choices/0/finish_reason", json!("load"))], Why::Unfinished),
        (vec![("/choices/0/finish_reason", json!(null))], Why::Unfinished),
        (vec![("/choices/0/message/content", json!(null))], Why::Empty),
        (vec![("/choices/0/message/content", json!(" \n"))], Why::Empty),
        (vec![("/choices/0/message/content", json!({"a": 1}))], Why::Shape),
        (vec![("/choices/0/message/content", json!([{"type": "image_url"}]))], Why::Shape),
        (vec![("/choices/0/message/content", json!([{"type": "thinking"}]))], Why::Empty),
        (vec![("/choices/0/message/refusal", json!("I'm sorry"))], Why::Refused),
        (vec![("/choices/0/message/refusal", json!(true))], Why::Refused),
        (vec![("/choices/0/message/tool_calls", call.clone())], Why::ToolCalls),
        (vec![("/choices/0/message/function_call", json!({}))], Why::ToolCalls),
        (vec![("/choices/0/message/role", json!("user"))], Why::Shape),
        (vec![("/model", json!(null))], Why::Shape),
        (vec![("/model", json!("two words"))], Why::Shape),
        (vec![("/usage", json!(null))], Why::NoUsage),
        (vec![("/usage", json!({}))], Why::NoUsage),
        (vec![("/usage/prompt_tokens", json!(0))], Why::NoUsage),
        (vec![("/usage/prompt_tokens", json!(-1))], Why::NoUsage),
        (vec![("/usage/prompt_tokens", json!(1.5))], Why::NoUsage),
        (vec![("/usage/prompt_tokens", json!("57"))], Why::NoUsage),
        (vec![("/usage/completion_tokens", json!(0))], Why::NoUsage),
        (vec![("/usage/prompt_tokens_details", json!({"cached_tokens": 58}))], Why::NoUsage),
        (vec![("/usage/prompt_tokens_details", json!({"cached_tokens": "x"}))], Why::NoUsage),
    ] {
        for api in [Api::OpenaiChat, Api::MistralChat, Api::MoonshotChat] {
            assert_eq!(why(api, &good_but(api, &changes)), wanted, "{api:?} {changes:?}");
        }
    }
}

#[test]
fn what_a_provider_leaves_out_or_adds_does_no_harm() {
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "no"}]},
        {"type": "text", "text": "{\"ok\":"}, {"type": "text", "text": "true}"},
    ]);
    for (api, changes) in [
        (Api::MistralChat, vec![("/choices/0/message/content", parts)]),
        (Api::OpenaiChat, vec![("/usage/prompt_tokens_details", json!(null))]),
        (Api::OpenaiChat, vec![("/choices/0/message/tool_calls", json!([]))]),
        (Api::OpenaiChat, vec![("/choices/0/message/refusal", json!(""))]),
        (Api::OpenaiResponses, vec![("/usage/input_tokens_details", json!(null))]),
        (Api::OllamaChat, vec![("/prompt_eval_count", json!(null))]),
        (Api::OllamaChat, vec![("/something", json!({"new": [1.5]}))]),
    ] {
        let reply = read_json(api, 200, &good_but(api, &changes)).unwrap();
        assert_eq!(reply.text, r#"{"ok":true}"#, "{changes:?}");
    }
}

#[test]
fn responses_that_are_none_are_told_apart() {
    let text = |text: &str| json!([{"type": "output_text", "text": text}]);
    let message =
        |content: Json| json!({"type": "message", "role": "assistant", "content": content});
    let refusal = json!([{"type": "refusal", "refusal": "I'm sorry"}]);
    let failed = json!({"code": "server_error", "message": "x"});
    for (changes, wanted) in [
        (vec![("/status", json!("failed")), ("/error", failed.clone())], Why::Failed),
        (vec![("/error", failed)], Why::Failed),
        (vec![("/status", json!("in_progress"))], Why::Unfinished),
        (vec![("/status", json!("queued"))], Why::Unfinished),
        (vec![("/status", json!("cancelled"))], Why::Unfinished),
        (vec![("/status", json!(null))], Why::Unfinished),
        (vec![("/status", json!("incomplete"))], Why::Unfinished),
        (
            vec![
                ("/status", json!("incomplete")),
                ("/incomplete_details", json!({"reason": "max_output_tokens"})),
            ],
            Why::Truncated,
        ),
        (
            vec![
                ("/status", json!("incomplete")),
                ("/incomplete_details", json!({"reason": "content_filter"})),
            ],
            Why::Filtered,
        ),
        (vec![("/output", json!([]))], Why::NoAnswer),
        (vec![("/output", json!(null))], Why::NoAnswer),
        (vec![("/output/1", json!({"type": "reasoning"}))], Why::NoAnswer),
        (vec![("/output/0", message(text("x")))], Why::ManyAnswers),
        (vec![("/output/0", json!({"type": "function_call"}))], Why::ToolCalls),
        (vec![("/output/0", json!({"type": "something"}))], Why::Shape),
        (vec![("/output/0", json!(7))], Why::Shape),
        (vec![("/output/1", message(refusal))], Why::Refused),
        (vec![("/output/1", message(text("")))], Why::Empty),
        (vec![("/output/1", message(json!([])))], Why::Empty),
        (vec![("/output/1", message(json!("x")))], Why::Shape),
        (vec![("/output/1", message(json!([{"type": "output_audio"}])))], Why::Shape),
        (vec![("/output/1/role", json!("user"))], Why::Shape),
        (vec![("/output/1/status", json!("incomplete"))], Why::Unfinished),
        (vec![("/usage", json!(null))], Why::NoUsage),
        (vec![("/usage/output_tokens", json!(0))], Why::NoUsage),
        (vec![("/model", json!(null))], Why::Shape),
    ] {
        let document = good_but(Api::OpenaiResponses, &changes);
        assert_eq!(why(Api::OpenaiResponses, &document), wanted, "{changes:?}");
    }
}

#[test]
fn ollama_answers_that_are_none_are_told_apart() {
    for (changes, wanted) in [
        (vec![("/error", json!("x"))], Why::Failed),
        (vec![("/done", json!(false))], Why::Unfinished),
        (vec![("/done_reason", json!("length"))], Why::Truncated),
        (vec![("/done_reason", json!("load"))], Why::Unfinished),
        (vec![("/done_reason", json!(null))], Why::Unfinished),
        (vec![("/message", json!(null))], Why::NoAnswer),
        (vec![("/message/content", json!(null))], Why::Shape),
        (vec![("/message/content", json!(""))], Why::Empty),
        (vec![("/message/role", json!("tool"))], Why::Shape),
        (vec![("/message/tool_calls", json!([1]))], Why::ToolCalls),
        (vec![("/eval_count", json!(null))], Why::NoUsage),
    ] {
        assert_eq!(why(Api::OllamaChat, &good_but(Api::OllamaChat, &changes)), wanted);
    }
}

#[test]
fn a_cut_answer_keeps_its_text_and_its_bill() {
    let changes = [("/choices/0/finish_reason", json!("length"))];
    let fault = read_json(Api::OpenaiChat, 200, &good_but(Api::OpenaiChat, &changes)).unwrap_err();
    assert_eq!(fault.text.expose(), r#"{"ok":true}"#);
    assert_eq!(fault.usage.map(|it| (it.input, it.output)), Some((57, 9)));
    assert_eq!(fault.model.as_deref(), Some("m-2026-01-01"));
    assert_eq!(fault.request_id.as_deref(), Some("req_1"));
    let changes = [
        ("/choices/0/message/refusal", json!("I'm sorry")),
        ("/choices/0/message/content", json!(null)),
        ("/usage/completion_tokens", json!(0)),
    ];
    let fault = read_json(Api::OpenaiChat, 200, &good_but(Api::OpenaiChat, &changes)).unwrap_err();
    assert_eq!(fault.text.expose(), "I'm sorry");
    assert_eq!(fault.usage.map(|it| it.input), Some(57));
    // Of several messages the first is kept, not a mixture.
    let more = json!({"type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "first"}]});
    let document = good_but(Api::OpenaiResponses, &[("/output/0", more)]);
    let fault = read_json(Api::OpenaiResponses, 200, &document).unwrap_err();
    assert_eq!(fault.text.expose(), "first");
    let failed = [("/status", json!("failed")), ("/error", json!({"code": "server_error"}))];
    let fault =
        read_json(Api::OpenaiResponses, 200, &good_but(Api::OpenaiResponses, &failed)).unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("server_error"));
}

#[test]
fn lists_of_models_tell_what_ends() {
    let headers = with_type("application/json");
    let list = |api, status, body: &Json| {
        let body = body.to_string();
        let received =
            Received { status, headers: &headers, body: body.as_bytes(), end: End::Whole };
        models(api, &received, SystemTime::UNIX_EPOCH)
    };
    let openai = json!({"object": "list", "data": [
        {"id": "a", "object": "model", "shutdown_date": "2027-01-14"},
        {"id": "b", "object": "model", "shutdown_date": null},
        {"id": "c", "object": "model", "shutdown_date": "soon"},
        {"id": "d", "object": "model", "shutdown_date": "2027-01-14T23:30:00-02:00"},
    ]});
    let found = list(Api::OpenaiChat, 200, &openai).unwrap();
    let ends: Vec<_> = found.iter().map(|it| it.shutdown).collect();
    let on = |text: &str| Shutdown::On(text.parse().unwrap());
    let wanted = [on("2027-01-14"), Shutdown::Unannounced, Shutdown::Unreadable, on("2027-01-15")];
    assert_eq!(ends, wanted);
    let mistral = json!({"object": "list", "data": [
        {"id": "devstral-2512", "aliases": ["devstral-latest"],
         "deprecation": "2025-11-30T12:00:00Z", "deprecation_replacement_model": "x-latest"},
    ]});
    let found = list(Api::MistralChat, 200, &mistral).unwrap();
    assert_eq!(found[0].shutdown, on("2025-11-30"));
    assert_eq!(found[0].successor.as_deref(), Some("x-latest"));
    assert!(found[0].is_called("devstral-latest") && !found[0].is_called("devstral"));
    let ollama = json!({"models": [{"name": "llama3.2:latest"}, {"name": "q:7b"}]});
    let found = list(Api::OllamaChat, 200, &ollama).unwrap();
    assert!(found[0].is_called("llama3.2") && found[0].is_called("llama3.2:latest"));
    assert!(!found[1].is_called("q"));
    for body in [json!({}), json!({"data": {}}), json!({"data": [{}]}), json!({"data": [1]})] {
        let class = list(Api::OpenaiChat, 200, &body).unwrap_err().class;
        assert_eq!(class, Class::NonTransient(Why::Shape), "{body}");
    }
    let class = list(Api::OpenaiChat, 403, &json!({})).unwrap_err().class;
    assert_eq!(class, Class::NonTransient(Why::Forbidden));
}

/// JSON of any shape that uses the providers' own names.
fn any_document() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "(stop|length|completed|assistant|message|output_text|text|failed|\\PC{0,8})"
            .prop_map(Json::from),
    ];
    let name = "(choices|message|content|finish_reason|usage|prompt_tokens|error|code|type|role|\
                output|status|done|done_reason|data|models|id|model|detail|x)";
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map(name, inner, 0..8)
                .prop_map(|it| Json::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_pass(
        status in 0u16..1000,
        body in proptest::collection::vec(any::<u8>(), 0..300),
        value in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let headers: Vec<_> = ["content-type", "retry-after", "retry-after-ms", "x-request-id"]
            .map(|name| (name.to_owned(), value.clone()))
            .into();
        let received = Received { status, headers: &headers, body: &body, end: End::Whole };
        for api in APIS {
            prop_assert!(read(api, &received, SystemTime::UNIX_EPOCH).is_err());
            prop_assert!(models(api, &received, SystemTime::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn no_document_makes_it_panic(status in prop_oneof![Just(200u16), 100u16..600], document in any_document()) {
        for api in APIS {
            let read = read_json(api, status, &document);
            prop_assert!(read.is_err() || status == 200);
        }
    }

    #[test]
    fn a_good_answer_with_one_member_gone_is_never_a_panic(at in 0usize..12, api in 0usize..5) {
        let api = APIS[api];
        let mut document = good(api);
        let names: Vec<String> = document.as_object().unwrap().keys().cloned().collect();
        if let Some(name) = names.get(at) {
            document.as_object_mut().unwrap().remove(name);
        }
        if let Ok(reply) = read_json(api, 200, &document) {
            prop_assert_eq!(reply.text, r#"{"ok":true}"#);
        }
    }
}
