#![expect(clippy::disallowed_methods, reason = "tests look at the machine themselves")]

use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use run_queue::{Clock, NewJob, Sqlite, Status, Verdict, Worker};
use tempfile::TempDir;

const DAY: i64 = 86_400_000_000;

/// A queue whose jobs ended a day apart, each with a folder of so many KiB; none for 0.
struct House {
    folder: TempDir,
    host: Host,
    queue: Sqlite,
    ids: Vec<String>,
}

impl House {
    fn new(sizes: &[usize]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("jobs")).unwrap();
        let now = Arc::new(AtomicI64::new(2_000_000_000_000_000));
        let clock = Clock::Set(Arc::clone(&now));
        let queue = Sqlite::open(&Host::real(), &folder.path().join("queue.db"), clock).unwrap();
        let mut house = Self { folder, host: Host::real(), queue, ids: vec![] };
        for (number, size) in sizes.iter().enumerate() {
            let id = house.submit(number);
            let lease = house.claim();
            let done = Verdict { status: Status::Success, exit_code: None, detail: None };
            house.queue.finish(&lease, &done).unwrap();
            if *size > 0 {
                fs::create_dir_all(house.at(&id).join("sub")).unwrap();
                fs::write(house.at(&id).join("sub/file"), vec![0; size << 10]).unwrap();
            }
            house.ids.push(id);
            now.fetch_add(DAY, Ordering::SeqCst);
        }
        let now = Timestamp::from_microsecond(now.load(Ordering::SeqCst)).unwrap();
        house.host = Host::with([("HOME", "/")], now);
        house
    }

    fn submit(&self, number: usize) -> String {
        let new = NewJob {
            idempotency_key: None,
            job_type: "x".into(),
            repo_name: "x".into(),
            remote_url: format!("https://git.example/{number}"),
            sha: "0".repeat(40),
            params: BTreeMap::new(),
            priority: 0,
            max_attempts: 3,
            deadline: None,
        };
        self.queue.submit(new).unwrap().job().job_id.clone()
    }

    fn claim(&self) -> run_queue::Lease {
        let worker = Worker { name: "w".into(), host: "h".into() };
        self.queue.claim(&worker, Duration::from_mins(1)).unwrap().unwrap().lease
    }

    fn at(&self, job_id: &str) -> PathBuf {
        self.folder.path().join("jobs").join(job_id)
    }

    /// Makes a folder of so many KiB for a job, `days` before now, or now for 0.
    fn put(&self, job_id: &str, kib: usize, days: u64, is_whole: bool) {
        let at = self.at(job_id);
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("file"), vec![0; kib << 10]).unwrap();
        if is_whole {
            fs::write(at.join("artifact.json"), "{}").unwrap();
        }
        let now: std::time::SystemTime = self.host.now().into();
        let changed = now - Duration::from_hours(24 * days);
        fs::File::open(at).unwrap().set_modified(changed).unwrap();
    }

    /// The numbers of the jobs that are left after forgetting.
    fn left(&self, days: u32, jobs: u32, artifact_mib: u64) -> Vec<usize> {
        let keep = Retention { days, jobs, artifact_mib };
        forget(&self.host, &self.queue, &self.folder.path().join("jobs"), &keep).unwrap();
        let is_there = |number: &usize| {
            let id = &self.ids[*number];
            let known = self.queue.get(id).unwrap().is_some();
            assert!(known || !self.at(id).exists(), "{number} left its files");
            known
        };
        (0..self.ids.len()).filter(is_there).collect()
    }
}

#[test]
fn the_oldest_go_by_age_number_and_size() {
    for (name, days, jobs, mib, want) in [
        ("nothing", 30, 100, 100, vec![0, 1, 2, 3, 4, 5]),
        ("age", 3, 100, 100, vec![3, 4, 5]),
        ("number", 30, 2, 100, vec![4, 5]),
        // 2.5 MiB are here, of the second, third and fifth.
        ("size", 30, 100, 2, vec![0, 2, 3, 4, 5]),
        ("more of it", 30, 100, 1, vec![0, 3, 4, 5]),
        ("all", 1, 1, 1, vec![5]),
    ] {
        let house = House::new(&[0, 1_000, 1_000, 0, 560, 0]);
        assert_eq!(house.left(days, jobs, mib), want, "{name}");
        // What was right stays so.
        assert_eq!(house.left(days, jobs, mib), want, "{name}, again");
    }
}

