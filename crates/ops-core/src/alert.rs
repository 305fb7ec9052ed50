//! Raising an alert: one durable file in the spool, and `notify flush` started. No network here.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::Context;
use crate::config::Source;
use crate::failure::{Exit, Failure, OrFail};
use crate::host::{Exec, Host};
use crate::time;

/// The schema that every file of the spool names.
pub const SCHEMA: &str = "aiops.alert/1";

/// The largest message that is spooled, in bytes; what is sent is cut by each channel.
const LARGEST: usize = 64 * 1024;

/// What of the environment `notify` needs to find its configuration, state and secrets.
const PASSED_ON: &[&str] = &[
    "HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "AIOPS_CONFIGS",
    "AIOPS_SECRETS_DIR",
    "AIOPS_TRIGGER",
    "CREDENTIALS_DIRECTORY",
    "PUSHOVER_TOKEN",
    "PUSHOVER_USER",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
    "SMS_ALLOWLIST",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// How much an alert matters, least first.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know; no sound.
    Info,
    /// Look at it today.
    Warn,
    /// Look at it now.
    High,
    /// Repeated until somebody acknowledges it; never too old to be told.
    Emergency,
}

/// What an alert tells.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something happened.
    Event,
    /// What a check id told of is over. Told only if the failure was.
    Recovery,
}

/// Something to tell the operator.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// One line.
    pub title: String,
    /// The text; may be empty.
    pub message: String,
    /// What it is about, `thing.property`: alerts of one check id are rate limited together.
    pub check: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// What it tells.
    pub kind: Kind,
    /// The only channel that may carry it; the configured order when `None`.
    pub channel: Option<String>,
}

/// An alert as it lies in the spool, `<home>/state/alerts/new/<id>.json`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spooled {
    /// `aiops.alert/1`.
    pub schema: String,
    /// Unique, and in the order of time: `<microseconds since the epoch, 16 hex>-<16 hex>`.
    pub id: String,
    /// RFC 3339 UTC.
    pub raised_at: String,
    /// The binary that raised it.
    pub raised_by: String,
    /// What it says, redacted.
    pub alert: Alert,
}

/// The folder that alerts are dropped into.
pub fn spool(home: &Path) -> PathBuf {
    home.join("state/alerts/new")
}

/// Whether a text can be a check id: 1 to 128 characters of `[A-Za-z0-9._:/-]`.
pub fn is_check_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(allowed)
}

/// Writes an alert into the spool. It is on disk when this returns; what it says passed the
/// redactor.
///
/// # Errors
/// Exit 2 for a check id that is none, 69 when the spool cannot be written.
pub fn spool_alert(context: &Context, by: &str, alert: &Alert) -> Result<Spooled, Failure> {
    if let Some(check) = alert.check.as_deref().filter(|check| !is_check_id(check)) {
        return Err(Failure::new(Exit::Usage, format!("use the check id {check:?}"))
            .because("a check id is 1 to 128 characters of A-Z a-z 0-9 . _ : / -")
            .hint("the usual form is thing.property, for example disk.free"));
    }
    let folder = spool(&context.home);
    let doing = || format!("write an alert into {}", folder.display());
    context.host.make_dir(&folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    let mut alert = alert.clone();
    alert.title = bounded(&context.clean(&alert.title));
    alert.message = bounded(&context.clean(&alert.message));
    loop {
        let spooled = stamped(&context.host, by, &alert);
        let mut bytes = serde_json::to_vec(&spooled).or_fail(Exit::Internal, doing())?;
        bytes.push(b'\n');
        let path = folder.join(format!("{}.json", spooled.id));
        match context.host.create_file(&path, &bytes, 0o640) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
            written => {
                return written.or_fail(Exit::Unavailable, doing()).map(|()| spooled);
            }
        }
    }
}

/// Writes an alert into the spool and starts `notify flush`, which is left to itself. Returns
/// whether it could be started: where it cannot, the flush timer delivers.
///
/// # Errors
/// As [`spool_alert`].
pub fn raise(context: &Context, by: &str, alert: &Alert) -> Result<bool, Failure> {
    spool_alert(context, by, alert)?;
    let Some(program) = context.host.find_program("notify") else { return Ok(false) };
    let mut exec = Exec::new(program, ["flush", "--quiet"]);
    exec.env = passed_on(context);
    Ok(context.host.start(&exec).is_ok())
}

