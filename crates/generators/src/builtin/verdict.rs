//! Judges what a child said and left behind. Nothing of it is taken on trust.
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use postsync_core::error_code::{ErrorCode, GENERATION_PIPELINE_FAILED};
use postsync_core::generation::Failure;
use postsync_core::sniff::{SNIFF_BYTES, sniff};
use rustix::fs::OFlags;

/// What an output may be longer than the longest input: the last frame, the codec's padding.
const DURATION_SLACK_MS: u64 = 10_000;

/// The failure that a child reported: a code that we do not have becomes the general one, so that clients only ever see
/// codes of the table. [`Failure::new`] makes the sentence plain and short.
pub(crate) fn failure(error_code: &str, error: &str) -> Failure {
    let code = ErrorCode::parse(error_code).unwrap_or(GENERATION_PIPELINE_FAILED);
    if error.trim().is_empty() { Failure::of(code) } else { Failure::new(code, error) }
}

/// Why a child that gave no verdict ended, in a sentence.
pub(crate) fn cause_of_death(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.signal(), status.code())) {
        Some((Some(signal), _)) => format!("The media process was ended by signal {signal}{}.", meaning(signal)),
        Some((_, Some(0))) => "The media process ended without a result.".into(),
        Some((_, Some(code))) => format!("The media process ended with code {code}."),
        Some((None, None)) | None => "The media process could not be ended in order.".into(),
    }
}

fn meaning(signal: i32) -> &'static str {
    match signal {
        6 => " (it gave up)",
        9 => " (killed; most often the machine ran out of memory)",
        11 => " (a fault in its memory)",
        24 => " (over its limit of processor time)",
        25 => " (over its limit of file size)",
        31 => " (a forbidden system call)",
        _ => "",
    }
}

/// Whether the output is what it should be: a regular file of its own with an mp4 in it, of a believable length.
pub(crate) fn check_output(path: &Path, duration_ms: u64, duration_max_s: f64) -> Result<(), &'static str> {
    let longest_ms = (duration_max_s.clamp(0.0, 1e9) * 1_000.0) as u64 + DURATION_SLACK_MS;
    if duration_ms == 0 || duration_ms > longest_ms {
        return Err("The media process reported an impossible duration.");
    }
    // Not followed if a symlink, not blocking if a FIFO: both are ways to make the server read something else.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.map_err(|_| "The media process reported an output that can't be opened.")?;
    // A second name would be a second way to change the file after it was checked.
    if !file.metadata().is_ok_and(|it| it.is_file() && it.nlink() == 1) {
        return Err("The media process left an output that is not a plain file.");
    }
    let mut head = Vec::new();
    let read = file.take(SNIFF_BYTES as u64).read_to_end(&mut head);
    if read.is_err() || sniff(&head).content_type != "video/mp4" {
        return Err("The media process left an output that is not an mp4.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\0\0mp41\0\0\0\0";

    #[test]
    fn only_codes_of_the_table_and_plain_sentences_get_out() {
        let known = failure("generation_audio_missing", "No \u{e9}\n<b>audio</b>.");
        assert_eq!((known.code.as_str(), known.error.as_str()), ("generation_audio_missing", "No ??<b>audio</b>."));
        let unknown = failure("rm -rf", &"x".repeat(10_000));
        assert_eq!(unknown.code, GENERATION_PIPELINE_FAILED);
        assert_eq!(unknown.error.len(), postsync_core::limits::ERROR_CHARS_MAX);
        assert_eq!(failure("generation_audio_missing", " "), Failure::of(known.code));
    }

    #[test]
    fn a_death_has_a_cause() {
        assert!(cause_of_death(Some(ExitStatus::from_raw(9))).contains("out of memory"));
        assert!(cause_of_death(Some(ExitStatus::from_raw(7 << 8))).contains("code 7"));
        assert!(cause_of_death(Some(ExitStatus::from_raw(0))).contains("without a result"));
        assert!(cause_of_death(None).is_ascii());
    }

    #[test]
    fn an_output_must_be_a_plain_mp4() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("good"), MP4).unwrap();
        fs::write(at("text"), b"root:x:0:0").unwrap();
        fs::write(at("empty"), b"").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("good"), at("symlink")).unwrap();
        assert_eq!(check_output(&at("good"), 1_000, 60.0), Ok(()));
        for name in ["text", "empty", "folder", "symlink", "missing"] {
            assert!(check_output(&at(name), 1_000, 60.0).is_err(), "{name}");
        }
        for duration_ms in [0, 70_001, u64::MAX] {
            assert!(check_output(&at("good"), duration_ms, 60.0).is_err(), "{duration_ms}");
        }
        fs::hard_link(at("good"), at("second-name")).unwrap();
        assert!(check_output(&at("good"), 1_000, 60.0).is_err(), "a hard link");
    }
}
