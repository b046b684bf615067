//! `/webhooks/verify`: is this signature right, and if not, what is wrong with it. The same answer as `POST /postsync/v1/verify`.
//!
//! Promise: it makes and changes nothing, no answer holds a secret, also not the one that was typed; a body that comes as a file or as
//! Base64 is checked byte for byte. What came as text has each line end as `\n`, because browsers send their own.
use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postsync_core::event::Event;
use postsync_core::ids::EventId;
use postsync_core::verify::{Asked, BODY_BYTES_MAX, Explanation};
use postsync_engine::known_secrets;

use super::replays::sentence;
use crate::form::{self, CSRF};
use crate::frame::{self, Frame};
use crate::headers::TURN_MAX;
use crate::parts::Parts;
use crate::problem::Problem;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// The whole form: a body as Base64, which is a third longer than it is, beside the other fields.
const FORM_BYTES_MAX: usize = BODY_BYTES_MAX / 3 * 4 + 64 * 1024;

/// How much of a body comes back in the form: what is longer is in a file.
const SHOWN_BYTES_MAX: usize = 128 * 1024;

#[derive(Template)]
#[template(path = "verify.html")]
struct Page {
    frame: Frame,
    given: Given,
    answer: Option<Answer>,
}

/// What stands in the form. The secret never comes back.
#[derive(Default)]
struct Given {
    signature: String,
    body: String,
    base64: String,
    tolerance: String,
    event: String,
}

struct Answer {
    verified: bool,
    message: String,
    mends: Vec<(&'static str, &'static str)>,
    /// Where the first byte stands that differs, and what was sent and what came around it.
    offset: usize,
    marked: Vec<(&'static str, [String; 3])>,
}

impl Answer {
    fn of(explained: Explanation) -> Self {
        let difference = explained.difference.as_ref();
        let marked = difference.map(|difference| {
            let [sent, found] = difference.marked().map(|parts| parts.map(visible));
            vec![("sent", sent), ("found", found)]
        });
        Self {
            verified: explained.verified,
            offset: difference.map_or(0, |difference| difference.offset),
            marked: marked.unwrap_or_default(),
            message: explained.message,
            mends: explained.mends,
        }
    }
}

/// As one line on which nothing is lost.
fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_debug()) } else { line.push(c) }
    }
    line
}

pub(crate) async fn page(viewer: Viewer) -> Result<Response, Problem> {
    let given = Given { tolerance: "5m".to_owned(), ..Given::default() };
    frame::page(&Page { frame: viewer.frame("Check a signature", "Webhooks"), given, answer: None })
}

pub(crate) async fn check(
    State(state): State<Dashboard>,
    viewer: Viewer,
    request: Request,
) -> Result<Response, Problem> {
    // Each holds a form and hashes it some dozen times: a bounded number of them at once.
    let turn = tokio::time::timeout(TURN_MAX, state.checks.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Problem::busy()) };
    let parts = Parts::read(request, FORM_BYTES_MAX).await?;
    if !form::same(&field(&parts, CSRF)?, &viewer.session.csrf) {
        return Err(Problem::forged());
    }
    let frame = viewer.frame("Check a signature", "Webhooks");
    let given = Given::of(&parts)?;
    let (status, wrong, answer) = match asked(&parts, &given) {
        Ok(asked) => {
            let event = event(&state, &viewer, &given.event).await?;
            (StatusCode::OK, None, Some(judged(&state, &viewer, asked, event).await?))
        }
        Err(wrong) => (StatusCode::BAD_REQUEST, Some(wrong), None),
    };
    frame::page_as(status, &Page { frame: Frame { wrong, ..frame }, given: given.bounded(), answer })
}

fn field(parts: &Parts, name: &str) -> Result<String, Problem> {
    parts.text(name).ok_or_else(|| Problem::bad(&format!("{name} is not UTF-8.")))
}

impl Given {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let line = |name| field(parts, name).map(|text| text.trim().to_owned());
        Ok(Self {
            // As it is: white space at its end is one of the mistakes that are told.
            signature: field(parts, "signature")?,
            body: field(parts, "body")?,
            base64: line("base64")?,
            tolerance: line("tolerance")?,
            event: line("event")?,
        })
    }

    fn bounded(mut self) -> Self {
        for text in [&mut self.body, &mut self.base64] {
            if text.len() > SHOWN_BYTES_MAX {
                text.clear();
            }
        }
        self
    }
}

/// What is asked for; or a sentence that says which field is wrong.
fn asked(parts: &Parts, given: &Given) -> Result<Asked, String> {
    let secret = parts.text("secret").unwrap_or_default();
    let optional = |text: &'_ str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let body = body(parts, given)?;
    let (secret, tolerance) = (optional(&secret), optional(&given.tolerance));
    Asked::read(&given.signature, body, secret.as_deref(), tolerance.as_deref())
        .map_err(|refusal| sentence(&refusal.message))
}

/// The body, which is given in one of three ways.
fn body(parts: &Parts, given: &Given) -> Result<Vec<u8>, String> {
    let file = parts.file("file").filter(|bytes| !bytes.is_empty());
    match (file, given.base64.as_str(), given.body.as_str()) {
        (None, "", text) => Ok(text.as_bytes().to_vec()),
        (Some(bytes), "", "") => Ok(bytes.to_vec()),
        (None, base64, "") => {
            let packed: String = base64.split_ascii_whitespace().collect();
            STANDARD.decode(packed).map_err(|_| "The body as Base64 is not Base64.".to_owned())
        }
        _ => Err("Give the body once: as text, as a file, or as Base64.".to_owned()),
    }
}

async fn event(state: &Dashboard, viewer: &Viewer, id: &str) -> Result<Option<Event>, Problem> {
    if id.is_empty() {
        return Ok(None);
    }
    let unknown = || Problem::not_found("There is no such event.");
    let id: EventId = id.parse().map_err(|_| unknown())?;
    let found = state.engine.store().event_of_any(id).await?;
    found.filter(|event| event.org == *viewer.org()).ok_or_else(unknown).map(Some)
}

async fn judged(state: &Dashboard, viewer: &Viewer, asked: Asked, event: Option<Event>) -> Result<Answer, Problem> {
    let now = state.engine.now();
    let known = known_secrets(state.engine.store().as_ref(), viewer.org(), now).await?;
    // Up to a megabyte is hashed some dozen times: not on a thread that answers others.
    let judging = tokio::task::spawn_blocking(move || asked.judge(event.as_ref(), known, now.unix_s()));
    let explained = judging.await.map_err(|error| Problem::failed(&error.to_string()))?;
    Ok(Answer::of(explained))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_seen_is_written_out() {
        assert_eq!(visible("a\n\t\u{0}b \u{e9}\u{fffd}"), "a\\n\\t\\0b \u{e9}\u{fffd}");
    }
}
