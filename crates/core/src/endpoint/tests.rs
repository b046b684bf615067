//! Tables of what an endpoint may be, which it gets, and when it has failed for too long.
use serde_json::{Map, Value, json};

use super::*;
use crate::attempt::Word;
use crate::delivery::{self, Origin};
use crate::egress_rules::EgressRules;
use crate::event::EventType;
use crate::limits;
use crate::schedule::Schedule;

const HOUR_MS: i64 = 3_600_000;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn draft(value: Value) -> Result<Draft, crate::create::Refusal> {
    Draft::read(&object(value), &EgressRules::default())
}

fn endpoint(number: &str, value: Value) -> Endpoint {
    draft(value).unwrap().into_endpoint(EndpointId::new(number), OrgId::new("default"), Timestamp(1_000))
}

fn with(mut value: Value, key: &str, member: Value) -> Value {
    value[key] = member;
    value
}

#[test]
fn only_a_url_is_needed() {
    let made = endpoint("ep_1", json!({"url": "https://app.example.com/hook?a=1"}));
    assert_eq!((made.url.as_str(), made.state, made.version), ("https://app.example.com/hook?a=1", State::Enabled, 1));
    assert_eq!((made.terms.clone(), made.per_second, made.concurrency), (Terms::default(), None, None));
    assert!(made.events.takes(EventType::GenerationFailed) && !made.events.takes(EventType::DeliveryExhausted));
    let nulls = json!({"url": "https://app.example.com/hook?a=1", "description": null, "events": null, "headers": null,
        "schedule": null, "timeout": null, "perSecond": null, "concurrency": null, "secret": null});
    assert_eq!(endpoint("ep_1", nulls), made);
}

#[test]
fn refusals_name_the_member() {
    let many: Map<String, Value> = (0..21).map(|n| (format!("X-{n}"), json!("a"))).collect();
    let url = json!({"url": "https://app.example.com/hook"});
    for (key, value, field) in [
        ("url", json!(null), "url"),
        ("url", json!(5), "url"),
        ("url", json!("http://app.example.com/"), "url"),
        ("url", json!("https://127.0.0.1/"), "url"),
        ("description", json!("a".repeat(501)), "description"),
        ("description", json!("a\nb"), "description"),
        ("events", json!([]), "events"),
        ("events", json!("generation.completed"), "events"),
        ("events", json!(["generation.started"]), "events"),
        ("events", json!([1]), "events"),
        ("headers", json!([]), "headers"),
        ("headers", json!(many), "headers"),
        ("headers", json!({"X-A": "a".repeat(9_000)}), "headers"),
        ("headers", json!({"X A": "a"}), "headers.X?A"),
        ("headers", json!({"": "a"}), "headers."),
        ("headers", json!({"X-A": ""}), "headers.X-A"),
        ("headers", json!({"X-A": " a"}), "headers.X-A"),
        ("headers", json!({"X-A": "a\r\nB: c"}), "headers.X-A"),
        ("headers", json!({"X-A": "\u{fc}"}), "headers.X-A"),
        ("headers", json!({"X-A": 5}), "headers.X-A"),
        ("headers", json!({"X-A": "***"}), "headers.X-A"),
        ("headers", json!({"X-A": "a", "x-a": "b"}), "headers.x-a"),
        ("schedule", json!("0s"), "schedule"),
        ("schedule", json!(["5s", "1s"]), "schedule"),
        ("timeout", json!("61s"), "timeout"),
        ("perSecond", json!(0), "perSecond"),
        ("perSecond", json!(10_001), "perSecond"),
        ("perSecond", json!(1.5), "perSecond"),
        ("concurrency", json!("4"), "concurrency"),
        ("concurrency", json!(257), "concurrency"),
        ("secret", json!("abc"), "secret"),
        ("secret", json!(5), "secret"),
        ("perSeconds", json!(5), "perSeconds"),
        ("state", json!("paused"), "state"),
    ] {
        let refusal = draft(with(url.clone(), key, value.clone())).unwrap_err();
        assert_eq!(refusal.field, field, "{key}: {value}");
        assert!(refusal.message.starts_with(field) && refusal.message.is_ascii(), "{}", refusal.message);
        assert!(refusal.message.len() < 400, "{}", refusal.message);
    }
    assert_eq!(draft(json!({})).unwrap_err().field, "url");
}

