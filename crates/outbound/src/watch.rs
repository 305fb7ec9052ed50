//! Knows how much of a request has left: the ground that [`crate::Outcome`] stands on.
//!
//! A wrapper around the finished connection (above TLS) sees where the request begins; the socket
//! (below TLS) counts what the kernel took from there on. Handshakes and a proxy's CONNECT come
//! before, so they do not count.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use zeroize::Zeroize;

/// How far the call under way has come. A client makes one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    has_begun: AtomicBool,
    written: AtomicU64,
    has_broken: AtomicBool,
}

impl Progress {
    /// Starts afresh, for the next call.
    pub(crate) fn reset(&self) {
        self.has_begun.store(false, Ordering::Relaxed);
        self.written.store(0, Ordering::Relaxed);
        self.has_broken.store(false, Ordering::Relaxed);
    }

    /// Counts bytes that the kernel took.
    pub(crate) fn count(&self, bytes: usize) {
        if self.has_begun.load(Ordering::Relaxed) {
            self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Whether any byte of the request may have left this machine.
    pub(crate) fn may_have_left(&self) -> bool {
        self.written.load(Ordering::Relaxed) > 0
    }

    /// Whether reading the answer ended in an error. Where an answer's end is the connection's
    /// end, the library takes a reset for it.
    pub(crate) fn has_broken(&self) -> bool {
        self.has_broken.load(Ordering::Relaxed)
    }
}

/// The last link of the chain: watches the connection to the service itself.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) progress: Arc<Progress>,
    /// Whether this agent reaches services by a proxy.
    pub(crate) by_proxy: bool,
}

impl<In: Transport> Connector<In> for Watch {
    type Out = Watched<In>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        // The leg to the proxy itself is made with the proxy taken out of the configuration.
        let to_the_service = details.config.proxy().is_some() == self.by_proxy;
        let progress = to_the_service.then(|| Arc::clone(&self.progress));
        Ok(chained.map(|inner| Watched { inner, progress }))
    }
}

/// A watched connection.
pub(crate) struct Watched<T> {
    inner: T,
    progress: Option<Arc<Progress>>,
}

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if let Some(progress) = &self.progress {
            progress.has_begun.store(true, Ordering::Relaxed);
        }
        let result = self.inner.transmit_output(amount, timeout);
        // Requests carry secrets, and this buffer lives as long as the connection.
        if let Some(sent) = self.inner.buffers().output().get_mut(..amount) {
            sent.zeroize();
        }
        result
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let result = self.inner.await_input(timeout);
        if let (Err(_), Some(progress)) = (&result, &self.progress) {
            progress.has_broken.store(true, Ordering::Relaxed);
        }
        result
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}
