//! What happens to the machine and the database while the runner serves.

use std::path::PathBuf;
use std::process::Command;

use postgres_cluster::Cluster;
use serde_json::json;

use crate::fixture::{Site, token, until};
use crate::http::{Said, ask};

fn submit(address: &str, act: &str) -> Said {
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": act}});
    ask(address, &token(), "POST", "/jobs", &body.to_string())
}

fn status(address: &str, job: &Said) -> String {
    let id = job.json()["job_id"].as_str().unwrap().to_owned();
    let said = ask(address, &token(), "GET", &format!("/jobs/{id}"), "");
    said.json()["status"].as_str().unwrap_or_default().to_owned()
}

/// A small disk.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf) -> Result<Self, String> {
        let options = ["-t", "tmpfs", "-o", "size=3m", "tmpfs"];
        let made = Command::new("mount").args(options).arg(&at).output();
        let made = made.map_err(|err| err.to_string())?;
        let why = String::from_utf8_lossy(&made.stderr).into_owned();
        if made.status.success() { Ok(Self(at)) } else { Err(why) }
    }

    fn fill(&self) {
        // As much as there is room for.
        let _full = std::fs::write(self.0.join("fill"), vec![0; 4 << 20]).is_err();
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("fill")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status().is_err();
    }
}

#[test]
fn a_full_disk_refuses_jobs_and_loses_none() {
    let site = Site::new(None);
    let disk = match Disk::new(site.at("home")) {
        Ok(disk) => disk,
        Err(why) => return skipped::told(skipped::this_test(), format!("mount: {why}")),
    };
    let server = site.start("serve", &[]);
    let running = submit(&server.address, "wait");
    let waiting = submit(&server.address, "ok");
    until("it runs", || site.ran("begun").len() == 1);
    disk.fill();
    let mut accepted = vec![];
    until("there is no room for a job", || {
        let said = submit(&server.address, "ok");
        let is_full = said.status == 503;
        if !is_full {
            accepted.push(said);
        }
        is_full
    });
    // Its end cannot be stored now.
    site.let_go();
    disk.free();
    site.let_go();
    for job in [&running, &waiting].into_iter().chain(&accepted) {
        assert_eq!(job.status, 201);
        until("every accepted job ends", || {
            ["success", "error"].contains(&status(&server.address, job).as_str())
        });
    }
    assert_eq!(submit(&server.address, "ok").status, 201);
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_database_that_hangs_is_told_and_waited_for() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let site = Site::new(Some(cluster.database()));
    let server = site.start("serve", &[]);
    let other = site.start("serve", &[]);
    let job = submit(&server.address, "wait");
    until("it runs", || site.ran("begun").len() == 1);
    cluster.freeze();
    let health = ask(&server.address, "", "GET", "/healthz", "");
    assert_eq!((health.status, &health.json()["ok"]), (503, &json!(false)));
    assert_eq!(submit(&server.address, "ok").status, 503);
    // It cannot say goodbye to the queue, and goes all the same.
    let (code, log) = other.end();
    assert_eq!(code, Some(0), "{log}");
    cluster.thaw();
    site.let_go();
    until("it ends", || status(&server.address, &job) == "success");
    assert_eq!(site.ran("done").iter().filter(|id| job.json()["job_id"] == id.as_str()).count(), 1);
    assert_eq!(ask(&server.address, "", "GET", "/healthz", "").status, 200);
}

#[test]
fn two_services_on_one_home_share_its_jobs() {
    let site = Site::new(None);
    let (one, two) = (site.start("serve", &[]), site.start("serve", &[]));
    let jobs: Vec<Said> = (0..6)
        .map(|number| submit(if number % 2 == 0 { &one.address } else { &two.address }, "ok"))
        .collect();
    for job in &jobs {
        until("it ends", || status(&one.address, job) == "success");
        assert_eq!(status(&two.address, job), "success");
    }
    assert_eq!(site.ran("done").len(), jobs.len());
    let taken = one.address.trim_start_matches("http://");
    let said = site.call(&["serve", "--listen", taken]).expect(69);
    assert!(said.err.contains("another API may be running"), "{}", said.err);
}
