//! The frame around every command: parse, record, run, print, choose the exit code.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clap::{Args, Parser};

use crate::config;
use crate::failure::{Exit, Failure};
use crate::host::{Host, Replacement};
use crate::progress::{Progress, Waiting};
use crate::record::{Open, Run, Status};
use crate::redact::Redactor;
use crate::report::Report;
use crate::time;

/// Options that mean the same in every binary.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Folder of configuration files [default: /etc/ai-ops-runner/configs, else the install's own]
    #[arg(long, global = true, value_name = "DIR", env = "AIOPS_CONFIGS", hide_env_values = true)]
    pub configs: Option<PathBuf>,

    /// Folder of state and artifacts [default: /var/lib/ai-ops-runner for root, else ~/.local/state/ai-ops-runner]
    #[arg(long, global = true, value_name = "DIR", env = "AIOPS_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,

    /// Print one JSON document on standard output and nothing else there
    #[arg(long, global = true)]
    pub json: bool,

    /// Say nothing but the result
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more on standard error; repeat for still more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// A binary: what its `main` hands to [`main`].
pub trait Command: Parser {
    /// The binary's name.
    const NAME: &'static str;

    /// The options every binary shares.
    fn common(&self) -> &Common;

    /// What a run record calls this call; `None` for a pure look-up, which leaves none.
    fn action(&self) -> Option<String>;

    /// What is told of a wrong command line, and the code it ends with.
    fn misused(error: clap::Error) -> (clap::Error, Exit) {
        (error, Exit::Usage)
    }

    /// The command line as the run record holds it; what may be a secret does not belong there.
    fn recorded(&self, argv: Vec<String>) -> Vec<String> {
        argv
    }

    /// The code that this call ends with when an outcome calls for `exit`.
    fn code(&self, exit: Exit) -> Exit {
        exit
    }

    /// Does the work.
    ///
    /// # Errors
    /// When there is no answer.
    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure>;
}

/// What a running command needs to know of its surroundings.
#[derive(Debug)]
pub struct Context {
    /// The machine.
    pub host: Host,
    /// Where configuration comes from.
    pub configs: config::Source,
    /// The folder of state and artifacts.
    pub home: PathBuf,
    /// 0 quiet, 1 normal, more with each `--verbose`.
    pub verbosity: u8,
    name: &'static str,
    run: OnceLock<String>,
    redactor: Arc<Mutex<Redactor>>,
    noted: Arc<Mutex<Noted>>,
}

/// What a run adds to its record.
#[derive(Debug, Default)]
struct Noted {
    steps: Vec<String>,
    artifacts: Vec<String>,
    cost_usd: f64,
}

impl Context {
    /// Makes the surroundings of a command.
    ///
    /// # Errors
    /// Exit 78 when no home folder is known.
    pub fn new(name: &'static str, host: Host, common: &Common) -> Result<Self, Failure> {
        let configs = config::source(&host, common.configs.as_deref());
        let home = home(&host, common.home.as_deref())?;
        let asked = host.env("AIOPS_LOG").and_then(|it| it.to_str()).map(|it| level(it, name));
        let verbosity = match (common.quiet, common.verbose) {
            (true, _) => 0,
            (false, 0) => asked.unwrap_or(1),
            (false, more) => more.saturating_add(1),
        };
        let (run, redactor, noted) = (OnceLock::new(), Arc::default(), Arc::default());
        Ok(Self { host, configs, home, verbosity, name, run, redactor, noted })
    }

    /// The run that this process is: the id of its run record, else, where a look-up leaves none,
    /// one of its own.
    pub fn run_id(&self) -> &str {
        self.run.get_or_init(|| time::run_id(self.host.now(), self.host.random()))
    }

    /// Masks a secret in everything that this process says from now on.
    pub fn learn_secret(&self, secret: &str) {
        self.redactor.lock().unwrap_or_else(PoisonError::into_inner).learn(secret);
    }

    /// Passes a text through the redactor.
    pub fn clean(&self, text: &str) -> String {
        self.redactor.lock().unwrap_or_else(PoisonError::into_inner).clean(text)
    }

