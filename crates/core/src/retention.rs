//! How long what has been is kept: the rules by which a delivery, an event and a file may go.
//!
//! Promise: what is still to be delivered never goes, however old it is. Times are cut at ids and not at columns: ids rise
//! with time, so that what is old stands at the left edge of its table.
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::idempotency;
use crate::ids::{AssetId, DeliveryId, EventId, GenerationId, MediaId, ReplayId, first_number_at};
use crate::schedule::Schedule;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Beyond the schedule's last point: for an attempt that is late, and for who wants to look at it the day after.
const BEYOND_SCHEDULE: Duration = DAY;

/// How much further than time has passed a look at the clock may move on. Where it was set wrong by mistake, what is a day
/// from its end is safe for about a day, and the log says so all that time.
pub const CLOCK_STRIDE_MAX: Duration = Duration::from_secs(600);

/// An upload has its id before the generation that it came with is accepted: its file is kept, and the commit waits its turn. Far more
/// than that ever takes.
const UPLOADED_AHEAD_MAX: Duration = Duration::from_secs(3600);

/// 2026: no delivery was ever made before. An id from then is not an old one but a made-up one.
const FIRST_EVER: Timestamp = Timestamp(1_767_225_600_000);

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `retention.events`: events with their bodies, deliveries, attempts; from the event on.
    pub events: Duration,
    /// `retention.exhausted`: the same of what is exhausted and was not replayed.
    pub exhausted: Duration,
    /// `retention.media`: videos and uploads.
    pub media: Duration,
    /// `retention.audit`: who asked for each generation, and from what.
    pub audit: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events: 30 * DAY, exhausted: 90 * DAY, media: 30 * DAY, audit: 365 * DAY }
    }
}

/// Two settings that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// An event would go before its last attempt.
    #[error(
        "retention.events (POSTSYNC_RETENTION_EVENTS): {events} is too short for the schedule, which ends after {last}; an event \
         is kept for a day longer than that at least"
    )]
    ShorterThanSchedule {
        /// What was set.
        events: Span,
        /// The schedule's last point.
        last: Span,
    },
    /// A dead letter would go before what was delivered.
    #[error(
        "retention.exhausted (POSTSYNC_RETENTION_EXHAUSTED): {exhausted} is shorter than retention.events, {events}"
    )]
    ExhaustedBeforeEvents {
        /// What was set.
        exhausted: Span,
        /// The other.
        events: Span,
    },
    /// A body would name a file that is gone.
    #[error(
        "retention.media (POSTSYNC_RETENTION_MEDIA): {media} is shorter than retention.events, {events}; the body of an event \
         names its video's URL, which works as long as the file is there"
    )]
    MediaBeforeEvents {
        /// What was set.
        media: Span,
        /// The other.
        events: Span,
    },
}

/// A duration in the largest unit that fits, as settings write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        let (count, unit) = match ms {
            ms if ms.is_multiple_of(86_400_000) => (ms / 86_400_000, "d"),
            ms if ms.is_multiple_of(3_600_000) => (ms / 3_600_000, "h"),
            ms if ms.is_multiple_of(60_000) => (ms / 60_000, "m"),
            ms if ms.is_multiple_of(1_000) => (ms / 1_000, "s"),
            ms => (ms, "ms"),
        };
        write!(f, "{count}{unit}")
    }
}

impl Retention {
    /// What does not go together, each a sentence.
    #[must_use]
    pub fn mistakes(&self, schedule: &Schedule) -> Vec<RetentionError> {
        let last = Duration::from_millis(u64::try_from(schedule.last_ms()).unwrap_or(0));
        let (events, exhausted, media) = (Span(self.events), Span(self.exhausted), Span(self.media));
        let mut mistakes = Vec::new();
        if self.events < last + BEYOND_SCHEDULE {
            mistakes.push(RetentionError::ShorterThanSchedule { events, last: Span(last) });
        }
        if self.exhausted < self.events {
            mistakes.push(RetentionError::ExhaustedBeforeEvents { exhausted, events });
        }
        if self.media < self.events {
            mistakes.push(RetentionError::MediaBeforeEvents { media, events });
        }
        mistakes
    }

    /// What is older than these may go.
    #[must_use]
    pub fn horizons(&self, now: Timestamp) -> Horizons {
        Horizons {
            events: before(now, self.events),
            exhausted: before(now, self.exhausted),
            media: before(now, self.media),
            audit: before(now, self.audit),
            used_keys: now.plus_ms(-idempotency::KEPT_MS),
        }
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.plus_ms(i64::try_from(span.as_millis()).map_or(i64::MIN, |ms| -ms))
}

/// Where a delivery stands, as far as its age counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Due, or held back, or being attempted.
    Open,
    /// The receiver has it.
    Delivered,
    /// The dead letter.
    Exhausted,
    /// Exhausted, and replayed since.
    Replayed,
}

