//! bubblewrap's command line. Pure but for asking which of the visible paths are there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ops_core::host::{Exec, Host, Kind};

use crate::order::{Job, Mount};

/// Where the helper is inside.
const HELPER: &str = "/run/aiops/orb-wrap";
/// A folder inside that only Landlock keeps from being written.
pub(crate) const SPARE: &str = "/run/spare";
/// The job's private folder for passing things.
pub(crate) const TMP: [&str; 2] = ["/tmp", "/dev/shm"];
/// Where the system keeps programs.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The helper behind the walls of namespaces and read-only mounts.
pub(crate) fn behind(host: &Host, bubblewrap: &Path, job: &Job) -> Exec {
    let mut args = Args::default();
    args.add(["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]);
    args.add(["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]);
    args.add(["--cap-drop", "ALL"]);
    if host.is_root() {
        // Root needs no user namespace: the helper becomes a user that owns nothing instead.
        args.add(["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]);
    } else {
        args.add(["--unshare-user", "--disable-userns"]);
    }
    let helper = Mount { from: job.helper.clone(), to: HELPER.into() };
    let mounts: Vec<&Mount> = job.readable.iter().chain([&helper]).collect();
    let targets = mounts.iter().map(|it| it.to.as_path()).chain([Path::new(SPARE)]);
    for folder in parents(targets.chain(job.visible.iter().map(PathBuf::as_path))) {
        // What bubblewrap makes by itself is closed to everybody but root.
        args.add(["--perms", "0755"]);
        args.0.extend(["--dir".into(), folder.into()]);
    }
    for path in &job.visible {
        visible(host, path, &mut args);
    }
    let tmp = (job.limits.tmp_mib << 20).to_string();
    args.add(["--proc", "/proc", "--dev", "/dev"]);
    for folder in TMP {
        args.add(["--perms", "1777", "--size", &tmp, "--tmpfs", folder]);
    }
    args.add(["--perms", "1777", "--size", "65536", "--tmpfs", SPARE, "--remount-ro", "/dev"]);
    for mount in mounts {
        args.mount("--ro-bind", mount);
    }
    args.mount("--bind", &job.writable);
    args.add(["--remount-ro", "/", "--chdir", "/", "--setenv", "PATH", PATH]);
    // The helper is one of our binaries, which all want to know where their state is.
    args.add(["--setenv", "AIOPS_HOME", "/"]);
    args.add(["--", HELPER, "inside"]);
    Exec::new(bubblewrap, args.0)
}

/// The folders above paths, outer ones first.
fn parents<'a>(paths: impl Iterator<Item = &'a Path>) -> BTreeSet<&'a Path> {
    paths.flat_map(|path| path.ancestors().skip(1)).filter(|it| it.parent().is_some()).collect()
}

/// The helper without walls around it.
pub(crate) fn without(job: &Job) -> Exec {
    let mut exec = Exec::new(&job.helper, ["inside"]);
    exec.env.insert("AIOPS_HOME".into(), "/".into());
    exec
}

/// One path of the system, as the link or the thing it is.
fn visible(host: &Host, path: &Path, args: &mut Args) {
    match host.look(path).ok().flatten().map(|it| it.kind) {
        None => {}
        Some(Kind::Link) => {
            if let Ok(target) = host.read_link(path) {
                args.0.extend(["--symlink".into(), target.into(), path.into()]);
            }
        }
        Some(_) => args.mount("--ro-bind", &Mount { from: path.into(), to: path.into() }),
    }
}

#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn mount(&mut self, how: &str, mount: &Mount) {
        self.0.extend([how.into(), mount.from.clone().into(), mount.to.clone().into()]);
    }
}