    /// Names a step of this run in its record.
    pub fn note_step(&self, step: &str) {
        let step = self.clean(step);
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).steps.push(step);
    }

    /// Names a file or folder that this run leaves in its record.
    pub fn note_artifact(&self, path: &Path) {
        let path = self.clean(&path.display().to_string());
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).artifacts.push(path);
    }

    /// Adds to the money in the record of this run, US dollars.
    pub fn note_cost(&self, usd: f64) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).cost_usd += usd;
    }

    /// The money in the record of this run so far, US dollars.
    pub fn cost_usd(&self) -> f64 {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).cost_usd
    }

    /// Progress of `total` steps on standard error: only on a terminal, only after a second, never
    /// with `--quiet`.
    pub fn progress(&self, what: &'static str, total: usize) -> Progress {
        Progress::new(what, total, self.verbosity > 0)
    }

    /// A sign of life on standard error for as long as it is kept: only on a terminal, only after a
    /// second, never with `--quiet` nor where it `is_wanted` not (`--json`). What is said meanwhile
    /// goes through [`Waiting::aside`].
    pub fn waiting(&self, is_wanted: bool) -> Waiting {
        Waiting::new(is_wanted && self.verbosity > 0)
    }

    /// The same for one piece of work.
    pub fn working(&self, what: &str) -> Waiting {
        let waiting = self.waiting(true);
        waiting.set(what.to_owned());
        waiting
    }

    /// Tells a person something on standard error, unless `--quiet`.
    pub fn say(&self, text: &str) {
        self.tell(1, text);
    }

    /// Tells a person something on standard error when `level` is asked for (2: `--verbose`).
    pub fn tell(&self, level: u8, text: &str) {
        if self.verbosity >= level {
            for line in self.clean(text).lines() {
                complain(&format!("{}: {line}", self.name));
            }
        }
    }
}

/// Runs a binary: the body of every `main`.
pub fn main<C: Command>() -> ExitCode {
    let host = Host::real();
    host.forbid_core_dumps();
    let command = match C::try_parse() {
        Ok(command) => command,
        Err(asked) if asked.exit_code() == 0 => {
            // Help and version; a reader that closed the pipe has seen enough.
            let _unread = asked.print().is_err();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let (error, exit) = C::misused(error);
            let _unread = error.print().is_err();
            return exit.into();
        }
    };
    let context = match Context::new(C::NAME, host, command.common()) {
        Ok(context) => context,
        Err(failure) => {
            explain(C::NAME, &failure, str::to_owned);
            return command.code(failure.exit).into();
        }
    };
    silence_panics(C::NAME);
    command.code(framed(&command, &context)).into()
}

/// Records, runs and reports one call; returns the code it ends with.
fn framed<C: Command>(command: &C, context: &Context) -> Exit {
    let mut record = match command.action().map(|action| open_record(command, context, action)) {
        Some(Err(failure)) => {
            explain(C::NAME, &failure, |line| context.clean(line));
            return failure.exit;
        }
        Some(Ok(record)) => Some(record),
        None => None,
    };
    let mut outcome = panic::catch_unwind(AssertUnwindSafe(|| command.run(context)))
        .unwrap_or_else(|_| {
            Err(Failure::new(Exit::Internal, "go on: this is a bug, please report it"))
        });
    if let Some(program) = outcome.as_ref().ok().and_then(|report| report.becomes()) {
        outcome = Err(replace(context, record.as_mut(), program));
    }
    let mut exit = match &outcome {
        Ok(report) => report.exit(),
        Err(failure) => failure.exit,
    };
    if let Some(record) = &mut record {
        let error = outcome.as_ref().err().map(|failure| context.clean(&failure.to_string()));
        let code = command.code(exit);
        let noted =
            std::mem::take(&mut *context.noted.lock().unwrap_or_else(PoisonError::into_inner));
        record.add(noted.steps, noted.artifacts, noted.cost_usd);
        if let Err(err) = record.end(&context.host, status(&outcome), code, error) {
            complain(&format!("{}: cannot close the run record: {err}", C::NAME));
            exit = exit.or(Exit::Unavailable);
        }
    }
    match outcome {
        Ok(report) => finish(C::NAME, context, command.common().json, report.as_ref(), exit),
        Err(failure) => {
            explain(C::NAME, &failure, |line| context.clean(line));
            exit
        }
    }
}

/// Becomes another program, or says why not.
fn replace(context: &Context, record: Option<&mut Open>, program: &Replacement) -> Failure {
    let name = program.program.to_string_lossy();
    let doing = || format!("run {name}");
    if let Some(record) = record {
        record.step(format!("became {name}: from then on its own run, with its own exit code"));
        if let Err(err) = record.end(&context.host, Status::Success, Exit::Ok, None) {
            return Failure::new(Exit::WrapperFailed, doing()).because(err);
        }
    }
    let err = context.host.become_program(program);
    let exit = match err.kind() {
        io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::CannotRun,
    };
    Failure::new(exit, doing()).because(err)
}

fn status(outcome: &Result<Box<dyn Report>, Failure>) -> Status {
    match outcome {
        Ok(report) if report.exit() == Exit::Ok => Status::Success,
        Ok(_) => Status::Failure,
        Err(failure) => match failure.exit {
            Exit::Internal => Status::Crashed,
            Exit::TryLater | Exit::NotPermitted | Exit::Config | Exit::Usage => Status::Refused,
            _ => Status::Failure,
        },
    }
}

/// Prints a report. The verdict is settled before anything is written: a closed pipe cannot turn
/// a "no" into a "yes", and a report that could not be written is never a "yes".
fn finish(name: &str, context: &Context, json: bool, report: &dyn Report, exit: Exit) -> Exit {
    match print(context, json, report) {
        Ok(()) => exit,
        Err(err) => {
            complain(&format!("{name}: cannot write the report: {err}"));
            exit.or(Exit::Unavailable)
        }
    }
}

