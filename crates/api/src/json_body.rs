//! A small JSON object as a request's body, for the operations under `/postsync/v1`.
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use futures::StreamExt as _;
use http::{HeaderMap, header};
use postsync_core::error_code;
use serde_json::{Map, Value};

use crate::body_room::Held;
use crate::error::ApiError;
use crate::linger::is_too_slow;
use crate::state::ApiState;

/// The object's members. A body without a type is taken for JSON, any other type is a 415.
pub(crate) struct JsonBody(Map<String, Value>);

impl FromRequest<ApiState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(ApiError::of(error_code::UNSUPPORTED_MEDIA_TYPE));
        }
        let unreadable = |why: String| ApiError::new(error_code::INVALID_REQUEST, why);
        let bytes_max = state.settings.json_bytes_max;
        match whole(state.bodies.for_a_body(), &parts.headers, body, bytes_max, unreadable).await?.parse().await? {
            (Ok(Value::Object(fields)), _) => Ok(Self(fields)),
            (Ok(_), _) => Err(unreadable("The body must be a JSON object.".to_owned())),
            (Err(why), _) => Err(unreadable(format!("The body is not JSON: {why}."))),
        }
    }
}

impl JsonBody {
    /// All of them.
    pub(crate) fn into_fields(self) -> Map<String, Value> {
        self.0
    }

    /// A misspelled member is refused, where it would be taken for one that was left out.
    pub(crate) fn knows_only(&self, members: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| !members.contains(&name.as_str())) {
            Some(name) => {
                let name = crate::json::plain(name);
                Err(ApiError::invalid(&name, format!("{name} is not known here: this takes {}", members.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// A member, if it is there.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A member that must be a string.
    pub(crate) fn string(&self, name: &str) -> Result<&str, ApiError> {
        match self.0.get(name) {
            Some(Value::String(text)) => Ok(text),
            None | Some(Value::Null) => Err(ApiError::invalid(name, format!("{name} is missing"))),
            Some(_) => Err(ApiError::invalid(name, format!("{name} must be a string"))),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A JSON body that has come whole, and its room in memory.
pub(crate) struct Text {
    bytes: Vec<u8>,
    held: Held,
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value, or a plain ASCII sentence; and the room that it takes, to be kept for as long as the value is.
    pub(crate) async fn parse(mut self) -> Result<(Result<Value, String>, Held), ApiError> {
        let parsed = self.held.parse(&self.bytes).await?;
        Ok((parsed, self.held))
    }
}

/// All of a body that may have so many bytes. `unreadable` says that it broke off.
pub(crate) async fn whole(
    held: Held,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    unreadable: impl FnOnce(String) -> ApiError,
) -> Result<Text, ApiError> {
    let too_large = || {
        let message = format!("The body is larger than the {bytes_max} bytes that this server takes as JSON.");
        ApiError::new(error_code::PAYLOAD_TOO_LARGE, message)
    };
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large());
    }
    let mut text = Text { bytes: Vec::new(), held };
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) if is_too_slow(&error) => return Err(ApiError::of(error_code::REQUEST_TIMEOUT)),
            Err(_) => return Err(unreadable("The body did not arrive whole.".to_owned())),
        };
        if text.bytes.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        text.held.grow(chunk.len())?;
        text.bytes.extend_from_slice(&chunk);
    }
    Ok(text)
}
