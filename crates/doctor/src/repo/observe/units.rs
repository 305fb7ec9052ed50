//! What systemd says of unit files. No judgement here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::host::{Exec, Kind};

use super::super::facts::Units;
use super::Git;

/// How long `systemd-analyze` may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// What is a unit.
const KINDS: [&str; 6] = ["service", "timer", "socket", "path", "target", "mount"];

pub(super) fn units(git: &Git, folder: &Path) -> Result<Units, String> {
    let shown = folder.display();
    let place = git.top.join(folder);
    let entries = git.host.list(&place).map_err(|err| format!("{shown}: {err}"))?;
    let is_unit = |path: &PathBuf| {
        path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known))
    };
    let files =
        entries.into_iter().filter(|it| it.kind == Kind::File).map(|it| place.join(it.name));
    let mut files: Vec<PathBuf> = files.filter(is_unit).collect();
    files.sort();
    let mut units = Units { count: files.len(), ..Units::default() };
    if files.is_empty() {
        return Ok(units);
    }
    for timer in files.iter().filter(|it| it.extension().is_some_and(|kind| kind == "timer")) {
        let text =
            git.host.read(timer, 1 << 20).map_err(|err| format!("{}: {err}", timer.display()))?;
        let text = String::from_utf8_lossy(&text);
        let named = text.lines().find_map(|line| line.trim().strip_prefix("Unit="));
        let starts = named.map_or(timer.with_extension("service"), |name| place.join(name.trim()));
        if !files.contains(&starts) {
            let name = timer.file_name().unwrap_or_default().to_string_lossy();
            units.idle_timers.push(name.into_owned());
        }
    }
    for line in verify(git, &files)? {
        // Programs are installed later, and elsewhere: that they are not here is no defect of a unit.
        if line.contains(" is not executable: No such file or directory") {
            units.not_here.push(line);
        } else {
            units.said.push(line);
        }
    }
    Ok(units)
}

/// Every line of what `systemd-analyze verify` says, whose exit code tells too little.
fn verify(git: &Git, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let program = git
        .host
        .find_program("systemd-analyze")
        .ok_or("there is no program `systemd-analyze` on PATH")?;
    let words: Vec<OsString> = vec!["verify".into(), "--man=no".into(), "--".into()];
    let mut exec = Exec::new(program, words.into_iter().chain(files.iter().map(Into::into)));
    exec.env.insert("LC_ALL".into(), "C".into());
    exec.deadline = DEADLINE;
    let finished = git.host.run(&exec).map_err(|err| format!("systemd-analyze: {err}"))?;
    let said = String::from_utf8_lossy(&finished.stderr);
    let lines: Vec<String> =
        said.lines().filter(|it| !it.trim().is_empty()).map(str::to_owned).collect();
    if lines.is_empty() && !finished.success() {
        return Err(format!("systemd-analyze: {:?} without a word", finished.ending));
    }
    Ok(lines)
}
