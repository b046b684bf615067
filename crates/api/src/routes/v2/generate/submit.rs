//! From a judged request to a committed generation: uploads find their place in `input`, are kept, and are committed with
//! the generation as assets.
use std::sync::Arc;

use postsync_core::asset::{Asset, Facts};
use postsync_core::create::Refusal;
use postsync_core::error_code;
use postsync_core::generation::Generation;
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_engine::ports::{MediaError, MediaKind};
use postsync_engine::{Engine, Submission};
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::form::{Slot, Upload};
use crate::state::ApiState;

/// An upload that `input` names.
pub(super) struct Placed {
    pub(super) asset: AssetId,
    media: MediaId,
    upload: Upload,
}

/// Writes each upload into `input`: in the place of the URL of the same slot, which it wins over, else behind the others.
pub(super) fn place(
    state: &ApiState,
    fields: &mut Map<String, Value>,
    uploads: Vec<Upload>,
) -> Result<Vec<Placed>, ApiError> {
    if uploads.iter().filter(|upload| upload.slot != Slot::Audio).count() > 1 {
        let message = "input needs exactly one video or image; the form has a file for each";
        return Err(Refusal::coded(error_code::GENERATION_INPUT_TOO_MANY_VISUAL, "input", message).into());
    }
    let placed = |upload| Placed { asset: state.engine.new_asset_id(), media: state.engine.new_media_id(), upload };
    let placed: Vec<Placed> = uploads.into_iter().map(placed).collect();
    for Placed { asset, upload, .. } in &placed {
        let input = fields.entry("input").or_insert_with(|| json!([]));
        if let Value::Array(items) = input {
            put(items, upload.slot, *asset);
        }
    }
    Ok(placed)
}

fn put(items: &mut Vec<Value>, slot: Slot, asset: AssetId) {
    let same = |item: &&mut Value| match item.get("type").and_then(Value::as_str) {
        Some("video" | "image") => slot != Slot::Audio,
        Some("audio") => slot == Slot::Audio,
        _ => false,
    };
    let item = match items.iter_mut().find(same) {
        Some(item) => item,
        None => {
            items.push(json!({}));
            let Some(last) = items.last_mut() else { return };
            last
        }
    };
    if let Value::Object(item) = item {
        item.shift_remove("url");
        item.insert("type".to_owned(), slot.as_str().into());
        item.insert("assetId".to_owned(), asset.to_string().into());
    }
}

/// Keeps the uploads and commits. In a task of its own: a client that hangs up in the middle must neither leave files that
/// nobody owns, nor a generation that is on disk and that no loop has been told of.
pub(super) async fn submit(
    state: &ApiState,
    submission: Submission,
    uploads: Vec<Placed>,
) -> Result<Generation, ApiError> {
    let engine = state.engine.clone();
    let task = async move { keep_and_commit(engine, submission, uploads).await };
    match tokio::spawn(tracing::Instrument::in_current_span(task)).await {
        Ok(result) => result,
        Err(_) => Err(ApiError::of(error_code::INTERNAL_ERROR)),
    }
}

async fn keep_and_commit(
    engine: Arc<Engine>,
    submission: Submission,
    uploads: Vec<Placed>,
) -> Result<Generation, ApiError> {
    if let Err(error) = keep(&engine, &uploads).await {
        remove(&engine, &uploads).await;
        return Err(ApiError::not_taken(error));
    }
    let assets = uploads.iter().map(|placed| asset(&engine, &submission.new.org, placed)).collect();
    match engine.submit_this(Submission { uploads: assets, ..submission }).await {
        Ok(generation) => Ok(generation),
        Err(error) => {
            remove(&engine, &uploads).await;
            Err(error.into())
        }
    }
}

async fn keep(engine: &Engine, uploads: &[Placed]) -> Result<(), MediaError> {
    for placed in uploads {
        engine.media().keep(placed.media, MediaKind::Upload, &placed.upload.file.0).await?;
    }
    Ok(())
}

async fn remove(engine: &Engine, uploads: &[Placed]) {
    for placed in uploads {
        if let Err(error) = engine.media().remove(placed.media).await {
            tracing::warn!(%error, "the file of a refused upload could not be removed");
        }
    }
}

fn asset(engine: &Engine, org: &OrgId, placed: &Placed) -> Asset {
    let Upload { kind, name, bytes, sha256, format, .. } = &placed.upload;
    let (id, media, name) = (placed.asset, placed.media, name.clone());
    let asset = Asset::uploaded(id, org.clone(), *kind, name, media, *bytes, engine.now());
    Asset { sha256: Some(*sha256), facts: Facts { format: format.map(str::to_owned), ..Facts::default() }, ..asset }
}
