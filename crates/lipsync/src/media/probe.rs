//! What is in a file, and is it too much? Looks before anything is decoded.

use std::{
    io::Read,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Limits, Tools,
    media::{
        process::{Process, Stop, command},
        sniff::{Container, FORMATS, sniff},
    },
    supervise::supervise,
};

/// What a file is wanted for; decides which tracks it must have and how its faults are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The face: a still or a video.
    Visual,
    /// The speech: audio, or a video's audio track.
    Speech,
}

/// What [`probe`] found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// A single picture.
    pub still: bool,
    /// Width as displayed, in pixels; 0 without pictures.
    pub width: u32,
    /// Height as displayed, in pixels; 0 without pictures.
    pub height: u32,
    /// Frames per second; 0 for stills and sound.
    pub fps: f64,
    /// Duration in seconds; 0 for stills.
    pub duration_s: f64,
    /// Has an audio track.
    pub has_audio: bool,
}

/// Looks at the file at `path` and checks it against `limits`. Blocks for as long as ffprobe takes, at most `limits.stall_max_s`.
///
/// # Errors
/// Everything that can be said about an input without decoding it; see [`Error`].
pub fn probe(path: &Path, role: Role, limits: &Limits, tools: &Tools) -> Result<MediaInfo, Error> {
    let stop = Stop::default();
    let work = || Source::open(path, role, &std::env::temp_dir(), limits, tools, &stop);
    supervise(&stop, limits.stall_max_s, || ControlFlow::Continue(()), work).map(|s| s.info)
}

/// A probed input, ready to be given to ffmpeg.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    path: PathBuf,
    container: Container,
    pub(crate) info: MediaInfo,
    /// Index of the track that is used.
    pub(crate) stream: u32,
    /// Frames per second as a fraction; 0/1 for stills and sound.
    pub(crate) rate: (u32, u32),
    /// What the video says of itself, before it is raised or capped; 0 for stills and sound.
    pub(crate) own_fps: f64,
    /// Audio channels of the track, 0 if it is a video track.
    pub(crate) channels: u32,
    /// What the video says about its colours.
    pub(crate) colour: Colour,
    /// Shape of a pixel, if it is not square.
    pub(crate) pixel_aspect: Option<String>,
}

impl Source {
    pub(crate) fn open(
        path: &Path,
        role: Role,
        dir: &Path,
        limits: &Limits,
        tools: &Tools,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let unreadable = |detail: String| match role {
            Role::Visual => Error::VideoInvalid { detail },
            Role::Speech => Error::AudioInvalid { detail },
        };
        let path = std::path::absolute(path)?;
        let container = sniff(&path).map_err(|e| unreadable(e.to_string()))?;
        let Some(container) = container else {
            return Err(unreadable("the first bytes are not those of a supported container".into()));
        };
        let mut command = command(&tools.ffprobe, dir);
        command.args(["-v", "error", "-print_format", "json", "-show_entries", ENTRIES]);
        if container.is_still() {
            // A photo's orientation belongs to its only frame.
            command.args(["-show_entries", STILL_ENTRIES]);
        }
        input_options(&mut command, container, limits);
        command.arg(file_url(&path)).stdout(Stdio::piped());
        let process = Process::spawn(command, stop)?;
        let mut json = Vec::new();
        process.stdout()?.take(JSON_MAX).read_to_end(&mut json)?;
        let exit = process.wait()?;
        // ffmpeg's words for a picture above -max_pixels. Depending on the codec it still exits with success.
        if let Some((width, height)) = refused_size(&exit.stderr) {
            return Err(Error::ResolutionUnsupported { width, height, max: limits.pixels_max });
        }
        if !exit.success {
            return Err(exit.error(unreadable));
        }
        let found: Found = serde_json::from_slice(&json).map_err(|e| unreadable(e.to_string()))?;
        match role {
            Role::Visual => found.visual(path, container, limits),
            Role::Speech => found.speech(path, container, limits),
        }
    }

    /// Adds the options and the name of this input to an ffmpeg command.
    pub(crate) fn add_to(&self, command: &mut Command, limits: &Limits) {
        input_options(command, self.container, limits);
        command.arg("-i").arg(file_url(&self.path));
    }
}

