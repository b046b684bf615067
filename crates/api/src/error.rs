//! The only place where an error becomes a status and a body.
//!
//! Promise: the body is a JSON object with `message`, `statusCode`, `error`, `errorCode` (the Python SDK crashes on
//! anything but an object). The two 401 bodies are those seen at Sync, field for field. Nothing internal is shown: what the
//! database said goes to the log.
use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use postsync_core::access::Scope;
use postsync_core::create::Refusal;
use postsync_core::error_code::{self, ErrorCode};
use postsync_core::limits::CONSUMERS_MAX;
use postsync_engine::ports::{MediaError, StoreError};
use postsync_engine::{
    AssetError, CancelError, EndpointError, KeyError, NoPlace, PlaceError, RemoveError, ReplayError, SubmitError,
};

use crate::wire::ErrorBody;

/// A full disk needs an operator, so there is no point in coming back at once.
const RETRY_AFTER_FULL_S: u32 = 60;

/// A stop or a busy database passes in seconds.
const RETRY_AFTER_BUSY_S: u32 = 5;

/// A generation takes seconds to minutes.
const RETRY_AFTER_PLACE_S: u32 = 10;

/// The create that has the key is about to end.
const RETRY_AFTER_KEY_S: u32 = 1;

/// A refusal or a failure, on its way to the client.
#[derive(Clone, Debug)]
pub(crate) enum ApiError {
    /// No key came with the request.
    NoKey,
    /// A key came that does not work.
    BadKey,
    /// Everything else.
    Coded(Box<Coded>),
}

#[derive(Clone, Debug)]
pub(crate) struct Coded {
    code: ErrorCode,
    status: u16,
    message: Cow<'static, str>,
    field: Option<String>,
    oldest_cursor: Option<String>,
    full: Option<Full>,
    retry_after_s: Option<u32>,
}

/// Of an organization that has as many as it may.
#[derive(Clone, Copy, Debug)]
struct Full {
    of: Counted,
    active: usize,
    limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Generations,
    Batches,
}

impl ApiError {
    /// With the code's own sentence and status.
    pub(crate) fn of(code: ErrorCode) -> Self {
        Self::new(code, code.entry().message)
    }

