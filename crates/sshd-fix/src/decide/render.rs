//! A plan for people: exactly what would change.

use std::io::{self, Write};
use std::path::Path;

use file_patch::{FileChange, Side, render};

use super::edit::edited;
use super::plan::{Plan, Step};
use crate::facts::Facts;

impl Plan {
    /// Writes what would change: unified diffs of files, commands for the rest.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_human(&self, facts: &Facts, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return writeln!(
                out,
                "nothing to do: sshd ({}) listens on {} and nowhere else",
                self.service, self.address
            );
        }
        writeln!(out, "sshd ({}) will listen on {} and nowhere else:", self.service, self.address)?;
        for step in &self.steps {
            writeln!(out, "\n{:2}. {}", step.number(), step.title())?;
            if let Some(diff) = self.diff(facts, step) {
                out.write_all(&diff)?;
            }
        }
        for note in &self.notes {
            writeln!(out, "\nnote: {note}")?;
        }
        Ok(())
    }

    fn diff(&self, facts: &Facts, step: &Step) -> Option<Vec<u8>> {
        let side = |bytes| Side { bytes, mode: 0o644 };
        let path = step.path()?.to_str()?.trim_start_matches('/');
        let before = text(facts, step.path()?);
        let after = match step {
            Step::EditFile { edits, .. } => edited(before?, edits, &self.marker()),
            Step::WriteFile { text, .. } => text.as_bytes().to_vec(),
            _ => return None,
        };
        let after = Some(side(after.as_slice()));
        let change = FileChange { path, moved_from: None, before: before.map(side), after };
        Some(render(&[change]))
    }
}

/// The text of a file as it was seen.
fn text<'a>(facts: &'a Facts, path: &Path) -> Option<&'a [u8]> {
    let config = facts.config.iter().flat_map(|config| &config.files);
    let units = facts.units.iter().flat_map(|units| &units.services);
    let drop_ins = units.flat_map(|service| &service.drop_ins);
    let found = config.chain(drop_ins).find(|file| file.real == path || file.path == path)?;
    Some(&found.text.0)
}

impl Step {
    /// What it does, on one line.
    pub fn title(&self) -> String {
        match self {
            Self::EditFile { file, .. } => format!("change {}", file.display()),
            Self::WriteFile { file, .. } => format!("write {}", file.display()),
            Self::CheckConfig { .. } => "sshd -t and sshd -T must agree".into(),
            Self::StopSocket { unit } => format!("systemctl stop {unit}"),
            Self::RemoveLink { path, target } => {
                format!("remove the link {} -> {}", path.display(), target.display())
            }
            Self::SetLink { path, target, .. } => {
                format!("link {} -> {}", path.display(), target.display())
            }
            Self::Reload { .. } => "systemctl daemon-reload".into(),
            Self::AssertNoSocket { service, .. } => format!("{service} must need no socket"),
            Self::Enable { service } => format!("systemctl enable {service}"),
            Self::Restart { service } => format!("systemctl restart {service}"),
            Self::Verify { listen } => {
                let all: Vec<String> = listen.iter().map(ToString::to_string).collect();
                format!("sshd must listen and answer on {} and nowhere else", all.join(", "))
            }
        }
    }
}
