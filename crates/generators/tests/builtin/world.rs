//! What the tests need of the world: a job's folder with inputs, and a look at which processes work in it.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use postsync_core::generation::Request;
use postsync_core::input::{Item, ItemKind};
use postsync_engine::ports::{Cancel, Generator, GeneratorError, Job, JobInput, JobOutput, Progress};
use postsync_generators::{Builtin, BuiltinSettings};
use tempfile::TempDir;

/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A data folder with one job's folder in it.
pub(crate) struct World {
    _root: TempDir,
    pub(crate) data: PathBuf,
    pub(crate) folder: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().canonicalize().unwrap();
        let folder = data.join("jobs/1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(data.join("master.key"), b"secret").unwrap();
        Self { _root: root, data, folder }
    }

    /// With a portrait and `seconds` of speech.
    pub(crate) fn with_media(seconds: u32) -> Self {
        let world = Self::new();
        fs::copy(sample("astronaut.png"), world.folder.join("input-0")).unwrap();
        let mut cut = Command::new("ffmpeg");
        cut.args(["-nostdin", "-v", "error", "-stream_loop", "-1", "-i"]).arg(sample("librivox_0870.wav"));
        cut.args(["-t", &seconds.to_string(), "-f", "wav"]).arg(world.folder.join("input-1"));
        assert!(cut.status().unwrap().success());
        world
    }

    /// A program that is a shell script.
    pub(crate) fn script(&self, body: &str) -> PathBuf {
        let path = self.data.join("script");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn job(&self) -> Job {
        let input = |kind, name: &str| JobInput {
            item: Item { kind, source: None, words: None, ref_id: None },
            file: Some(self.folder.join(name)),
        };
        Job {
            id: "018f2f6e-6d3a-7b6a-8c6e-0123456789ab".parse().unwrap(),
            tries: 1,
            request: Request { input: "[]".to_owned(), ..Request::default() },
            inputs: vec![input(ItemKind::Image, "input-0"), input(ItemKind::Audio, "input-1")],
            boxes: None,
            folder: self.folder.clone(),
            duration_max: None,
        }
    }

    pub(crate) async fn run(&self, settings: BuiltinSettings) -> Result<JobOutput, GeneratorError> {
        let builtin = Builtin::new(settings);
        let made = builtin.generate(self.job(), Progress::default(), Cancel::default());
        tokio::time::timeout(PATIENCE, made).await.expect("a generation that ends")
    }

    /// Processes whose working folder is the job's or one in it.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            // Who is gone between the two looks is gone.
            let Ok(cwd) = fs::read_link(entry.path().join("cwd")) else { continue };
            if cwd.starts_with(&self.folder) {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                found.push(name.trim().to_owned());
            }
        }
        found
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lipsync/samples").join(name)
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
