//! `GET /metrics`, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use run_queue::Status;

use super::Shared;
use super::answer::Refusal;

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Answers by the first digit of their status.
    answers: [AtomicU64; 6],
}

impl Counters {
    /// A job was accepted.
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A request showed no token.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn answer(&self, status: u16) {
        if let Some(count) = self.answers.get(usize::from(status / 100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts every answer.
pub(crate) async fn count(With(state): With<Shared>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    state.counters.answer(response.status().as_u16());
    response
}

/// `GET /metrics`
pub(crate) async fn metrics(With(state): With<Shared>) -> Result<Response, Refusal> {
    let counts = state.ask(|queue| queue.counts()).await?;
    let text = text(&counts, &state.counters, state.queue.engine());
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn text(counts: &BTreeMap<Status, u64>, counters: &Counters, engine: &str) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, u64)]| {
        let written = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").and_then(|()| {
            lines.iter().try_for_each(|(labels, value)| writeln!(out, "{name}{labels} {value}"))
        });
        written.expect("writing to a string does not fail");
    };
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let of = |status: &Status| counts.get(status).copied().unwrap_or(0);
    let jobs: Vec<(String, u64)> =
        Status::ALL.iter().map(|status| (format!("{{status=\"{status}\"}}"), of(status))).collect();
    family("runner_jobs", "gauge", "Jobs in the queue by status.", &jobs);
    let answers: Vec<(String, u64)> = (1..6_usize)
        .filter_map(|class| {
            Some((format!("{{class=\"{class}xx\"}}"), count(counters.answers.get(class)?)))
        })
        .collect();
    family("runner_http_responses_total", "counter", "Answers by class of status.", &answers);
    let accepted = [(String::new(), count(&counters.accepted))];
    family("runner_jobs_accepted_total", "counter", "New jobs accepted by this API.", &accepted);
    let refused = [(String::new(), count(&counters.refused))];
    family("runner_unauthorized_total", "counter", "Requests without the token.", &refused);
    let engine = [(format!("{{engine=\"{engine}\"}}"), 1)];
    family("runner_queue_info", "gauge", "Which engine keeps the queue.", &engine);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_parse::Value::{Counter, Gauge};

    #[test]
    fn another_reader_of_the_format_finds_what_was_counted() {
        let counters = Counters::default();
        counters.accept();
        counters.answer(201);
        counters.answer(999);
        let counts = BTreeMap::from([(Status::Running, 2), (Status::MutationDetected, 1)]);
        let text = text(&counts, &counters, "sqlite");
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let read = prometheus_parse::Scrape::parse(lines).unwrap();
        let found = |name: &str, label: &str, value: &str| {
            let sample = read.samples.iter().find(|it| {
                it.metric == name && (label.is_empty() || it.labels.get(label) == Some(value))
            });
            sample.map(|it| it.value.clone())
        };
        assert_eq!(found("runner_jobs", "status", "running"), Some(Gauge(2.0)));
        assert_eq!(found("runner_jobs", "status", "MUTATION_DETECTED"), Some(Gauge(1.0)));
        assert_eq!(found("runner_jobs", "status", "queued"), Some(Gauge(0.0)));
        assert_eq!(found("runner_http_responses_total", "class", "2xx"), Some(Counter(1.0)));
        assert_eq!(found("runner_jobs_accepted_total", "", ""), Some(Counter(1.0)));
    }
}
