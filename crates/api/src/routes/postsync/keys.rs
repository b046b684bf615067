//! `/postsync/v1/keys`: the organization's API keys. Only for keys with the scope admin.
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use postsync_core::access::{NAME_CHARS_MAX, Scopes, judged_name};
use postsync_core::error_code;
use postsync_core::ids::KeyId;
use postsync_core::limits::LIST_MAX;
use serde_json::Value;

use crate::auth::Admin;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{CreateKey, ErrorBody, KeyItem, KeyPage, NewKey, UnauthorizedBody};

/// What a key may do, unless told otherwise: what an application needs.
const SCOPE_DEFAULT: &str = "generate,read";

/// List the API keys, newest first
///
/// Never their text. Revoked ones are among them.
#[utoipa::path(
    get,
    path = "/postsync/v1/keys",
    operation_id = "listKeys",
    tag = "keys",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000; without it, the newest 1000"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = KeyPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
    )
)]
pub(crate) async fn list_keys(
    State(state): State<ApiState>,
    Admin(org): Admin,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_MAX);
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page");
    let before = query.one("cursor")?.map(|text| text.parse::<KeyId>().map_err(|_| wrong())).transpose()?;
    // One more tells whether another page follows.
    let mut found = state.engine.store().newest_keys(&org, before, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let items: Vec<KeyItem> = found.iter().map(KeyItem::from).collect();
    let next_cursor = items.last().filter(|_| has_more).map(|item| item.id.clone());
    Ok(json::answer(StatusCode::OK, json::text(&KeyPage { items, next_cursor })))
}

/// Make an API key
///
/// The answer holds its text, which can't be read again.
#[utoipa::path(
    post,
    path = "/postsync/v1/keys",
    operation_id = "createKey",
    tag = "keys",
    request_body = CreateKey,
    responses(
        (status = 201, description = "The key, with its text", body = NewKey),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "The organization has as many keys as it may", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn create_key(
    State(state): State<ApiState>,
    Admin(org): Admin,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let name = judged_name(body.string("name")?).ok_or_else(|| {
        ApiError::invalid("name", format!("name must have 1 to {NAME_CHARS_MAX} printable characters"))
    })?;
    let scopes = scopes(&body)?;
    let Some((key, text)) = state.engine.make_key(&org, name, scopes).await? else {
        return Err(ApiError::of(error_code::KEY_LIMIT_REACHED));
    };
    let made = NewKey { item: KeyItem::from(&key), key: text };
    Ok(json::secret(StatusCode::CREATED, json::text(&made)))
}

fn scopes(body: &JsonBody) -> Result<Scopes, ApiError> {
    let text = match body.member("scope") {
        None | Some(Value::Null) => SCOPE_DEFAULT,
        Some(Value::String(text)) => text,
        Some(_) => return Err(ApiError::invalid("scope", "scope must be a string")),
    };
    Scopes::parse(text).map_err(|_| {
        ApiError::invalid(
            "scope",
            "scope must be one or more of admin, generate, read, worker, with commas between them",
        )
    })
}

/// Revoke an API key
///
/// It stops working at once. Revoking it again changes nothing. The key of this very request may be the one.
#[utoipa::path(
    delete,
    path = "/postsync/v1/keys/{id}",
    operation_id = "revokeKey",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 204, description = "It does not work any more"),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such key", body = ErrorBody),
    )
)]
pub(crate) async fn revoke_key(
    State(state): State<ApiState>,
    Admin(org): Admin,
    PathId(id): PathId<KeyId>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::of(error_code::KEY_NOT_FOUND);
    let key = state.engine.revoke_key(&org, id).await?.ok_or_else(unknown)?;
    state.keys.forget(&key.hash);
    Ok(StatusCode::NO_CONTENT.into_response())
}
