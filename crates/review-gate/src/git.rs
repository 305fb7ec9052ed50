//! The git program, for what changes a repository: its own environment, no hooks, no prompts.
//!
//! Nothing of the caller's `GIT_*` variables reaches it, so a hook that calls this reaches the
//! repository it means.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Exec, Finished, Host};

/// How long a call that stays on this machine may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// How much one call may say, bytes.
const CAP: usize = 64 << 20;

/// Where git finds the user's name, keys and proxies; never where it finds a repository.
const PASSED: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Git in one folder.
#[derive(Debug)]
pub struct Git<'a> {
    host: &'a Host,
    folder: PathBuf,
}

impl<'a> Git<'a> {
    /// Git in a folder that exists.
    pub fn new(host: &'a Host, folder: &Path) -> Self {
        Self { host, folder: folder.to_path_buf() }
    }

    /// The call as it will be made, hooks included: what a person's `git` in this folder would do.
    pub fn plain<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Exec {
        let mut exec = Exec::new("git", args);
        exec.folder = Some(self.folder.clone());
        exec.deadline = DEADLINE;
        exec.cap = CAP;
        exec.env = environment(self.host);
        exec
    }

    /// The same without hooks or monitors: nothing but git itself runs.
    pub fn quiet<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Exec {
        let fixed = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];
        let fixed = fixed.into_iter().map(OsString::from);
        self.plain(fixed.chain(args.into_iter().map(Into::into)))
    }

    /// Runs a call to its end.
    ///
    /// # Errors
    /// Exit 69 when there is no git, or it said more than is kept.
    pub fn run(&self, exec: &Exec) -> Result<Finished, Failure> {
        let doing = || format!("run git {}", shown(exec));
        let done = self.host.run(exec).or_fail(Exit::Unavailable, doing())?;
        if done.truncated {
            return Err(Failure::new(Exit::Unavailable, doing()).because("it said too much"));
        }
        Ok(done)
    }

    /// What a call that must work prints, without the line's end.
    ///
    /// # Errors
    /// Exit 69 with what git said.
    pub fn said<A: Into<OsString>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, Failure> {
        self.output(&self.quiet(args))
    }

    /// The same with something on its standard input.
    ///
    /// # Errors
    /// As [`Git::said`].
    pub fn fed<A: Into<OsString>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let mut exec = self.quiet(args);
        exec.input = input.to_vec();
        self.output(&exec)
    }

    fn output(&self, exec: &Exec) -> Result<Vec<u8>, Failure> {
        let done = self.run(exec)?;
        if !done.success() {
            return Err(Failure::new(Exit::Unavailable, format!("run git {}", shown(exec)))
                .because(why(&done)));
        }
        let mut said = done.stdout;
        if said.last() == Some(&b'\n') {
            said.pop();
        }
        Ok(said)
    }

    /// A setting as git finds it here, in whatever file; `None` when it is not set.
    ///
    /// # Errors
    /// Exit 69 when git cannot tell.
    pub fn setting(&self, name: &str) -> Result<Option<String>, Failure> {
        let exec = self.plain(["config", "--type=path", "--get", name]);
        let done = self.run(&exec)?;
        match done.ending {
            Ending::Code(0) => {
                let text = String::from_utf8_lossy(&done.stdout);
                Ok(Some(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
            }
            Ending::Code(1) => Ok(None),
            _ => Err(Failure::new(Exit::Unavailable, format!("read git's setting {name}"))
                .because(why(&done))),
        }
    }

    /// A path that git tells of itself (`--git-common-dir`, `--git-path hooks`), absolute.
    ///
    /// # Errors
    /// Exit 69 when git cannot tell.
    pub fn path(&self, question: &[&str]) -> Result<PathBuf, Failure> {
        let ask = ["rev-parse", "--path-format=absolute"].iter().chain(question);
        // Not `quiet`: `--git-path hooks` would tell of the folder that `quiet` sets.
        let said = self.output(&self.plain(ask.copied()))?;
        Ok(PathBuf::from(OsStr::from_bytes(&said)))
    }
}

/// What git gets of this process's environment.
pub fn environment(host: &Host) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> = PASSED
        .iter()
        .filter_map(|name| Some((OsString::from(name), host.env(name)?.to_owned())))
        .collect();
    for (name, value) in [
        ("LC_ALL", "C"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", ""),
        ("SSH_ASKPASS", ""),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_EDITOR", "false"),
    ] {
        env.insert(name.into(), value.into());
    }
    env
}

/// What git said of a failure, in short.
pub fn why(done: &Finished) -> String {
    let said = String::from_utf8_lossy(&done.stderr);
    let said: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).take(12).collect();
    match (&done.ending, said.is_empty()) {
        (Ending::Deadline, _) => "it did not end in time".to_owned(),
        (ending, true) => format!("it ended with {ending:?} and said nothing"),
        (_, false) => said.join("\n"),
    }
}

/// The call's own words, without settings or operands, which may hold an address with a password.
fn shown(exec: &Exec) -> String {
    let mut words = exec.args.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "-c" {
            let _setting = words.next();
        } else {
            return word.into_owned();
        }
    }
    String::new()
}
