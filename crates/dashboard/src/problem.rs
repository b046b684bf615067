//! What went wrong, as a page: a sentence, and what to do next.
use askama::Template;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use postsync_core::access::Scope;
use postsync_core::create::Refusal;
use postsync_engine::ports::StoreError;

use crate::assets::{PATHS, Paths};
use crate::frame;
use crate::links;

/// Why there is no such page, or why nothing was done.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nobody is signed in; where to go afterwards.
    SignIn(Option<String>),
    /// Everything else.
    Told { status: StatusCode, message: String, advice: &'static str, retry_after_s: Option<u32> },
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Page<'a> {
    status: u16,
    message: &'a str,
    advice: &'a str,
    paths: &'a Paths,
}

impl Problem {
    pub(crate) fn told(status: StatusCode, message: impl Into<String>, advice: &'static str) -> Self {
        Self::Told { status, message: message.into(), advice, retry_after_s: None }
    }

    pub(crate) fn sign_in(next: Option<String>) -> Self {
        Self::SignIn(next)
    }

    pub(crate) fn bad(message: &str) -> Self {
        Self::told(StatusCode::BAD_REQUEST, message, "Go back, mend it and send it again.")
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::told(
            StatusCode::NOT_FOUND,
            message,
            "It may have been removed after its retention, or belong to another organization.",
        )
    }

    pub(crate) fn conflict(message: &str) -> Self {
        Self::told(StatusCode::CONFLICT, message, "Look at it again: somebody else may have been first.")
    }

    pub(crate) fn forbidden(scope: Scope) -> Self {
        let message = format!("This needs a key with the scope {}.", scope.as_str());
        Self::told(StatusCode::FORBIDDEN, message, "Sign out, and sign in with such a key.")
    }

    pub(crate) fn forged() -> Self {
        let advice = "Go back, load the page again, and send it once more.";
        Self::told(StatusCode::FORBIDDEN, "The form is not from this session, or it is too old.", advice)
    }

    pub(crate) fn too_many_sign_ins(retry_after_s: u32) -> Self {
        Self::Told {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: "Too many sign-ins have failed from here.".to_owned(),
            advice: "Wait a minute, and try again.",
            retry_after_s: Some(retry_after_s),
        }
    }

    pub(crate) fn busy() -> Self {
        Self::Told {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "The server is making as many pages as it can.".to_owned(),
            advice: "Load the page again in a moment.",
            retry_after_s: Some(1),
        }
    }

    /// The details go to the log.
    pub(crate) fn failed(why: &str) -> Self {
        tracing::error!(why, "a page could not be made");
        let advice = "Try again; what happened stands in the server's log.";
        Self::told(StatusCode::INTERNAL_SERVER_ERROR, "The server could not do this.", advice)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooSlow => Self::told(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database took too long for this list.",
                "Ask for less, or later.",
            ),
            StoreError::Full => {
                let advice = "Make room on the disk that holds the data folder.";
                Self::told(StatusCode::SERVICE_UNAVAILABLE, "The disk that holds the database is full.", advice)
            }
            StoreError::Busy | StoreError::Closed => Self::busy(),
            StoreError::Key(why) | StoreError::Failed(why) => Self::failed(&why),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::bad(&format!("{}.", refusal.message))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self::Told { status, message, advice, retry_after_s } = self else {
            let Self::SignIn(next) = self else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            return frame::go_to(&links::with_query("/signin", &[("next", next.as_deref().unwrap_or_default())]));
        };
        let page = Page { status: status.as_u16(), message: &message, advice, paths: &PATHS };
        let text = page.render().unwrap_or_else(|_| message.clone());
        let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
