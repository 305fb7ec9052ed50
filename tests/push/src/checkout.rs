//! A repository that somebody works in and pushes from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scenarios::Ran;

use crate::hermetic::{Format, Hermetic};
use crate::hook::Hook;
use crate::remote::Remote;
use crate::tree::Tree;

/// A checkout with the remote `origin`.
#[derive(Debug)]
pub struct Checkout<'a> {
    world: &'a Hermetic,
    path: PathBuf,
    ssh: Option<String>,
}

impl<'a> Checkout<'a> {
    /// A new repository without a commit.
    pub fn new(world: &'a Hermetic, name: &str, remote: &Remote) -> Self {
        Self::of_tree(world, name, remote, empty(remote.format()))
    }

    /// A repository that was another checkout's folder, with this remote as its only one.
    pub fn of_tree(world: &'a Hermetic, name: &str, remote: &Remote, tree: &Tree) -> Self {
        let checkout = Self::at(world, name, remote);
        tree.write(&checkout.path);
        let config = checkout.path.join(".git/config");
        let own = fs::read_to_string(&config).expect("a repository has a configuration");
        let own = own.split("[remote ").next().unwrap_or_default();
        let url = remote.url();
        let fetch = "+refs/heads/*:refs/remotes/origin/*";
        let text = format!("{own}[remote \"origin\"]\n\turl = \"{url}\"\n\tfetch = {fetch}\n");
        fs::write(config, text).expect("its configuration");
        checkout
    }

    /// A clone over the remote's own transport, with more arguments for `git clone`.
    pub fn clone_of(world: &'a Hermetic, name: &str, remote: &Remote, more: &[&str]) -> Self {
        let checkout = Self::at(world, name, remote);
        let mut command = world.program("git", &world.path(""));
        command
            .args(["clone", "-q", "--template="])
            .args(more)
            .arg(remote.url())
            .arg(&checkout.path);
        checkout.reaches(&mut command);
        drop(Ran::of(command).expect(0));
        checkout
    }

    /// A linked worktree of this one on a new branch.
    #[must_use]
    pub fn worktree(&self, name: &str, branch: &str) -> Self {
        let path = self.world.path(name);
        self.done(&["worktree", "add", "-q", "-b", branch, &path.display().to_string()]);
        Self { world: self.world, path, ssh: self.ssh.clone() }
    }

    fn at(world: &'a Hermetic, name: &str, remote: &Remote) -> Self {
        Self { world, path: world.path(name), ssh: remote.ssh_command() }
    }

    fn reaches(&self, command: &mut std::process::Command) {
        if let Some(ssh) = &self.ssh {
            command.env("GIT_SSH_COMMAND", ssh);
        }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A git command that will run here.
    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.world.program("git", &self.path);
        command.args(args);
        self.reaches(&mut command);
        command
    }

    /// Runs git here.
    pub fn git(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }

    /// Runs git here, which must succeed; returns its standard output without the last line end.
    #[track_caller]
    pub fn done(&self, args: &[&str]) -> String {
        let ran = self.git(args);
        assert_eq!(ran.code, 0, "git {args:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout.trim_end_matches('\n').to_owned()
    }

    /// Writes a file, with the folders it needs.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(path, content).expect("a file of a test");
    }

    /// Writes a file and commits it; returns the commit.
    pub fn commit(&self, path: &str, content: &str) -> String {
        self.write(path, content);
        self.done(&["add", "-A"]);
        self.done(&["commit", "-q", "-m", &format!("change {path}")]);
        self.oid("HEAD")
    }

    /// The object that an expression names.
    #[track_caller]
    pub fn oid(&self, what: &str) -> String {
        self.done(&["rev-parse", "--verify", what])
    }

    /// Has every push from here asked about by `hook`, unless somebody goes around it. Linked
    /// worktrees share it.
    pub fn install_pre_push(&self, hook: &Hook) {
        let shared = self.done(&["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        hook.install(&Path::new(&shared).join("hooks"), "pre-push");
    }
}

/// A new repository that does not tidy itself up after each commit.
fn empty(format: Format) -> &'static Tree {
    static KEPT: [OnceLock<Tree>; 2] = [OnceLock::new(), OnceLock::new()];
    format.each(&KEPT, || {
        let world = Hermetic::new();
        let object_format = format!("--object-format={}", format.name());
        let init = ["init", "-q", "--template=", "-b", "main", &object_format, "work"];
        world.done(&world.path(""), &init);
        let work = world.path("work");
        world.done(&work, &["config", "maintenance.auto", "false"]);
        Tree::read(&work)
    })
}
