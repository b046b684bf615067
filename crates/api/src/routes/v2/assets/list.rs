//! `GET /v2/assets`: an organization's assets, page by page.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::asset::{AssetKind, AssetOrder, AssetPlace, search_key};
use postsync_core::ids::ProjectId;
use postsync_core::limits::ASSET_NAME_CHARS_MAX;
use postsync_engine::ports::AssetQuery;

use super::shown;
use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{AssetPageBody, ErrorBody, UnauthorizedBody};

/// Sync's own.
const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// List assets, newest first
#[utoipa::path(
    get,
    path = "/v2/assets",
    operation_id = "listAssets",
    tag = "assets",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100, default 10", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before, with the same sortBy"),
        ("searchQuery" = Option<String>, Query, description = "Part of the name, whatever its case"),
        ("sortBy" = Option<String>, Query, description = "nameAsc, nameDesc, dateAsc, dateDesc (default), durationAsc, durationDesc, sizeAsc, sizeDesc, kindAsc, kindDesc"),
        ("types" = Option<String>, Query, description = "AUDIO, VIDEO, IMAGE: a JSON array, repeated, or a comma list"),
        ("projectId" = Option<String>, Query, description = "Assets of that project; of an unknown project there are none"),
    ),
    responses(
        (status = 200, description = "A page", body = AssetPageBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_assets(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let (order, kinds) = (order(&query)?, kinds(&query)?);
    let (search, after) = (search(&query)?, cursor(&query, order)?);
    let project = query.id::<ProjectId>("projectId", "the id of a project")?;
    // To the store an empty list means any; to a client that named none it means none.
    if kinds.as_ref().is_some_and(Vec::is_empty) {
        let none = AssetPageBody { items: Vec::new(), next_cursor: None, total_count: Some(0) };
        return Ok(json::answer(StatusCode::OK, json::text(&none)));
    }
    let is_searched = search.is_some();
    let query = AssetQuery { org, kinds: kinds.unwrap_or_default(), search, order, after, limit };
    let room = state.room.for_a_list().await?;
    let store = state.engine.store();
    let (page, count) = match project {
        Some(project) => store.project_assets(project, query).await?,
        None => {
            let count = store.count_assets(&query.org, query.kinds.clone()).await?;
            (store.assets(query).await?, count)
        }
    };
    let total_count = (!is_searched).then_some(count);
    let items = page.items.iter().map(|asset| shown(&state, asset)).collect();
    let body = AssetPageBody { items, next_cursor: page.next.map(|next| next.to_string()), total_count };
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&body))))
}

/// `None` where nothing is said of them.
pub(super) fn kinds(query: &Query) -> Result<Option<Vec<AssetKind>>, ApiError> {
    let Some(names) = query.list("types")? else { return Ok(None) };
    let kinds = names.iter().map(|name| AssetKind::parse(name)).collect::<Option<Vec<_>>>();
    kinds.map(Some).ok_or_else(|| ApiError::invalid("types", "types must be one or more of AUDIO, VIDEO, IMAGE"))
}

fn order(query: &Query) -> Result<AssetOrder, ApiError> {
    let Some(word) = query.one("sortBy")? else { return Ok(AssetOrder::default()) };
    AssetOrder::parse(word).ok_or_else(|| {
        let words: Vec<&str> = AssetOrder::words().collect();
        ApiError::invalid("sortBy", format!("sortBy must be one of {}", words.join(", ")))
    })
}

fn search(query: &Query) -> Result<Option<String>, ApiError> {
    let Some(text) = query.one("searchQuery")? else { return Ok(None) };
    if text.chars().count() > ASSET_NAME_CHARS_MAX {
        let message = format!("searchQuery is longer than {ASSET_NAME_CHARS_MAX} characters");
        return Err(ApiError::invalid("searchQuery", message));
    }
    Ok(Some(search_key(text)))
}

fn cursor(query: &Query, order: AssetOrder) -> Result<Option<AssetPlace>, ApiError> {
    let wrong = || ApiError::invalid("cursor", "cursor is not the nextCursor of a page with this sortBy");
    query.one("cursor")?.map(|text| AssetPlace::parse(text, order.by).ok_or_else(wrong)).transpose()
}