#[test]
fn what_waits_or_runs_is_kept_and_folders_without_a_job_go_by_age() {
    let house = House::new(&[0, 0]);
    house.submit(7);
    let runs = house.claim().job_id;
    let waits = house.submit(8);
    let unknown = "20200101T000000Z-00000a".to_owned();
    for id in [&waits, &runs, &unknown, &"by-hand".to_owned()] {
        fs::create_dir(house.at(id)).unwrap();
    }
    assert_eq!(house.left(1, 1, 1), [1]);
    for id in [&waits, &runs, &"by-hand".to_owned()] {
        assert!(house.at(id).exists(), "{id}");
    }
    // The folder was made now, by the machine's clock, which is years before the house's.
    assert!(!house.at(&unknown).exists());
}

#[test]
fn the_size_of_folders_without_a_job_is_theirs_and_that_of_running_jobs_nobodys() {
    // Three jobs of 600 KiB ended three, two and one days ago; 2 MiB may be here.
    let by_hand = "20200101T000000Z-00000a";
    let other = "20200101T000000Z-00000b";
    for (name, put, jobs, by_hand_stays) in [
        ("none", vec![], vec![0, 1, 2], false),
        ("older than all: it goes", vec![(by_hand, 1_000, 9, true)], vec![0, 1, 2], false),
        ("newer: what is older goes", vec![(by_hand, 700, 0, true)], vec![1, 2], true),
        ("between: one job before it", vec![(by_hand, 600, 2, true)], vec![1, 2], true),
        ("between: a job and it", vec![(by_hand, 1_200, 2, true)], vec![1, 2], false),
        ("too large by itself", vec![(by_hand, 4_000, 0, true)], vec![], false),
        ("two", vec![(by_hand, 700, 9, true), (other, 100, 8, true)], vec![0, 1, 2], false),
        (
            "not whole: it may be written still",
            vec![(by_hand, 4_000, 2, false)],
            vec![0, 1, 2],
            true,
        ),
        ("not whole and old", vec![(by_hand, 10, 40, false)], vec![0, 1, 2], false),
    ] {
        let house = House::new(&[600, 600, 600]);
        for (id, kib, days, is_whole) in put {
            house.put(id, kib, days, is_whole);
        }
        assert_eq!(house.left(30, 100, 2), jobs, "{name}");
        assert_eq!(house.at(by_hand).exists(), by_hand_stays, "{name}");
        assert_eq!(house.left(30, 100, 2), jobs, "{name}, again");
    }
    let house = House::new(&[600, 600, 600]);
    house.submit(7);
    let runs = house.claim().job_id;
    // Its artifact is there, and the queue has not heard of it yet.
    house.put(&runs, 4_000, 0, true);
    assert_eq!(house.left(30, 100, 2), [0, 1, 2]);
    assert!(house.at(&runs).exists());
}

#[test]
fn a_file_that_is_being_read_is_read_to_its_end() {
    use std::io::Read;
    let house = House::new(&[1_000, 0]);
    let mut file = fs::File::open(house.at(&house.ids[0]).join("sub/file")).unwrap();
    assert_eq!(house.left(1, 1, 1), [1]);
    let mut bytes = vec![];
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len(), 1_000 << 10);
}

#[test]
fn more_than_are_looked_at_together_go_at_once() {
    let house = House::new(&[]);
    let done = Verdict { status: Status::Success, exit_code: None, detail: None };
    for number in 0..TOGETHER * 2 + 10 {
        house.submit(number);
    }
    for _ in 0..TOGETHER * 2 + 10 {
        house.queue.finish(&house.claim(), &done).unwrap();
    }
    house.left(30, 5, 100);
    assert_eq!(house.queue.counts().unwrap()[&Status::Success], 5);
}