/// How a video's colours are coded. The result is coded and labelled as the source was: a source without labels is guessed at by players,
/// and the result must be guessed at in the same way, or its colours shift against the original's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Colour {
    /// The scaler's name of the matrix; `None` leaves both directions to its default, so that they cancel.
    pub(crate) matrix: Option<&'static str>,
    /// Encoder options that carry the labels over.
    pub(crate) labels: Vec<(&'static str, String)>,
}

impl Colour {
    /// Stills are RGB; their videos are labelled BT.709.
    fn still() -> Self {
        let labels = ["-colorspace", "-color_primaries", "-color_trc"].map(|o| (o, "bt709".to_owned()));
        Self { matrix: Some("bt709"), labels: labels.into() }
    }

    fn of(track: &Track) -> Self {
        let matrix = match track.color_space.as_deref() {
            Some("bt709") => "bt709",
            Some("smpte170m" | "bt470bg") => "smpte170m",
            Some("smpte240m") => "smpte240m",
            Some("fcc") => "fcc",
            Some("bt2020nc" | "bt2020_ncl" | "bt2020c") => "bt2020",
            _ => return Self::default(),
        };
        let tags = [
            ("-colorspace", &track.color_space),
            ("-color_primaries", &track.color_primaries),
            ("-color_trc", &track.color_transfer),
        ];
        let known = |s: &String| !matches!(s.as_str(), "unknown" | "reserved" | "unspecified");
        let labels = tags.into_iter().filter_map(|(o, t)| Some((o, t.clone().filter(known)?))).collect();
        Self { matrix: Some(matrix), labels }
    }
}

/// The size in ffmpeg's complaint "Picture size 10000x10000 is invalid".
fn refused_size(stderr: &str) -> Option<(u32, u32)> {
    let (_, rest) = stderr.split_once("Picture size ")?;
    let (width, height) = rest.split_whitespace().next()?.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// What must stand before `-i`: the reader that we recognised, and the bounds.
fn input_options(command: &mut Command, container: Container, limits: &Limits) {
    command.args(["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]);
    command.args(["-max_pixels", &limits.pixels_max.to_string(), "-threads", &limits.threads.to_string()]);
    command.args(["-f", container.demuxer()]);
}

/// An absolute path that ffmpeg cannot take for an option, another protocol or a pattern.
pub(crate) fn file_url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}

const ENTRIES: &str = "format=duration:stream=index,codec_type,width,height,avg_frame_rate,r_frame_rate,duration,channels,\
    color_space,color_primaries,color_transfer,sample_aspect_ratio:stream_disposition=attached_pic:stream_side_data=rotation";
const STILL_ENTRIES: &str = "frame=width:frame_side_data=rotation";
/// Bytes of ffprobe's answer that are read; a file with thousands of tracks is not worth more.
const JSON_MAX: u64 = 1 << 20;
/// Least width and height; below it there is no face to see, and encoders refuse.
const SIDE_MIN: u32 = 32;

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    streams: Vec<Track>,
    #[serde(default)]
    frames: Vec<Picture>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize)]
