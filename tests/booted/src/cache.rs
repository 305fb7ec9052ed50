//! What is expensive to make is kept: made once, under a lock, and never seen half made.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The folder `AIOPS_TEST_CACHE`, else `booted` in cargo's target folder.
pub(crate) fn folder() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    named("AIOPS_TEST_CACHE").unwrap_or_else(|| {
        let exe = std::env::current_exe().unwrap_or_default();
        let tagged = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
        let target = named("CARGO_TARGET_DIR")
            .or_else(|| exe.ancestors().find(tagged).map(Path::to_path_buf))
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
        target.join("booted")
    })
}

/// Names everything something is made from, so that another is made when any of it changes.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// A folder of the cache, and a lock that keeps it there. Made in a temporary folder and moved into
/// place whole when it does not exist.
pub(crate) fn kept(
    cache: &Path,
    name: &str,
    make: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<(PathBuf, File)> {
    let making = File::create(cache.join("base.lock"))?;
    making.lock()?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock_shared()?;
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok((folder, lock));
    }
    tidy(cache, name)?;
    let temporary = tempfile::Builder::new().prefix("making-").tempdir_in(cache)?;
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755))?;
    make(temporary.path())?;
    // Whole on disk before it has its name: a power cut must not leave half of it.
    rustix::fs::syncfs(File::open(temporary.path())?)?;
    fs::rename(temporary.keep(), &folder)?;
    Ok((folder, lock))
}

/// Removes what dead processes were making, and bases of other packages or scripts that nobody uses.
/// The lock for making is held.
fn tidy(cache: &Path, wanted: &str) -> io::Result<()> {
    const KEPT: Duration = Duration::from_hours(7 * 24);
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("making-") {
            fs::remove_dir_all(entry.path())?;
        }
        let old = entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > KEPT);
        if !name.starts_with("base-") || !entry.path().is_dir() || name == wanted || !old {
            continue;
        }
        let lock = File::create(cache.join(format!("{name}.lock")))?;
        if lock.try_lock().is_ok() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
