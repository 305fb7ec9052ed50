//! A machine of its own for one test: home, configuration, secrets, and the four services.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fakes::{Fake, Ntfy, Pushover, Service, Twilio, Webhook};
use notify::channels::Call;
use notify::documents::{Flushed, Sent, Standing};
use notify::flush::{Done, Scope, flush};
use notify::lines::Lines;
use notify::settings::Settings;
use ops_core::alert::{Alert, Kind, Severity, spool_alert};
use ops_core::cli::{Common, Context};
use ops_core::config::{self, Source};
use ops_core::host::{Host, Stop};
use ops_core::time::Timestamp;
use outbound::{Client, Limits};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The numbers that may get and send SMS.
pub(crate) const NUMBERS: [&str; 2] = ["+14155550198", "+14155550199"];

/// A machine with its services.
pub(crate) struct Machine {
    dir: TempDir,
    pub(crate) pushover: Fake<Pushover>,
    pub(crate) twilio: Fake<Twilio>,
    pub(crate) ntfy: Fake<Ntfy>,
    pub(crate) webhook: Fake<Webhook>,
    /// The environment of every call.
    pub(crate) env: Vec<(String, String)>,
}

/// What a call said.
#[derive(Debug)]
#[must_use = "assert the exit code"]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn document<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.out).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }
}

impl Machine {
    /// One whose only channel is Pushover.
    pub(crate) fn new() -> Self {
        Self::with(&["pushover"], |_| {})
    }

    /// One with these channels in this order, and changes to the shipped settings.
    pub(crate) fn with(channels: &[&str], change: impl FnOnce(&mut Value)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shipped: Settings = config::load(&Host::real(), &Source::Shipped).unwrap();
        let mut settings = serde_json::to_value(shipped).unwrap();
        let pushover = Fake::start(Pushover::default());
        let twilio = Fake::start(Twilio::default());
        let (ntfy, webhook) = (Fake::start(Ntfy::default()), Fake::start(Webhook::default()));
        settings["order"] = json!(channels);
        settings["channels"] = json!({
            "pushover": {"enabled": true, "apiBase": pushover.url()},
            "twilio": {"enabled": true, "apiBase": twilio.url()},
            "ntfy": {"enabled": true, "apiBase": ntfy.url(), "topic": "alerts"},
            "webhook": {"enabled": true, "apiBase": format!("{}/hooks/1", webhook.url())},
        });
        settings["timeoutSeconds"] = 2.into();
        change(&mut settings);
        let configs = dir.path().join("configs");
        fs::create_dir(&configs).unwrap();
        fs::create_dir(dir.path().join("secrets")).unwrap();
        // JSON is YAML.
        fs::write(configs.join("notify.yaml"), settings.to_string()).unwrap();
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        fs::copy(top.join("configs/keys.yaml"), configs.join("keys.yaml")).unwrap();
        let (token, user) = pushover.service(|it| (it.token.clone(), it.user.clone()));
        let (account, auth) = twilio.service(|it| (it.account.clone(), it.token.clone()));
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let env = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", path("home")),
            ("AIOPS_HOME", path("home")),
            ("AIOPS_CONFIGS", path("configs")),
            ("AIOPS_SECRETS_DIR", path("secrets")),
            ("PUSHOVER_TOKEN", token),
            ("PUSHOVER_USER", user),
            ("TWILIO_ACCOUNT_SID", account),
            ("TWILIO_AUTH_TOKEN", auth),
            ("TWILIO_FROM_NUMBER", "+14155550100".to_owned()),
            ("SMS_ALLOWLIST", NUMBERS.join(",")),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        Self { dir, pushover, twilio, ntfy, webhook, env }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Takes a secret away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.retain(|(own, _)| own != name);
        self
    }

    /// A call; words are split at spaces, `~` in a word stands for one.
    pub(crate) fn call(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notify"));
        command
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .args(line.split_whitespace().map(|word| word.replace('~', " ")));
        command
    }

