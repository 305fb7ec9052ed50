//! Listens, keeps what comes, and lets answers through or not.
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a fake listens on loopback, and a scene that cannot be set is a failed test"
)]

mod connection;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::behaviour::{Behaviour, How};
use crate::http::Received;
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
            connection::serve(stream, &shared, start);
            shared.lock().open.remove(&number);
            shared.changed.notify_all();
        });
    }
}
