//! Puts the library's errors into words that cannot carry a secret.

use std::error::Error as _;
use std::io;

use ureq::{Error, Timeout};

/// What kept a call from an answer, as far as it tells whether another try makes sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The network or the other side's machine: no such name, no connection, a reset, an end, a
    /// timeout, a proxy that does not connect. It may pass.
    Network,
    /// TLS was refused by either side: a certificate that is not trusted, no common version.
    Tls,
    /// What came back is not HTTP, or breaks its limits.
    Protocol,
    /// The request itself cannot be sent.
    Local,
}

/// Which of these an error is.
pub(crate) fn cause(error: &Error) -> Cause {
    match error {
        Error::Io(err) => match err.get_ref() {
            // The socket's errors carry those of TLS; a connection that ends is not one of them.
            Some(inner) if inner.is::<rustls::Error>() => Cause::Tls,
            _ => Cause::Network,
        },
        Error::Timeout(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_) => Cause::Network,
        Error::Rustls(_) | Error::Tls(_) | Error::TlsRequired => Cause::Tls,
        Error::Protocol(_) | Error::LargeResponseHeader(..) => Cause::Protocol,
        _ => Cause::Local,
    }
}

/// What went wrong. Only fixed phrases, host names and the system's own texts: errors that quote
/// the address, which may hold a token, are described instead.
pub(crate) fn why(error: &Error, origin: &str) -> String {
    let what = match error {
        Error::Io(err) => io_why(err),
        Error::Timeout(Timeout::Resolve) => "looking up the name took too long".to_owned(),
        Error::Timeout(Timeout::Connect) => "connecting took too long".to_owned(),
        Error::Timeout(_) => "the call's time was over".to_owned(),
        Error::HostNotFound => "no such host".to_owned(),
        Error::ConnectionFailed => "the connection failed".to_owned(),
        Error::Protocol(_) => "what came back is not an HTTP answer".to_owned(),
        Error::LargeResponseHeader(..) => "the answer's headers are too large".to_owned(),
        Error::Tls(_) | Error::TlsRequired => "TLS could not be used".to_owned(),
        Error::Rustls(err) => format!("TLS failed: {err}"),
        Error::ConnectProxyFailed(_) => "the proxy did not connect".to_owned(),
        Error::InvalidProxyUrl => "the proxy's address is unusable".to_owned(),
        Error::Other(_) => "a name for http must mean this machine, and does not".to_owned(),
        _ => "the HTTP library refused the request".to_owned(),
    };
    format!("{origin}: {what}")
}

fn io_why(err: &io::Error) -> String {
    // TLS errors come wrapped in those of the socket.
    if let Some(tls) = err.get_ref().filter(|_| err.kind() == io::ErrorKind::InvalidData) {
        return format!("TLS failed: {tls}");
    }
    match err.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed before an answer".to_owned(),
        _ if err.raw_os_error().is_some() || err.source().is_none() => err.to_string(),
        kind => kind.to_string(),
    }
}
