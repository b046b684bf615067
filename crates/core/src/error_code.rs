//! The error codes of Sync's API, each with a sentence and a suggestion. Codes are a contract; sentences are ours.
//!
//! One table: `GET /v2/errors`, HTTP error bodies, FAILED generations and `docs/errors` all read it.

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
        ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// Every code, in the order of the table.
    #[must_use]
    pub fn all() -> &'static [Self] {
        ALL
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

macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $message:literal, $suggestion:literal;)*) => {
        $(
            #[doc = $message]
            pub const $name: ErrorCode =
                ErrorCode(&Entry { code: $code, status: $status, message: $message, suggestion: $suggestion });
        )*
        const ALL: &[ErrorCode] = &[$($name,)*];
    };
}

codes! {
    GENERATION_UNSUPPORTED_MODEL = "generation_unsupported_model", 400,
        "The model cannot be used for this operation.", "Use one of the ids that GET /v2/models lists.";
    GENERATION_INPUT_VALIDATION_FAILED = "generation_input_validation_failed", 400,
        "The input failed validation.", "Correct the field that the message names and send the request again.";
    GENERATION_TIMEOUT = "generation_timeout", 500,
        "The generation took too long.", "Try again, with a shorter input if it happens again.";
    GENERATION_PIPELINE_FAILED = "generation_pipeline_failed", 500,
        "A step of the generation failed.", "Try again; if it fails again, try another input.";
    GENERATION_INFRA_STORAGE_ERROR = "generation_infra_storage_error", 503,
        "The server could not store a file.", "Try again later; the operator should look at the disk.";
    GENERATION_INPUT_VIDEO_INACCESSIBLE = "generation_input_video_inaccessible", 400,
        "The video could not be fetched.", "Check that the URL is public and answers with the file.";
    GENERATION_INPUT_AUDIO_INACCESSIBLE = "generation_input_audio_inaccessible", 400,
        "The audio could not be fetched.", "Check that the URL is public and answers with the file.";
    GENERATION_INPUT_IMAGE_INACCESSIBLE = "generation_input_image_inaccessible", 400,
        "The image could not be fetched.", "Check that the URL is public and answers with the file.";
    ASSET_NOT_FOUND = "asset_not_found", 404,
        "The asset does not exist.", "Check the id; assets of other organizations are not visible.";
    GENERATION_NOT_FOUND = "generation_not_found", 404,
        "The generation does not exist.", "Check the id; generations of other organizations are not visible.";
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
        }
    }
}
