//! A private PostgreSQL server in a temporary folder, on a port of loopback: started, stopped,
//! killed and started again by tests. It ends with the last test that uses it, and with the process.
#![expect(clippy::disallowed_methods, reason = "tests look at the machine themselves")]

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rustix::fs::{Gid, Uid};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long starting and stopping may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The user that servers run as where tests run as root, which PostgreSQL refuses: postgres where
/// the package made it, else nobody.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A server.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    user: Option<(Uid, Gid)>,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
    addresses: String,
}

/// The server that tests of this process share.
static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

impl Cluster {
    /// The server that tests of this process share: made for the first, gone with the last.
    ///
    /// # Errors
    /// Why there can be none on this machine: the reason to skip.
    pub fn shared() -> Result<Arc<Self>, String> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// Makes a server of its own, and starts it.
    ///
    /// # Errors
    /// Why there can be none on this machine: the reason to skip.
    pub fn start() -> Result<Self, String> {
        Self::start_on(&["127.0.0.1"])
    }

    /// The same, listening on these addresses of this machine: loopback or tailnet ones.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_on(addresses: &[&str]) -> Result<Self, String> {
        let programs = programs().ok_or("PostgreSQL's server is not installed (postgresql)")?;
        let folder = tempfile::tempdir().map_err(|err| format!("make a folder: {err}"))?;
        let user = if rustix::process::geteuid().is_root() { Some(user()?) } else { None };
        let cluster = Self {
            programs,
            port: free_port().map_err(|err| format!("find a port: {err}"))?,
            user,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
            addresses: addresses.join(","),
            folder,
        };
        cluster.init().map_err(|err| format!("initdb: {err}"))?;
        cluster.resume();
        Ok(cluster)
    }

    /// Makes an empty database; returns its address.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::SeqCst);
        let name = format!("test{number}");
        let mut client = self.client("postgres").expect("the server was started");
        client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database can be made");
        self.url(&name)
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://aiops@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it as an operator would: clients are sent away.
    pub fn stop(&self) {
        self.end(Signal::INT);
    }

    /// Ends it and all its processes at once, as a crash of the machine would.
    pub fn kill(&self) {
        self.end(Signal::KILL);
    }

    /// Has all its processes hang: connections stay, and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(server) = &*self.held() {
            let _gone = kill_all(server, signal).is_err();
        }
    }

    /// Starts it again; returns when it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn resume(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut server = self.launch().expect("the server can be started");
            loop {
                if self.client("postgres").is_ok() {
                    *self.held() = Some(server);
                    return;
                }
                // Killed, it may leave processes that hold its memory for a moment.
                if server.try_wait().expect("it is our child").is_some() {
                    break;
                }
                assert!(Instant::now() < end, "{}", self.log());
                pause();
            }
            assert!(Instant::now() < end, "{}", self.log());
            pause();
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, signal: Signal) {
        if let Some(mut server) = self.held().take() {
            let _gone = kill(&server, signal).is_err();
            let _gone = server.wait().is_err();
        }
    }

    fn client(&self, database: &str) -> Result<Client, postgres::Error> {
        let mut config: postgres::Config = self.url(database).parse()?;
        config.connect_timeout(Duration::from_secs(5)).connect(NoTls)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user.as_raw()).gid(group.as_raw());
        }
        command
    }

    fn init(&self) -> io::Result<()> {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))?;
        fs::create_dir(self.data())?;
        if let Some((user, group)) = self.user {
            rustix::fs::chown(self.data(), Some(user), Some(group))?;
            rustix::fs::chown(self.folder.path(), Some(user), Some(group))?;
        }
        let args = ["--no-sync", "--auth=trust", "--username=aiops", "--encoding=UTF8"];
        let made = self.command("initdb").args(args).arg("-D").arg(self.data()).output()?;
        if made.status.success() {
            let rules = self.data().join("pg_hba.conf");
            let mut rules = fs::File::options().append(true).open(rules)?;
            return rules.write_all(b"host all all 100.64.0.0/10 trust\n");
        }
        Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()))
    }

    fn launch(&self) -> io::Result<Child> {
        let log =
            fs::File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        command.args(["-c", &format!("listen_addresses={}", self.addresses)]);
        command.args(["-c", "max_connections=200"]);
        command.arg("-k").arg(self.folder.path());
        command.stdout(log.try_clone()?).stderr(log).process_group(0).spawn()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(Signal::INT);
    }
}

/// Ends a server. One that is asked to tells its processes itself; killed, it cannot.
fn kill(server: &Child, signal: Signal) -> rustix::io::Result<()> {
    if signal == Signal::KILL {
        kill_all(server, signal)
    } else {
        kill_process(Pid::from_child(server), signal)
    }
}

/// Signals a server and its processes, each of which is a group of its own.
fn kill_all(server: &Child, signal: Signal) -> rustix::io::Result<()> {
    let id = server.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    kill_process(Pid::from_child(server), signal)?;
    for child in children.unwrap_or_default().split_whitespace() {
        if let Some(child) = child.parse().ok().and_then(Pid::from_raw) {
            let _gone = kill_process(child, signal).is_err();
        }
    }
    Ok(())
}

/// The folder of the server's programs: Debian keeps them beside each other by version.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found
        .into_iter()
        .rev()
        .chain(std::env::split_paths(&path))
        .find(|folder| ["postgres", "initdb"].iter().all(|program| folder.join(program).exists()))
}

fn user() -> Result<(Uid, Gid), String> {
    let known = fs::read_to_string("/etc/passwd").map_err(|err| format!("/etc/passwd: {err}"))?;
    let number = |name: &str, field: usize| {
        let line = known.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(field)?.parse::<u32>().ok()
    };
    USERS
        .iter()
        .find_map(|name| Some((Uid::from_raw(number(name, 2)?), Gid::from_raw(number(name, 3)?))))
        .ok_or_else(|| "there is no user that the server could run as".to_owned())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Whether a program of this name is there; for tests that need one.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).exists())
}
