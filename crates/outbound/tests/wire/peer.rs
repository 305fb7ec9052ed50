//! A peer on loopback: each connection is played by the next closure of a script.
#![expect(clippy::disallowed_methods, reason = "tests listen on loopback")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use outbound::{Base, Client, Limits, Outcome, Request};

/// What a peer does with one connection.
pub(crate) type Act = Box<dyn FnOnce(TcpStream) + Send>;

/// Wraps a closure for a script.
pub(crate) fn act(it: impl FnOnce(TcpStream) + Send + 'static) -> Act {
    Box::new(it)
}

/// Plays a script, one connection after the other.
pub(crate) fn peer(script: Vec<Act>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let player = std::thread::spawn(move || {
        for act in script {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            act(stream);
        }
    });
    (address, player)
}

/// Reads one request whole; head and body.
pub(crate) fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

/// Closes with a reset.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// Waits until the other side has gone.
pub(crate) fn until_gone(mut stream: TcpStream) {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
}

/// Writes a text piece by piece, for as long as the other side is there.
pub(crate) fn drip(mut stream: TcpStream, text: impl IntoIterator<Item = u8>) {
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    for byte in text {
        if stream.write_all(&[byte]).is_err() || matches!(stream.read(&mut [0]), Ok(0)) {
            return;
        }
    }
}

/// Limits that let a test of a timeout end soon.
pub(crate) const SHORT: Limits = Limits {
    connect: Duration::from_millis(400),
    total: Duration::from_millis(700),
    body: 1 << 20,
};

/// Sends one POST with a secret in each place, checks that no text shows it and that the deadline
/// held with a margin that a busy machine needs.
pub(crate) fn post(address: SocketAddr, limits: Limits) -> Outcome {
    let base = Base::parse(&format!("http://{address}/base")).unwrap();
    send(&mut Client::new(limits), &base, limits)
}

/// As [`post`], with a client of the caller's.
pub(crate) fn send(client: &mut Client, base: &Base, limits: Limits) -> Outcome {
    let request = Request::post(base, "/1/messages.json")
        .query("token", "canary-query")
        .basic("canary-user", "canary-password")
        .header("x-key", "canary-header")
        .form(&[("message", "canary-form"), ("to", "+1 2")]);
    let started = Instant::now();
    let outcome = client.call(request);
    assert!(started.elapsed() < limits.total + Duration::from_secs(4), "{:?}", started.elapsed());
    if let Outcome::NotSent(why) | Outcome::Ambiguous(why) = &outcome {
        assert!(!why.contains("canary"), "{why}");
    }
    outcome
}
