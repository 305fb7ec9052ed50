//! The smallest client that can also ask what it should not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::PATIENCE;

pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Sends a request as it is written and reads the answer until the other side is done.
pub(crate) fn raw(address: &str, request: &[u8]) -> Said {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Said { status, head, body: bytes[end..].to_vec() }
}

/// An answer that is read as it comes.
pub(crate) struct Stream {
    from: TcpStream,
    said: Vec<u8>,
}

impl Stream {
    /// Asks for what goes on for a while.
    pub(crate) fn begin(address: &str, token: &str, path: &str, headers: &str) -> Self {
        let mut from = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
        from.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let head = format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
        from.write_all(head.as_bytes()).unwrap();
        Self { from, said: vec![] }
    }

    /// All of it so far, once a text has come so often.
    pub(crate) fn until(&mut self, text: &str, times: usize) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = String::from_utf8_lossy(&self.said).into_owned();
            if said.matches(text).count() >= times {
                return said;
            }
            // Signs of life come for ever.
            assert!(Instant::now() < end, "{text:?} did not come {times} times: {said}");
            let mut piece = [0; 4096];
            let read = self.from.read(&mut piece).unwrap();
            assert!(read > 0, "it ended before {text:?} came: {said}");
            self.said.extend(&piece[..read]);
        }
    }

    /// All of it, once the other side is done.
    pub(crate) fn rest(mut self) -> String {
        self.from.read_to_end(&mut self.said).unwrap();
        String::from_utf8(self.said).unwrap()
    }
}

/// One request; HTTP/1.0 keeps bodies free of chunks.
pub(crate) fn ask(address: &str, token: &str, method: &str, path: &str, body: &str) -> Said {
    let auth =
        if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.0\r\n{auth}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(address, head.as_bytes())
}
