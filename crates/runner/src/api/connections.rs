//! Takes connections, each within limits of time, and no more than there is room for.
//!
//! Whoever connects has not shown the token yet, so a connection that says nothing, or says it byte
//! by byte, must not hold a place for long.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at a time; who comes after them waits to be taken.
const MOST: usize = 1_024;

/// How long a request's head may take, counted from when the connection waits for one.
const HEAD: Duration = Duration::from_secs(15);

/// How long a client may leave what it was sent untaken.
const STALL: Duration = Duration::from_mins(1);

/// How long is waited when no connection can be taken: there are too many open files.
const BREATH: Duration = Duration::from_millis(200);

/// Serves until `changes` is closed, and then until what is under way has ended.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    mut changes: watch::Receiver<u64>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let places = Arc::new(Semaphore::new(MOST));
    let graceful = GracefulShutdown::new();
    loop {
        let taken = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            () = closed(&mut changes) => break,
            (place, Ok((stream, _))) = taken => (place, stream),
            else => {
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        // Answers and events are small and must not wait for company.
        let _slower = stream.set_nodelay(true).is_err();
        // A reader that stalls is let go.
        let stall = u32::try_from(STALL.as_millis()).unwrap_or(u32::MAX);
        let _patient = set_tcp_user_timeout(&stream, stall).is_err();
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // How a connection ended is its client's affair.
            let _broke_off = connection.await.is_err();
            drop(place);
        });
    }
    graceful.shutdown().await;
}

/// Returns when the sender of changes is gone.
async fn closed(changes: &mut watch::Receiver<u64>) {
    while changes.changed().await.is_ok() {}
}
