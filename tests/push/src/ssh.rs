//! ssh: a real sshd, one process for each connection to a loopback port of ours, that lets in one
//! key made for this test and runs git's restricted shell.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use scenarios::{Ran, has};

use crate::hermetic::Hermetic;
use crate::hook::{quoted, script};

/// Where Debian keeps it; it is not on everybody's `PATH`.
const SSHD: &str = "/usr/sbin/sshd";
/// Where sshd, as root, locks up the part of itself that reads from strangers.
const EMPTY: &str = "/run/sshd";

/// A running server.
#[derive(Debug)]
pub(crate) struct Sshd {
    address: SocketAddr,
    folder: PathBuf,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    children: Mutex<Vec<Child>>,
}

impl Sshd {
    /// Starts it in `folder`, or says why it cannot run here.
    pub(crate) fn start(world: &Hermetic, folder: &Path) -> Result<Self, String> {
        static KEYS: OnceLock<Result<Keys, String>> = OnceLock::new();
        let keys = KEYS.get_or_init(prepare).as_ref().map_err(Clone::clone)?;
        keys.write(folder);
        script(&folder.join("serve"), &serve(world));
        let server = Self::listen(folder, world.variables());
        let port = server.address.port();
        let known = format!("[127.0.0.1]:{port} {}", keys.host.1);
        fs::write(folder.join("known_hosts"), known).expect("known_hosts");
        Ok(server)
    }

    fn listen(folder: &Path, variables: &[(OsString, OsString)]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (ours, folder_, variables) =
            (Arc::clone(&shared), folder.to_owned(), variables.to_vec());
        let listening = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ours.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let child = connection(&folder_, &variables, stream);
                ours.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
            }
        });
        Self { address, folder: folder.to_owned(), shared, listening: Some(listening) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What git calls instead of plain `ssh`.
    pub(crate) fn client(&self) -> String {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let options = [
            "BatchMode=yes".to_owned(),
            // The quickest first: there are hundreds of logins.
            "KexAlgorithms=^curve25519-sha256".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            format!("UserKnownHostsFile={}", at("known_hosts")),
            format!("IdentityFile={}", at("client")),
        ];
        let options = options.map(|option| format!(" -o {}", quoted(&option)));
        format!("ssh -F /dev/null{}", options.concat())
    }

    /// What sshd wrote down.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // A call of its own wakes the listener.
        let _woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(listening) = self.listening.take() {
            let _ended = listening.join().is_ok();
        }
        let children = &mut *self.shared.children.lock().unwrap_or_else(PoisonError::into_inner);
        for mut child in children.drain(..) {
            // What it started ends with the connection.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The server's key and the client's, each with its public half; they let nobody in anywhere else.
#[derive(Debug)]
struct Keys {
    host: (Vec<u8>, String),
    client: (Vec<u8>, String),
}

impl Keys {
    /// Writes what a server needs to a folder, but for what it starts and where it listens.
    fn write(&self, folder: &Path) {
        fs::create_dir(folder).expect("a folder for sshd");
        let at = |name: &str| folder.join(name);
        for (name, key) in [("host", &self.host.0), ("client", &self.client.0)] {
            let mut options = fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(at(name));
            file.and_then(|mut file| file.write_all(key)).expect("a key");
        }
        let allowed = format!("restrict,command=\"{}\" {}", at("serve").display(), self.client.1);
        fs::write(at("authorized_keys"), allowed).expect("authorized_keys");
        fs::write(at("sshd_config"), configuration(folder)).expect("sshd_config");
    }
}

/// Makes the keys, and sees whether sshd runs here with them; or says why it cannot.
fn prepare() -> Result<Keys, String> {
    if !Path::new(SSHD).is_file() {
        return Err(format!("{SSHD} is missing: install Debian's openssh-server"));
    }
    if let Some(missing) = ["ssh", "ssh-keygen"].into_iter().find(|it| !has(it)) {
        return Err(format!("{missing} is missing: install Debian's openssh-client"));
    }
    if scenarios::is_root() && !Path::new(EMPTY).is_dir() {
        return Err(format!("sshd needs the folder {EMPTY}: mkdir -m 0755 {EMPTY}"));
    }
    let world = Hermetic::new();
    let key = |name: &str| {
        let mut command = world.program("ssh-keygen", &world.path(""));
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
        drop(Ran::of(command).expect(0));
        let public = fs::read_to_string(world.path(&format!("{name}.pub")));
        (fs::read(world.path(name)).expect("a key"), public.expect("a public key"))
    };
    let keys = Keys { host: key("host"), client: key("client") };
    let folder = world.path("sshd");
    keys.write(&folder);
    let mut test = world.program(SSHD, &folder);
    test.args(["-t", "-f"]).arg(folder.join("sshd_config"));
    let tested = Ran::of(test);
    if tested.code != 0 {
        return Err(format!("sshd cannot run here: {}", tested.stderr.trim()));
    }
    Ok(keys)
}

/// One connection's sshd, as inetd would start it: the socket is its input and output.
fn connection(folder: &Path, variables: &[(OsString, OsString)], stream: TcpStream) -> Child {
    let input = OwnedFd::from(stream);
    let output = input.try_clone().expect("a second handle of a socket");
    let mut command = Command::new(SSHD);
    command.arg("-i").arg("-f").arg(folder.join("sshd_config")).arg("-E").arg(folder.join("log"));
    command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::null());
    command.spawn().expect("sshd starts")
}

/// The script that every login runs: git's shell, with the test's environment and nothing else.
fn serve(world: &Hermetic) -> String {
    let pairs = world.variables().iter().map(|(name, value)| {
        let text = |it: &OsString| it.to_str().expect("a variable is UTF-8").to_owned();
        quoted(&format!("{}={}", text(name), text(value)))
    });
    let pairs: Vec<String> = pairs.collect();
    format!(
        "exec env -i {} GIT_PROTOCOL=\"$GIT_PROTOCOL\" git shell -c \"$SSH_ORIGINAL_COMMAND\"\n",
        pairs.join(" ")
    )
}

/// Its settings. `SHLVL`: for a login by ssh bash reads its user's .bashrc, unless it is not the
/// outermost shell.
fn configuration(folder: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nUseDNS no\n\
         PubkeyAuthentication yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nLogLevel VERBOSE\n\
         SetEnv SHLVL=1\n",
        at("host"),
        at("authorized_keys"),
    )
}
