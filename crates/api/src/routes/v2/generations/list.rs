//! `GET /v2/generations`: an organization's generations, newest first, as a bare array.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::generation::{Generation, Status, wire};
use postsync_core::ids::GenerationId;
use postsync_core::limits::LIST_MAX;
use postsync_engine::ports::{GenerationOrder, GenerationQuery};

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, GenerationBody, UnauthorizedBody};

/// The largest page that a client may ask for; without a limit it gets up to [`LIST_MAX`].
const LIMIT_MAX: usize = 100;

/// List generations, newest first
#[utoipa::path(
    get,
    path = "/v2/generations",
    operation_id = "listGenerations",
    tag = "generations",
    params(
        ("status" = Option<String>, Query, description = "One or more statuses: a JSON array, repeated, or a comma list"),
        ("ids" = Option<String>, Query, description = "One or more ids: a JSON array, repeated, or a comma list"),
        ("limit" = Option<u32>, Query, description = "1 to 100; without it, the newest 1000. A page ends early where its texts come to 8 MiB: the last page is the empty one"),
        ("cursor" = Option<String>, Query, description = "The id of the last item of the page before; needs limit"),
    ),
    responses(
        (status = 200, description = "The generations", body = Vec<GenerationBody>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_generations(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let statuses = statuses(&query)?;
    let ids = ids(&query)?;
    let limit = query.number("limit", 1..=LIMIT_MAX)?;
    let after = cursor(&query, limit)?;
    let limit = limit.unwrap_or(LIST_MAX);
    // To the store an empty list means any; to a client that named only unknown ids, or none, it means none.
    let none = ids.as_ref().is_some_and(Vec::is_empty) || statuses.as_ref().is_some_and(Vec::is_empty);
    if none {
        return Ok(json::answer(StatusCode::OK, "[]"));
    }
    let (statuses, ids) = (statuses.unwrap_or_default(), ids.unwrap_or_default());
    let order = GenerationOrder::NewestFirst;
    let room = state.room.for_a_list().await?;
    let found = state.engine.store().generations(GenerationQuery { org, statuses, ids, order, after, limit }).await?;
    Ok(json::answer(StatusCode::OK, room.hold(array(found))))
}

pub(super) fn statuses(query: &Query) -> Result<Option<Vec<Status>>, ApiError> {
    let Some(names) = query.list("status")? else { return Ok(None) };
    let statuses = names.iter().map(|name| Status::parse(name)).collect::<Option<Vec<_>>>();
    match statuses {
        Some(statuses) => Ok(Some(statuses)),
        None => {
            let list: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
            Err(ApiError::invalid("status", format!("status must be one or more of {}", list.join(", "))))
        }
    }
}

/// Ids that are none are like unknown ones: nothing has them.
fn ids(query: &Query) -> Result<Option<Vec<GenerationId>>, ApiError> {
    let Some(texts) = query.list("ids")? else { return Ok(None) };
    if texts.len() > LIST_MAX {
        return Err(ApiError::invalid("ids", format!("ids names more than {LIST_MAX} generations")));
    }
    Ok(Some(texts.iter().filter_map(|text| text.parse().ok()).collect()))
}

fn cursor(query: &Query, limit: Option<usize>) -> Result<Option<GenerationId>, ApiError> {
    let Some(text) = query.one("cursor")? else { return Ok(None) };
    if limit.is_none() {
        return Err(ApiError::invalid("cursor", "cursor needs limit"));
    }
    let wrong = |_| ApiError::invalid("cursor", "cursor must be the id of the last generation of the page before");
    text.parse().map(Some).map_err(wrong)
}

/// Each row goes as soon as it is printed: a page may be long, and is then in memory once and not twice.
fn array(generations: Vec<Generation>) -> String {
    let mut text = "[".to_owned();
    for generation in generations {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&wire(&generation));
    }
    text.push(']');
    text
}
