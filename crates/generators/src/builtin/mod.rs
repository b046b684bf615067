//! The built-in generator: `mesh-1`, in a limited child process per generation.
//!
//! Promise: whatever the child does (crash, hang, lie, flood, be killed for memory), the generation ends in one of the ways
//! of [`GeneratorError`] and nothing of its process group keeps running: neither after an ending, nor after a cancel, nor
//! when the future is dropped, nor when this server dies (the child ends itself when its control pipe closes). The child's
//! limits keep what it starts in the group. Where the kernel lacks them something may get out and live on; it can't change
//! the video then, because what is judged and kept is a copy made after the group is gone, outside the child's folder.
//!
//! Deliberately absent: how a video is made (`postsync-lipsync`), what the child may not do (`media_child`), retries.
mod doctor;
mod lines;
mod look;
pub(crate) mod process;
pub(crate) mod session;
pub(crate) mod verdict;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::boxes::{self, Boxes};
use postsync_core::error_code::{
    GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_SEGMENTS_INVALID, GENERATION_INPUT_VALIDATION_FAILED,
    GENERATION_PIPELINE_FAILED, GENERATION_TIMEOUT,
};
use postsync_core::generation::Failure;
use postsync_core::input::ItemKind;
use postsync_core::segment::{self, Segment};
use postsync_core::stretch;
use postsync_engine::ports::{Cancel, Generator, GeneratorError, Inputs, Job, JobInput, JobOutput, Progress};
use postsync_lipsync::Options;
use serde_json::Value;
use tokio::time::timeout;

use crate::order::{ChildLimits, Make, Order, Part, Said, Work};
use process::Process;
use session::{EXIT_GRACE, Session, Trouble};
use verdict::Unfit;

pub use doctor::limits_in_force;
pub use look::MediaProber;
pub(crate) use process::SUBCOMMAND;

/// The output's name, in the child's folder and then in the job's: chosen here, so that a child has no say in where we look.
const OUTPUT: &str = "output";

/// The child's folder in the job's: all that it may write. Inputs and the finished video lie outside of it.
const CHILD_FOLDER: &str = "child";

/// How the built-in generator works.
#[derive(Clone, Debug)]
pub struct BuiltinSettings {
    /// The program whose `media-child` subcommand calls [`crate::media_child::main`].
    pub program: PathBuf,
    /// Generations at once. One takes all cores already.
    pub concurrency: usize,
    /// What is too much media.
    pub limits: postsync_lipsync::Limits,
    /// Which ffmpeg.
    pub tools: postsync_lipsync::Tools,
    /// What a child may use.
    pub child: ChildLimits,
    /// A child that works longer has failed. The engine's own bound is meant to come first.
    pub time_max: Duration,
    /// A child that says nothing for so long hangs: it reports at least once a second.
    pub silence_max: Duration,
}

impl Default for BuiltinSettings {
    fn default() -> Self {
        Self {
            // Not the path it was started by: that may be another version by now, or gone.
            program: "/proc/self/exe".into(),
            concurrency: 1,
            limits: postsync_lipsync::Limits::default(),
            tools: postsync_lipsync::Tools::default(),
            child: ChildLimits::default(),
            time_max: Duration::from_secs(2 * 60 * 60),
            silence_max: Duration::from_secs(120),
        }
    }
}

/// The generator that is always there.
#[derive(Clone, Debug)]
pub struct Builtin {
    settings: BuiltinSettings,
}

impl Builtin {
    /// A generator with these settings. Starts nothing yet.
    #[must_use]
    pub fn new(settings: BuiltinSettings) -> Self {
        Self { settings }
    }

    /// What the child is told. Options that do not fit are the client's to correct.
    fn order(&self, job: &Job) -> Result<Make, Failure> {
        let file = |fits: fn(ItemKind) -> bool, missing: &str| {
            let input = job.input(fits).ok_or_else(|| Failure::new(GENERATION_INPUT_VALIDATION_FAILED, missing))?;
            let name = input.file.as_deref().and_then(|file| name_in(&job.folder, file));
            name.map(|name| format!("../{name}")).ok_or_else(|| Failure::of(GENERATION_PIPELINE_FAILED))
        };
        let options = job.request.options.as_deref().map_or(Ok(Default::default()), serde_json::from_str);
        let mut options: Options = options.map_err(|_| {
            Failure::new(GENERATION_INPUT_VALIDATION_FAILED, "options holds a field that mesh-1 can't read.")
        })?;
        if let Some(file) = &job.boxes {
            options.active_speaker_detection.bounding_boxes = Some(read_boxes(file)?);
        }
        let (limits, parts) = (limits(&self.settings, job), parts(job)?);
        within(&parts, limits.duration_max_s)?;
        Ok(Make {
            visual: file(ItemKind::is_visual, "The model mesh-1 needs a video or an image.")?,
            audio: file(|kind| !kind.is_visual(), "The model mesh-1 needs an audio or a text.")?,
            parts,
            only: only(job)?,
            output: OUTPUT.into(),
            name: Some(format!("generation {}", job.id)),
            options,
            limits,
            tools: tools(&self.settings),
        })
    }

