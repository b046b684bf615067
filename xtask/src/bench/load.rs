//! Clients: each keeps one connection and posts one request after the other.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Where the requests go.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) api_key: Option<String>,
    /// What is right.
    pub(crate) status: u16,
}

/// Posts `body` so many times over `clients` connections; ends when all are answered.
pub(crate) async fn post(target: &Target, clients: usize, count: usize, body: &Bytes) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (target, next, body) = (target.clone(), next.clone(), body.clone());
        running.spawn(async move { client(&target, count, &next, &body).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn client(target: &Target, count: usize, next: &AtomicUsize, body: &Bytes) -> anyhow::Result<()> {
    let stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    loop {
        if next.fetch_add(1, Ordering::Relaxed) >= count {
            return Ok(());
        }
        let mut request =
            Request::post(&target.path).header("host", "127.0.0.1").header("content-type", "application/json");
        if let Some(key) = &target.api_key {
            request = request.header("x-api-key", key);
        }
        sender.ready().await?;
        let answer = sender.send_request(request.body(Full::new(body.clone()))?).await?;
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await?.to_bytes();
        ensure!(status == target.status, "{} answered {status}: {}", target.path, String::from_utf8_lossy(&text));
    }
}
