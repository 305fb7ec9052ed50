//! Just enough HTTP/1.1 to take requests apart and put answers together.

use std::io::{self, Read, Write};

use serde_json::Value;

/// The largest head and body that are read.
const LARGEST_HEAD: usize = 64 * 1024;
const LARGEST_BODY: usize = 32 << 20;

/// One request, as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// Request line and headers, byte for byte, with the empty line.
    pub raw_head: Vec<u8>,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names and values as sent, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, with a chunked encoding taken off.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of that name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The decoded pairs of the query, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        pairs(self.target.split_once('?').map_or(b"".as_slice(), |(_, query)| query.as_bytes()))
    }

    /// The decoded pairs of a form body, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&self.body)
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(crate) fn is_form(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next() == Some("application/x-www-form-urlencoded")
    }

    pub(crate) fn is_json(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next() == Some("application/json")
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    fn is_last(&self) -> bool {
        let close = |value: &str| value.eq_ignore_ascii_case("close");
        self.raw_head.windows(9).any(|part| part == b"HTTP/1.0\r")
            || self.header("connection").is_some_and(close)
    }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    let decoded = form_urlencoded::parse(text);
    decoded.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// One answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Headers beyond the length of the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer with a body of that type.
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body }
    }

    /// An answer with a JSON document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", document.to_string().into_bytes())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let mut lines = vec![format!("HTTP/1.1 {} {}", self.status, phrase(self.status))];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if !matches!(self.status, 204 | 304) {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        lines.join("\r\n").into_bytes().into_iter().chain(*b"\r\n\r\n").collect()
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "CREATED",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// Reads a head; `None` when the connection ended or what came is not HTTP.
pub(crate) fn read_head(stream: &mut impl Read) -> Option<Received> {
    let mut raw_head = Vec::new();
    let mut byte = [0];
    while !raw_head.ends_with(b"\r\n\r\n") {
        // Byte by byte: nothing of the body is taken, so a test can close in between.
        if raw_head.len() >= LARGEST_HEAD || stream.read_exact(&mut byte).is_err() {
            return None;
        }
        raw_head.push(byte[0]);
    }
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(&raw_head).ok().filter(httparse::Status::is_complete)?;
    let method = request.method?.to_owned();
    let target = request.path?.to_owned();
    let kept = request.headers.iter().map(|it| (it.name.to_owned(), it.value.to_vec()));
    let headers = kept.collect();
    Some(Received { raw_head, method, target, headers, body: Vec::new() })
}

/// Reads the body that belongs to a head; the flag says whether the connection goes on after it.
pub(crate) fn read_body(
    stream: &mut (impl Read + Write),
    request: &mut Received,
) -> io::Result<bool> {
    if request.header("expect").is_some_and(|it| it.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if request.header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        request.body = read_chunks(stream)?;
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().ok().filter(|length| *length <= LARGEST_BODY);
        let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
        stream.read_exact(&mut body)?;
        request.body = body;
    }
    Ok(!request.is_last())
}

fn read_chunks(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if size == 0 {
            while !read_line(stream)?.is_empty() {}
            return Ok(body);
        }
        if size > LARGEST_BODY - body.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut chunk = vec![0; size];
        stream.read_exact(&mut chunk)?;
        body.append(&mut chunk);
        read_line(stream)?;
    }
}

fn read_line(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        if line.len() >= LARGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
}
