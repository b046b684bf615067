//! `POST /v2/assets`: a URL becomes an asset. It is not opened here: some time later it is fetched once, to be looked at.
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use postsync_core::asset::{Asset, AssetKind, Described};
use postsync_core::create;
use postsync_core::error_code;
use postsync_core::idempotency::Fingerprint;
use postsync_core::ids::OrgId;
use postsync_core::limits::ASSET_NAME_CHARS_MAX;
use postsync_engine::{Begun, Keyed};
use serde_json::{Map, Value};

use super::{answer, read};
use crate::asset_urls;
use crate::auth::Creator;
use crate::error::ApiError;
use crate::json_body::JsonBody;
use crate::routes::v2::generate::keyed;
use crate::state::ApiState;
use crate::wire::{AssetBody, ErrorBody, RegisterAsset, UnauthorizedBody};

/// Register a URL as an asset
///
/// The url that an upload was given is answered with its asset.
#[utoipa::path(
    post,
    path = "/v2/assets",
    operation_id = "createAsset",
    tag = "assets",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "1 to 128 characters of A-Z a-z 0-9 . _ ~ -: the same request sent again within 24 hours makes no second asset",
    )),
    request_body = RegisterAsset,
    responses(
        (
            status = 201,
            description = "The asset, new or made by an earlier request with the same Idempotency-Key",
            body = AssetBody,
            headers(("Idempotency-Replayed" = String, description = "true where that is so")),
        ),
        (status = 400, description = "Something is wrong with the body; the message names the member", body = ErrorBody),
        (status = 401, description = "No key, or one that does not work", body = UnauthorizedBody),
        (status = 403, description = "The key lacks the scope generate", body = ErrorBody),
        (status = 404, description = "The url is that of an upload whose bytes have not come", body = ErrorBody),
        (status = 408, description = "The JSON body stopped coming", body = ErrorBody),
        (status = 409, description = "The Idempotency-Key was used for another request, or its first request is under way", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "Not JSON", body = ErrorBody),
    )
)]
pub(crate) async fn create_asset(
    State(state): State<ApiState>,
    Creator(org): Creator,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let key = keyed::key(&headers)?;
    let fields = body.into_fields();
    let keyed = match key {
        None => None,
        Some(key) => {
            let fingerprint = Fingerprint::of_json(&fields).of_operation(OPERATION);
            match state.engine.begin_keyed_asset(&org, key, fingerprint).await? {
                Begun::First(keyed) => Some(keyed),
                Begun::Before(asset) => return Ok(keyed::again(answer(&state, StatusCode::CREATED, &asset))),
            }
        }
    };
    let url = read::needed(&fields, "url")?;
    let said = Described { name: read::name(&fields, "name")?, visibility: read::visibility(&fields)? };
    let asset = match asset_urls::own_asset(&state, url) {
        Some(id) => match state.engine.describe_asset(&org, id, said).await {
            Err(postsync_engine::AssetError::Unknown) => {
                return Err(ApiError::of(error_code::UPLOADED_FILE_NOT_FOUND).with_field("url"));
            }
            described => described?,
        },
        None => add(&state, elsewhere(&state, org, url, &fields, said)?, keyed).await?,
    };
    Ok(answer(&state, StatusCode::CREATED, &asset))
}

/// What the fingerprint of an asset is told from others by.
const OPERATION: &str = "createAsset";

/// In a task of its own: a client that hangs up now must not leave an asset on disk that nobody is told to look at.
async fn add(state: &ApiState, asset: Asset, keyed: Option<Keyed>) -> Result<Asset, ApiError> {
    let engine = state.engine.clone();
    let added = async move { engine.register_asset(asset, keyed).await };
    let added = tokio::spawn(tracing::Instrument::in_current_span(added)).await;
    Ok(added.map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))??)
}

fn elsewhere(
    state: &ApiState,
    org: OrgId,
    url: &str,
    fields: &Map<String, Value>,
    said: Described,
) -> Result<Asset, ApiError> {
    let url = create::judge_url("url", url, &state.settings.rules)?;
    let last = last_part(&url);
    let kind = read::kind(fields)?.or_else(|| last.as_deref().and_then(read::kind_of_name)).ok_or_else(untold)?;
    let name = said.name.or(last).unwrap_or_else(|| kind.as_str().to_ascii_lowercase());
    let asset = Asset::registered(state.engine.new_asset_id(), org, kind, name, url, state.engine.now());
    Ok(Asset { visibility: said.visibility.unwrap_or_default(), ..asset })
}

fn untold() -> ApiError {
    let kinds: Vec<&str> = AssetKind::ALL.into_iter().map(AssetKind::as_str).collect();
    let message = format!(
        "type is missing, and the path of the url does not end in a known extension; it is one of {}",
        kinds.join(", ")
    );
    ApiError::invalid("type", message)
}

/// Of its path, decoded; `None` where there is nothing to read.
fn last_part(text: &str) -> Option<String> {
    let parsed = url::Url::parse(text).ok()?;
    let last = parsed.path_segments()?.next_back()?.to_owned();
    let decoded =
        url::form_urlencoded::parse(format!("={}", last.replace('+', "%2B")).as_bytes()).next()?.1.into_owned();
    let name: String = decoded.chars().filter(|c| !c.is_control()).take(ASSET_NAME_CHARS_MAX).collect();
    (!name.trim().is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_name() {
        for (url, name) in [
            ("https://media.example.com/a/in%20put.mp4?x=/y.wav", Some("in put.mp4")),
            ("https://media.example.com/a+b&c=d.mp4", Some("a+b")),
            ("https://media.example.com/", None),
            ("https://media.example.com", None),
            ("no url", None),
        ] {
            assert_eq!(last_part(url).as_deref(), name, "{url}");
        }
    }
}
