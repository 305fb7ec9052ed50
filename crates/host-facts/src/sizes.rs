//! The sizes of log folders as the last report left them, so that growth can be judged.

use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use crate::facts::{Facts, Sizes};

/// The largest file that is read, bytes.
const LARGEST: u64 = 1 << 20;

/// Where they lie: `<home>/state/doctor/sizes.json`.
pub fn path(home: &Path) -> PathBuf {
    home.join("state/doctor/sizes.json")
}

/// The sizes at the last report. `None` when there was none, or its file cannot be believed: then
/// growth is not judged this once.
pub fn load(host: &Host, home: &Path) -> Option<Sizes> {
    let bytes = host.read(&path(home), LARGEST).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Leaves the sizes of these facts for the next report. Folders that were not seen keep none.
///
/// # Errors
/// Exit 69 when they cannot be written.
pub fn save(host: &Host, home: &Path, facts: &Facts) -> Result<(), Failure> {
    let Some(disk) = facts.disk.ok() else { return Ok(()) };
    let seen = disk.logs.iter().filter_map(|it| Some((it.path.clone(), (*it.bytes.ok()?)?)));
    let sizes = Sizes { at: facts.collected_at.clone(), bytes: seen.collect() };
    let path = path(home);
    let doing = || format!("write {}", path.display());
    let bytes = serde_json::to_vec(&sizes).or_fail(Exit::Internal, doing())?;
    host.make_dir(path.parent().unwrap_or(home), 0o750).or_fail(Exit::Unavailable, doing())?;
    host.replace_file(&path, &bytes, 0o640).or_fail(Exit::Unavailable, doing())
}
