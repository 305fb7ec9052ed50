//! The Debian root all machines share: made once with debootstrap, kept in a cache, never changed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::apt::{self, Archive};
use crate::cache::{self, digest, kept};
use crate::hold::{self, PATH};
use crate::skip::Skipped;

/// What the root holds besides a minimal Debian. With socat, one program plays tailscaled.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,openssh-client,iproute2,procps,\
                        git,ca-certificates,logrotate,socat";

const SCRIPT: &str = include_str!("../scripts/base.sh");
const LAYER_SCRIPT: &str = include_str!("../scripts/layer.sh");

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
    /// More packages, topmost first.
    layers: Vec<PathBuf>,
    suite: String,
    cache: PathBuf,
    /// Shared locks: a base in use is not removed.
    locks: Vec<Arc<File>>,
}

impl Base {
    /// The base of this release and these packages, made when it is not in the cache: about a
    /// minute, once. The cache is the folder `AIOPS_TEST_CACHE`, else `booted` in cargo's target
    /// folder. Processes that want it at the same time wait for the one that makes it.
    pub fn get() -> Result<Self, Skipped> {
        check_machine()?;
        let cache = cache::folder();
        Self::in_cache(&cache).map_err(|why| Skipped::new(format!("no base system: {why}")))
    }

    /// This base with more Debian packages, kept beside it in the cache.
    pub fn with_packages(&self, packages: &[&str]) -> Result<Self, Skipped> {
        let (packages, below) = (packages.join(" "), self.lower());
        let name = format!("base-{}-{}", self.suite, digest(&[LAYER_SCRIPT, &packages, &below]));
        let making = |folder: &Path| {
            let (archive, access) = (archive(&self.suite)?, tempfile::NamedTempFile::new()?);
            fs::write(access.path(), said_by("apt-config", &["dump", "Acquire"])?)?;
            let keyring = keyring_of(&archive);
            let components = archive.components.join(" ");
            let (path, access) = (folder.to_string_lossy(), access.path().to_string_lossy());
            let (suite, uri) = (&self.suite, &archive.uri);
            let args = [&below, &*path, &packages, suite, uri, &keyring, &components, &access];
            run_to_end(LAYER_SCRIPT, &args, &[], &self.cache.join("layer.log"))
        };
        let kept = kept(&self.cache, &name, making);
        let (folder, lock) = kept.map_err(|why| Skipped::new(format!("no {packages}: {why}")))?;
        let mut layered = self.clone();
        layered.layers.insert(0, folder.join("root"));
        layered.locks.push(Arc::new(lock));
        Ok(layered)
    }

    fn in_cache(cache: &Path) -> io::Result<Self> {
        fs::create_dir_all(cache)?;
        let release = fs::read_to_string("/etc/os-release")?;
        let suite = apt::codename(&release)
            .ok_or_else(|| io::Error::other("/etc/os-release names no VERSION_CODENAME"))?;
        let files = FILES.iter().flat_map(|&(path, text)| [path, text]);
        let parts: Vec<&str> = [&*suite, PACKAGES, SCRIPT].into_iter().chain(files).collect();
        let name = format!("base-{suite}-{}", digest(&parts));
        let (folder, lock) = kept(cache, &name, |making| make(making, &suite, cache))?;
        let (root, cache, locks) = (folder.join("root"), cache.to_owned(), vec![Arc::new(lock)]);
        Ok(Self { root, layers: Vec::new(), suite, cache, locks })
    }

    /// Its folders as overlayfs wants them: topmost first.
    pub(crate) fn lower(&self) -> String {
        let folders = self.layers.iter().chain([&self.root]);
        folders.map(|it| it.to_string_lossy().into_owned()).collect::<Vec<_>>().join(":")
    }

    /// Its root folder. Nobody may change anything in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes that it takes on disk, its layers included.
    pub fn size(&self) -> u64 {
        let mut args = vec!["-sck".to_owned()];
        args.extend(self.lower().split(':').map(str::to_owned));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let said = said_by("du", &args).expect("du runs");
        said.lines().last().map_or(0, kilobytes) * 1024
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

fn make(making: &Path, suite: &str, cache: &Path) -> io::Result<()> {
    let archive = archive(suite)?;
    let files = making.join("files");
    for (path, text) in FILES {
        let at = files.join(path);
        fs::create_dir_all(at.parent().unwrap_or(&files))?;
        fs::write(at, text)?;
    }
    let home = tempfile::tempdir()?;
    let env = apt_access(home.path())?;
    let root = making.join("root");
    let (keyring, components) = (keyring_of(&archive), archive.components.join(","));
    let (root, laid_over) = (root.to_string_lossy(), files.to_string_lossy());
    let args = [suite, &archive.uri, &keyring, &components, PACKAGES, &root, &laid_over];
    run_to_end(SCRIPT, &args, &env, &cache.join("base.log"))?;
    fs::remove_dir_all(&files)
}

fn keyring_of(archive: &Archive) -> String {
    archive.keyring.as_deref().map(Path::to_string_lossy).unwrap_or_default().into_owned()
}

fn run_to_end(script: &str, args: &[&str], env: &[(String, String)], log: &Path) -> io::Result<()> {
    if hold::run_held(script, args, env, log, Duration::from_mins(20))? {
        return Ok(());
    }
    let said = fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
    Err(io::Error::other(format!("last words: {last} (more in {})", log.display())))
}

/// Standard output of a command of the host.
fn said_by(command: &str, args: &[&str]) -> io::Result<String> {
    let output = Command::new(command).args(args).env_clear().env("PATH", PATH).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
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
        let said = said_by("apt-config", &["shell", "VALUE", setting]).unwrap_or_default();
        let of_apt = said.trim().strip_prefix("VALUE='").and_then(|it| it.strip_suffix('\''));
        if let Some(proxy) = of_apt.map(str::to_owned).or_else(|| std::env::var(name).ok()) {
            env.push((name.to_owned(), proxy));
        }
    }
    env.extend(std::env::var("no_proxy").ok().map(|hosts| ("no_proxy".to_owned(), hosts)));
    Ok(env)
}
