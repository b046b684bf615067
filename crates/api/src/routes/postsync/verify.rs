//! `POST /postsync/v1/verify`: is this signature right, and if not, what is wrong with it. The same answer as the command's.
//!
//! It makes and changes nothing, and answers 200 also when the signature is wrong. Without a secret those of the organization are
//! tried, so that a reader learns which of them fits; none is ever shown.
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::event::Event;
use postsync_core::ids::{EventId, OrgId};
use postsync_core::known::KnownSecrets;
use postsync_core::schedule::parse_duration;
use postsync_core::verify::{Explanation, Known, OnRecord, Question, TOLERANCE_DEFAULT, explain};
use postsync_core::{Secret, error_code};
use postsync_engine::known_secrets;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::state::ApiState;
use crate::wire::{ErrorBody, UnauthorizedBody, VerifiedWebhook, VerifyWebhook};

/// Of `signature`; the header has 69 characters and may be found in a bad state, but not longer than headers are.
const SIGNATURE_BYTES_MAX: usize = 8 * 1024;

/// Of `body`, as the command: a webhook's is under 100 kB, however it was printed.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// So many secrets may be given. A rotation needs two.
const SECRETS_MAX: usize = 8;

const MEMBERS: [&str; 5] = ["signature", "body", "secret", "tolerance", "eventId"];

/// Check a signature
///
/// Says what is wrong with it, and how to mend that. 200 also when it is not verified. Without secret the organization's own and
/// those of its endpoints are tried; no answer holds one.
#[utoipa::path(
    post,
    path = "/postsync/v1/verify",
    operation_id = "verifyWebhook",
    tag = "secrets",
    request_body = VerifyWebhook,
    responses(
        (status = 200, description = "Whether it is right, and what is wrong", body = VerifiedWebhook),
        (status = 400, description = "A field is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such event", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn verify_webhook(
    State(state): State<ApiState>,
    Reader(org): Reader,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&body)?;
    let event = match asked.event {
        Some(id) => Some(event(&state, &org, id).await?),
        None => None,
    };
    let now = state.engine.now();
    let known = known_secrets(state.engine.store().as_ref(), &org, now).await?;
    // Up to a megabyte is hashed some dozen times: not on a thread that answers others.
    let judging = move || asked.judge(event.as_ref(), known, now.unix_s());
    let explained = tokio::task::spawn_blocking(judging).await.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))?;
    let answer = VerifiedWebhook { verified: explained.verified, message: explained.in_one_line() };
    Ok(json::answer(StatusCode::OK, json::text(&answer)))
}

async fn event(state: &ApiState, org: &OrgId, id: EventId) -> Result<Event, ApiError> {
    let found = state.engine.store().event_of_any(id).await?;
    found.filter(|event| event.org == *org).ok_or_else(|| ApiError::of(error_code::EVENT_NOT_FOUND))
}

struct Asked {
    signature: String,
    body: String,
    secrets: Vec<Known>,
    tolerance: Duration,
    event: Option<EventId>,
}

impl Asked {
    fn read(body: &JsonBody) -> Result<Self, ApiError> {
        body.knows_only(&MEMBERS)?;
        let event = optional(body, "eventId")?.map(str::parse::<EventId>).transpose();
        Ok(Self {
            signature: bounded(body, "signature", SIGNATURE_BYTES_MAX)?,
            body: bounded(body, "body", BODY_BYTES_MAX)?,
            secrets: optional(body, "secret")?.map_or_else(|| Ok(vec![]), secrets)?,
            tolerance: optional(body, "tolerance")?.map_or(Ok(TOLERANCE_DEFAULT), tolerance)?,
            event: event.map_err(|_| ApiError::of(error_code::EVENT_NOT_FOUND))?,
        })
    }

    fn judge(&self, event: Option<&Event>, known: KnownSecrets, now_unix_s: i64) -> Explanation {
        let id = event.map(|event| event.id.to_string()).unwrap_or_default();
        let (secrets, others) = match self.secrets.as_slice() {
            [] => (known.live, known.ended),
            given => (given.to_vec(), known.all()),
        };
        explain(&Question {
            header: Some(self.signature.as_bytes()).filter(|header| !header.is_empty()),
            body: self.body.as_bytes(),
            secrets: &secrets,
            others: &others,
            on_record: event.map(|event| OnRecord { id: &id, body: &event.body }),
            now_unix_s,
            tolerance: self.tolerance,
        })
    }
}

fn bounded(body: &JsonBody, name: &str, bytes_max: usize) -> Result<String, ApiError> {
    let text = body.string(name)?;
    if text.len() > bytes_max {
        return Err(ApiError::invalid(name, format!("{name} is longer than {bytes_max} bytes")));
    }
    Ok(text.to_owned())
}

fn optional<'a>(body: &'a JsonBody, name: &str) -> Result<Option<&'a str>, ApiError> {
    match body.member(name) {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(_) => body.string(name).map(Some),
    }
}

/// The error says what is wrong with it, and never what it is.
fn secrets(text: &str) -> Result<Vec<Known>, ApiError> {
    let invalid = |error: String| ApiError::invalid("secret", format!("secret: {error}"));
    let given: Vec<&str> = text.split(',').map(str::trim).collect();
    if given.len() > SECRETS_MAX {
        return Err(invalid(format!("at most {SECRETS_MAX} are taken")));
    }
    given
        .into_iter()
        .map(|text| Ok(Known { name: None, secret: Secret::new(text).map_err(|error| invalid(error.to_string()))? }))
        .collect()
}

fn tolerance(text: &str) -> Result<Duration, ApiError> {
    match text {
        "none" => Ok(Duration::MAX),
        text => parse_duration(text)
            .ok_or_else(|| ApiError::invalid("tolerance", "tolerance must be a text like 90s, 5m or 1h, or none")),
    }
}
