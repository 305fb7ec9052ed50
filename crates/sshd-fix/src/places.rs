//! Where things are on a machine. Tests look at another root.

use std::path::{Path, PathBuf};

/// The file that sshd starts from.
pub const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";
/// What relative Include lines are relative to.
pub const SSH_FOLDER: &str = "/etc/ssh";
/// What the main file must include.
pub const DROP_INS: &str = "/etc/ssh/sshd_config.d/*.conf";
/// The file that says where sshd listens.
pub const LISTEN_FILE: &str = "/etc/ssh/sshd_config.d/99-tailscale-only.conf";
/// Units of the administrator: whatever is here comes before the same name elsewhere.
pub const UNITS: &str = "/etc/systemd/system";
/// Every folder that holds units, the strongest first.
pub const UNIT_FOLDERS: &[&str] = &[
    UNITS,
    "/run/systemd/system",
    "/run/systemd/generator.early",
    "/run/systemd/generator",
    "/run/systemd/generator.late",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// The name of the drop-in that lets sshd wait for its address.
pub const SERVICE_DROP_IN: &str = "99-aiops-tailnet.conf";

/// Where paths of the machine lie: below `/`, or below a test's own root.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
}

impl Default for Place {
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

impl Place {
    /// A machine whose `/` is that folder.
    pub fn below(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// Where an absolute path of the machine really is.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether it is this machine itself.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The path of the machine that a real path stands for.
    pub fn seen(&self, real: &Path) -> PathBuf {
        real.strip_prefix(&self.root).map_or_else(|_| real.into(), |rest| Path::new("/").join(rest))
    }
}
