use super::*;
use crate::ids::IdSequence;
use proptest::prelude::*;
use serde_json::{Value, json};

fn generation(request: Request) -> Generation {
    let new = NewGeneration { org: OrgId::new("default"), request };
    accept(new, "6533643b-aceb-4c40-967e-d9ba9baac39e".parse().unwrap(), Timestamp(1_795_420_800_123))
}

fn request() -> Request {
    Request {
        model: "lipsync-2".into(),
        input: r#"[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav"}]"#.into(),
        options: Some(r#"{"sync_mode":"loop"}"#.into()),
        webhook_url: Some("https://app.example.com/webhook".into()),
        ..Request::default()
    }
}

fn end(g: &mut Generation, ending: Ending) -> Finished {
    let mut ids = IdSequence::after(0);
    let now = Timestamp(1_795_420_900_000);
    let around = Surroundings { servers: &Schedule::default(), registered: &[] };
    finish(g, ending, now, around, EventId(ids.next(now)), || DeliveryId(ids.next(now))).expect("the first end")
}

fn completed() -> Ending {
    Ending::Completed(Output { url: "https://lips.example.com/r?token=1".into(), duration_ms: Some(9980), media: None })
}

#[test]
fn a_completed_body_reads_as_sync_writes_it() {
    let mut g = generation(request());
    let finished = end(&mut g, completed());
    let event = finished.event;
    assert_eq!(
        std::str::from_utf8(&event.body).unwrap(),
        concat!(
            r#"{"id":"6533643b-aceb-4c40-967e-d9ba9baac39e","createdAt":"2026-11-23T08:00:00.123Z","status":"COMPLETED","model":"lipsync-2","#,
            r#""input":[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav"}],"#,
            r#""segments":null,"webhookUrl":"https://app.example.com/webhook","options":{"sync_mode":"loop"},"#,
            r#""outputUrl":"https://lips.example.com/r?token=1","segmentOutputUrl":null,"outputDuration":9.98,"#,
            r#""error":null,"error_code":null,"errorCode":null,"outputFileName":null}"#
        )
    );
}

#[test]
fn a_failed_body_has_both_names_of_the_code() {
    let mut g = generation(request());
    end(&mut g, Ending::Failed(Failure::new(error_code::GENERATION_TIMEOUT, "Took \u{e9}ver\nlong.")));
    let body: Value = serde_json::from_str(&wire(&g)).unwrap();
    assert_eq!(body["status"], "FAILED");
    assert_eq!(body["error"], "Took ?ver?long.");
    assert_eq!((&body["error_code"], &body["errorCode"]), (&json!("generation_timeout"), &json!("generation_timeout")));
    assert_eq!(body["outputUrl"], Value::Null);
}

#[test]
fn an_end_is_one_list_of_state_event_and_delivery() {
    let mut g = generation(request());
    let finished = end(&mut g, completed());
    assert!(matches!(
        finished.changes.as_slice(),
        [Change::EndGeneration { .. }, Change::AddEvent(_), Change::AddDelivery(_)]
    ));
    let [delivery] = finished.deliveries.as_slice() else { panic!("one delivery") };
    assert_eq!((delivery.event, delivery.generation), (finished.event.id, Some(g.id)));
}

#[test]
fn without_a_webhook_url_there_is_an_event_and_no_delivery() {
    let mut g = generation(Request { webhook_url: None, ..request() });
    let finished = end(&mut g, completed());
    assert!(matches!(finished.changes.as_slice(), [Change::EndGeneration { .. }, Change::AddEvent(_)]));
    assert!(finished.deliveries.is_empty());
}

#[test]
fn bodies_are_cut_in_order_until_they_fit() {
    let boxes = format!(
        r#"{{"active_speaker_detection":{{"bounding_boxes":[{}[1,2,3,4]]}},"sync_mode":"loop"}}"#,
        "[1,2,3,4],".repeat(12_000)
    );
    let mut g = generation(Request { options: Some(boxes), ..request() });
    let body = end(&mut g, completed()).event.body;
    let read: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(read["options"], json!({"active_speaker_detection":{},"sync_mode":"loop"}));
    assert!(body.len() < limits::WEBHOOK_BODY_BYTES_MAX);

    let big = |text: &str| Some(format!(r#"{{"prompt":"{text}"}}"#));
    let mut g = generation(Request { options: big(&"x".repeat(120_000)), segments: Some("[1]".into()), ..request() });
    let read: Value = serde_json::from_slice(&end(&mut g, completed()).event.body).unwrap();
    assert_eq!((&read["options"], &read["segments"]), (&Value::Null, &json!([1])));

    let long = format!("[\"{}\"]", "x".repeat(120_000));
    let mut g = generation(Request { segments: Some(long), ..request() });
    let read: Value = serde_json::from_slice(&end(&mut g, completed()).event.body).unwrap();
    assert_eq!((&read["options"], &read["segments"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_generation_that_dies_three_times_is_given_up() {
    let mut g = generation(request());
    for tries in 1..=limits::GENERATION_TRIES_MAX {
        let taken = take(&mut g, Timestamp(1), Deaths::Count);
        assert!(matches!(taken, Take::Work(Change::StartGeneration { tries: t, .. }) if t == tries));
    }
    let Take::GiveUp(failure) = take(&mut g, Timestamp(1), Deaths::Count) else { panic!("a fourth try") };
    assert_eq!(failure.code, error_code::GENERATION_PIPELINE_FAILED);
    // Work that is done elsewhere is not what kills us.
    let fourth = take(&mut g, Timestamp(1), Deaths::SayNothing);
    assert!(matches!(fourth, Take::Work(Change::StartGeneration { tries: 4, .. })), "{fourth:?}");
}

/// Puts a generation through one input. What it was called in the table, and whether anything was to be written.
fn put_through(g: &mut Generation, input: &'static str) -> (&'static str, bool) {
    let (now, from) = (Timestamp(1_795_420_900_000), g.status());
    let end = |g: &mut Generation, ending| {
        let around = Surroundings { servers: &Schedule::default(), registered: &[] };
        finish(g, ending, now, around, EventId(1), || DeliveryId(2)).is_some()
    };
    match input {
        "start" => match take(g, now, Deaths::Count) {
            Take::Work(_) if from == Status::Processing => ("start again", true),
            Take::Work(_) => ("start", true),
            Take::GiveUp(failure) => ("died three times", end(g, Ending::Failed(failure))),
            Take::Ended => ("start", false),
        },
        "release" => ("release", release(g, now).is_some()),
        "complete" => ("complete", end(g, completed())),
        "fail" => ("fail", end(g, Ending::Failed(Failure::of(error_code::GENERATION_TIMEOUT)))),
        "cancel" => ("cancel", end(g, Ending::Failed(Failure::of(error_code::GENERATION_CANCELED)))),
        other => unreachable!("{other}"),
    }
}

/// Every state that a generation can be in, as the inputs before it have made it.
fn states() -> Vec<Generation> {
    let paths: [&[&str]; 7] = [
        &[],
        &["start"],
        &["start", "start"],
        &["start", "start", "start"],
        &["start", "start", "release"],
        &["complete"],
        &["start", "fail"],
    ];
    paths
        .map(|path| {
            let mut g = generation(request());
            path.iter().for_each(|input| assert!(put_through(&mut g, input).1, "{path:?}"));
            g
        })
        .into()
}

#[test]
fn the_table_has_every_transition_and_no_other() {
    let mut found = std::collections::BTreeSet::new();
    for before in states() {
        for input in ["start", "release", "complete", "fail", "cancel"] {
            let mut g = before.clone();
            let (name, written) = put_through(&mut g, input);
            assert_eq!(written, g != before, "{input} from {:?}", before.status());
            if written {
                found.insert((before.status(), name, g.status()));
            }
        }
    }
    let named = |text: &'static str| text.split(" (").next().unwrap_or(text);
    let table: std::collections::BTreeSet<_> =
        TRANSITIONS.iter().map(|(from, text, to)| (*from, named(text), *to)).collect();
    assert_eq!(found, table);
}

#[test]
fn what_has_ended_stays_as_it_is() {
    let mut g = generation(request());
    end(&mut g, completed());
    let before = g.clone();
    for input in ["start", "release", "complete", "fail", "cancel"] {
        assert!(!put_through(&mut g, input).1, "{input}");
        assert_eq!(g, before, "{input}");
    }
}

#[test]
fn what_is_handed_back_is_as_it_was_before_its_start() {
    let mut g = generation(request());
    for _ in 0..=limits::GENERATION_TRIES_MAX {
        assert!(matches!(take(&mut g, Timestamp(1), Deaths::Count), Take::Work(_)));
        assert!(matches!(release(&mut g, Timestamp(2)), Some(Change::ReleaseGeneration { tries: 1, .. })));
        assert_eq!((g.status(), g.tries), (Status::Pending, 0));
    }
}

proptest! {
    /// Our own fields never break the fixed point that the request's canonical texts give.
    #[test]
    fn bodies_are_canonical(ms in 0u64..10_000_000_000, error in ".*", url in "[ -~]*", name in "[a-zA-Z0-9_-]*", fail in any::<bool>()) {
        let mut g = generation(Request { output_file_name: Some(name), ..request() });
        let ending = if fail {
            Ending::Failed(Failure::new(error_code::GENERATION_PIPELINE_FAILED, &error))
        } else {
            Ending::Completed(Output { url, duration_ms: Some(ms), media: None })
        };
        let body = end(&mut g, ending).event.body;
        let again = crate::canonical::to_vec(&serde_json::from_slice(&body).unwrap());
        prop_assert_eq!(&again[..], &body[..]);
        prop_assert!(body.is_ascii());
    }
}