/// Times before which things may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizons {
    /// Of what was delivered, or replayed.
    pub events: Timestamp,
    /// Of what is exhausted.
    pub exhausted: Timestamp,
    /// Of files.
    pub media: Timestamp,
    /// Of who asked.
    pub audit: Timestamp,
    /// Of keys that creates have used.
    pub used_keys: Timestamp,
}

impl Horizons {
    /// Whether a delivery may go with its attempts: it has ended, and it was made long enough ago.
    #[must_use]
    pub fn may_go(&self, id: DeliveryId, standing: Standing) -> bool {
        match standing {
            Standing::Open => false,
            Standing::Delivered | Standing::Replayed => id < first_delivery_at(self.events),
            Standing::Exhausted => id < first_delivery_at(self.exhausted),
        }
    }

    /// Uploads before that time may go. `oldest_work`: when the oldest generation that has not ended was accepted; what came with it, or
    /// later, is kept for it.
    #[must_use]
    pub fn uploads(&self, oldest_work: Option<Timestamp>) -> Timestamp {
        oldest_work.map_or(self.media, |at| self.media.min(before(at, UPLOADED_AHEAD_MAX)))
    }

    /// Whether a delivery that is not there can have been there once, and be gone. An id tells its time, and nothing of
    /// whether there ever was one.
    #[must_use]
    pub fn may_be_gone(&self, id: DeliveryId) -> bool {
        (first_delivery_at(FIRST_EVER)..first_delivery_at(self.events)).contains(&id)
    }
}

/// The first id that a delivery of that time can have.
#[must_use]
pub fn first_delivery_at(at: Timestamp) -> DeliveryId {
    DeliveryId(first_number_at(at))
}

/// The first id that an event of that time can have.
#[must_use]
pub fn first_event_at(at: Timestamp) -> EventId {
    EventId(first_number_at(at))
}

/// The first id that a replay of that time can have.
#[must_use]
pub fn first_replay_at(at: Timestamp) -> ReplayId {
    ReplayId(first_number_at(at))
}

/// The first id that a file of that time can have.
#[must_use]
pub fn first_media_at(at: Timestamp) -> MediaId {
    MediaId(first_uuid_at(at))
}

/// When a file was kept, by its id.
#[must_use]
pub fn kept_at(id: MediaId) -> Timestamp {
    Timestamp(i64::try_from(id.0.as_u128() >> 80).unwrap_or(0))
}

/// When a generation was accepted, by its id.
#[must_use]
pub fn accepted_at(id: GenerationId) -> Timestamp {
    Timestamp(i64::try_from(id.0.as_u128() >> 80).unwrap_or(0))
}

/// The first id that a generation of that time can have.
#[must_use]
pub fn first_generation_at(at: Timestamp) -> GenerationId {
    GenerationId(first_uuid_at(at))
}

/// The first id that an asset of that time can have.
#[must_use]
pub fn first_asset_at(at: Timestamp) -> AssetId {
    AssetId(first_uuid_at(at))
}

/// How long the URL that an upload is put to works, and its id is not used again once the asset was removed.
pub const UPLOAD_URL_S: u32 = 3_600;

/// The first id that an upload URL can have that still works, or that an upload may be under way to.
#[must_use]
pub fn first_uploadable(now: Timestamp) -> AssetId {
    // An upload that began in time may take long.
    first_asset_at(now.plus_ms(-25 * i64::from(UPLOAD_URL_S) * 1_000))
}

/// The version and the variant stand behind the time: all of them are above it.
fn first_uuid_at(at: Timestamp) -> Uuid {
    let ms = u64::try_from(at.0).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(u128::from(ms) << 80)
}

/// The time by which old things are judged: the wall clock's, but never much further than it was a look ago. A clock that is
/// set to next year by mistake must not throw away this one.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    believed: Timestamp,
}

