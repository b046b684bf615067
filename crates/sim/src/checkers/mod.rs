//! The invariants, each under its name, each judged by what the world saw and by what is on disk at the end.
//!
//! Promise: none of them asks the engine or `core` what would be right. Where a rule has arithmetic (the schedule), it is
//! written down here a second time.
mod attempts;
mod audits;
mod batches;
mod cancels;
mod endings;
mod feeds;
mod levels;
mod listeners;
mod owners;
mod posts;
mod relays;
mod replays;
mod schedule;
mod secrets;
mod speech;
mod stops;
mod work;

use postsync_core::batch::Batch;
use postsync_core::generation::Generation;
use postsync_core::ids::{GenerationId, MediaId};
use postsync_core::schedule::Schedule;
use postsync_engine::ports::DeliveryRecord;

use crate::facts::{Fact, Moment};

pub(crate) use owners::rules_of;

/// What the checkers must know of a run's settings.
#[derive(Clone, Debug)]
pub struct Rules {
    /// When deliveries are attempted.
    pub schedule: Schedule,
    /// POSTs under way at once.
    pub in_flight_max: usize,
    /// Works of a generator under way at once.
    pub works_max: usize,
}

/// What is there when a run is over.
#[derive(Debug, Default)]
pub struct End {
    /// Every generation on disk.
    pub generations: Vec<Generation>,
    /// Every batch on disk.
    pub batches: Vec<Batch>,
    /// Every delivery on disk, with its attempts.
    pub deliveries: Vec<DeliveryRecord>,
    /// Folders of jobs that still exist.
    pub folders: Vec<GenerationId>,
    /// Files that the media store keeps and no row names.
    pub media_of_nobody: Vec<MediaId>,
    /// Generations that the engine still shows as being at work.
    pub at_work: Vec<GenerationId>,
    /// Generations that the engine still counts against their organizations' limits.
    pub counted: usize,
    /// Whether everything had ended when the bound was reached.
    pub settled: bool,
    /// Virtual time from the end of the faults to the end of the run.
    pub took_ms: i64,
}

/// One invariant.
pub trait Checker: Send {
    /// Its name: mutants say by which they must be caught.
    fn name(&self) -> &'static str;

    /// Judges one fact.
    ///
    /// # Errors
    /// What is wrong.
    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String>;

    /// Judges what is left.
    ///
    /// # Errors
    /// What is wrong.
    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        Ok(())
    }
}

/// Every checker.
#[must_use]
pub fn all(rules: &Rules) -> Vec<Box<dyn Checker>> {
    vec![
        Box::<endings::AcceptedEnds>::default(),
        Box::<endings::EventReachesOrExhausts>::default(),
        Box::<endings::FinalStaysFinal>::default(),
        Box::<endings::SettlesWithinBound>::default(),
        Box::<endings::NothingLeft>::default(),
        Box::<batches::BatchesEndOnce>::default(),
        Box::<audits::EachIsAuditedOnce>::default(),
        Box::<attempts::DeliveredImplies2xx>::default(),
        Box::<attempts::AttemptsRiseByOne>::default(),
        Box::<attempts::PostHasStart>::default(),
        Box::<attempts::OneOwner>::default(),
        Box::new(schedule::ScheduleRespected::new(rules)),
        Box::<posts::IdsRise>::default(),
        Box::<posts::SameBytes>::default(),
        Box::<secrets::SignedAsOnDisk>::default(),
        Box::new(posts::InFlightBounded::new(rules)),
        Box::<levels::WindowsKept>::default(),
        Box::new(levels::CircuitsHold::new(rules)),
        Box::<owners::PausesHold>::default(),
        Box::<owners::LimitsKept>::default(),
        Box::<owners::RatesKept>::default(),
        Box::<work::DiesThreeTimesEndsFailed>::default(),
        Box::<work::WorkEndsBeforeItsFolder>::default(),
        Box::<cancels::CancelsStopWork>::default(),
        Box::<stops::StopHandsBack>::default(),
        Box::<stops::WaitsAreTold>::default(),
        Box::<replays::ReplaysAreWhole>::default(),
        Box::<feeds::FeedIsWhole>::default(),
        Box::<feeds::FeedsAreTold>::default(),
        Box::<feeds::CursorsNeverFall>::default(),
        Box::<listeners::ListenersHearAll>::default(),
        Box::<speech::SpeechIsMadeOnce>::default(),
        Box::<relays::HandedOnOnce>::default(),
        Box::<relays::RelaysAreWatched>::default(),
    ]
}

/// `Err` with the sentence where the condition does not hold.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
