use bytes::Bytes;

use super::*;
use crate::delivery::ExhaustedReason;
use crate::egress_rules::EgressRules;
use crate::endpoint::{DisabledReason, Draft, Input};
use crate::event::{Event, EventType};
use crate::ids::EventId;
use crate::target::implicit_endpoint;

const NOW: Timestamp = Timestamp(1_795_422_077_123);

fn original(number: i64, has_event: bool) -> Original {
    let event = Event {
        id: EventId(number + 100),
        org: OrgId::new("default"),
        kind: EventType::GenerationCompleted,
        generation: Some(GenerationId::new(Timestamp(number), [0; 10])),
        created_at: Timestamp(number),
        body: Bytes::from_static(b"{}"),
    };
    let url = "https://app.example.com/webhook".to_owned();
    let made = Delivery::new(DeliveryId(number), &event, EndpointId::new("imp_1"), url, 7);
    let state = State::Exhausted(Timestamp(number + 9), ExhaustedReason::ScheduleEnded);
    let delivery = Delivery { attempts: 11, step: 11, interrupted: 2, state, ..made };
    Original { delivery, replayed_at: None, has_event }
}

fn ended(ended: EndedAs) -> Ended {
    Ended { ended, created_at: Timestamp(50), error: Some(SendError::ConnectRefused), replayed_at: None }
}

#[test]
fn a_filter_means_what_all_of_it_says() {
    let exhausted = ended(EndedAs::Exhausted);
    let replayed = Ended { replayed_at: Some(Timestamp(70)), ..exhausted };
    let delivered = Ended { error: None, ..ended(EndedAs::Delivered) };
    let delivered_again = Ended { replayed_at: Some(Timestamp(70)), ..delivered };
    let of = |status| Filter { status: Some(status), ..Filter::default() };
    let since = |ms| Filter { since: Some(Timestamp(ms)), ..Filter::default() };
    let until = |ms| Filter { until: Some(Timestamp(ms)), ..Filter::default() };
    let error = |error| Filter { error: Some(error), ..Filter::default() };
    for (filter, what, fits) in [
        (Filter::default(), exhausted, true),
        (Filter::default(), delivered, true),
        (of(EndedAs::Exhausted), exhausted, true),
        (of(EndedAs::Exhausted), delivered, false),
        (of(EndedAs::Delivered), delivered, true),
        (of(EndedAs::Delivered), exhausted, false),
        // One that was replayed stands for itself no more; one that was taken does where its replay is not in the range.
        (of(EndedAs::Exhausted), replayed, false),
        (Filter::default(), replayed, false),
        (Filter { again: true, ..of(EndedAs::Exhausted) }, replayed, true),
        (of(EndedAs::Delivered), delivered_again, false),
        (Filter { again: true, ..of(EndedAs::Delivered) }, delivered_again, false),
        (since(50), delivered_again, false),
        (until(70), delivered_again, false),
        (until(69), delivered_again, true),
        (since(50), exhausted, true),
        (since(51), exhausted, false),
        (until(50), exhausted, true),
        (until(49), exhausted, false),
        (Filter { until: Some(Timestamp(50)), ..since(50) }, exhausted, true),
        (error(SendError::ConnectRefused), exhausted, true),
        (error(SendError::HttpStatus), exhausted, false),
        (error(SendError::ConnectRefused), delivered, false),
        (Filter { status: Some(EndedAs::Exhausted), ..error(SendError::ConnectRefused) }, exhausted, true),
        (Filter { status: Some(EndedAs::Exhausted), ..since(51) }, exhausted, false),
    ] {
        assert_eq!(filter.fits(&what), fits, "{filter:?} {what:?}");
    }
}

#[test]
fn a_filter_names_generation_and_endpoint() {
    let delivery = original(5, true).delivery;
    let own = Filter { generation: delivery.generation, ..Filter::default() };
    let other = Filter { generation: Some(GenerationId::new(NOW, [1; 10])), ..Filter::default() };
    let about_none = Delivery { generation: None, ..delivery.clone() };
    let endpoint = |id: &str| Filter { endpoint: Some(EndpointId::new(id)), ..Filter::default() };
    assert!(own.names(&delivery) && !own.names(&about_none) && !other.names(&delivery));
    assert!(endpoint("imp_1").names(&delivery) && !endpoint("imp_2").names(&delivery));
    assert!(Filter::default().names(&about_none));
}

