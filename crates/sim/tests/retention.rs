//! A month's leavings go from a real database while it works: in small steps, and no delivery waits for them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use postsync_core::attempt::{AttemptEnd, Word};
use postsync_core::change::{Change, Settlement};
use postsync_core::delivery::{Delivery, State};
use postsync_core::event::{Event, EventType};
use postsync_core::ids::{DeliveryId, EndpointId, EventId, GenerationId, OrgId};
use postsync_core::outcome::Phases;
use postsync_core::retention::first_event_at;
use postsync_core::sent::Sent;
use postsync_engine::ports::{Applied, Clock as _, Store};
use postsync_engine::{Bounds, Settings};
use postsync_sim::{INSTANT_MODEL, Stage};
use postsync_store::MasterKey;
use postsync_store::sqlite::{Options, Sqlite};

/// Each with its event and an attempt: three times as many rows.
const OLD: i64 = 34_000;

/// A commit may take so many deliveries: with an attempt each, 256 rows.
const PER_COMMIT_MAX: usize = 128;

const DAY_MS: i64 = 24 * 3_600_000;
const URL: &str = "https://r.example/hook";

fn write(store: &Sqlite, changes: Vec<Change>) {
    assert_eq!(store.apply(changes).now_or_never(), Some(Ok(Applied::Done)));
}

/// Deliveries of a day a month ago, each delivered at once. Gives the id that the first event has.
fn fill(store: &Sqlite, stage: &Stage) -> i64 {
    let at = stage.clock.now().plus_ms(-31 * DAY_MS);
    let first = first_event_at(at).0;
    let end = AttemptEnd {
        at,
        outcome: Word::Delivered,
        http_status: Some(200),
        error: None,
        message: String::new(),
        address: None,
        phases: Phases::default(),
        tls: None,
        sent: Sent::default(),
        answer: None,
        next: None,
    };
    for chunk in (0..OLD).collect::<Vec<_>>().chunks(500) {
        let mut changes = Vec::new();
        for n in chunk {
            let event = Event {
                id: EventId(first + 2 * n),
                org: OrgId::new("o"),
                kind: EventType::GenerationCompleted,
                generation: Some(GenerationId::new(at, [u8::try_from(n % 200).unwrap(); 10])),
                created_at: at,
                body: Bytes::from_static(br#"{"status":"COMPLETED"}"#),
            };
            let id = DeliveryId(first + 2 * n + 1);
            let mut delivery = Delivery::new(id, &event, EndpointId::new("imp_old"), URL.to_owned(), 0);
            changes.extend([
                Change::AddEvent(Box::new(event)),
                Change::AddDelivery(Box::new(delivery.clone())),
                delivery.start(at),
                Change::SettleAttempt(Box::new(Settlement {
                    delivery: id,
                    attempt: 1,
                    end: end.clone(),
                    step: 1,
                    interrupted: 0,
                    state: State::Delivered(at),
                })),
            ]);
        }
        write(store, changes);
    }
    first
}

/// They go in the order of their ids: the oldest tells how many are left.
fn left(store: &Sqlite, first_id: i64) -> usize {
    let first = store.aged_deliveries(None, DeliveryId(i64::MAX), 1).now_or_never().unwrap().unwrap();
    let end = first_id + 2 * OLD;
    first.first().map_or(0, |aged| usize::try_from((end - aged.id.0).max(0)).unwrap().div_ceil(2))
}

#[test]
fn a_hundred_thousand_rows_go_in_small_steps_and_no_delivery_waits() {
    let store = Arc::new(Sqlite::open_in_memory(&MasterKey::generate([7; 32]), Options::default()).unwrap());
    let mut stage = Stage::on(store.clone(), 1, Settings::default(), Bounds::default());
    stage.receivers.keep_posts();
    let first = fill(&store, &stage);
    assert_eq!(left(&store, first), usize::try_from(OLD).unwrap());
    stage.begin_life();
    stage.advance(600_000 - 1);
    let (mut before, mut commits, mut largest, mut sent) = (left(&store, first), 0, 0, 0);
    while before > 0 {
        // A pause is 20 ms long.
        stage.advance(20);
        if commits % 10 == 0 {
            let (engine, new) = (stage.engine().unwrap(), Stage::request("o", INSTANT_MODEL, Some(URL)));
            let accepted = stage.run(0, async move { engine.submit(new, Vec::new()).await });
            assert!(matches!(accepted, Some(Ok(_))), "{accepted:?}");
            sent += 1;
            stage.run_ready();
            assert_eq!(stage.receivers.posts().len(), sent, "the webhook left in the same moment");
        }
        let now = left(&store, first);
        largest = largest.max(before - now);
        before = now;
        commits += 1;
        assert!(commits < 1_000, "it does not end: {before} are left");
    }
    assert!(largest <= PER_COMMIT_MAX, "{largest} in one step");
    assert!(commits >= usize::try_from(OLD).unwrap() / PER_COMMIT_MAX, "{commits} commits");
    let events = store.aged_events(None, EventId(i64::MAX), usize::MAX).now_or_never().unwrap().unwrap();
    assert_eq!(events.len(), sent, "the old events have gone with them");
    let kept = store.aged_deliveries(None, DeliveryId(i64::MAX), usize::MAX).now_or_never().unwrap().unwrap();
    assert_eq!(kept.len(), sent, "and so have all of their deliveries");
    assert!(stage.witness.violations().is_empty());
}
