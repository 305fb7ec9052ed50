//! The OpenAPI document: a row for every operation, schemas from the types.

use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::documents::{ArtifactList, Health, JobList, JobView, Problem, Said, Submission};

use super::Shared;
use super::answer::document;
use super::jobs::{LONGEST_PAGE, USUAL_PAGE};
use super::logs::{MOST_LINES, USUAL_LINES};

/// The shape of a job's id.
const JOB_ID: &str = "^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$";

/// What an answer brings.
#[derive(Clone, Copy)]
enum Content {
    /// A document of this schema.
    Json(&'static str),
    Problem,
    Text,
    Events,
    Bytes,
}

/// One operation.
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    parameters: fn() -> Vec<Value>,
    body: Option<&'static str>,
    answers: &'static [(u16, &'static str, Content)],
}

use Content::{Bytes, Events, Json, Text};

const BAD_QUERY: (u16, &str, Content) = (422, "The query is not as it must be.", Content::Problem);
const NO_JOB: (u16, &str, Content) = (404, "There is no such job.", Content::Problem);
const NOT_HERE: (u16, &str, Content) =
    (404, "There is no such job, or what it left is on another host.", Content::Problem);

/// Everything that can be asked. What every operation can answer besides is added to each.
const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/healthz",
        id: "health",
        summary: "Whether the API works and its queue answers. Needs no token.",
        parameters: Vec::new,
        body: None,
        answers: &[(200, "It works.", Json("Health"))],
    },
    Operation {
        method: "get",
        path: "/openapi.json",
        id: "openapi",
        summary: "This document. Needs no token.",
        parameters: Vec::new,
        body: None,
        answers: &[(200, "The document.", Json("Any"))],
    },
    Operation {
        method: "post",
        path: "/jobs",
        id: "submit",
        summary: "Accepts a job. It is durable when the answer comes.",
        parameters: Vec::new,
        body: Some("Submission"),
        answers: &[
            (201, "It is a new job.", Json("JobView")),
            (200, "The same was submitted before with this key.", Json("JobView")),
            (400, "The body is not JSON.", Content::Problem),
            (408, "The body took too long.", Content::Problem),
            (409, "The idempotency key is that of another job.", Content::Problem),
            (413, "The body is larger than 1 MiB.", Content::Problem),
            (415, "The body is not application/json.", Content::Problem),
            (422, "Fields are wrong, or the allowlists do not let it in.", Content::Problem),
        ],
    },
    Operation {
        method: "get",
        path: "/jobs",
        id: "list",
        summary: "Jobs, newest first.",
        parameters: list_parameters,
        body: None,
        answers: &[(200, "A page of jobs.", Json("JobList")), BAD_QUERY],
    },
    Operation {
        method: "get",
        path: "/jobs/{job_id}",
        id: "show",
        summary: "One job.",
        parameters: job_parameter,
        body: None,
        answers: &[(200, "The job.", Json("JobView")), NO_JOB],
    },
    Operation {
        method: "post",
        path: "/jobs/{job_id}/cancel",
        id: "cancel",
        summary: "Cancels a job that waits, or asks the worker of one that runs.",
        parameters: job_parameter,
        body: None,
        answers: &[
            (200, "It has ended by this.", Json("JobView")),
            (202, "Its worker is asked.", Json("JobView")),
            NO_JOB,
            (409, "It had ended before.", Content::Problem),
        ],
    },
    Operation {
        method: "get",
        path: "/jobs/{job_id}/events",
        id: "events",
        summary: "How a job goes on: events job, stdout, stderr, problem, and end as the last.",
        parameters: event_parameters,
        body: None,
        answers: &[(200, "Events, until the job ends.", Events), NO_JOB],
    },
    Operation {
        method: "get",
        path: "/jobs/{job_id}/logs",
        id: "logs",
        summary: "The last lines of what a job said.",
        parameters: log_parameters,
        body: None,
        answers: &[(200, "The lines.", Text), NOT_HERE, BAD_QUERY],
    },
    Operation {
        method: "get",
        path: "/jobs/{job_id}/artifacts",
        id: "artifacts",
        summary: "The files that a job left on this host.",
        parameters: job_parameter,
        body: None,
        answers: &[(200, "The files.", Json("ArtifactList")), NOT_HERE],
    },
    Operation {
        method: "get",
        path: "/jobs/{job_id}/artifacts/{path}",
        id: "artifact",
        summary: "A file that a job left on this host. The path may have slashes.",
        parameters: file_parameters,
        body: None,
        answers: &[
            (200, "The file.", Bytes),
            (404, "There is no such job or file, or it is on another host.", Content::Problem),
        ],
    },
    Operation {
        method: "get",
        path: "/metrics",
        id: "metrics",
        summary: "Figures for Prometheus.",
        parameters: Vec::new,
        body: None,
        answers: &[(200, "The figures.", Text)],
    },
];

