//! A thread that rings when anybody changed something.

use std::sync::{Arc, Weak};
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;

use super::Shared;
use super::link::{CHANNEL, Link};

/// How long it listens before it looks whether the engine is still there, and how long it waits
/// before it connects again.
const TURN: Duration = Duration::from_secs(1);

/// Starts listening. The thread ends within two turns of the engine's end.
pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::downgrade(shared);
    let thread = std::thread::Builder::new().name("queue-bell".into());
    thread.spawn(move || while listen(&shared).is_some() {}).map(drop)
}

/// Listens on one connection until it or the engine is gone; `None` when it is the engine.
fn listen(shared: &Weak<Shared>) -> Option<()> {
    let Ok(mut link) = Link::open(&shared.upgrade()?.address) else { return pause(shared) };
    if link.run(&format!("LISTEN {CHANNEL}")).is_err() {
        return pause(shared);
    }
    // What was told while nobody listened is lost, so everybody looks.
    shared.upgrade()?.bell.ring();
    loop {
        let heard = hear(&mut link, shared)?;
        if heard.is_err() || link.client.is_closed() {
            return pause(shared);
        }
    }
}

/// Listens for one turn; `None` when the engine is gone.
fn hear(link: &mut Link, shared: &Weak<Shared>) -> Option<Result<(), postgres::Error>> {
    let mut told = link.client.notifications();
    let mut turn = told.timeout_iter(TURN);
    loop {
        match turn.next() {
            Ok(Some(_)) => shared.upgrade()?.bell.ring(),
            Ok(None) => return shared.upgrade().map(|_| Ok(())),
            Err(err) => return Some(Err(err)),
        }
    }
}

fn pause(shared: &Weak<Shared>) -> Option<()> {
    let shared = shared.upgrade()?;
    shared.host.pause(TURN);
    Some(())
}
