//! What goes into the next commit: what somebody waits for first, and no more than a short time's worth.
//!
//! Promise: a new generation, its end and its webhook's first start wait for one commit that runs and for the next, however
//! many outcomes and retries wait. Those have their part of every commit, so that neither side can keep the other out.
use std::collections::VecDeque;
use std::time::Duration;

use postsync_core::access::AccessChange;
use postsync_core::asset::AssetChange;
use postsync_core::audit::AuditChange;
use postsync_core::change::Change;
use postsync_core::idempotency::IdempotencyChange;
use postsync_core::speech_job::SpeechJobChange;

use super::commit::Work;

/// Changes in one commit; the list that crosses it still rides whole, and what can wait has its part beside it.
const COMMIT_CHANGES_MAX: usize = 1_024;

/// However slow the disk is, so many go into one commit.
const COMMIT_CHANGES_MIN: usize = 64;

/// As long as one commit may take while generations come and end. Changes to rows all over a large database cost ten times as
/// much as those at the edge where history grows: a thousand of them would hold up for a tenth of a second whatever is new.
const COMMIT_TIME: Duration = Duration::from_millis(3);

/// Once commits have taken so long in all without a generation among them, only a backlog is left: larger ones cost less each.
const QUIET_AFTER: Duration = Duration::from_secs(1);

/// One part in so many of each commit is for what nobody waits for.
const LATER_PART: usize = 4;

/// How much the last commit counts in what a change is said to cost.
const LAST_WEIGHS: f64 = 0.2;

/// Lists that wait for their commit, each with whom to tell.
pub(super) struct Waiting<A> {
    first: VecDeque<(Work, A)>,
    later: VecDeque<(Work, A)>,
    /// What a change has cost of late, in seconds.
    cost: f64,
    /// How long commits have taken since a generation was among what waits.
    quiet: Duration,
}

impl<A> Default for Waiting<A> {
    fn default() -> Self {
        Self { first: VecDeque::new(), later: VecDeque::new(), cost: 0.0, quiet: Duration::ZERO }
    }
}

impl<A> Waiting<A> {
    pub(super) fn push(&mut self, work: Work, answer: A) {
        if is_of_a_generation(work.changes()) {
            self.quiet = Duration::ZERO;
        }
        let queue = if can_wait(work.changes()) { &mut self.later } else { &mut self.first };
        queue.push_back((work, answer));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.later.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.later.len()
    }

    /// Takes out what is to be committed now.
    pub(super) fn next_batch(&mut self) -> Vec<(Work, A)> {
        let max = self.changes_max();
        let mut batch = Vec::new();
        let kept = if self.later.is_empty() { 0 } else { max / LATER_PART };
        let weight = fill(&mut batch, &mut self.first, max - kept);
        // A list that came last may have gone far beyond.
        let weight = weight + fill(&mut batch, &mut self.later, max.saturating_sub(weight).max(kept));
        fill(&mut batch, &mut self.first, max.saturating_sub(weight));
        batch
    }

    /// A commit of so many changes took so long, without the disk's sync. A small one says what a commit costs, and not a change.
    pub(super) fn took(&mut self, changes: usize, time: Duration) {
        self.quiet = self.quiet.saturating_add(time);
        if changes < COMMIT_CHANGES_MIN {
            return;
        }
        let cost = time.as_secs_f64() / changes as f64;
        self.cost += (cost - self.cost) * LAST_WEIGHS;
    }

    fn changes_max(&self) -> usize {
        if self.quiet >= QUIET_AFTER {
            return COMMIT_CHANGES_MAX;
        }
        let in_time = COMMIT_TIME.as_secs_f64() / self.cost.max(f64::MIN_POSITIVE);
        (in_time as usize).clamp(COMMIT_CHANGES_MIN, COMMIT_CHANGES_MAX)
    }
}

/// Gives the weight of what it has moved.
fn fill<A>(batch: &mut Vec<(Work, A)>, queue: &mut VecDeque<(Work, A)>, max: usize) -> usize {
    let mut weight = 0;
    while weight < max
        && let Some(next) = queue.pop_front()
    {
        weight += next.0.weight();
        batch.push(next);
    }
    weight
}

/// Whether that list is of a generation's life: somebody waits for it, and more of its kind will come.
fn is_of_a_generation(changes: &[Change]) -> bool {
    matches!(
        changes.first(),
        Some(
            Change::AddGeneration(_)
                | Change::Idempotency(IdempotencyChange::Use(_))
                | Change::StartGeneration { .. }
                | Change::EndGeneration { .. }
                | Change::Batch(_)
                | Change::Relay(_)
        )
    )
}

