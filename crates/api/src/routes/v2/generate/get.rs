//! `GET /v2/generate/{id}`: one generation, at once, after a wait, or with its progress.
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use postsync_core::error_code;
use postsync_core::generation::{Generation, wire};
use postsync_core::ids::GenerationId;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{ErrorBody, GenerationBody, UnauthorizedBody};

const WAIT_S_DEFAULT: usize = 5;
const WAIT_S_MAX: usize = 10;

/// What a client that waited in vain should wait before it asks again.
const RETRY_AFTER_S: u32 = 2;

const WAIT_MODE: HeaderName = HeaderName::from_static("x-sync-wait-mode");
const WAIT_TIMEOUT: HeaderName = HeaderName::from_static("x-sync-wait-timeout-seconds");

/// Read a generation
#[utoipa::path(
    get,
    path = "/v2/generate/{id}",
    operation_id = "getGeneration",
    tag = "generations",
    params(
        ("id" = String, Path, description = "The generation's id"),
        ("wait" = Option<bool>, Query, description = "Answer when it has ended, or when the timeout has passed"),
        ("timeout" = Option<u32>, Query, description = "Seconds to wait, 1 to 10, default 5"),
        ("include" = Option<String>, Query, description = "progress adds progress_percent; not together with wait"),
    ),
    responses(
        (status = 200, description = "The generation", body = GenerationBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such generation", body = ErrorBody),
    )
)]
pub(crate) async fn get_generation(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<GenerationId>,
    query: Query,
) -> Result<Response, ApiError> {
    let (wait, progress) = (query.flag("wait")?, progress_wanted(&query)?);
    let timeout_s = query.number("timeout", 1..=WAIT_S_MAX)?.unwrap_or(WAIT_S_DEFAULT);
    if wait && progress {
        return Err(ApiError::invalid("include", "include=progress and wait exclude each other"));
    }
    let found = if wait {
        state.engine.wait_for_end(&org, id, Duration::from_secs(timeout_s as u64)).await?
    } else {
        state.engine.store().generation(&org, id).await?
    };
    let generation = found.ok_or_else(|| ApiError::of(error_code::GENERATION_NOT_FOUND))?;
    if progress {
        return Ok(json::answer(StatusCode::OK, with_progress(&generation, state.engine.percent_of(&generation))));
    }
    let mut response = json::answer(StatusCode::OK, wire(&generation));
    if wait {
        say_how_it_waited(&mut response, &generation, timeout_s);
    }
    Ok(response)
}

fn progress_wanted(query: &Query) -> Result<bool, ApiError> {
    let include = query.list("include")?.unwrap_or_default();
    match include.iter().find(|name| *name != "progress") {
        Some(_) => Err(ApiError::invalid("include", "include must be progress")),
        None => Ok(!include.is_empty()),
    }
}

/// `percent`: of nothing that was made there is none.
pub(in crate::routes) fn with_progress(generation: &Generation, percent: Option<u32>) -> String {
    let mut text = wire(generation);
    text.pop();
    text.push_str(",\"progress_percent\":");
    text.push_str(&percent.map_or_else(|| "null".to_owned(), |percent| percent.to_string()));
    text.push('}');
    text
}

fn say_how_it_waited(response: &mut Response, generation: &Generation, timeout_s: usize) {
    let headers = response.headers_mut();
    headers.insert(WAIT_MODE, HeaderValue::from_static("long_poll"));
    headers.insert(WAIT_TIMEOUT, HeaderValue::from(timeout_s));
    if !generation.is_final() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
}
