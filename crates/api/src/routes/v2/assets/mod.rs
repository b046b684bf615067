//! `/v2/assets`: uploads and registered URLs.
pub(crate) mod count;
pub(crate) mod file;
pub(crate) mod list;
pub(crate) mod one;
pub(super) mod read;
pub(crate) mod register;
pub(crate) mod upload;

use axum::response::Response;
use http::StatusCode;
use postsync_core::asset::Asset;

use crate::asset_urls;
use crate::json;
use crate::state::ApiState;
use crate::wire::AssetBody;

fn shown(state: &ApiState, asset: &Asset) -> AssetBody {
    let thumbnail = asset.facts.thumbnail.map(|_| asset_urls::thumbnail_url(state, asset.id));
    AssetBody::of(asset, asset_urls::url_of(state, asset), thumbnail)
}

fn answer(state: &ApiState, status: StatusCode, asset: &Asset) -> Response {
    json::answer(status, json::text(&shown(state, asset)))
}
