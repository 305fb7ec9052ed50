//! What becomes of one job whose worker dies or hangs.

use std::time::Duration;

use ops_core::host::Host;
use run_queue::Worker;
use rustix::process::Signal;
use serde_json::json;

use super::server;
use crate::fixture::{Service, Site, token, until};
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
    db.busy_timeout(Duration::from_secs(30)).unwrap();
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

/// Submits a job that does this; returns its id.
fn submitted(api: &Service, act: &str) -> String {
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": act}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    said.json()["job_id"].as_str().unwrap().to_owned()
}

/// Status and attempts of a job.
fn stands(api: &Service, id: &str) -> (String, u64) {
    let job = ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    (job["status"].as_str().unwrap().to_owned(), job["attempts"].as_u64().unwrap())
}

#[test]
fn a_job_that_an_earlier_program_still_runs_is_waited_for() {
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let worker = site.start("work", &["--concurrency", "1"]);
    let id = submitted(&api, "busy");
    until("it ends", || !["queued", "running"].contains(&stands(&api, &id).0.as_str()));
    assert_eq!(stands(&api, &id), ("success".into(), 1));
    assert_eq!(site.ran("begun").len(), 2);
    assert_eq!(worker.end().0, Some(0));
}

#[test]
fn a_job_that_stays_busy_for_leases_costs_an_attempt_each_time() {
    let site = Site::new(None);
    let api = site.start("api", &[]);
    let mut worker = site.start("work", &["--concurrency", "1"]);
    let id = submitted(&api, "engaged");
    until("it is claimed again", || stands(&api, &id) == ("running".into(), 2));
    worker.wait_for("its lease runs out");
    assert!(site.ran("begun").len() > 3, "it was tried only now and then");
    site.let_go();
    until("it ends", || stands(&api, &id).0 == "success");
    // One that waits so can be cancelled, and given back.
    std::fs::remove_file(site.at("home/go")).unwrap();
    let cancelled = submitted(&api, "engaged");
    until("it is tried", || site.ran("begun").contains(&cancelled));
    let path = format!("/jobs/{cancelled}/cancel");
    assert_eq!(ask(&api.address, &token(), "POST", &path, "").status, 202);
    until("it ends", || stands(&api, &cancelled).0 == "cancelled");
    let back = submitted(&api, "engaged");
    until("it is tried", || site.ran("begun").contains(&back));
    assert_eq!(worker.end().0, Some(0));
    assert_eq!(stands(&api, &back), ("queued".into(), 0));
}

#[test]
fn a_folder_that_an_earlier_program_still_writes_is_left_alone_and_its_artifact_counts() {
    for is_done in [true, false] {
        let site = Site::new(None);
        let api = site.start("api", &[]);
        let id = submitted(&api, "ok");
        // A worker of this host that hangs: its program goes on.
        let (queue, host) = (site.queue(), Host::real());
        let hung = Worker { name: "hung".into(), host: host.name() };
        assert!(queue.claim(&hung, Duration::from_millis(1)).unwrap().is_some());
        let folder = site.at("home/artifacts/jobs").join(&id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("stdout.log"), "so far\n").unwrap();
        let held = host.lock_folder(&folder).unwrap().unwrap();
        let mut worker = site.start("work", &["--concurrency", "1"]);
        worker.wait_for("is waited for");
        assert!(folder.join("stdout.log").exists() && site.ran("begun").is_empty());
        if is_done {
            let artifact = include_str!("../stand_in.sh").split("<<JSON\n").nth(1).unwrap();
            let artifact = artifact.split("JSON\n").next().unwrap();
            let artifact = artifact.replace("$id", &id).replace("$job", "stand_in");
            let artifact = artifact.replace("$status", "failure");
            std::fs::write(folder.join("artifact.json"), artifact).unwrap();
        }
        drop(held);
        let want = if is_done { "failure" } else { "success" };
        until("it ends", || stands(&api, &id).0 == want);
        assert_eq!(site.ran("begun").len(), usize::from(!is_done));
        assert_eq!(folder.join("stdout.log").exists(), is_done);
        assert_eq!(worker.end().0, Some(0));
    }
}
