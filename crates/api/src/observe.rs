//! What every request goes through: an id, a span, a count, and the error body that names the id.
//!
//! Neither span nor metric ever carries a key, a query string, a URL or an id as a label: routes are counted under their
//! pattern, and what matches none under `unmatched`.
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use tracing::Instrument as _;

use crate::error::ApiError;
use crate::linger::Lingering;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that we take from a client.
const REQUEST_ID_CHARS_MAX: usize = 128;

pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = method_name(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = path.as_ref().map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!("request", method, route, id = id.to_str().unwrap_or_default());
    let (parts, body) = request.into_parts();
    let body = Lingering::wrap(&parts.headers, body);
    let mut response = next.run(Request::from_parts(parts, body)).instrument(span.clone()).await;
    span.in_scope(|| name_request(&mut response, &id));
    let status = response.status().as_u16();
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!("postsync_http_requests_total", &labels).increment(1);
    metrics::histogram!("postsync_http_request_duration_seconds", "route" => route.to_owned())
        .record(started.elapsed().as_secs_f64());
    span.in_scope(|| tracing::debug!(status, elapsed_us = started.elapsed().as_micros() as u64, "answered"));
    response
}

/// The client's own id where it is a plain one, so that its log and ours can be laid side by side; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    let fits =
        |value: &&HeaderValue| (1..=REQUEST_ID_CHARS_MAX).contains(&value.len()) && value.as_bytes().iter().all(plain);
    headers.get(&REQUEST_ID).filter(fits).cloned().unwrap_or_else(|| {
        let mut text = [0; uuid::fmt::Simple::LENGTH];
        let text = uuid::Uuid::new_v4().as_simple().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Methods are text that a client makes up; as labels they would be without bound.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn name_request(response: &mut Response, id: &HeaderValue) {
    response.headers_mut().insert(REQUEST_ID, id.clone());
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let body = error.body(id.to_str().ok());
        if error.status().is_server_error() {
            tracing::error!(status = error.status().as_u16(), "a request failed");
        }
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
}
