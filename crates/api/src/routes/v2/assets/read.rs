//! What bodies say of assets, judged.
use postsync_core::asset::{AssetKind, Visibility};
use postsync_core::limits::ASSET_NAME_CHARS_MAX;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// A member that may be left out or null.
pub(in crate::routes::v2) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::invalid(name, format!("{name} must be a string"))),
    }
}

/// A member that must be there.
pub(in crate::routes::v2) fn needed<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    text(fields, name)?.ok_or_else(|| ApiError::invalid(name, format!("{name} is missing")))
}

/// A name for people: what would break a line or a list is refused.
pub(in crate::routes::v2) fn name(fields: &Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    let Some(name) = text(fields, field)? else { return Ok(None) };
    let fits = (1..=ASSET_NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        return Ok(Some(name.to_owned()));
    }
    let message = format!("{field} must be 1 to {ASSET_NAME_CHARS_MAX} characters, none of them a control character");
    Err(ApiError::invalid(field, message))
}

pub(in crate::routes::v2) fn visibility(fields: &Map<String, Value>) -> Result<Option<Visibility>, ApiError> {
    let wrong = || ApiError::invalid("visibility", "visibility must be USER or ORGANIZATION");
    text(fields, "visibility")?.map(|text| Visibility::parse(text).ok_or_else(wrong)).transpose()
}

pub(super) fn kind(fields: &Map<String, Value>) -> Result<Option<AssetKind>, ApiError> {
    let wrong = || ApiError::invalid("type", "type must be one of AUDIO, VIDEO, IMAGE");
    text(fields, "type")?.map(|text| AssetKind::parse(text).ok_or_else(wrong)).transpose()
}

/// The kind that a content type says.
pub(super) fn kind_of_type(content_type: &str) -> Option<AssetKind> {
    match content_type.trim().split('/').next()?.to_ascii_lowercase().as_str() {
        "audio" => Some(AssetKind::Audio),
        "video" => Some(AssetKind::Video),
        "image" => Some(AssetKind::Image),
        _ => None,
    }
}

/// The kind that a file name's extension says.
pub(super) fn kind_of_name(name: &str) -> Option<AssetKind> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "mp4" | "mov" | "webm" | "mkv" | "avi" | "m4v" | "ogv" => Some(AssetKind::Video),
        "wav" | "mp3" | "m4a" | "aac" | "flac" | "ogg" | "oga" | "opus" => Some(AssetKind::Audio),
        "png" | "jpg" | "jpeg" | "webp" => Some(AssetKind::Image),
        _ => None,
    }
}
