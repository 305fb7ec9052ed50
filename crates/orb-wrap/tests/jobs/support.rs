//! A machine with one repository and job types for its `job.sh`, as root and as another user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jobs::Artifact;
use serde_json::Value;
use tempfile::TempDir;

/// The user that tests become where they are root.
const OTHER: &str = "65534";

/// Job types for tests: small limits, so that what is over them ends soon.
const TYPES: &str = r#"
  hostile:
    about: tests
    argv: ["repo:job.sh", word]
    timeout: 60s
    allowed_params: [{name: word, pattern: "[a-z0-9]+"}]
    requires_repo_allowlist: true
    network: none
    limits: {memory_mib: 256, processes: 48, output_bytes: 65536, artifact_mib: 4, tmp_mib: 8}
  bundle:
    about: tests
    kind: review_bundle
    argv: ["repo:job.sh"]
    timeout: 2s
    requires_repo_allowlist: true
    network: none
    limits: {memory_mib: 256, processes: 48, output_bytes: 65536, artifact_mib: 4, tmp_mib: 8}
  brief:
    about: tests
    argv: ["repo:job.sh"]
    timeout: 2s
    requires_repo_allowlist: true
    network: none
    limits: {memory_mib: 256, processes: 48, output_bytes: 65536, artifact_mib: 4, tmp_mib: 8}
"#;

pub(crate) struct World {
    dir: TempDir,
    /// Whether orb-wrap runs as another user than this one.
    other: bool,
    pub(crate) env: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) artifact: Option<Artifact>,
    pub(crate) json: Value,
    pub(crate) err: String,
    pub(crate) home: PathBuf,
}

impl Ran {
    pub(crate) fn artifact(&self) -> &Artifact {
        self.artifact.as_ref().unwrap_or_else(|| panic!("an artifact: {} {}", self.json, self.err))
    }

    /// What an output of the job holds.
    pub(crate) fn output(&self, path: &str) -> String {
        let folder = self.home.join("artifacts/jobs").join(&self.artifact().job_id);
        String::from_utf8_lossy(&fs::read(folder.join(path)).unwrap_or_default()).into_owned()
    }

    /// Everything that the job said.
    pub(crate) fn said(&self) -> String {
        self.output("stdout.log") + &self.output("stderr.log")
    }

    pub(crate) fn word(&self) -> String {
        self.json["status"].as_str().unwrap_or_default().to_owned()
            + self.json["error"].as_str().map(|it| format!(" {it}")).as_deref().unwrap_or("")
    }
}

/// Whether tests can become another user.
fn is_root() -> bool {
    ops_core::host::Host::real().is_root()
}

/// Runs a test as this user, and as another one where this one is root.
pub(crate) fn as_each_user(test: impl Fn(World)) {
    if ops_core::host::Host::real().find_program("bwrap").is_none() {
        return skipped::told(skipped::this_test(), "bubblewrap is not installed");
    }
    test(World::new(false));
    if !is_root() {
        let part = format_args!("{} as another user", skipped::this_test());
        return skipped::told(part, "only root can become one");
    }
    test(World::new(true));
}