    /// The conversation until there is something to judge, or no more patience.
    async fn listen(&self, session: &mut Session, order: &[u8], progress: &Progress, cancel: &Cancel) -> Heard {
        let talk = session.talk(order, |done| progress.set(done));
        tokio::select! {
            biased;
            _ = cancel.cancelled() => Heard::Cancelled,
            heard = timeout(self.settings.time_max, talk) => match heard {
                Ok(Ok(verdict)) => Heard::Verdict(verdict),
                Ok(Err(trouble)) => Heard::Trouble(trouble),
                Err(_) => Heard::TooLong,
            },
        }
    }

    /// Ends the process as what was heard asks for, and only then judges: while it lives it could still change the output.
    async fn judge(&self, heard: Heard, process: Process, folder: &Path) -> Result<JobOutput, GeneratorError> {
        let ended = |patience: Duration| async move { process.end_within(patience).await };
        match heard {
            Heard::Verdict(Said::Done { duration_ms }) => {
                let status = ended(EXIT_GRACE).await;
                if !status.is_some_and(|status| status.success()) {
                    return Err(GeneratorError::Died(verdict::cause_of_death(status)));
                }
                self.accept(folder, duration_ms).await
            }
            Heard::Verdict(Said::Failed { error_code, error }) => {
                ended(EXIT_GRACE).await;
                Err(GeneratorError::Failed(verdict::failure(&error_code, &error)))
            }
            Heard::Trouble(Trouble::HungUp) => {
                Err(GeneratorError::Died(verdict::cause_of_death(ended(EXIT_GRACE).await)))
            }
            Heard::Trouble(Trouble::Misbehaved(sentence)) => {
                ended(Duration::ZERO).await;
                Err(GeneratorError::Died(sentence.into()))
            }
            Heard::Verdict(Said::Progress(_) | Said::Checked(_) | Said::Looked(_)) => {
                ended(Duration::ZERO).await;
                Err(GeneratorError::Died("The media process answered another question.".into()))
            }
            Heard::TooLong => {
                ended(Duration::ZERO).await;
                Err(GeneratorError::Failed(Failure::of(GENERATION_TIMEOUT)))
            }
            Heard::Cancelled => {
                ended(Duration::ZERO).await;
                Err(GeneratorError::Cancelled)
            }
        }
    }

    async fn accept(&self, folder: &Path, duration_ms: u64) -> Result<JobOutput, GeneratorError> {
        let longest_s = self.settings.limits.duration_max_s;
        let (from, path) = (folder.join(CHILD_FOLDER).join(OUTPUT), folder.join(OUTPUT));
        let taken = tokio::task::spawn_blocking(move || {
            verdict::take_output(&from, &path, "video/mp4", duration_ms, longest_s).map(|()| {
                let duration_ms = Some(duration_ms);
                JobOutput::File { path, duration_ms }
            })
        });
        taken.await.unwrap_or(Err(Unfit::Child("The output could not be checked."))).map_err(|unfit| match unfit {
            Unfit::Child(sentence) => GeneratorError::Died(sentence.into()),
            Unfit::Storage => GeneratorError::Failed(Failure::of(GENERATION_INFRA_STORAGE_ERROR)),
        })
    }
}

/// Those of all generations, and where this one's inputs must be shorter, that.
fn limits(settings: &BuiltinSettings, job: &Job) -> postsync_lipsync::Limits {
    let limits = settings.limits.clone();
    let longest_s = job.duration_max.map_or(f64::INFINITY, |longest| longest.as_secs_f64());
    postsync_lipsync::Limits { duration_max_s: limits.duration_max_s.min(longest_s), ..limits }
}

/// Voices are laid up to there and no further: what is behind it would be lost, and nothing would say so.
fn within(parts: &[Part], longest_s: f64) -> Result<(), Failure> {
    if parts.iter().all(|part| part.end_s <= longest_s) {
        return Ok(());
    }
    let why = format!("segments end behind {longest_s} seconds, and the clip may not be longer than that.");
    Err(Failure::new(GENERATION_INPUT_SEGMENTS_INVALID, &why))
}

/// The parts of the clip that have voices of their own. Judged at create: what can't be read here is a fault of ours.
fn parts(job: &Job) -> Result<Vec<Part>, Failure> {
    let Some(text) = &job.request.segments else { return Ok(Vec::new()) };
    let unreadable = || Failure::of(GENERATION_PIPELINE_FAILED);
    let segments = serde_json::from_str(text).ok().and_then(|value| segment::read(&value)).ok_or_else(unreadable)?;
    let part = |Segment { start_s, end_s, ref_id, from_s, to_s }: Segment| {
        let is_it = |input: &&JobInput| !input.item.kind.is_visual() && input.item.ref_id.as_ref() == Some(&ref_id);
        let file = job.inputs.iter().find(is_it)?.file.as_deref()?;
        let audio = format!("../{}", name_in(&job.folder, file)?);
        Some(Part { audio, start_s, end_s, from_s, to_s })
    };
    segments.into_iter().map(part).collect::<Option<_>>().ok_or_else(unreadable)
}

