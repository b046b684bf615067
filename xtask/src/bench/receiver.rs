//! A bare receiver: reads the request, answers 200, counts.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    count: AtomicUsize,
    more: Notify,
    body: Mutex<Option<Bytes>>,
}

impl Receiver {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let all = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = all.clone();
                let _ = stream.set_nodelay(true);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request| receive(request, &seen));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { address, seen })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.count.load(Ordering::SeqCst)
    }

    pub(crate) fn last_body(&self) -> Option<Bytes> {
        self.seen.body.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resolves once so many have arrived in all.
    pub(crate) async fn reached(&self, count: usize) {
        loop {
            let more = self.seen.more.notified();
            if self.count() >= count {
                return;
            }
            more.await;
        }
    }
}

async fn receive(request: Request<Incoming>, seen: &Seen) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    if let Ok(body) = body {
        *seen.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        seen.count.fetch_add(1, Ordering::SeqCst);
        seen.more.notify_waiters();
    }
    Ok(Response::new(Empty::new()))
}