impl World {
    pub(crate) fn new(other: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let world = Self { dir, other, env: vec![] };
        for folder in ["configs", "home", "source/src"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        world.git(&["init", "-q"]);
        world.put("a.txt", "aaaa\n");
        world.put("src/b.txt", "b\n");
        world.put(".gitignore", "*.log\nbuild/\n");
        world.put("ops/doctor_repo.sh", "#!/bin/sh\necho \"[doctor] 11/12 checks passed\"\n");
        world.commit("one");
        world
            .repositories(&format!("file://{}", world.path("source").display()), "refs/heads/main");
        let shipped = include_str!("../../../../configs/job_allowlist.yaml");
        fs::write(world.path("configs/job_allowlist.yaml"), format!("{shipped}{TYPES}")).unwrap();
        world.hand_over();
        world
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn repositories(&self, url: &str, refs: &str) {
        let text = format!("repos:\n  - {{name: target, url: \"{url}\", refs: [{refs}]}}\n");
        fs::write(self.path("configs/repo_allowlist.yaml"), text).unwrap();
    }

    /// Gives everything to the user that orb-wrap runs as.
    fn hand_over(&self) {
        if self.other {
            let owner = format!("{OTHER}:{OTHER}");
            let done = Command::new("chown").args(["-R", &owner]).arg(self.dir.path()).status();
            assert!(done.unwrap().success());
        }
    }

    /// Writes a file of the repository; scripts can be run.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.path("source").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        Self::git_in(&self.path("source"), args, "")
    }

    pub(crate) fn git_in(folder: &Path, args: &[&str], input: &str) -> String {
        use std::io::Write;
        use std::process::Stdio;
        let mut child = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(["-c", "init.defaultBranch=main", "-c", "safe.directory=*"])
            .args(["-c", "core.protectNTFS=false", "-c", "core.protectHFS=false"])
            .args(args)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Commits everything; returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The command line of orb-wrap, as the right user.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_orb-wrap");
        let mut command = if self.other {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", OTHER, "--regid", OTHER, "--clear-groups", program]);
            command
        } else {
            Command::new(program)
        };
        self.hand_over();
        command.arg("--home").arg(self.path("home")).arg("--configs").arg(self.path("configs"));
        command.arg("--json").args(args).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.path("home"));
        command.envs(self.env.iter().cloned());
        command
    }

    pub(crate) fn orb(&self, args: &[&str]) -> Ran {
        self.ran(&self.command(args).output().unwrap())
    }

    pub(crate) fn ran(&self, output: &Output) -> Ran {
        let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ran {
            code: output.status.code().unwrap_or(-1),
            artifact: serde_json::from_value(json.clone()).ok(),
            json,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            home: self.path("home"),
        }
    }

    /// Commits `job.sh` and runs it as a job of a type.
    pub(crate) fn job(&self, job: &str, script: &str) -> Ran {
        self.put("job.sh", &format!("#!/bin/sh\n{script}\n"));
        self.commit("job");
        self.orb(&["run", "--job", job, "--repo", "target"])
    }

    /// Processes whose command line holds a word: each one's line.
    pub(crate) fn processes_with(word: &str) -> Vec<String> {
        Self::found(word).into_iter().map(|it| it.1).collect()
    }

    /// The same: each one's number.
    pub(crate) fn pids_with(word: &str) -> Vec<String> {
        Self::found(word).into_iter().map(|it| it.0).collect()
    }

    fn found(word: &str) -> Vec<(String, String)> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|it| {
                let line = fs::read(it.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                let pid = it.file_name().into_string().ok()?;
                line.contains(word).then_some((pid, line))
            })
            .collect()
    }

    /// That nothing of any job is left: no tree, no pin.
    pub(crate) fn is_tidy(&self) -> bool {
        let pins = self.path("home/mirrors/target.git/refs/orb/jobs");
        let pins = fs::read_dir(pins).map_or(0, Iterator::count);
        let user =
            if self.other { OTHER.parse().unwrap() } else { ops_core::host::Host::real().user() };
        let memory = format!("/dev/shm/aiops-orb-{user}");
        let mine = |folder: &Path| -> usize {
            // Other tests have trees there, too: ours are known by our artifacts.
            fs::read_dir(folder).map_or(0, |all| {
                all.flatten()
                    .filter(|it| {
                        let name = it.file_name().into_string().unwrap();
                        self.path("home/artifacts/jobs")
                            .join(name.trim_end_matches(".lock"))
                            .exists()
                    })
                    .count()
            })
        };
        pins == 0 && mine(Path::new(&memory)) == 0 && mine(&self.path("home/worktrees")) == 0
    }
}
