//! The URLs of assets that need no key: where a file is read, and where one may be put. Nothing of them is stored: each carries
//! what it vouches for, and a seal that nobody else can make.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postsync_core::asset::{Asset, AssetFile, AssetKind, file_grant, file_path};
use postsync_core::ids::{AssetId, KeyId, OrgId};
use postsync_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::ApiState;

/// Longer than any that we give out.
const GRANT_BYTES_MAX: usize = 8 * 1024;

/// Who asks for an upload.
pub(crate) struct By {
    pub(crate) org: OrgId,
    pub(crate) key: KeyId,
}

/// What an upload URL allows, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    org: String,
    /// The API key that it was asked for with: when that is revoked, so is this.
    key: String,
    pub(crate) name: String,
    kind: String,
    /// How large the file must be.
    pub(crate) bytes: u64,
    expires_at: i64,
}

impl Grant {
    pub(crate) fn new(by: &By, name: String, kind: AssetKind, bytes: u64, expires_at: Timestamp) -> Self {
        let (org, kind) = (by.org.to_string(), kind.as_str().to_owned());
        Self { org, key: by.key.to_string(), name, kind, bytes, expires_at: expires_at.0 }
    }

    /// `None`: nobody's, so not one of ours.
    pub(crate) fn key(&self) -> Option<KeyId> {
        self.key.parse().ok()
    }

    pub(crate) fn org(&self) -> OrgId {
        OrgId::new(&self.org)
    }

    /// What its owner says that it will be.
    pub(crate) fn kind(&self) -> Option<AssetKind> {
        AssetKind::parse(&self.kind)
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.0 >= self.expires_at
    }
}

/// Where the file of that asset may be put.
pub(crate) fn upload_url(state: &ApiState, id: AssetId, grant: &Grant) -> String {
    let text = URL_SAFE_NO_PAD.encode(crate::json::text(grant));
    let seal = state.engine.media().seal(&vouched_upload(id, &text));
    format!("{}/v2/assets/{id}/upload?grant={text}&signature={seal}", state.settings.public_url)
}

/// What such a URL allows; `None` where it is not one of ours, or not as we gave it out.
pub(crate) fn granted(state: &ApiState, id: AssetId, text: &str, seal: &str) -> Option<Grant> {
    if text.len() > GRANT_BYTES_MAX || !state.engine.media().seal_fits(&vouched_upload(id, text), seal) {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn vouched_upload(id: AssetId, text: &str) -> String {
    format!("upload {id} {text}")
}

/// Where the bytes of an asset are read.
pub(crate) fn url_of(state: &ApiState, asset: &Asset) -> String {
    match &asset.file {
        AssetFile::Stored(_) => file_url(state, asset.id),
        AssetFile::Elsewhere(url) => url.clone(),
    }
}

/// The same of an asset whose file is kept here, also before it has come.
pub(crate) fn file_url(state: &ApiState, id: AssetId) -> String {
    format!("{}{}", state.settings.public_url, file_path(id, &token(state, id)))
}

/// Where its small picture is read.
pub(crate) fn thumbnail_url(state: &ApiState, id: AssetId) -> String {
    format!("{}{}/thumbnail?token={}", file_url_start(state), id, token(state, id))
}

fn file_url_start(state: &ApiState) -> String {
    format!("{}/v2/assets/", state.settings.public_url)
}

fn token(state: &ApiState, id: AssetId) -> String {
    state.engine.media().seal(&file_grant(id))
}

/// Whether that is the token of an asset's files.
pub(crate) fn token_fits(state: &ApiState, id: AssetId, token: &str) -> bool {
    state.engine.media().seal_fits(&file_grant(id), token)
}

/// The asset that a URL of ours names, if it is one that we gave out.
pub(crate) fn own_asset(state: &ApiState, url: &str) -> Option<AssetId> {
    let (id, token) = url.strip_prefix(&file_url_start(state))?.split_once("/file?token=")?;
    let id = id.parse().ok()?;
    token_fits(state, id, token).then_some(id)
}
