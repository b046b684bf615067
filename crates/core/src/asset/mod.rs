//! Media that users gave us, or told us of: uploads and registered URLs.
//!
//! Owns what is known of each, and the order of lists. What a file really is comes from its probe, some time after it came.
mod change;
mod links;
mod order;

use crate::ids::{AssetId, MediaId, OrgId};
use crate::time::Timestamp;

pub use change::{AssetChange, Described};
pub use links::{file_grant, file_path};
pub use order::{AssetOrder, AssetPlace, SortBy, SortKey, search_key};

/// What a file is, judged by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssetKind {
    /// Speech.
    Audio,
    /// A still.
    Image,
    /// Moving pictures.
    Video,
}

impl AssetKind {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Audio, Self::Image, Self::Video];

    /// `AUDIO`, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "AUDIO",
            Self::Video => "VIDEO",
            Self::Image => "IMAGE",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whom it is meant for. Kept and shown: every key of the organization sees all of its assets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Whoever brought it.
    #[default]
    User,
    /// The whole organization.
    Organization,
}

impl Visibility {
    /// `USER`, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Organization => "ORGANIZATION",
        }
    }

    /// The visibility of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Organization].into_iter().find(|visibility| visibility.as_str() == text)
    }
}

/// How it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    /// As a file.
    Upload,
    /// As a URL.
    Url,
    /// Spoken by us.
    Tts,
}

impl InputType {
    /// `UPLOAD`, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "UPLOAD",
            Self::Url => "URL",
            Self::Tts => "TTS",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Upload, Self::Url, Self::Tts].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetFile {
    /// Here.
    Stored(MediaId),
    /// Behind a URL, fetched when it is used.
    Elsewhere(String),
}

/// How far it has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Waits for it; so many looks have begun.
    Waiting(u32),
    /// Was looked at; what was found stands beside it.
    Done,
    /// Could not be looked at, and will not be again.
    Failed,
}

/// What a probe finds. What it does not find is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `mp4`; the short name of its container.
    pub format: Option<String>,
    /// Its length; stills have none.
    pub duration_ms: Option<u64>,
    /// As displayed, in pixels.
    pub width: Option<u32>,
    /// As displayed, in pixels.
    pub height: Option<u32>,
    /// A small JPEG of it.
    pub thumbnail: Option<MediaId>,
}

/// One file of a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its id in the API.
    pub id: AssetId,
    /// Whose it is.
    pub org: OrgId,
    /// What it is.
    pub kind: AssetKind,
    /// The file name that came with it, for people only.
    pub name: String,
    /// Whom it is meant for.
    pub visibility: Visibility,
    /// How it came.
    pub input_type: InputType,
    /// Where its bytes are.
    pub file: AssetFile,
    /// How many there are, where that is known.
    pub bytes: Option<u64>,
    /// SHA-256 of them, where that is known.
    pub sha256: Option<[u8; 32]>,
    /// What is known of its contents.
    pub facts: Facts,
    /// How far that has come.
    pub probe: Probe,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Asset {
    /// A file that has just come and is not looked at yet.
    #[must_use]
    pub fn uploaded(
        id: AssetId,
        org: OrgId,
        kind: AssetKind,
        name: String,
        media: MediaId,
        bytes: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            org,
            kind,
            name,
            visibility: Visibility::default(),
            input_type: InputType::Upload,
            file: AssetFile::Stored(media),
            bytes: Some(bytes),
            sha256: None,
            facts: Facts::default(),
            probe: Probe::Waiting(0),
            created_at: now,
            updated_at: now,
        }
    }

    /// A URL that was registered and is not looked at yet.
    #[must_use]
    pub fn registered(id: AssetId, org: OrgId, kind: AssetKind, name: String, url: String, now: Timestamp) -> Self {
        let file = AssetFile::Elsewhere(url);
        let media = MediaId(id.0);
        Self { input_type: InputType::Url, file, bytes: None, ..Self::uploaded(id, org, kind, name, media, 0, now) }
    }

    /// The file that we keep of it.
    #[must_use]
    pub fn media(&self) -> Option<MediaId> {
        match self.file {
            AssetFile::Stored(media) => Some(media),
            AssetFile::Elsewhere(_) => None,
        }
    }
}