struct Picture {
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Format {
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Track {
    index: u32,
    codec_type: Option<String>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    channels: u32,
    color_space: Option<String>,
    color_primaries: Option<String>,
    color_transfer: Option<String>,
    sample_aspect_ratio: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl Found {
    fn track(&self, kind: &str) -> Option<&Track> {
        // Cover art of an album calls itself a video track.
        self.streams.iter().find(|t| t.codec_type.as_deref() == Some(kind) && t.disposition.attached_pic == 0)
    }

    fn duration(&self, track: &Track) -> Option<f64> {
        let seconds = |s: &Option<String>| s.as_deref()?.parse::<f64>().ok().filter(|d| d.is_finite() && *d > 0.0);
        seconds(&track.duration).or_else(|| seconds(&self.format.duration))
    }

    fn visual(&self, path: PathBuf, container: Container, limits: &Limits) -> Result<Source, Error> {
        let track = self.track("video").ok_or(Error::VideoMissing)?;
        let still = container.is_still();
        let turns = track.side_data_list.iter().chain(self.frames.iter().flat_map(|f| &f.side_data_list));
        let turned = turns.filter_map(|s| s.rotation).any(|r| (r / 90.0).round() as i64 % 2 != 0);
        let (width, height) = if turned { (track.height, track.width) } else { (track.width, track.height) };
        if width == 0 || height == 0 {
            return Err(Error::VideoInvalid { detail: "no picture size".into() });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > limits.pixels_max || width.min(height) < SIDE_MIN {
            return Err(Error::ResolutionUnsupported { width, height, max: limits.pixels_max });
        }
        let (mut rate, mut own_fps, mut duration_s) = ((0, 1), 0.0, 0.0);
        if !still {
            let missing = Error::MetadataMissing { input: "video" };
            (rate, own_fps) = frame_rate(track, limits).ok_or(missing)?;
            duration_s = self.duration(track).ok_or(Error::MetadataMissing { input: "video" })?;
            if duration_s > limits.duration_max_s {
                return Err(Error::VideoTooLong { seconds: duration_s, max: limits.duration_max_s });
            }
        }
        let fps = f64::from(rate.0) / f64::from(rate.1);
        let has_audio = self.track("audio").is_some();
        let square = |s: &String| matches!(s.as_str(), "1:1" | "0:1" | "N/A");
        Ok(Source {
            path,
            container,
            info: MediaInfo { still, width, height, fps, duration_s, has_audio },
            stream: track.index,
            rate,
            own_fps,
            channels: 0,
            colour: if still { Colour::still() } else { Colour::of(track) },
            pixel_aspect: track.sample_aspect_ratio.clone().filter(|s| !square(s) && !turned),
        })
    }

    fn speech(&self, path: PathBuf, container: Container, limits: &Limits) -> Result<Source, Error> {
        let track = self.track("audio").ok_or(Error::AudioMissing)?;
        let duration_s = self.duration(track).ok_or(Error::MetadataMissing { input: "audio" })?;
        if duration_s > limits.duration_max_s {
            return Err(Error::AudioTooLong { seconds: duration_s, max: limits.duration_max_s });
        }
        Ok(Source {
            path,
            container,
            info: MediaInfo { still: false, width: 0, height: 0, fps: 0.0, duration_s, has_audio: true },
            stream: track.index,
            rate: (0, 1),
            own_fps: 0.0,
            channels: track.channels,
            colour: Colour::default(),
            pixel_aspect: None,
        })
    }
}

/// Frames per second below which frames are repeated: a mouth does not speak at less, and a file that claims a frame in half an hour
/// would make a few words half an hour long.
const FPS_MIN: f64 = 10.0;

/// The average rate, else the base rate; raised and capped, and as it is.
fn frame_rate(track: &Track, limits: &Limits) -> Option<((u32, u32), f64)> {
    let parse = |s: &Option<String>| {
        let (a, b) = s.as_deref()?.split_once('/')?;
        let (a, b): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
        (a > 0 && b > 0).then_some((a, b))
    };
    let (a, b) = parse(&track.avg_frame_rate).or_else(|| parse(&track.r_frame_rate))?;
    let fps = f64::from(a) / f64::from(b);
    let bounded = fps.clamp(FPS_MIN.min(limits.fps_max), limits.fps_max);
    let used = if bounded == fps { (a, b) } else { ((bounded * 1000.0).round() as u32, 1000) };
    Some((used, fps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates_stay_between_their_bounds() {
        for (told, used) in [
            ("1/1700", (10_000, 1000)),
            ("999/100", (10_000, 1000)),
            ("10/1", (10, 1)),
            ("30000/1001", (30_000, 1001)),
            ("60/1", (60, 1)),
            ("240/1", (60_000, 1000)),
        ] {
            let track = format!(r#"{{"index":0,"avg_frame_rate":"{told}"}}"#);
            let track: Track = serde_json::from_str(&track).unwrap();
            assert_eq!(frame_rate(&track, &Limits::default()).map(|(rate, _)| rate), Some(used), "{told}");
        }
    }
}
