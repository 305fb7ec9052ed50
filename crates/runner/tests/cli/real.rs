//! A job of a real repository by the real orb-wrap, from `submit` to its artifact.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::fixture::Site;

/// Git, without anybody's configuration.
fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(args);
    command
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_doctor_of_a_real_repository_is_run_at_its_head() {
    let test = skipped::this_test();
    let program = Path::new(env!("CARGO_BIN_EXE_runner")).with_file_name("orb-wrap");
    if !program.exists() {
        return skipped::told(test, "orb-wrap is not built: cargo build -p orb-wrap");
    }
    if !postgres_cluster::has_program("bwrap") {
        return skipped::told(test, "bubblewrap is not installed");
    }
    let site = Site::new(None);
    fs::remove_file(site.at("bin/orb-wrap")).unwrap();
    fs::copy(program, site.at("bin/orb-wrap")).unwrap();
    let repository = site.at("repository");
    fs::create_dir_all(repository.join("ops")).unwrap();
    let doctor = "#!/bin/sh\necho looking\nid >&2\ntouch ops/x 2>/dev/null && echo WRITTEN\n\
        echo 'checks: 3/4'\nexit 1\n";
    fs::write(repository.join("ops/doctor_repo.sh"), doctor).unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["update-index", "--chmod=+x", "ops/doctor_repo.sh"]);
    git(&repository, &["commit", "-q", "-m", "all"]);
    let head = git(&repository, &["rev-parse", "HEAD"]);
    let url = format!("file://{}", repository.display());
    let repos = format!("repos: [{{name: real, url: '{url}', refs: [refs/heads/main]}}]\n");
    fs::write(site.at("configs/repo_allowlist.yaml"), repos).unwrap();
    let server = site.start("serve", &[]);
    let line = ["submit", "--job", "orb_doctor", "--repo", "real", "--wait", "--json"];
    let said = site.ask(&server, &line);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let job = said.json();
    assert_eq!((&job["status"], &job["sha"]), (&"failure".into(), &head.into()), "{job}");
    assert!(said.err.contains("stdout | looking"), "{}", said.err);
    let id = job["job_id"].as_str().unwrap();
    let artifact = site.at("home/artifacts/jobs").join(id).join("artifact.json");
    let artifact: serde_json::Value = serde_json::from_slice(&fs::read(artifact).unwrap()).unwrap();
    assert_eq!(artifact["doctor"]["passed"], 3, "{artifact}");
    assert_eq!(artifact["invariants"]["clean_tree_ok"], true, "{artifact}");
    let logs = site.ask(&server, &["logs", id]).expect(0);
    assert!(logs.out.contains("looking") && !logs.out.contains("WRITTEN"), "{}", logs.out);
}
