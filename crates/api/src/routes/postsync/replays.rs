//! `/postsync/v1/replays`: many deliveries again.
//!
//! Strict where others are not: a member that is not known is refused, because a misspelled filter would send more than was
//! meant, and a misspelled `dryRun` would send at all.
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::ids::{EndpointId, ReplayId};
use postsync_core::outcome::SendError;
use postsync_core::replay::{EndedAs, Filter};
use postsync_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::auth::{Creator, Reader};
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{CreateReplay, ErrorBody, ReplayAccepted, ReplayBody, ReplayCount, UnauthorizedBody};

/// Members of the body, and of its filter.
const MEMBERS: [&str; 3] = ["filter", "dryRun", "all"];
const FILTERS: [&str; 7] = ["generationId", "endpointId", "status", "since", "until", "error", "again"];

/// So far a client's clock may be ahead of ours.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(300);

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
    known(body, "", &MEMBERS)?;
    let empty = Map::new();
    let members = match body.get("filter") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(members)) => members,
        Some(_) => return Err(ApiError::invalid("filter", "filter must be an object")),
    };
    let filter = filter(members, now)?;
    let is_all = flag(body, "all", "all")?;
    if filter.is_empty() && !is_all {
        let message = "filter says nothing, which would deliver again everything that has ended: name a generationId, \
                       endpointId, status, since, until or error; where everything is meant, send \"all\": true beside it";
        return Err(ApiError::invalid("filter", message));
    }
    Ok(Asked { filter, is_dry: flag(body, "dryRun", "dryRun")? })
}

fn filter(of: &Map<String, Value>, now: Timestamp) -> Result<Filter, ApiError> {
    known(of, "filter.", &FILTERS)?;
    let filter = Filter {
        status: member(of, "status", status)?,
        generation: member(of, "generationId", |text| text.parse().map_err(|_| "is not the id of a generation"))?,
        endpoint: member(of, "endpointId", endpoint)?,
        since: member(of, "since", time)?,
        until: member(of, "until", time)?,
        error: member(of, "error", |text| {
            SendError::parse(text).ok_or("is no error that an attempt comes to, such as connect_refused or http_status")
        })?,
        again: flag(of, "again", "filter.again")?,
    };
    if filter.since.is_some_and(|since| since > now.plus(CLOCKS_DIFFER_MAX)) {
        let message = format!("filter.since lies ahead: nothing has happened since then; it is {now} here");
        return Err(ApiError::invalid("filter.since", message));
    }
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since > until
    {
        return Err(ApiError::invalid("filter.until", "filter.until is earlier than filter.since"));
    }
    Ok(filter)
}

fn status(text: &str) -> Result<EndedAs, &'static str> {
    EndedAs::parse(text).ok_or(match text {
        "due" | "parked" => "must be delivered or exhausted: what is due or parked is being delivered as it is",
        _ => "must be delivered or exhausted",
    })
}

fn endpoint(text: &str) -> Result<EndpointId, &'static str> {
    EndpointId::of_either_kind(text).map_err(|_| "is not the id of an endpoint, ep_... or imp_...")
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("must be a time like 2026-11-24T08:00:00Z, in the years 1970 to 2247")
}

/// A text of the filter, judged. Null is as if it were not there.
fn member<T>(
    of: &Map<String, Value>,
    name: &str,
    judge: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, ApiError> {
    let field = format!("filter.{name}");
    let wrong = |why: &str| ApiError::invalid(&field, format!("{field} {why}"));
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => judge(text).map(Some).map_err(wrong),
        Some(_) => Err(wrong("must be a text")),
    }
}

fn flag(of: &Map<String, Value>, name: &str, field: &str) -> Result<bool, ApiError> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ApiError::invalid(field, format!("{field} must be true or false"))),
    }
}

fn known(of: &Map<String, Value>, prefix: &str, names: &[&str]) -> Result<(), ApiError> {
    match of.keys().find(|key| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let field = format!("{prefix}{}", json::plain(key));
            let message = format!("{field} is not known; there are {}", names.join(", "));
            Err(ApiError::invalid(&field, message))
        }
    }
}
