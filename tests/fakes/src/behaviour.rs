//! What can go wrong between a service and its client.

use std::time::Duration;

use crate::http::Reply;

/// What happens to one request.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Whether the service acts on the request although its own answer is not what is sent.
    pub acts: bool,
    /// What the client sees.
    pub how: How,
}

/// What the client sees of one request.
#[derive(Clone, Debug)]
pub enum How {
    /// The service's own answer.
    Answer,
    /// The service's own answer, one byte after the other with this pause between.
    Slowly(Duration),
    /// The service's own answer, closed after that many bytes of its body.
    CutBody(usize),
    /// The service's own answer, closed after that many bytes of its status line and headers.
    CutHead(usize),
    /// Another answer.
    Instead(Reply),
    /// These bytes, whatever they are, then the end of the connection.
    Raw(Vec<u8>),
    /// No answer until [`crate::Fake::release`]; then the service's own.
    Hang,
    /// The connection is closed as soon as it is taken. Counts for a connection, not a request.
    CloseAtOnce,
    /// The connection is closed once the head is read; the body is never seen.
    CloseAfterHead,
    /// The connection is closed once the whole request is read.
    Close,
    /// The connection is reset once the whole request is read.
    Reset,
}

impl Behaviour {
    /// The service as it is.
    pub fn normal() -> Self {
        How::Answer.into()
    }

    /// Another answer, without the service acting.
    pub fn instead(reply: Reply) -> Self {
        How::Instead(reply).into()
    }

    /// An empty answer of this status: 500, 503, 302, …
    pub fn status(status: u16) -> Self {
        Self::instead(Reply::new(status, "text/plain", Vec::new()))
    }

    /// 429 that asks to wait.
    pub fn slow_down(retry_after: &str) -> Self {
        Self::instead(
            Reply::new(429, "text/plain", Vec::new()).with_header("Retry-After", retry_after),
        )
    }

    /// 200 with a body that is not what it should be.
    pub fn garbage() -> Self {
        Self::instead(Reply::new(200, "text/html", b"<html>\xff\0 not what you think".to_vec()))
    }

    /// The same, but the service did act: the answer was lost, not the request.
    #[must_use]
    pub fn though_taken(self) -> Self {
        Self { acts: true, ..self }
    }
}

impl From<How> for Behaviour {
    fn from(how: How) -> Self {
        let acts = matches!(
            how,
            How::Answer | How::Slowly(_) | How::CutBody(_) | How::CutHead(_) | How::Hang
        );
        // A hanging service acts when it answers, which may be never.
        Self { acts: acts && !matches!(how, How::Hang), how }
    }
}
