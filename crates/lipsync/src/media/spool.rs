//! Frames in reverse order, for the way back of `bounce`, without holding the clip.
//!
//! Video decodes forward only. The part that runs backward is re-encoded once into short pieces that each start with a key frame; the
//! last piece is then decoded to disk and read from its end, then the one before it, while the next is already being decoded.
//! Costs disk for two decoded pieces (at most 2 x [`PIECE_BYTES_MAX`]) and about 0.3 MB per 1080p frame of the backward part.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    process::Stdio,
};

use crate::{
    Error, Limits, Tools,
    frame::{Frame, PIXEL_FORMAT},
    media::{
        decode::Picture,
        probe::{Source, file_url},
        process::{Process, Stop, command},
        scratch::Scratch,
    },
};

/// Most frames of a piece.
const PIECE_FRAMES_MAX: usize = 24;
/// Bytes that a decoded piece should not exceed.
const PIECE_BYTES_MAX: usize = 256 << 20;

/// The backward part of a clip, cut into pieces.
pub(crate) struct Spool<'a> {
    scratch: &'a Scratch,
    tools: &'a Tools,
    stop: &'a Stop,
    picture: &'a Picture,
    /// Source frames `first..end` are in the spool.
    first: usize,
    end: usize,
    piece_frames: usize,
    open: Option<Piece>,
    next: Option<Piece>,
}

/// A piece that is decoded or being decoded.
struct Piece {
    index: usize,
    path: PathBuf,
    process: Option<Process>,
    file: Option<File>,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.process = None; // Ended before its file is removed.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl<'a> Spool<'a> {
    /// Writes source frames `first..end` into pieces.
    pub(crate) fn make(
        source: &Source,
        picture: &'a Picture,
        (first, end): (usize, usize),
        (limits, tools): (&Limits, &'a Tools),
        scratch: &'a Scratch,
        stop: &'a Stop,
    ) -> Result<Self, Error> {
        let piece_frames = (PIECE_BYTES_MAX / picture.bytes()).clamp(4, PIECE_FRAMES_MAX);
        let gop = piece_frames.to_string();
        let mut command = command(&tools.ffmpeg, scratch.dir());
        command.args(["-nostdin", "-v", "error", "-y"]);
        source.add_to(&mut command, limits);
        let select = format!("{},select=gte(n\\,{first})", picture.filters());
        command.args(["-map", &format!("0:{}", source.stream), "-an", "-sn", "-dn", "-vf", &select, "-vsync", "0"]);
        command.args(["-frames:v", &(end - first).to_string(), "-t", &limits.duration_max_s.to_string()]);
        // Visually lossless and quick; the pieces live for seconds.
        command.args(["-c:v", "libx264rgb", "-preset", "ultrafast", "-crf", "6", "-g", &gop, "-keyint_min", &gop]);
        command.args(["-sc_threshold", "0", "-bf", "0", "-threads", &limits.threads.to_string()]);
        command.args(["-f", "segment", "-segment_time", "0.0001", "-segment_format", "nut", "piece%06d.nut"]);
        command.args(["-progress", "pipe:1"]).stdout(Stdio::piped());
        let process = Process::spawn(command, stop)?;
        // The reports are read only as signs of life: a long clip takes longer than a silence may.
        let (mut reports, mut buffer) = (process.stdout()?, [0; 1024]);
        while reports.read(&mut buffer)? > 0 {
            stop.beat();
        }
        let exit = process.wait()?;
        if !exit.success {
            return Err(exit.error(Error::pipeline));
        }
        Ok(Self { scratch, tools, stop, picture, first, end, piece_frames, open: None, next: None })
    }

    /// Reads source frame `index`, which lies in the spool. Quick when indices fall by one.
    pub(crate) fn read(&mut self, index: usize, frame: &mut Frame) -> Result<(), Error> {
        debug_assert!((self.first..self.end).contains(&index));
        let offset = index - self.first;
        let piece = offset / self.piece_frames;
        if self.open.as_ref().is_none_or(|p| p.index != piece) {
            self.open = None;
            let waiting = self.next.take().filter(|p| p.index == piece);
            self.open = Some(match waiting {
                Some(p) => p,
                None => self.decode(piece)?,
            });
            if let Some(before) = piece.checked_sub(1) {
                self.next = Some(self.decode(before)?);
            }
        }
        let Some(open) = &mut self.open else { return Err(Error::pipeline("the spool has no piece open")) };
        (frame.width, frame.height) = (self.picture.width, self.picture.height);
        frame.data.resize(self.picture.bytes(), 0);
        let place = (offset % self.piece_frames * self.picture.bytes()) as u64;
        let file = open.file()?;
        file.seek(SeekFrom::Start(place))?;
        file.read_exact(&mut frame.data)?;
        self.stop.beat();
        Ok(())
    }

    fn decode(&self, index: usize) -> Result<Piece, Error> {
        let path = self.scratch.file(&format!("piece{index:06}.raw"));
        let mut command = command(&self.tools.ffmpeg, self.scratch.dir());
        command.args(["-nostdin", "-v", "error", "-y", "-f", "nut", "-i"]);
        command.arg(file_url(&self.scratch.file(&format!("piece{index:06}.nut"))));
        command.args(["-vsync", "0", "-f", "rawvideo", "-pix_fmt", PIXEL_FORMAT]).arg(file_url(&path));
        let process = Process::spawn(command, self.stop)?;
        Ok(Piece { index, path, process: Some(process), file: None })
    }
}

impl Piece {
    /// The decoded file, once the decoder is done.
    fn file(&mut self) -> Result<&mut File, Error> {
        if let Some(process) = self.process.take() {
            let exit = process.wait()?;
            if !exit.success {
                return Err(exit.error(Error::pipeline));
            }
        }
        match &mut self.file {
            Some(file) => Ok(file),
            empty => Ok(empty.insert(File::open(&self.path)?)),
        }
    }
}
