//! Whatever is killed under load: every accepted job reaches one final state, none is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postgres_cluster::Cluster;
use serde_json::json;

use crate::fixture::{Service, Site, pause, token, until};
use crate::http::ask;

/// Jobs of one run.
const JOBS: usize = 24;

/// Submits all jobs, each until it is accepted, whichever API is there; returns their ids.
fn submit_all(address: &Mutex<String>, act: &str) -> BTreeSet<String> {
    let token = token();
    let accepted = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for submitter in 0..4 {
            let (token, accepted) = (&token, &accepted);
            scope.spawn(move || {
                for number in (submitter..JOBS).step_by(4) {
                    let body = json!({
                        "job_type": "stand_in", "repo_name": format!("r{}", number % 7),
                        "sha": format!("{number:040x}"), "params": {"act": act},
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
fn all_ended_once(site: &Site, api: &Service, accepted: &BTreeSet<String>) {
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

fn killed_workers(site: &Site) {
    let api = site.start("api", &[]);
    let address = Mutex::new(api.address.clone());
    let is_over = AtomicBool::new(false);
    let accepted = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Ordering::SeqCst) || rounds < 4 {
                let worker = site.start("work", &["--concurrency", "3"]);
                let before = site.ran("begun").len();
                let mut patience = 100;
                while site.ran("begun").len() < before + 2 && patience > 0 {
                    patience -= 1;
                    pause();
                }
                worker.kill();
                rounds += 1;
            }
        });
        let accepted = submit_all(&address, "nap");
        is_over.store(true, Ordering::SeqCst);
        accepted
    });
    let _worker = site.start("work", &["--concurrency", "3"]);
    all_ended_once(site, &api, &accepted);
}

#[test]
fn workers_killed_under_load_lose_and_double_nothing_on_sqlite() {
    killed_workers(&Site::new(None));
}

#[test]
fn workers_killed_under_load_lose_and_double_nothing_on_postgresql() {
    if let Some(cluster) = server() {
        killed_workers(&Site::new(Some(cluster.database())));
    }
}

#[test]
fn an_api_killed_under_load_loses_and_doubles_nothing() {
    let site = Site::new(None);
    let _worker = site.start("work", &["--concurrency", "3"]);
    let first = site.start("api", &[]);
    let address = Mutex::new(first.address.clone());
    let is_over = AtomicBool::new(false);
    let (accepted, api) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut api = first;
            for _ in 0..4 {
                std::thread::sleep(Duration::from_millis(150));
                api.kill();
                api = site.start("api", &[]);
                api.address.clone_into(&mut address.lock().unwrap());
            }
            api
        });
        let accepted = submit_all(&address, "ok");
        is_over.store(true, Ordering::SeqCst);
        (accepted, killer.join().unwrap())
    });
    all_ended_once(&site, &api, &accepted);
}

#[test]
fn a_database_stopped_and_killed_under_load_loses_and_doubles_nothing() {
    let Some(cluster) = server() else { return };
    let site = Site::new(Some(cluster.database()));
    let api = site.start("api", &[]);
    let _worker = site.start("work", &["--concurrency", "3"]);
    let address = Mutex::new(api.address.clone());
    let accepted = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..3 {
                std::thread::sleep(Duration::from_millis(400));
                if round % 2 == 0 {
                    cluster.kill();
                } else {
                    cluster.stop();
                }
                std::thread::sleep(Duration::from_millis(300));
                cluster.resume();
            }
        });
        submit_all(&address, "nap")
    });
    all_ended_once(&site, &api, &accepted);
}

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
fn a_worker_that_hangs_loses_its_job_and_cannot_end_it() {
    use rustix::process::Signal;
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

/// A network of its own for a worker, joined to this one by a cable that can be pulled.
struct Island {
    name: String,
    cable: String,
}

impl Island {
    const HERE: &'static str = "100.64.77.1";

    fn new() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("making network namespaces takes root".to_owned());
        }
        if !postgres_cluster::has_program("ip") {
            return Err("ip (iproute2) is not installed".to_owned());
        }
        let number = std::process::id();
        let island = Self { name: format!("aiops-{number}"), cable: format!("ai{number}") };
        let (name, here, there) = (&island.name, &island.cable, format!("bi{number}"));
        for line in [
            format!("netns add {name}"),
            format!("link add {here} type veth peer name {there} netns {name}"),
            format!("addr add {}/30 dev {here}", Self::HERE),
            format!("link set {here} up"),
            format!("-n {name} addr add 100.64.77.2/30 dev {there}"),
            format!("-n {name} link set {there} up"),
            format!("-n {name} link set lo up"),
        ] {
            ip(&line)?;
        }
        Ok(island)
    }

    fn cut(&self) {
        ip(&format!("link set {} down", self.cable)).unwrap();
    }

    fn join(&self) {
        ip(&format!("link set {} up", self.cable)).unwrap();
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        let _gone = ip(&format!("link del {}", self.cable)).is_err();
        let _gone = ip(&format!("netns del {}", self.name)).is_err();
    }
}

fn ip(line: &str) -> Result<(), String> {
    let done = std::process::Command::new("ip").args(line.split(' ')).output();
    let done = done.map_err(|err| err.to_string())?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() { Ok(()) } else { Err(format!("ip {line}: {said}")) }
}

#[test]
fn a_worker_cut_off_from_the_database_stops_its_job_before_another_begins_it() {
    let (island, cluster) = match Island::new()
        .and_then(|island| Ok((island, Cluster::start_on(&["127.0.0.1", Island::HERE])?)))
    {
        Ok(both) => both,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let url = cluster.database();
    let far = url.replace("127.0.0.1", Island::HERE);
    let mut site = Site::new(Some(url));
    let api = site.start("api", &[]);
    site.through = ["ip", "netns", "exec", &island.name].map(str::to_owned).to_vec();
    let mut cut_off = site.start("work", &["--concurrency", "1", "--database-url", &far]);
    site.through = vec![];
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "wait"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    until("it runs", || site.ran("begun").len() == 1);
    island.cut();
    let other = site.start("work", &["--concurrency", "1"]);
    until("it is taken over", || site.ran("begun").len() == 2);
    // It needed nobody to tell it: its own clock did, and earlier than the queue's.
    assert!(cut_off.said().contains("was lost"), "{}", cut_off.said());
    site.let_go();
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    until("it ends", || show()["status"] == "success");
    island.join();
    cut_off.wait_for("was lost");
    assert_eq!(other.end().0, Some(0));
    assert_eq!(site.ran("done").len(), 1);
    // Back on the network, it works again.
    let body = body.to_string().replace("wait", "ok");
    assert_eq!(ask(&api.address, &token(), "POST", "/jobs", &body).status, 201);
    until("it works again", || site.ran("done").len() == 2);
    assert_eq!(cut_off.end().0, Some(0));
}
