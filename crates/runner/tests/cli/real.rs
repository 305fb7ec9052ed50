//! A job of a real repository by the real orb-wrap, from `submit` to its artifact.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Site, copy_program};

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

/// A site with the real orb-wrap and a repository of one commit, which is reached by `url`; none,
/// told, where there can be no such thing.
fn scene(url: impl Fn(&Path) -> String) -> Option<(Site, PathBuf)> {
    let test = skipped::this_test();
    let program = Path::new(env!("CARGO_BIN_EXE_runner")).with_file_name("orb-wrap");
    if !program.exists() {
        skipped::told(test, "orb-wrap is not built: cargo build -p orb-wrap");
        return None;
    }
    if !postgres_cluster::has_program("bwrap") {
        skipped::told(test, "bubblewrap is not installed");
        return None;
    }
    let site = Site::new(None);
    fs::remove_file(site.at("bin/orb-wrap")).unwrap();
    copy_program(&program, &site.at("bin/orb-wrap"));
    let repository = site.at("repository");
    fs::create_dir_all(repository.join("ops")).unwrap();
    let doctor = "#!/bin/sh\necho looking\nid >&2\ntouch ops/x 2>/dev/null && echo WRITTEN\n\
        echo 'checks: 3/4'\nexit 1\n";
    fs::write(repository.join("ops/doctor_repo.sh"), doctor).unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["update-index", "--chmod=+x", "ops/doctor_repo.sh"]);
    git(&repository, &["commit", "-q", "-m", "all"]);
    let url = url(&repository);
    let repos = format!("repos: [{{name: real, url: '{url}', refs: [refs/heads/main]}}]\n");
    fs::write(site.at("configs/repo_allowlist.yaml"), repos).unwrap();
    Some((site, repository))
}

/// The artifact of the job that a call told.
fn artifact(site: &Site, id: &Value) -> Value {
    let folder = site.at("home/artifacts/jobs").join(id.as_str().unwrap());
    serde_json::from_slice(&fs::read(folder.join("artifact.json")).unwrap()).unwrap()
}

#[test]
fn the_doctor_of_a_real_repository_is_run_at_its_head() {
    let Some((site, repository)) = scene(|it| format!("file://{}", it.display())) else { return };
    let head = git(&repository, &["rev-parse", "HEAD"]);
    let server = site.start("serve", &[]);
    let line = ["submit", "--job", "orb_doctor", "--repo", "real", "--wait", "--json"];
    let said = site.ask(&server, &line);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let job = &said.json()["job"];
    assert_eq!((&job["status"], &job["sha"]), (&"failure".into(), &head.into()), "{job}");
    assert!(said.err.contains("stdout | looking"), "{}", said.err);
    let artifact = artifact(&site, &job["job_id"]);
    assert_eq!(artifact["doctor"]["passed"], 3, "{artifact}");
    assert_eq!(artifact["invariants"]["clean_tree_ok"], true, "{artifact}");
    let logs = site.ask(&server, &["logs", job["job_id"].as_str().unwrap()]).expect(0);
    assert!(logs.out.contains("looking") && !logs.out.contains("WRITTEN"), "{}", logs.out);
}

#[test]
fn a_job_is_fetched_by_the_workers_ssh_and_gets_what_its_type_lets_pass() {
    let Some((mut site, repository)) = scene(|_| "ssh://git@git.example/x".into()) else { return };
    let since = git(&repository, &["rev-parse", "HEAD"]);
    fs::write(repository.join("a.txt"), "new\n").unwrap();
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-q", "-m", "two"]);
    let head = git(&repository, &["rev-parse", "HEAD"]);
    // Plays ssh: whatever it is asked to run elsewhere, it serves that repository.
    let ssh = site.at("ssh");
    let script = format!("#!/bin/sh\nexec git upload-pack '{}'\n", repository.display());
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    site.env.push(("AIOPS_SSH_COMMAND".into(), ssh.display().to_string()));
    site.env.push(("FORCE_SIZE_CAP".into(), "1".into()));
    let server = site.start("serve", &[]);
    let since = format!("since_sha={since}");
    let line = ["submit", "--job", "orb_review_bundle", "--repo", "real", "--sha", &head];
    let more = ["--param", &since, "--wait", "--json"];
    let said = site.ask(&server, &[&line[..], &more].concat()).expect(0);
    let artifact = artifact(&site, &said.json()["job"]["job_id"]);
    assert_eq!(artifact["size_cap_exceeded"], true, "{artifact}");
}
