//! The Debian root all machines share: made once with debootstrap, kept in a cache, never changed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::apt::{self, Archive};
use crate::hold::{self, PATH};
use crate::skip::Skipped;

/// What the root holds besides a minimal Debian. With socat, one program plays tailscaled.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,openssh-client,iproute2,procps,\
                        git,ca-certificates,logrotate,socat";

const SCRIPT: &str = include_str!("../scripts/base.sh");

/// What is laid over the finished root, by path.
const FILES: &[(&str, &str)] = &[
    (
        "etc/systemd/journald.conf.d/booted.conf",
        include_str!("../scripts/files/etc/systemd/journald.conf.d/booted.conf"),
    ),
    (
        "etc/systemd/system/booted-network.service",
        include_str!("../scripts/files/etc/systemd/system/booted-network.service"),
    ),
    (
        "etc/systemd/system/booted-tailnet.service",
        include_str!("../scripts/files/etc/systemd/system/booted-tailnet.service"),
    ),
    (
        "etc/systemd/system/tailscaled.service",
        include_str!("../scripts/files/etc/systemd/system/tailscaled.service"),
    ),
    ("usr/bin/tailscale", TAILSCALE),
];

/// The stand-in for the command `tailscale`.
pub(crate) const TAILSCALE: &str = include_str!("../scripts/files/usr/bin/tailscale");

/// Commands of the host that are needed, with their Debian packages.
const COMMANDS: &[(&str, &str)] = &[
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("wget", "wget"),
];

/// The shared root. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Base {
    root: PathBuf,
    cache: PathBuf,
    /// Shared lock: a base in use is not removed.
    _lock: Arc<File>,
}

impl Base {
    /// The base of this release and these packages, made when it is not in the cache: about a
    /// minute, once. The cache is the folder `AIOPS_TEST_CACHE`, else `booted` in cargo's target
    /// folder. Processes that want it at the same time wait for the one that makes it.
    pub fn get() -> Result<Self, Skipped> {
        check_machine()?;
        let cache = cache_folder();
        Self::in_cache(&cache).map_err(|why| Skipped::new(format!("no base system: {why}")))
    }

    fn in_cache(cache: &Path) -> io::Result<Self> {
        fs::create_dir_all(cache)?;
        let release = fs::read_to_string("/etc/os-release")?;
        let suite = apt::codename(&release)
            .ok_or_else(|| io::Error::other("/etc/os-release names no VERSION_CODENAME"))?;
        let name = format!("base-{suite}-{}", digest(&suite));
        let folder = cache.join(&name);

        let making = File::create(cache.join("base.lock"))?;
        making.lock()?;
        let lock = File::create(cache.join(format!("{name}.lock")))?;
        lock.lock_shared()?;
        if !folder.is_dir() {
            make(cache, &suite, &folder)?;
        }
        remove_unused(cache, &name)?;
        Ok(Self { root: folder.join("root"), cache: cache.to_owned(), _lock: Arc::new(lock) })
    }

    /// Its root folder. Nobody may change anything in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes that it takes on disk.
    pub fn size(&self) -> u64 {
        let mut command = Command::new("du");
        command.env_clear().env("PATH", PATH).args(["-sk"]).arg(&self.root);
        let output = command.output().expect("du runs");
        kilobytes(&String::from_utf8_lossy(&output.stdout)) * 1024
    }

    /// The folder it is kept in, beside one folder for each machine in `machines`.
    pub fn cache(&self) -> &Path {
        &self.cache
    }
}

