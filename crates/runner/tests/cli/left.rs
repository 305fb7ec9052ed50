//! What the API tells of what a job left, when that lies elsewhere or cannot be read.

use std::fs;
use std::time::Duration;

use ops_core::host::Host;
use run_queue::{Status, Verdict, Worker};
use serde_json::json;

use crate::fixture::{Site, token, until};
use crate::http::{Stream, ask};
use crate::wire::job;

#[test]
fn what_lies_on_another_host_is_told_and_nothing_else_served_for_it() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let token = token();
    let line = ["submit", "--job", "stand_in", "--repo", "r1", "--sha", &"a".repeat(40), "--wait"];
    let queue = site.queue();
    let worker = Worker { name: "w".into(), host: "other.example".into() };
    let done = Verdict { status: Status::Success, exit_code: Some(0), detail: None };
    let (said, id) = std::thread::scope(|scope| {
        let client = scope.spawn(|| site.ask(&server, &line));
        let mut lease = None;
        until("the job is there", || {
            lease = queue.claim(&worker, Duration::from_mins(1)).unwrap().map(|it| it.lease);
            lease.is_some()
        });
        let lease = lease.unwrap();
        queue.finish(&lease, &done).unwrap();
        (client.join().unwrap().expect(0), lease.job_id)
    });
    assert!(said.out.contains("left        unknown: "), "{}", said.out);
    assert!(said.out.contains("it ran on other.example"), "{}", said.out);
    let get = |path: &str| ask(&server.address, &token, "GET", &format!("/jobs/{id}{path}"), "");
    let folder = site.at("home/artifacts/jobs").join(&id);
    for is_here in [false, true] {
        // What a run that does not count left here is not what the job left.
        if is_here {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("stdout.log"), "said here\n").unwrap();
            fs::write(folder.join("artifact.json"), "{}").unwrap();
        }
        for path in ["/artifacts", "/artifacts/artifact.json", "/logs", "/logs?stream=stderr"] {
            let found = get(path);
            assert_eq!(found.status, 404, "{path}");
            let detail = found.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("it ran on other.example"), "{path}: {detail}");
        }
        let events = String::from_utf8(get("/events").body).unwrap();
        assert!(events.contains("event: end\n") && !events.contains("said here"), "{events}");
        assert_eq!(events.matches("it ran on other.example").count(), 2, "{events}");
    }
    drop(site.ask(&server, &["logs", &id]).expect(1));
}

#[test]
fn what_cannot_be_read_is_told_and_not_taken_for_nothing() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let token = token();
    let post = ask(&server.address, &token, "POST", "/jobs", &job(&json!({})));
    let id = post.json()["job_id"].as_str().unwrap().to_owned();
    let queue = site.queue();
    let worker = Worker { name: "w".into(), host: Host::real().name() };
    let lease = queue.claim(&worker, Duration::from_mins(1)).unwrap().unwrap().lease;
    let done = Verdict { status: Status::Success, exit_code: Some(0), detail: None };
    queue.finish(&lease, &done).unwrap();
    let get = |path: &str| ask(&server.address, &token, "GET", &format!("/jobs/{id}{path}"), "");
    let folder = site.at("home/artifacts/jobs").join(&id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("stdout.log"), "said\n").unwrap();
    assert_eq!((get("/artifacts").status, get("/logs").body.as_slice()), (200, &b"said\n"[..]));
    assert_eq!(get("/logs?stream=stderr").status, 200);
    // Not what orb-wrap writes.
    fs::create_dir(folder.join("stderr.log")).unwrap();
    assert_eq!(get("/logs?stream=stderr").status, 404);
    let events = String::from_utf8(get("/events").body).unwrap();
    assert!(events.contains("event: stdout\n") && events.contains("event: end\n"), "{events}");
    assert!(events.contains("event: problem\n") && events.contains("stderr: "), "{events}");
    // A folder of all jobs that cannot be looked into.
    fs::rename(site.at("home/artifacts/jobs"), site.at("moved")).unwrap();
    std::os::unix::fs::symlink("jobs", site.at("home/artifacts/jobs")).unwrap();
    for path in ["/artifacts", "/artifacts/artifact.json", "/logs"] {
        assert_eq!(get(path).status, 503, "{path}");
    }
    let events = String::from_utf8(get("/events").body).unwrap();
    assert_eq!(events.matches("event: problem\n").count(), 2, "{events}");
}

#[test]
fn what_cannot_be_read_for_a_while_is_told_once_and_what_was_said_all_the_same() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let token = token();
    let post = ask(&server.address, &token, "POST", "/jobs", &job(&json!({})));
    let id = post.json()["job_id"].as_str().unwrap().to_owned();
    let queue = site.queue();
    let worker = Worker { name: "w".into(), host: Host::real().name() };
    let lease = queue.claim(&worker, Duration::from_mins(5)).unwrap().unwrap().lease;
    let all = site.at("home/artifacts/jobs");
    let say = |text: &str| {
        fs::create_dir_all(all.join(&id)).unwrap();
        for name in ["stdout.log", "stderr.log"] {
            fs::write(all.join(&id).join(name), text).unwrap();
        }
    };
    let part = || {
        fs::rename(&all, site.at("moved")).unwrap();
        std::os::unix::fs::symlink("jobs", &all).unwrap();
    };
    let mend = || {
        fs::remove_file(&all).unwrap();
        fs::rename(site.at("moved"), &all).unwrap();
    };
    say("one\n");
    let events = format!("/jobs/{id}/events");
    let mut stream = Stream::begin(&server.address, &token, &events, "");
    stream.until("one\\n", 2);
    part();
    stream.until("event: problem\n", 2);
    mend();
    say("one\ntwo\n");
    stream.until("two\\n", 2);
    // The same at the job's end, which is the last thing that is told.
    part();
    stream.until("event: problem\n", 4);
    let done = Verdict { status: Status::Success, exit_code: Some(0), detail: None };
    queue.finish(&lease, &done).unwrap();
    let mut late = Stream::begin(&server.address, &token, &events, "Last-Event-ID: 4.4\r\n");
    late.until("event: problem\n", 2);
    mend();
    say("one\ntwo\nthree\n");
    for (stream, problems) in [(stream, 4), (late, 2)] {
        let said = stream.rest();
        assert_eq!(said.matches("event: problem\n").count(), problems, "{said}");
        let (outputs, end) = said.split_once("event: end\nid: 14.14\n").expect(&said);
        assert!(outputs.matches("three\\n").count() == 2 && !end.contains("event: "), "{said}");
        assert_eq!(said.matches("two\\n").count(), 2, "{said}");
    }
}
