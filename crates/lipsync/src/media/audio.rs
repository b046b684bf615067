//! Reads speech as 16 kHz mono.

use std::{io::Read, process::Stdio};

use crate::{
    Error, Limits, Tools,
    media::{
        probe::Source,
        process::{Process, Stop, command},
        scratch::Scratch,
    },
    speech::{LogMel, SAMPLE_RATE},
};

/// Fills gaps and a late start with silence. Both the analysis and the encoder use it, or the mouth would move at other times than the sound.
pub(crate) const TIMELINE: &str = "aresample=async=1:first_pts=0";

/// Decodes the whole of `source` into features; nothing of the sound itself is kept.
pub(crate) fn analyse(
    source: &Source,
    limits: &Limits,
    tools: &Tools,
    scratch: &Scratch,
    stop: &Stop,
) -> Result<LogMel, Error> {
    let mut command = command(&tools.ffmpeg, scratch.dir());
    command.args(["-nostdin", "-v", "error"]);
    source.add_to(&mut command, limits);
    command.args(["-map", &format!("0:{}", source.stream), "-vn", "-sn", "-dn", "-af", TIMELINE]);
    command.args(["-ac", "1", "-ar", &SAMPLE_RATE.to_string(), "-t", &limits.duration_max_s.to_string()]);
    command.args(["-f", "f32le", "pipe:1"]).stdout(Stdio::piped());
    let process = Process::spawn(command, stop)?;
    let mut pipe = process.stdout()?;
    let mut log_mel = LogMel::new();
    let (mut bytes, mut kept, mut samples) = (vec![0u8; 1 << 16], 0, Vec::new());
    loop {
        let read = pipe.read(&mut bytes[kept..])?;
        if read == 0 {
            break;
        }
        let whole = (kept + read) / 4 * 4;
        samples.clear();
        samples.extend(bytes[..whole].chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])));
        log_mel.push(&samples);
        bytes.copy_within(whole..kept + read, 0);
        kept = kept + read - whole;
        stop.beat();
    }
    let exit = process.wait()?;
    if log_mel.samples() == 0 {
        return Err(exit.error(|detail| Error::AudioInvalid { detail }));
    }
    Ok(log_mel)
}
