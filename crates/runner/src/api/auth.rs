//! Who may ask.

use axum::extract::{Request, State as With};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrets::{Format, Secret};

use super::Shared;
use super::answer::Refusal;

/// What anybody on this machine may ask: neither tells anything of jobs.
const OPEN: [&str; 2] = ["/healthz", "/openapi.json"];

/// Lets through who shows the token.
pub(crate) async fn gate(With(state): With<Shared>, request: Request, next: Next) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if is_open || shows(&request, &state.token) {
        next.run(request).await
    } else {
        state.counters.refuse();
        Refusal::unauthorized().into_response()
    }
}

/// Whether a request shows the token, told in constant time.
fn shows(request: &Request, token: &Secret) -> bool {
    let mut all = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return false };
    let Some((scheme, shown)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
        return false;
    };
    let shown = Secret::new(shown, Format::Token);
    scheme.eq_ignore_ascii_case(b"Bearer ") && shown.is_ok_and(|shown| shown.is_same(token))
}
