//! The requests: a signed webhook, a plain fetch. Header names are title-cased on the wire.
use bytes::Bytes;
use http::header::Entry;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use postsync_core::outcome::SendError;
use postsync_core::sent::Sent;
use postsync_engine::ports::{self, ExchangeRequest, Post};
use postsync_webhook::sign::{
    SYNC_SIGNATURE, SYNC_SIGNATURE_NEXT, SYNC_SIGNATURE_PREVIOUS, WEBHOOK_ID, WEBHOOK_SIGNATURE,
};

use crate::route::Route;
use crate::trouble::Trouble;

/// `postsync/0.1.0`
pub(crate) const AGENT: &str = concat!("postsync/", env!("CARGO_PKG_VERSION"));

/// Room for all headers of a webhook without growing.
const HEADERS: usize = 16;

/// The head of a webhook, signed for `post.at`, and what the log keeps of it. `Content-Length` is hyper's, from the body's own
/// size. What else goes in here goes into `core::sent::request` too, which tells it again.
pub(crate) fn post(route: &Route, post: &Post) -> Result<(Parts, Sent), Trouble> {
    let mut parts = head(Method::POST, route);
    let headers = &mut parts.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let mut sent = sign(headers, post)?;
    headers.insert(HeaderName::from_static("postsync-event"), HeaderValue::from_static(post.kind.as_str()));
    headers.insert(HeaderName::from_static("postsync-delivery"), value(post.delivery.to_string())?);
    headers.insert(HeaderName::from_static("postsync-attempt"), HeaderValue::from(post.attempt));
    if post.is_replay {
        headers.insert(HeaderName::from_static("postsync-replay"), HeaderValue::from_static("true"));
    }
    custom(headers, post, &mut sent)?;
    Ok((parts, sent))
}

/// What the endpoint's owner adds, behind our own; none of ours can be among them, and none of theirs replaces one.
fn custom(headers: &mut HeaderMap, post: &Post, sent: &mut Sent) -> Result<(), Trouble> {
    for (own, text) in post.custom_headers.as_slice() {
        let name = HeaderName::from_bytes(own.as_bytes()).map_err(|_| unsendable())?;
        let mut value = value(text.clone())?;
        value.set_sensitive(true);
        if let Entry::Vacant(place) = headers.entry(name) {
            place.insert(value);
            sent.mask(own);
        }
    }
    Ok(())
}

/// The head of a fetch. Compression is declined: the file is wanted as it is, and its size is judged as it comes.
pub(crate) fn get(route: &Route) -> Parts {
    let mut parts = head(Method::GET, route);
    parts.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    parts.headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    parts
}

/// The head of a request to a server that the operator has configured. Its length is hyper's, from the body.
pub(crate) fn of_exchange(route: &Route, request: &ExchangeRequest) -> Result<Parts, Trouble> {
    let method = match request.method {
        ports::Method::Get => Method::GET,
        ports::Method::Post => Method::POST,
        ports::Method::Delete => Method::DELETE,
    };
    let mut parts = head(method, route);
    parts.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, text) in &request.headers {
        let mut value = value(text.clone())?;
        value.set_sensitive(true);
        parts.headers.insert(HeaderName::from_static(name), value);
    }
    Ok(parts)
}

fn head(method: Method, route: &Route) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = route.uri.clone();
    parts.headers = HeaderMap::with_capacity(HEADERS);
    parts.headers.insert(HOST, route.host.clone());
    parts
}

fn sign(headers: &mut HeaderMap, post: &Post) -> Result<Sent, Trouble> {
    let mut sent = Sent::by(env!("CARGO_PKG_VERSION"), post.at.unix_s());
    let id = post.event.to_string();
    let signers = post.signing.signers(post.at);
    for (name, text) in postsync_webhook::headers(signers, &id, post.at.unix_s(), &post.body) {
        sent.take(name, &text);
        let name = match name {
            SYNC_SIGNATURE => HeaderName::from_static("sync-signature"),
            SYNC_SIGNATURE_NEXT => HeaderName::from_static("sync-signature-next"),
            SYNC_SIGNATURE_PREVIOUS => HeaderName::from_static("sync-signature-previous"),
            WEBHOOK_ID => HeaderName::from_static("webhook-id"),
            WEBHOOK_SIGNATURE => HeaderName::from_static("webhook-signature"),
            _ => HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?,
        };
        headers.insert(name, value(text)?);
    }
    Ok(sent)
}

fn value(text: String) -> Result<HeaderValue, Trouble> {
    HeaderValue::from_maybe_shared(Bytes::from(text)).map_err(|_| unsendable())
}

/// Ids and signatures are ASCII by their making: this is for a bug, and it ends in a report and not in a panic.
fn unsendable() -> Trouble {
    Trouble::new(
        SendError::Unsendable,
        "a header of this webhook can't be written as HTTP; this is a fault of postsync",
    )
}
