//! What is wrong before anything begins, and clocks that are set.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ops_host::host::Host;
use postgres_cluster::Cluster;
use run_queue::{Address, Beat, Clock, Fault, Order, Postgres, Queue, Sqlite, Status};

use crate::place::{LEASE, job, submit, verdict, worker};

fn open(path: &Path) -> Result<Sqlite, Fault> {
    Sqlite::open(&Host::real(), path, Clock::Own)
}

#[test]
fn a_file_that_cannot_be_believed_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("whole"), "").unwrap();
    for number in 0..200 {
        submit(&open(&at("whole")).unwrap(), job(&format!("r{number}")));
    }
    let whole = fs::read(at("whole")).unwrap();
    fs::write(at("noise"), vec![0xa5; 20_000]).unwrap();
    fs::write(at("cut"), &whole[..whole.len() / 2 + 100]).unwrap();
    fs::write(at("page"), &whole).unwrap();
    let page = fs::File::options().write(true).open(at("page")).unwrap();
    page.write_all_at(&[0xff; 4096], 4096 * 2).unwrap();
    fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink(at("whole"), at("link")).unwrap();
    for name in ["noise", "cut", "page", "folder", "link"] {
        let before = fs::read(at(name)).unwrap_or_default();
        let why = open(&at(name)).map(drop).unwrap_err();
        assert!(matches!(why, Fault::Broken(_)), "{name}: {why}");
        let path = at(name).display().to_string();
        assert!(why.to_string().contains(&path), "{name}: {why}");
        assert_eq!(fs::read(at(name)).unwrap_or_default(), before, "{name}");
    }
    assert_eq!(open(&at("whole")).unwrap().counts().unwrap()[&Status::Queued], 200);
}

#[test]
fn what_is_in_the_file_is_for_its_user_and_group_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let names = ["queue.db", "queue.db-wal", "queue.db-shm"];
    let mode = |name: &str| {
        let about = fs::metadata(folder.path().join(name)).unwrap();
        about.permissions().mode() & 0o777
    };
    let queue = open(&folder.path().join(names[0])).unwrap();
    submit(&queue, job("r1"));
    for name in names {
        assert_eq!(mode(name) & !0o640, 0, "{name}: {:o}", mode(name));
    }
    // As earlier versions made them; the file is open meanwhile, as it is by another process.
    for name in names {
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.path().join(name), open).unwrap();
    }
    let second = open(&folder.path().join(names[0])).unwrap();
    for name in names {
        assert_eq!(mode(name), 0o640, "{name}: {:o}", mode(name));
    }
    for queue in [&queue, &second] {
        submit(queue, job("r1"));
    }
    assert_eq!(second.counts().unwrap()[&Status::Queued], 3);
}

#[test]
fn a_file_that_is_there_is_opened_without_making_another_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    // Open meanwhile, or left by a worker that was killed: SQLite has all it needs.
    let first = open(&path).unwrap();
    submit(&first, job("r1"));
    // A name that comes or goes, be it for a moment, would set the folder's time: on a disk without
    // inodes it could not even come.
    let before = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::open(folder.path()).unwrap().set_modified(before).unwrap();
    let second = open(&path).unwrap();
    assert_eq!(fs::metadata(folder.path()).unwrap().modified().unwrap(), before);
    assert_eq!(second.counts().unwrap()[&Status::Queued], 1);
}

#[test]
fn tables_of_another_version_are_refused_on_both_engines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    drop(open(&path).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    for version in [2, 99] {
        db.pragma_update(None, "user_version", version).unwrap();
        let why = open(&path).map(drop).unwrap_err().to_string();
        assert!(why.contains(&format!("version {version}")), "{why}");
    }
    let cluster = match Cluster::shared() {
        Ok(cluster) => cluster,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let url = cluster.database();
    let open = |url: &str| {
        let address = Address::parse(url, None, None).unwrap();
        Postgres::open(&Host::real(), address, Clock::Own).map(drop)
    };
    open(&url).unwrap();
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    client.batch_execute("UPDATE runner_version SET version = 2").unwrap();
    let why = open(&url).unwrap_err().to_string();
    assert!(why.contains("version 2"), "{why}");
}

#[test]
fn a_role_without_rights_is_told_so_and_changes_nothing() {
    let cluster = match Cluster::shared() {
        Ok(cluster) => cluster,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let url = cluster.database();
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    client
        .batch_execute("CREATE ROLE looker LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .unwrap();
    let open = |url: &str| {
        let address = Address::parse(url, None, None).unwrap();
        Postgres::open(&Host::real(), address, Clock::Own).map(drop)
    };
    let looker = url.replace("aiops@", "looker@");
    let refused = |why: Fault, text: &str| {
        assert!(matches!(&why, Fault::Broken(told) if told.contains(text)), "{why}");
    };
    refused(open(&looker).unwrap_err(), "permission denied");
    // As a replica is.
    let replica = cluster.database();
    let name = replica.rsplit('/').next().unwrap();
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    client.batch_execute(&set).unwrap();
    refused(open(&replica).unwrap_err(), "read-only");
    open(&url).unwrap();
    // Tables that are there and may not be written.
    refused(open(&looker).unwrap_err(), "permission denied");
    let nobody = url.replace("aiops@", "nobody-of-this-name@");
    refused(open(&nobody).unwrap_err(), "does not exist");
}

#[test]
fn a_clock_that_is_set_neither_takes_a_job_from_the_living_nor_leaves_it_to_the_dead() {
    let folder = tempfile::tempdir().unwrap();
    let (wall, steady) = (Arc::new(AtomicI64::new(1 << 50)), Arc::new(AtomicI64::new(5)));
    let clock = Clock::Parted { wall: Arc::clone(&wall), steady: Arc::clone(&steady) };
    let queue = Sqlite::open(&Host::real(), &folder.path().join("queue.db"), clock).unwrap();
    let id = submit(&queue, job("r1"));
    let first = queue.claim(&worker("w1"), LEASE).unwrap().unwrap().lease;
    let hour = 3_600_000_000;
    for by in [hour, -3 * hour] {
        wall.fetch_add(by, Ordering::SeqCst);
        assert_eq!(queue.claim(&worker("w2"), LEASE).unwrap(), None, "it lives");
        assert_eq!(queue.sweep().unwrap(), 0);
        let beat = queue.heartbeat(&first, LEASE).unwrap();
        assert!(matches!(beat, Beat::Held { order: Order::GoOn, .. }), "{beat:?}");
    }
    steady.fetch_add(i64::try_from(LEASE.as_micros()).unwrap(), Ordering::SeqCst);
    let second = queue.claim(&worker("w2"), LEASE).unwrap().expect("it is dead").lease;
    assert_eq!(second.job_id, id);
    assert_eq!(queue.heartbeat(&first, Duration::from_secs(1)).unwrap(), Beat::Lost);
    queue.finish(&second, &verdict(Status::Success)).unwrap();
}
