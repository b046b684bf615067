//! A small JSON object as a request's body, for the operations under `/postsync/v1`.
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use postsync_core::error_code;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::json;
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
        read(&parts.headers, body, state.settings.json_bytes_max).await.map(Self)
    }
}

impl JsonBody {
    /// All of them.
    pub(crate) fn into_fields(self) -> Map<String, Value> {
        self.0
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

async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Map<String, Value>, ApiError> {
    let unreadable = |why: String| ApiError::new(error_code::INVALID_REQUEST, why);
    match json::parse(&whole(headers, body, bytes_max, unreadable).await?) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(unreadable("The body must be a JSON object.".to_owned())),
        Err(why) => Err(unreadable(format!("The body is not JSON: {why}."))),
    }
}

/// All of a body that may have so many bytes. `unreadable` says that it broke off.
pub(crate) async fn whole(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    unreadable: impl FnOnce(String) -> ApiError,
) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("The body is larger than the {bytes_max} bytes that this server takes as JSON.");
        ApiError::new(error_code::PAYLOAD_TOO_LARGE, message)
    };
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large());
    }
    axum::body::to_bytes(body, bytes_max).await.map_err(|error| {
        let full = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if full {
            too_large()
        } else if is_too_slow(&error) {
            ApiError::of(error_code::REQUEST_TIMEOUT)
        } else {
            unreadable("The body did not arrive whole.".to_owned())
        }
    })
}
