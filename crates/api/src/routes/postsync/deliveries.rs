//! `/postsync/v1/deliveries`: what became of every webhook.
pub(crate) mod replay;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;
use postsync_core::ids::{DeliveryId, EndpointId, OrgId};
use postsync_core::limits::LIST_MAX;
use postsync_engine::ports::{DeliveryFilter, DeliveryQuery};

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::query::Query;
use crate::routes::path::PathId;
use crate::state::ApiState;
use crate::wire::{DeliveryDetail, DeliveryItem, DeliveryPage, ErrorBody, UnauthorizedBody};

/// Rows of a page, unless told otherwise.
const LIMIT_DEFAULT: usize = 100;

/// List deliveries, newest first
#[utoipa::path(
    get,
    path = "/postsync/v1/deliveries",
    operation_id = "listDeliveries",
    tag = "deliveries",
    params(
        ("status" = Option<String>, Query, description = "due, parked, delivered or exhausted"),
        ("generationId" = Option<String>, Query, description = "Those of one generation"),
        ("endpointId" = Option<String>, Query, description = "Those for one endpoint"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "nextCursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = DeliveryPage),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn list_deliveries(
    State(state): State<ApiState>,
    Reader(org): Reader,
    query: Query,
) -> Result<Response, ApiError> {
    let limit = query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let room = state.room.for_a_list().await?;
    let mut rows = state.engine.store().deliveries(filter(&query, org, limit)?).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.delivery.id.to_string());
    let items = rows.iter().map(|row| DeliveryItem::new(&row.delivery, &row.event)).collect();
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&DeliveryPage { items, next_cursor }))))
}

/// The query as the store takes it, for one row more than asked: whether there is one says whether a page follows.
fn filter(query: &Query, org: OrgId, limit: usize) -> Result<DeliveryQuery, ApiError> {
    let status = match query.one("status")? {
        None => None,
        Some("due") => Some(DeliveryFilter::Due),
        Some("delivered") => Some(DeliveryFilter::Delivered),
        Some("exhausted") => Some(DeliveryFilter::Exhausted),
        Some("parked") => Some(DeliveryFilter::Parked),
        Some(_) => {
            return Err(ApiError::invalid("status", "status must be one of due, parked, delivered, exhausted"));
        }
    };
    let generation = query.id("generationId", "the id of a generation")?;
    let after = query.id("cursor", "the nextCursor of a page")?;
    let wrong = |_| ApiError::invalid("endpointId", "endpointId is not the id of an endpoint, ep_... or imp_...");
    let endpoint = query.one("endpointId")?.map(|text| EndpointId::of_either_kind(text).map_err(wrong)).transpose()?;
    Ok(DeliveryQuery { org, status, generation, endpoint, after, limit: limit + 1 })
}

/// Read a delivery with its attempts
#[utoipa::path(
    get,
    path = "/postsync/v1/deliveries/{id}",
    operation_id = "getDelivery",
    tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryDetail),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
        (status = 404, description = "No such delivery", body = ErrorBody),
        (status = 410, description = "It is older than deliveries are kept", body = ErrorBody),
    )
)]
pub(crate) async fn get_delivery(
    State(state): State<ApiState>,
    Reader(org): Reader,
    PathId(id): PathId<DeliveryId>,
) -> Result<Response, ApiError> {
    let room = state.room.for_a_list().await?;
    let record = state.engine.store().delivery(&org, id).await?;
    let record = record.ok_or_else(|| missing(&state, id))?;
    Ok(json::answer(StatusCode::OK, room.hold(json::text(&DeliveryDetail::from(&record)))))
}

/// Why there is no such delivery, to whomever it belongs.
pub(crate) fn missing(state: &ApiState, id: DeliveryId) -> ApiError {
    let gone = state.engine.horizons().may_be_gone(id);
    ApiError::of(if gone { error_code::DELIVERY_EXPIRED } else { error_code::DELIVERY_NOT_FOUND })
}
