//! Input media to a file: the same guard on every hop, caps on every phase, nothing left behind on failure.
mod file;
mod start;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use postsync_core::echo_url::echo_url;
use postsync_core::egress_rules::Scheme;
use postsync_core::outcome::{Phases, SendError};
use postsync_core::target::without_query;
use postsync_engine::ports::{Fetch, FetchError, FetchFailure, FetchRequest, Fetched};
use tokio::time::timeout;

use crate::answer::named;
use crate::connection::{Connection, Late, NoFrame, NoHead, Patience};
use crate::dial::Dialler;
use crate::route::Route;
use crate::trouble::Trouble;
use crate::{Egress, Inner, io_errors, request};
use file::NewFile;
use start::Start;

/// Redirects followed.
const HOPS_MAX: usize = 3;

#[async_trait]
impl Fetch for Egress {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let limit = self.inner.fetch_timeout;
        let whole = timeout(limit, self.inner.fetch(&request)).await;
        whole.unwrap_or_else(|_| {
            let message = format!("the file did not arrive within {limit:?}");
            Err(at(&request.url, Trouble::new(SendError::ResponseTimeout, message)))
        })
    }
}

/// A 200 whose body is yet to be read.
struct Opened {
    connection: Connection,
    body: Incoming,
    patience: Patience,
    url: String,
}

/// What one hop came to.
enum Hop {
    File(Box<Opened>),
    Redirect(String),
}

impl Inner {
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let mut url = request.url.clone();
        let mut scheme = None;
        for _ in 0..=HOPS_MAX {
            let dialler = self.dialler_of(request.trust, &url);
            let route = Route::new(&dialler.rules, &url).map_err(|trouble| at(&url, trouble))?;
            if scheme == Some(Scheme::Https) && route.target.scheme == Scheme::Http {
                let trouble = Trouble::new(SendError::Redirect, "it redirects from https to plain http");
                return Err(at(&url, trouble));
            }
            scheme = Some(route.target.scheme);
            match self.hop(dialler, &url, &route, request.bytes_max).await? {
                Hop::File(opened) => return self.save(*opened, request).await,
                Hop::Redirect(next) => url = next,
            }
        }
        Err(at(&request.url, Trouble::new(SendError::Redirect, format!("it redirects more than {HOPS_MAX} times"))))
    }

    /// One request. The connection is not kept: media come from everywhere, and each but once.
    async fn hop(&self, dialler: &Dialler, url: &str, route: &Route, bytes_max: u64) -> Result<Hop, FetchError> {
        let deadlines = &dialler.deadlines;
        let dialled = dialler.dial(&route.target, &mut Phases::default()).await;
        let dialled = dialled.map_err(|undialled| at(url, undialled.trouble))?;
        let mut connection = Connection::open(dialled)
            .await
            .map_err(|error| at(url, Trouble::new(SendError::ConnectReset, error.to_string())))?;
        let mut patience = Patience::new(deadlines.write, deadlines.media_head);
        let answer = connection.exchange(request::get(route), Bytes::new(), &mut patience).await;
        let answer = answer.map_err(|no_head| at(url, no_answer(no_head, &connection)))?;
        let (head, body) = answer.into_parts();
        if head.status.is_redirection() && head.status != StatusCode::NOT_MODIFIED {
            return next_hop(url, &head.headers).map(Hop::Redirect);
        }
        if head.status != StatusCode::OK {
            let message = format!("the server answered {}", named(head.status.as_u16()));
            let refused = at(url, Trouble::new(SendError::HttpStatus, message));
            return Err(FetchError { failure: FetchFailure::Answered(head.status.as_u16()), ..refused });
        }
        if content_length(&head.headers).is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large(url, bytes_max));
        }
        Ok(Hop::File(Box::new(Opened { connection, body, patience, url: url.to_owned() })))
    }

    async fn save(&self, opened: Opened, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let Opened { mut connection, mut body, mut patience, url } = opened;
        let idle_max = self.dialler.deadlines.media_idle;
        let mut file = NewFile::create(&request.to).await.map_err(|error| storage(&error))?;
        let (mut bytes, mut start) = (0u64, Start::new(request.kind));
        loop {
            patience.until_frame(idle_max);
            let data = match connection.frame(&mut body, &mut patience).await {
                Ok(None) => break,
                Ok(Some(frame)) => frame.into_data().unwrap_or_default(),
                Err(stopped) => return Err(at(&url, cut_off(&stopped, bytes, idle_max))),
            };
            bytes += data.len() as u64;
            if bytes > request.bytes_max {
                return Err(too_large(&url, request.bytes_max));
            }
            if !start.takes(&data) {
                return Err(of_another_kind(&url));
            }
            file.write(&data).await.map_err(|error| storage(&error))?;
        }
        if !start.fits() {
            return Err(of_another_kind(&url));
        }
        file.keep().await.map_err(|error| storage(&error))?;
        Ok(Fetched { bytes })
    }
}

