//! What looks into a media file. It runs apart from the server, as whatever reads hostile media does.
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use postsync_core::asset::AssetKind;

/// What stands in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What it really is.
    pub kind: Option<AssetKind>,
    /// The short name of its container.
    pub format: Option<String>,
    /// Its length; stills have none.
    pub duration_ms: Option<u64>,
    /// As displayed, in pixels.
    pub width: Option<u32>,
    /// As displayed, in pixels.
    pub height: Option<u32>,
    /// A small JPEG of it, in the folder that was given.
    pub thumbnail: Option<PathBuf>,
}

/// Why a file could not be looked into, in a sentence for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProbeError(pub String);

/// Looks into media files.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Looks into `file`, which it only reads; whatever it makes lies in `folder`. Bounded in time. Dropping the future must
    /// stop the work.
    ///
    /// # Errors
    /// See [`ProbeError`].
    async fn probe(&self, file: &Path, folder: &Path) -> Result<Contents, ProbeError>;
}
