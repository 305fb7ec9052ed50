//! The client, and how services begin and end.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::fixture::{Service, Site, token, until};
use crate::http::ask;
use crate::schema::{valid, valid_as};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn submit<'a>(act: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let line = ["submit", "--job", "stand_in", "--repo", "r1", "--sha", SHA, "--param", act];
    [&line, more].concat()
}

#[test]
fn a_job_is_submitted_followed_and_ended_with() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let said = site.ask(&server, &submit("act=say nap", &["--wait"])).expect(0);
    assert!(said.out.contains(" success") && said.out.contains("artifact.json"), "{}", said.out);
    assert!(said.err.contains("stdout | one line of"), "{}", said.err);
    let id = said.out.split(' ').next().unwrap().to_owned();
    let json = site.ask(&server, &submit("act=mutate", &["--wait", "--json"])).expect(1).json();
    assert_eq!(json["job"]["status"], "MUTATION_DETECTED");
    assert_eq!(json["files"][0]["path"], "artifact.json", "{json}");
    let said = site.ask(&server, &submit("act=crash", &["--wait"])).expect(1);
    assert!(said.out.contains("ended with 70") && said.out.contains("on purpose"), "{}", said.out);
    assert_eq!(site.ask(&server, &["show", &id, "--json"]).expect(0).json()["job_id"], id.as_str());
    let listed = site.ask(&server, &["list", "--status", "success"]).expect(0);
    assert_eq!(listed.out.lines().count(), 1);
    let logs = site.ask(&server, &["logs", &id]).expect(0);
    assert_eq!(logs.out, format!("one line of {id}\n"));
    drop(site.ask(&server, &["smoke"]).expect(0));
    let unlisted = ["submit", "--job", "rm", "--repo", "r1", "--sha", SHA];
    let said = site.ask(&server, &unlisted).expect(1);
    assert!(said.out.contains("job_type: "), "{}", said.out);
    drop(site.ask(&server, &["show", "20260101T000000Z-ffffff"]).expect(1));
    drop(site.ask(&server, &["show", "../x"]).expect(65));
    drop(site.ask(&server, &submit("noequals", &[])).expect(65));
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("jobs ended: 3; given back or lost: 0"), "{said}");
}

#[test]
fn every_call_prints_one_document_that_its_schema_describes() {
    let site = Site::new(None);
    let server = site.start("serve", &["--json"]);
    let ended = site.ask(&server, &submit("act=say", &["--wait", "--json"])).expect(0).json();
    let id = ended["job"]["job_id"].as_str().unwrap();
    let unlisted = ["submit", "--job", "rm", "--repo", "r1", "--json"];
    for (line, code, schema) in [
        (&submit("act=ok", &["--json"])[..], 0, "job"),
        (&submit("act=ok", &["--wait", "--json"]), 0, "ended"),
        (&["list", "--json"], 0, "jobs"),
        (&["show", id, "--json"], 0, "job"),
        (&["show", "20260101T000000Z-ffffff", "--json"], 1, "refused"),
        (&["cancel", id, "--json"], 1, "refused"),
        (&["logs", id, "--json"], 0, "logs"),
        (&["smoke", "--json"], 0, "smoke"),
        (&[&unlisted[..], &["--sha", SHA]].concat(), 1, "refused"),
        // Refused here, before the remote is asked for its HEAD.
        (&unlisted, 1, "refused"),
    ] {
        let said = site.ask(&server, line).expect(code).json();
        assert_eq!(said["schema"], format!("aiops.runner.{schema}/1"), "{line:?}: {said}");
    }
    let here = site.ask(&server, &unlisted).expect(1).json();
    let there = site.ask(&server, &[&unlisted[..], &["--sha", SHA]].concat()).expect(1).json();
    assert_eq!(here, there);
    let get = |path: &str| ask(&server.address, &token(), "GET", path, "").json();
    valid(&get(&format!("/jobs/{id}/artifacts")));
    valid(&get("/healthz"));
    valid_as("runner.problem", &get("/nothing"));
    let (code, said) = server.end();
    let told = said.lines().find(|it| it.starts_with('{')).unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    valid(&told);
    assert_eq!((code, &told["ended"]), (Some(0), &3.into()), "{said}");
}

