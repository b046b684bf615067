//! Parts of pages that keep themselves fresh: a browser asks for one again each 0.9 s while its tab is seen, and says what it has. It is
//! less than a second so that of 50 new rows a second, which are a page, none passes between two looks.
//!
//! Promise: where nothing has changed nothing is sent and nothing in the page moves; however much happens meanwhile, it comes as one
//! answer of one page of rows.
use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use postsync_core::access::key_hash;

use crate::problem::Problem;
use crate::query::Fields;

/// The field in which a browser says what it has.
pub(crate) const SEEN: &str = "seen";

/// What one of our templates has printed: everything in it that came from elsewhere was escaped there, so it may stand in another one
/// as it is. Made here only.
pub(crate) struct Html(String);

impl std::fmt::Display for Html {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// A part, printed, and the name of its contents.
pub(crate) struct Part {
    pub(crate) html: Html,
    pub(crate) seen: String,
}

impl Part {
    pub(crate) fn of(template: &impl Template) -> Result<Self, Problem> {
        let html = template.render().map_err(|error| Problem::failed(&error.to_string()))?;
        let seen = hex::encode(&key_hash(&html)[..8]);
        Ok(Self { html: Html(html), seen })
    }
}

/// The frame of a part: an element of that id which asks `path` for itself as long as it is live.
#[derive(Template)]
#[template(path = "part.html")]
pub(crate) struct Live<'a> {
    pub(crate) id: &'a str,
    /// With the query, without what was seen; empty where it does not change any more.
    pub(crate) path: &'a str,
    pub(crate) part: &'a Part,
}

impl Live<'_> {
    fn again(&self) -> String {
        let sign = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{sign}{SEEN}={}", self.path, self.part.seen)
    }

    /// As it stands in a page.
    pub(crate) fn text(&self) -> Result<Html, Problem> {
        self.render().map(Html).map_err(|error| Problem::failed(&error.to_string()))
    }

    /// As an answer to whoever asks for it again.
    pub(crate) fn answer(&self, query: &Fields) -> Result<Response, Problem> {
        if query.text(SEEN) == self.part.seen && !self.path.is_empty() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(([(CONTENT_TYPE, "text/html; charset=utf-8")], self.text()?.0).into_response())
    }
}
