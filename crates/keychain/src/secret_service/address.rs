//! Where the session bus listens. Judges text; connects to nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The name of a socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Socket {
    /// A file.
    Path(PathBuf),
    /// A name in the kernel's own namespace, without its leading NUL.
    Abstract(Vec<u8>),
}

/// What the environment says about the bus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// There is none, and why.
    Nowhere(String),
    /// Sockets to try, in this order.
    At(Vec<Socket>),
    /// It speaks of a bus that is not used here, and why: only local sockets are, because what
    /// goes over them is seen by nobody else.
    Unusable(String),
}

/// Reads the two variables that may name the bus.
///
/// Format: "Server Addresses" in the D-Bus specification: `transport:key=value,…` joined by `;`,
/// values percent-encoded. There is no third guess such as `/run/user/<uid>/bus`: who runs without
/// a session's environment has no session.
pub(crate) fn place(address: Option<&OsStr>, runtime_folder: Option<&OsStr>) -> Place {
    match (address.map(OsStr::as_bytes), runtime_folder) {
        // How people switch the bus off for a command.
        (Some(b"disabled:" | b"/dev/null"), _) => {
            Place::Nowhere("DBUS_SESSION_BUS_ADDRESS switches the session bus off".to_owned())
        }
        (Some(address), _) => {
            let sockets: Vec<Socket> =
                address.split(|byte| *byte == b';').filter_map(socket).collect();
            if sockets.is_empty() {
                Place::Unusable("DBUS_SESSION_BUS_ADDRESS names no local socket".to_owned())
            } else {
                Place::At(sockets)
            }
        }
        (None, Some(folder)) => Place::At(vec![Socket::Path(Path::new(folder).join("bus"))]),
        (None, None) => Place::Nowhere(
            "no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set"
                .to_owned(),
        ),
    }
}

fn socket(address: &[u8]) -> Option<Socket> {
    let mut found = None;
    for pair in address.strip_prefix(b"unix:")?.split(|byte| *byte == b',') {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&pair[..equals], decoded(&pair[equals + 1..])?);
        let named = match key {
            b"path" => Socket::Path(PathBuf::from(OsString::from_vec(value))),
            b"abstract" => Socket::Abstract(value),
            // `guid` only matters to who shares connections.
            _ => continue,
        };
        if found.replace(named).is_some() {
            return None;
        }
    }
    found
}

fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = value.iter();
    let mut out = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => {
                let digits = [*bytes.next()?, *bytes.next()?];
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => *byte,
        };
        out.push(plain);
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(paths: &[&str]) -> Place {
        Place::At(paths.iter().map(|path| Socket::Path(path.into())).collect())
    }

    #[test]
    fn an_address_names_the_sockets_it_says() {
        let named = Place::At(vec![Socket::Abstract(b"/tmp/dbus-1".to_vec())]);
        for (address, wanted) in [
            ("unix:path=/run/user/1000/bus", at(&["/run/user/1000/bus"])),
            ("unix:guid=00ff,path=/a", at(&["/a"])),
            ("unix:path=/a%20b%2cc", at(&["/a b,c"])),
            ("unix:abstract=/tmp/dbus-1,guid=00ff", named),
            ("unixexec:path=/bin/false;unix:path=/a;unix:path=/b", at(&["/a", "/b"])),
            ("unix:path=/a;tcp:host=localhost,port=1", at(&["/a"])),
        ] {
            assert_eq!(place(Some(address.as_ref()), None), wanted, "{address}");
        }
    }

    #[test]
    fn only_local_sockets_are_used() {
        for address in [
            "tcp:host=localhost,port=1",
            "unixexec:path=/bin/false",
            "autolaunch:",
            "unix:tmpdir=/tmp",
            "unix:path=",
            "unix:path=/a,path=/b",
            "unix:path=/a,abstract=b",
            "unix:path=/a%2",
            "unix:path=/a%+1",
            "unix:",
            "nonsense",
            ";",
        ] {
            let found = place(Some(address.as_ref()), Some("/run/user/1000".as_ref()));
            assert!(matches!(found, Place::Unusable(_)), "{address}: {found:?}");
        }
    }

    #[test]
    fn without_an_address_the_runtime_folder_is_asked_and_without_either_nobody() {
        assert_eq!(place(None, Some("/run/user/1000".as_ref())), at(&["/run/user/1000/bus"]));
        assert!(matches!(place(None, None), Place::Nowhere(_)));
        for off in ["disabled:", "/dev/null"] {
            assert!(matches!(place(Some(off.as_ref()), Some("/run".as_ref())), Place::Nowhere(_)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            drop(place(Some(OsStr::from_bytes(&bytes)), None));
            let mut address = b"unix:path=".to_vec();
            address.extend_from_slice(&bytes);
            drop(place(Some(OsStr::from_bytes(&address)), None));
        }
    }
}
