//! The providers' own error answers, by name (facts files; most are quoted from real ones).

use crate::http::Reply;

type Row = (&'static str, &'static str, u16, &'static str);

/// Provider, name, status, body.
const TROUBLES: &[Row] = &[
    (
        "openai",
        "rate_limited",
        429,
        r#"{"error":{"message":"Rate limit reached for gpt-4o-mini in organization org-example on tokens per min (TPM): Limit 10000, Used 8782, Requested 8172. Please try again in 41.724s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
    ),
    (
        "openai",
        "slow_down",
        429,
        r#"{"error":{"message":"Slow down.","type":"rate_limit_error","param":null,"code":"slow_down"}}"#,
    ),
    (
        "openai",
        "no_quota",
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
    ),
    (
        "openai",
        "no_credit",
        429,
        r#"{"error":{"message":"Your credit balance is exhausted.","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}}"#,
    ),
    (
        "openai",
        "organization_limit",
        429,
        r#"{"error":{"message":"The organization's spend limit was reached.","type":"insufficient_quota","param":null,"code":"organization_spend_limit_exceeded"}}"#,
    ),
    (
        "openai",
        "project_limit",
        429,
        r#"{"error":{"message":"The project's spend limit was reached.","type":"insufficient_quota","param":null,"code":"project_spend_limit_exceeded"}}"#,
    ),
    (
        "openai",
        "usage_limit",
        429,
        r#"{"error":{"message":"The organization's usage limit was reached.","type":"insufficient_quota","param":null,"code":"organization_usage_limit_exceeded"}}"#,
    ),
    (
        "openai",
        "context_too_long",
        400,
        r#"{"error":{"message":"This model's maximum context length is 128000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
    ),
    (
        "openai",
        "bad_key",
        401,
        r#"{"error":{"message":"Incorrect API key provided: example. http 429 timeout","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
    ),
    (
        "openai",
        "no_access",
        403,
        r#"{"error":{"message":"Project `proj_example` does not have access to model `gpt-4o-mini`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
    ),
    (
        "openai",
        "country",
        403,
        r#"{"error":{"message":"Country, region, or territory not supported","type":"request_forbidden","param":null,"code":"unsupported_country_region_territory"}}"#,
    ),
    (
        "openai",
        "no_model",
        404,
        r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
    ),
    (
        "openai",
        "server_error",
        500,
        r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#,
    ),
    (
        "openai",
        "overloaded",
        503,
        r#"{"error":{"message":"The engine is currently overloaded, please try again later","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}"#,
    ),
    (
        "mistral",
        "rate_limited",
        429,
        r#"{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300","raw_status_code":429}"#,
    ),
    ("mistral", "gateway_limited", 429, r#"{"message":"Requests rate limit exceeded"}"#),
    (
        "mistral",
        "capacity",
        429,
        r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}"#,
    ),
    (
        "mistral",
        "capacity_503",
        503,
        r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"invalid_request_error","param":null,"code":null}"#,
    ),
    ("mistral", "bad_key", 401, r#"{"detail":"Unauthorized"}"#),
    ("mistral", "gateway_bad_key", 401, r#"{"message":"Unauthorized","request_id":"933f2339"}"#),
    (
        "mistral",
        "no_model",
        400,
        r#"{"object":"error","message":"Invalid model: labs-devstral-small-2512","type":"invalid_model","param":null,"code":"1500","raw_status_code":400}"#,
    ),
    (
        "mistral",
        "extra_field",
        422,
        r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted","input":32000}]},"type":"invalid_request_error","param":null,"code":null}"#,
    ),
    (
        "mistral",
        "extra_field_php",
        422,
        r#"{"object":"Error","detail":[{"loc":["body","store"]}],"message":[{"loc":["body","store"]}],"type":"invalid_request_error","code":3001}"#,
    ),
    (
        "moonshot",
        "no_quota",
        403,
        r#"{"error":{"type":"exceeded_current_quota_error","message":"Your account org-example is not active, organization org-example exceeded current quota, please check your plan and billing details"}}"#,
    ),
    (
        "moonshot",
        "no_quota_429",
        429,
        r#"{"error":{"type":"exceeded_current_quota_error","message":"exceeded current quota"}}"#,
    ),
    (
        "moonshot",
        "rate_limited",
        429,
        r#"{"error":{"type":"rate_limit_reached_error","message":"max organization concurrency: 1, please try again after 1 seconds"}}"#,
    ),
    (
        "moonshot",
        "overloaded",
        429,
        r#"{"error":{"type":"engine_overloaded_error","message":"The engine is currently overloaded, please try again later"}}"#,
    ),
    (
        "moonshot",
        "filtered",
        400,
        r#"{"error":{"type":"content_filter","message":"The request was rejected because it was considered high risk"}}"#,
    ),
    (
        "moonshot",
        "server_error",
        500,
        r#"{"error":{"type":"server_error","message":"internal error"}}"#,
    ),
    ("ollama", "no_model", 404, r#"{"error":"model 'x' not found"}"#),
    (
        "ollama",
        "busy",
        503,
        r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
    ),
    ("ollama", "server_error", 500, r#"{"error":"llama runner process has terminated"}"#),
];

/// The error answer of that name; `html` is every provider's: what its edge says in its place,
/// with 502. `None` when there is none.
pub fn trouble(provider: &str, name: &str) -> Option<Reply> {
    if name == "html" {
        let page =
            "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>";
        return Some(Reply::new(502, "text/html", page.as_bytes().to_vec()));
    }
    let row = TROUBLES.iter().find(|row| (row.0, row.1) == (provider, name))?;
    Some(Reply::new(row.2, "application/json", row.3.as_bytes().to_vec()))
}

/// The names of a provider's troubles.
pub fn troubles(provider: &str) -> Vec<&'static str> {
    let of = TROUBLES.iter().filter(|row| row.0 == provider).map(|row| row.1);
    of.chain(["html"]).collect()
}
