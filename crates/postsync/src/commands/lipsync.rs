//! `postsync lipsync`: one file in, one file out, no server.
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use postsync_lipsync::{Job, Options, Progress, SyncMode};

use super::interrupt::Flag;
use super::output;
use crate::out::say;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  postsync lipsync portrait.png speech.wav -o talking.mp4")]
pub(crate) struct LipsyncArgs {
    /// A video (mp4, mov, webm, mkv, avi) or a picture (jpeg, png, webp) of a face.
    visual: PathBuf,
    /// Speech: wav, mp3, m4a, ogg, flac, or a video's sound.
    audio: PathBuf,
    /// The mp4 to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What happens when picture and speech differ in length.
    #[arg(long, value_enum, default_value = "bounce")]
    sync_mode: Mode,
    /// How far the mouth moves: 0 restrained, 0.5 true to the speech, 1 exaggerated.
    #[arg(long, default_value_t = 0.5)]
    temperature: f32,
    /// Replace the output where it exists.
    #[arg(long)]
    force: bool,
    /// As JSON: the length, size and frame rate of what was made.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Mode {
    Bounce,
    Loop,
    CutOff,
    Silence,
    Remap,
}

impl From<Mode> for SyncMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Bounce => Self::Bounce,
            Mode::Loop => Self::Loop,
            Mode::CutOff => Self::CutOff,
            Mode::Silence => Self::Silence,
            Mode::Remap => Self::Remap,
        }
    }
}

pub(crate) fn run(args: &LipsyncArgs) -> anyhow::Result<ExitCode> {
    ensure!((0.0..=1.0).contains(&args.temperature), "--temperature goes from 0 to 1");
    ensure!(args.force || !args.output.exists(), "{} exists; --force replaces it", args.output.display());
    for input in [&args.visual, &args.audio] {
        ensure!(input.is_file(), "{} is not there, or not a file", input.display());
    }
    output::judge(&args.output)?;
    let signal = Flag::on_signal()?;
    let folder = tempfile::Builder::new().prefix("postsync-").tempdir().context("no temporary folder could be made")?;
    let mut job = Job::new(&args.visual, &args.audio, &args.output, folder.path());
    job.options = Options { sync_mode: args.sync_mode.into(), temperature: args.temperature, ..Options::default() };
    let bar = bar("making the video");
    let done = postsync_lipsync::run(&job, &mut |progress: Progress| {
        bar.set_position(percent(f64::from(progress.fraction)));
        if signal.came().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    // Before the error: what Ctrl-C ended is no fault, whatever it looked like from inside.
    if let (Err(_), Some(came)) = (&done, signal.came()) {
        return Ok(came.ended());
    }
    let report = done.map_err(|error| anyhow::anyhow!("{error} ({})", error.error_code()))?;
    if args.json {
        say!("{}", serde_json::to_string(&report)?)?;
    } else {
        eprintln!(
            "{}: {}x{}, {:.2} s, {} frames at {:.2} f/s",
            args.output.display(),
            report.width,
            report.height,
            report.duration_s,
            report.frames,
            report.fps
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar of 100 percent on a terminal, nothing elsewhere.
pub(super) fn bar(doing: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {percent:>3}% {elapsed}{left}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(100).with_style(style.with_key("left", left).progress_chars("=> ")).with_message(doing)
}

/// What is left; nothing before there is something to reckon from.
fn left(state: &ProgressState, line: &mut dyn Write) {
    if state.pos() > 0 {
        let _ = write!(line, ", {:#} left", HumanDuration(state.eta()));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
pub(super) fn percent(fraction: f64) -> u64 {
    (fraction * 100.0).clamp(0.0, 100.0) as u64
}