    /// With a sentence of its own and the code's status.
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let status = code.entry().status;
        Self::Coded(Box::new(Coded {
            code,
            status,
            message: message.into(),
            field: None,
            oldest_cursor: None,
            full: None,
            // Whatever can't be done right now may be asked for again.
            retry_after_s: (status == StatusCode::SERVICE_UNAVAILABLE.as_u16()).then_some(RETRY_AFTER_BUSY_S),
        }))
    }

    /// A 400 that names what is wrong with the query or the path's parameters.
    pub(crate) fn invalid(field: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(error_code::INVALID_REQUEST, message).with_field(field)
    }

    /// A create whose body can't be read at all.
    pub(crate) fn unreadable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(error_code::GENERATION_INPUT_VALIDATION_FAILED, message)
    }

    /// A form over one of its limits: Sync sends this code with 413.
    pub(crate) fn form_too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::unreadable(message).with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    pub(crate) fn forbidden(scope: Scope) -> Self {
        Self::new(error_code::INSUFFICIENT_SCOPE, format!("The API key lacks the scope {}.", scope.as_str()))
    }

    pub(crate) fn too_many_requests(retry_after_s: u32) -> Self {
        let message = "Rate limit exceeded. Please try again later.";
        Self::new(error_code::RATE_LIMIT_EXCEEDED, message).retry_after(retry_after_s)
    }

    /// They were counted up to the limit: a plan may have been changed for a smaller one.
    pub(crate) fn too_many_batches(active: usize, limit: u32) -> Self {
        let message = format!(
            "Batch concurrency limit reached. The organization may have {limit} at once. Send it again when one has ended."
        );
        let full = Full { of: Counted::Batches, active, limit };
        Self::new(error_code::CONCURRENCY_LIMIT_REACHED, message).retry_after(RETRY_AFTER_FULL_S).with_full(full)
    }

    fn with_full(mut self, full: Full) -> Self {
        if let Self::Coded(coded) = &mut self {
            coded.full = Some(full);
        }
        self
    }

    pub(crate) fn too_many_texts() -> Self {
        let message = "As many texts wait to be spoken as may; send it again when they have been.";
        Self::new(error_code::RATE_LIMIT_EXCEEDED, message).retry_after(RETRY_AFTER_BUSY_S)
    }

    pub(crate) fn too_many_lists() -> Self {
        let message = "The server is making as many lists as it has memory for; ask for less with limit, or later.";
        Self::new(error_code::GENERATION_INFRA_RESOURCE_EXHAUSTED, message).retry_after(RETRY_AFTER_BUSY_S)
    }

    pub(crate) fn too_many_bodies() -> Self {
        let message = "The server is reading as many large bodies as it has memory for; send it again later.";
        Self::new(error_code::GENERATION_INFRA_RESOURCE_EXHAUSTED, message).retry_after(RETRY_AFTER_BUSY_S)
    }

    /// What lies behind the cursor was removed; reading can go on from `oldest`.
    pub(crate) fn cursor_expired(field: &str, oldest: String) -> Self {
        let message = format!("{field} lies before the oldest event that is kept; what came between was removed.");
        let mut error = Self::new(error_code::CURSOR_EXPIRED, message).with_field(field);
        if let Self::Coded(coded) = &mut error {
            coded.oldest_cursor = Some(oldest);
        }
        error
    }

    pub(crate) fn too_many_consumers() -> Self {
        let message = format!("consumer is a new name, and the organization has {CONSUMERS_MAX} consumers already.");
        Self::new(error_code::CONSUMER_LIMIT_REACHED, message).with_field("consumer")
    }

    pub(crate) fn too_many_readers(of_one: bool) -> Self {
        let (code, message) = if of_one {
            let message = "The organization has as many polls waiting or streams open as it may; end some of them.";
            (error_code::CONCURRENCY_LIMIT_REACHED, message)
        } else {
            let message =
                "The server has as many polls waiting or streams open as it can; poll without wait, or later.";
            (error_code::GENERATION_INFRA_RESOURCE_EXHAUSTED, message)
        };
        Self::new(code, message).retry_after(RETRY_AFTER_BUSY_S)
    }

    pub(crate) fn too_many_connected(of_one: bool) -> Self {
        let (code, message) = if of_one {
            (
                error_code::CONCURRENCY_LIMIT_REACHED,
                "The organization has as many listeners connected as it may; end some of them.",
            )
        } else {
            (error_code::GENERATION_INFRA_RESOURCE_EXHAUSTED, "The server has as many listeners connected as it can.")
        };
        Self::new(code, message).retry_after(RETRY_AFTER_BUSY_S)
    }

    pub(crate) fn not_a_web_socket(why: &str) -> Self {
        Self::invalid("upgrade", format!("this path is for a WebSocket, as `postsync listen` opens one: {why}"))
    }

    /// A file could not be taken in. What is missing then is our own folder, not something that a client once had.
    pub(crate) fn not_taken(error: MediaError) -> Self {
        match error {
            MediaError::Missing => MediaError::Io(std::io::Error::from(std::io::ErrorKind::NotFound)).into(),
            other => other.into(),
        }
    }

    pub(crate) fn with_field(mut self, field: &str) -> Self {
        if let Self::Coded(coded) = &mut self {
            coded.field = Some(field.to_owned());
        }
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        if let Self::Coded(coded) = &mut self {
            coded.status = status.as_u16();
        }
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        if let Self::Coded(coded) = &mut self {
            coded.retry_after_s = Some(seconds);
        }
        self
    }

    #[cfg(test)]
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::NoKey | Self::BadKey => None,
            Self::Coded(coded) => coded.retry_after_s,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoKey | Self::BadKey => StatusCode::UNAUTHORIZED,
            Self::Coded(coded) => StatusCode::from_u16(coded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The body as it goes out.
    pub(crate) fn body(&self, request_id: Option<&str>) -> String {
        let coded = match self {
            Self::NoKey => {
                return r#"{"message":"Either Cookie or x-api-key header must be provided","error":"Unauthorized","statusCode":401}"#.to_owned();
            }
            Self::BadKey => return r#"{"message":"Unauthorized","statusCode":401}"#.to_owned(),
            Self::Coded(coded) => coded,
        };
        let active = |of| coded.full.filter(|full| full.of == of).map(|full| full.active);
        let body = ErrorBody {
            message: coded.message.to_string(),
            status_code: coded.status,
            error: self.status().canonical_reason().unwrap_or("Error").to_owned(),
            error_code: coded.code.as_str().to_owned(),
            suggestion: Some(coded.code.entry().suggestion.to_owned()),
            field: coded.field.clone(),
            oldest_cursor: coded.oldest_cursor.clone(),
            active_generations: active(Counted::Generations),
            active_batches: active(Counted::Batches),
            concurrency_limit: coded.full.map(|full| full.limit),
            upgrade_url: coded.full.map(|_| None),
            retry_after_seconds: coded.full.and(coded.retry_after_s),
            request_id: request_id.map(str::to_owned),
        };
        crate::json::text(&body)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.body(None)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, crate::json::CONTENT_TYPE_JSON);
        if let Self::Coded(coded) = &self
            && let Some(seconds) = coded.retry_after_s
        {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // `observe` prints it once more, with the request's id.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        // 400 whatever the table says: the SDKs have a class for it on create, and none for 404 or 422.
        Self::new(refusal.code, refusal.message).with_field(&refusal.field).with_status(StatusCode::BAD_REQUEST)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        match error {
            StoreError::Full => storage_full("The server's disk is full; nothing was accepted."),
            StoreError::Busy | StoreError::Closed => {
                let message = "The server's database is busy; nothing was accepted.";
                Self::new(error_code::GENERATION_INFRA_SERVICE_UNAVAILABLE, message).retry_after(RETRY_AFTER_BUSY_S)
            }
            StoreError::TooSlow => {
                let message = "The list took the server's database too long; ask for less with limit, or later.";
                Self::new(error_code::GENERATION_INFRA_SERVICE_UNAVAILABLE, message).retry_after(RETRY_AFTER_BUSY_S)
            }
            StoreError::Key(_) | StoreError::Failed(_) => Self::of(error_code::GENERATION_DATABASE_ERROR),
        }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Store(error) => error.into(),
            SubmitError::Stopping => Self::stopping(),
            SubmitError::NoRoom(_) => Self::no_room(),
            SubmitError::KeyUsed => Self::key_in_use(),
            SubmitError::NoGenerator => crate::routes::no_generator().into(),
        }
    }
}

