//! Input media to a file: the same guard on every hop, caps on every phase, nothing left behind on failure.
use std::path::Path;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use postsync_core::egress_rules::{Scheme, Target};
use postsync_core::outcome::{Phases, SendError};
use postsync_engine::ports::{Fetch, FetchError, FetchFailure, FetchRequest, Fetched};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::sender::{AGENT, host_header};
use crate::trouble::Trouble;
use crate::{Egress, Inner, io_errors};

/// Redirects followed.
const HOPS_MAX: usize = 3;

/// The head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[async_trait]
impl Fetch for Egress {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let whole = timeout(self.inner.fetch_timeout, fetch(&self.inner, &request)).await;
        let result =
            whole.unwrap_or_else(|_| Err(remote(SendError::ResponseTimeout, "the file did not arrive in time")));
        if result.is_err() {
            // Also where the deadline dropped the writing: no half file may look like a whole one.
            let _ = tokio::fs::remove_file(&request.to).await;
        }
        result
    }
}

async fn fetch(inner: &Inner, request: &FetchRequest) -> Result<Fetched, FetchError> {
    let mut url = request.url.clone();
    let mut target = inner.dialler.target(&url).map_err(troubled)?;
    for _ in 0..=HOPS_MAX {
        let answer = get(inner, &target).await?;
        let status = answer.status();
        if status.is_success() {
            return save(inner, answer, &request.to, request.bytes_max).await;
        }
        if !status.is_redirection() {
            return Err(remote(SendError::HttpStatus, &format!("the server answered {}", status.as_u16())));
        }
        url = next_hop(&url, &answer)?;
        let next = inner.dialler.target(&url).map_err(|trouble| {
            remote(trouble.error, &format!("it redirects to an address that is not open: {}", trouble.message))
        })?;
        if target.scheme == Scheme::Https && next.scheme == Scheme::Http {
            return Err(remote(SendError::Redirect, "it redirects from https to plain http"));
        }
        target = next;
    }
    Err(remote(SendError::Redirect, &format!("it redirects more than {HOPS_MAX} times")))
}

fn next_hop(url: &str, answer: &Response<Incoming>) -> Result<String, FetchError> {
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let base = url::Url::parse(url).ok();
    let joined = base.zip(location).and_then(|(base, location)| base.join(location).ok());
    joined.map(String::from).ok_or_else(|| remote(SendError::Redirect, "it redirects without saying where to"))
}

async fn get(inner: &Inner, target: &Target) -> Result<Response<Incoming>, FetchError> {
    let dialled =
        inner.dialler.dial(target, &mut Phases::default()).await.map_err(|undialled| troubled(undialled.trouble))?;
    let handshake = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(dialled.stream))
        .await;
    let (mut sender, task) = handshake.map_err(|error| troubled(io_errors::trouble(&error)))?;
    tokio::spawn(async move { drop(task.await) });
    let mut request = Request::new(Empty::<Bytes>::new());
    let unsendable = || remote(SendError::AddressNotAllowed, "the URL can't be written as HTTP");
    *request.uri_mut() = target.path_and_query.parse().map_err(|_| unsendable())?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(&host_header(target)).map_err(|_| unsendable())?);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    match timeout(inner.dialler.deadlines.media_head, sender.send_request(request)).await {
        Err(_) => Err(remote(SendError::ResponseTimeout, "the server did not answer in time")),
        Ok(answer) => answer
            .map_err(|error| remote(io_errors::trouble(&error).error, "the server did not give a complete answer")),
    }
}

async fn save(inner: &Inner, answer: Response<Incoming>, to: &Path, bytes_max: u64) -> Result<Fetched, FetchError> {
    let announced = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).await.map_err(|e| storage(&e))?;
    let bytes = copy(inner, answer.into_body(), &mut file, bytes_max).await?;
    file.flush().await.map_err(|e| storage(&e))?;
    Ok(Fetched { bytes })
}

async fn copy(inner: &Inner, mut body: Incoming, file: &mut File, bytes_max: u64) -> Result<u64, FetchError> {
    let start = Instant::now();
    let mut bytes = 0u64;
    loop {
        let frame = match timeout(inner.dialler.deadlines.media_idle, body.frame()).await {
            Err(_) => {
                return Err(remote(SendError::ResponseTimeout, "the server stopped sending in the middle of the file"));
            }
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(remote(SendError::ResponseTruncated, "the connection ended in the middle of the file"));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        file.write_all(&data).await.map_err(|e| storage(&e))?;
    }
    tracing::debug!(bytes, elapsed_ms = start.elapsed().as_millis(), "fetched an input");
    Ok(bytes)
}

fn troubled(trouble: Trouble) -> FetchError {
    FetchError { failure: FetchFailure::Remote(trouble.error), message: trouble.message }
}

fn remote(error: SendError, message: &str) -> FetchError {
    troubled(Trouble::new(error, message))
}

fn too_large(bytes_max: u64) -> FetchError {
    FetchError { failure: FetchFailure::TooLarge, message: format!("the file is larger than {bytes_max} bytes") }
}

fn storage(error: &std::io::Error) -> FetchError {
    tracing::error!(%error, "a fetched file could not be stored");
    FetchError { failure: FetchFailure::Storage, message: "this server could not store the file".to_owned() }
}
