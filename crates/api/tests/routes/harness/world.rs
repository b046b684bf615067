//! The rest of the ports: time that is moved by hand, work that is done when it is told to.
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use postsync_core::error_code::{self, GENERATION_TIMEOUT};
use postsync_core::generation::Failure;
use postsync_core::outcome::{Outcome, SendReport};
use postsync_core::speech::{Provider, Words};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{
    Cancel, Clock, CloneError, Contents, Entropy, Fetch, FetchError, FetchRequest, Fetched, Generator, GeneratorError,
    Inputs, Job, JobOutput, Post, ProbeError, Prober, Progress, Sender, Spawn, Speech, Spoken, Voice,
};
use tokio::sync::{Semaphore, oneshot, watch};

pub(crate) struct TestClock(watch::Sender<i64>);

impl TestClock {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self(watch::channel(at.0).0)
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.send_modify(|now| *now += i64::try_from(duration.as_millis()).unwrap());
    }

    /// How many wait for it to move.
    pub(crate) fn sleepers(&self) -> usize {
        self.0.receiver_count()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(*self.0.borrow())
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now().0).unwrap())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = self.now().plus(duration).0;
        let mut time = self.0.subscribe();
        async move { drop(time.wait_for(|now| *now >= until).await) }.boxed()
    }
}

#[derive(Default)]
pub(crate) struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        bytes.iter_mut().rev().zip(n.iter().rev().cycle()).for_each(|(byte, n)| *byte = *n);
    }
}

pub(crate) struct Runtime;

impl Spawn for Runtime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// Answers as it was told, else 200.
#[derive(Default)]
pub(crate) struct TestSender {
    told: Mutex<Vec<SendReport>>,
    held: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
}

impl TestSender {
    pub(crate) fn answer_with(&self, report: SendReport) {
        self.told.lock().unwrap().insert(0, report);
    }

    /// Has the next one take until the first is dropped; the second tells that it is being sent.
    pub(crate) fn hold(&self) -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        let ((hold, held), (telling, told)) = (oneshot::channel(), oneshot::channel());
        *self.held.lock().unwrap() = Some((telling, held));
        (hold, told)
    }
}

#[async_trait]
impl Sender for TestSender {
    async fn send(&self, _: Post) -> SendReport {
        let held = self.held.lock().unwrap().take();
        if let Some((telling, held)) = held {
            let _ = telling.send(());
            let _ = held.await;
        }
        let told = self.told.lock().unwrap().pop();
        told.unwrap_or_else(|| SendReport::bare(Outcome::Delivered { status: 200 }, ""))
    }
}

/// Sees the same in each file.
pub(crate) struct TestProber;

#[async_trait]
impl Prober for TestProber {
    async fn probe(&self, _: &Path, folder: &Path) -> Result<Contents, ProbeError> {
        let thumbnail = folder.join("thumbnail");
        std::fs::write(&thumbnail, b"\xff\xd8\xff\xe0 a small picture").unwrap();
        Ok(Contents {
            duration_ms: Some(2_500),
            width: Some(640),
            height: Some(360),
            thumbnail: Some(thumbnail),
            ..Contents::default()
        })
    }
}

pub(crate) struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        panic!("nothing is fetched here: {}", request.url)
    }
}

