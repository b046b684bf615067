//! The media child: the process in which hostile media is parsed. A hidden subcommand of the binary.
//!
//! Promise: it puts its limits on before it touches a byte of media, and it does not outlive the server: a thread waits for
//! the control pipe to close, which it does however the server ends, and then kills the whole process group.
//!
//! Fails by saying so: one line with a code and a sentence on stdout for what the user can mend, stderr and exit code 2
//! for what only the operator can.
mod calls;
mod check;
mod fence;
mod limits;
mod report;
mod speak;

pub use check::NEEDED;

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use postsync_lipsync::{Job, Piece, Report, SyncMode, Tools, lay};
use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group, setpgid};

use crate::order::{Look, Looked, Make, ORDER_BYTES_MAX, Order, Part, Said, Work};
use report::{Reporter, say};

/// The voices of a clip's parts, laid onto one timeline, in the child's folder.
const VOICES: &str = "voices";

/// Exit code of a child that did not come to work.
const NOT_STARTED: u8 = 2;

/// Runs the media child to its end: takes an order from stdin, reports on stdout.
///
/// Must be called before the process has a second thread: most limits hold only for the thread that puts them on and for
/// those that it starts.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error.to_string());
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn run() -> io::Result<()> {
    lead_own_group()?;
    let order = take_order()?;
    let folder = std::env::current_dir()?;
    let tools = match &order.work {
        Work::Make(make) => both(&make.tools),
        Work::Check(check) => both(&check.tools),
        Work::Look(look) => both(&look.tools),
        Work::Speak(speak) => vec![speak.tool.clone()],
    };
    limits::put_on(&order.limits)?;
    let inputs = match &order.work {
        Work::Make(make) => inputs_of(make, &folder),
        Work::Look(look) => vec![look.file.clone()],
        Work::Check(_) | Work::Speak(_) => Vec::new(),
    };
    fence::put_on(&folder, &inputs, &fence::readable(&order.limits, &tools))?;
    if let Err(error) = calls::put_on() {
        report::complain(&format!("system calls are not limited: {error}"));
    }
    end_with_the_server()?;
    match order.work {
        Work::Make(make) => say(&make_video(*make, &folder)),
        Work::Look(look) => say(&look_into(&look, &folder)),
        Work::Speak(words) => say(&speak::speak(&words, &folder)),
        Work::Check(check) => say(&Said::Checked(check::try_all(&order.limits, &check))),
    }
}

fn both(tools: &Tools) -> Vec<PathBuf> {
    vec![tools.ffmpeg.clone(), tools.ffprobe.clone()]
}

/// The server starts us as the leader of a group. Started by hand we may be in a shell's, which must not die with us.
fn lead_own_group() -> io::Result<()> {
    if getpgrp() != getpid() {
        setpgid(None, None)?;
    }
    Ok(())
}

fn take_order() -> io::Result<Order> {
    let mut line = Vec::new();
    // Byte by byte from the lock's own buffer: what follows the line must stay for the thread that waits for the end.
    io::stdin().lock().take(ORDER_BYTES_MAX).read_until(b'\n', &mut line)?;
    serde_json::from_slice(&line).map_err(|error| io::Error::other(format!("not an order: {error}")))
}

/// Kills the whole group, ourselves included, once nobody holds the other end of stdin.
fn end_with_the_server() -> io::Result<()> {
    let wait = || {
        let mut dropped = [0; 64];
        // The server sends nothing more; should it, that is not the end.
        while io::stdin().lock().read(&mut dropped).is_ok_and(|read| read > 0) {}
        let _ = kill_current_process_group(Signal::KILL);
    };
    thread::Builder::new().name("control".into()).spawn(wait).map(drop)
}

fn inputs_of(make: &Make, folder: &Path) -> Vec<PathBuf> {
    let parts = make.parts.iter().map(|part| &part.audio);
    [&make.visual, &make.audio].into_iter().chain(parts).map(|file| folder.join(file)).collect()
}

fn make_video(make: Make, folder: &Path) -> Said {
    match made(make, folder) {
        Ok(report) => Said::Done { duration_ms: report::milliseconds(report.duration_s) },
        Err(error) => {
            report::complain(error.detail().unwrap_or_default());
            Said::Failed { error_code: error.error_code().into(), error: error.to_string() }
        }
    }
}

fn made(make: Make, folder: &Path) -> Result<Report, postsync_lipsync::Error> {
    // Absolute, because ffmpeg runs in a folder of its own further down.
    let file = |name: &str| folder.join(name);
    let mut job = Job::new(file(&make.visual), file(&make.audio), file(&make.output), folder);
    (job.options, job.limits, job.tools, job.name) = (make.options, make.limits, make.tools, make.name);
    job.only = make.only;
    let pieces: Vec<Piece> = make.parts.iter().map(|part| piece(part, folder)).collect();
    if let Some(last) = pieces.last() {
        job.audio = file(VOICES);
        let video_s = lay(&job.visual, &pieces, &job.audio, folder, &job.limits, &job.tools)?;
        // The clip goes on behind its last part; where it is shorter, the client says how it is made longer.
        if video_s >= last.end_s {
            job.options.sync_mode = SyncMode::Silence;
        }
    }
    let report = postsync_lipsync::run(&job, &mut Reporter::default());
    if !pieces.is_empty() {
        // It goes with its folder at the latest.
        let _ = std::fs::remove_file(&job.audio);
    }
    report
}

fn piece(part: &Part, folder: &Path) -> Piece {
    let Part { audio, start_s, end_s, from_s, to_s } = part;
    Piece { audio: folder.join(audio), start_s: *start_s, end_s: *end_s, from_s: *from_s, to_s: *to_s }
}

fn look_into(look: &Look, folder: &Path) -> Said {
    let thumbnail = folder.join(&look.thumbnail);
    match postsync_lipsync::examine(&look.file, &thumbnail, folder, &look.limits, &look.tools) {
        Ok(postsync_lipsync::Examined { info, has_thumbnail }) => {
            let duration_ms = if info.still { 0 } else { report::milliseconds(info.duration_s) };
            let (still, width, height) = (info.still, info.width, info.height);
            Said::Looked(Looked { still, width, height, duration_ms, has_thumbnail })
        }
        Err(error) => {
            report::complain(error.detail().unwrap_or_default());
            Said::Failed { error_code: error.error_code().into(), error: error.to_string() }
        }
    }
}