fn print(context: &Context, json: bool, report: &dyn Report) -> io::Result<()> {
    let mut text = Vec::new();
    if json {
        serde_json::to_writer(&mut text, &report.json())?;
        text.push(b'\n');
    } else {
        report.write_human(&mut text)?;
    }
    if !report.is_exact() {
        text = context.clean(&String::from_utf8_lossy(&text)).into_bytes();
    }
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

/// Writes a line to standard error. Where nobody can read it (a full disk, a closed pipe) that is no
/// reason to end otherwise than without it.
fn complain(line: &str) {
    let _unheard = writeln!(io::stderr(), "{line}").is_err();
}

fn explain(name: &str, failure: &Failure, clean: impl Fn(&str) -> String) {
    for line in failure.lines() {
        complain(&format!("{name}: {}", clean(&line)));
    }
}

fn silence_panics(name: &'static str) {
    let verbose = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if Host::real().env("AIOPS_BACKTRACE").is_some() {
            verbose(info);
        } else {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            complain(&format!("{name}: internal error at {place} (AIOPS_BACKTRACE=1 shows more)"));
        }
    }));
}

fn open_record<C: Command>(
    command: &C,
    context: &Context,
    action: String,
) -> Result<Open, Failure> {
    let trigger = context.host.env("AIOPS_TRIGGER").and_then(|it| it.to_str()).unwrap_or("cli");
    let known = ["console", "timer", "hook", "cli", "sms", "api"];
    let run = Run {
        schema: "aiops.run/1".into(),
        run_id: context.run_id().to_owned(),
        project: "ai-ops-runner".into(),
        kind: C::NAME.into(),
        action,
        actor: format!("uid:{}", context.host.user()),
        host: context.host.name(),
        trigger: if known.contains(&trigger) { trigger.into() } else { "cli".into() },
        argv: command.recorded(context.host.argv()).iter().map(|arg| context.clean(arg)).collect(),
        pid: std::process::id(),
        started_at: String::new(),
        finished_at: None,
        duration_ms: None,
        status: Status::Running,
        exit_code: None,
        error_summary: None,
        steps: vec![],
        artifacts: vec![],
        cost_usd: 0.0,
    };
    Open::begin(&context.host, &context.home, run)
}

/// How much an env-filter (`info`, `bridge-exec=debug,warn`) asks this binary to say: the most
/// specific directive counts, the last among equals; what is not a level counts as `info`.
fn level(filter: &str, name: &str) -> u8 {
    let (mut own, mut general) = (None, None);
    for directive in filter.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target), level),
            None => (None, directive),
        };
        let level = match level.to_ascii_lowercase().as_str() {
            "off" | "error" | "warn" => 0,
            "debug" => 2,
            "trace" => 3,
            _ => 1,
        };
        match target {
            None => general = Some(level),
            Some(target) if target.replace('_', "-") == name => own = Some(level),
            Some(_) => {}
        }
    }
    own.or(general).unwrap_or(1)
}

fn home(host: &Host, asked: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(home) = asked.map(Path::to_path_buf).or(host.env("AIOPS_HOME").map(Into::into)) {
        return Ok(home);
    }
    if host.is_root() {
        return Ok("/var/lib/ai-ops-runner".into());
    }
    let state = host.env("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or(host.home_folder().map(|home| home.join(".local/state")));
    state.map(|state| state.join("ai-ops-runner")).ok_or_else(|| {
        Failure::new(
            Exit::Config,
            "find a folder for state: neither HOME nor XDG_STATE_HOME is set",
        )
        .hint("--home DIR or AIOPS_HOME names one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_env_filter_sets_how_much_is_said() {
        for (filter, want) in [
            ("", 1),
            ("info", 1),
            ("warn", 0),
            ("off", 0),
            ("debug", 2),
            ("TRACE", 3),
            ("bridge_exec=debug", 2),
            ("warn,bridge-exec=trace", 3),
            ("bridge-exec=off,debug", 0),
            ("notify=trace", 1),
            ("nonsense", 1),
        ] {
            assert_eq!(level(filter, "bridge-exec"), want, "{filter}");
        }
    }

    #[test]
    fn the_home_folder_is_the_one_asked_for_else_by_environment() {
        let at = |env: &[(&str, &str)], asked: Option<&str>| {
            home(&Host::with(env.iter().copied(), Timestamp::UNIX_EPOCH), asked.map(Path::new))
        };
        assert_eq!(at(&[("AIOPS_HOME", "/a")], Some("/b")).unwrap(), Path::new("/b"));
        assert_eq!(at(&[("AIOPS_HOME", "/a")], None).unwrap(), Path::new("/a"));
        let plain = at(&[("HOME", "/h")], None).unwrap();
        let want = if Host::real().is_root() {
            "/var/lib/ai-ops-runner"
        } else {
            "/h/.local/state/ai-ops-runner"
        };
        assert_eq!(plain, Path::new(want));
    }
}
