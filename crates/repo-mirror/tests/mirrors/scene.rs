//! A repository, a home with its mirror, and programs that play others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use jobs::{JobId, Repository, Sha};
use ops_core::failure::Failure;
use ops_core::host::Host;
use ops_core::time::parse;
use repo_mirror::{Bounds, Mirrors, No, Pinned, PlaceInside, Worktree};
use tempfile::TempDir;

const INSIDE: PlaceInside<'static> = PlaceInside { git: "/x", objects: "/y" };

/// A machine with a repository and a home.
pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    pub(crate) host: Host,
    pub(crate) repository: Repository,
    pub(crate) bounds: Bounds,
}

/// A job's.
pub(crate) fn id() -> JobId {
    JobId::new(parse("2026-11-21T10:00:00Z").unwrap(), Host::real().random())
}

impl Scene {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir_all(&source).unwrap();
        fs::create_dir_all(dir.path().join("home")).unwrap();
        let repository = Repository {
            name: "t".into(),
            url: format!("file://{}", source.display()),
            refs: vec!["refs/heads/*".into()],
        };
        let scene = Self { dir, host: Host::real(), repository, bounds: Bounds::default() };
        scene.git(&["init", "-q"]);
        scene
    }

    /// Has the repository reached over a script that plays ssh.
    pub(crate) fn over(&mut self, script: &str) {
        let path = self.dir.path().join("ssh");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let search = std::env::var("PATH").unwrap();
        let command = path.display().to_string();
        let now = self.host.now();
        self.host = Host::with([("PATH", search), ("AIOPS_SSH_COMMAND", command)], now);
        self.repository.url = "ssh://git@git.example/x".into();
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    pub(crate) fn mirrors(&self) -> PathBuf {
        self.dir.path().join("home/mirrors")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(["-c", "init.defaultBranch=main"])
            .args(args)
            .current_dir(self.source())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn commit(&self, text: &[u8]) -> Sha {
        fs::write(self.source().join("a.txt"), text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "x"]);
        Sha::read(&self.git(&["rev-parse", "HEAD"])).unwrap()
    }

    pub(crate) fn pin(&self, sha: &Sha, anew: bool) -> Result<Result<Pinned, Vec<No>>, Failure> {
        self.pin_with(sha, &[], anew)
    }

    pub(crate) fn pin_with(
        &self,
        sha: &Sha,
        others: &[(&str, &Sha)],
        anew: bool,
    ) -> Result<Result<Pinned, Vec<No>>, Failure> {
        let others =
            others.iter().map(|(field, sha)| ((*field).to_owned(), (*sha).clone())).collect();
        let home = self.dir.path().join("home");
        let mirrors = Mirrors::new(&self.host, &home).within(self.bounds);
        mirrors.pin(&self.repository, Some(sha), &others, &id(), anew)
    }

    pub(crate) fn tree(&self, pinned: &Pinned) -> Worktree {
        let job = JobId::read(pinned.reference.rsplit('/').next().unwrap()).unwrap();
        let home = self.dir.path().join("home");
        Worktree::write(&self.host, &home, &job, pinned, INSIDE).unwrap().unwrap()
    }

    pub(crate) fn names(&self, folder: &Path) -> Vec<String> {
        let names = self.host.names(folder).unwrap_or_default();
        let mut names: Vec<String> =
            names.into_iter().map(|it| it.into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Puts a script that plays git before git itself, which is `$REAL`.
    pub(crate) fn with_git(&self, script: &str) -> Host {
        let bin = self.dir.path().join("bin");
        let search = std::env::var("PATH").unwrap();
        let real = Host::real().find_program("git").unwrap();
        fs::create_dir_all(&bin).unwrap();
        let text = format!("#!/bin/sh\nREAL={}\n{script}\n", real.display());
        fs::write(bin.join("git"), text).unwrap();
        fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
        Host::with([("PATH", format!("{}:{search}", bin.display()))], self.host.now())
    }
}