#[test]
fn headers_that_http_or_this_server_sets_are_refused_whatever_their_case() {
    let taken = [
        "Host",
        "CONNECTION",
        "keep-alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
        "Expect",
        "User-Agent",
        "Content-Type",
        "content-length",
        "Sync-Signature",
        "Sync-Signature-Next",
        "Webhook-Id",
        "webhook-signature",
        "Postsync-Event",
        "postsync-replay",
    ];
    for name in taken {
        let value = json!({"url": "https://app.example.com/", "headers": {name: "a"}});
        assert_eq!(draft(value).unwrap_err().field, format!("headers.{name}"));
    }
    let fine = json!({"url": "https://app.example.com/", "headers": {"Authorization": "Bearer a b", "X_Custom": "~"}});
    let made = endpoint("ep_1", fine);
    assert_eq!(made.headers.as_slice()[0], ("Authorization".to_owned(), "Bearer a b".to_owned()));
    assert!(!format!("{made:?}").contains("Bearer"), "values are secrets");
}

#[test]
fn filters_read_what_they_store() {
    for names in [json!(null), json!(["generation.failed"]), json!(["delivery.exhausted", "generation.completed"])] {
        let made = endpoint("ep_1", json!({"url": "https://app.example.com/", "events": names}));
        assert_eq!(EventFilter::parse(&made.events.stored()), Some(made.events.clone()));
    }
    assert_eq!(EventFilter::parse("generation.completed,nonsense"), None);
    let twice = json!(["endpoint.failing", "generation.failed", "endpoint.failing"]);
    let made = endpoint("ep_1", json!({"url": "https://app.example.com/", "events": twice}));
    assert_eq!(made.events.named(), Some(&[EventType::GenerationFailed, EventType::EndpointFailing][..]));
    assert!(made.events.takes(EventType::EndpointFailing) && !made.events.takes(EventType::GenerationCompleted));
}

#[test]
fn a_patch_changes_what_it_names_and_no_more() {
    let whole = json!({"url": "https://app.example.com/", "description": "a", "headers": {"X-A": "a"},
        "schedule": ["0s"], "timeout": "2s", "perSecond": 5, "concurrency": 3, "events": ["generation.failed"]});
    let made = endpoint("ep_1", whole);
    let patch =
        |value: Value, of| Patch::read(&object(value), &EgressRules::default()).unwrap().apply(of, Timestamp(2_000));
    let patched = |value: Value| patch(value, &made).unwrap();
    let same = patched(json!({}));
    assert_eq!(same, Endpoint { version: 2, updated_at: Timestamp(2_000), ..made.clone() });
    let one = patched(json!({"timeout": null, "description": "b", "state": "paused"}));
    assert_eq!((one.terms.timeout, one.terms.schedule.clone()), (None, made.terms.schedule.clone()));
    assert_eq!((one.description.as_str(), one.state, one.version), ("b", State::Paused, 2));
    assert_eq!(one.headers, made.headers);
    let disabled = Endpoint { state: State::Disabled(DisabledReason::Gone), ..made.clone() };
    assert_eq!(patch(json!({"state": "paused", "description": "b"}), &disabled), None);
    let again = patch(json!({"state": "disabled"}), &disabled).unwrap();
    assert_eq!(again.state, disabled.state, "that it is, for the reason that it has");
    assert_eq!(patch(json!({"state": "enabled"}), &disabled).unwrap().state, State::Enabled);
    let none = json!({"headers": null, "schedule": null, "perSecond": null, "concurrency": null, "events": null});
    let cleared = patched(none);
    let plain = endpoint("ep_1", json!({"url": "https://app.example.com/"}));
    assert_eq!((cleared.headers, cleared.terms.schedule, cleared.events), (plain.headers, None, plain.events));
    assert_eq!((cleared.per_second, cleared.concurrency), (None, None));
    for wrong in [json!({"url": null}), json!({"secret": "whsec_a"}), json!({"state": "gone"}), json!({"id": "ep_2"})] {
        assert!(Patch::read(&object(wrong.clone()), &EgressRules::default()).is_err(), "{wrong}");
    }
}

