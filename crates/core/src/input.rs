//! What a generation is made from: the items of `input`, read from JSON into types, with every refusal naming its field.
use serde_json::{Map, Value};

use crate::error_code::{ErrorCode, GENERATION_INPUT_VALIDATION_FAILED};
use crate::ids::AssetId;
use crate::speech::Words;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A clip whose mouth is to be moved.
    Video,
    /// A still whose mouth is to be moved.
    Image,
    /// Speech.
    Audio,
    /// Words to be spoken.
    Text,
}

impl ItemKind {
    /// `video`, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Video, Self::Image, Self::Audio, Self::Text].into_iter().find(|kind| kind.as_str() == text)
    }

    /// Video and image: what is seen.
    #[must_use]
    pub fn is_visual(self) -> bool {
        matches!(self, Self::Video | Self::Image)
    }
}

/// Where an item's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Fetched by us, through the egress rules.
    Url(String),
    /// Uploaded before, or with the request.
    Asset(AssetId),
}

/// One item of `input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Where it is; `None` only for text.
    pub source: Option<Source>,
    /// What is to be said; only of text.
    pub words: Option<Words>,
    /// The name that segments call it by.
    pub ref_id: Option<String>,
}

/// A refusal that names its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// For programs.
    pub code: ErrorCode,
    /// `input[0].url`
    pub field: String,
    /// A sentence that names the field and says what is wanted.
    pub message: String,
}

impl Invalid {
    /// A refusal of `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::coded(GENERATION_INPUT_VALIDATION_FAILED, field, message)
    }

    /// The same with a code of its own.
    #[must_use]
    pub fn coded(code: ErrorCode, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: field.into(), message: message.into() }
    }
}

/// Reads the items of `input`. Says nothing about whether they fit together: that is the API's to judge.
///
/// # Errors
/// The first field that is wrong.
pub fn parse_items(input: &Value) -> Result<Vec<Item>, Invalid> {
    let Value::Array(items) = input else {
        return Err(Invalid::new(
            "input",
            "input must be a list of items, for example [{\"type\":\"video\",\"url\":\"https://...\"}]",
        ));
    };
    items.iter().enumerate().map(|(i, item)| parse_item(i, item)).collect()
}

fn parse_item(i: usize, item: &Value) -> Result<Item, Invalid> {
    let Value::Object(map) = item else {
        return Err(Invalid::new(format!("input[{i}]"), format!("input[{i}] must be an object with a type and a url")));
    };
    let kind = text(map, i, "type")?.and_then(|t| ItemKind::parse(&t)).ok_or_else(|| {
        Invalid::new(format!("input[{i}].type"), format!("input[{i}].type must be one of video, audio, text, image"))
    })?;
    let ref_id = text(map, i, "refId")?;
    let words = if kind == ItemKind::Text { Some(words(map, i)?) } else { None };
    let url = text(map, i, "url")?.filter(|url| !url.is_empty());
    let asset = text(map, i, "assetId")?;
    let source = match (url, asset) {
        _ if kind == ItemKind::Text => None,
        // An asset wins: it is already here, and what the url says may have changed since.
        (_, Some(id)) => Some(Source::Asset(id.parse().map_err(|_| {
            Invalid::new(format!("input[{i}].assetId"), format!("input[{i}].assetId is not the id of an asset"))
        })?)),
        (Some(url), None) => Some(Source::Url(url)),
        (None, None) => {
            return Err(Invalid::new(format!("input[{i}].url"), format!("input[{i}] needs a url or an assetId")));
        }
    };
    Ok(Item { kind, source, words, ref_id })
}

fn words(map: &Map<String, Value>, i: usize) -> Result<Words, Invalid> {
    let field = format!("input[{i}].provider");
    let wanted = || format!("{field} must be an object with name, voiceId and script");
    let provider = map.get("provider").and_then(Value::as_object);
    Words::read(provider.ok_or_else(|| Invalid::new(field.clone(), wanted()))?, &field)
}

fn text(map: &Map<String, Value>, i: usize, key: &str) -> Result<Option<String>, Invalid> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Invalid::new(format!("input[{i}].{key}"), format!("input[{i}].{key} must be a string"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_urls_and_assets() {
        let id = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab";
        let items = parse_items(
            &json!([{"type":"video","url":"https://a.example/v.mp4"},{"type":"audio","assetId":id,"refId":"a"}]),
        )
        .unwrap();
        assert_eq!(items[0].source, Some(Source::Url("https://a.example/v.mp4".into())));
        assert_eq!(items[1].source, Some(Source::Asset(id.parse().unwrap())));
        assert_eq!(items[1].ref_id.as_deref(), Some("a"));
    }

    #[test]
    fn refusals_name_the_field() {
        for (input, field) in [
            (json!({}), "input"),
            (json!([1]), "input[0]"),
            (json!([{"type":"gif","url":"x"}]), "input[0].type"),
            (json!([{"url":"x"}]), "input[0].type"),
            (json!([{"type":"video"}]), "input[0].url"),
            (json!([{"type":"video","url":""}]), "input[0].url"),
            (json!([{"type":"video","url":5}]), "input[0].url"),
            (json!([{"type":"audio","url":"x"},{"type":"video","assetId":"nope"}]), "input[1].assetId"),
        ] {
            let refused = parse_items(&input).unwrap_err();
            assert_eq!(refused.field, field);
            assert!(refused.message.contains(field.split('.').next().unwrap()), "{}", refused.message);
        }
    }
}
