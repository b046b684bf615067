//! Files on their way into the media store. Until they are kept they lie under a temporary name, and are removed when this
//! is dropped: whatever ends a request early (a refusal, a client that goes away) leaves nothing behind.
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use postsync_core::asset::AssetKind;
use postsync_core::sniff::{SNIFF_BYTES, Sniffed, sniff};
use postsync_engine::Engine;
use postsync_engine::ports::MediaError;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::error::ApiError;

/// What is written of a file between two looks how much room is left: a disk that is full to the last byte could not take what
/// becomes of deliveries.
const LOOK_EVERY_BYTES: usize = 16 * 1024 * 1024;

/// The form's field that a file came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Video,
    Audio,
    Image,
}

impl Slot {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "video" => Some(Self::Video),
            "audio" => Some(Self::Audio),
            "image" => Some(Self::Image),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Image => "image",
        }
    }

    /// Whether a file of that kind may stand in it. Containers that can hold pictures are taken as audio too: their sound
    /// is what is used, and an mp4 that holds nothing else looks the same from outside.
    pub(super) fn takes(self, kind: AssetKind) -> bool {
        match self {
            Self::Video => kind == AssetKind::Video,
            Self::Audio => matches!(kind, AssetKind::Audio | AssetKind::Video),
            Self::Image => kind == AssetKind::Image,
        }
    }
}

/// One file that has arrived whole.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) slot: Slot,
    pub(crate) kind: AssetKind,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    /// The short name of its container.
    pub(crate) format: Option<&'static str>,
    pub(crate) file: TemporaryFile,
}

/// A file that is removed when this is dropped. Once it was moved away there is nothing under its name.
#[derive(Debug)]
pub(crate) struct TemporaryFile(pub(crate) PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Blocking, but one unlink; and a drop is the only thing that happens on every way out.
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the file of a refused upload could not be removed; the next start sweeps it");
            }
            _ => {}
        }
    }
}

/// A file that is being written, and hashed on its way.
pub(crate) struct Incoming {
    engine: Arc<Engine>,
    /// Written since it was last looked how much room is left.
    unseen: usize,
    temporary: TemporaryFile,
    file: File,
    head: Vec<u8>,
    hash: Sha256,
    bytes: u64,
}

/// A file that has arrived whole, whatever it is.
pub(crate) struct Arrived {
    pub(crate) sniffed: Sniffed,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) file: TemporaryFile,
}

impl Incoming {
    pub(crate) async fn create(engine: &Arc<Engine>) -> Result<Self, ApiError> {
        let temporary = TemporaryFile(engine.media().upload_path().await.map_err(ApiError::not_taken)?);
        // Blocking, but one name: were it made on another thread, a client that goes away now would leave it behind.
        let file = std::fs::File::create_new(&temporary.0).map(File::from_std).map_err(not_written)?;
        Ok(Self { engine: engine.clone(), unseen: 0, temporary, file, head: Vec::new(), hash: Sha256::new(), bytes: 0 })
    }

    /// Appends a chunk; gives how many bytes there are now.
    pub(crate) async fn write(&mut self, chunk: &Bytes) -> Result<u64, ApiError> {
        self.unseen += chunk.len();
        if self.unseen > LOOK_EVERY_BYTES {
            self.unseen = 0;
            if self.engine.shortage_now().await.is_some() {
                return Err(ApiError::no_room());
            }
        }
        let wanted = SNIFF_BYTES.saturating_sub(self.head.len()).min(chunk.len());
        self.head.extend_from_slice(&chunk[..wanted]);
        self.hash.update(chunk);
        self.file.write_all(chunk).await.map_err(not_written)?;
        self.bytes += chunk.len() as u64;
        Ok(self.bytes)
    }

    /// What the file is, once all of it is written. `None` for what no generator could read.
    pub(super) async fn finish(self, slot: Slot, name: String) -> Result<Option<Upload>, ApiError> {
        let Arrived { sniffed, bytes, sha256, file } = self.arrived().await?;
        let Some(kind) = sniffed.kind.filter(|kind| slot.takes(*kind)) else { return Ok(None) };
        Ok(Some(Upload { slot, kind, name, bytes, sha256, format: sniffed.format(), file }))
    }

    /// All of it is written.
    pub(crate) async fn arrived(mut self) -> Result<Arrived, ApiError> {
        self.file.flush().await.map_err(not_written)?;
        let (sniffed, sha256) = (sniff(&self.head), self.hash.finalize().into());
        Ok(Arrived { sniffed, bytes: self.bytes, sha256, file: self.temporary })
    }
}

fn not_written(error: std::io::Error) -> ApiError {
    ApiError::not_taken(MediaError::from(error))
}
