//! Writes the report and hands it to `notify`.

use std::io;
use std::path::{Path, PathBuf};

use bridge::layout::Root;
use ops_core::cli::Context;
use ops_core::config::Source;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Exec, Host, Kind};

use crate::documents::Summary;
use crate::markdown;

/// How many reports one second may see before something is wrong.
const TRIES: u32 = 100;

/// What of the environment `notify` needs to find its own configuration, state and secrets.
const PASSED_ON: &[&str] = &[
    "HOME",
    "XDG_STATE_HOME",
    "AIOPS_CONFIGS",
    "AIOPS_SECRETS_DIR",
    "AIOPS_TRIGGER",
    "CREDENTIALS_DIRECTORY",
];

/// Writes summaries/`<stamp>`.json and .md beside it, replacing nothing; returns the latter.
pub(crate) fn write(
    host: &Host,
    root: &Root,
    stamp: &str,
    summary: &Summary,
) -> Result<PathBuf, Failure> {
    let folder = root.summaries();
    let doing = || format!("write the report into {}", folder.display());
    host.make_dir(&folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    for number in 0..TRIES {
        let name = if number == 0 { stamp.to_owned() } else { format!("{stamp}.{number}") };
        // The JSON file claims the name; a report's Markdown alone is never there without it.
        match host.create_file(
            &folder.join(format!("{name}.json")),
            &bridge::evidence::to_bytes(summary),
            0o640,
        ) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
            claimed => {
                claimed.or_fail(Exit::Unavailable, doing())?;
                let path = folder.join(format!("{name}.md"));
                let text = markdown::render(summary);
                host.create_file(&path, text.as_bytes(), 0o640)
                    .or_fail(Exit::Unavailable, doing())?;
                return Ok(path);
            }
        }
    }
    Err(Failure::new(Exit::TryLater, doing())
        .because(format!("{TRIES} reports of {stamp} are there")))
}

/// Sends the report. Exit 69, saying where the report is, when that is not possible.
pub(crate) fn notify(context: &Context, summary: &Summary, written: &Path) -> Result<(), Failure> {
    let host = &context.host;
    let fail = |why: String, hint: &str| {
        let doing = format!("send the report (it was written: {})", written.display());
        Failure::new(Exit::Unavailable, doing).because(why).hint(hint)
    };
    let Some(program) = on_path(host, "notify") else {
        let hint = "install `notify` beside the other binaries, or leave --notify out";
        return Err(fail("`notify` is not on PATH".to_owned(), hint));
    };
    let title = format!(
        "bridge: {} event{}, {}",
        summary.events,
        if summary.events == 1 { "" } else { "s" },
        if summary.chain.ok { "audit log ok" } else { "AUDIT LOG BROKEN" }
    );
    let words = ["send", "--title", &title, "--message", "-", "--check", "bridge.report"];
    let mut exec = Exec::new(program, words);
    exec.input = context.clean(&markdown::render(summary)).into_bytes();
    for name in PASSED_ON {
        exec.env.extend(host.env(name).map(|value| ((*name).into(), value.into())));
    }
    exec.env.insert("AIOPS_HOME".into(), context.home.clone().into());
    if let Source::Folder(folder) = &context.configs {
        exec.env.insert("AIOPS_CONFIGS".into(), folder.clone().into());
    }
    let hint = "try `notify send` by hand";
    let finished = host.run(&exec).map_err(|err| fail(format!("notify: {err}"), hint))?;
    if finished.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
    Err(fail(format!("notify ended with {:?}: {said}", finished.ending), hint))
}

/// The program of this name that a shell would start.
fn on_path(host: &Host, name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        let entry = host.resolve(path).and_then(|path| host.look(&path)).ok().flatten();
        entry.is_some_and(|it| it.kind == Kind::File && it.mode & 0o111 != 0)
    };
    let folders = std::env::split_paths(host.env("PATH")?);
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(is_program)
}
