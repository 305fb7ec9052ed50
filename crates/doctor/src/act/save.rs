//! Saves reports as artifacts/doctor/`<ts>`/doctor.json.

use std::io;
use std::path::PathBuf;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time;

use crate::report::Report;

/// How many reports one second may see before something is wrong.
const TRIES: u32 = 100;

/// Saves a report, replacing none; returns its file. A second report of one second gets a folder
/// `<ts>.1`.
///
/// # Errors
/// Exit 69 when it cannot be written.
pub fn save(context: &Context, report: &Report) -> Result<PathBuf, Failure> {
    let folder = context.home.join("artifacts/doctor");
    let doing = || format!("save the report below {}", folder.display());
    let mut bytes = serde_json::to_vec_pretty(report).or_fail(Exit::Internal, doing())?;
    bytes.push(b'\n');
    let stamp = time::stamp(context.host.now());
    for number in 0..TRIES {
        let name = if number == 0 { stamp.clone() } else { format!("{stamp}.{number}") };
        let path = folder.join(name).join("doctor.json");
        let place = path.parent().unwrap_or(&folder);
        context
            .host
            .make_dir(place, 0o750)
            .or_fail(Exit::Unavailable, doing())
            .map_err(|failure| failure.hint("--home DIR or AIOPS_HOME names a writable folder"))?;
        match context.host.create_file(&path, &bytes, 0o640) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
            written => return written.or_fail(Exit::Unavailable, doing()).map(|()| path),
        }
    }
    Err(Failure::new(Exit::TryLater, doing())
        .because(format!("{TRIES} reports of {stamp} are there")))
}