/// Has a job submitted and waited for by a person at a terminal, and returns what is seen there.
/// `shows`: whether it is waited for that the wait is shown.
fn seen_on_a_terminal(site: &Site, server: &Service, more: &[&str], shows: bool) -> String {
    let line = submit("act=wait", &[&["--wait", "--api", &server.address][..], more].concat());
    let program = site.at("bin/runner").display().to_string();
    let words = [&[program.as_str()][..], &line].concat();
    let words: Vec<String> = words.iter().map(|it| format!("'{it}'")).collect();
    let file = site.at("typescript");
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--flush", "--command", &words.join(" ")]).arg(&file);
    terminal.env_clear().env("TERM", "xterm").stdin(Stdio::null()).stdout(Stdio::null());
    terminal.envs(site.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut terminal = terminal.spawn().unwrap();
    let seen = || std::fs::read_to_string(&file).unwrap_or_default();
    until("the wait is shown", || !shows || seen().contains(" queued 1s"));
    let worker = site.start("work", &["--concurrency", "1"]);
    until("that it runs is shown", || !shows || seen().contains(" running on "));
    site.let_go();
    assert!(terminal.wait().unwrap().success(), "{}", seen());
    std::fs::remove_file(site.at("home/go")).unwrap();
    assert_eq!(worker.end().0, Some(0));
    seen()
}

/// Plays an API whose job has ended well as soon as it is asked about, and gives `artifacts` for what
/// it left; returns where it is.
fn api_that_forgets(artifacts: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let job = serde_json::json!({
        "schema": "aiops.runner.job/1", "job_id": "20260101T000000Z-000000", "status": "success",
        "job_type": "stand_in", "repo_name": "r1", "remote_url": "https://git.example/r1",
        "sha": SHA, "params": {}, "idempotency_key": null, "priority": 0, "attempts": 1,
        "max_attempts": 3, "worker": null, "cancel_requested": false,
        "created_at": "2026-01-01T00:00:00Z", "started_at": null, "finished_at": null,
        "deadline_at": null, "exit_code": 0, "detail": null,
    });
    let answer = move |head: &str| match head.split(' ').nth(1).unwrap_or_default() {
        "/jobs" => format!("HTTP/1.1 201 Created\r\n\r\n{job}"),
        path if path.ends_with("/events") => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
             event: end\nid: 0.0\ndata: {job}\n\n"
        ),
        _ => artifacts.to_owned(),
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![];
            let mut byte = [0; 4096];
            // Whole: what is closed unread is reset, and the answer with it.
            while !is_whole(&request) {
                match stream.read(&mut byte).unwrap_or(0) {
                    0 => break,
                    read => request.extend(&byte[..read]),
                }
            }
            let head = String::from_utf8_lossy(&request).into_owned();
            let said = answer(&head).replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let _gone = stream.write_all(said.as_bytes()).is_err();
        }
    });
    address
}

/// Whether a request has come to its end.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

#[test]
fn a_verdict_that_is_known_is_told_though_it_is_not_known_what_the_job_left() {
    let site = Site::new(None);
    for (artifacts, code, why) in [
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n{}", 0, "answered 503"),
        ("HTTP/1.1 404 Not Found\r\n\r\n{}", 0, "it did not say why"),
        ("HTTP/1.1 200 OK\r\n\r\n{", 0, "read the API's answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", 0, "broke off"),
        ("", 0, "use the API"),
        ("HTTP/1.1 401 Unauthorized\r\n\r\n{}", 77, "runner_token"),
    ] {
        let api = api_that_forgets(artifacts);
        let line = submit("act=ok", &["--wait", "--json"]);
        let said = site.call(&[&["--api", &api][..], &line].concat()).expect(code);
        if code == 0 {
            let told = said.json();
            assert_eq!((&told["job"]["status"], &told["files"]), (&"success".into(), &().into()));
            let unknown = told["files_unknown"].as_str().unwrap();
            assert!(unknown.contains(why), "{artifacts:?}: {unknown}");
        } else {
            assert!(said.err.contains(why), "{}", said.err);
        }
    }
}

#[test]
fn a_wait_is_shown_on_a_terminal_and_nowhere_else() {
    if !postgres_cluster::has_program("script") {
        return skipped::told(skipped::this_test(), "script (util-linux) is not installed");
    }
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let seen = seen_on_a_terminal(&site, &api, &[], true);
    assert!(seen.contains("artifact.json"), "{seen}");
    let is_shown = |seen: &str| seen.contains(" queued 0s") || seen.contains(" running on ");
    for more in ["--json", "--quiet"] {
        let seen = seen_on_a_terminal(&site, &api, &[more], false);
        assert!(seen.contains("artifact.json") && !is_shown(&seen), "{more}: {seen}");
    }
    let _worker = site.start("work", &["--concurrency", "1"]);
    let piped = site.ask(&api, &submit("act=nap", &["--wait"])).expect(0);
    assert!(!is_shown(&piped.err) && !piped.err.contains('\r'), "{}", piped.err);
}

