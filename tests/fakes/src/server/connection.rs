//! One connection: requests are read, kept and answered as the script says.
#![expect(clippy::disallowed_methods, reason = "a slow answer is measured by the clock")]

use std::io::Write;
use std::net::TcpStream;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Shared, State};
use crate::Service;
use crate::behaviour::How;
use crate::http::{Reply, read_body, read_head};

/// Serves one connection until its end.
pub(super) fn serve<S: Service>(mut stream: TcpStream, shared: &Shared<S>, start: u64) {
    loop {
        let Some(mut request) = read_head(&mut stream) else { return };
        let after_head = |state: &State<S>| {
            let next = state.script.front().unwrap_or(&state.otherwise);
            matches!(next.how, How::CloseAfterHead)
        };
        let mut state = shared.lock();
        if after_head(&state) {
            state.next();
            return;
        }
        drop(state);
        let Ok(goes_on) = read_body(&mut stream, &mut request) else { return };
        let mut state = shared.lock();
        let behaviour = state.next();
        let reply = behaviour.acts.then(|| state.service.answer(&request));
        state.received.push(request.clone());
        let released = state.released;
        drop(state);
        shared.changed.notify_all();
        let own = |shared: &Shared<S>| {
            reply.clone().unwrap_or_else(|| shared.lock().service.answer(&request))
        };
        let sent = match behaviour.how {
            How::Answer => send(&mut stream, &own(shared)),
            How::Instead(reply) => send(&mut stream, &reply),
            How::Hang => held(shared, start, released) && send(&mut stream, &own(shared)),
            How::Slowly(pause) => slowly(&mut stream, &own(shared), pause, shared, start),
            How::CutBody(at) => {
                let reply = own(shared);
                let part = reply.body.get(..at).unwrap_or(&reply.body);
                let _gone = stream.write_all(&[&reply.head(), part].concat()).is_err();
                return;
            }
            How::CutHead(at) => {
                let head = own(shared).head();
                let _gone = stream.write_all(head.get(..at).unwrap_or(&head)).is_err();
                return;
            }
            How::Raw(bytes) => {
                let _gone = stream.write_all(&bytes).is_err();
                return;
            }
            How::Reset => {
                let at_once = Some(Duration::ZERO);
                let _gone = rustix::net::sockopt::set_socket_linger(&stream, at_once).is_err();
                shared.lock().forget(&stream);
                return;
            }
            How::CloseAtOnce | How::CloseAfterHead | How::Close => return,
        };
        if !sent || !goes_on {
            return;
        }
    }
}

impl<S> State<S> {
    /// Drops the copy of a connection: a socket is only reset when its last handle goes.
    fn forget(&mut self, stream: &TcpStream) {
        let peer = stream.peer_addr().ok();
        self.open.retain(|_, copy| copy.peer_addr().ok() != peer);
    }
}

fn send(stream: &mut TcpStream, reply: &Reply) -> bool {
    // One write: in two, the second may meet a client that has already hung up.
    stream.write_all(&[reply.head().as_slice(), &reply.body].concat()).is_ok()
}

/// Waits for a release; false when the fake was stopped meanwhile.
fn held<S>(shared: &Shared<S>, start: u64, released: u64) -> bool {
    let state = shared.lock();
    let goes_on = |state: &State<S>| !state.is_stopped && state.start == start;
    let waits = |state: &mut State<S>| goes_on(state) && state.released == released;
    let state = shared.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
    goes_on(&state)
}

fn slowly<S>(
    stream: &mut TcpStream,
    reply: &Reply,
    pause: Duration,
    shared: &Shared<S>,
    start: u64,
) -> bool {
    for byte in [reply.head().as_slice(), &reply.body].concat() {
        if stream.write_all(&[byte]).is_err() {
            return false;
        }
        let until = Instant::now() + pause;
        let mut state = shared.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_stopped || state.start != start {
                return false;
            }
            if left.is_zero() {
                break;
            }
            let waited = shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
    true
}