/// The first number of what `du -k` says.
pub(crate) fn kilobytes(said: &str) -> u64 {
    said.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Whether machines can be booted here at all.
fn check_machine() -> Result<(), Skipped> {
    if !rustix::process::geteuid().is_root() {
        return Err(Skipped::new("not root"));
    }
    let missing: Vec<&str> =
        COMMANDS.iter().filter(|(name, _)| !hold::has(name)).map(|&(_, package)| package).collect();
    if !missing.is_empty() {
        return Err(Skipped::new(format!("missing packages: {}", missing.join(" "))));
    }
    if !Path::new("/dev/net/tun").exists() {
        return Err(Skipped::new("no /dev/net/tun"));
    }
    let attempt = "mount -t tmpfs booted /mnt && cd /mnt && mkdir l u w t && \
                   mount -t overlay -o lowerdir=l,upperdir=u,workdir=w booted t && \
                   ip link add one0 type veth peer name two0 && ip tuntap add dev tun0 mode tun";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--", "sh", "-c", attempt]).env_clear().env("PATH", PATH);
    let output = command.output().map_err(|err| Skipped::new(format!("unshare: {err}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(Skipped::new(format!("no overlay, veth or tun in own namespaces: {said}")));
    }
    Ok(())
}

fn cache_folder() -> PathBuf {
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

/// Names everything a base is made from, so that another one is made when any of it changes.
fn digest(suite: &str) -> String {
    let mut hash = Sha256::new();
    let parts = [suite, PACKAGES, SCRIPT].into_iter();
    for part in parts.chain(FILES.iter().flat_map(|&(path, text)| [path, text])) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Makes a base in a temporary folder and moves it into place whole.
fn make(cache: &Path, suite: &str, folder: &Path) -> io::Result<()> {
    let archive = archive(suite)?;
    for entry in fs::read_dir(cache)?.flatten() {
        // The lock is held, so whoever was making these is dead.
        if entry.file_name().to_string_lossy().starts_with("making-") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let making = tempfile::Builder::new().prefix("making-").tempdir_in(cache)?;
    fs::set_permissions(making.path(), fs::Permissions::from_mode(0o755))?;
    let files = making.path().join("files");
    for (path, text) in FILES {
        let at = files.join(path);
        fs::create_dir_all(at.parent().unwrap_or(&files))?;
        fs::write(at, text)?;
    }
    let home = tempfile::tempdir()?;
    let env = apt_access(home.path())?;

    let root = making.path().join("root");
    let (log, components) = (cache.join("base.log"), archive.components.join(","));
    let keyring = archive.keyring.as_deref().map(Path::to_string_lossy).unwrap_or_default();
    let (root_path, files_path) = (root.to_string_lossy(), files.to_string_lossy());
    let args = [suite, &archive.uri, &keyring, &components, PACKAGES, &root_path, &files_path];
    if !hold::run_held(SCRIPT, &args, &env, &log, Duration::from_mins(20))? {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let why = format!("debootstrap failed, last words: {last} (more in {})", log.display());
        return Err(io::Error::other(why));
    }
    fs::remove_dir_all(&files)?;
    // Whole on disk before it has its name: a power cut must not leave half a base.
    rustix::fs::syncfs(File::open(&root)?)?;
    fs::rename(making.keep(), folder)
}

fn archive(suite: &str) -> io::Result<Archive> {
    let apt = Path::new("/etc/apt");
    let mut lists: Vec<String> = fs::read_to_string(apt.join("sources.list")).into_iter().collect();
    lists.extend(texts(&apt.join("sources.list.d"), "list"));
    let deb822 = texts(&apt.join("sources.list.d"), "sources");
    apt::archive_for(suite, &lists, &deb822)
        .ok_or_else(|| io::Error::other(format!("apt's sources name no archive of {suite}")))
}

/// The files of a folder with this ending, in the order of their names.
fn texts(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == ending));
    paths.sort();
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// How debootstrap's wget is to reach the archive: apt's proxies, and its logins as a `.netrc`,
/// whose format apt's auth.conf shares. See `apt_auth.conf(5)`.
fn apt_access(home: &Path) -> io::Result<Vec<(String, String)>> {
    let auth = Path::new("/etc/apt");
    let mut logins: Vec<String> = fs::read_to_string(auth.join("auth.conf")).into_iter().collect();
    logins.extend(texts(&auth.join("auth.conf.d"), "conf"));
    let netrc = home.join(".netrc");
    fs::write(&netrc, "")?;
    fs::set_permissions(&netrc, fs::Permissions::from_mode(0o600))?;
    fs::write(&netrc, logins.join("\n"))?;

    let mut env = vec![("HOME".to_owned(), home.to_string_lossy().into_owned())];
    for (setting, name) in
        [("Acquire::http::Proxy", "http_proxy"), ("Acquire::https::Proxy", "https_proxy")]
    {
        let mut command = Command::new("apt-config");
        command.args(["shell", "VALUE", setting]).env_clear().env("PATH", PATH);
        let said = command.output().map(|output| output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let of_apt = said.trim().strip_prefix("VALUE='").and_then(|it| it.strip_suffix('\''));
        if let Some(proxy) = of_apt.map(str::to_owned).or_else(|| std::env::var(name).ok()) {
            env.push((name.to_owned(), proxy));
        }
    }
    env.extend(std::env::var("no_proxy").ok().map(|hosts| ("no_proxy".to_owned(), hosts)));
    Ok(env)
}

/// Removes bases of other packages or scripts that nobody uses.
fn remove_unused(cache: &Path, wanted: &str) -> io::Result<()> {
    const KEPT: Duration = Duration::from_hours(7 * 24);
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
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
