//! What surrounds each page, and how one becomes an answer.
use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use crate::assets::{PATHS, Paths};
use crate::problem::Problem;

/// Title, navigation, what was just done.
pub(crate) struct Frame {
    pub(crate) title: String,
    /// Which link of the navigation is this page's.
    pub(crate) section: &'static str,
    pub(crate) csrf: String,
    pub(crate) org: String,
    pub(crate) may_generate: bool,
    /// What has just been done, in a sentence.
    pub(crate) said: Option<&'static str>,
    /// What could not be done, in a sentence.
    pub(crate) wrong: Option<String>,
}

/// The links that lead everywhere.
pub(crate) const NAVIGATION: [(&str, &str); 7] = [
    ("/generations", "Generations"),
    ("/deliveries", "Deliveries"),
    ("/webhooks", "Webhooks"),
    ("/destinations", "Destinations"),
    ("/batches", "Batches"),
    ("/keys", "Keys"),
    ("/usage", "Usage"),
];

impl Frame {
    pub(crate) fn navigation(&self) -> &'static [(&'static str, &'static str)] {
        &NAVIGATION
    }

    pub(crate) fn paths(&self) -> &'static Paths {
        &PATHS
    }

    /// The sentence for a word that a redirect of ours carries; any other word says nothing.
    pub(crate) fn after(mut self, word: &str) -> Self {
        self.said = match word {
            "created" => Some("The generation was accepted."),
            "canceled" => Some("The generation was canceled."),
            "replayed" => Some("A new delivery of the same event is on its way."),
            "prepared" => Some("A next secret is prepared: give it to your receivers, then switch."),
            "switched" => Some("The next secret is the current one. The previous one signs on until it expires."),
            "expired" => Some("The previous secret signs no more."),
            "tested" => Some("A test event is on its way."),
            "paused" => Some("The endpoint is paused: its deliveries wait."),
            "enabled" => Some("The endpoint is enabled."),
            "changed" => Some("The endpoint was changed."),
            "deleted" => Some("The endpoint was deleted. What was pending for it has ended."),
            "revoked" => Some("The key does not work any more."),
            _ => None,
        };
        self
    }
}

/// A page as an answer.
pub(crate) fn page(template: &impl Template) -> Result<Response, Problem> {
    page_as(StatusCode::OK, template)
}

pub(crate) fn page_as(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let text = template.render().map_err(|error| Problem::failed(&error.to_string()))?;
    Ok((status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// To another page of ours, by GET.
pub(crate) fn go_to(path: &str) -> Response {
    let location = axum::http::HeaderValue::from_str(path).unwrap_or(axum::http::HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(axum::http::header::LOCATION, location)]).into_response()
}