impl From<PlaceError> for ApiError {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Full(no) => no.into(),
            PlaceError::Store(error) => error.into(),
        }
    }
}

impl From<NoPlace> for ApiError {
    fn from(no: NoPlace) -> Self {
        let message = format!(
            "The organization has {} generations pending or processing, and may have {} at once. Send it again when one has ended.",
            no.active, no.limit
        );
        let full = Full { of: Counted::Generations, active: no.active, limit: no.limit };
        Self::new(error_code::CONCURRENCY_LIMIT_REACHED, message).retry_after(RETRY_AFTER_PLACE_S).with_full(full)
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Reused => Self::of(error_code::IDEMPOTENCY_KEY_REUSED),
            KeyError::Gone => {
                let message = "The Idempotency-Key was used for something that was deleted since.";
                Self::new(error_code::IDEMPOTENCY_KEY_REUSED, message)
            }
            KeyError::InUse => Self::key_in_use(),
            KeyError::Store(error) => error.into(),
        }
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            ReplayError::Stopping => {
                let message = "The server is stopping; it takes no replays.";
                Self::new(error_code::GENERATION_INFRA_SERVICE_UNAVAILABLE, message).retry_after(RETRY_AFTER_BUSY_S)
            }
            ReplayError::NotFound => Self::of(error_code::DELIVERY_NOT_FOUND),
            ReplayError::NotEnded => {
                let message =
                    "The delivery has not ended: it is being tried as it is, and will be until it is exhausted.";
                Self::new(error_code::DELIVERY_CONFLICT, message)
            }
            ReplayError::Disabled => {
                let message = "The delivery's endpoint is disabled, and gets nothing. Resume it first.";
                Self::new(error_code::ENDPOINT_CONFLICT, message)
            }
            ReplayError::OfListener => {
                let message =
                    "A listener has taken it, whose machine only the listener reaches: r sends it again there.";
                Self::new(error_code::DELIVERY_CONFLICT, message)
            }
            ReplayError::AtOnce => {
                Self::new(error_code::DELIVERY_CONFLICT, "The delivery was replayed by somebody else at this moment.")
            }
            ReplayError::EventGone => Self::of(error_code::DELIVERY_EXPIRED),
            ReplayError::TooMany => Self::of(error_code::REPLAY_LIMIT_REACHED).retry_after(RETRY_AFTER_FULL_S),
        }
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Unknown => Self::of(error_code::GENERATION_NOT_FOUND),
            CancelError::Stopping => Self::stopping(),
            CancelError::Ended => Self::new(error_code::GENERATION_CONFLICT, "The generation has ended."),
            CancelError::Store(error) => error.into(),
        }
    }
}

impl From<RemoveError> for ApiError {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Unknown => Self::of(error_code::GENERATION_NOT_FOUND),
            RemoveError::NotEnded => Self::of(error_code::GENERATION_NOT_DELETABLE_WHILE_PROCESSING),
            RemoveError::Store(error) => error.into(),
            RemoveError::Media(error) => Self::not_taken(error),
        }
    }
}

impl From<AssetError> for ApiError {
    fn from(error: AssetError) -> Self {
        match error {
            AssetError::Unknown => Self::of(error_code::ASSET_NOT_FOUND),
            AssetError::KeyUsed => Self::key_in_use(),
            AssetError::Known => Self::of(error_code::ASSET_CONFLICT),
            AssetError::Store(error) => error.into(),
            AssetError::Media(error) => Self::not_taken(error),
        }
    }
}