/// Whether nobody is kept waiting by that list: outcomes, for their POSTs are over, and what is late anyway.
pub fn can_wait(changes: &[Change]) -> bool {
    match changes.first() {
        Some(Change::StartAttempt { attempt, .. }) => *attempt > 1,
        Some(
            Change::SettleAttempt(_)
            | Change::Park(_)
            | Change::Unpark { .. }
            | Change::WaitOn { .. }
            | Change::Exhaust { .. }
            | Change::ExhaustPending { .. }
            | Change::AdvanceReplay(_)
            | Change::ForgetDeliveries(_)
            | Change::ForgetEvents(_)
            | Change::ForgetReplays { .. }
            | Change::ForgetAssets(_)
            | Change::Asset(
                AssetChange::StartProbe { .. } | AssetChange::ReleaseProbe { .. } | AssetChange::Probed { .. },
            )
            | Change::SpeechJob(SpeechJobChange::Forget { .. })
            | Change::Idempotency(IdempotencyChange::Forget { .. })
            | Change::Audit(AuditChange::Forget(_))
            | Change::Access(AccessChange::Used { .. }),
        ) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use postsync_core::ids::{DeliveryId, GenerationId};
    use postsync_core::time::Timestamp;

    use super::*;

    fn start(attempt: u32, changes: usize) -> Work {
        let start = Change::StartAttempt { delivery: DeliveryId(1), attempt, step: 0, started_at: Timestamp(0) };
        Work::Apply(vec![start; changes])
    }

    /// The attempt numbers of the next batch.
    fn next(waiting: &mut Waiting<()>) -> Vec<u32> {
        let attempt = |(work, ()): &(Work, ())| match work.changes()[0] {
            Change::StartAttempt { attempt, .. } => attempt,
            // A generation's.
            _ => 0,
        };
        waiting.next_batch().iter().map(attempt).collect()
    }

    #[test]
    fn what_is_new_goes_before_what_is_late() {
        let mut waiting = Waiting::default();
        for attempt in [2, 1, 3, 1] {
            waiting.push(start(attempt, 1), ());
        }
        assert_eq!(waiting.len(), 4);
        assert_eq!(next(&mut waiting), [1, 1, 2, 3]);
        assert!(waiting.is_empty() && next(&mut waiting).is_empty());
    }

    #[test]
    fn neither_keeps_the_other_out() {
        let mut waiting = Waiting::default();
        for _ in 0..2 * COMMIT_CHANGES_MAX {
            waiting.push(start(1, 1), ());
            waiting.push(start(2, 1), ());
        }
        let batch = next(&mut waiting);
        let late = batch.iter().filter(|attempt| **attempt == 2).count();
        assert_eq!((batch.len(), late), (COMMIT_CHANGES_MAX, COMMIT_CHANGES_MAX / LATER_PART));
    }

    #[test]
    fn heavy_lists_do_not_keep_the_others_out() {
        let mut waiting = Waiting::default();
        for _ in 0..10 {
            waiting.push(start(1, 3 * COMMIT_CHANGES_MAX), ());
            waiting.push(start(2, 1), ());
        }
        assert_eq!(next(&mut waiting), [vec![1], vec![2; 10]].concat());
    }

    #[test]
    fn one_kind_alone_has_the_whole_commit() {
        for attempt in [1, 2] {
            let mut waiting = Waiting::default();
            (0..2 * COMMIT_CHANGES_MAX).for_each(|_| waiting.push(start(attempt, 1), ()));
            assert_eq!(next(&mut waiting).len(), COMMIT_CHANGES_MAX, "attempt {attempt}");
        }
    }

    #[test]
    fn a_list_is_never_split() {
        let mut waiting = Waiting::default();
        waiting.push(start(1, 3 * COMMIT_CHANGES_MAX), ());
        waiting.push(start(1, 1), ());
        assert_eq!(next(&mut waiting).len(), 1);
        assert_eq!(next(&mut waiting).len(), 1);
    }

    #[test]
    fn a_commit_takes_no_more_than_its_time_allows() {
        let mut waiting = Waiting::default();
        (0..4 * COMMIT_CHANGES_MAX).for_each(|_| waiting.push(start(2, 1), ()));
        for _ in 0..25 {
            waiting.took(100, Duration::from_micros(3_000));
        }
        let few = next(&mut waiting).len();
        assert!((90..=110).contains(&few), "3 ms at 30 us each are 100, and it took {few}");
        for _ in 0..25 {
            waiting.took(1, Duration::from_millis(10));
        }
        assert!((90..=110).contains(&next(&mut waiting).len()), "one change alone says nothing");
        for _ in 0..25 {
            waiting.took(100, Duration::from_millis(10));
        }
        assert_eq!(next(&mut waiting).len(), COMMIT_CHANGES_MIN, "however slow the disk is");
    }

    #[test]
    fn a_backlog_alone_is_written_in_large_commits_until_a_generation_comes() {
        let mut waiting = Waiting::default();
        (0..4 * COMMIT_CHANGES_MAX).for_each(|_| waiting.push(start(2, 1), ()));
        (0..99).for_each(|_| waiting.took(100, Duration::from_millis(10)));
        assert_eq!(next(&mut waiting).len(), COMMIT_CHANGES_MIN, "a generation may still come");
        waiting.took(100, Duration::from_millis(10));
        assert_eq!(next(&mut waiting).len(), COMMIT_CHANGES_MAX, "none came for a second of commits");
        let id = GenerationId(uuid::Uuid::nil());
        waiting.push(Work::Apply(vec![Change::StartGeneration { id, tries: 1, at: Timestamp(0) }]), ());
        assert_eq!(next(&mut waiting).len(), COMMIT_CHANGES_MIN, "one did");
    }
}
