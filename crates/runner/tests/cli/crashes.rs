//! Whatever is killed under load: every accepted job reaches one final state, none is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postgres_cluster::Cluster;
use run_queue::{Beat, Lease, Status, Told, Verdict, Worker};
use serde_json::json;

use crate::fixture::{LEASE_SECONDS, Service, Site, token, until};
use crate::http::ask;

mod audit;
mod network;
mod takeover;

use audit::Audit;

/// Jobs of one run.
const JOBS: usize = 24;

/// Submits all jobs, each until it is accepted, whichever API is there; returns their ids.
fn submit_all(
    address: &Mutex<String>,
    act: impl Fn(usize) -> &'static str + Sync,
) -> BTreeSet<String> {
    let token = token();
    let accepted = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for submitter in 0..4 {
            let (token, accepted, act) = (&token, &accepted, &act);
            scope.spawn(move || {
                for number in (submitter..JOBS).step_by(4) {
                    let body = json!({
                        "job_type": "stand_in", "repo_name": format!("r{}", number % 7),
                        "sha": format!("{number:040x}"), "params": {"act": act(number)},
                        "idempotency_key": format!("job-{number}"),
                    });
                    let body = body.to_string();
                    let mut id = None;
                    until("a job is accepted", || {
                        let at = address.lock().unwrap().clone();
                        // While nobody listens, connecting panics; that is an answer, too.
                        let said =
                            std::panic::catch_unwind(|| ask(&at, token, "POST", "/jobs", &body));
                        id = said
                            .ok()
                            .filter(|it| it.status < 300)
                            .map(|it| it.json()["job_id"].as_str().unwrap().to_owned());
                        id.is_some()
                    });
                    accepted.lock().unwrap().insert(id.unwrap());
                }
            });
        }
    });
    accepted.into_inner().unwrap()
}

/// Waits until all have ended, and holds every one to what was promised.
fn all_ended_once(site: &Site, api: &Service, accepted: &BTreeSet<String>, audit: &Audit) {
    assert_eq!(accepted.len(), JOBS, "a key gave two jobs");
    let token = token();
    let list = || ask(&api.address, &token, "GET", "/jobs?limit=1000", "");
    until("every job ends", || {
        let said = list();
        said.status == 200
            && said.json()["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .all(|job| !["queued", "running"].contains(&job["status"].as_str().unwrap()))
    });
    let jobs = list().json()["jobs"].as_array().unwrap().clone();
    let ids: BTreeSet<String> =
        jobs.iter().map(|job| job["job_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(&ids, accepted, "what is in the queue is not what was accepted");
    for job in &jobs {
        assert_eq!(job["status"], "success", "{job}");
    }
    let want: BTreeMap<String, u32> = ids.iter().map(|id| (id.clone(), 1)).collect();
    assert_eq!(audit.ends(), want, "how often each job came to an end, or left one");
    let mut done: BTreeMap<String, u32> = BTreeMap::new();
    for id in site.ran("done") {
        *done.entry(id).or_default() += 1;
    }
    assert!(done.values().all(|count| *count == 1), "done twice: {done:?}");
    // A worker killed between a job's artifact and its note leaves the note out.
    assert!(done.len() + 3 >= JOBS, "{} of {JOBS} were done", done.len());
}

/// A server's address for a site, or `None`, told, where there can be none.
fn server() -> Option<Arc<Cluster>> {
    match Cluster::start() {
        Ok(cluster) => Some(Arc::new(cluster)),
        Err(why) => {
            skipped::told(skipped::this_test(), why);
            None
        }
    }
}

/// Runs a test on both engines; the second says when it skips.
macro_rules! on_both {
    ($body:ident, $sqlite:ident, $postgresql:ident) => {
        #[test]
        fn $sqlite() {
            $body(&Site::new(None));
        }

        #[test]
        fn $postgresql() {
            if let Some(cluster) = server() {
                $body(&Site::new(Some(cluster.database())));
            }
        }
    };
}

on_both!(
    killed_workers,
    workers_killed_under_load_lose_and_double_nothing_on_sqlite,
    workers_killed_under_load_lose_and_double_nothing_on_postgresql
);

fn killed_workers(site: &Site) {
    let api = site.start("api", &[]);
    let audit = Audit::begin(site);
    let address = Mutex::new(api.address.clone());
    let is_over = AtomicBool::new(false);
    let accepted = std::thread::scope(|scope| {
        // Whenever it was killed, there is another.
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                let mut worker = site.start_unseen("work", &["--concurrency", "3"]);
                until("it is killed", || worker.has_ended() || is_over.load(Ordering::SeqCst));
            }
        });
        let accepted = submit_all(&address, |number| match number % 8 {
            3 => "nap strand",
            5 => "nap widow",
            _ => "nap",
        });
        until("all end", || audit.ends().len() == JOBS);
        is_over.store(true, Ordering::SeqCst);
        accepted
    });
    all_ended_once(site, &api, &accepted, &audit);
    let names = std::fs::read_dir(site.at("home")).unwrap();
    let killers = names.filter(|it| {
        let name = it.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("strand-")
            || name.to_string_lossy().starts_with("widow-")
    });
    assert_eq!(killers.count(), 6, "each of six jobs killed a worker");
}

