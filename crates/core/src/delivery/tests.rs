use super::*;
use crate::attempt::Word;
use crate::change::Settlement;
use crate::ids::IdSequence;
use crate::limits;
use crate::outcome::{Blame, Outcome, RetryAfter, SendError, SendReport};
use proptest::prelude::*;
use std::sync::Arc;

fn delivery() -> Delivery {
    let mut ids = IdSequence::after(0);
    Delivery {
        id: DeliveryId(ids.next(Timestamp(0))),
        event: EventId(ids.next(Timestamp(0))),
        org: OrgId::new("default"),
        generation: Some(GenerationId(uuid::Uuid::nil())),
        origin: Origin::Event,
        endpoint: EndpointId::new("e"),
        url: "https://app.example.com/webhook".into(),
        shard: 0,
        terms: Terms::default(),
        created_at: Timestamp(1_000_000),
        attempts: 1,
        step: 0,
        interrupted: 0,
        state: State::Due(Timestamp(1_000_000)),
    }
}

fn settled(d: &Delivery, outcome: Outcome, schedule: &str, at_ms: i64, jitter: f64) -> Settlement {
    let schedule = Schedule::parse(schedule).unwrap();
    match settle(d, &SendReport::bare(outcome, ""), &schedule, d.created_at.plus_ms(at_ms), jitter) {
        Change::SettleAttempt(s) => *s,
        other => panic!("{other:?}"),
    }
}

fn refused(status: u16, retry_after: Option<RetryAfter>) -> Outcome {
    Outcome::Refused { status, retry_after }
}

/// Age in ms of the next due time, or the final word.
fn next(s: &Settlement) -> Result<i64, &'static str> {
    match s.state {
        State::Due(at) => Ok(at.0 - 1_000_000),
        State::Delivered(_) => Err("delivered"),
        State::Exhausted(_, reason) => Err(reason.as_str()),
        State::Parked(..) => Err("parked"),
    }
}

#[test]
fn a_probe_that_fails_uses_no_step_and_comes_back_at_the_next_point() {
    let schedule = Schedule::parse("0s,5s,60s,1h").unwrap();
    let probed = |step: u32, outcome: Outcome, at_ms: i64| {
        let d = Delivery { step, ..delivery() };
        let now = d.created_at.plus_ms(at_ms);
        match &settle_probe(&d, &SendReport::bare(outcome, ""), &schedule, now, 0.0, None)[..] {
            [Change::SettleAttempt(s)] => (s.step, next(s)),
            other => panic!("{other:?}"),
        }
    };
    let refused_connection = Outcome::Failed(SendError::ConnectRefused);
    assert_eq!(probed(0, refused_connection, 10), (0, Ok(5_000)));
    assert_eq!(probed(1, refused_connection, 60_001), (1, Ok(3_600_000)));
    assert_eq!(probed(1, refused(503, Some(RetryAfter::Ms(7_200_000))), 60_001), (1, Ok(7_260_001)));
    assert_eq!(probed(1, refused_connection, 3_600_001), (1, Err("destination_down")));
    assert_eq!(probed(1, Outcome::Delivered { status: 200 }, 10), (1, Err("delivered")));
    assert_eq!(probed(1, refused(410, None), 10), (2, Err("gone")));
    assert_eq!(probed(1, Outcome::Failed(SendError::ResolverDown), 10).0, 1);
}

#[test]
fn a_probe_that_waits_again_does_not_end_before_its_last_point_has_come() {
    let schedule = Schedule::default();
    let d = Delivery { step: 8, ..delivery() };
    let now = d.created_at.plus_ms(schedule.point_ms(9).unwrap());
    let (report, lane) = (SendReport::bare(Outcome::Failed(SendError::ConnectRefused), ""), Lane::stored("lane"));
    // Late by as much as jitter allows: hours behind the schedule's own end.
    for jitter in [-1.0, 0.0, 1.0] {
        let changes = settle_probe(&d, &report, &schedule, now, jitter, Some(lane.clone()));
        let [_, Change::Park(parking)] = &changes[..] else { panic!("{changes:?}") };
        assert!(parking.expires_at > parking.probe_at, "{jitter}: {parking:?}");
    }
}