impl From<EndpointError> for ApiError {
    fn from(error: EndpointError) -> Self {
        let conflict = |error: &EndpointError| Self::new(error_code::ENDPOINT_CONFLICT, error.to_string());
        match error {
            EndpointError::Unknown => Self::of(error_code::ENDPOINT_NOT_FOUND),
            EndpointError::SameUrl(_) => conflict(&error).with_field("url"),
            EndpointError::TooMany | EndpointError::Disabled => conflict(&error),
            EndpointError::Store(error) => error.into(),
        }
    }
}

impl ApiError {
    pub(crate) fn takes_long_to_count() -> Self {
        let message = "There are too many deliveries to count them in time; name fewer with since and until.";
        Self::new(error_code::GENERATION_INFRA_SERVICE_UNAVAILABLE, message).retry_after(RETRY_AFTER_BUSY_S)
    }

    /// What is short and by how much stands in the operator's log.
    pub(crate) fn no_room() -> Self {
        storage_full("The server has too little room left on its disk; it takes nothing new until there is more.")
    }

    fn key_in_use() -> Self {
        Self::of(error_code::IDEMPOTENCY_KEY_IN_USE).retry_after(RETRY_AFTER_KEY_S)
    }

    pub(crate) fn stopping() -> Self {
        let message = "The server is stopping; it takes nothing new.";
        Self::new(error_code::GENERATION_INFRA_SERVICE_UNAVAILABLE, message).retry_after(RETRY_AFTER_BUSY_S)
    }
}

/// Of a file that is being taken or served.
impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::Full => storage_full("The server's disk is full; the file was not kept."),
            MediaError::Missing => Self::of(error_code::MEDIA_EXPIRED),
            MediaError::Io(error) => {
                tracing::error!(%error, "the media store failed a request");
                Self::of(error_code::GENERATION_INFRA_STORAGE_ERROR).retry_after(RETRY_AFTER_FULL_S)
            }
        }
    }
}

fn storage_full(message: &'static str) -> ApiError {
    ApiError::new(error_code::GENERATION_INFRA_STORAGE_ERROR, message).retry_after(RETRY_AFTER_FULL_S)
}

#[cfg(test)]
mod tests {
    use postsync_core::space::Shortage;

    use super::*;

    const SHORT: Shortage = Shortage::Disk { free_bytes: 1, wanted_bytes: 2 };

    fn shown(error: impl Into<ApiError>) -> (u16, String, bool) {
        let error = error.into();
        let response = error.clone().into_response();
        let body: ErrorBody = serde_json::from_str(&error.body(Some("r"))).unwrap();
        assert_eq!((body.status_code, body.request_id.as_deref()), (response.status().as_u16(), Some("r")));
        (body.status_code, body.error_code, response.headers().contains_key(RETRY_AFTER))
    }

    #[test]
    fn what_an_operator_must_mend_is_a_503_that_says_when_to_come_back() {
        let io = |kind| MediaError::from(std::io::Error::from(kind));
        for (error, want) in [
            (shown(StoreError::Full), (503, "generation_infra_storage_error", true)),
            (shown(StoreError::Busy), (503, "generation_infra_service_unavailable", true)),
            (shown(StoreError::TooSlow), (503, "generation_infra_service_unavailable", true)),
            (shown(StoreError::Closed), (503, "generation_infra_service_unavailable", true)),
            (shown(StoreError::Failed("secret".into())), (500, "generation_database_error", false)),
            (shown(SubmitError::Stopping), (503, "generation_infra_service_unavailable", true)),
            (shown(SubmitError::NoRoom(SHORT)), (503, "generation_infra_storage_error", true)),
            (shown(SubmitError::NoGenerator), (400, "generation_unsupported_model", false)),
            (shown(SubmitError::Store(StoreError::Full)), (503, "generation_infra_storage_error", true)),
            (shown(io(std::io::ErrorKind::StorageFull)), (503, "generation_infra_storage_error", true)),
            (shown(io(std::io::ErrorKind::PermissionDenied)), (503, "generation_infra_storage_error", true)),
            (shown(io(std::io::ErrorKind::NotFound)), (410, "media_expired", false)),
            (
                shown(ApiError::not_taken(io(std::io::ErrorKind::NotFound))),
                (503, "generation_infra_storage_error", true),
            ),
        ] {
            assert_eq!(error, (want.0, want.1.to_owned(), want.2));
        }
    }

    #[test]
    fn what_the_database_said_is_not_shown() {
        let body = ApiError::from(StoreError::Failed("table keys: secret".into())).body(None);
        assert!(!body.contains("keys: secret"), "{body}");
    }
}