impl Calendar {
    /// The clock is believed at the start: there is nothing to hold it against.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self { believed: now }
    }

    /// Looks at the clock again, so long after the last look. `Err` gives the time that is believed where it is another one.
    ///
    /// # Errors
    /// The clock is ahead of what can be true.
    pub fn look(&mut self, now: Timestamp, passed: Duration) -> Result<Timestamp, Timestamp> {
        let furthest = self.believed.plus(passed).plus(CLOCK_STRIDE_MAX);
        let strides = now > furthest;
        self.believed = if strides { furthest } else { now };
        if strides { Err(self.believed) } else { Ok(self.believed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::IdSequence;

    const NOW: Timestamp = Timestamp(1_795_420_800_000);

    fn days_ago(days: i64) -> Timestamp {
        NOW.plus_ms(-days * 86_400_000)
    }

    #[test]
    fn what_may_go_and_when() {
        let horizons = Retention::default().horizons(NOW);
        for (days, standing, goes) in [
            (29, Standing::Delivered, false),
            (30, Standing::Delivered, false),
            (31, Standing::Delivered, true),
            (31, Standing::Exhausted, false),
            (31, Standing::Replayed, true),
            (29, Standing::Replayed, false),
            (90, Standing::Exhausted, false),
            (91, Standing::Exhausted, true),
            (29, Standing::Open, false),
            (400, Standing::Open, false),
        ] {
            let id = DeliveryId(IdSequence::after(0).next(days_ago(days)));
            assert_eq!(horizons.may_go(id, standing), goes, "{days} days, {standing:?}");
        }
    }

    #[test]
    fn uploads_wait_for_the_oldest_that_may_need_them() {
        let horizons = Retention::default().horizons(NOW);
        let hour_before = |at: Timestamp| at.plus_ms(-3_600_000);
        for (oldest_work, want) in [
            (None, days_ago(30)),
            (Some(days_ago(1)), days_ago(30)),
            (Some(days_ago(30)), hour_before(days_ago(30))),
            (Some(days_ago(35)), hour_before(days_ago(35))),
            (Some(Timestamp(i64::MIN)), Timestamp(i64::MIN)),
        ] {
            assert_eq!(horizons.uploads(oldest_work), want, "{oldest_work:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_gone_or_never_was() {
        let horizons = Retention::default().horizons(NOW);
        for (id, gone) in [
            (first_delivery_at(days_ago(29)), false),
            (first_delivery_at(days_ago(31)), true),
            (first_delivery_at(days_ago(300)), true),
            (first_delivery_at(days_ago(3_000)), false),
            (DeliveryId(0), false),
            (DeliveryId(-1), false),
            (DeliveryId(i64::MAX), false),
        ] {
            assert_eq!(horizons.may_be_gone(id), gone, "{id}");
        }
    }

    #[test]
    fn settings_that_do_not_go_together_are_told_in_sentences() {
        let days = |events, exhausted, media| Retention {
            events: DAY * events,
            exhausted: DAY * exhausted,
            media: DAY * media,
            ..Retention::default()
        };
        let told = |retention: Retention, schedule: &str| -> Vec<String> {
            retention.mistakes(&Schedule::parse(schedule).unwrap()).iter().map(ToString::to_string).collect()
        };
        assert!(told(Retention::default(), &Schedule::default().to_string()).is_empty());
        assert!(told(days(4, 4, 4), "0s,72h").is_empty());
        let short = told(days(3, 90, 30), "0s,72h");
        assert!(
            short.len() == 1 && short[0].contains("3d is too short") && short[0].contains("ends after 3d"),
            "{short:?}"
        );
        let all = told(days(30, 29, 28), "0s,30d");
        assert_eq!(all.len(), 3, "{all:?}");
        for (sentence, word) in all.iter().zip(["retention.events", "retention.exhausted", "retention.media"]) {
            assert!(sentence.starts_with(word), "{sentence}");
        }
    }

    #[test]
    fn ids_are_cut_where_their_time_begins() {
        let mut ids = IdSequence::after(0);
        let before = ids.next(NOW.plus_ms(-1));
        let here = ids.next(NOW);
        assert!(before < first_delivery_at(NOW).0 && here >= first_delivery_at(NOW).0);
        assert_eq!(first_event_at(NOW).0, first_delivery_at(NOW).0);
        for random in [[0; 10], [0xFF; 10]] {
            assert!(MediaId::new(NOW.plus_ms(-1), random) < first_media_at(NOW));
            assert!(MediaId::new(NOW, random) > first_media_at(NOW));
            assert!(AssetId::new(NOW, random) > first_asset_at(NOW));
            assert_eq!(kept_at(MediaId::new(NOW, random)), NOW);
            assert_eq!(accepted_at(GenerationId::new(NOW, random)), NOW);
            assert!(GenerationId::new(NOW.plus_ms(-1), random) < first_generation_at(NOW));
            assert!(GenerationId::new(NOW, random) > first_generation_at(NOW));
        }
        assert_eq!(first_delivery_at(Timestamp(i64::MIN)).0, 0);
    }

    #[test]
    fn a_clock_that_runs_away_is_followed_slowly_and_back_at_once() {
        let (minutes, far) = (Duration::from_secs(600), NOW.plus(40 * DAY));
        let mut calendar = Calendar::starting(NOW);
        assert_eq!(calendar.look(NOW.plus(minutes), minutes), Ok(NOW.plus(minutes)));
        let believed = calendar.look(far, minutes).unwrap_err();
        assert_eq!(believed, NOW.plus(2 * minutes).plus(CLOCK_STRIDE_MAX));
        assert_eq!(calendar.look(NOW, minutes), Ok(NOW), "set right again");
        let mut looks = 0;
        while calendar.look(far, minutes).is_err() {
            looks += 1;
        }
        assert!((2_800..3_000).contains(&looks), "in the end it is believed: {looks} looks");
    }

    #[test]
    fn spans_are_written_as_settings_are() {
        for (s, text) in [(0, "0d"), (86_400, "1d"), (90_000, "25h"), (61, "61s"), (120, "2m")] {
            assert_eq!(Span(Duration::from_secs(s)).to_string(), text);
        }
    }
}
