//! What every story needs: a running engine in a quiet world, and its words for what is on disk.
use std::sync::Arc;

use postsync_core::attempt::Attempt;
use postsync_core::delivery::State as DeliveryState;
use postsync_core::error_code::ErrorCode;
use postsync_core::generation::{Ending, Generation, NewGeneration, State};
use postsync_core::ids::GenerationId;
use postsync_core::schedule::Schedule;
use postsync_engine::ports::DeliveryRecord;
use postsync_engine::{Bounds, Engine, Settings};
use postsync_sim::{PostSeen, Stage};

pub(crate) const URL: &str = "https://app.example/webhook?order=7";
pub(crate) const ORG: &str = "default";

/// More than any answer of the engine takes in a quiet world.
const ANSWER_MS_MAX: i64 = 60_000;

pub(crate) struct Play {
    pub(crate) stage: Stage,
}

impl Play {
    pub(crate) fn new(schedule: &str) -> Self {
        Self::with(
            Settings { schedule: Schedule::parse(schedule).expect("a schedule"), ..Settings::default() },
            Bounds::default(),
        )
    }

    pub(crate) fn with(settings: Settings, bounds: Bounds) -> Self {
        let mut play = Self { stage: Stage::new(1, settings, bounds) };
        play.stage.receivers.keep_posts();
        play.start();
        play
    }

    pub(crate) fn start(&mut self) {
        self.stage.begin_life();
        self.stage.run_ready();
    }

    pub(crate) fn crash_and_restart(&mut self) {
        self.stage.kill();
        self.start();
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.stage.engine().expect("a running engine")
    }

    pub(crate) fn submit(&mut self, model: &str, url: Option<&str>) -> GenerationId {
        self.submit_this(Stage::request(ORG, model, url))
    }

    pub(crate) fn submit_this(&mut self, new: NewGeneration) -> GenerationId {
        let engine = self.engine();
        let answer = self.stage.run(ANSWER_MS_MAX, async move { engine.submit(new, Vec::new()).await });
        answer.expect("an answer").expect("an accepted generation").id
    }

    pub(crate) fn generation(&self, id: GenerationId) -> Generation {
        use futures::FutureExt as _;
        let found = self.stage.store.inner().generation_of_any(id).now_or_never().expect("at once");
        found.expect("a store that works").expect("a generation")
    }

    /// The code that it failed with.
    pub(crate) fn failed_with(&self, id: GenerationId) -> ErrorCode {
        match self.generation(id).state {
            State::Ended(_, Ending::Failed(failure)) => failure.code,
            other => panic!("it has not failed: {other:?}"),
        }
    }

    /// Its one delivery.
    pub(crate) fn delivery(&self, id: GenerationId) -> DeliveryRecord {
        let org = self.generation(id).org;
        let mut of: Vec<_> =
            self.stage.deliveries(&org).into_iter().filter(|r| r.delivery.generation == Some(id)).collect();
        assert_eq!(of.len(), 1, "a generation has one delivery");
        of.remove(0)
    }

    pub(crate) fn is_delivered(&self, id: GenerationId) -> bool {
        matches!(self.delivery(id).delivery.state, DeliveryState::Delivered(_))
    }

    /// What the log says of each attempt: its word, and the step it was made for.
    pub(crate) fn log(&self, id: GenerationId) -> Vec<(&'static str, u32)> {
        let word = |a: &Attempt| a.end.as_ref().map_or("open", |end| end.outcome.as_str());
        self.delivery(id).attempts.iter().map(|a| (word(a), a.step)).collect()
    }

    /// The POSTs that left, each with its virtual time.
    pub(crate) fn posts(&self) -> Vec<(i64, PostSeen)> {
        self.stage.receivers.posts()
    }

    /// When each POST left, in virtual time.
    pub(crate) fn post_times_ms(&self) -> Vec<i64> {
        self.posts().iter().map(|(at, _)| *at).collect()
    }
}

/// A POST's body as JSON.
pub(crate) fn body(post: &PostSeen) -> serde_json::Value {
    serde_json::from_slice(&post.body).expect("JSON")
}

impl Drop for Play {
    fn drop(&mut self) {
        let violations = self.stage.witness.violations();
        if let (Some(first), false) = (violations.first(), std::thread::panicking()) {
            panic!("{}: {}\n{}", first.checker, first.what, first.tail.join("\n"));
        }
    }
}
