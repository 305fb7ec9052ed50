//! The only place that starts git, so that nothing but our own words decides what it does. Whoever
//! is asked over a network is nobody's friend: time, disk and memory of it are bounded, and it ends
//! with this process.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use jobs::RepoUrl;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Event, Exec, Host, Kind, Running, Stop, Stream};

/// Bytes kept of what git says.
const CAP: usize = 256 * 1024;
/// How often disk and memory are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long what was killed may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(20);

/// What a remote may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long it may take.
    pub deadline: Duration,
    /// Bytes that one fetch may add to a mirror.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { deadline: Duration::from_mins(15), bytes: 16 << 30 }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What git said on standard output.
    pub(crate) stdout: Vec<u8>,
    /// What stands against it: git's own words, or the bound it broke.
    pub(crate) failed: Option<String>,
}

/// What no configuration of the machine, its user or the repository may decide.
const SETTINGS: [&str; 16] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.askPass=",
    "credential.helper=",
    "protocol.allow=never",
    "submodule.recurse=false",
    "safe.bareRepository=explicit",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "fetch.unpackLimit=1",
    "http.followRedirects=false",
    "transfer.bundleURI=false",
];

/// Runs git on a bare repository, or on none. Only the protocol of `url` is spoken.
pub(crate) fn git(
    host: &Host,
    git_dir: Option<&Path>,
    url: Option<&RepoUrl>,
    args: &[&str],
    bounds: &Bounds,
) -> Result<Ran, Failure> {
    let doing = || "run git";
    let exec = exec(host, git_dir, url, args);
    let pack = git_dir.map(|it| it.join("objects/pack"));
    if let Some(pack) = &pack {
        remove_halves(host, pack);
        if let Some(why) = short(host, Some(pack)) {
            return Ok(Ran { stdout: vec![], failed: Some(why) });
        }
    }
    let before = pack.as_deref().map_or(0, |it| size(host, it));
    let too_much = || {
        let added = size(host, pack.as_deref()?).saturating_sub(before);
        (added > bounds.bytes).then(|| format!("it sends more than {} bytes", bounds.bytes))
    };
    let running = host.follow(&exec).or_fail(Exit::Unavailable, doing());
    let mut running = running.map_err(|it| it.hint("install git"))?;
    running.hang_up();
    let ran =
        follow(host, &mut running, bounds, &|| too_much().or_else(|| short(host, pack.as_deref())));
    for child in host.children(running.id()) {
        // One that is gone by now needs no end.
        let _gone = running.hold(child).is_err();
    }
    if !running.end(LAST_BREATH) {
        return Err(Failure::new(Exit::Unavailable, doing()).because("it cannot be ended"));
    }
    let mut ran = ran.or_fail(Exit::Unavailable, doing())?;
    // It may have been quicker than we looked. What it did while room was short is done.
    ran.failed = ran.failed.or_else(too_much);
    if let (Some(_), Some(pack)) = (&ran.failed, &pack) {
        remove_halves(host, pack);
    }
    Ok(ran)
}

/// What this machine is short of, if anything.
fn short(host: &Host, pack: Option<&Path>) -> Option<String> {
    if pack.is_some_and(|it| host.space(it).is_ok_and(|it| it.is_short())) {
        return Some("the disk is nearly full".to_owned());
    }
    let is_short = host.memory().is_ok_and(|it| it.is_short());
    is_short.then(|| "this machine is short of memory".to_owned())
}

/// Removes what a git that was ended half-way left. Whoever holds the mirror's lock is the only one
/// to write there.
fn remove_halves(host: &Host, pack: &Path) {
    for name in host.names(pack).unwrap_or_default() {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b"tmp_") || bytes.starts_with(b".tmp-") {
            let _stays = host.remove_file(&pack.join(&name)).is_err();
        }
    }
}

