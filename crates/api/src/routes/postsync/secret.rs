//! `/postsync/v1/secret`: what signs webhooks, and its rotation. Only for keys with the scope admin.
//!
//! An endpoint that is not the caller's has no secrets that it could see: 404, as for one that does not exist.
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use http::StatusCode;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::rotation::{EXPIRY_DEFAULT, Refused, SecretOwner, Signing, Step};
use postsync_core::schedule::parse_duration;
use postsync_core::{Secret, error_code};
use postsync_engine::StepError;
use serde_json::{Map, Value};

use crate::auth::Admin;
use crate::error::ApiError;
use crate::json;
use crate::json_body::JsonBody;
use crate::query::Query;
use crate::state::ApiState;
use crate::wire::{ErrorBody, ExpireSecret, ImportSecret, SecretBody, SecretOwnerBody, UnauthorizedBody};

/// Read the signing secret
///
/// With next while one is prepared, and previous until it expires.
#[utoipa::path(
    get,
    path = "/postsync/v1/secret",
    operation_id = "getSecret",
    tag = "secrets",
    params(("endpointId" = Option<String>, Query, description = "That of a registered endpoint")),
    responses(
        (status = 200, description = "What signs now", body = SecretBody),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
    )
)]
pub(crate) async fn get_secret(
    State(state): State<ApiState>,
    Admin(org): Admin,
    query: Query,
) -> Result<Response, ApiError> {
    let owner = owner(org, query.one("endpointId")?);
    let signing = state.engine.signing(&owner).await?.ok_or_else(unknown)?;
    Ok(shown(&state, &signing))
}

/// Prepare the next secret
///
/// It signs beside the current one, in Sync-Signature-Next. Asked again, it answers with the one that is prepared.
#[utoipa::path(
    post,
    path = "/postsync/v1/secret/prepare",
    operation_id = "prepareSecret",
    tag = "secrets",
    request_body = Option<SecretOwnerBody>,
    responses(
        (status = 200, description = "What signs now", body = SecretBody),
        (status = 400, description = "The body is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn prepare_secret(
    State(state): State<ApiState>,
    Admin(org): Admin,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&state, org, request, &[]).await?;
    let step = Step::Prepare(state.engine.new_secret());
    take(&state, &asked.owner, step).await
}

/// Switch to the next secret
///
/// The current one is then the previous one and signs for 24 hours more, in Sync-Signature-Previous. A previous one that still
/// signs ends.
#[utoipa::path(
    post,
    path = "/postsync/v1/secret/switch",
    operation_id = "switchSecret",
    tag = "secrets",
    request_body = Option<SecretOwnerBody>,
    responses(
        (status = 200, description = "What signs now", body = SecretBody),
        (status = 400, description = "The body is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 409, description = "No secret is prepared", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn switch_secret(
    State(state): State<ApiState>,
    Admin(org): Admin,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&state, org, request, &[]).await?;
    take(&state, &asked.owner, Step::Switch).await
}

/// Say when the previous secret ends
#[utoipa::path(
    post,
    path = "/postsync/v1/secret/expire",
    operation_id = "expireSecret",
    tag = "secrets",
    request_body = Option<ExpireSecret>,
    responses(
        (status = 200, description = "What signs now", body = SecretBody),
        (status = 400, description = "The body is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 409, description = "There is no previous secret that still signs", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn expire_secret(
    State(state): State<ApiState>,
    Admin(org): Admin,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&state, org, request, &["duration"]).await?;
    let lasts = asked.duration()?;
    take(&state, &asked.owner, Step::Expire(lasts)).await
}

