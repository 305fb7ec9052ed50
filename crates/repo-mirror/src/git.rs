//! The only place that starts git, so that nothing but our own words decides what it does.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use jobs::RepoUrl;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Exec, Finished, Host};

/// How long a fetch may take.
const DEADLINE: Duration = Duration::from_mins(15);
/// Bytes kept of what git says.
const CAP: usize = 256 * 1024;

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
) -> Result<Finished, Failure> {
    let mut words: Vec<OsString> = vec!["--no-pager".into()];
    let mut set = |setting: &str| words.extend(["-c".into(), setting.into()]);
    SETTINGS.iter().for_each(|it| set(it));
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
    let mut exec = Exec::new("git", words);
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
    exec.deadline = DEADLINE;
    exec.cap = CAP;
    host.run(&exec).or_fail(Exit::Unavailable, "run git").map_err(|it| it.hint("install git"))
}

/// What git said when it did not do as asked.
pub(crate) fn said(finished: &Finished) -> String {
    let text = String::from_utf8_lossy(&finished.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(6)..).unwrap_or_default();
    if last.is_empty() { format!("git ended with {:?}", finished.ending) } else { last.join("\n") }
}