fn exec(host: &Host, git_dir: Option<&Path>, url: Option<&RepoUrl>, args: &[&str]) -> Exec {
    let mut words: Vec<OsString> = vec!["--no-pager".into()];
    let mut set = |setting: &str| words.extend(["-c".into(), setting.into()]);
    for it in SETTINGS {
        set(it);
    }
    if let Some(url) = url {
        set(&format!("protocol.{}.allow=always", url.protocol()));
    }
    if let Some(folder) = git_dir {
        // By default git refuses a mirror that another user owns, such as the runner's, to root.
        set(&format!("safe.directory={}", folder.display()));
        let mut option = OsString::from("--git-dir=");
        option.push(folder);
        words.push(option);
    }
    words.extend(args.iter().map(OsString::from));
    let mut exec = match host.find_program("bwrap").filter(|_| url.is_some()) {
        Some(bubblewrap) => Exec::new(bubblewrap, behind(host, words)),
        None => Exec::new("git", words),
    };
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_LFS_SKIP_SMUDGE", "1"),
        ("GIT_PROTOCOL_FROM_USER", "0"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("LC_ALL", "C"),
    ] {
        exec.env.insert(name.into(), value.into());
    }
    let ssh = host.env("AIOPS_SSH_COMMAND").map_or_else(
        || "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oClearAllForwardings=yes".into(),
        OsString::from,
    );
    exec.env.insert("GIT_SSH_COMMAND".into(), ssh);
    // ssh finds its keys by them.
    for name in ["HOME", "SSH_AUTH_SOCK"] {
        if let Some(value) = host.env(name) {
            exec.env.insert(name.into(), value.into());
        }
    }
    exec.folder = Some("/".into());
    exec
}

/// Git and all it starts in a process namespace of its own: whatever ends this process, kill -9
/// too, ends them, so that nobody but the holder of the mirror's lock ever writes it.
fn behind(host: &Host, words: Vec<OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["--die-with-parent".into(), "--unshare-pid".into()];
    if !host.is_root() {
        args.push("--unshare-user".into());
    }
    args.extend(["--dev-bind", "/", "/", "--proc", "/proc", "--", "git"].map(OsString::from));
    args.extend(words);
    args
}

/// Hears git to its end, or to the first bound it breaks.
fn follow(
    host: &Host,
    running: &mut Running,
    bounds: &Bounds,
    broken: &dyn Fn() -> Option<String>,
) -> io::Result<Ran> {
    let end = host.ticks() + bounds.deadline;
    let mut next_look = host.ticks() + LOOK;
    let (mut stdout, mut stderr) = (vec![], vec![]);
    let failed = loop {
        let now = host.ticks();
        if now >= end {
            break Some(format!("it did not end in {} s", bounds.deadline.as_secs()));
        }
        if now >= next_look {
            if let Some(why) = broken() {
                break Some(why);
            }
            next_look = host.ticks() + LOOK;
        }
        let limit = next_look.min(end).saturating_sub(host.ticks());
        match running.next(limit, &Stop::never())? {
            Event::Said(Stream::Out, bytes) => {
                let room = CAP.saturating_sub(stdout.len()).min(bytes.len());
                stdout.extend_from_slice(bytes.get(..room).unwrap_or_default());
            }
            Event::Said(Stream::Err, bytes) => {
                stderr.extend(bytes);
                if stderr.len() > 2 * CAP {
                    stderr.drain(..CAP);
                }
            }
            Event::Ended(Ending::Code(0)) => break None,
            Event::Ended(ending) => break Some(said(&stderr, ending)),
            Event::Stopped | Event::Nothing => {}
        }
    };
    Ok(Ran { stdout, failed })
}

/// The end of what git said when it did not do as asked. What a remote says is among it: nothing
/// that a terminal would act on is left.
fn said(stderr: &[u8], ending: Ending) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(6)..).unwrap_or_default();
    let plain = |line: &&str| line.chars().filter(|c| !c.is_control()).take(1000).collect();
    let last: Vec<String> = last.iter().map(plain).collect();
    if last.is_empty() { format!("git ended with {ending:?}") } else { last.join("\n") }
}

/// Bytes of the files in a folder.
fn size(host: &Host, folder: &Path) -> u64 {
    let entries = host.list(folder).unwrap_or_default();
    entries.iter().filter(|it| it.kind == Kind::File).map(|it| it.size).sum()
}
