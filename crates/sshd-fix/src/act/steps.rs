//! One step of a plan.

use std::path::Path;
use std::time::Duration;

use ops_core::host::{Belongings, Exec};

use super::Fix;
use crate::decide::{Plan, Started, Step, digest, edited, other_lines};
use crate::facts::Facts;
use crate::observe;

/// The least time that a step is begun with.
pub(super) const SHORTEST: Duration = Duration::from_secs(5);
/// How long a command may take at most.
const LONGEST: Duration = Duration::from_secs(40);

/// Done, or why not.
type Done = Result<(), String>;

impl Fix<'_> {
    /// Takes one step, in at most that time.
    pub(super) fn step(&self, step: &Step, plan: &Plan, facts: &Facts, left: Duration) -> Done {
        let systemctl = |args: &[&str]| self.systemctl(args, left.min(LONGEST));
        match step {
            Step::EditFile { file, edits, before, .. } => {
                self.rewrite(file, Some(before), |text| edited(text, edits, &plan.marker()))
            }
            Step::WriteFile { file, text, before, .. } => {
                self.rewrite(file, before.as_deref(), |_| text.as_bytes().to_vec())
            }
            Step::CheckConfig { started, listen, others } => {
                let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
                self.check_config(started, &listen, others.as_deref())
            }
            Step::StopSocket { unit } => systemctl(&["stop", unit]),
            Step::RemoveLink { path, target } => self.remove_link(path, target),
            Step::SetLink { path, target, .. } => {
                self.make_folders(path)?;
                let set = self.context.host.replace_link(&self.place.at(path), target);
                set.map_err(|err| format!("{}: {err}", path.display()))
            }
            Step::Reload { .. } => systemctl(&["daemon-reload"]),
            Step::AssertNoSocket { service, sockets } => {
                let needs = observe::service_needs(&self.context.host, service)?;
                match needs.iter().find(|name| sockets.contains(name)) {
                    Some(socket) => Err(format!("systemd still holds it to need {socket}")),
                    None => Ok(()),
                }
            }
            Step::Enable { service } => systemctl(&["enable", service]),
            Step::Restart { service } => systemctl(&["restart", service]),
            Step::Verify { listen } => {
                self.verify(listen, facts, left.min(self.options.answer_within))
            }
        }
    }

    /// Writes a file, if it is as the plan found it. Owner, mode and links to it stay.
    fn rewrite(
        &self,
        file: &Path,
        before: Option<&str>,
        change: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Done {
        let host = &self.context.host;
        let at = self.place.at(file);
        let told = |err: std::io::Error| format!("{}: {err}", file.display());
        let now = host.look(&at).map_err(told)?;
        if now.is_some() != before.is_some() {
            return Err(format!("{} appeared or vanished since the plan was made", file.display()));
        }
        let (text, like) = if let Some(before) = before {
            let (entry, text) = host.read_plain(&at, 64 << 20).map_err(told)?;
            if digest(&text) != before {
                return Err(format!("{} changed since the plan was made", file.display()));
            }
            let (mode, owner, group) = (entry.mode, entry.owner, entry.group);
            (text, Belongings { mode, owner, group, modified_ns: None })
        } else {
            self.make_folders(file)?;
            let owner = host.user();
            (Vec::new(), Belongings { mode: 0o644, owner, group: owner, modified_ns: None })
        };
        host.replace_file_as(&at, &change(&text), like).map_err(told)
    }

    /// Makes the folders above a path.
    pub(super) fn make_folders(&self, path: &Path) -> Done {
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        for folder in above {
            let at = self.place.at(folder);
            if self.context.host.look(&at).is_ok_and(|it| it.is_none()) {
                let made = self.context.host.make_dir_durable(&at, 0o755);
                made.map_err(|err| format!("{}: {err}", folder.display()))?;
            }
        }
        Ok(())
    }

    fn remove_link(&self, path: &Path, target: &Path) -> Done {
        let at = self.place.at(path);
        let told = |err: std::io::Error| format!("{}: {err}", path.display());
        match self.context.host.read_link(&at) {
            // Stopping and masking a unit may remove its links before we do.
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(told(err)),
            Ok(now) if now != target => {
                return Err(format!("{} changed since the plan was made", path.display()));
            }
            Ok(_) => {}
        }
        self.context.host.remove_file_durable(&at).map_err(told)
    }

    fn check_config(
        &self,
        started: &Started,
        listen: &[String],
        others: Option<&[String]>,
    ) -> Done {
        let host = &self.context.host;
        observe::ask_sshd(host, &self.place, started, "-t")?;
        let told = observe::sshd_says(host, &self.place, started)?;
        let mut now: Vec<&str> =
            told.iter().filter_map(|line| line.strip_prefix("listenaddress ")).collect();
        now.sort_unstable();
        now.dedup();
        let mut wanted: Vec<&str> = listen.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        if now != wanted {
            let now = now.join(", ");
            return Err(format!("sshd would listen on {now}, expected {}", wanted.join(", ")));
        }
        if !told.iter().any(|line| line == "addressfamily inet") {
            return Err("sshd would not listen for IPv4 alone".into());
        }
        let now = other_lines(&told);
        let Some(others) = others else { return Ok(()) };
        let changed: Vec<&str> = now
            .iter()
            .filter(|line| !others.contains(line))
            .chain(others.iter().filter(|line| !now.contains(line)))
            .map(String::as_str)
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        // Files that were not included before would come into force.
        Err(format!(
            "more than where sshd listens would change: {}; settle that first, for example by \
             including /etc/ssh/sshd_config.d/*.conf yourself",
            changed.join(", ")
        ))
    }

    /// Runs systemctl, which must succeed.
    pub(super) fn systemctl(&self, args: &[&str], deadline: Duration) -> Done {
        let mut exec = Exec::new("systemctl", args.iter().copied());
        exec.deadline = deadline;
        exec.env.insert("LC_ALL".into(), "C".into());
        let said = self.context.host.run(&exec).map_err(|err| format!("systemctl: {err}"))?;
        if said.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        Err(format!("it ended with {:?}: {why}", said.ending))
    }
}
