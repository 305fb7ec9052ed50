//! Where everything of a bridge root lies, and how the root is named on a command line.

use std::path::{Path, PathBuf};

use clap::Args;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

/// The folders of a bridge root that hold evidence, written by the executor and reporter alone.
pub const EVIDENCE: &[&str] =
    &["context", "results", "diffs", "summaries", "logs", "archive", "dead_letter", "meta"];

/// The inbound folder, written by clients alone.
pub const COMMANDS: &str = "commands";

/// How a command line names the bridge root.
#[derive(Args, Clone, Debug, Default)]
pub struct RootArgs {
    /// The bridge root [default: `$BRIDGE_ROOT`, else `$CLOUD`]
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// A bridge root that exists.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
}

impl RootArgs {
    /// Finds the bridge root and resolves every link in its path.
    ///
    /// # Errors
    /// Exit 78 when none is named or it is not there.
    pub fn find(&self, host: &Host) -> Result<Root, Failure> {
        let named = || ["BRIDGE_ROOT", "CLOUD"].iter().find_map(|name| host.env(name));
        let path = self.root.clone().or_else(|| named().map(PathBuf::from)).ok_or_else(|| {
            Failure::new(Exit::Config, "find the bridge root: none is named")
                .hint("--root DIR or BRIDGE_ROOT names it; `bridge-exec init --root DIR` makes one")
        })?;
        Root::open(host, &path)
    }
}

impl Root {
    /// Takes an existing folder as a bridge root.
    ///
    /// # Errors
    /// Exit 78 when it is not there.
    pub fn open(host: &Host, path: &Path) -> Result<Self, Failure> {
        let path = host
            .resolve(path)
            .or_fail(Exit::Config, format!("open the bridge root {}", path.display()))
            .map_err(|it| it.hint("`bridge-exec init --root DIR` makes one"))?;
        Ok(Self { path })
    }

    /// The root folder itself, absolute and without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Inbound documents.
    pub fn commands(&self) -> PathBuf {
        self.path.join(COMMANDS)
    }

    /// `results/<id>.json`.
    pub fn result(&self, id: &str) -> PathBuf {
        self.path.join("results").join(format!("{id}.json"))
    }

    /// `results/<id>.integrity.json`.
    pub fn integrity(&self, id: &str) -> PathBuf {
        self.path.join("results").join(format!("{id}.integrity.json"))
    }

    /// `diffs/<id>.patch`.
    pub fn diff(&self, id: &str) -> PathBuf {
        self.path.join("diffs").join(format!("{id}.patch"))
    }

    /// `archive/<id>.json`.
    pub fn archived(&self, id: &str) -> PathBuf {
        self.path.join("archive").join(format!("{id}.json"))
    }

    /// `dead_letter/<name>.json`.
    pub fn dead_letter(&self, name: &str) -> PathBuf {
        self.path.join("dead_letter").join(format!("{name}.json"))
    }

    /// `meta/held/<id>.json`.
    pub fn held(&self, id: &str) -> PathBuf {
        self.path.join("meta/held").join(format!("{id}.json"))
    }

    /// `meta/retries.json`.
    pub fn retries(&self) -> PathBuf {
        self.path.join("meta/retries.json")
    }

    /// The folder of the audit log.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// `logs/bridge.log`.
    pub fn log(&self) -> PathBuf {
        self.path.join("logs/bridge.log")
    }

    /// `summaries/`.
    pub fn summaries(&self) -> PathBuf {
        self.path.join("summaries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_core::time::Timestamp;

    #[test]
    fn the_root_is_the_one_asked_for_else_bridge_root_else_cloud() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let host = |env: &[(&str, &Path)]| {
            Host::with(env.iter().map(|(k, v)| (*k, v.as_os_str())), Timestamp::UNIX_EPOCH)
        };
        host(&[]).make_dir(&a, 0o750).unwrap();
        host(&[]).make_dir(&b, 0o750).unwrap();
        let find = |env: &[(&str, &Path)], root: Option<&Path>| {
            let args = RootArgs { root: root.map(Path::to_path_buf) };
            args.find(&host(env)).map(|root| root.path().to_path_buf())
        };
        let (a, b) = (a.canonicalize().unwrap(), b.canonicalize().unwrap());
        assert_eq!(find(&[("BRIDGE_ROOT", &a), ("CLOUD", &b)], None).unwrap(), a);
        assert_eq!(find(&[("CLOUD", &b)], None).unwrap(), b);
        assert_eq!(find(&[("CLOUD", &b)], Some(&a)).unwrap(), a);
        assert_eq!(find(&[], None).unwrap_err().exit, Exit::Config);
        assert_eq!(find(&[], Some(Path::new("/nonexistent"))).unwrap_err().exit, Exit::Config);
    }
}
