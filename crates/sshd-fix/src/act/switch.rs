//! The dead man's switch: what puts everything back when nobody says that it is done.
//!
//! A unit on disk, wanted by multi-user.target, covers a reboot or a power cut; a transient timer
//! that starts the same unit covers everything else. Both are there before the first change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Exec;

use super::Fix;
use crate::observe;
use crate::places::UNITS;

const UNIT: &str = "aiops-sshd-rollback.service";
const TIMER: &str = "aiops-sshd-rollback.timer";
/// The timer that waits for a confirmation. It has a name of its own so that the first need not
/// end before this one runs.
const UNCONFIRMED: &str = "aiops-sshd-unconfirmed.timer";
const UNCONFIRMED_UNIT: &str = "aiops-sshd-unconfirmed.service";
const WANTS: &str = "multi-user.target.wants";
/// How long one call of systemctl or systemd-run may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The paths that the switch itself writes.
pub(super) fn files() -> [PathBuf; 2] {
    let units = Path::new(UNITS);
    [units.join(UNIT), units.join(WANTS).join(UNIT)]
}

impl Fix<'_> {
    /// Refuses while a change that another home has the record of is pending: what this home left
    /// is cleared away already when this is asked.
    pub(super) fn no_other_is_pending(&self) -> Result<(), Failure> {
        let unit = self.place.at(UNITS).join(UNIT);
        let doing = "start: a change of sshd is pending";
        match self.context.host.look(&unit).or_fail(Exit::Unavailable, doing)? {
            None => Ok(()),
            Some(_) => Err(Failure::new(Exit::TryLater, doing)
                .because(format!("{UNITS}/{UNIT} is there, and this home knows nothing of it"))
                .hint("confirm that one with its own --home, or wait until it is undone")),
        }
    }

    /// Prepares the way back: on disk first, then the timer.
    pub(super) fn arm(&self, record: &Path) -> Result<(), Failure> {
        let host = &self.context.host;
        let doing = "prepare the way back";
        let text = self.unit_text(record)?;
        let units = self.place.at(UNITS);
        let wants = units.join(WANTS);
        host.make_dir_durable(&wants, 0o755)
            .and_then(|_| host.replace_file(&units.join(UNIT), text.as_bytes(), 0o644))
            .and_then(|()| host.replace_link(&wants.join(UNIT), &Path::new("..").join(UNIT)))
            .or_fail(Exit::Unavailable, doing)?;
        // What an earlier run left of its timers would be in the way of this one's.
        self.stop_timers();
        self.command("systemctl", &["daemon-reload"])?;
        let on_active = format!("--on-active={}", self.options.dead_man.as_secs().max(1));
        let accuracy = "--timer-property=AccuracySec=100ms";
        let unit = format!("--unit={UNIT}");
        self.command("systemd-run", &["--quiet", &on_active, accuracy, &unit])
    }

    /// Starts the timer that waits for a confirmation.
    pub(super) fn arm_confirmation(&self, record: &Path, limit: Duration) -> Result<(), Failure> {
        let on_active = format!("--on-active={}", limit.as_secs().max(1));
        let unit = format!("--unit={UNCONFIRMED_UNIT}");
        let call = self.call(record)?;
        let mut args = vec!["--quiet", &on_active, "--timer-property=AccuracySec=100ms", &unit];
        args.extend(["--property=Type=oneshot", "--property=Restart=on-failure"]);
        args.extend(["--property=RestartSec=15", "--"]);
        args.extend(call.iter().map(String::as_str));
        self.command("systemd-run", &args)
    }

    /// Ends the first timer.
    pub(super) fn stop_timer(&self) -> Result<(), Failure> {
        self.command("systemctl", &["stop", TIMER])
    }

    /// Takes the switch away: nothing runs by itself any more.
    pub(super) fn disarm(&self) -> Result<(), Failure> {
        let host = &self.context.host;
        let units = self.place.at(UNITS);
        // First what a reboot would start.
        host.remove_file_durable(&units.join(WANTS).join(UNIT))
            .and_then(|()| host.remove_file_durable(&units.join(UNIT)))
            .and_then(|()| host.remove_empty_folder(&units.join(WANTS)))
            .or_fail(Exit::Unavailable, "take the dead man's switch away")?;
        self.stop_timers();
        self.command("systemctl", &["daemon-reload"])?;
        self.clear_pending()
    }

    fn stop_timers(&self) {
        for timer in [TIMER, UNCONFIRMED] {
            // One that is not there cannot be stopped, and need not.
            let _absent = self.command("systemctl", &["stop", timer]).is_err();
        }
        for unit in [UNIT, UNCONFIRMED_UNIT] {
            // One that was too early waits to be restarted, with no process. One with a process may
            // be this very one.
            if observe::main_process(&self.context.host, unit).is_err() {
                let _absent = self.command("systemctl", &["stop", unit]).is_err();
                let _absent = self.command("systemctl", &["reset-failed", unit]).is_err();
            }
        }
    }

    fn call(&self, record: &Path) -> Result<Vec<String>, Failure> {
        let program = plain(&self.options.policy.program)?;
        let (record, home) = (plain(record)?, plain(&self.context.home)?);
        Ok([&program, "ssh", "--rollback", &record, "--home", &home].map(str::to_owned).into())
    }

    fn unit_text(&self, record: &Path) -> Result<String, Failure> {
        let call = self.call(record)?;
        let (program, home) = (call.first().cloned().unwrap_or_default(), plain(record)?);
        // No ordering with sshd: it may be what is waiting.
        Ok(format!(
            "# Written by ai-ops-runner (heal ssh) for the time of a change, and removed after it.\n\
             [Unit]\n\
             Description=Put sshd back as it was before an unfinished change\n\
             RequiresMountsFor={program} {home}\n\
             StartLimitIntervalSec=1h\n\
             StartLimitBurst=20\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             ExecStart={}\n\
             TimeoutStartSec=5min\n\
             Restart=on-failure\n\
             RestartSec=10\n\
             \n\
             [Install]\n\
             WantedBy=multi-user.target\n",
            call.join(" ")
        ))
    }

    /// Runs a program of systemd that must succeed.
    pub(super) fn command(&self, program: &str, args: &[&str]) -> Result<(), Failure> {
        let doing = || format!("run `{program} {}`", args.join(" "));
        let mut exec = Exec::new(program, args.iter().copied());
        exec.deadline = DEADLINE;
        exec.env.insert("LC_ALL".into(), "C".into());
        let said = self.context.host.run(&exec).or_fail(Exit::Unavailable, doing())?;
        if said.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        Err(Failure::new(Exit::Unavailable, doing())
            .because(format!("it ended with {:?}: {why}", said.ending)))
    }
}

/// A path as a unit file can hold it without quoting.
fn plain(path: &Path) -> Result<String, Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/._+-@:".contains(c);
    let is_plain = |text: &&str| text.starts_with('/') && text.chars().all(allowed);
    let text = path.to_str().filter(is_plain).map(str::to_owned);
    text.ok_or_else(|| {
        let path: PathBuf = path.into();
        Failure::new(Exit::Config, format!("name {} in a unit file", path.display()))
            .because("it must be absolute and of A-Z a-z 0-9 / . _ + - @ : only")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_go_into_units() {
        for (path, want) in [
            ("/var/lib/ai-ops-runner/state/20260101T000000Z-abcdef", true),
            ("relative", false),
            ("/a b", false),
            ("/a%h", false),
            ("/a$b", false),
            ("/a\nb", false),
        ] {
            assert_eq!(plain(Path::new(path)).is_ok(), want, "{path}");
        }
    }
}
