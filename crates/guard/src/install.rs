//! `guard install` and `uninstall`: guard's service and timer, and nothing else. What has to change
//! is a list before anything is done; `--dry-run` prints the very list that is carried out.

use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Exec, Host};
use ops_core::report::Report;

use crate::args::InstallArgs;
use crate::documents::Installed;

/// Where the administrator's units lie: what is here comes before a package's own.
const UNITS: &str = "etc/systemd/system";

const SERVICE: &str = "aiops-guard.service";
const TIMER: &str = "aiops-guard.timer";
const SERVICE_TEXT: &str = include_str!("../../../ops/systemd/aiops-guard.service");
const TIMER_TEXT: &str = include_str!("../../../ops/systemd/aiops-guard.timer");

/// The program as the shipped service names it.
const SHIPPED_PROGRAM: &str = "/opt/ai-ops-runner/bin/guard";

/// The link that starts the timer at boot.
const WANTED: &str = "etc/systemd/system/timers.target.wants/aiops-guard.timer";

/// The largest unit that is read, bytes.
const LARGEST: u64 = 1 << 20;

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Change {
    Write(PathBuf, String),
    Remove(PathBuf),
    Systemctl(Vec<String>),
}

impl Change {
    fn systemctl(args: &[&str]) -> Self {
        Self::Systemctl(args.iter().map(|it| (*it).to_owned()).collect())
    }

    fn title(&self) -> String {
        match self {
            Self::Write(path, _) => format!("write {}", path.display()),
            Self::Remove(path) => format!("remove {}", path.display()),
            Self::Systemctl(args) => format!("run systemctl {}", args.join(" ")),
        }
    }
}

/// What is there now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Seen {
    /// The texts of the units, where there are any.
    service: Option<Vec<u8>>,
    timer: Option<Vec<u8>>,
    /// Whether the timer starts at boot.
    is_enabled: bool,
    /// Whether it runs; `None` where no running system is looked at.
    is_active: Option<bool>,
}

pub(crate) fn install(args: &InstallArgs, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let service = service_text(host, &args.root)?;
    let seen = look(host, &args.root)?;
    carry_out(host, args, &to_install(&seen, &args.root, &service))
}

pub(crate) fn uninstall(args: &InstallArgs, context: &Context) -> Result<Box<dyn Report>, Failure> {
    let host = &context.host;
    let seen = look(host, &args.root)?;
    carry_out(host, args, &to_uninstall(&seen, &args.root))
}

/// The service, naming this very program where it is not at its usual place.
fn service_text(host: &Host, root: &Path) -> Result<String, Failure> {
    let program = host.program().and_then(|path| host.resolve(&path).ok());
    let Some(program) = program.filter(|_| is_running_system(root)) else {
        return Ok(SERVICE_TEXT.to_owned());
    };
    let text = program.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    if !text.chars().all(is_plain) {
        let doing = format!("name {text} in a unit");
        return Err(Failure::new(Exit::Config, doing)
            .because("systemd would read some of its characters as its own")
            .hint("install guard at a path of plain characters, as ops/install.sh does"));
    }
    Ok(SERVICE_TEXT.replace(SHIPPED_PROGRAM, &text))
}

fn is_running_system(root: &Path) -> bool {
    root == Path::new("/")
}

fn look(host: &Host, root: &Path) -> Result<Seen, Failure> {
    let text = |name: &str| {
        let path = root.join(UNITS).join(name);
        let doing = || format!("read {}", path.display());
        match host.look(&path).or_fail(Exit::Unavailable, doing())? {
            None => Ok(None),
            Some(_) => host.read(&path, LARGEST).or_fail(Exit::Unavailable, doing()).map(Some),
        }
    };
    let wanted = root.join(WANTED);
    let link =
        host.look(&wanted).or_fail(Exit::Unavailable, format!("look at {}", wanted.display()));
    let is_active = is_running_system(root)
        .then(|| {
            let exec = Exec::new("systemctl", ["is-active", "--quiet", "--", TIMER]);
            host.run(&exec).or_fail(Exit::Unavailable, "ask systemctl about the timer")
        })
        .transpose()?
        .map(|said| said.success());
    Ok(Seen {
        service: text(SERVICE)?,
        timer: text(TIMER)?,
        is_enabled: link?.is_some(),
        is_active,
    })
}