on_both!(
    haunted_jobs,
    a_worker_that_lost_its_job_is_never_heard_on_sqlite,
    a_worker_that_lost_its_job_is_never_heard_on_postgresql
);

/// Workers that come back when others have their jobs, and say everything that a worker can say.
fn haunted_jobs(site: &Site) {
    let api = site.start("api", &[]);
    let audit = Audit::begin(site);
    let accepted = submit_all(&Mutex::new(api.address.clone()), |_| "nap");
    let queue = site.queue();
    let ghost = Worker { name: "ghost".into(), host: "ghost".into() };
    let second = Duration::from_secs(1);
    let leases: Vec<Lease> = std::iter::from_fn(|| queue.claim(&ghost, second).unwrap())
        .map(|claimed| claimed.lease)
        .collect();
    assert_eq!(leases.len(), 7, "one of each repository");
    let failed = Verdict { status: Status::Failure, exit_code: None, detail: None };
    let lost = |lease: &Lease| queue.get(&lease.job_id).unwrap().unwrap().fence > lease.fence;
    let _worker = site.start("work", &["--concurrency", "3"]);
    until("all end, whatever ghosts say", || {
        for lease in leases.iter().filter(|lease| lost(lease)) {
            assert_eq!(queue.heartbeat(lease, second).unwrap(), Beat::Lost);
            assert_eq!(queue.finish(lease, &failed).unwrap(), Told::Refused);
            assert_eq!(queue.release(lease).unwrap(), Told::Refused);
        }
        audit.ends().len() == JOBS
    });
    assert!(leases.iter().all(lost));
    all_ended_once(site, &api, &accepted, &audit);
}

on_both!(
    a_killed_api,
    an_api_killed_under_load_loses_and_doubles_nothing_on_sqlite,
    an_api_killed_under_load_loses_and_doubles_nothing_on_postgresql
);

fn a_killed_api(site: &Site) {
    let first = site.start("api", &[]);
    let audit = Audit::begin(site);
    let _worker = site.start("work", &["--concurrency", "3"]);
    let address = Mutex::new(first.address.clone());
    let (accepted, api) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut api = first;
            for round in 1..=4 {
                // In the midst of submissions: each round when some more were accepted.
                until("some are accepted", || audit.jobs() >= round * JOBS / 6);
                api.kill();
                api = site.start("api", &[]);
                api.address.clone_into(&mut address.lock().unwrap());
            }
            api
        });
        (submit_all(&address, |_| "ok"), killer.join().unwrap())
    });
    all_ended_once(site, &api, &accepted, &audit);
}

on_both!(
    one_process_killed,
    api_and_workers_killed_together_lose_and_double_nothing_on_sqlite,
    api_and_workers_killed_together_lose_and_double_nothing_on_postgresql
);

fn one_process_killed(site: &Site) {
    let first = site.start("serve", &[]);
    let audit = Audit::begin(site);
    let address = Mutex::new(first.address.clone());
    let (accepted, api) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut api = first;
            for round in 1..=3 {
                until("some begin", || site.ran("begun").len() >= round * 4);
                api.kill();
                api = site.start("serve", &[]);
                api.address.clone_into(&mut address.lock().unwrap());
            }
            api
        });
        (submit_all(&address, |_| "nap"), killer.join().unwrap())
    });
    all_ended_once(site, &api, &accepted, &audit);
}

/// Does something to a server under load, some times; every time after some more jobs began.
fn disturbed_database(disturb: fn(&Cluster)) {
    let Some(cluster) = server() else { return };
    let site = Site::new(Some(cluster.database()));
    let api = site.start("api", &[]);
    let audit = Audit::begin(&site);
    let _worker = site.start("work", &["--concurrency", "3"]);
    let address = Mutex::new(api.address.clone());
    let accepted = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=3 {
                until("some begin", || site.ran("begun").len() >= round * 3);
                disturb(&cluster);
                std::thread::sleep(Duration::from_millis(300));
                cluster.resume();
            }
        });
        submit_all(&address, |_| "nap")
    });
    all_ended_once(&site, &api, &accepted, &audit);
}

#[test]
fn a_database_killed_under_load_loses_and_doubles_nothing() {
    disturbed_database(Cluster::kill);
}

#[test]
fn a_database_stopped_under_load_loses_and_doubles_nothing() {
    disturbed_database(Cluster::stop);
}
