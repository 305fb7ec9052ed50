//! Writes the report and hands it to the spool of alerts.

use std::io;
use std::path::{Path, PathBuf};

use bridge::layout::Root;
use ops_core::alert::raise;
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use crate::documents::Summary;
use crate::markdown;
use crate::told;

/// How many reports one second may see before something is wrong.
const TRIES: u32 = 100;

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

/// Hands the report to the spool of alerts and starts `notify flush`, which delivers it; where that
/// cannot be started, the flush timer does.
///
/// # Errors
/// Exit 69, saying where the report is, when the spool cannot be written.
pub(crate) fn notify(context: &Context, summary: &Summary, written: &Path) -> Result<(), Failure> {
    let alert = told::alert(summary, written);
    match raise(context, "bridge-report", &alert) {
        Ok(true) => Ok(()),
        Ok(false) => {
            context.say("the alert is spooled; `notify` is not here, so the flush timer sends it");
            Ok(())
        }
        Err(failure) => {
            let doing = format!("send the report (it was written: {})", written.display());
            Err(Failure::new(Exit::Unavailable, doing).because(failure))
        }
    }
}