#[test]
fn only_a_filter_that_says_something_is_not_empty() {
    assert!(Filter::default().is_empty());
    assert!(Filter { again: true, ..Filter::default() }.is_empty(), "it says which, not that");
    for filter in [
        Filter { status: Some(EndedAs::Delivered), ..Filter::default() },
        Filter { generation: Some(GenerationId::new(NOW, [1; 10])), ..Filter::default() },
        Filter { endpoint: Some(EndpointId::new("imp_1")), ..Filter::default() },
        Filter { since: Some(NOW), ..Filter::default() },
        Filter { until: Some(NOW), ..Filter::default() },
        Filter { error: Some(SendError::Redirect), ..Filter::default() },
    ] {
        assert!(!filter.is_empty(), "{filter:?}");
    }
}

fn replay(filter: Filter) -> Replay {
    Replay::new(ReplayId(1_000), OrgId::new("default"), filter, NOW, Some(3))
}

fn advance(found: &[Original], read_to: Option<i64>) -> Advance {
    advance_with(&[], found, read_to)
}

fn advance_with(registered: &[Endpoint], found: &[Original], read_to: Option<i64>) -> Advance {
    let mut next = 2_000;
    let schedule = Schedule::parse("2s,1m").unwrap();
    let given = Circumstances { registered, servers: &schedule, now: NOW };
    replay(Filter::default()).advance(found, read_to.map(DeliveryId), given, || {
        next += 1;
        DeliveryId(next)
    })
}

