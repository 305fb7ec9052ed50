//! ssh: a real sshd, one process for each connection to a loopback port of ours, that lets in one
//! key made for this test and runs git's restricted shell.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
        if !Path::new(SSHD).is_file() {
            return Err(format!("{SSHD} is missing: install Debian's openssh-server"));
        }
        if let Some(missing) = ["ssh", "ssh-keygen"].into_iter().find(|it| !has(it)) {
            return Err(format!("{missing} is missing: install Debian's openssh-client"));
        }
        if scenarios::is_root() && !Path::new(EMPTY).is_dir() {
            return Err(format!("sshd needs the folder {EMPTY}: mkdir -m 0755 {EMPTY}"));
        }
        fs::create_dir(folder).expect("a folder for sshd");
        for key in ["host", "client"] {
            let args = ["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", key];
            let mut command = world.program("ssh-keygen", folder);
            command.args(args);
            drop(Ran::of(command).expect(0));
        }
        let at = |name: &str| folder.join(name);
        script(&at("serve"), &serve(world));
        let public = fs::read_to_string(at("client.pub")).expect("a public key");
        let allowed = format!("restrict,command=\"{}\" {public}", at("serve").display());
        fs::write(at("authorized_keys"), allowed).expect("authorized_keys");
        fs::write(at("sshd_config"), configuration(folder)).expect("sshd_config");
        let mut test = world.program(SSHD, folder);
        test.args(["-t", "-f"]).arg(at("sshd_config"));
        let tested = Ran::of(test);
        if tested.code != 0 {
            return Err(format!("sshd cannot run here: {}", tested.stderr.trim()));
        }
        let server = Self::listen(folder, world.variables());
        let port = server.address.port();
        let host = fs::read_to_string(at("host.pub")).expect("a public key");
        fs::write(at("known_hosts"), format!("[127.0.0.1]:{port} {host}")).expect("known_hosts");
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

fn configuration(folder: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nUseDNS no\n\
         PubkeyAuthentication yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nLogLevel VERBOSE\n",
        at("host"),
        at("authorized_keys"),
    )
}
