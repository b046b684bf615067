//! Inputs and produced files.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
};

use postsync_lipsync::{Error, Job, Progress, Report, SyncMode, run};
use tempfile::TempDir;

/// A file of the crate.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn astronaut() -> PathBuf {
    here("samples/astronaut.png")
}

pub(crate) fn librivox() -> PathBuf {
    here("samples/librivox_0870.wav")
}

pub(crate) fn arctic() -> PathBuf {
    here("samples/arctic_a0009.wav")
}

/// Runs ffmpeg with arguments separated by spaces; `{}` stands for the next of `paths`.
pub(crate) fn ffmpeg(arguments: &str, paths: &[&Path]) {
    let mut paths = paths.iter();
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    for argument in arguments.split(' ').filter(|a| !a.is_empty()) {
        match argument {
            "{}" => command.arg(paths.next().expect("a path for each {}")),
            other => command.arg(other),
        };
    }
    let status = command.status().expect("ffmpeg must be installed: apt-get install ffmpeg");
    assert!(status.success(), "ffmpeg {arguments}");
}

/// A folder for this run of the tests, removed at the next.
fn shared_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lipsync-acceptance");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    })
}

/// Makes each named file once, even when several tests want it at the same time.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    type Slots = Mutex<HashMap<String, Arc<OnceLock<PathBuf>>>>;
    static SLOTS: OnceLock<Slots> = OnceLock::new();
    let slot = Arc::clone(SLOTS.get_or_init(Slots::default).lock().unwrap().entry(name.to_owned()).or_default());
    slot.get_or_init(|| {
        let path = shared_dir().join(name);
        make(&path);
        path
    })
    .clone()
}

/// The astronaut moving and turning through four seconds of video.
pub(crate) fn moving() -> PathBuf {
    once("moving.mp4", |path| {
        let filter = "scale=1536:1536:flags=lanczos,rotate='0.10*sin(2*PI*t/2.7)':ow=1536:oh=1536:fillcolor=gray,\
            crop=1280:1280:'128+90*sin(2*PI*t/3.3)':'80+60*sin(2*PI*t/2.1)',scale=720:720,format=yuv420p";
        let filter = filter.replace(' ', "");
        let arguments = format!("-loop 1 -framerate 25 -t 4 -i {{}} -vf {filter} -c:v libx264 -crf 16 {{}}");
        ffmpeg(&arguments, &[&astronaut(), path]);
    })
}

/// The same, small and short, for tests that only count frames.
pub(crate) fn small() -> PathBuf {
    once("small.mp4", |path| {
        ffmpeg("-i {} -t 1.2 -vf scale=360:360 -c:v libx264 -crf 20 {}", &[&moving(), path]);
    })
}

/// The first `seconds` of the speech.
pub(crate) fn speech_of(seconds: f64) -> PathBuf {
    once(&format!("speech{seconds}.wav"), |path| {
        ffmpeg(&format!("-i {{}} -t {seconds} {{}}"), &[&librivox(), path]);
    })
}

/// What a job came to, and what it left in its work folder.
pub(crate) struct Outcome {
    pub(crate) result: Result<Report, Error>,
    pub(crate) left_over: Vec<PathBuf>,
    _dir: TempDir,
}

pub(crate) fn attempt(visual: &Path, audio: &Path, output: &Path, adjust: impl FnOnce(&mut Job)) -> Outcome {
    attempt_watched(visual, audio, output, adjust, &mut |_| ControlFlow::Continue(()))
}

pub(crate) fn attempt_watched(
    visual: &Path,
    audio: &Path,
    output: &Path,
    adjust: impl FnOnce(&mut Job),
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let mut job = Job::new(visual, audio, output, dir.path());
    adjust(&mut job);
    let result = run(&job, &mut |p: Progress| watch(p));
    let left_over = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    Outcome { result, left_over, _dir: dir }
}

/// A finished video, made once under `name`.
pub(crate) fn produced(name: &str, visual: &Path, audio: &Path, mode: SyncMode) -> PathBuf {
    once(name, |path| {
        let outcome = attempt(visual, audio, path, |job| job.options.sync_mode = mode);
        outcome.result.unwrap_or_else(|e| panic!("{name}: {e} {:?}", e.detail()));
        assert!(outcome.left_over.is_empty(), "{:?}", outcome.left_over);
    })
}

pub(crate) fn still_librivox() -> PathBuf {
    produced("still_librivox.mp4", &astronaut(), &librivox(), SyncMode::Bounce)
}

pub(crate) fn still_arctic() -> PathBuf {
    produced("still_arctic.mp4", &astronaut(), &arctic(), SyncMode::Bounce)
}

pub(crate) fn moving_librivox() -> PathBuf {
    produced("moving_librivox.mp4", &moving(), &librivox(), SyncMode::Bounce)
}

pub(crate) fn moving_arctic() -> PathBuf {
    produced("moving_arctic.mp4", &moving(), &arctic(), SyncMode::Loop)
}
