//! One job: what goes in, what may be used, what comes out, and who watches. Data only; [`crate::run`] does the work.

use std::{ops::ControlFlow, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Options, Stretches};

/// Everything that [`crate::run`] needs to know.
#[derive(Clone, Debug)]
pub struct Job {
    /// Picture or video of a face. What it is, is decided by its content; its name does not matter.
    pub visual: PathBuf,
    /// Speech; also the audio track of a video file.
    pub audio: PathBuf,
    /// The mp4 to make; replaced if it exists, absent if the job fails.
    pub output: PathBuf,
    /// An existing folder for temporary files, which are gone when the job ends, however it ends. Also the children's working folder.
    pub work_dir: PathBuf,
    /// What the caller asked for.
    pub options: Options,
    /// Where alone the video gets new lips; `None`: everywhere. Of a video, not of a still.
    pub only: Option<Stretches>,
    /// What is too much.
    pub limits: Limits,
    /// Which programs to use.
    pub tools: Tools,
    /// Whose result it is: stands behind [`crate::PROVENANCE`] in the file's metadata. Cut to 100 plain characters.
    pub name: Option<String>,
}

/// Of [`Job::name`].
const NAME_CHARS_MAX: usize = 100;

impl Job {
    /// A job with default options, limits and tools.
    pub fn new(
        visual: impl Into<PathBuf>,
        audio: impl Into<PathBuf>,
        output: impl Into<PathBuf>,
        work_dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            visual: visual.into(),
            audio: audio.into(),
            output: output.into(),
            work_dir: work_dir.into(),
            options: Options::default(),
            only: None,
            limits: Limits::default(),
            tools: Tools::default(),
            name: None,
        }
    }

    /// What the result says of itself in its metadata.
    pub(crate) fn tag(&self) -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.');
        match &self.name {
            Some(name) => {
                let name: String = name.chars().filter(plain).take(NAME_CHARS_MAX).collect();
                format!("{}; {name}", crate::PROVENANCE)
            }
            None => crate::PROVENANCE.to_owned(),
        }
    }
}

/// Upper bounds of one job. Each is checked before the first frame is decoded and enforced again while decoding, because headers lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Longest video and longest speech, in seconds.
    pub duration_max_s: f64,
    /// Most pixels in one frame.
    pub pixels_max: u64,
    /// Frames per second above which a video is thinned out; below 10, frames are repeated.
    pub fps_max: f64,
    /// Longest side of a video made from a still, in pixels; larger stills are scaled down, because a photo of 40 megapixels is a fine
    /// input but an unplayable video.
    pub still_side_max: u32,
    /// Seconds without any sign of life from a child process before it is ended.
    pub stall_max_s: f64,
    /// Threads that each ffmpeg may use.
    pub threads: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            duration_max_s: 1800.0,
            pixels_max: 50_000_000,
            fps_max: 60.0,
            still_side_max: 1920,
            stall_max_s: 60.0,
            threads: 2,
        }
    }
}

/// The external programs. A bare name is looked up on `PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tools {
    /// ffmpeg 5.1 or newer with libx264.
    pub ffmpeg: PathBuf,
    /// The ffprobe that belongs to it.
    pub ffprobe: PathBuf,
}

impl Default for Tools {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() }
    }
}

/// How far a job is. `fraction` never falls and is 1 only when the file is complete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Share of the whole work that is done, 0 to 1, over both passes.
    pub fraction: f32,
    /// Frames of the result that are rendered.
    pub frames_rendered: u64,
    /// Frames that the result will have; 0 while that is not known yet.
    pub frames_total: u64,
}

/// Watches a job and may end it.
pub trait Observer {
    /// Called after every frame and, while nothing moves, at least five times a second. `Break` cancels: the children are killed, the
    /// temporary files and the unfinished output removed, and `run` returns [`crate::Error::Cancelled`], all within a second.
    fn progress(&mut self, progress: Progress) -> ControlFlow<()>;
}

impl<F: FnMut(Progress) -> ControlFlow<()>> Observer for F {
    fn progress(&mut self, progress: Progress) -> ControlFlow<()> {
        self(progress)
    }
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Frames in the file.
    pub frames: u64,
    /// Frames per second.
    pub fps: f64,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Length of the video in seconds.
    pub duration_s: f64,
}
