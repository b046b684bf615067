//! Frames and the original sound into an mp4: H.264 4:2:0, AAC, index in front, a tag that says that it is synthetic.

use std::{
    io::Write,
    path::Path,
    process::{ChildStdin, Stdio},
};

use crate::{
    Error, Limits, Tools,
    frame::{Frame, PIXEL_FORMAT},
    media::{
        audio::TIMELINE,
        decode::Picture,
        probe::{Colour, Source, file_url},
        process::{Process, Stop, command},
        scratch::Scratch,
    },
};

/// Written into the file's metadata, so that what was generated can be told from what was filmed.
pub const PROVENANCE: &str =
    concat!("postsync mesh-1 ", env!("CARGO_PKG_VERSION"), " synthetic: lip movement generated from speech");

/// What is to be made.
pub(crate) struct Target<'a> {
    pub(crate) picture: &'a Picture,
    /// Frames per second as a fraction.
    pub(crate) rate: (u32, u32),
    pub(crate) frames: usize,
    /// Shape of a pixel, if not square.
    pub(crate) pixel_aspect: Option<&'a str>,
    pub(crate) colour: &'a Colour,
    pub(crate) file: &'a Path,
    /// What it says of itself.
    pub(crate) tag: &'a str,
}

/// A running encoder.
pub(crate) struct Encoder {
    process: Process,
    pipe: Option<ChildStdin>,
    stop: Stop,
}

impl Encoder {
    pub(crate) fn start(
        target: &Target<'_>,
        speech: &Source,
        (limits, tools): (&Limits, &Tools),
        scratch: &Scratch,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let rate = format!("{}/{}", target.rate.0, target.rate.1);
        let size = format!("{}x{}", target.picture.width, target.picture.height);
        let seconds = target.frames as f64 * f64::from(target.rate.1) / f64::from(target.rate.0);
        let aspect = target.pixel_aspect.map(|a| format!(",setsar={}", a.replace(':', "/"))).unwrap_or_default();
        let mut command = command(&tools.ffmpeg, scratch.dir());
        command.args(["-nostdin", "-v", "error", "-y"]);
        command.args(["-f", "rawvideo", "-pix_fmt", PIXEL_FORMAT, "-s", &size, "-r", &rate, "-i", "pipe:0"]);
        speech.add_to(&mut command, limits);
        command.args(["-map", "0:v:0", "-map", &format!("1:{}", speech.stream)]);
        command.args(["-map_metadata", "-1", "-map_chapters", "-1"]);
        let matrix =
            target.colour.matrix.map(|m| format!("scale=out_color_matrix={m}:out_range=tv,")).unwrap_or_default();
        command.args(["-vf", &format!("{matrix}format=yuv420p{aspect}")]);
        command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]);
        for (option, label) in &target.colour.labels {
            command.args([option, label.as_str()]);
        }
        command.args(["-color_range", "tv", "-threads", &limits.threads.to_string()]);
        // Exactly as long as the video, whatever the sound's own length.
        command.args(["-af", &format!("{TIMELINE},apad=whole_dur={seconds:.6},atrim=end={seconds:.6}")]);
        command.args(["-c:a", "aac", "-b:a", "128k", "-ar", "48000"]);
        if speech.channels > 2 {
            command.args(["-ac", "2"]);
        }
        command.args(["-movflags", "+faststart", "-metadata", &format!("comment={}", target.tag), "-f", "mp4"]);
        command.arg(file_url(target.file)).stdin(Stdio::piped());
        let process = Process::spawn(command, stop)?;
        let pipe = Some(process.stdin()?);
        Ok(Self { process, pipe, stop: stop.clone() })
    }

    /// Gives the next frame. False if the encoder has hung up; [`Encoder::finish`] says why.
    pub(crate) fn write(&mut self, frame: &Frame) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        self.stop.beat();
        pipe.write_all(&frame.data).is_ok()
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.pipe = None;
        let exit = self.process.wait()?;
        if exit.success { Ok(()) } else { Err(exit.error(Error::pipeline)) }
    }
}
