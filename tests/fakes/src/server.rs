//! Listens, keeps what comes, and lets answers through or not.
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a fake listens on loopback, and a scene that cannot be set is a failed test"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::behaviour::{Behaviour, How};
use crate::http::{Received, Reply, read_body, read_head};
use crate::{Accepted, Service};

/// A service on loopback. Dropping it closes every connection and frees the port.
pub struct Fake<S: Service> {
    shared: Arc<Shared<S>>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

struct Shared<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
}

struct State<S> {
    service: S,
    script: VecDeque<Behaviour>,
    otherwise: Behaviour,
    received: Vec<Received>,
    /// Counts connections that were taken.
    connections: u64,
    open: BTreeMap<u64, TcpStream>,
    /// Counts starts: a connection of an earlier one must end.
    start: u64,
    is_stopped: bool,
    /// Counts [`Fake::release`]: what hung at an earlier count goes on.
    released: u64,
}

impl<S: Service> Fake<S> {
    /// Starts on a free port.
    pub fn start(service: S) -> Self {
        Self::start_at(service, 0)
    }

    /// Starts on this port of 127.0.0.1; 0 for a free one.
    pub fn start_at(service: S, port: u16) -> Self {
        let state = State {
            service,
            script: VecDeque::new(),
            otherwise: Behaviour::normal(),
            received: Vec::new(),
            connections: 0,
            open: BTreeMap::new(),
            start: 0,
            is_stopped: true,
            released: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut fake = Self { shared, address, listening: None };
        fake.restart();
        fake
    }

    /// Where it listens, also while stopped.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds to the script: each request takes its next behaviour.
    pub fn then(&self, behaviour: impl Into<Behaviour>) -> &Self {
        self.shared.lock().script.push_back(behaviour.into());
        self
    }

    /// What happens to requests once the script is over.
    pub fn otherwise(&self, behaviour: impl Into<Behaviour>) -> &Self {
        self.shared.lock().otherwise = behaviour.into();
        self
    }

    /// Every request that was read whole, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.clone()
    }

    /// What the service took, in order.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.shared.lock().service.accepted()
    }

    /// How many connections were taken.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Looks at the service, or changes it.
    pub fn service<T>(&self, with: impl FnOnce(&mut S) -> T) -> T {
        with(&mut self.shared.lock().service)
    }

    /// Waits until that many requests were read; says whether they were, within the limit.
    pub fn wait_for(&self, requests: usize, limit: Duration) -> bool {
        let state = self.shared.lock();
        let too_few = |state: &mut State<S>| state.received.len() < requests;
        let waited = self.shared.changed.wait_timeout_while(state, limit, too_few);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Lets what hangs go on.
    pub fn release(&self) {
        self.shared.lock().released += 1;
        self.shared.changed.notify_all();
    }

    /// Closes every connection and refuses new ones: the network is down.
    pub fn stop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.is_stopped = true;
            for stream in state.open.values() {
                // It may have gone by itself.
                let _gone = stream.shutdown(Shutdown::Both).is_err();
            }
        }
        self.shared.changed.notify_all();
        if let Some(listening) = self.listening.take() {
            // A call of its own wakes the listener.
            let _woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
            let _ended = listening.join().is_ok();
        }
    }

    /// Listens again on the same port.
    pub fn restart(&mut self) {
        if self.listening.is_some() {
            return;
        }
        let listener = TcpListener::bind(self.address).expect("the port is free");
        self.address = listener.local_addr().expect("a bound socket has an address");
        let mut state = self.shared.lock();
        state.is_stopped = false;
        state.start += 1;
        drop(state);
        let shared = Arc::clone(&self.shared);
        self.listening = Some(std::thread::spawn(move || listen(&listener, &shared)));
    }
}

impl<S: Service> Drop for Fake<S> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<S: Service> std::fmt::Debug for Fake<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fake({})", self.address)
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> State<S> {
    fn next(&mut self) -> Behaviour {
        self.script.pop_front().unwrap_or_else(|| self.otherwise.clone())
    }

    fn closes_at_once(&mut self) -> bool {
        match self.script.front() {
            Some(next) if matches!(next.how, How::CloseAtOnce) => self.script.pop_front().is_some(),
            Some(_) => false,
            None => matches!(self.otherwise.how, How::CloseAtOnce),
        }
    }
}

fn listen<S: Service>(listener: &TcpListener, shared: &Arc<Shared<S>>) {
    let start = shared.lock().start;
    while let Ok((stream, _)) = listener.accept() {
        let mut state = shared.lock();
        if state.is_stopped {
            return;
        }
        state.connections += 1;
        if state.closes_at_once() {
            continue;
        }
        let number = state.connections;
        if let Ok(copy) = stream.try_clone() {
            state.open.insert(number, copy);
        }
        drop(state);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // Small pieces must leave as such, and answers at once.
            let _as_it_is = stream.set_nodelay(true).is_err();
            serve(stream, &shared, start);
            shared.lock().open.remove(&number);
            shared.changed.notify_all();
        });
    }
}

fn serve<S: Service>(mut stream: TcpStream, shared: &Shared<S>, start: u64) {
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