    /// Runs a call to its end.
    pub(crate) fn run(&self, line: &str) -> Said {
        said(self.call(line))
    }

    /// Sends a message and reads the document.
    #[track_caller]
    pub(crate) fn send(&self, line: &str, code: i32) -> Sent {
        self.run(&format!("send --json {line}")).expect(code).document()
    }

    #[track_caller]
    pub(crate) fn flush(&self, code: i32) -> Flushed {
        self.run("flush --json").expect(code).document()
    }

    #[track_caller]
    pub(crate) fn status(&self) -> Standing {
        self.run("status --json").expect(0).document()
    }

    /// How many messages every service took.
    pub(crate) fn accepted(&self) -> [usize; 4] {
        [
            self.pushover.accepted().len(),
            self.twilio.accepted().len(),
            self.ntfy.accepted().len(),
            self.webhook.accepted().len(),
        ]
    }

    /// Every file below the home, with its bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut open = vec![self.path("home")];
        while let Some(folder) = open.pop() {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if !path.to_str().unwrap().ends_with("-shm") {
                    // (That one is memory that processes share: whoever looks makes it anew.)
                    let bytes = fs::read(&path).unwrap();
                    found.push((path, bytes));
                }
            }
        }
        found
    }

    /// The same machine at a time of the test's own: no processes, the very same library.
    pub(crate) fn simulated(&self, now: Timestamp) -> Simulated {
        let env = self.env.clone();
        let host = Host::with(env, now);
        let common = Common { quiet: true, ..Common::default() };
        let context = Context::new("notify", host, &common).unwrap();
        let settings: Settings = config::load(&context.host, &context.configs).unwrap();
        let limits = Limits {
            connect: Duration::from_millis(500),
            total: Duration::from_millis(800),
            ..Limits::default()
        };
        Simulated { context, settings, client: Client::new(limits), now }
    }
}

/// Runs a prepared call to its end.
pub(crate) fn said(mut command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: scenarios_code(output.status),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The exit code; 128 and the signal's number when a signal ended it.
pub(crate) fn scenarios_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A message about a check.
pub(crate) fn alert(title: &str, check: Option<&str>, severity: Severity, kind: Kind) -> Alert {
    Alert {
        title: title.into(),
        message: String::new(),
        check: check.map(str::to_owned),
        severity,
        kind,
        channel: None,
    }
}

/// A machine whose clock the test moves.
pub(crate) struct Simulated {
    pub(crate) context: Context,
    pub(crate) settings: Settings,
    client: Client,
    pub(crate) now: Timestamp,
}

impl Simulated {
    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self.context.host.set_clock(self.now);
        self
    }

    pub(crate) fn raise(&self, alert: &Alert) -> String {
        spool_alert(&self.context, "test", alert).unwrap().id
    }

    pub(crate) fn flush(&mut self) -> Done {
        let lines = Lines::load(&self.context, &self.settings, None, true).unwrap();
        let Self { context, settings, client, .. } = self;
        flush_by(context, settings, &lines, &mut |request| client.call(request))
    }
}

/// Flushes within this process. Children that other tests fork meanwhile hold our lock until they
/// have become another program, so a lock that is taken is tried again.
pub(crate) fn flush_by(
    context: &Context,
    settings: &Settings,
    lines: &Lines,
    call: &mut Call<'_>,
) -> Done {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match flush(context, settings, lines, Scope::All, call, &Stop::never()).unwrap() {
            Ok(done) => return done,
            Err(busy) => assert!(std::time::Instant::now() < end, "{busy:?}"),
        }
    }
}

/// Titles in the order a service took them.
pub(crate) fn titles<S: Service>(fake: &Fake<S>) -> Vec<String> {
    fake.accepted()
        .iter()
        .map(|it| {
            if it.field("title").is_empty() { it.field("message") } else { it.field("title") }
                .to_owned()
        })
        .collect()
}
