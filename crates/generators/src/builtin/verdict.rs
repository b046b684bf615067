//! Judges what a child said and left behind. Nothing of it is taken on trust.
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek};
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

/// Why there is no output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The child's doing, in a sentence.
    Child(&'static str),
    /// The disk is full.
    Storage,
}

/// Copies what a child left at `from` to `to`, and judges the copy: a regular file of the kind that is wanted, of a believable length.
///
/// Not moved: who has left the child's process group may still hold the original open, and would write into a video that was
/// judged, stored and served. `to` must lie where no child can write.
pub(crate) fn take_output(
    from: &Path,
    to: &Path,
    wanted: &str,
    duration_ms: u64,
    duration_max_s: f64,
) -> Result<(), Unfit> {
    let longest_ms = (duration_max_s.clamp(0.0, 1e9) * 1_000.0) as u64 + DURATION_SLACK_MS;
    if duration_ms == 0 || duration_ms > longest_ms {
        return Err(Unfit::Child("The media process reported an impossible duration."));
    }
    // Not followed if a symlink, not blocking if a FIFO: both are ways to make the server read something else.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(from);
    let file = file.map_err(|_| Unfit::Child("The media process reported an output that can't be opened."))?;
    // A second name belongs to something else, which is not ours to take.
    let about = file.metadata().ok().filter(|it| it.is_file() && it.nlink() == 1);
    let bytes = about.ok_or(Unfit::Child("The media process left an output that is not a plain file."))?.len();
    let copied = copy(file, bytes, to).map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Unfit::Storage,
        _ => Unfit::Child("The output could not be copied."),
    });
    let judged = copied.and_then(|head| match sniff(&head).content_type {
        found if found == wanted => Ok(()),
        _ if wanted == "video/mp4" => Err(Unfit::Child("The media process left an output that is not an mp4.")),
        _ => Err(Unfit::Child("The media process left an output of another kind.")),
    });
    if judged.is_err() {
        // Whatever it is, nobody is to take it for a video; the folder is removed soon.
        let _ = fs::remove_file(to);
    }
    judged
}

/// Copies `bytes` of `from`, no more should it grow, and gives the beginning of the copy.
fn copy(from: File, bytes: u64, to: &Path) -> io::Result<Vec<u8>> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut copy = File::options().read(true).write(true).create_new(true).open(to)?;
    io::copy(&mut from.take(bytes), &mut copy)?;
    copy.rewind()?;
    let mut head = Vec::new();
    copy.take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let take = |name: &str, duration_ms| take_output(&at(name), &at("taken"), "video/mp4", duration_ms, 60.0);
        assert_eq!(take("good", 1_000), Ok(()));
        assert_eq!(fs::read(at("taken")).unwrap(), MP4);
        for name in ["text", "empty", "folder", "symlink", "missing"] {
            assert!(take(name, 1_000).is_err(), "{name}");
        }
        for duration_ms in [0, 70_001, u64::MAX] {
            assert!(take("good", duration_ms).is_err(), "{duration_ms}");
        }
        fs::hard_link(at("good"), at("second-name")).unwrap();
        assert!(take("good", 1_000).is_err(), "a hard link");
    }

    #[test]
    fn what_is_taken_does_not_change_with_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let (original, taken) = (folder.path().join("original"), folder.path().join("taken"));
        fs::write(&original, MP4).unwrap();
        let mut held = OpenOptions::new().append(true).open(&original).unwrap();
        assert_eq!(take_output(&original, &taken, "video/mp4", 1_000, 60.0), Ok(()));
        io::Write::write_all(&mut held, b"more").unwrap();
        assert_eq!(fs::read(&taken).unwrap(), MP4);
    }
}
