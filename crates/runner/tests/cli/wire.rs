//! What the API answers.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::fixture::{Site, token, until};
use crate::http::{Said, ask, raw};

pub(crate) fn job(more: &Value) -> String {
    let mut it = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40)});
    for (name, value) in more.as_object().into_iter().flatten() {
        it[name] = value.clone();
    }
    it.to_string()
}

#[test]
fn every_refusal_is_a_problem_that_names_the_field() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let token = token();
    let post = |body: &str| ask(&server.address, &token, "POST", "/jobs", body);
    for (body, status, fields) in [
        ("{", 400, vec![]),
        ("[]", 422, vec![""]),
        ("{}", 422, vec!["job_type", "remote_url", "sha"]),
        (job(&json!({"job_type": "rm"})).as_str(), 422, vec!["job_type"]),
        (job(&json!({"repo_name": "other"})).as_str(), 422, vec!["repo_name"]),
        (job(&json!({"remote_url": "ext::sh"})).as_str(), 422, vec!["remote_url"]),
        (job(&json!({"remote_url": "https://git.example/r2"})).as_str(), 422, vec!["remote_url"]),
        (job(&json!({"sha": "HEAD"})).as_str(), 422, vec!["sha"]),
        (job(&json!({"sha": "--all"})).as_str(), 422, vec!["sha"]),
        (job(&json!({"params": {"act": "$(id)"}})).as_str(), 422, vec!["params.act"]),
        (job(&json!({"params": {"x": "y"}})).as_str(), 422, vec!["params.x"]),
        (job(&json!({"params": {"act": 1}})).as_str(), 422, vec!["params.act"]),
        (job(&json!({"priority": 101})).as_str(), 422, vec!["priority"]),
        (job(&json!({"idempotency_key": "ü"})).as_str(), 422, vec!["idempotency_key"]),
        (job(&json!({"deadline_at": "tomorrow"})).as_str(), 422, vec!["deadline_at"]),
        (job(&json!({"extra": 1})).as_str(), 422, vec!["extra"]),
        // Everything that is wrong, in one answer.
        (
            job(&json!({"sha": "HEAD", "x": 1, "job_type": "rm", "repo_name": "other"})).as_str(),
            422,
            vec!["sha", "x", "job_type", "repo_name"],
        ),
        (
            job(&json!({"priority": 101, "params": {"act": 1, "x": "y"}})).as_str(),
            422,
            vec!["priority", "params.act", "params.x"],
        ),
    ] {
        let said = post(body);
        assert_eq!(said.status, status, "{body}: {}", said.json());
        assert_eq!(said.header("content-type"), Some("application/problem+json"), "{body}");
        let problem = said.json();
        assert_eq!(problem["status"], status);
        let found: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["field"].as_str().unwrap())
            .collect();
        assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(fields), "{body}: {problem}");
    }
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    assert_eq!(post(&large).status, 413);
    let head = "POST /jobs HTTP/1.0\r\nAuthorization: Bearer";
    let plain = format!("{head} {token}\r\nContent-Length: 2\r\n\r\n{{}}");
    assert_eq!(raw(&server.address, plain.as_bytes()).status, 415);
    let get = |path: &str| ask(&server.address, &token, "GET", path, "").status;
    for (path, status) in [
        ("/jobs?limit=0", 422),
        ("/jobs?limit=1001", 422),
        ("/jobs?status=Queued", 422),
        ("/jobs?repo_name=%00", 422),
        ("/jobs?x=1", 422),
        ("/jobs?before=-1", 422),
        ("/jobs/x", 404),
        ("/jobs/..%2f..", 404),
        ("/jobs/%ff", 404),
        ("/jobs/20260101T000000Z-ffffff", 404),
        ("/jobs/20260101T000000Z-ffffff/logs", 404),
        ("/jobs/20260101T000000Z-ffffff/events", 404),
        ("/jobs/20260101T000000Z-ffffff/artifacts", 404),
        ("/nothing", 404),
        ("/jobs", 200),
        ("/metrics", 200),
    ] {
        assert_eq!(get(path), status, "{path}");
    }
    let wrong = ask(&server.address, &token, "DELETE", "/jobs", "");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(site.ran("begun"), Vec::<String>::new());
}

