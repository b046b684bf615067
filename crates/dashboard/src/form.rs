//! A form that a viewer has sent: read within its bounds, and taken only with the token that his own pages carry.
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited};
use postsync_core::access::key_hash;

use crate::problem::Problem;
use crate::query::Fields;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// A form of ours has a few short fields.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long one may take to come.
const BODY_MAX: Duration = Duration::from_secs(20);

/// The field that a token stands in.
pub(crate) const CSRF: &str = "csrf";

/// Who sends what.
pub(crate) struct Sent {
    pub(crate) viewer: Viewer,
    pub(crate) fields: Fields,
}

impl FromRequest<Dashboard> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Dashboard) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, state).await?;
        let fields = read(Request::from_parts(parts, body)).await?;
        if !same(fields.text(CSRF), &viewer.session.csrf) {
            return Err(Problem::forged());
        }
        Ok(Self { viewer, fields })
    }
}

/// A urlencoded body.
pub(crate) async fn read(request: Request) -> Result<Fields, Problem> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::bad("A form of these pages is sent as application/x-www-form-urlencoded."));
    }
    let whole = tokio::time::timeout(BODY_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let whole = whole.map_err(|_| Problem::bad("The form stopped coming."))?;
    let whole = whole.map_err(|_| Problem::bad("The form is too large, or did not arrive whole."))?;
    Ok(Fields::parse(&whole.to_bytes()))
}

/// Compared by their hashes: how long it takes says nothing of either.
pub(crate) fn same(given: &str, ours: &str) -> bool {
    key_hash(given) == key_hash(ours)
}