fn next_hop(url: &str, headers: &HeaderMap) -> Result<String, FetchError> {
    let location = headers.get(LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let base = url::Url::parse(url).ok();
    let mut next = base
        .zip(location)
        .and_then(|(base, location)| base.join(location).ok())
        .ok_or_else(|| at(url, Trouble::new(SendError::Redirect, "it redirects without saying where to")))?;
    // A fragment is for a browser.
    next.set_fragment(None);
    Ok(next.into())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn no_answer(no_head: NoHead, connection: &Connection) -> Trouble {
    match no_head {
        NoHead::Broken(error) => io_errors::trouble(&error, &connection.meter),
        NoHead::Unwritten => Trouble::new(SendError::ConnectReset, "the server closed the connection at once"),
        NoHead::TooLarge => io_errors::too_large(),
        NoHead::Late(Late::Writing) => Trouble::new(SendError::WriteReset, "the server did not take the request"),
        NoHead::Late(Late::Answering) => {
            Trouble::new(SendError::ResponseTimeout, "the server did not begin to answer in time")
        }
    }
}

fn cut_off(stopped: &NoFrame, bytes: u64, idle_max: std::time::Duration) -> Trouble {
    match stopped {
        NoFrame::Broken => {
            Trouble::new(SendError::ResponseTruncated, format!("the connection ended after {bytes} bytes of the file"))
        }
        NoFrame::Late => Trouble::new(
            SendError::ResponseTimeout,
            format!("the server sent nothing for {idle_max:?} after {bytes} bytes of the file"),
        ),
    }
}

/// With the URL that failed, which after a redirect is not the given one. Queries and user-info carry secrets and are left out.
fn at(url: &str, trouble: Trouble) -> FetchError {
    let shown = echo_url(without_query(url)).into_owned();
    let user_info = url::Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
    let url = if user_info { "a URL with user-info" } else { &shown };
    FetchError {
        failure: FetchFailure::Remote(trouble.error),
        message: Trouble::new(trouble.error, format!("{} ({url})", trouble.message)).message,
    }
}

fn too_large(url: &str, bytes_max: u64) -> FetchError {
    let said = at(url, Trouble::new(SendError::HttpStatus, format!("the file is larger than {bytes_max} bytes")));
    FetchError { failure: FetchFailure::TooLarge, ..said }
}

fn of_another_kind(url: &str) -> FetchError {
    let said = at(url, Trouble::new(SendError::HttpStatus, "the file is not of the kind that is wanted"));
    FetchError { failure: FetchFailure::OfAnotherKind, ..said }
}

/// The user learns that it was not their file; the operator finds the rest in the log.
fn storage(error: &std::io::Error) -> FetchError {
    tracing::error!(%error, "a fetched file could not be stored");
    let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    let why = if full { "its disk is full" } else { "see its log" };
    FetchError { failure: FetchFailure::Storage, message: format!("this server could not store the file: {why}") }
}
