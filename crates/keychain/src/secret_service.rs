//! The Secret Service (GNOME's and KDE's keyrings, among others), over the session's D-Bus.

mod address;
mod calls;
mod cipher;
mod steps;

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use secrets::keychain::{Answer, Change, Keychain};
use zeroize::Zeroizing;

use crate::limit::{Trouble, within};
use address::{Place, Socket, place};
use calls::Service;

const BUS: &str = "the session bus or its Secret Service";

/// The Secret Service of the session.
#[derive(Debug)]
pub(crate) struct SecretService {
    place: Place,
}

impl SecretService {
    /// From the two environment variables that may name the bus.
    pub(crate) fn new(address: Option<&OsStr>, runtime_folder: Option<&OsStr>) -> Self {
        Self { place: place(address, runtime_folder) }
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&Service) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let socket = self.connect()?;
        let failed = |err: std::io::Error| Trouble::Failed(format!("the session bus: {err}"));
        let ours = socket.try_clone().map_err(failed)?;
        within(
            BUS,
            move || zbus::block_on(async { work(&Service::open(socket).await?).await }),
            // Ends the thread that still waits on it, and lets it ask for nothing more.
            move || drop(ours.shutdown(std::net::Shutdown::Both)),
        )
    }

    fn connect(&self) -> Result<UnixStream, Trouble> {
        let sockets = match &self.place {
            Place::Nowhere(why) => return Err(Trouble::Absent(why.clone())),
            Place::Unusable(why) => return Err(Trouble::Failed(why.clone())),
            Place::At(sockets) => sockets,
        };
        for socket in sockets {
            match connected(socket) {
                Ok(stream) => return Ok(stream),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::CONNREFUSED) => {}
                Err(Errno::AGAIN) => {
                    return Err(Trouble::Failed("the session bus takes no connections".to_owned()));
                }
                Err(err) => return Err(Trouble::Failed(format!("the session bus: {err}"))),
            }
        }
        Err(Trouble::Absent("no session bus listens where the environment says".to_owned()))
    }
}

/// Connects without waiting: a local socket is connected at once or not at all.
fn connected(socket: &Socket) -> rustix::io::Result<UnixStream> {
    let address = match socket {
        Socket::Path(path) => SocketAddrUnix::new(path.as_os_str().as_bytes())?,
        Socket::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

impl Keychain for SecretService {
    fn name(&self) -> &'static str {
        "Secret Service"
    }

    fn get(&self, account: &str) -> Answer {
        let account = account.to_owned();
        self.ask(async move |service| steps::get(service, &account).await)
            .unwrap_or_else(Answer::from)
    }

    fn set(&self, account: &str, value: &[u8]) -> Change {
        let account = account.to_owned();
        let value = Zeroizing::new(value.to_vec());
        self.ask(async move |service| steps::set(service, &account, &value).await)
            .unwrap_or_else(Change::from)
    }

    fn delete(&self, account: &str) -> Change {
        let account = account.to_owned();
        self.ask(async move |service| steps::delete(service, &account).await)
            .unwrap_or_else(Trouble::on_delete)
    }
}
