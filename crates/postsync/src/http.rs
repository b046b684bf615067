//! Serves the API's router: accepts connections, bounds them, and lets them end when the server stops.
//!
//! Promise: a client that opens a connection and says nothing costs one bounded slot for a bounded time. On a stop, what
//! was asked is answered.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// Connections at once. Each costs about 20 kB; the bound keeps a flood from taking the memory of the deliveries.
const CONNECTIONS_MAX: usize = 10_000;

/// The part of the process's file descriptors that connections from clients may take. The rest is for deliveries, the
/// database and the media process, which a flood of connections must not stop.
const DESCRIPTORS_SHARE: u64 = 2;

/// For the head of a request, also of the next one on a connection kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// After an accept that failed (out of file descriptors), or it would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` resolves, then lets open requests end for at most `grace`.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, grace: Duration) {
    let slots = Arc::new(Semaphore::new(connections_max()));
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

/// As many as the system allows: the soft limit of 1,024 that many shells set is for programs that know no better.
fn connections_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let descriptors = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            limit.current
        }
    };
    let share =
        descriptors.map_or(CONNECTIONS_MAX, |all| usize::try_from(all / DESCRIPTORS_SHARE).unwrap_or(CONNECTIONS_MAX));
    share.min(CONNECTIONS_MAX)
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
        .serve_connection(TokioIo::new(stream), service)
}

async fn answer(router: Router, request: hyper::Request<hyper::body::Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(axum::body::Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