#[test]
fn every_input_in_every_state() {
    let states = [State::Enabled, State::Paused, State::Disabled(DisabledReason::Gone)];
    let inputs = [Input::Pause, Input::Resume, Input::Disable(DisabledReason::Requested)];
    let mut found = Vec::new();
    for from in states {
        for input in inputs {
            let mut e = Endpoint {
                state: from,
                failing_since: Some(Timestamp(1)),
                ..endpoint("ep_1", json!({"url": "https://a.example/"}))
            };
            if e.move_by(input) {
                let word = match input {
                    Input::Pause => "pause",
                    Input::Resume => "resume",
                    Input::Disable(_) => "disable",
                };
                found.push((from.as_str(), word, e.state.as_str()));
                assert_eq!(e.failing_since.is_none(), e.state == State::Enabled);
            } else {
                assert_eq!(e.state, from);
            }
        }
    }
    let named: Vec<_> =
        TRANSITIONS.iter().map(|(from, input, to)| (*from, input.split(' ').next().unwrap(), *to)).collect();
    assert_eq!(found, named);
    for state in states {
        let reason = state.reason().map(DisabledReason::as_str);
        assert_eq!(State::parse(state.as_str(), reason), Some(state));
    }
    assert_eq!((State::parse("disabled", None), State::parse("enabled", Some("gone"))), (None, None));
}

#[test]
fn a_webhook_url_that_is_registered_is_one_delivery_under_its_endpoint() {
    let org = OrgId::new("default");
    let all = endpoint("ep_all", json!({"url": "https://all.example/hook"}));
    let ops = endpoint("ep_ops", json!({"url": "https://ops.example/hook?k=1", "events": ["delivery.exhausted"]}));
    let mut off = endpoint("ep_off", json!({"url": "https://off.example/hook"}));
    off.state = State::Disabled(DisabledReason::Gone);
    let mut later = endpoint("ep_later", json!({"url": "https://later.example/hook", "events": ["generation.failed"]}));
    later.state = State::Paused;
    let registered = [all, ops, off, later];
    let to = |url: Option<&str>| -> Vec<String> {
        let found = receivers(&registered, &org, EventType::GenerationCompleted, url, &Terms::default());
        let name = |r: &Receiver| format!("{} {}", &r.endpoint.as_str()[..4], r.url);
        found.iter().map(name).collect()
    };
    let all = "ep_a https://all.example/hook".to_owned();
    for (url, first) in [
        (None, None),
        // Its own receiver, first.
        (Some("https://app.example/x"), Some("imp_ https://app.example/x")),
        // Registered: one delivery, whatever the filter.
        (Some("https://all.example/hook"), None),
        (Some("https://ALL.example:443/hook"), None),
        (Some("https://all.example/hook?a=1"), Some("imp_ https://all.example/hook?a=1")),
        (Some("https://all.example/hook/"), Some("imp_ https://all.example/hook/")),
        (Some("https://ops.example/hook?k=2"), Some("imp_ https://ops.example/hook?k=2")),
        // Disabled: nothing goes there.
        (Some("https://off.example/hook"), None),
    ] {
        let want: Vec<String> = first.into_iter().map(str::to_owned).chain([all.clone()]).collect();
        assert_eq!(to(url), want, "{url:?}");
    }
    assert_eq!(to(Some("https://ops.example/hook?k=1")), [all.clone(), "ep_o https://ops.example/hook?k=1".to_owned()]);
    assert_eq!(to(Some("https://later.example/hook")), [all, "ep_l https://later.example/hook".to_owned()]);
    let told = listeners(&registered, EventType::DeliveryExhausted);
    assert_eq!(told.iter().map(|r| r.endpoint.as_str()).collect::<Vec<_>>(), ["ep_ops"]);
    assert!(listeners(&registered, EventType::EndpointFailing).is_empty());
}

