//! Media that users gave us: uploads, and later registered URLs.
use crate::ids::{AssetId, MediaId, OrgId};
use crate::time::Timestamp;

/// What a file is, judged by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// Speech.
    Audio,
    /// Moving pictures.
    Video,
    /// A still.
    Image,
}

impl AssetKind {
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
        [Self::Audio, Self::Video, Self::Image].into_iter().find(|kind| kind.as_str() == text)
    }
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
    /// Where its bytes are.
    pub media: MediaId,
    /// How many there are.
    pub bytes: u64,
    /// When it came.
    pub created_at: Timestamp,
}
