//! A typed error with the sentence that a person needs: what happened, and what to do.
use postsync_core::outcome::SendError;

/// A sentence is kept in each attempt row: a certificate with a thousand names must not fill the disk.
const MESSAGE_CHARS_MAX: usize = 500;

/// What went wrong before there was an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) error: SendError,
    /// ASCII, and bounded.
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(error: SendError, message: impl AsRef<str>) -> Self {
        Self { error, message: plain(message.as_ref()) }
    }
}

/// The other side's words (a certificate's names, an answer's beginning) may stand in a sentence: it goes into bodies that must
/// stay ASCII, and to terminals that must not be steered.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MESSAGE_CHARS_MAX));
    for c in text.chars().take(MESSAGE_CHARS_MAX) {
        match c {
            c if c.is_ascii_graphic() => out.push(c),
            ' ' | '\t' | '\r' | '\n' if out.ends_with(' ') => {}
            ' ' | '\t' | '\r' | '\n' => out.push(' '),
            _ => out.push('?'),
        }
    }
    out
}