/// Says everything in a second, and has one voice. The answers to clones whose names begin so are lost: those of `lost` are made,
/// those of `dropped` are not.
#[derive(Default)]
pub(crate) struct Speaker {
    asked: AtomicU64,
    /// Their ids and names.
    cloned: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Speech for Speaker {
    async fn speak(&self, words: &Words, _: &Path, to: &Path) -> Result<Spoken, Failure> {
        if words.script == "unvoiced" {
            return Err(Failure::of(error_code::VOICE_NOT_FOUND));
        }
        if words.script == "unspeakable" {
            return Err(Failure::new(error_code::ELEVENLABS_QUOTA_EXCEEDED, "There is no more to be said."));
        }
        let file = b"RIFF\x10\0\0\0WAVEfmt speech";
        tokio::fs::write(to, file).await.unwrap();
        Ok(Spoken { bytes: file.len() as u64, format: "wav", duration_ms: Some(1_250) })
    }

    async fn voices(&self, of: Option<Provider>) -> Result<Vec<Voice>, Failure> {
        let voice =
            |provider, id: &str, name: &str| Voice { provider, id: id.into(), name: name.into(), preview_url: None };
        let mut voices = vec![voice(Provider::Espeak, "en-us", "Ada"), voice(Provider::ElevenLabs, "v1", "Ada")];
        voices.extend(self.cloned.lock().unwrap().iter().map(|(id, name)| voice(Provider::ElevenLabs, id, name)));
        voices.retain(|voice| of.is_none_or(|of| of == voice.provider));
        Ok(voices)
    }

    async fn clone_voice(&self, name: &str, sample: &Path) -> Result<Voice, CloneError> {
        if std::fs::read(sample).unwrap().is_empty() {
            return Err(CloneError::Refused(Failure::of(error_code::VOICE_SAMPLE_INVALID)));
        }
        if name.starts_with("unclonable") {
            return Err(CloneError::Refused(Failure::of(error_code::VOICE_CLONE_LIMIT_REACHED)));
        }
        let id = format!("cloned-{}", self.asked.fetch_add(1, Ordering::SeqCst) + 1);
        let lost = || CloneError::Unknown(Failure::of(error_code::ELEVENLABS_SERVICE_UNAVAILABLE));
        if name.starts_with("dropped") {
            return Err(lost());
        }
        self.cloned.lock().unwrap().push((id.clone(), name.to_owned()));
        if name.starts_with("lost") {
            return Err(lost());
        }
        Ok(Voice { provider: Provider::ElevenLabs, id, name: name.to_owned(), preview_url: None })
    }

    async fn delete_voice(&self, id: &str) -> Result<(), Failure> {
        let mut cloned = self.cloned.lock().unwrap();
        let before = cloned.len();
        cloned.retain(|(known, _)| known != id);
        if cloned.len() == before { Err(Failure::of(error_code::VOICE_NOT_FOUND)) } else { Ok(()) }
    }
}

/// Makes an mp4 of 100 kB when it is told to.
pub(crate) struct Made {
    root: PathBuf,
    started: Semaphore,
    may_end: Semaphore,
    /// Of the work that started last.
    progress: Mutex<Progress>,
}

impl Made {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, started: Semaphore::new(0), may_end: Semaphore::new(0), progress: Mutex::default() }
    }

    /// Resolves when one more work has started, at 42 percent.
    pub(crate) async fn started(&self) {
        let started = tokio::time::timeout(Duration::from_secs(20), self.started.acquire()).await;
        started.expect("no work started").unwrap().forget();
    }

    /// How far the work that started last is now.
    pub(crate) fn has_come(&self, done: f64) {
        self.progress.lock().unwrap().set(done);
    }

    /// Lets one work end.
    pub(crate) fn finish_one(&self) {
        self.may_end.add_permits(1);
    }

    /// What it makes.
    pub(crate) fn video() -> Vec<u8> {
        let head = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2";
        head.iter().copied().chain((0..100_000u32).map(|n| n.to_le_bytes()[1])).collect()
    }
}

#[async_trait]
impl Generator for Made {
    fn inputs(&self) -> Inputs {
        Inputs::AsGiven
    }

    fn concurrency(&self) -> usize {
        4
    }

    async fn generate(&self, job: Job, progress: Progress, _: Cancel) -> Result<JobOutput, GeneratorError> {
        progress.set(0.42);
        *self.progress.lock().unwrap() = progress;
        self.started.add_permits(1);
        self.may_end.acquire().await.unwrap().forget();
        if job.request.options.as_deref() == Some(r#"{"fail":true}"#) {
            return Err(GeneratorError::Failed(Failure::of(GENERATION_TIMEOUT)));
        }
        let path = self.root.join(format!("made-{}", job.id));
        std::fs::write(&path, Self::video()).unwrap();
        Ok(JobOutput::File { path, duration_ms: Some(9_980) })
    }
}

pub(crate) struct Passthrough;

#[async_trait]
impl Generator for Passthrough {
    fn inputs(&self) -> Inputs {
        Inputs::AsGiven
    }

    fn concurrency(&self) -> usize {
        64
    }

    fn instant(&self) -> bool {
        true
    }

    async fn generate(&self, _: Job, _: Progress, _: Cancel) -> Result<JobOutput, GeneratorError> {
        Ok(JobOutput::Url("https://media.example.com/in.mp4".to_owned()))
    }
}
