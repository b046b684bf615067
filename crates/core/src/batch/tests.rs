use serde_json::{Value, json};

use super::*;
use crate::audit::AuditChange;
use crate::create::Rules;
use crate::egress_rules::EgressRules;
use crate::error_code;
use crate::ids::{IdSequence, KeyId};
use crate::model::Routing;
use crate::schedule::Schedule;

const NOW: Timestamp = Timestamp(1_795_420_800_000);

fn batch(total: u32, succeeded: u32, failed: u32, state: State) -> Batch {
    Batch {
        id: "6533643b-aceb-4c40-967e-d9ba9baac39e".parse().unwrap(),
        org: OrgId::new("default"),
        created_at: NOW,
        webhook_url: Some("https://app.example.com/batch".into()),
        counts: Counts { total, succeeded, failed },
        state,
    }
}

fn ended() -> State {
    State::Ended(End { at: NOW, output_url: "https://lips.example.com/v2/batches/b-1/result".into() })
}

fn row_end(batch: &Batch, succeeded: bool) -> RowEnd {
    let mut ids = IdSequence::after(0);
    let event = EventId(ids.next(NOW));
    let around = Surroundings { servers: &Schedule::default(), registered: &[] };
    let url = || "https://lips.example.com/r".to_owned();
    row_ended(batch, succeeded, NOW, around, url, || event, || DeliveryId(ids.next(NOW)))
}

#[test]
fn a_body_reads_as_sync_writes_it() {
    let text = wire(&batch(20, 19, 1, ended())).replace("6533643b-aceb-4c40-967e-d9ba9baac39e", "b-1");
    assert_eq!(
        text,
        r#"{"id":"b-1","created_at":"2026-11-23T08:00:00.000Z","status":"COMPLETED","metrics":{"total_generations":20,"success_count":19,"failed_count":1,"pending_count":0},"webhookUrl":"https://app.example.com/batch","outputUrl":"https://lips.example.com/v2/batches/b-1/result"}"#
    );
    let open = Batch { webhook_url: None, ..batch(20, 3, 1, State::Processing) };
    let body: Value = serde_json::from_str(&wire(&open)).unwrap();
    assert_eq!((&body["webhookUrl"], &body["outputUrl"]), (&Value::Null, &json!("")));
    assert_eq!((&body["metrics"]["pending_count"], &body["status"]), (&json!(16), &json!("PROCESSING")));
}

#[test]
fn an_accepted_batch_is_one_list_with_its_rows_in_their_order() {
    let request = |model: &str| Request { model: model.to_owned(), ..Request::default() };
    let rows = vec![("b".to_owned(), request("one")), ("a".to_owned(), request("two"))];
    let caller = Caller { key: Some(KeyId(7)), address: None };
    let new = NewBatch { org: OrgId::new("default"), webhook_url: None, rows, caller, named: Named::default() };
    let mut n = 0;
    let accepted = accept(new, batch(2, 0, 0, State::Pending).id, NOW, || {
        n += 1;
        GenerationId::new(NOW, [n; 10])
    });
    assert_eq!(accepted.batch.status(), Status::Pending);
    let rows: Vec<_> = accepted.generations.iter().filter_map(|g| g.row.clone()).collect();
    assert_eq!(rows.iter().map(|row| (row.number, row.request_id.as_str())).collect::<Vec<_>>(), [(1, "b"), (2, "a")]);
    let [Change::Batch(BatchChange::Add(_)), rows @ .., Change::Batch(last)] = accepted.changes.as_slice() else {
        panic!("{:?}", accepted.changes)
    };
    let [Change::AddGeneration(one), Change::Audit(who), Change::AddGeneration(two), Change::Audit(_)] = rows else {
        panic!("{rows:?}")
    };
    assert_eq!((one.id, two.id), (accepted.generations[0].id, accepted.generations[1].id));
    assert!(matches!(who, AuditChange::Add(entry) if entry.generation == one.id && entry.caller == caller));
    assert_eq!(moved(&accepted.batch, last).unwrap().status(), Status::JobsCreated);
}

#[test]
fn only_the_last_row_ends_a_batch() {
    for (before, succeeded, kind) in [
        (batch(3, 0, 2, State::Processing), false, EventType::BatchFailed),
        (batch(3, 0, 2, State::Processing), true, EventType::BatchCompleted),
        (batch(3, 1, 1, State::Processing), false, EventType::BatchCompleted),
        (batch(1, 0, 0, State::JobsCreated), false, EventType::BatchFailed),
    ] {
        let end = row_end(&before, succeeded);
        let event = end.event.unwrap();
        assert_eq!((event.kind, end.deliveries.len()), (kind, 1));
        let Change::Batch(change) = &end.changes[0] else { panic!("{:?}", end.changes) };
        let after = moved(&before, change).unwrap();
        assert_eq!(event.body, wire(&after).into_bytes(), "the event tells what is on disk");
        assert_eq!(after.counts.open(), 0);
    }
    let end = row_end(&batch(3, 1, 0, State::Processing), true);
    assert!(end.event.is_none() && end.changes.len() == 1);
}

