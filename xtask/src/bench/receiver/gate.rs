//! A receiver that can be closed, and that gets through so many a second when it is open.
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use crate::host;

/// At work at once, and how long each takes: 200 a second.
const WORKERS: usize = 10;
const WORK: Duration = Duration::from_millis(50);

const SECOND_NS: u64 = 1_000_000_000;

pub(super) struct Gate {
    address: SocketAddr,
    /// Listening and every connection that came of it.
    open: RefCell<Option<AbortHandle>>,
    work: Rc<Work>,
}

struct Work {
    workers: Semaphore,
    arrivals_ns: RefCell<Vec<u64>>,
    events: RefCell<BTreeSet<Vec<u8>>>,
}

impl Gate {
    /// On a free port of its own, and closed.
    pub(super) async fn new(ip: IpAddr) -> anyhow::Result<Self> {
        let address = TcpListener::bind((ip, 0)).await?.local_addr()?;
        let work =
            Work { workers: Semaphore::new(WORKERS), arrivals_ns: RefCell::default(), events: RefCell::default() };
        Ok(Self { address, open: RefCell::new(None), work: Rc::new(work) })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) async fn open(&self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        let work = self.work.clone();
        let listening = tokio::task::spawn_local(async move {
            // Dropped with this task: a closed gate has no connections left.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let work = work.clone();
                connections.spawn_local(async move {
                    let service = hyper::service::service_fn(|request| receive(request, &work));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        self.open.replace(Some(listening.abort_handle()));
        Ok(())
    }

    pub(super) fn close(&self) {
        if let Some(listening) = self.open.take() {
            listening.abort();
        }
    }

    pub(super) fn report(&self) -> Value {
        let arrivals = self.work.arrivals_ns.borrow();
        json!({"events": self.work.events.borrow().len(), "most_per_s": most_per_s(&arrivals)})
    }
}

/// The most that came within any second, wherever it begins.
fn most_per_s(arrivals_ns: &[u64]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (nth, at) in arrivals_ns.iter().enumerate() {
        while arrivals_ns[first] + SECOND_NS <= *at {
            first += 1;
        }
        most = most.max(nth + 1 - first);
    }
    most
}

async fn receive(request: Request<Incoming>, work: &Work) -> Result<Response<Empty<Bytes>>, Infallible> {
    work.arrivals_ns.borrow_mut().push(host::now_ns());
    let event = request.headers().get("webhook-id").map(|id| id.as_bytes().to_vec());
    if request.into_body().collect().await.is_ok()
        && let Ok(_worker) = work.workers.acquire().await
    {
        tokio::time::sleep(WORK).await;
        work.events.borrow_mut().extend(event);
    }
    Ok(Response::new(Empty::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_may_begin_anywhere() {
        let ms = |at: &[u64]| most_per_s(&at.iter().map(|ms| ms * 1_000_000).collect::<Vec<_>>());
        assert_eq!(ms(&[]), 0);
        assert_eq!(ms(&[0, 999, 1_000]), 2);
        assert_eq!(ms(&[0, 900, 950, 1_100, 1_899, 1_900]), 4);
    }
}
