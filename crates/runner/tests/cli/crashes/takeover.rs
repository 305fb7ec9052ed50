//! What becomes of one job whose worker dies or hangs.

use rustix::process::Signal;
use serde_json::json;

use super::server;
use crate::fixture::{Site, token, until};
use crate::http::ask;

#[test]
fn a_dead_workers_job_is_killed_with_it_and_taken_over() {
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let worker = site.start("work", &["--concurrency", "1"]);
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "wait"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    until("it runs", || site.ran("begun").len() == 1);
    let children = format!("/proc/{0}/task", worker.pid());
    let program = std::fs::read_dir(children)
        .unwrap()
        .find_map(|task| {
            let children = std::fs::read_to_string(task.unwrap().path().join("children")).ok()?;
            children.split_whitespace().next().map(str::to_owned)
        })
        .expect("the worker has a child");
    worker.kill();
    let stat = format!("/proc/{program}/stat");
    until("the program goes with its worker", || {
        std::fs::read_to_string(&stat).map_or(true, |it| it.contains(") Z "))
    });
    let other = site.start("work", &["--concurrency", "1"]);
    until("it is taken over", || site.ran("begun").len() == 2);
    site.let_go();
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    until("it ends", || show()["status"] == "success");
    assert_eq!(show()["attempts"], 2);
    assert_eq!(other.end().0, Some(0));
}

#[test]
fn what_a_killed_worker_had_done_is_told_from_its_host_and_not_run_again_elsewhere() {
    let Some(cluster) = server() else { return };
    let url = cluster.database();
    // Two hosts: one database, two disks.
    let (here, there) = (Site::new(Some(url.clone())), Site::new(Some(url)));
    let api = here.start("api", &[]);
    let mut worker = here.start("work", &["--concurrency", "1"]);
    // Its program kills it when the artifact is written.
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "widow"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    until("its worker is killed", || worker.has_ended());
    let other = there.start("work", &["--concurrency", "1"]);
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    // By the API, or by a worker that is started again; before the lease is over.
    let again = here.start("work", &["--concurrency", "1"]);
    until("it ends", || show()["status"] == "success");
    assert_eq!(show()["attempts"], 1, "{}", show());
    assert_eq!((again.end().0, other.end().0), (Some(0), Some(0)));
    assert_eq!((here.ran("done").len(), there.ran("begun").len()), (1, 0));
}

#[test]
fn a_worker_that_waits_already_takes_a_dead_ones_job_over() {
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let worker = site.start("work", &["--concurrency", "1"]);
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "wait"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    until("it runs", || site.ran("begun").len() == 1);
    // Nothing rings for it: it has to look by itself, while the API looks for what is settled.
    let waits = site.start("work", &["--concurrency", "1"]);
    worker.kill();
    until("it is taken over", || site.ran("begun").len() == 2);
    site.let_go();
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    until("it ends", || show()["status"] == "success");
    let job = show();
    let name = job["worker"]["name"].as_str().unwrap();
    assert!(job["attempts"] == 2 && waits.said().contains(name), "{job}");
}

#[test]
fn a_worker_that_hangs_loses_its_job_and_cannot_end_it() {
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let mut hung = site.start("work", &["--concurrency", "1"]);
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "wait"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    until("it runs", || site.ran("begun").len() == 1);
    hung.signal(Signal::STOP);
    let other = site.start("work", &["--concurrency", "1"]);
    until("it is taken over", || site.ran("begun").len() == 2);
    hung.signal(Signal::CONT);
    hung.wait_for("was lost");
    site.let_go();
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    until("it ends", || show()["status"] == "success");
    assert_eq!((hung.end().0, other.end().0), (Some(0), Some(0)));
    assert_eq!(show()["status"], "success");
}

#[test]
fn of_a_job_that_is_given_back_nothing_is_left_before_anybody_else_may_have_it() {
    let site = Site::new(None);
    let settings = std::fs::read_to_string(site.at("configs/runner.yaml")).unwrap();
    let settings = settings
        .replace("drainSeconds: 2", "drainSeconds: 0")
        // The queue does not answer for a while below: the lease must outlast that.
        .replace("leaseSeconds: 4", "leaseSeconds: 600");
    std::fs::write(site.at("configs/runner.yaml"), settings).unwrap();
    let api = site.start("api", &[]);
    let worker = site.start("work", &["--concurrency", "1"]);
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "say wait"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    let folder = site.at("home/artifacts/jobs").join(&id);
    until("it speaks", || folder.join("stderr.log").exists());
    // Nothing can be given back while somebody else writes.
    let db = rusqlite::Connection::open(site.at("home/state/runner/queue.db")).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    worker.signal(Signal::TERM);
    until("what it left goes", || !folder.exists());
    let note = site.at("home/state/runner/running").join(&id);
    until("so does the note of its run", || !note.exists());
    db.execute_batch("COMMIT").unwrap();
    assert_eq!(worker.end().0, Some(0));
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    assert_eq!((&show()["status"], &show()["attempts"]), (&json!("queued"), &json!(0)));
}