#[test]
fn a_page_and_its_place_are_one_list_with_the_fence_in_front() {
    let found = [original(5, true), original(6, false), original(7, true)];
    let Advance { changes, made } = advance(&found, Some(9));
    let step =
        ReplayStep { id: ReplayId(1_000), from: DeliveryId(0), to: DeliveryId(9), made: 2, skipped: 1, ended_at: None };
    assert!(matches!(&changes[0], Change::AdvanceReplay(first) if **first == step));
    let rest: Vec<String> = changes[1..]
        .iter()
        .map(|change| match change {
            Change::AddDelivery(delivery) => format!("add {} of {}", delivery.id.0, delivery.event.0),
            Change::MarkReplayed { id, before: None, at: NOW } => format!("mark {}", id.0),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(rest, ["add 2001 of 105", "mark 5", "add 2002 of 107", "mark 7"]);
    assert_eq!(made.iter().map(|d| d.id.0).collect::<Vec<_>>(), [2001, 2002]);
}

#[test]
fn what_is_made_anew_is_as_young_as_the_replay() {
    let old = original(5, true).delivery;
    let new = advance(&[original(5, true)], Some(5)).made.remove(0);
    let want = Delivery {
        id: DeliveryId(2_001),
        origin: Origin::Replay,
        created_at: NOW,
        attempts: 0,
        step: 0,
        interrupted: 0,
        state: State::Due(NOW.plus_ms(2_000)),
        ..old
    };
    assert_eq!(new, want, "the same event for the same endpoint, due at the schedule's first point from now");
}

#[test]
fn the_last_page_ends_it_also_where_it_is_empty() {
    for found in [vec![], vec![original(5, true)]] {
        let Advance { changes, .. } = advance(&found, None);
        let Change::AdvanceReplay(step) = &changes[0] else { panic!("{changes:?}") };
        assert_eq!((step.ended_at, step.to), (Some(NOW), DeliveryId(1_000)));
    }
}

#[test]
fn a_walk_begins_below_its_time_range_and_ends_at_its_own_id() {
    let from = |filter| replay(filter).read_to.0;
    assert_eq!(from(Filter::default()), 0);
    let mut ids = crate::ids::IdSequence::after(0);
    let of = ids.next(NOW);
    let since = |at| Filter { since: Some(at), ..Filter::default() };
    assert!(from(since(NOW)) < of && from(since(NOW.plus_ms(1))) >= of);
    // What a clock that is set back gives lies higher, never lower.
    let later = ids.next(NOW.plus_ms(-5_000));
    assert!(from(since(NOW.plus_ms(-5_000))) < later);
    for mad in [i64::MIN, -1, i64::MAX] {
        let _ = from(since(Timestamp(mad)));
    }
    assert_eq!(replay(Filter::default()).until(), DeliveryId(1_000));
}

#[test]
fn one_is_marked_as_it_was_found() {
    let found = Original { replayed_at: Some(Timestamp(4)), ..original(5, true) };
    let schedule = Schedule::default();
    let given = Circumstances { registered: &[], servers: &schedule, now: NOW };
    let (changes, made) = replay_one(&found, DeliveryId(9), given).unwrap();
    assert!(matches!(
        &changes[..],
        [Change::MarkReplayed { id: DeliveryId(5), before: Some(Timestamp(4)), at: NOW }, Change::AddDelivery(d)] if **d == made
    ));
    assert_eq!((made.id, made.event, made.state), (DeliveryId(9), EventId(105), State::Due(NOW)));
}

#[test]
fn what_is_made_anew_goes_where_its_endpoint_is_now() {
    const URL: &str = "https://app.example.com/webhook";
    let org = OrgId::new("default");
    let registered = |number, url: &str, disabled: bool| {
        let body = serde_json::json!({ "url": url });
        let draft = Draft::read(body.as_object().unwrap(), &EgressRules::default()).unwrap();
        let mut endpoint = draft.into_endpoint(EndpointId::registered(number), org.clone(), NOW);
        assert!(!disabled || endpoint.move_by(Input::Disable(DisabledReason::Requested)));
        endpoint
    };
    let [own, other] = [1, 2].map(EndpointId::registered);
    let of_url = implicit_endpoint(&org, URL);
    let moved = "https://moved.example.com/webhook";
    for (what, from, now, want) in [
        ("still there", &own, vec![registered(1, URL, false)], Some((&own, URL))),
        ("moved", &own, vec![registered(1, moved, false)], Some((&own, moved))),
        (
            "moved, and its URL is another's",
            &own,
            vec![registered(2, URL, false), registered(1, moved, false)],
            Some((&own, moved)),
        ),
        ("disabled", &own, vec![registered(1, URL, true)], None),
        ("deleted", &own, vec![], Some((&of_url, URL))),
        ("deleted, others are there", &own, vec![registered(2, moved, false)], Some((&of_url, URL))),
        ("deleted and registered anew", &own, vec![registered(2, URL, false)], Some((&other, URL))),
        ("deleted, and what has its URL is disabled", &own, vec![registered(2, URL, true)], None),
        ("implicit", &of_url, vec![registered(2, moved, true)], Some((&of_url, URL))),
        (
            "implicit, spelled otherwise",
            &of_url,
            vec![registered(2, "https://APP.example.com:443/webhook", false)],
            Some((&other, "https://APP.example.com:443/webhook")),
        ),
        ("implicit, now disabled", &of_url, vec![registered(2, URL, true)], None),
    ] {
        let mut found = original(5, true);
        found.delivery.endpoint = from.clone();
        let Advance { changes, made } = advance_with(&now, std::slice::from_ref(&found), None);
        let to = made.first().map(|delivery| (&delivery.endpoint, delivery.url.as_str()));
        assert_eq!(to, want, "{what}");
        let Change::AdvanceReplay(step) = &changes[0] else { panic!("{changes:?}") };
        let is_made = u64::from(want.is_some());
        assert_eq!((step.made, step.skipped, changes.len() as u64), (is_made, 1 - is_made, 1 + 2 * is_made), "{what}");
        for delivery in made.iter().filter(|delivery| delivery.url != URL) {
            let shard = Destination::of(&delivery.url).map(|to| to.shard());
            assert_eq!(Some(delivery.shard), shard, "{what}");
        }
    }
}
