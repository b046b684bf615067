//! What server and media child say to each other: one line of JSON in, lines of JSON out.
//!
//! The child believes the server. The server believes nothing: what comes back was said by a process that has parsed
//! hostile media, so it is parsed strictly ([`Said`] knows no other fields) and bounded by the constants here.
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The order: options may carry one bounding box per frame, and a request body has at most 10 MiB.
pub(crate) const ORDER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// One line of a child: a sentence of [`postsync_core::limits::ERROR_CHARS_MAX`] characters, escaped, and its frame.
pub(crate) const SAID_BYTES_MAX: usize = 16 * 1024;

/// All lines of a child together: 24 hours of progress at its highest rate. More is a flood.
pub(crate) const SAID_BYTES_TOTAL_MAX: usize = 32 * 1024 * 1024;

/// What the child is to do, and within which limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Put on before anything else.
    pub(crate) limits: ChildLimits,
    /// Then this.
    pub(crate) work: Work,
}

/// What there is to do. Files are named relative to the child's working folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Make a video.
    Make(Box<Make>),
    /// Look into a file.
    Look(Look),
    /// Speak.
    Speak(Speak),
    /// Try every limit from within and tell which hold.
    Check(Check),
}

/// One video.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Make {
    /// Inputs lie above the child's folder, and are only read.
    pub(crate) visual: String,
    pub(crate) audio: String,
    /// Where the clip has parts with voices of their own: these in place of `audio`.
    #[serde(default)]
    pub(crate) parts: Vec<Part>,
    /// Where alone the video gets new lips.
    #[serde(default)]
    pub(crate) only: Option<postsync_lipsync::Stretches>,
    pub(crate) output: String,
    /// Stands in the video's metadata.
    #[serde(default)]
    pub(crate) name: Option<String>,
    pub(crate) options: postsync_lipsync::Options,
    pub(crate) limits: postsync_lipsync::Limits,
    pub(crate) tools: postsync_lipsync::Tools,
}

/// A part of a clip with a voice of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) audio: String,
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) from_s: f64,
    pub(crate) to_s: Option<f64>,
}

/// One look into a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Look {
    /// Absolute; only read.
    pub(crate) file: PathBuf,
    /// In the child's folder.
    pub(crate) thumbnail: String,
    pub(crate) limits: postsync_lipsync::Limits,
    pub(crate) tools: postsync_lipsync::Tools,
}

/// Words to be spoken.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Speak {
    pub(crate) script: String,
    /// One that we have listed.
    pub(crate) voice: String,
    /// In the child's folder.
    pub(crate) output: String,
    /// Which espeak-ng.
    pub(crate) tool: PathBuf,
}

/// One trial of the limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    /// A file outside the working folder that the server can read and the child must not.
    pub(crate) canary: PathBuf,
    pub(crate) tools: postsync_lipsync::Tools,
}

/// What a media child may use. Each limit holds for the child and for each ffmpeg that it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildLimits {
    /// Memory of one process. Measured: ffmpeg encodes 1080p in 0.4 GB, 2160p in 1.0 GB, 50 megapixels in 4.2 GB.
    pub memory_bytes_max: u64,
    /// One file that a process writes.
    pub file_bytes_max: u64,
    /// Processor time of one process, over all its threads.
    pub cpu_s_max: u64,
    /// Open files of one process.
    pub open_files_max: u64,
    /// Folders and files that may be read and run beside the system's own and the tools themselves. Not a setting: for libraries
    /// of a tool in an unusual place, by whoever builds on this crate.
    pub readable: Vec<PathBuf>,
}

impl ChildLimits {
    /// Those that let the largest media through that `media` allows, in the time that a generation may take: a setting that is
    /// raised must not end in a killed child.
    #[must_use]
    pub fn for_media(media: &postsync_lipsync::Limits, time_max: Duration) -> Self {
        let (least, usual) = (Self::default(), postsync_lipsync::Limits::default());
        let times = |bytes: u64, factor: f64| (bytes as f64 * factor.max(1.0)) as u64;
        let cores = thread::available_parallelism().map_or(1, usize::from).max(2) as u64;
        Self {
            memory_bytes_max: times(least.memory_bytes_max, media.pixels_max as f64 / usual.pixels_max as f64),
            file_bytes_max: times(least.file_bytes_max, media.duration_max_s / usual.duration_max_s),
            cpu_s_max: least.cpu_s_max.max(time_max.as_secs().saturating_mul(cores)),
            ..least
        }
    }
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 4 << 30,
            file_bytes_max: 5 << 30,
            // Two threads for as long as a generation may take.
            cpu_s_max: 2 * 2 * 60 * 60,
            open_files_max: 256,
            readable: Vec::new(),
        }
    }
}

/// One line of a child.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Said {
    /// How much is done, 0 to 1. Also the sign that it is alive.
    Progress(f64),
    /// The video stands where the order wanted it. Nothing follows.
    Done {
        /// How long it is.
        duration_ms: u64,
    },
    /// There will be no video. Nothing follows.
    Failed {
        /// A code of the public API.
        error_code: String,
        /// A sentence for the user.
        error: String,
    },
    /// What stands in the file. Nothing follows.
    Looked(Looked),
    /// Which limits hold. Nothing follows.
    Checked(Vec<(String, bool)>),
}

/// What was seen of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Looked {
    pub(crate) still: bool,
    /// 0 without pictures, as is the height.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// 0 for stills.
    pub(crate) duration_ms: u64,
    pub(crate) has_thumbnail: bool,
}

impl Said {
    /// One line of a child, strictly.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_what_is_allowed_and_never_fall() {
        let usual = postsync_lipsync::Limits::default();
        let hour = Duration::from_secs(3_600);
        let least = ChildLimits::for_media(&usual, hour);
        assert!(least.cpu_s_max >= 2 * 3_600);
        assert_eq!(least.memory_bytes_max, ChildLimits::default().memory_bytes_max);
        let large = postsync_lipsync::Limits { pixels_max: 100_000_000, duration_max_s: 7_200.0, ..usual };
        let raised = ChildLimits::for_media(&large, 24 * 7 * hour);
        assert_eq!(raised.memory_bytes_max, 2 * least.memory_bytes_max);
        assert_eq!(raised.file_bytes_max, 4 * least.file_bytes_max);
        assert!(raised.cpu_s_max >= 2 * 24 * 7 * 3_600);
        let small = postsync_lipsync::Limits { pixels_max: 1_000, duration_max_s: 1.0, ..large };
        assert_eq!(ChildLimits::for_media(&small, hour), least);
    }

    #[test]
    fn knows_its_own_lines_and_no_others() {
        for said in [
            Said::Progress(0.25),
            Said::Done { duration_ms: 7 },
            Said::Failed { error_code: "generation_timeout".into(), error: "No.".into() },
            Said::Checked(vec![("memory".into(), true)]),
        ] {
            assert_eq!(Said::parse(&serde_json::to_vec(&said).unwrap()), Some(said));
        }
        for line in [
            "",
            "null",
            "{}",
            r#"{"progress":"0.5"}"#,
            r#"{"progress":0.5,"done":{"duration_ms":1}}"#,
            r#"{"done":{"duration_ms":-1}}"#,
            r#"{"done":{"duration_ms":1,"file":"/etc/passwd"}}"#,
            r#"{"failed":{"error_code":"x"}}"#,
            "\u{7f}ELF",
        ] {
            assert_eq!(Said::parse(line.as_bytes()), None, "{line}");
        }
    }
}