#[test]
fn a_probe_that_fails_where_all_is_down_waits_with_the_others_and_is_none_before_its_next_point() {
    let schedule = Schedule::parse("0s,5s,60s,1h").unwrap();
    let lane = Lane::stored("https://app.example.com:443");
    let probed = |outcome: Outcome, at_ms: i64| {
        let d = Delivery { step: 1, ..delivery() };
        let (now, down) = (d.created_at.plus_ms(at_ms), Some(lane.clone()));
        match &settle_probe(&d, &SendReport::bare(outcome, ""), &schedule, now, 0.0, down)[..] {
            [Change::SettleAttempt(s)] => (next(s), None),
            [Change::SettleAttempt(s), Change::Park(p)] => {
                assert_eq!((s.step, &p.lane, p.reason, p.id), (1, &lane, ParkReason::Down, d.id));
                assert_eq!((p.destination.as_str(), s.end.next), (lane.as_str(), Some(NextReason::Probe)));
                (next(s), Some(p.probe_at.0 - 1_000_000))
            }
            other => panic!("{other:?}"),
        }
    };
    let refused_connection = Outcome::Failed(SendError::ConnectRefused);
    assert_eq!(probed(refused_connection, 60_001), (Ok(0), Some(3_600_000)));
    let asked_for = Some(RetryAfter::Ms(7_200_000));
    assert_eq!(probed(refused(503, asked_for), 60_001), (Ok(7_260_001), Some(7_260_001)));
    assert_eq!(probed(refused_connection, 3_600_001), (Err("destination_down"), None));
    assert_eq!(probed(Outcome::Delivered { status: 200 }, 10), (Err("delivered"), None));
    assert_eq!(probed(refused(410, None), 10), (Err("gone"), None));
    assert_eq!(probed(Outcome::Failed(SendError::ResolverDown), 10).1, None);
}

#[test]
fn only_long_schedules_wait() {
    for (schedule, want) in [("0s", false), ("0s,599s", false), ("0s,600s", true)] {
        assert_eq!(delivery().is_parkable(&Schedule::parse(schedule).unwrap()), want);
    }
    assert!(delivery().is_parkable(&Schedule::default()));
    let short = Terms { schedule: Some(Arc::new(Schedule::parse("0s,10s").unwrap())), timeout: None };
    assert!(!Delivery { terms: short, ..delivery() }.is_parkable(&Schedule::default()), "its own schedule counts");
}