/// The stretches of the video that alone get new lips. Judged at create, as are the parts.
fn only(job: &Job) -> Result<Option<postsync_lipsync::Stretches>, Failure> {
    let unreadable = || Failure::of(GENERATION_PIPELINE_FAILED);
    let items: Vec<Value> = serde_json::from_str(&job.request.input).map_err(|_| unreadable())?;
    let Some(video) = items.iter().find(|item| item["type"] == "video") else { return Ok(None) };
    let read = stretch::read(video, "input").map_err(|_| unreadable())?;
    Ok(read.map(|stretches| match stretches {
        stretch::Stretches::Seconds(pairs) => postsync_lipsync::Stretches::Seconds(pairs),
        stretch::Stretches::Frames(pairs) => postsync_lipsync::Stretches::Frames(pairs),
    }))
}

/// How a conversation ended.
enum Heard {
    Verdict(Said),
    Trouble(Trouble),
    TooLong,
    Cancelled,
}

#[async_trait]
impl Generator for Builtin {
    fn inputs(&self) -> Inputs {
        Inputs::LocalFiles
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    async fn generate(&self, job: Job, progress: Progress, cancel: Cancel) -> Result<JobOutput, GeneratorError> {
        let make = self.order(&job).map_err(GeneratorError::Failed)?;
        let order = order_line(self.settings.child.clone(), Work::Make(Box::new(make)));
        let child_folder = job.folder.join(CHILD_FOLDER);
        let started = fresh(&child_folder).and_then(|()| Process::spawn(&self.settings.program, &child_folder));
        let (process, pipes) = started.map_err(|error| {
            GeneratorError::Died(Failure::new(GENERATION_PIPELINE_FAILED, &not_started(&error)).error)
        })?;
        let mut session = Session::new(pipes, self.settings.silence_max);
        let heard = self.listen(&mut session, &order, &progress, &cancel).await;
        let made = self.judge(heard, process, &job.folder).await;
        // The job's folder goes soon, whatever this comes to.
        let _ = tokio::fs::remove_dir_all(&child_folder).await;
        match &made {
            Ok(_) => progress.set(1.0),
            Err(GeneratorError::Cancelled) => {}
            Err(error) => {
                let complaints = session.complaints().await;
                tracing::warn!(generation = %job.id, error = error.why(), complaints, "the media child gave no video");
            }
        }
        made
    }
}

fn read_boxes(file: &Path) -> Result<Boxes, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        tracing::error!(%error, "the file of boxes can't be read");
        Failure::of(GENERATION_PIPELINE_FAILED)
    })?;
    boxes::read(&bytes)
}

/// An empty folder, also where a try before this one left its own.
pub(crate) fn fresh(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir(folder),
    }
}

/// The tools as the child finds them: it works in another folder, where a relative path would lead elsewhere. Bare names
/// stay, to be looked up on `PATH`.
fn tools(settings: &BuiltinSettings) -> postsync_lipsync::Tools {
    let absolute = |tool: &PathBuf| match tool.components().count() {
        0 | 1 => tool.clone(),
        _ => std::path::absolute(tool).unwrap_or_else(|_| tool.clone()),
    };
    let tools = &settings.tools;
    postsync_lipsync::Tools { ffmpeg: absolute(&tools.ffmpeg), ffprobe: absolute(&tools.ffprobe) }
}

fn not_started(error: &std::io::Error) -> String {
    format!("The media process could not be started: {}.", error.kind())
}

/// One line of JSON. Nothing in an order can fail to print; an empty line would be refused by the child.
pub(crate) fn order_line(limits: ChildLimits, work: Work) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Order { limits, work }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The name of a file that lies directly in `folder`: the child is shown no others.
fn name_in(folder: &Path, file: &Path) -> Option<String> {
    let name = file.strip_prefix(folder).ok()?;
    let plain = name.file_name() == Some(name.as_os_str()) && ![OUTPUT, CHILD_FOLDER].map(Path::new).contains(&name);
    plain.then(|| name.to_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_tools_are_found_from_any_folder() {
        let mut settings = BuiltinSettings::default();
        assert_eq!(tools(&settings), settings.tools, "bare names are looked up");
        settings.tools.ffmpeg = "tools/ffmpeg".into();
        assert_eq!(tools(&settings).ffmpeg, std::env::current_dir().unwrap().join("tools/ffmpeg"));
    }

    #[test]
    fn only_plain_names_in_the_folder_are_named() {
        let folder = Path::new("/data/jobs/1");
        assert_eq!(name_in(folder, Path::new("/data/jobs/1/input-0")).as_deref(), Some("input-0"));
        for other in ["/data/jobs/1", "/data/jobs/2/input-0", "/data/jobs/1/a/b", "/data/jobs/1/../2", "input-0", ""] {
            assert_eq!(name_in(folder, Path::new(other)), None, "{other}");
        }
        assert_eq!(name_in(folder, &folder.join(OUTPUT)), None, "an input in the output's place");
    }
}
