//! One GET of a health endpoint on loopback, in plain HTTP. No judgement here.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ops_core::host::Host;

use super::Endpoint;
use crate::facts::Answer;

/// How much of an answer is read for its status line and headers, bytes.
const LARGEST: usize = 16 * 1024;

/// How many headers an answer may have.
const HEADERS: usize = 64;

/// Asks an endpoint for its status. A refused connection is an answer: nobody listens there.
pub(super) fn ask(host: &Host, endpoint: &Endpoint, limit: Duration) -> Result<Answer, String> {
    let url = format!("http://{}{}", endpoint.address, endpoint.path);
    if !endpoint.address.ip().is_loopback() {
        return Err(format!("{url} is not on loopback"));
    }
    let end = host.ticks() + limit;
    let left = || match end.saturating_sub(host.ticks()) {
        Duration::ZERO => Err(format!("{url} gave no answer within {} s", limit.as_secs())),
        left => Ok(left),
    };
    let tell = |err: std::io::Error| match err.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("{url} gave no answer within {} s", limit.as_secs())
        }
        _ => format!("{url}: {err}"),
    };
    let mut stream = match TcpStream::connect_timeout(&endpoint.address, left()?) {
        Err(err) if err.kind() == ErrorKind::ConnectionRefused => {
            return Ok(Answer { url, status: None });
        }
        connected => connected.map_err(tell)?,
    };
    stream.set_write_timeout(Some(left()?)).map_err(tell)?;
    let question = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ai-ops-runner\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        endpoint.path, endpoint.address
    );
    stream.write_all(question.as_bytes()).map_err(tell)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 2048];
    while answer.len() < LARGEST {
        stream.set_read_timeout(Some(left()?)).map_err(tell)?;
        let count = match stream.read(&mut chunk) {
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(tell)?,
        };
        answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        match status(&answer) {
            Ok(Some(status)) => return Ok(Answer { url, status: Some(status) }),
            Ok(None) if count > 0 => {}
            Ok(None) => return Err(format!("{url} broke off in the middle of its answer")),
            Err(why) => return Err(format!("{url} does not speak HTTP: {why}")),
        }
    }
    Err(format!("{url} answers with more than {LARGEST} bytes of headers"))
}

/// The status of an answer; `None` while its head is not whole.
fn status(answer: &[u8]) -> Result<Option<u16>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(answer)?;
    Ok(if parsed.is_complete() { response.code } else { None })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test is the server")]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener};

    /// Asks a server that says this to one client and closes.
    fn asked(says: &'static [u8], limit: Duration) -> Result<Answer, String> {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let (mut client, _) = server.accept().unwrap();
            let mut question = [0; 16];
            client.read_exact(&mut question).unwrap();
            client.write_all(says).unwrap();
            // Held open until the client has gone, unless it is to see an end.
            if says.is_empty() {
                let _ended = client.read_to_end(&mut Vec::new());
            }
            question
        });
        let endpoint = Endpoint { address, path: "/healthz".into() };
        let answer = ask(&Host::real(), &endpoint, limit);
        assert_eq!(&serving.join().unwrap(), b"GET /healthz HTT");
        answer
    }

    #[test]
    fn the_status_is_told_and_nothing_else_passes_for_one() {
        let long = Duration::from_secs(20);
        for (says, status) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..], Some(200)),
            (b"HTTP/1.0 503 no\r\n\r\n", Some(503)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", None),
            (b"SSH-2.0-OpenSSH_9.2\r\n", None),
            (b"\x00\xff", None),
        ] {
            let answer = asked(says, long);
            assert_eq!(answer.clone().ok().and_then(|it| it.status), status, "{answer:?}");
            assert_eq!(answer.is_err(), status.is_none());
        }
    }

    #[test]
    fn silence_ends_at_the_deadline_and_a_closed_port_is_a_fact() {
        let answer = asked(b"", Duration::from_millis(50));
        assert!(answer.unwrap_err().contains("no answer within"));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoint = |address| Endpoint { address, path: "/".into() };
        let answer = ask(&Host::real(), &endpoint(closed), Duration::from_secs(20)).unwrap();
        assert_eq!(answer.status, None);
        let public: SocketAddr = "192.0.2.1:80".parse().unwrap();
        assert!(ask(&Host::real(), &endpoint(public), Duration::from_secs(20)).is_err());
    }
}