#[test]
fn what_follows_what() {
    let s = "0s,5s,60s";
    let hour = Some(RetryAfter::Ms(3_600_000));
    type Case = (Outcome, u32, i64, Result<i64, &'static str>, u32);
    let cases: [Case; 14] = [
        (Outcome::Delivered { status: 204 }, 0, 10, Err("delivered"), 0),
        (refused(500, None), 0, 10, Ok(5_000), 1),
        (refused(301, None), 0, 10, Ok(5_000), 1),
        (refused(404, None), 1, 5_010, Ok(60_000), 2),
        (refused(500, None), 2, 60_010, Err("schedule_ended"), 3),
        (refused(500, hour), 2, 60_010, Err("schedule_ended"), 3),
        (refused(503, hour), 0, 10, Ok(3_600_010), 1),
        (refused(503, Some(RetryAfter::Ms(i64::MAX))), 0, 0, Ok(86_400_000), 1),
        (refused(429, Some(RetryAfter::At(Timestamp(1_000_000 + 7_000)))), 0, 10, Ok(7_000), 1),
        (refused(429, Some(RetryAfter::Ms(-5))), 0, 10, Ok(5_000), 1),
        (refused(410, None), 0, 10, Err("gone"), 1),
        (Outcome::Failed(SendError::ConnectRefused), 0, 6_000, Ok(60_000), 2),
        (Outcome::Failed(SendError::ResolverDown), 0, 10, Ok(5_010), 0),
        (Outcome::Failed(SendError::ResponseTimeout), 0, 200_000, Ok(200_000), 2),
    ];
    for (outcome, step, at, want, want_step) in cases {
        let d = Delivery { step, ..delivery() };
        let got = settled(&d, outcome, s, at, 0.0);
        assert_eq!((next(&got), got.step), (want, want_step), "{outcome:?} at step {step}");
    }
}

#[test]
fn interruptions_are_free_three_times() {
    for (before, want_step) in [(0, 0), (1, 0), (2, 0), (3, 1), (9, 1)] {
        let d = Delivery { interrupted: before, ..delivery() };
        let got = settled(&d, Outcome::Interrupted, "0s,5s", 10, 0.0);
        assert_eq!((got.step, got.interrupted), (want_step, before + 1));
    }
    let last = Delivery { interrupted: 3, step: 1, ..delivery() };
    assert_eq!(next(&settled(&last, Outcome::Interrupted, "0s,5s", 10, 0.0)), Err("schedule_ended"));
}

#[test]
fn stops_are_free_always() {
    for before in [0, 3, 9] {
        let d = Delivery { interrupted: before, attempts: 40, ..delivery() };
        let got = settled(&d, Outcome::Failed(SendError::ShuttingDown), "0s", 10, 0.0);
        assert_eq!((got.step, got.interrupted, next(&got)), (0, before, Ok(10)));
        assert_eq!(got.end.outcome, Word::Interrupted, "it may have been received");
    }
}

#[test]
fn our_own_faults_wait_longer_each_time_and_end_one_day() {
    let down = Outcome::Failed(SendError::ResolverDown);
    let mut d = delivery();
    let mut age_ms = 0;
    let mut waits_ms = Vec::new();
    let end = loop {
        let got = settled(&d, down, "0s,1h", age_ms, 0.0);
        assert_eq!((got.step, got.end.outcome), (0, Word::OwnFault));
        match next(&got) {
            Ok(at_ms) => waits_ms.push(at_ms - age_ms),
            Err(end) => break end,
        }
        (d.attempts, age_ms) = (d.attempts + 1, age_ms + waits_ms[waits_ms.len() - 1]);
    };
    assert_eq!(waits_ms[..8], [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    assert_eq!(end, "own_fault");
    let bound_ms = 3_600_000 + limits::OWN_FAULT_MS_MAX;
    assert!((bound_ms..=bound_ms + 300_000).contains(&(age_ms - 1)), "it ended after {age_ms} ms");
}

#[test]
fn a_server_that_was_off_for_weeks_still_sends_when_it_is_back() {
    let weeks_ms = 30 * 86_400_000;
    let down = Outcome::Failed(SendError::ResolverDown);
    assert_eq!(next(&settled(&delivery(), down, "0s,5s", weeks_ms, 0.0)), Ok(weeks_ms + 5_000));
    let often = Delivery { attempts: limits::OWN_FAULTS_MIN, ..delivery() };
    assert_eq!(next(&settled(&often, down, "0s,5s", weeks_ms, 0.0)), Err("own_fault"));
    // What the receiver says counts whenever it says it.
    assert_eq!(next(&settled(&often, Outcome::Delivered { status: 200 }, "0s,5s", weeks_ms, 0.0)), Err("delivered"));
}

#[test]
fn one_attempt_only_where_the_schedule_says_so() {
    assert_eq!(next(&settled(&delivery(), refused(500, None), "0s", 10, 0.0)), Err("schedule_ended"));
}

#[test]
fn jitter_is_a_tenth_of_the_gap() {
    for (jitter, want) in [(-1.0, 4_500), (0.0, 5_000), (1.0, 5_500), (99.0, 5_500)] {
        assert_eq!(next(&settled(&delivery(), refused(500, None), "0s,5s", 10, jitter)), Ok(want));
    }
}

proptest! {
    /// Whatever comes back, a delivery ends: each failure of the receiver's moves the step on, and the step is bounded.
    #[test]
    fn every_delivery_ends(statuses in proptest::collection::vec(300u16..600, 60), jitter in -1.0f64..=1.0) {
        let schedule = Schedule::default();
        let mut d = delivery();
        let mut now = d.created_at;
        let mut ended = false;
        for status in statuses {
            let Change::SettleAttempt(s) = settle(&d, &SendReport::bare(refused(status, None), ""), &schedule, now, jitter) else { unreachable!() };
            d.step = s.step;
            d.attempts += 1;
            match s.state {
                State::Due(at) => { prop_assert!(at >= now); now = at; }
                _ => { ended = true; break; }
            }
        }
        prop_assert!(ended && d.attempts <= schedule.steps() + 1);
    }
}

/// Every outcome there is, at every place of a schedule and at ages before, at and behind its points, with and without the
/// receiver's wish: held to the rules one by one, in words of their own.
#[test]
fn the_whole_matrix() {
    let schedule = Schedule::parse("0s,5s,60s,1h").unwrap();
    let wishes = [
        None,
        Some(RetryAfter::Ms(0)),
        Some(RetryAfter::Ms(120_000)),
        Some(RetryAfter::Ms(i64::MAX)),
        Some(RetryAfter::At(Timestamp(0))),
        Some(RetryAfter::At(Timestamp(1_000_000 + 7_200_000))),
    ];
    let statuses = [300, 301, 304, 400, 401, 404, 408, 409, 410, 413, 418, 425, 429, 499, 500, 502, 503, 504, 599];
    let refusals = statuses.into_iter().flat_map(|status| wishes.map(|wish| refused(status, wish)));
    let errors = SendError::ALL.iter().map(|error| Outcome::Failed(*error));
    let others = [Outcome::Delivered { status: 200 }, Outcome::Delivered { status: 299 }, Outcome::Interrupted];
    let outcomes: Vec<Outcome> = refusals.chain(errors).chain(others).collect();
    let mut cases = 0;
    for outcome in outcomes {
        for step in 0..4 {
            for age_ms in [0, 4_999, 5_000, 5_001, 59_999, 60_000, 3_599_999, 3_600_000, 3_600_001, 1_000_000_000] {
                for interrupted in [0, 2, 3] {
                    let d = Delivery { step, interrupted, attempts: step + interrupted + 1, ..delivery() };
                    follows_the_rules(&d, outcome, &schedule, d.created_at.plus_ms(age_ms));
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, (19 * 6 + 30 + 3) * 4 * 10 * 3);
}

fn follows_the_rules(d: &Delivery, outcome: Outcome, schedule: &Schedule, now: Timestamp) {
    let v = verdict(d, outcome, schedule, now, 0.0);
    let case = format!("{outcome:?} at step {} and age {} ms: {v:?}", d.step, now.0 - d.created_at.0);
    assert_eq!(v.next.is_some(), matches!(v.state, State::Due(_)), "what is due again says why; {case}");
    if let State::Due(at) = v.state {
        assert!(at >= now, "nothing is due in the past; {case}");
    }
    let left = schedule.steps() - d.step - 1;
    match outcome {
        Outcome::Delivered { .. } => assert_eq!((v.state, v.step), (State::Delivered(now), d.step), "{case}"),
        Outcome::Failed(SendError::ShuttingDown) => {
            assert_eq!((v.state, v.step, v.interrupted), (State::Due(now), d.step, d.interrupted), "{case}");
        }
        Outcome::Interrupted if d.interrupted < limits::INTERRUPTED_FREE => {
            assert_eq!((v.state, v.step, v.interrupted), (State::Due(now), d.step, d.interrupted + 1), "{case}");
        }
        Outcome::Failed(error) if error.blame() == Blame::Own && error != SendError::Interrupted => {
            assert_eq!((v.step, v.next), (d.step, Some(NextReason::OwnFault)), "our faults use no step; {case}");
        }
        Outcome::Refused { status: 410, .. } => {
            assert_eq!(v.state, State::Exhausted(now, ExhaustedReason::Gone), "{case}");
        }
        _ if outcome.word() == Word::OwnFault => assert_eq!(v.step, d.step, "{case}"),
        _ if left == 0 => assert_eq!(v.state, State::Exhausted(now, ExhaustedReason::ScheduleEnded), "{case}"),
        Outcome::Refused { .. } | Outcome::Failed(_) | Outcome::Interrupted => {
            assert!(v.step > d.step && v.step < schedule.steps(), "a failure uses a step; {case}");
            let State::Due(at) = v.state else { panic!("steps are left; {case}") };
            assert_eq!(at, expected_due(d, outcome, schedule, v.step, now), "{case}");
        }
    }
}

/// The later of the step's point and the receiver's wish, and not before now.
fn expected_due(d: &Delivery, outcome: Outcome, schedule: &Schedule, step: u32, now: Timestamp) -> Timestamp {
    let point = d.created_at.plus_ms(schedule.point_ms(step).unwrap());
    let day = now.plus_ms(86_400_000);
    let wish = match outcome {
        Outcome::Refused { retry_after: Some(RetryAfter::Ms(ms)), .. } => now.plus_ms(ms.min(86_400_000)),
        Outcome::Refused { retry_after: Some(RetryAfter::At(at)), .. } => at.min(day),
        _ => now,
    };
    point.max(wish).max(now)
}

#[test]
fn what_is_due_again_says_why() {
    let why = |outcome, step: u32, at_ms: i64| {
        let d = Delivery { step, ..delivery() };
        settled(&d, outcome, "0s,5s,60s", at_ms, 0.0).end.next
    };
    assert_eq!(why(refused(500, None), 0, 10), Some(NextReason::Schedule));
    assert_eq!(why(refused(429, Some(RetryAfter::Ms(10_000))), 0, 10), Some(NextReason::RetryAfter));
    assert_eq!(why(refused(429, Some(RetryAfter::Ms(1_000))), 0, 10), Some(NextReason::Schedule));
    assert_eq!(why(refused(500, None), 0, 100_000), Some(NextReason::LastChance));
    assert_eq!(why(Outcome::Interrupted, 0, 10), Some(NextReason::Interrupted));
    assert_eq!(why(Outcome::Failed(SendError::ResolverDown), 0, 10), Some(NextReason::OwnFault));
    assert_eq!(why(refused(500, None), 2, 60_010), None);
    assert_eq!(why(Outcome::Delivered { status: 200 }, 0, 10), None);
}

#[test]
fn its_own_schedule_counts() {
    let own = Terms { schedule: Some(Arc::new(Schedule::parse("0s,7s").unwrap())), timeout: None };
    let d = Delivery { terms: own, ..delivery() };
    assert_eq!(next(&settled(&d, refused(500, None), "0s,1h,2h", 10, 0.0)), Ok(7_000));
    let last = Delivery { step: 1, ..d };
    assert_eq!(next(&settled(&last, refused(500, None), "0s,1h,2h", 7_010, 0.0)), Err("schedule_ended"));
}