fn passed_on(context: &Context) -> BTreeMap<std::ffi::OsString, std::ffi::OsString> {
    let host = &context.host;
    let mut env: BTreeMap<_, _> = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).into(), host.env(name)?.into())))
        .collect();
    env.insert("AIOPS_HOME".into(), context.home.clone().into());
    if let Source::Folder(folder) = &context.configs {
        env.insert("AIOPS_CONFIGS".into(), folder.clone().into());
    }
    env
}

fn stamped(host: &Host, by: &str, alert: &Alert) -> Spooled {
    let now = host.now();
    let random = u64::from_ne_bytes(host.random());
    Spooled {
        schema: SCHEMA.into(),
        id: format!("{:016x}-{random:016x}", now.as_microsecond()),
        raised_at: time::rfc3339(now),
        raised_by: by.into(),
        alert: alert.clone(),
    }
}

fn bounded(text: &str) -> String {
    let mut end = text.len().min(LARGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Common;
    use crate::time::Timestamp;

    fn context(home: &Path) -> Context {
        let host = Host::with([("PATH", "/nonexistent")], Timestamp::UNIX_EPOCH);
        let common = Common { home: Some(home.into()), ..Common::default() };
        Context::new("test", host, &common).unwrap()
    }

    fn alert(check: &str, message: &str) -> Alert {
        Alert {
            title: "disk full".into(),
            message: message.into(),
            check: Some(check.into()),
            severity: Severity::High,
            kind: Kind::Event,
            channel: None,
        }
    }

    #[test]
    fn an_alert_is_one_whole_redacted_file_and_needs_no_notify() {
        let home = tempfile::tempdir().unwrap();
        let context = context(home.path());
        context.learn_secret("canary-value");
        assert!(!raise(&context, "guard", &alert("disk.free", "says canary-value")).unwrap());
        let names = context.host.names(&spool(home.path())).unwrap();
        let [name] = names.as_slice() else { panic!("{names:?}") };
        let bytes = context.host.read(&spool(home.path()).join(name), 9999).unwrap();
        let spooled: Spooled = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(spooled.alert.message, "says [redacted]");
        assert_eq!(name.to_str().unwrap(), format!("{}.json", spooled.id));
        assert_eq!(spooled.raised_by, "guard");
    }

    #[test]
    fn the_flush_gets_what_it_needs_to_get_out_and_no_other_secret() {
        let home = tempfile::tempdir().unwrap();
        let env = [
            ("AIOPS_CONFIGS", "/nonexistent/configs"),
            ("https_proxy", "http://proxy.example:3128"),
            ("NO_PROXY", "hooks.example"),
            ("PUSHOVER_TOKEN", "t"),
            ("OPENAI_API_KEY", "none of its business"),
        ];
        let host = Host::with(env, Timestamp::UNIX_EPOCH);
        let common = Common { home: Some(home.path().into()), ..Common::default() };
        let passed = passed_on(&Context::new("test", host, &common).unwrap());
        let names: Vec<_> = passed.keys().filter_map(|name| name.to_str()).collect();
        let want = ["AIOPS_CONFIGS", "AIOPS_HOME", "NO_PROXY", "PUSHOVER_TOKEN", "https_proxy"];
        assert_eq!(names, want);
    }

    #[test]
    fn a_check_id_that_is_none_writes_nothing_and_a_huge_message_is_cut() {
        let home = tempfile::tempdir().unwrap();
        let context = context(home.path());
        for check in ["", "a b", "ü", &"x".repeat(129)] {
            let refused = spool_alert(&context, "t", &alert(check, "")).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage, "{check}");
        }
        assert!(context.host.look(&spool(home.path())).unwrap().is_none());
        let spooled = spool_alert(&context, "t", &alert("a", &"é".repeat(LARGEST))).unwrap();
        assert_eq!(spooled.alert.message.len(), LARGEST);
    }
}