/// Every change in every state, over few rows: what is not in the table is refused, and what is in it happens.
#[test]
fn the_table_of_transitions_is_what_the_machine_does() {
    let mut found = std::collections::BTreeSet::new();
    for (total, succeeded, failed) in [(1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 0, 1), (3, 1, 1), (2, 2, 0), (2, 0, 2)] {
        let counts = Counts { total, succeeded, failed };
        for state in [State::Pending, State::JobsCreated, State::Processing, ended()] {
            // What can't be: an end with open rows, counted rows before any has begun.
            let began = succeeded + failed > 0;
            let over = counts.open() == 0;
            if over != matches!(state, State::Ended(_)) || began && matches!(state, State::Pending | State::JobsCreated)
            {
                continue;
            }
            let before = batch(total, succeeded, failed, state);
            for succeeded in [true, false] {
                let end = End { at: NOW, output_url: String::new() };
                for change in [
                    BatchChange::Add(Box::new(before.clone())),
                    BatchChange::JobsCreated { id: before.id },
                    BatchChange::RowBegan { id: before.id },
                    BatchChange::RowEnded { id: before.id, succeeded },
                    BatchChange::End { id: before.id, before: counts, succeeded, end: end.clone() },
                    BatchChange::End { id: before.id, before: counts.with(true), succeeded, end },
                ] {
                    if let Some(after) = moved(&before, &change) {
                        assert!(!before.is_final(), "{change:?}");
                        assert_eq!(after.is_final(), after.counts.open() == 0, "{change:?}");
                        found.insert((before.status(), after.status()));
                    }
                }
            }
        }
    }
    let table: std::collections::BTreeSet<_> = TRANSITIONS.iter().map(|(from, _, to)| (*from, *to)).collect();
    assert_eq!(found, table);
}

fn record(id: &str) -> Value {
    let input = json!([{"type": "video", "url": "https://a.example/v.mp4"}, {"type": "audio", "url": "https://a.example/a.wav"}]);
    json!({"request_id": id, "endpoint": "/v2/generate", "payload": {"model": "lipsync-2", "input": input}})
}

fn with(key: &str, value: Value) -> Value {
    let mut record = record("x");
    record[key] = value;
    record
}

#[test]
fn each_refusal_has_its_code_and_its_line() {
    let (routing, egress) = (Routing::default(), EgressRules::default());
    let rules = Rules { routing: &routing, egress: &egress, own: &[] };
    for (bad, code, says) in [
        (json!(5), error_code::BATCH_INVALID_JSONL, "object"),
        (with("request_id", json!(null)), error_code::BATCH_INVALID_JSONL, "request_id is missing"),
        (with("request_id", json!(7)), error_code::BATCH_INVALID_JSONL, "request_id must be"),
        (with("request_id", json!("")), error_code::BATCH_INVALID_JSONL, "request_id must have"),
        (with("request_id", json!("x".repeat(300))), error_code::BATCH_INVALID_JSONL, "request_id must have"),
        (record("first"), error_code::BATCH_DUPLICATE_REQUEST_ID, "line 1"),
        (with("endpoint", json!("/v2/generate/")), error_code::BATCH_INVALID_ENDPOINT, "endpoint must be"),
        (with("endpoint", json!(null)), error_code::BATCH_INVALID_ENDPOINT, "endpoint must be"),
        (with("payload", json!(null)), error_code::BATCH_INVALID_JSONL, "payload is missing"),
        (with("payload", json!([])), error_code::GENERATION_INPUT_VALIDATION_FAILED, "payload must be"),
        (with("payload", json!({"model": "no"})), error_code::GENERATION_INPUT_VALIDATION_FAILED, "payload: model"),
    ] {
        let mut rows = Rows::new(rules, RowLimits { min: 1, max: 2 });
        rows.push(1, record("first"), &[]).unwrap();
        let refusal = rows.push(4, bad, &[]).unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(refusal.message.starts_with("line 4: ") && refusal.message.contains(says), "{refusal}");
    }
}

#[test]
fn the_number_of_records_is_bounded_both_ways() {
    let (routing, egress) = (Routing::default(), EgressRules::default());
    let rules = Rules { routing: &routing, egress: &egress, own: &[] };
    let mut rows = Rows::new(rules, RowLimits { min: 2, max: 2 });
    rows.push(1, record("a"), &[]).unwrap();
    rows.push(3, record("b"), &[]).unwrap();
    let refusal = rows.push(5, record("c"), &[]).unwrap_err();
    assert!(
        refusal.code == error_code::BATCH_TOO_MANY_REQUESTS && refusal.message.starts_with("line 5: "),
        "{refusal}"
    );
    assert_eq!(rows.finish().unwrap().iter().map(|row| row.line).collect::<Vec<_>>(), [1, 3]);
    let mut few = Rows::new(rules, RowLimits { min: 2, max: 2 });
    few.push(2, record("a"), &[]).unwrap();
    let refusal = few.finish().unwrap_err();
    let want = "line 2: the batch ends here with 1 records, and needs at least 2";
    assert_eq!((refusal.code, refusal.message.as_str()), (error_code::BATCH_INSUFFICIENT_RECORDS, want));
}

#[test]
fn a_result_line_says_how_its_row_ended() {
    let row = |state| RowResult { request_id: "r\"1".into(), generation: GenerationId::new(NOW, [1; 10]), state };
    let output = generation::Output { url: "https://x.example/v".into(), duration_ms: None, media: None };
    let done = generation::State::Ended(NOW, generation::Ending::Completed(output));
    let failure = generation::Failure::of(error_code::GENERATION_TIMEOUT);
    let failed = generation::State::Ended(NOW, generation::Ending::Failed(failure));
    for (state, status, url, code) in [
        (done, "COMPLETED", json!("https://x.example/v"), Value::Null),
        (failed, "FAILED", Value::Null, json!("generation_timeout")),
    ] {
        let line = result_line(&row(state));
        let read: Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!((&read["request_id"], &read["status"]), (&json!("r\"1"), &json!(status)));
        assert_eq!((&read["outputUrl"], &read["error_code"]), (&url, &code));
        assert_eq!(read["error"].is_null(), code.is_null());
    }
}
