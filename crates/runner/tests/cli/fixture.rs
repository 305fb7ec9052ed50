//! A home, settings, a token, a stand-in for orb-wrap, and the processes of a test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ops_core::host::Host;
use run_queue::{Address, Clock, Postgres, Queue, Sqlite};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::schema::valid;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Short leases: a test sees in seconds what takes half a minute.
pub(crate) const LEASE_SECONDS: u32 = 4;

/// A token that no scanner takes for one.
pub(crate) fn token() -> String {
    "0123456789abcdef".repeat(4)
}

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    /// Where the queue is: a file unless a server is named.
    database: Option<String>,
    /// Programs that every call is started by, such as `ip netns exec NAME`.
    pub(crate) through: Vec<String>,
    /// Variables that every call gets beside the usual.
    pub(crate) env: Vec<(String, String)>,
}

impl Site {
    pub(crate) fn new(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder, database, through: vec![], env: vec![] };
        for name in ["bin", "home", "configs", "secrets"] {
            fs::create_dir(site.at(name)).unwrap();
        }
        // Beside a runner of its own, so that the real orb-wrap is not found first.
        copy_program(Path::new(env!("CARGO_BIN_EXE_runner")), &site.at("bin/runner"));
        fs::write(site.at("bin/orb-wrap"), include_str!("stand_in.sh")).unwrap();
        fs::set_permissions(site.at("bin/orb-wrap"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(site.at("secrets/runner_token"), token()).unwrap();
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(site.at("secrets/runner_token"), private).unwrap();
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        fs::copy(top.join("keys.yaml"), site.at("configs/keys.yaml")).unwrap();
        let settings = fs::read_to_string(top.join("runner.yaml")).unwrap();
        let settings = settings
            .replace("leaseSeconds: 20", &format!("leaseSeconds: {LEASE_SECONDS}"))
            .replace("heartbeatSeconds: 5", "heartbeatSeconds: 1")
            .replace("maxAttempts: 3", "maxAttempts: 20")
            .replace("drainSeconds: 60", "drainSeconds: 2");
        fs::write(site.at("configs/runner.yaml"), settings).unwrap();
        let types = fs::read_to_string(top.join("job_allowlist.yaml")).unwrap();
        let types = format!(
            "{types}\n  stand_in:\n    about: for tests\n    argv: [\"repo:run\"]\n    \
             timeout: 10m\n    requires_repo_allowlist: true\n    network: none\n    \
             allowed_params: [{{name: act, pattern: '[a-z0-9 ]*'}}]\n    limits: {{memory_mib: 64, \
             processes: 16, output_bytes: 65536, artifact_mib: 16, tmp_mib: 16}}\n"
        );
        fs::write(site.at("configs/job_allowlist.yaml"), types).unwrap();
        let repos: Vec<Value> = (0..40)
            .map(|number| {
                let url = format!("https://git.example/r{number}");
                json!({"name": format!("r{number}"), "url": url, "refs": ["refs/heads/main"]})
            })
            .collect();
        // JSON is YAML.
        let repos = json!({"repos": repos}).to_string();
        fs::write(site.at("configs/repo_allowlist.yaml"), repos).unwrap();
        site
    }

    /// The server that keeps the queue, if one does.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let own = self.at("bin/runner").into_os_string().into_string().unwrap();
        let words: Vec<&str> =
            self.through.iter().map(String::as_str).chain([own.as_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(args).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("AIOPS_HOME", self.at("home")).env("AIOPS_CONFIGS", self.at("configs"));
        command.env("AIOPS_SECRETS_DIR", self.at("secrets")).env("HOME", self.at("home"));
        if let Some(url) = &self.database {
            command.env("AIOPS_DATABASE_URL", url);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a call to its end.
    pub(crate) fn call(&self, args: &[&str]) -> Called {
        Called::new(self.command(args).output().unwrap())
    }

    /// Runs a client's call against a server.
    pub(crate) fn ask(&self, server: &Service, args: &[&str]) -> Called {
        let api = ["--api", &server.address];
        self.call(&[&api, args].concat())
    }

    /// The queue, as a worker would have it.
    pub(crate) fn queue(&self) -> Arc<dyn Queue> {
        let host = Host::real();
        match &self.database {
            None => {
                let path = self.at("home/state/runner/queue.db");
                Arc::new(Sqlite::open(&host, &path, Clock::Own).unwrap())
            }
            Some(url) => {
                let address = Address::parse(url, None, None).unwrap();
                Arc::new(Postgres::open(&host, address, Clock::Own).unwrap())
            }
        }
    }

    /// Starts an API or workers in the background, on a free port, and waits until they serve.
    pub(crate) fn start(&self, call: &str, more: &[&str]) -> Service {
        let mut service = self.start_unseen(call, more);
        let listens = call != "work";
        let sign = if listens { "listening on " } else { " runs jobs" };
        service.wait_for(sign);
        if listens {
            let said = service.said();
            let address = said.split(sign).nth(1).unwrap().split(',').next().unwrap();
            address.clone_into(&mut service.address);
        }
        service
    }

    /// The same without waiting.
    pub(crate) fn start_unseen(&self, call: &str, more: &[&str]) -> Service {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let log = self.at(&format!("{call}-{number}.log"));
        let listens = call != "work";
        let listen: &[&str] = if listens { &["--listen", "127.0.0.1:0"] } else { &[] };
        let mut command = self.command(&[&[call], listen, more].concat());
        let file = fs::File::create(&log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
        let child = command.spawn().unwrap();
        Service { child, log, address: String::new() }
    }

    /// The ids of jobs whose program began, or came to its end, in the order in which they did.
    pub(crate) fn ran(&self, what: &str) -> Vec<String> {
        let said = fs::read_to_string(self.at("home/ran")).unwrap_or_default();
        let lines = said.lines().filter_map(|line| line.strip_prefix(what));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    /// Lets jobs end that wait for it.
    pub(crate) fn let_go(&self) {
        fs::write(self.at("home/go"), "").unwrap();
    }
}

/// Copies a program, by a process of its own: another test's child would for a moment have what this
/// process writes open, and what is open for writing cannot be run.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// A process in the background. It ends with the test, and its group with it.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
    pub(crate) address: String,
}

impl Service {
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has said something.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.said().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}: {}", self.said());
            assert!(Instant::now() < end, "no {text:?} in: {}", self.said());
            pause();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills the process alone, as the kernel would; what it started is its own affair.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Asks it to end and returns its code and what it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.said());
            }
            assert!(Instant::now() < end, "it does not end: {}", self.said());
            pause();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL).is_err();
        let _gone = self.child.wait().is_err();
    }
}

/// A call that has ended.
pub(crate) struct Called {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Called {
    fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// The one document on standard output, which is as its schema says.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|err| panic!("{err}: {}", self.out));
        valid(&document);
        document
    }
}

/// Waits for what must become so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not become so");
        pause();
    }
}

pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