#[test]
fn a_running_job_is_cancelled_with_everything_it_started() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let said = site.ask(&server, &submit("act=orphan wait", &["--json"])).expect(0).json();
    let id = said["job_id"].as_str().unwrap();
    until("it runs", || site.at("home/orphan").exists());
    let orphan = std::fs::read_to_string(site.at("home/orphan")).unwrap();
    drop(site.ask(&server, &["cancel", id]).expect(0));
    let status = || site.ask(&server, &["show", id, "--json"]).expect(0).json()["status"].clone();
    until("it is cancelled", || status() == "cancelled");
    let stat = format!("/proc/{}/stat", orphan.trim());
    until("its child is gone", || {
        std::fs::read_to_string(&stat).map_or(true, |it| it.contains(") Z "))
    });
    assert_eq!(site.ran("done"), Vec::<String>::new());
    drop(site.ask(&server, &["cancel", id]).expect(1));
}

#[test]
fn a_worker_that_is_asked_to_end_lets_jobs_end_and_gives_back_the_rest() {
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let worker = site.start("work", &["--concurrency", "1"]);
    let quick = site.ask(&api, &submit("act=nap", &["--json"])).expect(0).json();
    until("it runs", || site.ran("begun").len() == 1);
    assert_eq!(worker.end().0, Some(0));
    let status = |id: &serde_json::Value| {
        let id = id["job_id"].as_str().unwrap().to_owned();
        site.ask(&api, &["show", &id, "--json"]).expect(0).json()
    };
    assert_eq!(status(&quick)["status"], "success");
    let slow = site.ask(&api, &submit("act=wait", &["--json"])).expect(0).json();
    let worker = site.start("work", &["--concurrency", "1"]);
    until("it runs", || site.ran("begun").len() == 2);
    let (code, said) = worker.end();
    assert!(code == Some(0) && said.contains("is given back"), "{said}");
    let found = status(&slow);
    assert_eq!((&found["status"], &found["attempts"]), (&"queued".into(), &0.into()));
    let _worker = site.start("work", &["--concurrency", "1"]);
    site.let_go();
    until("it ends", || status(&slow)["status"] == "success");
}

#[test]
fn what_is_missing_is_told_with_its_code() {
    let site = Site::new(None);
    // Nobody listens there: the port was ours a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}");
    drop(site.call(&["--api", &nobody, "list"]).expect(69));
    drop(site.call(&["--api", &nobody, "smoke"]).expect(69));
    let said = site.call(&[&["--api", &nobody][..], &submit("act=ok", &["--wait"])].concat());
    assert!(said.code == Some(69) && said.err.contains("reach the API"), "{}", said.err);
    drop(site.call(&["--api", "http://192.0.2.1", "list"]).expect(2));
    let api = site.start("api", &[]);
    let said = site.ask(&api, &submit("act=ok", &["--wait", "--wait-seconds", "1"])).expect(69);
    assert!(said.err.contains("it has not within 1 s"), "{}", said.err);
    assert!(said.err.contains("hint: runner show "), "{}", said.err);
    drop(api);
    for listen in ["0.0.0.0:0", "192.0.2.1:0", "100.64.0.1:0"] {
        drop(site.call(&["api", "--listen", listen]).expect(78));
    }
    let password = "canary9f3";
    let url = format!("postgres://aiops:{password}@127.0.0.1/x");
    let said = site.call(&["api", "--database-url", &url]).expect(78);
    assert!(!said.err.contains(password), "{}", said.err);
    let records = site.at("home/artifacts/runs");
    for record in std::fs::read_dir(records).unwrap() {
        let text = std::fs::read_to_string(record.unwrap().path().join("run.json")).unwrap();
        assert!(!text.contains(password), "{text}");
    }
    drop(site.call(&["api", "--database-url", "postgres://x@192.0.2.1/x"]).expect(78));
    std::fs::remove_file(site.at("secrets/runner_token")).unwrap();
    drop(site.call(&["api", "--listen", "127.0.0.1:0"]).expect(77));
    std::fs::remove_file(site.at("bin/orb-wrap")).unwrap();
    let said = site.call(&["work"]).expect(69);
    assert!(said.err.contains("orb-wrap is not installed"), "{}", said.err);
}

#[test]
fn what_a_job_says_is_shown_and_not_obeyed() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let said = site.ask(&server, &submit("act=rude", &["--wait"])).expect(0);
    assert!(said.err.contains("stdout | \\u{1b}]0;owned\\u{7}"), "{}", said.err);
    assert!(said.err.contains("stdout | 20%\n"), "{}", said.err);
    // A name with a newline forges no line, and is not served.
    assert!(!said.out.contains("forged"), "{}", said.out);
    let id = said.out.split(' ').next().unwrap();
    let logs = site.ask(&server, &["logs", id]).expect(0);
    let failed = site.ask(&server, &submit("act=rudely", &["--wait"])).expect(1);
    for text in [&said.out, &said.err, &logs.out, &failed.out] {
        let is_obeyed = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(is_obeyed), "{text:?}");
    }
    assert!(failed.out.contains("\\u{1b}[31mred"), "{}", failed.out);
}
