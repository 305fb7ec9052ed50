//! Whether this process was started over a connection of the sshd that runs now.

use std::path::PathBuf;

use ops_core::host::Host;

use super::systemd;
use crate::facts::Seen;

/// Whether the service's present main process is among the ancestors of this one. A connection
/// from before its last restart is not: its processes lost their parent then.
///
/// # Errors
/// Why it cannot be told.
pub fn is_new_connection(host: &Host, service: &str) -> Seen<bool> {
    let daemon = systemd::main_process(host, service)?;
    let mut pid = std::process::id();
    while pid > 1 {
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        let stat = host.read(&path, 4096).map_err(|err| format!("{}: {err}", path.display()))?;
        pid = parent(&stat).ok_or_else(|| format!("{} is not understood", path.display()))?;
        if pid == daemon {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The parent's number, behind the name, which can hold anything, and the state.
fn parent(stat: &[u8]) -> Option<u32> {
    let behind = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(behind + 1..)?).ok()?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_whatever_the_name() {
        assert_eq!(parent(b"12 (sh) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent(b"12 (a) R 9) (b) S 8 12"), Some(8));
        assert_eq!(parent(b"12 sh"), None);
    }
}
