//! `GET /v2/account`: whose the key is that asks, and what it may do.
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postsync_core::error_code;

use crate::auth::Reader;
use crate::error::ApiError;
use crate::json;
use crate::state::ApiState;
use crate::wire::{AccountBody, AccountOrganization, ErrorBody, UnauthorizedBody};

/// Read the account
#[utoipa::path(
    get,
    path = "/v2/account",
    operation_id = "getAccount",
    tag = "account",
    responses(
        (status = 200, description = "The organization, its plan and its limits", body = AccountBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope read", body = ErrorBody),
    )
)]
pub(crate) async fn get_account(State(state): State<ApiState>, Reader(org): Reader) -> Result<Response, ApiError> {
    let organization = state.engine.store().organization(&org).await?;
    // Each key belongs to one, and none is ever removed.
    let organization = organization.ok_or_else(|| ApiError::of(error_code::INTERNAL_ERROR))?;
    let plans = state.engine.plans();
    let account = AccountBody {
        plan: plans.name_of(&organization).map(str::to_owned),
        limits: plans.of(&organization).into(),
        organization: AccountOrganization { id: organization.id.to_string(), name: organization.name },
        balance: None,
        credential_type: "api_key".to_owned(),
    };
    Ok(json::answer(StatusCode::OK, json::text(&account)))
}
