//! The client against real sockets that misbehave in every way a service can.

mod answers;
mod failures;
mod peer;
mod proxied;