/// The document.
pub fn document_of_api() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "runner",
            "description": "Read-only jobs over other repositories.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{"url": "http://127.0.0.1:8000"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// `GET /openapi.json`
pub(crate) async fn openapi(With(_): With<Shared>) -> Response {
    document(StatusCode::OK, &document_of_api())
}

/// The schema of a submission by itself, as submissions are held to it.
pub(crate) fn submission_schema() -> Value {
    json!(schemars::schema_for!(Submission))
}

fn described(operation: &Operation) -> Value {
    let is_open = matches!(operation.id, "health" | "openapi");
    let mut answers: Map<String, Value> = Map::new();
    for (status, told, content) in operation.answers {
        let mut answer = json!({"description": told, "content": content.described()});
        if *status == 201 {
            answer["headers"] = json!({"Location": {"schema": {"type": "string"}}});
        }
        answers.insert(status.to_string(), answer);
    }
    let mut always =
        vec![(503, "The queue or the disk cannot be asked now, or too many ask; ask again.")];
    if !is_open {
        always.push((401, "The token is not shown."));
    }
    for (status, told) in always {
        let content = if is_open { Json("Health") } else { Content::Problem };
        let answer = json!({"description": told, "content": content.described()});
        answers.insert(status.to_string(), answer);
    }
    let mut it = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": answers,
    });
    let parameters = (operation.parameters)();
    if !parameters.is_empty() {
        it["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = operation.body {
        let content = Json(body).described();
        it["requestBody"] = json!({"required": true, "content": content});
    }
    if is_open {
        it["security"] = json!([]);
    }
    it
}

impl Content {
    fn described(self) -> Value {
        let text = json!({"type": "string"});
        match self {
            Json("Any") => json!({"application/json": {"schema": {"type": "object"}}}),
            Json(name) => json!({"application/json": {"schema": reference(name)}}),
            Self::Problem => json!({"application/problem+json": {"schema": reference("Problem")}}),
            Text => json!({"text/plain": {"schema": text}}),
            Events => json!({"text/event-stream": {"schema": event()}}),
            Bytes => json!({"application/octet-stream": {"schema": text}}),
        }
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of one event. OpenAPI 3.1 does not say whether a stream or each of its events is meant;
/// the latter is what its readers take it for.
fn event() -> Value {
    let of = |names: &[&str], data: &str| {
        json!({
            "type": "object",
            "required": ["event", "id", "data"],
            "properties": {
                "event": {"type": "string", "enum": names},
                "id": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+$"},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": reference(data),
                },
            },
        })
    };
    json!({"oneOf": [
        of(&["job", "end"], "JobView"),
        of(&["stdout", "stderr"], "Said"),
        of(&["problem"], "Problem"),
    ]})
}

/// The schemas of all documents, with what they refer to beside them.
fn schemas() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|it| it.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<Submission>();
    generator.subschema_for::<JobView>();
    generator.subschema_for::<JobList>();
    generator.subschema_for::<ArtifactList>();
    generator.subschema_for::<Health>();
    generator.subschema_for::<Problem>();
    generator.subschema_for::<Said>();
    Value::Object(generator.take_definitions(true))
}

fn parameter(place: &str, name: &str, told: &str, schema: &Value) -> Value {
    json!({"in": place, "name": name, "required": place == "path", "description": told,
        "schema": schema})
}

fn job_parameter() -> Vec<Value> {
    let schema = json!({"type": "string", "pattern": JOB_ID});
    vec![parameter("path", "job_id", "The job.", &schema)]
}

fn list_parameters() -> Vec<Value> {
    let name = json!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"});
    let limit =
        json!({"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": USUAL_PAGE});
    let before = json!({"type": "string", "pattern": "^[0-9]{1,18}$"});
    vec![
        parameter("query", "status", "Of this status.", &reference("Status")),
        parameter("query", "repo_name", "Of this repository, by name.", &name),
        parameter("query", "job_type", "Of this type.", &name),
        parameter("query", "limit", "At most so many.", &limit),
        parameter("query", "before", "Go on where a page ended: its `next`.", &before),
    ]
}

fn event_parameters() -> Vec<Value> {
    let id = json!({"type": "string"});
    let told = "The last event seen: what was told before it is not told again.";
    let mut all = job_parameter();
    all.push(parameter("header", "Last-Event-ID", told, &id));
    all
}

fn log_parameters() -> Vec<Value> {
    let stream = json!({"type": "string", "enum": ["stdout", "stderr"], "default": "stdout"});
    let tail =
        json!({"type": "integer", "minimum": 1, "maximum": MOST_LINES, "default": USUAL_LINES});
    let mut all = job_parameter();
    all.push(parameter("query", "stream", "Which output.", &stream));
    all.push(parameter("query", "tail", "Its last lines only.", &tail));
    all
}

fn file_parameters() -> Vec<Value> {
    let path = json!({"type": "string", "minLength": 1, "maxLength": 1024});
    let mut all = job_parameter();
    all.push(parameter("path", "path", "Below the job's artifact folder.", &path));
    all
}
