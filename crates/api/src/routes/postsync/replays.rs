//! `/postsync/v1/replays`: many deliveries again.
//!
//! Strict where others are not: a member that is not known is refused, because a misspelled filter would send more than was
//! meant, and a misspelled `dryRun` would send at all.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::create::Refusal;
use postsync_core::error_code;
use postsync_core::ids::ReplayId;
use postsync_core::replay::{Filter, flag, only_known};
use postsync_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{CreateReplay, ErrorBody, ReplayAccepted, ReplayBody, ReplayCount, UnauthorizedBody};

/// Members of the body.
const MEMBERS: [&str; 3] = ["filter", "dryRun", "all"];

/// Deliver many events again
///
/// Each delivery that has ended and fits the filter is made anew: the same event and bytes under a new delivery, with a new
/// time in its signature, `Postsync-Replay: true`, and the whole schedule from now on. It goes on until it is done, also
/// over a restart of the server, and stays behind what is new.
#[utoipa::path(
    post,
    path = "/postsync/v1/replays",
    operation_id = "createReplay",
    tag = "deliveries",
    request_body = CreateReplay,
    responses(
        (status = 200, description = "A dry run: how many there are", body = ReplayCount),
        (status = 202, description = "It has begun", body = ReplayAccepted),
        (status = 400, description = "Something is wrong with the request; the message names the field", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
        (status = 429, description = "Too many replays are running", body = ErrorBody),
    )
)]
pub(crate) async fn create_replay(
    State(state): State<ApiState>,
    Creator(org): Creator,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let asked = read(&body.into_fields(), state.engine.now())?;
    if asked.is_dry {
        let count = state.engine.count_for_replay(org, asked.filter).await?;
        let count = count.ok_or_else(ApiError::takes_long_to_count)?;
        return Ok(json::answer(StatusCode::OK, json::text(&ReplayCount { count })));
    }
    let replay = state.engine.replay(org, asked.filter).await?;
    let accepted = ReplayAccepted { id: replay.id.to_string(), count: replay.count };
    Ok(json::answer(StatusCode::ACCEPTED, json::text(&accepted)))
}

/// Read how far a replay is
#[utoipa::path(
    get,
    path = "/postsync/v1/replays/{id}",
    operation_id = "getReplay",
    tag = "deliveries",
    params(("id" = String, Path, description = "The replay's id")),
    responses(
        (status = 200, description = "The replay", body = ReplayBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such replay", body = ErrorBody),
    )
)]
pub(crate) async fn get_replay(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<ReplayId>,
) -> Result<Response, ApiError> {
    let replay = state.engine.store().replay(&org, id).await?;
    let replay = replay.ok_or_else(|| ApiError::of(error_code::REPLAY_NOT_FOUND))?;
    Ok(json::answer(StatusCode::OK, json::text(&ReplayBody::from(&replay))))
}

struct Asked {
    filter: Filter,
    is_dry: bool,
}

fn read(body: &Map<String, Value>, now: Timestamp) -> Result<Asked, ApiError> {
    only_known(body, "", &MEMBERS).map_err(invalid)?;
    let empty = Map::new();
    let members = match body.get("filter") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(members)) => members,
        Some(_) => return Err(ApiError::invalid("filter", "filter must be an object")),
    };
    let filter = Filter::read(members, now).map_err(invalid)?;
    let is_all = flag(body, "all", "all").map_err(invalid)?;
    if filter.is_empty() && !is_all {
        let message = "filter says nothing, which would deliver again everything that has ended: name a generationId, \
                       endpointId, status, since, until or error; where everything is meant, send \"all\": true beside it";
        return Err(ApiError::invalid("filter", message));
    }
    Ok(Asked { filter, is_dry: flag(body, "dryRun", "dryRun").map_err(invalid)? })
}

fn invalid(refusal: Refusal) -> ApiError {
    ApiError::invalid(&refusal.field, refusal.message)
}