#[test]
fn without_the_token_nothing_is_told_but_health_and_the_description() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let token = token();
    let get = |token: &str, path: &str| ask(&server.address, token, "GET", path, "");
    for path in ["/jobs", "/metrics", "/jobs/20260101T000000Z-ffffff", "/nothing"] {
        for shown in ["", "x", &token[1..], &format!("{token}0"), &token.to_uppercase()] {
            let said = get(shown, path);
            assert_eq!(said.status, 401, "{path} {shown}");
            assert!(said.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
    let twice = format!(
        "GET /jobs HTTP/1.0\r\nAuthorization: Bearer x\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert_eq!(raw(&server.address, twice.as_bytes()).status, 401);
    let basic = format!("GET /jobs HTTP/1.0\r\nAuthorization: Basic {token}\r\n\r\n");
    assert_eq!(raw(&server.address, basic.as_bytes()).status, 401);
    // Refused before its body is read.
    let large = "POST /jobs HTTP/1.0\r\nContent-Length: 999999999\r\n\r\n";
    assert_eq!(raw(&server.address, large.as_bytes()).status, 401);
    assert_eq!(get("", "/healthz").json()["ok"], true);
    assert_eq!(get("", "/openapi.json").json()["openapi"], "3.1.0");
    assert_eq!(get(&token, "/jobs").status, 200);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(&token), "the token was said");
}

#[test]
fn the_same_key_gives_the_same_job_and_lists_are_paged() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let token = token();
    let post = |body: &str| ask(&server.address, &token, "POST", "/jobs", body);
    let key = |sha: &str| job(&json!({"idempotency_key": "k1", "sha": sha.repeat(40)}));
    let first = post(&key("a"));
    let id = first.json()["job_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (first.status, first.header("location")),
        (201, Some(format!("/jobs/{id}").as_str()))
    );
    let again = post(&key("a"));
    assert_eq!((again.status, again.json()["job_id"].as_str()), (200, Some(id.as_str())));
    assert_eq!(post(&key("b")).status, 409);
    for _ in 0..4 {
        assert_eq!(post(&job(&json!({}))).status, 201);
    }
    let get = |path: &str| ask(&server.address, &token, "GET", path, "").json();
    let page = get("/jobs?limit=3");
    let next = page["next"].as_str().unwrap();
    let rest = get(&format!("/jobs?limit=3&before={next}"));
    assert_eq!(
        (page["jobs"].as_array().unwrap().len(), rest["jobs"][1]["job_id"].as_str()),
        (3, Some(id.as_str()))
    );
    assert_eq!(rest["next"], Value::Null);
    let cancel = |id: &str| ask(&server.address, &token, "POST", &format!("/jobs/{id}/cancel"), "");
    assert_eq!((cancel(&id).status, cancel(&id).status), (200, 409));
    assert_eq!(get("/jobs?status=cancelled")["jobs"][0]["job_id"], id.as_str());
}

#[test]
fn artifacts_are_served_from_their_folder_alone() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let token = token();
    let body = job(&json!({"params": {"act": "links say"}}));
    let id = ask(&server.address, &token, "POST", "/jobs", &body).json()["job_id"].clone();
    let id = id.as_str().unwrap();
    let get = |path: &str| -> Said {
        ask(&server.address, &token, "GET", &format!("/jobs/{id}{path}"), "")
    };
    until("the job ends", || get("").json()["status"] == "success");
    let list = get("/artifacts").json();
    let files: Vec<&str> =
        list["files"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["artifact.json", "hard", "stderr.log", "stdout.log", "sub/file.txt"]);
    let file = get("/artifacts/sub/file.txt");
    assert_eq!((file.status, file.body.as_slice()), (200, b"text\n".as_slice()));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment"));
    for path in [
        "link",
        "out/secret",
        "hard",
        "pipe",
        "sub",
        "../../../secret",
        "..%2f..%2f..%2fsecret",
        "%2e%2e/%2e%2e/%2e%2e/secret",
        "/etc/passwd",
        "sub/../stdout.log",
        "sub//file.txt",
        "sub/file.txt/",
        "missing",
        ".artifact",
        "%00",
        "%ff",
    ] {
        let said = get(&format!("/artifacts/{path}"));
        assert_eq!(said.status, 404, "{path}: {}", String::from_utf8_lossy(&said.body));
        assert!(!said.body.starts_with(b"secret"));
    }
    // The whole folder replaced by a link, as by somebody who may write beside it.
    let folder = site.at("home/artifacts/jobs").join(id);
    fs::rename(&folder, site.at("moved")).unwrap();
    std::os::unix::fs::symlink(site.at("home"), &folder).unwrap();
    assert_eq!(get("/artifacts/secret").status, 404);
    assert_eq!(get("/artifacts").status, 404);
}

#[test]
fn logs_are_told_by_their_ends_and_without_keys() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let token = token();
    let body = job(&json!({"params": {"act": "say say secret fail"}}));
    let id = ask(&server.address, &token, "POST", "/jobs", &body).json()["job_id"].clone();
    let id = id.as_str().unwrap();
    let get = |path: &str| ask(&server.address, &token, "GET", &format!("/jobs/{id}{path}"), "");
    until("the job ends", || get("").json()["status"] == "failure");
    let text = |path: &str| String::from_utf8(get(path).body).unwrap();
    let line = format!("one line of {id}\n");
    assert_eq!(text("/logs"), format!("{line}{line}key [redacted]\n"));
    assert_eq!(text("/logs?stream=stdout&tail=2"), format!("{line}key [redacted]\n"));
    assert_eq!(text("/logs?stream=stderr&tail=1"), "to stderr\n");
    assert_eq!(get("/logs?stream=other").status, 422);
    let events = text("/events");
    assert!(events.contains("event: stdout\n") && events.contains("event: end\n"), "{events}");
    assert!(!events.contains("sk-a"), "{events}");
}
