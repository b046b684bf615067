//! Assets, as Sync has them.
use postsync_core::asset::Asset;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An uploaded file or a registered URL.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetBody {
    /// UUID.
    #[schema(example = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab")]
    pub id: String,
    /// ISO 8601 in UTC with milliseconds.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// `AUDIO`, `VIDEO` or `IMAGE`.
    #[serde(rename = "type")]
    #[schema(example = "VIDEO")]
    pub kind: String,
    /// `USER` or `ORGANIZATION`. Kept and shown: every key of the organization sees all of its assets.
    #[schema(example = "USER")]
    pub visibility: String,
    /// For people.
    pub name: String,
    /// Where it can be read, without a key; of a registered one the URL itself.
    pub url: String,
    /// In bytes, where that is known.
    pub size: Option<u64>,
    /// The short name of its container, where that is known.
    #[schema(example = "mp4")]
    pub format: Option<String>,
    /// `UPLOAD`, `URL` or `TTS`.
    #[schema(example = "UPLOAD")]
    pub input_type: String,
    /// Null until it was looked at, and of images.
    pub duration_seconds: Option<f64>,
    /// A small JPEG; null until it was looked at, and of sound.
    pub thumbnail_url: Option<String>,
    /// In pixels as displayed; null until it was looked at, and of sound.
    pub width: Option<u32>,
    /// In pixels as displayed; null until it was looked at, and of sound.
    pub height: Option<u32>,
    /// SHA-256 of its bytes in hex, where that is known.
    pub sha256: Option<String>,
}

impl AssetBody {
    /// `url` and `thumbnail_url` are where its files are read.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of media stay far below 2^53")]
    pub(crate) fn of(asset: &Asset, url: String, thumbnail_url: Option<String>) -> Self {
        Self {
            id: asset.id.to_string(),
            created_at: asset.created_at.to_string(),
            updated_at: asset.updated_at.to_string(),
            kind: asset.kind.as_str().to_owned(),
            visibility: asset.visibility.as_str().to_owned(),
            name: asset.name.clone(),
            url,
            size: asset.bytes,
            format: asset.facts.format.clone(),
            input_type: asset.input_type.as_str().to_owned(),
            duration_seconds: asset.facts.duration_ms.map(|ms| ms as f64 / 1_000.0),
            thumbnail_url,
            width: asset.facts.width,
            height: asset.facts.height,
            sha256: asset.sha256.map(hex::encode),
        }
    }
}

/// A page of assets.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetPageBody {
    /// The assets. May be fewer than asked for, also on pages that are not the last: a search looks at 5000 assets a page.
    pub items: Vec<AssetBody>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// How many there are over all pages; left out of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_count: Option<u64>,
}

/// What is to be uploaded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateUpload {
    /// For people, at most 255 characters.
    #[schema(example = "in.mp4", min_length = 1, max_length = 255)]
    pub file_name: String,
    /// `video/...`, `audio/...` or `image/...`. The bytes themselves are looked at, too.
    #[schema(example = "video/mp4")]
    pub content_type: String,
    /// In bytes; exactly so many must be sent.
    #[schema(example = 1048576, minimum = 1)]
    pub size: u64,
}

/// Where to upload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadTarget {
    /// PUT the bytes here; needs no key.
    pub upload_url: String,
    /// Where the file can be read once it was put; also good as the `url` of an input.
    pub url: String,
    /// Seconds for which `uploadUrl` works.
    pub expires_in: u32,
    /// The asset that it will be.
    pub id: String,
}

/// A URL to be registered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterAsset {
    /// https; or the `url` that an upload was given, whose asset is then answered.
    #[schema(example = "https://media.example.com/in.mp4")]
    pub url: String,
    /// `AUDIO`, `VIDEO` or `IMAGE`. May be left out where the URL's path ends in a known extension.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "VIDEO")]
    pub kind: Option<String>,
    /// For people, at most 255 characters. Left out: the last part of the URL's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Interview", min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// `USER` (default) or `ORGANIZATION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "USER")]
    pub visibility: Option<String>,
}

/// What is to change. What is left out stays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateAsset {
    /// For people, at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Interview", min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// `USER` or `ORGANIZATION`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ORGANIZATION")]
    pub visibility: Option<String>,
}
