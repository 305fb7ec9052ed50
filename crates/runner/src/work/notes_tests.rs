#![expect(clippy::disallowed_methods, reason = "tests look at the machine themselves")]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use run_queue::{Clock, NewJob, Sqlite, Verdict, Worker};
use serde_json::json;
use tempfile::TempDir;

use super::*;

const LEASE: Duration = Duration::from_secs(20);

/// A home on the host `here`, and a queue that other hosts use as well.
struct Home {
    folder: TempDir,
    now: Arc<AtomicI64>,
    queue: Sqlite,
    notes: Notes,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_000_000_000));
        let clock = Clock::Set(Arc::clone(&now));
        let queue = Sqlite::open(&Host::real(), &folder.path().join("queue.db"), clock).unwrap();
        let notes = Notes::new(&Host::real(), folder.path());
        Self { folder, now, queue, notes }
    }

    /// A job that a worker here has claimed, emptied the folder for and noted.
    fn begun(&self) -> Lease {
        let new = NewJob {
            idempotency_key: None,
            job_type: "x".into(),
            repo_name: "x".into(),
            remote_url: "https://git.example/x".into(),
            sha: "0".repeat(40),
            params: BTreeMap::new(),
            priority: 0,
            max_attempts: 3,
            deadline: None,
        };
        self.queue.submit(new).unwrap();
        let lease = self.claimed("here");
        self.notes.begin(&lease).unwrap();
        fs::create_dir_all(self.at(&lease)).unwrap();
        lease
    }

    fn claimed(&self, host: &str) -> Lease {
        let worker = Worker { name: format!("{host}:1"), host: host.into() };
        self.queue.claim(&worker, LEASE).unwrap().unwrap().lease
    }

    /// Leaves an artifact as orb-wrap does, of this type of job.
    fn done(&self, lease: &Lease, job_type: &str) {
        let artifact = json!({
            "schema": "aiops.job/1", "job_id": lease.job_id, "job_type": job_type,
            "status": "success", "exit_code": 0, "created_at": "", "started_at": null,
            "finished_at": "", "duration_ms": 1, "repo": {"url": "u", "sha": null}, "params": {},
            "invariants": {"read_only_ok": true, "clean_tree_ok": true, "sandbox": []},
            "changed_files": [], "outputs": [], "stdout_tail": "", "stderr_tail": "",
            "warnings": [], "error": null, "error_detail": null, "rejections": [], "doctor": null,
            "size_cap_exceeded": false, "size_cap_fallback": null,
            "review_packets_archive": null, "review_packets_dir": null,
        });
        fs::write(self.at(lease).join("artifact.json"), artifact.to_string()).unwrap();
    }

    fn at(&self, lease: &Lease) -> PathBuf {
        self.folder.path().join("artifacts/jobs").join(&lease.job_id)
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn end(&self, lease: &Lease) -> run_queue::Told {
        let verdict = Verdict { status: Status::Failure, exit_code: None, detail: None };
        self.queue.finish(lease, &verdict).unwrap()
    }

    /// How the job stands after a look, whether its folder is there, and whether its note is.
    fn looked(&self, lease: &Lease, own: Option<&str>) -> (Status, bool, bool) {
        self.notes.look(&self.queue, own).unwrap();
        let status = self.queue.get(&lease.job_id).unwrap().unwrap().status;
        let note = self.folder.path().join("state/runner/running").join(&lease.job_id);
        (status, self.at(lease).exists(), note.exists())
    }
}

#[test]
fn an_end_that_was_not_heard_of_is_told_while_the_run_still_counts() {
    for own in [Some("here"), None] {
        let home = Home::new();
        // A worker that lives, or died in the midst.
        let lease = home.begun();
        assert_eq!(home.looked(&lease, own), (Status::Running, true, true));
        // Died between its artifact and its word; also when its lease is over and nobody came.
        home.done(&lease, "x");
        home.pass(LEASE * 2);
        assert_eq!(home.looked(&lease, own).0, Status::Success);
        assert_eq!(home.looked(&lease, own), (Status::Success, true, false));
        assert_eq!(home.queue.get(&lease.job_id).unwrap().unwrap().attempts, 1);
        // Died between its word and its note's end.
        let lease = home.begun();
        home.end(&lease);
        assert_eq!(home.looked(&lease, own), (Status::Failure, true, false));
        // What is not the artifact of this job says nothing.
        let lease = home.begun();
        home.done(&lease, "y");
        assert_eq!(home.looked(&lease, own), (Status::Running, true, true));
    }
}

#[test]
fn what_another_host_has_run_by_then_does_not_count_and_goes() {
    for (own, stays) in [(Some("here"), false), (None, true)] {
        let home = Home::new();
        let lease = home.begun();
        home.done(&lease, "x");
        home.pass(LEASE);
        let second = home.claimed("there");
        assert_eq!(home.looked(&lease, own), (Status::Running, true, true), "it runs there");
        home.pass(LEASE);
        let third = home.claimed("there");
        assert_eq!(home.end(&second), run_queue::Told::Refused);
        home.end(&third);
        assert_eq!(home.looked(&lease, own), (Status::Failure, stays, stays));
    }
}

#[test]
fn a_note_is_of_the_run_that_began_last_and_of_no_other() {
    let home = Home::new();
    let first = home.begun();
    assert!(home.notes.is_of(&first));
    home.pass(LEASE);
    let second = home.claimed("here");
    assert!(!home.notes.is_of(&second), "it has not begun");
    home.notes.begin(&second).unwrap();
    assert!(home.notes.is_of(&second) && !home.notes.is_of(&first));
    home.notes.end(&second.job_id);
    assert!(!home.notes.is_of(&second));
}

#[test]
fn a_folder_that_another_worker_of_this_host_wrote_stays() {
    let home = Home::new();
    let lease = home.begun();
    home.pass(LEASE);
    let second = home.claimed("here");
    assert_eq!(home.looked(&lease, Some("here")), (Status::Running, true, true));
    home.end(&second);
    assert_eq!(home.looked(&lease, Some("here")), (Status::Failure, true, false));
    // Given back, and then forgotten by everybody.
    let lease = home.begun();
    home.queue.release(&lease).unwrap();
    assert_eq!(home.looked(&lease, Some("here")), (Status::Queued, true, true));
    home.end(&home.claimed("there"));
    home.queue.forget(std::slice::from_ref(&lease.job_id)).unwrap();
    home.notes.look(&home.queue, Some("here")).unwrap();
    assert!(home.at(&lease).exists());
    assert_eq!(fs::read_dir(home.folder.path().join("state/runner/running")).unwrap().count(), 0);
}
