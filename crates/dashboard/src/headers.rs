//! What every answer of the pages carries, and how many are made at once.
//!
//! Promise: a page runs only our two scripts, sends forms only to us, is shown in no frame and is kept by no cache.
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::problem::Problem;
use crate::state::Dashboard;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// How long a page waits for its turn.
pub(crate) const TURN_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn protect(State(state): State<Dashboard>, request: Request, next: Next) -> Response {
    let is_part = request.headers().contains_key("hx-request");
    let mut response = if request.method().is_safe() {
        match tokio::time::timeout(TURN_MAX, state.turns.acquire()).await {
            Ok(Ok(_turn)) => next.run(request).await,
            _ => Problem::busy().into_response(),
        }
    } else {
        // A form may come slowly, from anybody: it must not hold the turn of a page.
        next.run(request).await
    };
    if is_part && response.status() == StatusCode::SEE_OTHER {
        whole_page(&mut response);
    }
    dress(&mut response);
    response
}

/// A part that leads elsewhere (its session has ended) leads the whole page there.
fn whole_page(response: &mut Response) {
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(location) = response.headers_mut().remove(header::LOCATION) {
        response.headers_mut().insert(HeaderName::from_static("hx-redirect"), location);
    }
}

/// The same for what takes no turn: an upload, which may take an hour.
pub(crate) async fn protect_long(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    dress(&mut response);
    response
}

fn dress(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
