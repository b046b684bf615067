//! What the metrics say of how deliveries end.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::endpoint::{DisabledReason, Input};
use postsync_sim::INSTANT_MODEL;
use postsync_sim::world::{Mood, Reply};
use serde_json::json;

use crate::endpoints::{A, move_by, org, register};
use crate::play::{Play, URL};

const ELSEWHERE: &str = "https://other.example/hook";

/// Counters by name and labels.
#[derive(Default)]
struct Counted(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counted {
    fn exhausted(&self, reason: &str) -> u64 {
        let all = self.0.lock().expect("no test panics with it");
        let name = format!("postsync_deliveries_exhausted_total reason={reason}");
        all.get(&name).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Recorder for Counted {
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: String = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        let name = format!("{}{labels}", key.name());
        Counter::from_arc(self.0.lock().expect("no test panics with it").entry(name).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }

    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
}

#[test]
fn what_ends_exhausted_is_counted_by_its_reason_whatever_ended_it() {
    let counted = Counted::default();
    let on_disk = metrics::with_local_recorder(&counted, || {
        let mut play = Play::new("0s,1m,20m");
        let endpoint = register(&mut play, json!({"url": A})).endpoint.id;
        move_by(&mut play, &endpoint, Input::Pause);
        play.stage.receivers.set_mood(URL, Mood::Down);
        for _ in 0..20 {
            play.submit(INSTANT_MODEL, Some(URL));
        }
        play.stage.receivers.script(ELSEWHERE, [Reply::status(500); 3]);
        play.submit(INSTANT_MODEL, Some(ELSEWHERE));
        play.stage.advance(45 * 60_000);
        // All that it was paused for.
        move_by(&mut play, &endpoint, Input::Disable(DisabledReason::Requested));
        play.stage.receivers.set_mood(URL, Mood::Prompt);
        play.stage.receivers.script(URL, [Reply::status(410)]);
        play.submit(INSTANT_MODEL, Some(URL));
        play.stage.advance(60_000);
        play.stage.deliveries(&org()).into_iter().map(|record| record.delivery.state).collect::<Vec<_>>()
    });
    let ended =
        |reason| on_disk.iter().filter(|state| matches!(state, State::Exhausted(_, by) if *by == reason)).count();
    for (reason, least) in [
        (ExhaustedReason::DestinationDown, 10),
        (ExhaustedReason::ScheduleEnded, 1),
        (ExhaustedReason::EndpointDisabled, 20),
        (ExhaustedReason::Gone, 1),
    ] {
        let name = reason.as_str();
        assert!(ended(reason) >= least, "{} ended with {name}", ended(reason));
        assert_eq!(counted.exhausted(name), ended(reason) as u64, "{name}");
    }
}
