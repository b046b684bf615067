//! Files on their way to the server: they go as they lie on the disk, a piece at a time, and whole again where that was cut.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use indicatif::HumanBytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::inputs::{LocalFile, Medium, Place};
use super::patience::Patience;
use super::sight::Meter;
use crate::commands::client::{Client, Failure};

/// What is in memory of a file.
const PIECE_BYTES: usize = 256 * 1024;

/// Between two looks whether it moves.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long an upload may stand still. The server has a large file on disk, and hashed, some time after its last byte.
const STILL_MAX: Duration = Duration::from_secs(120);

/// The item of the request that names this, which the server has or can fetch by then.
pub(super) async fn item(client: &Client, medium: &Medium, patience: &mut Patience<'_>) -> anyhow::Result<Value> {
    let file = match &medium.at {
        Place::Url(url) => return Ok(json!({"type": medium.kind, "url": url.as_str()})),
        Place::Here(file) => file,
    };
    let target = begin(client, file, patience).await?;
    let url = target["uploadUrl"].as_str().context("the server's answer names no uploadUrl")?;
    let meter = patience.sight.bytes("uploading", &file.name, file.bytes);
    loop {
        match put(client, url, file, &meter).await {
            Ok(()) => break,
            Err(failure) => patience.bear(failure).await?,
        }
    }
    patience.over();
    meter.done(&format!("uploaded {}, {}", file.name, HumanBytes(file.bytes)));
    // Sync's own answer has no id: there the file is named by where it lies.
    Ok(match (target["id"].as_str(), target["url"].as_str()) {
        (Some(id), _) => json!({"type": medium.kind, "assetId": id}),
        (None, Some(url)) => json!({"type": medium.kind, "url": url}),
        (None, None) => anyhow::bail!("the server's answer names neither an id nor a url for the file"),
    })
}

/// Where to put it. Asked once: put there again, the same file is the same asset.
async fn begin(client: &Client, file: &LocalFile, patience: &mut Patience<'_>) -> anyhow::Result<Value> {
    let wanted = json!({"fileName": file.name, "contentType": file.content_type, "size": file.bytes});
    loop {
        match client.post("/v2/assets/upload", &wanted).await {
            Ok(target) => {
                patience.over();
                return Ok(target);
            }
            Err(failure) => patience.bear(failure).await?,
        }
    }
}

async fn put(client: &Client, url: &str, file: &LocalFile, meter: &Meter<'_>) -> Result<(), Failure> {
    let sent = Arc::new(AtomicU64::new(0));
    let body = Body::wrap_stream(pieces(opened(file).await.map_err(Failure::Lasting)?, sent.clone()));
    let request = client.given_out(Method::PUT, url).map_err(Failure::Lasting)?;
    let request = request.header(CONTENT_TYPE, &file.content_type).header(CONTENT_LENGTH, file.bytes).body(body);
    tokio::select! {
        answered = client.send(request) => answered.map(|_| ()),
        () = stands_still(&sent, file, meter) => {
            Err(Failure::Passing(anyhow::anyhow!("the upload of {} stands still", file.path.display())))
        }
    }
}

async fn opened(file: &LocalFile) -> anyhow::Result<File> {
    let shown = file.path.display();
    let opened = File::open(&file.path).await.with_context(|| format!("{shown} can't be read"))?;
    let bytes = opened.metadata().await.with_context(|| format!("{shown} can't be read"))?.len();
    ensure!(bytes == file.bytes, "{shown} has changed while it was uploaded");
    Ok(opened)
}

fn pieces(file: File, sent: Arc<AtomicU64>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((file, sent), |(mut file, sent)| async move {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let read = file.read_buf(&mut piece).await?;
        sent.fetch_add(read as u64, Ordering::Relaxed);
        Ok((read > 0).then(|| (piece.freeze(), (file, sent))))
    })
}

/// Shows how far it is; ends where it does not get any further.
async fn stands_still(sent: &AtomicU64, file: &LocalFile, meter: &Meter<'_>) {
    let (mut seen, mut still) = (0, Duration::ZERO);
    while still < STILL_MAX {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = sent.load(Ordering::Relaxed);
        meter.bytes(now, file.bytes);
        still = if now == seen { still + LOOK_EVERY } else { Duration::ZERO };
        seen = now;
    }
}
