//! Serves the API's router: accepts connections, bounds them, and lets them end when the server stops.
//!
//! Promise: a client that opens a connection and says nothing, or asks and does not read the answer, costs one bounded slot
//! for a bounded time. On a stop, what was asked is answered.
mod stalled;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use stalled::Stalled;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// Connections that the system holds until they are accepted. What comes in a burst over it waits a second for its client to
/// knock again.
const BACKLOG: u32 = 1_024;

/// For the head of a request, also of the next one on a connection kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// For an answer, or a part of it, to be taken by a client that has stopped reading.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// After an accept that failed (out of file descriptors), or it would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds the address.
///
/// # Errors
/// When it is taken, or not this machine's.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Or a server that is started again right after its end would have to wait for the last connections of the old one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves at most so many connections at once until `stop` resolves, then lets open requests end for at most `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let slots = Arc::new(Semaphore::new(connections_max));
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = open.watch(connection(stream, router.clone()));
                tokio::spawn(async move {
                    // A connection that ends in an error is the client's doing and nobody's news.
                    let _ = connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end within the grace and were cut");
    }
}

fn connection(
    stream: TcpStream,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // Answers are small and whole: waiting to fill a packet would only add latency.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request).await) }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // Who has said all and closes his half still wants the answer: without it his create would stand unanswered.
        .half_close(true)
        .serve_connection(TokioIo::new(Stalled::new(stream, WRITE_TIMEOUT)), service)
}

async fn answer(router: Router, request: hyper::Request<hyper::body::Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(axum::body::Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
