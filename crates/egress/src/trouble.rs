//! A typed error with the sentence that a person needs: what happened, and what to do.
use postsync_core::outcome::SendError;

/// What went wrong before there was an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) error: SendError,
    /// ASCII.
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(error: SendError, message: impl Into<String>) -> Self {
        let message: String = message.into();
        // The other side's words (a certificate's names) may stand in it: it goes into bodies that must stay ASCII.
        let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        Self { error, message: message.chars().take(MESSAGE_CHARS_MAX).map(plain).collect() }
    }
}

/// A sentence is kept in each attempt row: a certificate with a thousand names must not fill the disk.
const MESSAGE_CHARS_MAX: usize = 500;
