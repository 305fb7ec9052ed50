//! Reads everything the fix may touch or judges by. No judgement here.

mod listening;
mod session;
pub mod ssh;
mod systemd;
mod tailnet;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use ops_core::host::{Exec, Finished, Host};
use ops_core::time;

use crate::decide::{self, Policy};
use crate::facts::{Facts, SCHEMA, Seen};
use crate::places::{self, Place};

pub use listening::listening;
pub use session::is_new_connection;
pub use systemd::{links, main_process, service_needs};
pub use tailnet::local_addresses;

/// How long a program that only tells something may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Looks at everything once. Nothing is changed, except that `/run/sshd`, which sshd needs to judge
/// its configuration, is made where Tailscale is up.
pub fn facts(host: &Host, place: &Place, policy: &Policy) -> Facts {
    let mut facts = Facts {
        schema: SCHEMA.into(),
        taken_at: time::rfc3339_seconds(host.now()),
        is_root: host.is_root(),
        tailnet: tailnet::tailnet(host, place),
        config: ssh::config(host, place, Path::new(places::SSHD_CONFIG)),
        units: systemd::units(host, place),
        effective: Err("not asked".into()),
        listening: Err("not asked".into()),
    };
    facts.listening = facts.units.clone().and_then(|units| listening(host, &units));
    if decide::preflight(&facts, policy).is_ok() {
        facts.effective = effective(host, place, &facts);
    }
    facts
}

fn effective(host: &Host, place: &Place, facts: &Facts) -> Seen<Vec<String>> {
    let units = facts.units.as_ref().map_err(Clone::clone)?;
    let started = decide::started(units).map_err(|refusal| refusal.found)?;
    sshd_says(host, place, &started)
}

/// What `sshd -T` says with the options of its service: its lines, sorted.
///
/// # Errors
/// What sshd said instead.
pub fn sshd_says(host: &Host, place: &Place, started: &decide::Started) -> Seen<Vec<String>> {
    let said = ask_sshd(host, place, started, "-T")?;
    let text = String::from_utf8_lossy(&said.stdout);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// Runs sshd in a test mode, `-t` or `-T`, with the options of its service.
///
/// # Errors
/// What it said when it refused.
pub fn ask_sshd(
    host: &Host,
    place: &Place,
    started: &decide::Started,
    mode: &str,
) -> Seen<Finished> {
    use std::os::unix::ffi::OsStringExt;
    // Without this folder sshd refuses to judge anything.
    let folder = place.at("/run/sshd");
    host.make_dir(&folder, 0o755).map_err(|err| format!("{}: {err}", folder.display()))?;
    let options = started.options.iter().map(|it| OsString::from_vec(it.0.clone()));
    let args: Vec<OsString> = std::iter::once(mode.into()).chain(options).collect();
    run(host, place.at(&started.program), args)
}

/// Runs a program that only tells something. Other than success is an error that says what it said.
fn run<A: Into<OsString>>(
    host: &Host,
    program: impl Into<OsString>,
    args: impl IntoIterator<Item = A>,
) -> Seen<Finished> {
    let mut exec = Exec::new(program, args);
    exec.deadline = DEADLINE;
    exec.cap = 4 << 20;
    for (name, value) in [("LC_ALL", "C"), ("TZ", "UTC"), ("SYSTEMD_PAGER", "")] {
        exec.env.insert(name.into(), value.into());
    }
    let shown = || {
        let args = exec.args.iter().map(|it| it.to_string_lossy()).collect::<Vec<_>>();
        format!("`{} {}`", exec.program.to_string_lossy(), args.join(" "))
    };
    let said = host.run(&exec).map_err(|err| format!("{}: {err}", shown()))?;
    if said.success() && !said.truncated {
        return Ok(said);
    }
    let why = String::from_utf8_lossy(&said.stderr);
    Err(format!("{} ended with {:?}: {}", shown(), said.ending, why.trim()))
}