/// Take over a secret from elsewhere
///
/// At once, so that every other one ends; or with next, as the one that is prepared.
#[utoipa::path(
    post,
    path = "/postsync/v1/secret/import",
    operation_id = "importSecret",
    tag = "secrets",
    request_body = ImportSecret,
    responses(
        (status = 200, description = "What signs now", body = SecretBody),
        (status = 400, description = "The body is not valid", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope admin", body = ErrorBody),
        (status = 404, description = "No such endpoint", body = ErrorBody),
        (status = 409, description = "It is the current one already, and can't be the next", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn import_secret(
    State(state): State<ApiState>,
    Admin(org): Admin,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::read(&state, org, request, &["secret", "next"]).await?;
    let text = asked.text("secret")?.ok_or_else(|| ApiError::invalid("secret", "secret is missing"))?;
    let secret = Secret::new(text.trim()).map_err(|error| ApiError::invalid("secret", format!("secret: {error}")))?;
    let given = state.engine.given_secret(secret);
    let step = if asked.flag("next")? { Step::ImportNext(given) } else { Step::Import(given) };
    take(&state, &asked.owner, step).await
}

/// What a request says.
struct Asked {
    owner: SecretOwner,
    fields: Map<String, Value>,
}

impl Asked {
    /// A request without a body asks for nothing special. A misspelled member is refused: without its `endpointId` a request
    /// for an endpoint would change the organization's own secret. Whose secrets are meant is settled before anything else.
    async fn read(state: &ApiState, org: OrgId, request: Request, members: &[&str]) -> Result<Self, ApiError> {
        let query = Query::of(request.uri());
        let in_query = query.one("endpointId")?.map(str::to_owned);
        if in_query.is_none() && query.has("endpointId") {
            return Err(ApiError::invalid("endpointId", "endpointId is empty"));
        }
        let mut asked = Self { owner: owner(org, in_query.as_deref()), fields: Map::new() };
        asked.exists(state).await?;
        if request.body().size_hint().exact() != Some(0) {
            asked.fields = JsonBody::from_request(request, state).await?.into_fields();
        }
        if let Some(id) = asked.text("endpointId")?.map(EndpointId::new) {
            if asked.owner.endpoint.as_ref().is_some_and(|other| *other != id) {
                return Err(ApiError::invalid("endpointId", "the query and the body name two endpoints"));
            }
            asked.owner.endpoint = Some(id);
            asked.exists(state).await?;
        }
        let is_known = |name: &str| name == "endpointId" || members.contains(&name);
        match asked.fields.keys().find(|name| !is_known(name)) {
            Some(name) => {
                let name = json::plain(name);
                Err(ApiError::invalid(
                    &name,
                    format!("{name} is not known here: this takes endpointId{}", list(members)),
                ))
            }
            None => Ok(asked),
        }
    }

    async fn exists(&self, state: &ApiState) -> Result<(), ApiError> {
        match self.owner.endpoint {
            Some(_) if state.engine.store().signing(&self.owner).await?.is_none() => Err(unknown()),
            _ => Ok(()),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(ApiError::invalid(name, format!("{name} must be a string that is not empty"))),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(ApiError::invalid(name, format!("{name} must be true or false"))),
        }
    }

    fn duration(&self) -> Result<Duration, ApiError> {
        let text = match self.fields.get("duration") {
            Some(Value::Number(zero)) if zero.as_u64() == Some(0) => "0",
            _ => self.text("duration")?.unwrap_or_default(),
        };
        match text {
            "" => Ok(EXPIRY_DEFAULT),
            "0" => Ok(Duration::ZERO),
            text => parse_duration(text)
                .ok_or_else(|| ApiError::invalid("duration", "duration must be 0 or a text like 90s, 30m, 24h or 7d")),
        }
    }
}

fn list(members: &[&str]) -> String {
    members.iter().map(|member| format!(", {member}")).collect()
}

fn owner(org: OrgId, endpoint: Option<&str>) -> SecretOwner {
    SecretOwner { org, endpoint: endpoint.map(EndpointId::new) }
}

fn unknown() -> ApiError {
    ApiError::of(error_code::ENDPOINT_NOT_FOUND)
}

async fn take(state: &ApiState, owner: &SecretOwner, step: Step) -> Result<Response, ApiError> {
    let stepped = state.engine.step_secrets(owner, step).await.map_err(|error| match error {
        StepError::Store(error) => error.into(),
        StepError::Refused(Refused::TooLong) => ApiError::invalid("duration", "duration is longer than 7 days"),
        StepError::Refused(refused) => ApiError::new(error_code::SECRET_CONFLICT, sentence(refused)),
    })?;
    Ok(shown(state, &stepped.ok_or_else(unknown)?.after))
}

/// The rule's words as a sentence.
fn sentence(refused: Refused) -> String {
    let text = refused.to_string();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}

/// Kept by no cache on its way.
fn shown(state: &ApiState, signing: &Signing) -> Response {
    json::secret(StatusCode::OK, json::text(&SecretBody::new(signing, state.engine.now())))
}
