//! Load of two kinds: as much as so many clients get through, and so many requests a second whatever becomes of them.
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Request};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_rustls::TlsConnector;

use super::client::Client;
use super::figures::Spread;
use super::host;

/// What is posted, again and again.
#[derive(Clone)]
pub(crate) struct Shot {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// In turn.
    pub(crate) bodies: Rc<Vec<Bytes>>,
    /// What is right.
    pub(crate) status: u16,
}

impl Shot {
    fn request(&self, nth: usize) -> anyhow::Result<Request<Full<Bytes>>> {
        let body = self.bodies[nth % self.bodies.len()].clone();
        let mut request = Request::post(&self.path).body(Full::new(body))?;
        request.headers_mut().clone_from(&self.headers);
        Ok(request)
    }
}

/// Clients with open connections.
pub(crate) struct Clients {
    /// Of each: those that it uses in turn.
    connections: Vec<Vec<Client>>,
}

impl Clients {
    /// Each of `count` clients has at least one connection, and each of `targets` at least one that leads to it.
    pub(crate) async fn open(targets: &[SocketAddr], tls: Option<&TlsConnector>, count: usize) -> anyhow::Result<Self> {
        let mut connections: Vec<Vec<Client>> = (0..count).map(|_| Vec::new()).collect();
        for nth in 0..count.max(targets.len()) {
            connections[nth % count].push(Client::open(targets[nth % targets.len()], tls).await?);
        }
        Ok(Self { connections })
    }

    /// Posts `count` times; ends when all are answered.
    pub(crate) async fn post(&mut self, shot: &Shot, count: usize) -> anyhow::Result<()> {
        let next = Rc::new(Cell::new(0));
        let mut running = JoinSet::new();
        for mut own in self.connections.drain(..) {
            let (shot, next) = (shot.clone(), next.clone());
            running.spawn_local(async move {
                let mut turn = 0;
                while next.get() < count {
                    let request = shot.request(next.replace(next.get() + 1))?;
                    let place = turn % own.len();
                    own[place].exchange(request, shot.status).await?;
                    turn += 1;
                }
                anyhow::Ok(own)
            });
        }
        while let Some(ended) = running.join_next().await {
            self.connections.push(ended??);
        }
        Ok(())
    }
}

/// Posts `per_s` times a second for so long, each on time however long the others take. `body` is given the request's number and
/// the time at which it is sent, in nanoseconds of the machine's clock. Gives the time until each was answered.
pub(crate) async fn paced(
    target: SocketAddr,
    shot: &Shot,
    per_s: f64,
    lasts: Duration,
    body: impl Fn(usize, u64) -> Bytes,
) -> anyhow::Result<Spread> {
    let idle: Rc<RefCell<Vec<Client>>> = Rc::default();
    let mut ticks = interval_at(Instant::now(), Duration::from_secs_f64(1.0 / per_s));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut running = JoinSet::new();
    let mut spread = Spread::default();
    let count = (per_s * lasts.as_secs_f64()).round() as usize;
    for nth in 0..count {
        ticks.tick().await;
        let (shot, idle) = (shot.clone(), idle.clone());
        let at_ns = host::now_ns();
        let body = body(nth, at_ns);
        running.spawn_local(async move {
            let kept = idle.borrow_mut().pop();
            let mut client = match kept {
                Some(client) => client,
                None => Client::open(target, None).await?,
            };
            let mut request = Request::post(&shot.path).body(Full::new(body))?;
            request.headers_mut().clone_from(&shot.headers);
            client.exchange(request, shot.status).await.with_context(|| format!("request {nth}"))?;
            idle.borrow_mut().push(client);
            anyhow::Ok(Duration::from_nanos(host::now_ns() - at_ns))
        });
        while let Some(ended) = running.try_join_next() {
            spread.push(ended??);
        }
    }
    while let Some(ended) = running.join_next().await {
        spread.push(ended??);
    }
    Ok(spread)
}
