//! Frames out of a file, one after the other, at a constant rate.

use std::{
    io::{self, Read},
    process::{ChildStdout, Stdio},
};

use crate::{
    Error, Limits, Tools,
    frame::{Frame, PIXEL_BYTES, PIXEL_FORMAT},
    media::{
        probe::Source,
        process::{Process, Stop, command},
        scratch::Scratch,
    },
};

/// How a source's frames look once decoded; the same in every pass, or landmarks would not fit.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Even, in pixels.
    pub(crate) width: usize,
    /// Even, in pixels.
    pub(crate) height: usize,
    /// Decoded pixels per source pixel.
    pub(crate) scale: f32,
    /// ffmpeg filters that make it so.
    filters: String,
}

impl Picture {
    pub(crate) fn of(source: &Source, limits: &Limits) -> Self {
        let (w, h) = (source.info.width, source.info.height);
        let mut filters = Vec::new();
        if source.rate.0 > 0 {
            filters.push(format!("fps={}/{}", source.rate.0, source.rate.1));
        }
        let scale = if source.info.still { f64::from(limits.still_side_max) / f64::from(w.max(h)) } else { 1.0 };
        let even = |v: f64| (v as u32 / 2 * 2).max(2);
        let (width, height) = (even(f64::from(w) * scale.min(1.0)), even(f64::from(h) * scale.min(1.0)));
        if scale < 1.0 {
            filters.push(format!("scale={width}:{height}:flags=area"));
        } else {
            // An odd row or column is cut off rather than scaled away: scaling would blur every pixel.
            filters.push(format!("format={PIXEL_FORMAT},crop={width}:{height}:0:0"));
        }
        Self {
            width: width as usize,
            height: height as usize,
            scale: scale.min(1.0) as f32,
            filters: filters.join(","),
        }
    }

    /// ffmpeg filters from the decoder to our frames.
    pub(crate) fn filters(&self) -> &str {
        &self.filters
    }

    /// Bytes of a frame.
    pub(crate) fn bytes(&self) -> usize {
        self.width * self.height * PIXEL_BYTES
    }
}

/// More frames than any video may have; as a bound it means all.
pub(crate) const FRAMES_ALL: usize = u32::MAX as usize;

/// A running decoder.
pub(crate) struct Decoder {
    process: Option<Process>,
    pipe: ChildStdout,
    picture: Picture,
    stop: Stop,
}

impl Decoder {
    /// Starts at the first frame; gives at most `frames_max`.
    pub(crate) fn start(
        source: &Source,
        picture: &Picture,
        frames_max: usize,
        (limits, tools): (&Limits, &Tools),
        scratch: &Scratch,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let mut command = command(&tools.ffmpeg, scratch.dir());
        command.args(["-nostdin", "-v", "error"]);
        source.add_to(&mut command, limits);
        command.args(["-map", &format!("0:{}", source.stream), "-an", "-sn", "-dn", "-vf", picture.filters()]);
        command.args(["-t", &limits.duration_max_s.to_string()]);
        if frames_max < FRAMES_ALL {
            command.args(["-frames:v", &frames_max.to_string()]);
        }
        command.args(["-f", "rawvideo", "-pix_fmt", PIXEL_FORMAT, "pipe:1"]).stdout(Stdio::piped());
        let process = Process::spawn(command, stop)?;
        let pipe = process.stdout()?;
        Ok(Self { process: Some(process), pipe, picture: picture.clone(), stop: stop.clone() })
    }

    /// Reads the next frame; false at the end.
    pub(crate) fn read(&mut self, frame: &mut Frame) -> Result<bool, Error> {
        (frame.width, frame.height) = (self.picture.width, self.picture.height);
        frame.data.resize(self.picture.bytes(), 0);
        match self.pipe.read_exact(&mut frame.data) {
            Ok(()) => {
                self.stop.beat();
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// What the decoder had to complain about; call after the last frame.
    pub(crate) fn complaint(&mut self) -> Result<String, Error> {
        let Some(process) = self.process.take() else { return Ok(String::new()) };
        Ok(process.wait()?.stderr)
    }
}