#[test]
fn what_the_generation_asks_for_is_for_its_own_webhook() {
    let own = json!({"url": "https://a.example/", "schedule": ["0s", "9s"], "timeout": "9s"});
    let terms = Terms { timeout: Some(std::time::Duration::from_secs(2)), schedule: None };
    let registered = [endpoint("ep_1", own)];
    let (org, kind) = (OrgId::new("default"), EventType::GenerationFailed);
    let schedule = |to: &Receiver| to.terms.schedule.as_ref().map(ToString::to_string);
    let of = receivers(&registered, &org, kind, Some("https://a.example/"), &terms);
    assert_eq!((of.len(), of[0].terms.timeout, schedule(&of[0]).as_deref()), (1, terms.timeout, Some("0s,9s")));
    let of = receivers(&registered, &org, kind, Some("https://b.example/"), &terms);
    assert_eq!((of[0].terms.timeout, schedule(&of[0])), (terms.timeout, None));
    assert_eq!(of[1].terms, registered[0].terms, "another's endpoint is not cut short by one generation");
}

/// Heard every `every_ms` until it asks for something else than nothing; gives when that was.
fn fails_until(failing: &mut Failing, from_ms: i64, every_ms: i64) -> (i64, Next) {
    let mut at_ms = from_ms;
    loop {
        let next = failing.heard(Word::Failed, Timestamp(at_ms));
        if next != Next::Nothing {
            return (at_ms, next);
        }
        at_ms += every_ms;
        assert!(at_ms < from_ms + 30 * 24 * HOUR_MS, "nothing follows");
    }
}

#[test]
fn only_failures_for_a_day_are_told_and_for_five_days_end_it() {
    let mut failing = Failing::default();
    let since = Timestamp(0);
    assert_eq!(fails_until(&mut failing, 0, 1_000), (60_000, Next::Note(since)));
    assert_eq!(fails_until(&mut failing, 61_000, 1_000), (24 * HOUR_MS, Next::Tell(since)));
    assert_eq!(fails_until(&mut failing, 25 * HOUR_MS, HOUR_MS), (5 * 24 * HOUR_MS, Next::Disable(since)));
    assert_eq!(failing.heard(Word::Delivered, Timestamp(6 * 24 * HOUR_MS)), Next::Clear);
    assert_eq!(failing, Failing::default());
}

#[test]
fn a_success_in_between_begins_anew_and_one_that_fails_now_and_then_writes_nothing() {
    let mut failing = Failing::default();
    for n in 0..10_000 {
        assert_eq!(failing.heard(Word::Failed, Timestamp(n * 60_000)), Next::Nothing);
        assert_eq!(failing.heard(Word::OwnFault, Timestamp(n * 60_000)), Next::Nothing);
        assert_eq!(failing.heard(Word::Interrupted, Timestamp(n * 60_000)), Next::Nothing);
        assert_eq!(failing.heard(Word::Delivered, Timestamp(n * 60_000 + 1)), Next::Nothing);
    }
}

#[test]
fn neither_a_clock_that_jumps_nor_a_lone_failure_ends_it() {
    let week_ms = 7 * 24 * HOUR_MS;
    let mut failing = Failing::default();
    assert_eq!(failing.heard(Word::Failed, Timestamp(week_ms)), Next::Nothing);
    assert!(matches!(failing.heard(Word::Failed, Timestamp(2 * week_ms)), Next::Note(_)));
    assert_eq!(failing.heard(Word::Failed, Timestamp(0)), Next::Nothing, "set back");
    for n in 4..limits::ENDPOINT_FAILURES_MIN {
        assert_eq!(failing.heard(Word::Failed, Timestamp(week_ms + i64::from(n))), Next::Nothing);
    }
    assert_eq!(failing.heard(Word::Failed, Timestamp(week_ms)), Next::Disable(Timestamp(0)));
}

#[test]
fn what_is_on_disk_is_gone_on_from() {
    let since = Timestamp(1_000);
    let mut failing = Failing::stored(Some(since), true);
    let later_ms = 4 * 24 * HOUR_MS;
    assert_eq!(fails_until(&mut failing, later_ms, HOUR_MS), (5 * 24 * HOUR_MS + HOUR_MS, Next::Disable(since)));
    assert_eq!(Failing::stored(Some(since), false).heard(Word::Delivered, Timestamp(9_000)), Next::Clear);
    assert_eq!(Failing::stored(None, false).heard(Word::Delivered, Timestamp(9_000)), Next::Nothing);
}

