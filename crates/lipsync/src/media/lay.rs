//! Lays pieces of voices onto one timeline: what is spoken when, with silence between.

use std::{
    fmt::Write as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    Error, Limits, Tools,
    media::{
        audio::TIMELINE,
        probe::{Role, Source, file_url},
        process::{Process, Stop, command},
    },
    supervise::supervise,
};

/// Samples per second of what is laid: what encoders of video expect.
const RATE: u32 = 48_000;

/// A shorter gap is none: it is a rounding error of the times.
const GAP_S_MIN: f64 = 0.001;

/// One piece of a voice.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The voice. One file may stand in several pieces.
    pub audio: PathBuf,
    /// Where the piece begins on the timeline, in seconds.
    pub start_s: f64,
    /// Where it ends; a voice that is shorter is followed by silence, one that is longer is cut.
    pub end_s: f64,
    /// Where in the voice it begins: in front of its end.
    pub from_s: f64,
    /// Where in the voice it ends; `None`: at its end.
    pub to_s: Option<f64>,
}

/// Writes `pieces` (in the order of their times, none over another) as FLAC to `output`, which ends where the last one does. Gives how
/// long the video at `visual` is; 0 for a still. `dir` is for ffmpeg to work in.
///
/// # Errors
/// Everything that can be said about an input; see [`Error`].
pub fn lay(
    visual: &Path,
    pieces: &[Piece],
    output: &Path,
    dir: &Path,
    limits: &Limits,
    tools: &Tools,
) -> Result<f64, Error> {
    let stop = Stop::default();
    let work = || {
        let seen = Source::open(visual, Role::Visual, dir, limits, tools, &stop)?;
        let mut voices: Vec<(&Path, Source)> = Vec::new();
        for piece in pieces {
            if !voices.iter().any(|(path, _)| *path == piece.audio) {
                let voice = Source::open(&piece.audio, Role::Speech, dir, limits, tools, &stop)?;
                voices.push((&piece.audio, voice));
            }
        }
        pieces.iter().try_for_each(|piece| lies_inside(piece, &voices))?;
        let mut command = command(&tools.ffmpeg, dir);
        command.args(["-nostdin", "-v", "error", "-y"]);
        voices.iter().for_each(|(_, voice)| voice.add_to(&mut command, limits));
        command.args(["-filter_complex", &graph(pieces, &voices), "-map", "[laid]", "-map_metadata", "-1"]);
        command.args(["-t", &limits.duration_max_s.min(1e9).to_string(), "-c:a", "flac", "-f", "flac"]);
        command.arg(file_url(output)).stdout(Stdio::null());
        let exit = Process::spawn(command, &stop)?.wait()?;
        if exit.success { Ok(seen.info.duration_s) } else { Err(exit.error(|detail| Error::AudioInvalid { detail })) }
    };
    supervise(&stop, limits.stall_max_s, || ControlFlow::Continue(()), work)
}

/// Of a piece behind the end of its voice nothing would be heard, and nobody would be told.
fn lies_inside(piece: &Piece, voices: &[(&Path, Source)]) -> Result<(), Error> {
    let voice = voices.iter().find(|(path, _)| *path == piece.audio);
    match voice.map(|(_, voice)| voice.info.duration_s) {
        Some(audio_s) if piece.from_s >= audio_s => Err(Error::PieceOutside { from_s: piece.from_s, audio_s }),
        _ => Ok(()),
    }
}

fn graph(pieces: &[Piece], voices: &[(&Path, Source)]) -> String {
    let (mut graph, mut chain, mut at_s, mut count) = (String::new(), String::new(), 0.0, 0);
    let form = format!("aresample={RATE},aformat=sample_fmts=fltp:channel_layouts=stereo");
    for (i, piece) in pieces.iter().enumerate() {
        let gap_s = piece.start_s - at_s;
        if gap_s >= GAP_S_MIN {
            let _ = write!(graph, "anullsrc=r={RATE}:cl=stereo,{form},atrim=0:{gap_s:.6}[g{i}];");
            let _ = write!(chain, "[g{i}]");
            count += 1;
        }
        let (n, stream) =
            voices.iter().position(|(path, _)| *path == piece.audio).map_or((0, 0), |n| (n, voices[n].1.stream));
        let to = piece.to_s.map_or(String::new(), |to_s| format!(":end={to_s:.6}"));
        let _ = write!(
            graph,
            "[{n}:{stream}]{TIMELINE},atrim=start={:.6}{to},asetpts=PTS-STARTPTS,{form},apad,atrim=0:{:.6}[p{i}];",
            piece.from_s,
            piece.end_s - piece.start_s
        );
        let _ = write!(chain, "[p{i}]");
        count += 1;
        at_s = piece.end_s;
    }
    format!("{graph}{chain}concat=n={count}:v=0:a=1[laid]")
}
