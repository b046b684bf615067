//! A clone on the wire: its form, and what its answer says.
//!
//! Promise: what is said to be refused was not made there.
use std::path::Path;

use postsync_core::error_code::{
    GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_VALIDATION_FAILED, VOICE_CLONE_LIMIT_REACHED, VOICE_SAMPLE_INVALID,
};
use postsync_core::generation::Failure;
use postsync_core::voice::is_voice_id;
use postsync_engine::ports::{CloneError, ExchangeAnswer, ExchangeError, ExchangeFailure, Piece};
use serde_json::Value;

use super::{refused, unavailable};

/// The body, with its type. Nobody could have put the boundary, which is random, into a name or a file.
pub(super) fn form(boundary: u128, name: &str, sample: &Path) -> (String, Vec<Piece>) {
    let boundary = format!("postsync-{boundary:032x}");
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"files\"; filename=\"sample\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let pieces = vec![
        Piece::Bytes(head.into()),
        Piece::File(sample.to_path_buf()),
        Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()),
    ];
    (format!("multipart/form-data; boundary={boundary}"), pieces)
}

/// The voice's id.
pub(super) fn read(answer: Result<ExchangeAnswer, ExchangeError>) -> Result<String, CloneError> {
    let answer = answer.map_err(|error| unanswered(&error))?;
    match answer.status {
        200..300 => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let id = body["voice_id"].as_str().filter(|id| is_voice_id(id)).map(str::to_owned);
            id.ok_or_else(|| CloneError::Unknown(unavailable("its answer has no id of a voice that can be used")))
        }
        // A gateway says these when it has lost the answer, too.
        status @ (408 | 425 | 499) => Err(CloneError::Unknown(unavailable(&format!("it answered {status}")))),
        500.. => Err(CloneError::Unknown(coded(&answer))),
        _ => Err(CloneError::Refused(coded(&answer))),
    }
}

/// Whether it was received decides.
fn unanswered(error: &ExchangeError) -> CloneError {
    let failure = unavailable(&error.message);
    match error.failure {
        ExchangeFailure::Storage => CloneError::Refused(Failure::of(GENERATION_INFRA_STORAGE_ERROR)),
        ExchangeFailure::Remote(before) if before.is_before_a_connection() => CloneError::Refused(failure),
        ExchangeFailure::Remote(_) | ExchangeFailure::TooLarge => CloneError::Unknown(failure),
    }
}

/// What it says of a sample has codes of its own.
fn coded(answer: &ExchangeAnswer) -> Failure {
    let failure = refused(answer, "clone the voice");
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = match body["detail"]["status"].as_str() {
        Some("voice_limit_reached" | "can_not_use_instant_voice_cloning") => VOICE_CLONE_LIMIT_REACHED,
        _ if failure.code == GENERATION_INPUT_VALIDATION_FAILED => VOICE_SAMPLE_INVALID,
        _ => failure.code,
    };
    Failure { code, ..failure }
}
