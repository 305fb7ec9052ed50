//! Makes calls and says what became of them.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ureq::config::{AutoHeaderValue, Config};
use ureq::http::Response;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector};
use ureq::{Agent, Body};

use crate::answer::Answer;
use crate::proxy::Proxy;
use crate::request::Request;
use crate::socket::Sockets;
use crate::watch::{Progress, Watch};
use crate::why::{Cause, cause, why};

/// How long a call may take and how much it may bring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For looking up the name, and again for connecting (TLS included).
    pub connect: Duration,
    /// For the whole call, from the look-up to the last byte of the answer.
    pub total: Duration,
    /// Bytes of an answer's body. What goes beyond is not read.
    pub body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20), body: 1 << 20 }
    }
}

/// What became of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// An answer's status line and headers came, whatever they say.
    Answered(Answer),
    /// The service cannot have acted: no byte of the request left this machine. Says why.
    NotSent(String),
    /// The service may have acted, or not. Says why.
    Ambiguous(String),
}

/// An HTTP client. One call at a time, so at most one connection per service, which is kept open
/// between calls. Buffers of the library, unlike [`Request`], are not all wiped after use.
#[derive(Debug)]
pub struct Client {
    limits: Limits,
    progress: Arc<Progress>,
    direct: Agent,
    by_proxy: Option<Agent>,
    cause: Option<Cause>,
}

impl Client {
    /// A client that uses no proxy.
    pub fn new(limits: Limits) -> Self {
        Self::through(limits, None)
    }

    /// A client that reaches https beyond loopback through a proxy, if there is one.
    pub fn through(limits: Limits, proxy: Option<Proxy>) -> Self {
        let progress = Arc::new(Progress::default());
        let tls = TlsConfig::default();
        let agent = |proxy| agent(limits, proxy, &tls, DefaultResolver::default(), &progress);
        let direct = agent(None);
        let by_proxy = proxy.map(|proxy| agent(Some(proxy)));
        Self { limits, progress, direct, by_proxy, cause: None }
    }

    /// Makes one call. Never retries, never follows a redirect.
    pub fn call(&mut self, request: Request<'_>) -> Outcome {
        let cap = self.limits.body;
        self.call_with(request, |body| gathered(body, cap))
    }

    /// Makes one call and hands over a successful answer's body as it comes, piece by piece, until
    /// `each` breaks off. What is handed over is not in the answer, and no limit of bytes applies.
    pub fn follow(
        &mut self,
        request: Request<'_>,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Outcome {
        self.call_with(request, |body| {
            let mut piece = vec![0; 16 * 1024];
            loop {
                match body.read(&mut piece) {
                    Ok(0) => return (Vec::new(), true),
                    Ok(read) => {
                        if each(piece.get(..read).unwrap_or_default()).is_break() {
                            return (Vec::new(), false);
                        }
                    }
                    Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return (Vec::new(), false),
                }
            }
        })
    }

    fn call_with(
        &mut self,
        request: Request<'_>,
        take: impl FnOnce(&mut dyn Read) -> (Vec<u8>, bool),
    ) -> Outcome {
        let base = request.base;
        let agent = match &self.by_proxy {
            Some(agent) if !base.is_loopback() => agent,
            _ => &self.direct,
        };
        let total = request.within.unwrap_or(self.limits.total).min(self.limits.total);
        let (head, body) = match request.parts() {
            Ok(parts) => parts,
            Err(wrong) => {
                self.cause = Some(Cause::Local);
                return Outcome::NotSent(format!("{base}: {wrong}"));
            }
        };
        self.progress.reset();
        let result = match &body {
            Some(body) => agent.run(
                agent
                    .configure_request(head.map(|()| body.as_slice()))
                    .timeout_global(Some(total))
                    .build(),
            ),
            None => agent.run(agent.configure_request(head).timeout_global(Some(total)).build()),
        };
        self.cause = result.as_ref().err().map(cause);
        match result {
            Ok(response) => Outcome::Answered(self.answer(response, take)),
            Err(err) if self.progress.may_have_left() => {
                Outcome::Ambiguous(why(&err, base.origin()))
            }
            Err(err) => Outcome::NotSent(why(&err, base.origin())),
        }
    }

    /// What kept the last call from an answer, for programs; `None` when it was answered.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    fn answer(
        &self,
        response: Response<Body>,
        take: impl FnOnce(&mut dyn Read) -> (Vec<u8>, bool),
    ) -> Answer {
        let (head, body) = response.into_parts();
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let mut body = body.into_reader();
        let (body, complete) = if head.status.is_success() {
            take(&mut body)
        } else {
            gathered(&mut body, self.limits.body)
        };
        Answer {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body,
            complete: complete && !self.progress.has_broken(),
        }
    }
}

/// Reads at most `cap` bytes; the flag says whether that was all, and read without an error.
fn gathered(from: &mut dyn Read, cap: u64) -> (Vec<u8>, bool) {
    let cap = usize::try_from(cap).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return (body, true),
            Ok(read) => {
                let new = chunk.get(..read.min(cap - body.len())).unwrap_or_default();
                body.extend_from_slice(new);
                if new.len() < read {
                    return (body, false);
                }
            }
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return (body, false),
        }
    }
}

fn agent(
    limits: Limits,
    proxy: Option<Proxy>,
    tls: &TlsConfig,
    resolver: impl Resolver,
    progress: &Arc<Progress>,
) -> Agent {
    let by_proxy = proxy.is_some();
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy.map(|proxy| proxy.0))
        .tls_config(tls.clone())
        .user_agent(concat!("ai-ops-runner/", env!("CARGO_PKG_VERSION")))
        .accept_encoding(AutoHeaderValue::None)
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_global(Some(limits.total))
        .max_idle_connections_per_host(1)
        .build();
    let chain =
        ().chain(ConnectProxyConnector::default())
            .chain(Sockets { progress: Arc::clone(progress), loopback_only: !by_proxy })
            .chain(RustlsConnector::default())
            .chain(Watch { progress: Arc::clone(progress), by_proxy });
    Agent::with_parts(config, chain, resolver)
}

#[cfg(test)]
mod tests;
