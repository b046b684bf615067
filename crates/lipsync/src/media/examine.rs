//! What anybody may want to know of a file before it is used: what it is, how long, how large, and what it looks like.

use std::{ops::ControlFlow, path::Path, process::Stdio};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Limits, Tools,
    media::{
        probe::{MediaInfo, Role, Source, file_url},
        process::{Process, Stop, command},
    },
    supervise::supervise,
};

/// The longer side of a small picture, in pixels.
const SIDE_MAX: u32 = 320;

/// Where in a video its small picture is taken, as a share of its length: the first frame is often black.
const AT: f64 = 0.1;

/// What [`examine`] found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// What is in it.
    pub info: MediaInfo,
    /// Whether a small picture stands at the path that was given.
    pub has_thumbnail: bool,
}

/// Looks at the file at `path`, and puts a small JPEG of what is seen in it at `thumbnail`. A video whose pictures can't be decoded
/// has none. `dir` is for ffmpeg to work in.
///
/// # Errors
/// Everything that can be said about an input without decoding it; see [`Error`].
pub fn examine(path: &Path, thumbnail: &Path, dir: &Path, limits: &Limits, tools: &Tools) -> Result<Examined, Error> {
    let stop = Stop::default();
    let work = || {
        let source = match Source::open(path, Role::Visual, dir, limits, tools, &stop) {
            Err(Error::VideoMissing) => Source::open(path, Role::Speech, dir, limits, tools, &stop)?,
            opened => opened?,
        };
        let is_seen = source.info.width > 0;
        let has_thumbnail = is_seen && picture(&source, thumbnail, dir, limits, tools, &stop)?;
        Ok(Examined { info: source.info, has_thumbnail })
    };
    supervise(&stop, limits.stall_max_s, || ControlFlow::Continue(()), work)
}

fn picture(source: &Source, to: &Path, dir: &Path, limits: &Limits, tools: &Tools, stop: &Stop) -> Result<bool, Error> {
    let mut command = command(&tools.ffmpeg, dir);
    command.args(["-nostdin", "-v", "error", "-y"]);
    if !source.info.still {
        command.args(["-ss", &format!("{:.3}", source.info.duration_s * AT)]);
    }
    source.add_to(&mut command, limits);
    command.args(["-map", &format!("0:{}", source.stream), "-frames:v", "1", "-map_metadata", "-1"]);
    let fit = format!("scale=w='min({SIDE_MAX},iw)':h='min({SIDE_MAX},ih)':force_original_aspect_ratio=decrease");
    command.args(["-vf", &format!("{fit},format=yuvj420p"), "-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe"]);
    command.arg(file_url(to)).stdout(Stdio::null());
    let exit = Process::spawn(command, stop)?.wait()?;
    if exit.storage_full() {
        return Err(Error::StorageFull { detail: exit.stderr });
    }
    Ok(exit.success && std::fs::metadata(to).is_ok_and(|about| about.len() > 0))
}
