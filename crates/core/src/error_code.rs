//! The error codes of Sync's API, each with a sentence and a suggestion. Codes are a contract; sentences are ours.
//!
//! One table: `GET /v2/errors`, HTTP error bodies, FAILED generations and `docs/errors` all read it. It holds every code
//! that Sync has documented, also those that this server does not send yet: clients switch on them.
mod table;

pub use table::*;

/// What is known of one code.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// `generation_timeout`
    pub code: &'static str,
    /// The HTTP status that it travels with where it is an HTTP error.
    pub status: u16,
    /// What happened, in a sentence.
    pub message: &'static str,
    /// What to do, in a sentence.
    pub suggestion: &'static str,
}

/// One code of the table.
#[derive(Clone, Copy)]
pub struct ErrorCode(&'static Entry);

impl ErrorCode {
    /// `generation_timeout`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.code
    }

    /// The whole entry.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        self.0
    }

    /// The code of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        table::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// Every code, in the order of the table.
    #[must_use]
    pub fn all() -> &'static [Self] {
        table::ALL
    }
}

impl PartialEq for ErrorCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for ErrorCode {}

impl std::fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_speaks_plain_ascii() {
        for (i, code) in ErrorCode::all().iter().enumerate() {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert!(ErrorCode::all()[..i].iter().all(|other| other != code), "{code} stands twice");
            let entry = code.entry();
            for text in [entry.code, entry.message, entry.suggestion] {
                assert!(text.is_ascii() && !text.is_empty(), "{code}");
            }
            assert!(entry.message.ends_with('.') && entry.suggestion.ends_with('.'), "{code}");
            assert!((400..600).contains(&entry.status), "{code}");
            let same = |other: &&ErrorCode| other.entry().message == entry.message;
            assert_eq!(ErrorCode::all().iter().filter(same).count(), 1, "{code} has another's sentence");
        }
    }
}
