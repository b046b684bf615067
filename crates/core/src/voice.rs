//! Voices that an organization has had cloned. They live with a provider, in the operator's one account: only what is written
//! down here says whose each is.
use crate::ids::OrgId;
use crate::time::Timestamp;

/// Cloned voices of one organization.
pub const CLONED_VOICES_MAX: usize = 100;

/// A sample that is handed on.
pub const VOICE_SAMPLE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// The longest name of a voice, in characters.
pub const VOICE_NAME_CHARS_MAX: usize = 100;

/// The longest id of a voice that a provider may give.
const VOICE_ID_CHARS_MAX: usize = 128;

/// One cloned voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClonedVoice {
    /// What the provider calls it.
    pub id: String,
    /// Whose it is.
    pub org: OrgId,
    /// For people; no two of an organization's have the same.
    pub name: String,
    /// When it was cloned.
    pub created_at: Timestamp,
}

/// Whether a provider's text can be the id of a voice: it is put into paths, and `voiceId` must take it.
#[must_use]
pub fn is_voice_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    plain && (1..=VOICE_ID_CHARS_MAX).contains(&text.len())
}

/// One thing to write down about a cloned voice.
#[derive(Clone, Debug)]
pub enum VoiceChange {
    /// It was cloned. Fence: nobody has one of its id, and its organization none of its name and fewer than
    /// [`CLONED_VOICES_MAX`].
    Add(Box<ClonedVoice>),
    /// It is gone. Fence: it is there, and the organization's.
    Remove {
        /// Whose.
        org: OrgId,
        /// Which.
        id: String,
    },
}
