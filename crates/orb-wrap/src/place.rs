//! Where an artifact may not go.

use std::io;
use std::path::{Component, Path, PathBuf};

use ops_core::host::Host;
use repo_mirror::Scratch;

/// The folder of ours that a path, which need not be there, would lie in.
pub(crate) fn is_ours(host: &Host, home: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let mut whole = PathBuf::new();
    for folder in path.ancestors() {
        let at = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Ok(there) = host.resolve(at) {
            whole = there.join(path.strip_prefix(folder).unwrap_or(path));
            break;
        }
    }
    if whole.components().any(|it| it == Component::ParentDir) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it leads up from what is not there",
        ));
    }
    let ours = [home.join("mirrors"), home.join("worktrees"), Scratch::memory(host)];
    Ok(ours.into_iter().find(|it| whole.starts_with(it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_where_ours_lie_by_no_way_of_writing_it() {
        let host = Host::real();
        let dir = tempfile::tempdir().unwrap();
        let home = host.resolve(dir.path()).unwrap();
        host.make_dir(&home.join("mirrors/t.git"), 0o755).unwrap();
        host.make_dir(&home.join("other"), 0o755).unwrap();
        host.replace_link(&home.join("link"), Path::new("mirrors")).unwrap();
        for (path, want) in [
            ("artifacts/jobs/x", Some(false)),
            ("other/x", Some(false)),
            ("mirrors", Some(true)),
            ("mirrors/t.git/new/x", Some(true)),
            ("other/../mirrors/x", Some(true)),
            ("link/x", Some(true)),
            ("worktrees/x", Some(true)),
            ("gone/../mirrors/x", None),
        ] {
            let found = is_ours(&host, &home, &home.join(path)).ok();
            assert_eq!(found.map(|it| it.is_some()), want, "{path}");
        }
        assert!(is_ours(&host, &home, &Scratch::memory(&host).join("x")).unwrap().is_some());
        assert!(is_ours(&host, &home, Path::new("relative")).unwrap().is_none());
    }
}
