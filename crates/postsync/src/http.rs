//! Serves the API's router: accepts connections, bounds them, and lets them end when the server stops.
//!
//! Promise: a client that opens a connection and says nothing, or asks and does not read the answer, costs one bounded slot
//! for a bounded time. On a stop, what was asked is answered, and who has not said all of his request is not waited for.
mod asked;
mod stalled;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use asked::Asked;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use postsync_api::Peer;
use stalled::Stalled;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

/// Connections that the system holds until they are accepted. What comes in a burst over it waits a second for its client to
/// knock again.
const BACKLOG: u32 = 1_024;

/// For the head of a request, also of the next one on a connection kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// For an answer, or a part of it, to be taken by a client that has stopped reading.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// After the word to stop, for a request that is on its way to come whole.
const ASKING_MAX: Duration = Duration::from_secs(1);

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
    let (tell, told) = watch::channel(false);
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
            Ok((stream, peer)) => {
                let asked = Arc::new(Asked::default());
                let connection = connection(stream, Peer(peer.ip()), router.clone(), asked.clone(), told.clone());
                let given_up = given_up(asked, told.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = given_up => {}
                    }
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
    let _ = tell.send(true);
    // All slots together: each connection gives its own back when it is over.
    let all = slots.acquire_many(u32::try_from(connections_max).unwrap_or(u32::MAX));
    if tokio::time::timeout(grace, all).await.is_err() {
        tracing::warn!("some requests did not end within the grace and were cut");
    }
}

/// Resolves a moment after the word to stop, where the client has not said all of his request by then.
async fn given_up(asked: Arc<Asked>, mut told: watch::Receiver<bool>) {
    // Who is being answered when the word comes is let go behind his answer.
    if told.wait_for(|stop| *stop).await.is_ok() && asked.is_waited_for() {
        tokio::time::sleep(ASKING_MAX).await;
        if asked.is_waited_for() {
            return;
        }
    }
    std::future::pending().await
}

/// One connection, until it is over; after the word to stop that is behind the answer that is under way.
async fn connection(stream: TcpStream, peer: Peer, router: Router, asked: Arc<Asked>, mut told: watch::Receiver<bool>) {
    // Answers are small and whole: waiting to fill a packet would only add latency.
    let _ = stream.set_nodelay(true);
    let stream = Stalled::new(stream, WRITE_TIMEOUT, asked.clone());
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(postsync_dashboard::Peer(peer.0));
        let (router, asked) = (router.clone(), asked.clone());
        async move { Ok::<_, Infallible>(answer(router, request, &asked).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // Who has said all and closes his half still wants the answer: without it his create would stand unanswered.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        // A listener's WebSocket leaves HTTP behind. Its own room counts it from there.
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // One that ends in an error is the client's doing and nobody's news.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = told.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(
    router: Router,
    request: hyper::Request<hyper::body::Incoming>,
    asked: &Arc<Asked>,
) -> axum::response::Response {
    match router.oneshot(request.map(|body| asked.coming(body))).await {
        Ok(response) => response.map(|body| asked.going(body)),
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::{Notify, mpsc, oneshot};
    use tokio::time::timeout;

    use super::*;

    /// Long before anything else would end a connection.
    const PATIENCE: Duration = Duration::from_secs(20);

    const WHOLE: &str = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";

    #[tokio::test]
    async fn a_stop_waits_for_answers_and_not_for_half_a_request() {
        let (began, mut begun) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        let word = go_on.clone();
        let slow = move |_: axum::body::Bytes| {
            let (began, word) = (began.clone(), word.clone());
            async move {
                let _ = began.send("asked");
                word.notified().await;
                "done"
            }
        };
        let router = Router::new().route("/slow", post(slow)).route("/quick", post(|| async { "quick" }));
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let server = tokio::spawn(serve(listener, router, 99, stopped, Duration::from_secs(3600)));

        let mut clients = Vec::new();
        let quick = "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        // Nothing, half a head, half a body, half a second head.
        for said in ["", "POST /slow HT", &WHOLE[..WHOLE.len() - 1], &format!("{quick}POST /sl")] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(said.as_bytes()).await.unwrap();
            clients.push(client);
        }
        let mut answered = TcpStream::connect(address).await.unwrap();
        answered.write_all(WHOLE.as_bytes()).await.unwrap();
        assert_eq!(timeout(PATIENCE, begun.recv()).await.unwrap(), Some("asked"));

        stop.send(()).unwrap();
        for client in &mut clients {
            let mut rest = Vec::new();
            // Closed or reset: in both cases it is over.
            let _ = timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("it is not waited for");
        }
        go_on.notify_one();
        let mut answer = String::new();
        timeout(PATIENCE, answered.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with("done"), "{answer}");
        timeout(PATIENCE, server).await.expect("nothing else is waited for").unwrap();
    }
}
