//! A repository with a reviewed beginning on a remote, and a gate in one of its two hooks.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use push::{Checkout, Draft, Format, Hermetic, Hook, Remote, Reviewer, Transport, Tree, quoted};

/// Runs a test over every transport that can be had here, and tells which cannot.
pub(crate) fn over_each(format: Format, run: impl Fn(&Hermetic, &Remote)) {
    for transport in Transport::ALL {
        let world = Hermetic::new();
        match Remote::new(&world, "origin", transport, format) {
            Ok(remote) => run(&world, &remote),
            Err(why) => skipped::told(over(transport), why),
        }
    }
}

/// What is left out where a transport cannot be had.
pub(crate) fn over(transport: Transport) -> String {
    format!("{} over {transport:?}", skipped::this_test())
}

/// Whose hook asks the gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// pre-push, of the one who pushes.
    Client,
    /// pre-receive, of the remote.
    Server,
}

/// What the gate was asked, and its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Its standard input.
    pub(crate) lines: String,
    /// Its exit code.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// A remote with a reviewed commit on `main`, and a checkout of it.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a Hermetic,
    pub(crate) remote: &'a Remote,
    pub(crate) work: Checkout<'a>,
    /// The commit that the remote's `main` is at.
    pub(crate) base: String,
    pub(crate) side: Side,
    reviewer: Reviewer,
}

/// The two repositories as every scene begins.
struct Begun {
    bare: Tree,
    work: Tree,
    base: String,
}

impl Begun {
    /// Made by git when it is first asked for.
    fn of(format: Format) -> &'static Self {
        static KEPT: [OnceLock<Begun>; 2] = [OnceLock::new(), OnceLock::new()];
        format.each(&KEPT, || {
            let world = Hermetic::new();
            let remote = Remote::new(&world, "origin", Transport::File, format).unwrap();
            let work = Checkout::new(&world, "work", &remote);
            for (path, content) in Reviewer::new().configuration() {
                work.write(&path, &content);
            }
            work.commit("README", "A repository of a test.\n");
            let base = work.commit("docs/one.md", "Something about it.\n");
            work.done(&["push", "-q", "origin", "main"]);
            // A few files instead of many: they are written hundreds of times.
            for repository in [remote.bare(), work.path()] {
                world.done(repository, &["repack", "-a", "-d", "-q"]);
            }
            Self { bare: Tree::read(remote.bare()), work: Tree::read(work.path()), base }
        })
    }
}

impl<'a> Scene<'a> {
    /// Sets it; no hook is installed yet.
    pub(crate) fn new(world: &'a Hermetic, remote: &'a Remote, side: Side) -> Self {
        let begun = Begun::of(remote.format());
        begun.bare.write(remote.bare());
        let work = Checkout::of_tree(world, "work", remote, &begun.work);
        Self { world, remote, work, base: begun.base.clone(), side, reviewer: Reviewer::new() }
    }

    /// A new commit in the checkout.
    pub(crate) fn change(&self, path: &str) -> String {
        self.work.commit(path, &format!("the content of {path}\n"))
    }

    /// A new commit on `main` whose range from `base` is approved.
    pub(crate) fn reviewed(&self) -> String {
        let tip = self.change("reviewed.txt");
        self.approve(&self.base, &tip);
        tip
    }

    /// Stores an approval of a range in the checkout.
    pub(crate) fn approve(&self, since: &str, to: &str) {
        self.approve_in(&self.work, since, to);
    }

    /// Stores an approval of a range in another checkout.
    pub(crate) fn approve_in(&self, checkout: &Checkout<'_>, since: &str, to: &str) {
        self.reviewer.store(checkout.path(), &Draft::approved(since, to));
    }

    /// Who signs here.
    pub(crate) fn reviewer(&self) -> &Reviewer {
        &self.reviewer
    }

    /// Puts the gate into this side's hook.
    pub(crate) fn guard(&self, pusher: &Checkout<'_>) {
        let program = scenarios::command("review-gate");
        let (name, call) = match self.side {
            Side::Client => ("pre-push", "check -- \"$@\""),
            Side::Server => ("pre-receive", "pre-receive"),
        };
        // The gate's own streams and code, kept for the test and passed on to git.
        let record = quoted(self.world.path(name).to_str().unwrap());
        let gate = quoted(program.to_str().unwrap());
        let script = format!(
            "cat >{record}.in; {gate} {call} <{record}.in >{record}.out 2>{record}.err; code=$?\n\
             echo $code >>{record}.code; cat {record}.out; cat {record}.err >&2; exit $code"
        );
        let hook = Hook::new("/bin/sh", &["-c", &script, name]);
        match self.side {
            Side::Client => pusher.install_pre_push(&hook),
            Side::Server => self.remote.install_pre_receive(&hook),
        }
    }

    /// Forgets what the gate was asked so far.
    pub(crate) fn forget(&self) {
        for ending in ["in", "out", "err", "code"] {
            drop(fs::remove_file(self.record(ending)));
        }
    }

    /// What the gate was asked last, if it was asked.
    pub(crate) fn asked(&self) -> Option<Asked> {
        let read = |ending| fs::read_to_string(self.record(ending)).unwrap_or_default();
        let codes = read("code");
        let code = codes.lines().last()?.parse().unwrap();
        Some(Asked { lines: read("in"), code, stdout: read("out"), stderr: read("err") })
    }

    /// How often the gate was asked.
    pub(crate) fn times_asked(&self) -> usize {
        fs::read_to_string(self.record("code")).map_or(0, |codes| codes.lines().count())
    }

    fn record(&self, ending: &str) -> PathBuf {
        let name = match self.side {
            Side::Client => "pre-push",
            Side::Server => "pre-receive",
        };
        self.world.path(&format!("{name}.{ending}"))
    }
}