#[test]
fn operational_bodies_are_canonical_and_tell_no_query() {
    let mut of = endpoint("ep_1", json!({"url": "https://a.example/hook?token=geheim"}));
    of.state = State::Disabled(DisabledReason::Failing);
    of.failing_since = Some(Timestamp(5_000));
    let body = disabled_body(crate::ids::EventId(7), Timestamp(9_000), &of);
    assert_eq!(
        std::str::from_utf8(&body).unwrap(),
        concat!(
            r#"{"id":"evt_0000000000007","type":"endpoint.disabled","createdAt":"1970-01-01T00:00:09.000Z","#,
            r#""data":{"endpointId":"ep_1","url":"https://a.example/hook","state":"disabled","reason":"failing","#,
            r#""failingSince":"1970-01-01T00:00:05.000Z"}}"#
        )
    );
    assert_eq!(crate::canonical::reprint(&body).unwrap(), body);
}

fn made_up(trial: Trial, webhook_url: Option<&str>) -> crate::event::Event {
    let now = Timestamp(9_000);
    let about = MadeUp {
        generation: crate::ids::GenerationId::new(now, [7; 10]),
        batch: crate::ids::BatchId::new(now, [8; 10]),
        webhook_url: webhook_url.map(str::to_owned),
    };
    trial.event(crate::ids::EventId(7), &OrgId::new("default"), about, now)
}

#[test]
fn a_made_up_event_looks_like_any_other_and_says_what_it_is() {
    for (trial, name, status) in [
        (Trial::GenerationCompleted, "generation.completed", "COMPLETED"),
        (Trial::GenerationFailed, "generation.failed", "FAILED"),
        (Trial::BatchCompleted, "batch.completed", "COMPLETED"),
    ] {
        assert_eq!(Trial::parse(name), Some(trial));
        let event = made_up(trial, Some("https://a.example/"));
        assert_eq!((event.kind.as_str(), event.generation), (name, None));
        assert_eq!(crate::canonical::reprint(&event.body).unwrap(), event.body, "what receivers sign again");
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        assert_eq!((&body["status"], &body["webhookUrl"]), (&json!(status), &json!("https://a.example/")));
        assert!(body.to_string().contains("postsync-test"), "what a receiver knows it by: {body}");
        assert!(!crate::feed::has_place(&event), "readers of the feed take it for nothing that happened");
    }
    let completed: Value = serde_json::from_slice(&made_up(Trial::GenerationCompleted, None).body).unwrap();
    let generation = crate::ids::GenerationId::new(Timestamp(9_000), [7; 10]);
    assert_eq!((&completed["id"], &completed["webhookUrl"]), (&json!(generation.to_string()), &Value::Null));
    assert_eq!(completed["outputFileName"], "postsync-test");
    assert_eq!(Trial::parse("delivery.exhausted"), None);
}

#[test]
fn an_event_for_one_url_goes_to_whoever_has_it() {
    let org = OrgId::new("default");
    let own = json!({"url": "https://a.example/x", "events": ["batch.completed"]});
    let mut of = endpoint("ep_1", own);
    let at = |of: &Endpoint, url| receiver_at(std::slice::from_ref(of), &org, url).map(|receiver| receiver.endpoint);
    assert_eq!(at(&of, "https://a.example/x"), Some(of.id.clone()), "whatever its filter");
    let implicit = at(&of, "https://b.example/x").unwrap();
    assert!(implicit != of.id && !implicit.is_registered());
    of.state = State::Disabled(DisabledReason::Requested);
    assert_eq!(at(&of, "https://a.example/x"), None);
}

#[test]
fn a_delivery_takes_its_terms_and_a_paused_endpoint_gets_one_too() {
    let event = made_up(Trial::GenerationCompleted, None);
    let own = json!({"url": "https://a.example/x?k=1", "schedule": ["3s", "9s"], "timeout": "9s"});
    let mut of = endpoint("ep_1", own);
    for state in [State::Enabled, State::Paused] {
        of.state = state;
        let receiver = of.receiver(&Terms::default()).unwrap();
        let delivery = receiver.delivery(crate::ids::DeliveryId(8), &event, Origin::Test, &Schedule::default());
        assert_eq!((delivery.state, delivery.origin), (delivery::State::Due(Timestamp(12_000)), Origin::Test));
        assert_eq!((delivery.url.as_str(), &delivery.terms), ("https://a.example/x?k=1", &of.terms));
    }
    of.state = State::Disabled(DisabledReason::Requested);
    assert!(of.receiver(&Terms::default()).is_none());
}
