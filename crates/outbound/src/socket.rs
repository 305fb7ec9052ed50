//! The bottom of the chain: a TCP socket that counts what was written, and whose every wait ends
//! with the call's deadline.
//!
//! The library's own socket writes with `write_all`, which hides how much went out before a
//! failure, and starts the timeout again after each partial write.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::time::{Duration as Left, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};

use crate::watch::Progress;

/// The least time an address is tried for.
const LEAST: Duration = Duration::from_millis(10);

/// Opens sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) progress: Arc<Progress>,
    /// Plain HTTP goes to this machine only, whatever its name was resolved to.
    pub(crate) loopback_only: bool,
}

impl<In: Transport> Connector<In> for Sockets {
    type Out = Either<In, Socket>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(tunnel) = chained {
            return Ok(Some(Either::A(tunnel)));
        }
        let clock = Clock(Arc::clone(&details.current_time));
        let deadline = Deadline::new(&details.timeout, &clock);
        let stream = self.first_to_accept(details, deadline, &clock)?;
        stream.set_nodelay(true)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(Socket { stream, buffers, clock, progress: Arc::clone(&self.progress) })))
    }
}

impl Sockets {
    fn first_to_accept(
        &self,
        details: &ConnectionDetails,
        deadline: Deadline,
        clock: &Clock,
    ) -> Result<TcpStream, Error> {
        let mut last = Error::HostNotFound;
        let mut to_try = u32::try_from(details.addrs.len()).unwrap_or(u32::MAX);
        for address in &details.addrs {
            if self.loopback_only && !details.needs_tls() && !address.ip().is_loopback() {
                last = Error::Other("plain HTTP, and the name is not this machine's".into());
                continue;
            }
            // Nothing has been sent yet, so every failure may try the next address. Each gets an
            // even share of what is left: an address that swallows packets must not eat it all.
            let share = deadline.left(clock)?.map(|left| (left / to_try.max(1)).max(LEAST));
            to_try = to_try.saturating_sub(1);
            let connected = match share {
                Some(share) => TcpStream::connect_timeout(address, share),
                None => TcpStream::connect_timeout(address, Duration::MAX),
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(err) => last = deadline.or_io(err),
            }
        }
        Err(last)
    }
}

/// A connected socket.
pub(crate) struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    clock: Clock,
    progress: Arc<Progress>,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let deadline = Deadline::new(&timeout.for_write(), &self.clock);
        let output = self.buffers.output();
        let mut left = output.get(..amount).unwrap_or_default();
        while !left.is_empty() {
            self.stream.set_write_timeout(deadline.left(&self.clock)?)?;
            match self.stream.write(left) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(written) => {
                    self.progress.count(written);
                    left = left.get(written..).unwrap_or_default();
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(deadline.or_io(err)),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let deadline = Deadline::new(&timeout.for_read(), &self.clock);
        loop {
            self.stream.set_read_timeout(deadline.left(&self.clock)?)?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(amount) => {
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(deadline.or_io(err)),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // Bytes that no one asked for make the connection as useless as its end does.
        let idle = |stream: &mut TcpStream| {
            stream.set_nonblocking(true)?;
            let silent = matches!(
                stream.read(&mut [0]),
                Err(err) if err.kind() == io::ErrorKind::WouldBlock
            );
            stream.set_nonblocking(false).map(|()| silent)
        };
        idle(&mut self.stream).unwrap_or(false)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

/// The library's clock, so that its deadlines and ours are the same.
#[derive(Clone)]
struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[derive(Clone, Copy)]
struct Deadline {
    at: Option<std::time::Instant>,
    reason: ureq::Timeout,
}

impl Deadline {
    fn new(timeout: &NextTimeout, clock: &Clock) -> Self {
        let at = match ((clock.0)(), timeout.after) {
            (Instant::Exact(now), Left::Exact(after)) => now.checked_add(after),
            _ => None,
        };
        Self { at, reason: timeout.reason }
    }

    /// What is left; never zero, which a socket would take for "no limit".
    fn left(&self, clock: &Clock) -> Result<Option<Duration>, Error> {
        let (Some(at), Instant::Exact(now)) = (self.at, (clock.0)()) else { return Ok(None) };
        match at.saturating_duration_since(now) {
            Duration::ZERO => Err(Error::Timeout(self.reason)),
            left => Ok(Some(left.max(Duration::from_millis(1)))),
        }
    }

    fn or_io(&self, err: io::Error) -> Error {
        match err.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(self.reason),
            _ => Error::Io(err),
        }
    }
}
