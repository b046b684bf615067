//! A URL of ours as an input: that of an upload becomes its asset, and that of a result stays as it is and is marked. Either file is here,
//! and need not be fetched from ourselves.
use postsync_core::ids::OrgId;
use serde_json::{Map, Value};

use crate::asset_urls;
use crate::error::ApiError;
use crate::state::ApiState;

/// More items than any generation can have; the rest is refused by its number.
const ITEMS_NAMED_MAX: usize = 1_000;

/// In the `input` of a create's body. Gives the URLs of results.
pub(crate) async fn name(
    state: &ApiState,
    org: &OrgId,
    fields: &mut Map<String, Value>,
) -> Result<Vec<String>, ApiError> {
    let Some(Value::Array(items)) = fields.get_mut("input") else { return Ok(Vec::new()) };
    let mut results = Vec::new();
    for item in items.iter_mut().filter_map(Value::as_object_mut).take(ITEMS_NAMED_MAX) {
        let Some(url) = item.get("url").and_then(Value::as_str) else { continue };
        if state.engine.own_result(url).await?.is_some() {
            results.push(url.to_owned());
            continue;
        }
        let Some(id) = asset_urls::own_asset(state, url) else { continue };
        let names_one = item.get("assetId").is_some_and(|id| !id.is_null());
        if !names_one && state.engine.store().asset(org, id).await?.is_some() {
            item.shift_remove("url");
            item.insert("assetId".to_owned(), id.to_string().into());
        }
    }
    Ok(results)
}
