//! What can go wrong, sorted by what the caller can do about it.
//!
//! Promise: every message is one plain ASCII sentence that a person can act on and that names nothing of this machine (no path, no
//! command line), because it ends up in the API's `error` field and in a webhook. What helps the operator instead of the user, such as
//! the tail of ffmpeg's messages, is in [`Error::detail`], which goes to the log and nowhere else.

use std::io;

/// Why a job ended without a video. [`Error::error_code`] is the code of the public API for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Send another file: the picture or video is empty, damaged, or of a kind that is not taken.
    #[error("The video or image could not be read; send an intact mp4, mov, webm, mkv, avi, JPEG, PNG or WebP file.")]
    VideoInvalid {
        /// What the decoder said.
        detail: String,
    },
    /// Send another file: the speech is empty, damaged, or of a kind that is not taken.
    #[error("The audio could not be read; send an intact wav, mp3, m4a, aac, ogg or flac file.")]
    AudioInvalid {
        /// What the decoder said.
        detail: String,
    },
    /// Re-encode the input: it does not say how long it is, or how many frames it shows a second.
    #[error("The {input} carries no duration or frame rate; re-encode it so that its metadata is complete.")]
    MetadataMissing {
        /// `video` or `audio`.
        input: &'static str,
    },
    /// Cut the video.
    #[error("The video lasts {seconds:.0} seconds but at most {max:.0} are allowed; cut it or send it in parts.")]
    VideoTooLong {
        /// Duration that the file claims, in seconds.
        seconds: f64,
        /// The limit, in seconds.
        max: f64,
    },
    /// Cut the audio.
    #[error("The audio lasts {seconds:.0} seconds but at most {max:.0} are allowed; cut it or send it in parts.")]
    AudioTooLong {
        /// Duration that the file claims, in seconds.
        seconds: f64,
        /// The limit, in seconds.
        max: f64,
    },
    /// Scale the picture down (or up: below 32 pixels there is nothing to see).
    #[error(
        "The picture has {width}x{height} pixels, which is outside what is supported: each side needs at least 32 pixels, and at most {max} are allowed in all."
    )]
    ResolutionUnsupported {
        /// Width in pixels; 0 when the decoder refused before it said.
        width: u32,
        /// Height in pixels; 0 when the decoder refused before it said.
        height: u32,
        /// The limit, in pixels.
        max: u64,
    },
    /// Send footage that shows a human face.
    #[error(
        "No human face was found; send a video or image in which a face is clearly visible, at least a tenth of the picture wide."
    )]
    NoFace,
    /// Correct `active_speaker_detection`.
    #[error("The face selection is not usable: {reason}.")]
    FaceSelectionInvalid {
        /// What is wrong with it, in words.
        reason: &'static str,
    },
    /// Name other stretches.
    #[error(
        "None of the stretches that are to get new lips lies in what is shown of the video, its first {seconds:.3} seconds; correct segments_secs or segments_frames."
    )]
    StretchesOutside {
        /// How much of the video the result shows, in seconds.
        seconds: f64,
    },
    /// Name another part of the voice.
    #[error(
        "A piece of a voice begins at {from_s:.3} seconds of an audio that lasts {audio_s:.3}; name a part that lies inside of it."
    )]
    PieceOutside {
        /// Where it is to begin, in seconds of the audio.
        from_s: f64,
        /// How long the audio is, in seconds.
        audio_s: f64,
    },
    /// Send a file with sound in it.
    #[error("The audio input has no audio track; send a file that contains speech.")]
    AudioMissing,
    /// Send a file with pictures in it.
    #[error("The video or image that was sent has no picture in it; send a file that has.")]
    VideoMissing,
    /// Operator: install ffmpeg, or name it in the settings. Retrying on this machine is useless until then.
    #[error(
        "The media tools ffmpeg and ffprobe are not available on the server; install the ffmpeg package and try again."
    )]
    ToolsMissing {
        /// Which one, and what the system said.
        detail: String,
    },
    /// Operator: free some disk space; the job itself is fine.
    #[error("The server ran out of disk space while it made the video; try again later.")]
    StorageFull {
        /// Where it was noticed.
        detail: String,
    },
    /// Name another place for the output, or allow writing there. Found before any work.
    #[error("The folder for the video can't be written to; choose another one or change its permissions.")]
    OutputUnwritable {
        /// Which place, and what the system said.
        detail: String,
    },
    /// Try again; if it fails twice, report it.
    #[error("A processing step failed; try again, and report the generation if it fails again.")]
    Pipeline {
        /// What happened.
        detail: String,
    },
    /// Nothing to do: the observer asked for it.
    #[error("The generation was cancelled.")]
    Cancelled,
}

impl Error {
    /// The public API's code for this error. A cancelled job reads `generation_pipeline_failed`: the API has no code of its own for it,
    /// and whoever cancels knows.
    #[must_use]
    pub fn error_code(&self) -> &'static str {
        match self {
            Self::VideoInvalid { .. } => "generation_input_video_invalid",
            Self::AudioInvalid { .. } => "generation_input_audio_invalid",
            Self::MetadataMissing { .. } => "generation_media_metadata_missing",
            Self::VideoTooLong { .. } => "generation_input_duration_greater_than_max_duration",
            Self::AudioTooLong { .. } => "generation_audio_length_exceeded",
            Self::ResolutionUnsupported { .. } => "generation_input_resolution_unsupported",
            Self::NoFace | Self::FaceSelectionInvalid { .. } => "generation_input_face_selection_invalid",
            Self::StretchesOutside { .. } => "generation_input_segments_invalid",
            Self::PieceOutside { .. } => "generation_input_trim_invalid",
            Self::AudioMissing => "generation_audio_missing",
            Self::VideoMissing => "generation_video_missing",
            Self::ToolsMissing { .. } => "generation_infra_service_unavailable",
            Self::StorageFull { .. } | Self::OutputUnwritable { .. } => "generation_infra_storage_error",
            Self::Pipeline { .. } | Self::Cancelled => "generation_pipeline_failed",
        }
    }

    /// What the operator's log should say beside the sentence; may hold paths and decoder messages.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::VideoInvalid { detail }
            | Self::AudioInvalid { detail }
            | Self::ToolsMissing { detail }
            | Self::StorageFull { detail }
            | Self::OutputUnwritable { detail }
            | Self::Pipeline { detail } => Some(detail),
            _ => None,
        }
    }

    /// An unexpected fault of ours, with what happened.
    pub(crate) fn pipeline(detail: impl Into<String>) -> Self {
        Self::Pipeline { detail: detail.into() }
    }
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull { detail: e.to_string() },
            _ => Self::pipeline(e.to_string()),
        }
    }
}
