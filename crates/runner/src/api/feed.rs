//! A body or events that come from elsewhere, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

/// How many pieces wait for a slow reader before the writer waits.
const WAITING: usize = 4;

/// What a writer of pieces holds.
pub(crate) type Feed<T> = mpsc::Sender<T>;

/// What is made of them.
#[derive(Debug)]
pub(crate) struct Pieces<T>(mpsc::Receiver<T>);

/// Both ends.
pub(crate) fn channel<T>() -> (Feed<T>, Pieces<T>) {
    let (feed, pieces) = mpsc::channel(WAITING);
    (feed, Pieces(pieces))
}

impl<T> Stream for Pieces<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}
