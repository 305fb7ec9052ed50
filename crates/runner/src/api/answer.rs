//! Answers: JSON documents and problems.

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use run_queue::Fault;
use serde::Serialize;

use crate::documents::{FieldError, Problem};

/// How many wrong fields one refusal names.
const MOST_ERRORS: usize = 32;

/// The longest name or message of a wrong field, characters.
const LONGEST: usize = 300;

/// Why a request is not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with this status.
    pub(crate) fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: vec![], headers: vec![] }
    }

    /// A request whose fields are wrong.
    pub(crate) fn fields(detail: &str, errors: Vec<FieldError>) -> Self {
        // Names and messages quote the request, which can be long.
        let cut = |text: String| match text.char_indices().nth(LONGEST) {
            Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
            None => text,
        };
        let errors = errors.into_iter().take(MOST_ERRORS);
        let errors = errors.map(|it| FieldError { field: cut(it.field), message: cut(it.message) });
        Self { errors: errors.collect(), ..Self::new(422, detail) }
    }

    /// A request one of whose fields is wrong.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        let error = FieldError { field: field.to_owned(), message: message.into() };
        Self::fields("a field of the request is not as it must be", vec![error])
    }

    /// Who asks has not shown the token.
    pub(crate) fn unauthorized() -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"runner\"");
        let headers = vec![(WWW_AUTHENTICATE, challenge)];
        Self { headers, ..Self::new(401, "show the runner's token: Authorization: Bearer …") }
    }

    /// It cannot be done now and may be asked for again.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        // Clients may ask again: nothing else tells them that it was not their fault.
        let headers = vec![(RETRY_AFTER, HeaderValue::from_static("2"))];
        Self { headers, ..Self::new(503, detail) }
    }

    /// What is told of it.
    pub(crate) fn problem(&self) -> Problem {
        let status = self.code();
        Problem {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("refused").into(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
        }
    }

    fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The address knows other methods.
    pub(crate) fn method(allowed: &'static str) -> Self {
        let headers = vec![(ALLOW, HeaderValue::from_static(allowed))];
        Self { headers, ..Self::new(405, format!("this address knows {allowed} only")) }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::busy(fault.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = document(self.code(), &self.problem());
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response.headers_mut().extend(self.headers);
        response
    }
}

/// A JSON document.
pub(crate) fn document(status: StatusCode, document: &impl Serialize) -> Response {
    let mut bytes = serde_json::to_vec(document).expect("documents are JSON by their types");
    bytes.push(b'\n');
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON document about a new thing, with where it is found.
pub(crate) fn created(at: &str, it: &impl Serialize) -> Response {
    let mut response = document(StatusCode::CREATED, it);
    if let Ok(at) = HeaderValue::try_from(at) {
        response.headers_mut().insert(LOCATION, at);
    }
    response
}
