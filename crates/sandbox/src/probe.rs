//! Tries what must fail. A layer holds only when the kernel said no, in the words of that layer.

use std::io::{self, Read};
use std::path::Path;

use jobs::{Held, Layer};
use ops_core::host::Host;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrV4, SocketType};

/// An address that is nobody's (RFC 5737). Nothing is sent there: connecting a datagram socket
/// only asks for a route.
const NOWHERE: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(192, 0, 2, 1), 9);

/// Says of a layer what was tried, and whether it held.
pub(crate) fn row(layer: Layer, tried: Result<String, String>) -> Held {
    let held = tried.is_ok();
    Held { layer, held, probe: tried.unwrap_or_else(|why| why) }
}

/// Creating a file and setting times must fail because the file system is read-only.
pub(crate) fn read_only(places: &[std::path::PathBuf]) -> Result<String, String> {
    if places.is_empty() {
        return Err("no place to try".to_owned());
    }
    for place in places {
        let shown = place.display();
        match create(&place.join(".aiops-probe")) {
            // In a file there is nothing to create.
            Err(Errno::ROFS | Errno::NOTDIR) => {}
            Err(err) => return Err(format!("creating a file in {shown}: {err}")),
            Ok(()) => return Err(format!("a file could be created in {shown}")),
        }
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        match rustix::fs::utimensat(CWD, place, &times, AtFlags::empty()) {
            Err(Errno::ROFS) => {}
            Err(err) => return Err(format!("setting the time of {shown}: {err}")),
            Ok(()) => return Err(format!("the time of {shown} could be set")),
        }
    }
    Ok("creating a file and setting a time: read-only file system".to_owned())
}

/// Writing into a folder that the mount lets be written.
pub(crate) fn spare_is_writable(spare: &Path) -> bool {
    let path = spare.join("before");
    create(&path).is_ok() && rustix::fs::unlink(&path).is_ok()
}

/// Once Landlock is on, writing there must be denied.
pub(crate) fn spare_is_denied(spare: &Path, was_writable: bool) -> Result<String, String> {
    if !was_writable {
        return Err("nowhere to try it".to_owned());
    }
    match create(&spare.join("after")) {
        Err(Errno::ACCESS) => Ok("creating a file where the mount would let it: denied".to_owned()),
        Err(err) => Err(format!("creating a file: {err}")),
        Ok(()) => Err("a file could be created".to_owned()),
    }
}

fn create(path: &Path) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map(drop)
}

/// There must be no way to any address, and no interface but loopback.
pub(crate) fn no_network(host: &Host) -> Result<String, String> {
    let devices = read(host, "/proc/net/dev")?;
    let others: Vec<&str> = devices
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "lo")
        .collect();
    if !others.is_empty() {
        return Err(format!("interfaces: {}", others.join(", ")));
    }
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)
        .map_err(|err| format!("opening a socket: {err}"))?;
    match rustix::net::connect(&socket, &NOWHERE) {
        Err(Errno::NETUNREACH) => Ok("a way to another machine: network is unreachable".to_owned()),
        Err(err) => Err(format!("a way to another machine: {err}")),
        Ok(()) => Err("there is a way to other machines".to_owned()),
    }
}

/// This must be one of the first processes of a namespace of its own.
pub(crate) fn own_processes(host: &Host) -> Result<String, String> {
    let own = std::process::id();
    let names = host.names(Path::new("/proc")).map_err(|err| format!("listing /proc: {err}"))?;
    let seen = names.iter().filter(|name| {
        name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let seen = seen.count();
    if own <= 3 && seen <= 3 {
        Ok(format!("it is process {own} of {seen} that can be seen"))
    } else {
        Err(format!("it is process {own} of {seen} that can be seen"))
    }
}

/// No program it becomes may gain privileges, and it must have none.
pub(crate) fn privileges(host: &Host) -> [(Layer, Result<String, String>); 2] {
    let status = read(host, "/proc/self/status");
    let field = |name: &str| -> Result<String, String> {
        let status = status.as_ref().map_err(Clone::clone)?;
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(|it| it.trim().to_owned()).ok_or(format!("{name} is not told"))
    };
    let no_new = field("NoNewPrivs").and_then(|it| {
        if it == "1" { Ok("the kernel says so".to_owned()) } else { Err(format!("it is {it}")) }
    });
    let none = ["CapEff", "CapPrm", "CapInh", "CapAmb"].iter().try_for_each(|name| {
        let bits = field(name)?;
        if bits.bytes().all(|it| it == b'0') { Ok(()) } else { Err(format!("{name} is {bits}")) }
    });
    let none = none.map(|()| "effective, permitted, inheritable and ambient: none".to_owned());
    [(Layer::NoNewPrivileges, no_new), (Layer::NoCapabilities, none)]
}

/// Opening a vsock must be refused by the filter, which says other than a kernel without it.
pub(crate) fn filtered(applied: Result<(), String>) -> Result<String, String> {
    applied?;
    match rustix::net::socket(AddressFamily::VSOCK, SocketType::STREAM, None) {
        Err(Errno::PERM) => Ok("opening a vsock: operation not permitted".to_owned()),
        Err(err) => Err(format!("opening a vsock: {err}")),
        Ok(_) => Err("a vsock could be opened".to_owned()),
    }
}

fn read(host: &Host, path: &str) -> Result<String, String> {
    let bytes =
        host.read_start(Path::new(path), 1 << 16).map_err(|err| format!("{path}: {err}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads one line of standard input, byte by byte: what follows is not ours.
pub(crate) fn line(limit: usize) -> io::Result<Vec<u8>> {
    let mut line = vec![];
    let mut input = io::stdin().lock();
    let mut byte = [0];
    while line.len() < limit {
        match input.read(&mut byte)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ if byte == *b"\n" => return Ok(line),
            _ => line.extend(byte),
        }
    }
    Err(io::ErrorKind::FileTooLarge.into())
}