fn to_install(seen: &Seen, root: &Path, service: &str) -> Vec<Change> {
    let path = |name: &str| root.join(UNITS).join(name);
    let mut changes = Vec::new();
    for (name, now, text) in [(SERVICE, &seen.service, service), (TIMER, &seen.timer, TIMER_TEXT)] {
        if now.as_deref() != Some(text.as_bytes()) {
            changes.push(Change::Write(path(name), text.to_owned()));
        }
    }
    let is_changed = !changes.is_empty();
    match seen.is_active {
        Some(is_active) => {
            if is_changed {
                changes.push(Change::systemctl(&["daemon-reload"]));
            }
            if !seen.is_enabled {
                changes.push(Change::systemctl(&["enable", "--", TIMER]));
            }
            if is_changed || !is_active {
                changes.push(Change::systemctl(&["restart", "--", TIMER]));
            }
        }
        None if !seen.is_enabled => {
            let root = format!("--root={}", root.display());
            changes.push(Change::Systemctl(vec![root, "enable".into(), "--".into(), TIMER.into()]));
        }
        None => {}
    }
    changes
}

fn to_uninstall(seen: &Seen, root: &Path) -> Vec<Change> {
    let path = |name: &str| root.join(UNITS).join(name);
    let mut changes = Vec::new();
    if seen.is_active == Some(true) {
        changes.push(Change::systemctl(&["stop", "--", TIMER]));
    }
    if seen.is_enabled {
        changes.push(Change::Remove(root.join(WANTED)));
    }
    for (name, now) in [(TIMER, &seen.timer), (SERVICE, &seen.service)] {
        if now.is_some() {
            changes.push(Change::Remove(path(name)));
        }
    }
    if seen.is_active.is_some() && !changes.is_empty() {
        changes.push(Change::systemctl(&["daemon-reload"]));
    }
    changes
}

fn carry_out(
    host: &Host,
    args: &InstallArgs,
    changes: &[Change],
) -> Result<Box<dyn Report>, Failure> {
    if !args.dry_run {
        changes.iter().try_for_each(|change| act(host, change))?;
    }
    Ok(Box::new(Installed {
        schema: "aiops.guard_install/1".into(),
        dry_run: args.dry_run,
        changes: changes.iter().map(Change::title).collect(),
    }))
}

fn act(host: &Host, change: &Change) -> Result<(), Failure> {
    let doing = change.title();
    match change {
        Change::Write(path, text) => host
            .make_dir(path.parent().unwrap_or(path), 0o755)
            .and_then(|()| host.replace_file(path, text.as_bytes(), 0o644))
            .or_fail(Exit::Unavailable, doing)
            .map_err(|failure| failure.hint("run it as root")),
        Change::Remove(path) => host.remove_file_durable(path).or_fail(Exit::Unavailable, doing),
        Change::Systemctl(args) => {
            let said =
                host.run(&Exec::new("systemctl", args)).or_fail(Exit::Unavailable, &*doing)?;
            if said.success() {
                return Ok(());
            }
            let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
            Err(Failure::new(Exit::Unavailable, doing).because(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(changes: &[Change]) -> Vec<String> {
        changes.iter().map(Change::title).collect()
    }

    fn right(is_active: Option<bool>) -> Seen {
        Seen {
            service: Some(SERVICE_TEXT.into()),
            timer: Some(TIMER_TEXT.into()),
            is_enabled: true,
            is_active,
        }
    }

    #[test]
    fn only_what_is_not_so_is_changed() {
        let root = Path::new("/");
        let install = |seen: &Seen| titles(&to_install(seen, root, SERVICE_TEXT));
        let none = Seen { is_active: Some(false), ..Seen::default() };
        assert_eq!(
            install(&none),
            [
                "write /etc/systemd/system/aiops-guard.service",
                "write /etc/systemd/system/aiops-guard.timer",
                "run systemctl daemon-reload",
                "run systemctl enable -- aiops-guard.timer",
                "run systemctl restart -- aiops-guard.timer",
            ]
        );
        assert!(install(&right(Some(true))).is_empty());
        assert_eq!(install(&right(Some(false))), ["run systemctl restart -- aiops-guard.timer"]);
        let edited = Seen { timer: Some(b"x".into()), ..right(Some(true)) };
        assert_eq!(install(&edited).len(), 3);
    }

    #[test]
    fn another_root_is_never_told_to_the_running_system() {
        let root = Path::new("/mnt/image");
        let none = titles(&to_install(&Seen::default(), root, SERVICE_TEXT));
        assert!(none.iter().all(|it| it.contains("/mnt/image")), "{none:?}");
        assert!(to_install(&right(None), root, SERVICE_TEXT).is_empty());
        let gone = titles(&to_uninstall(&right(None), root));
        assert!(gone.iter().all(|it| it.starts_with("remove /mnt/image/")), "{gone:?}");
        assert!(to_uninstall(&Seen::default(), root).is_empty());
    }

    #[test]
    fn the_shipped_service_names_the_program_that_is_replaced() {
        assert!(SERVICE_TEXT.contains(&format!("ExecStart={SHIPPED_PROGRAM} run")));
    }
}
