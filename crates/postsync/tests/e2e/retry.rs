//! What follows a failed attempt: the next one on the schedule, with the same event and bytes; or the end.
use serde_json::{Value, json};

use crate::harness::api::passthrough;
use crate::harness::receiver::Request;
use crate::harness::{Receiver, Reply, Setup};

/// Far enough apart that no two attempts fall into the same second, which is what `t` is told in.
const SCHEDULE: (&str, &str) = ("POSTSYNC_DELIVERY_SCHEDULE", "0s,2s,4s");

fn scheduled() -> Setup {
    Setup::new().with(SCHEDULE.0, SCHEDULE.1)
}

/// One column of the attempt log.
fn column(delivery: &Value, name: &str) -> Vec<Value> {
    delivery["attemptLog"].as_array().unwrap().iter().map(|attempt| attempt[name].clone()).collect()
}

/// `t` of a `Sync-Signature`.
fn signed_at(request: &Request) -> i64 {
    let signature = request.header("Sync-Signature");
    signature.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_failing_receiver_is_asked_again_with_the_same_event_and_bytes() {
    let receiver = Receiver::start(None, |request| Reply::Status(if request.attempt() < 3 { 500 } else { 204 })).await;
    let server = scheduled().start().await;
    let api = server.api();
    let id = api.create(&passthrough(&receiver.url("/hook"))).await;

    let requests = receiver.requests.count("three attempts", 3).await;
    assert_eq!(requests.iter().map(Request::attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let first = &requests[0];
    for again in &requests[1..] {
        assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(again.header("postsync-delivery"), first.header("postsync-delivery"));
        assert_eq!(again.body, first.body, "the bytes are frozen");
        assert_ne!(again.header("sync-signature"), first.header("sync-signature"));
        assert!(signed_at(again) > signed_at(first), "each attempt is signed with its own time");
    }

    let delivery = api.delivery_in(&id, &["delivered"]).await;
    assert_eq!(delivery["id"], requests[0].header("postsync-delivery"));
    assert_eq!((&delivery["attempts"], &delivery["nextAttemptAt"]), (&json!(3), &Value::Null));
    assert_eq!(column(&delivery, "attempt"), [1, 2, 3]);
    assert_eq!(column(&delivery, "step"), [0, 1, 2]);
    assert_eq!(column(&delivery, "outcome"), ["failed", "failed", "delivered"]);
    assert_eq!(column(&delivery, "httpStatus"), [500, 500, 204]);
    assert_eq!(column(&delivery, "error"), [json!("http_status"), json!("http_status"), Value::Null]);
    assert_eq!(receiver.requests.all().len(), 3, "nothing follows a 2xx");
    assert_eq!(column(&delivery, "nextReason"), [json!("schedule"), json!("schedule"), Value::Null]);
    told_as_seen(&delivery, &requests);
}

/// The log shows each request as the receiver saw it: header for header, byte for byte.
fn told_as_seen(delivery: &Value, requests: &[Request]) {
    for (told, seen) in column(delivery, "request").iter().zip(requests) {
        let headers = seen.headers().into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
        assert_eq!(told["headers"], Value::Object(headers.collect()), "{told}");
        assert_eq!(told["body"].as_str().unwrap().as_bytes(), seen.body);
    }
    let answers = column(delivery, "response");
    assert_eq!(answers.iter().map(|answer| answer["status"].as_u64()).collect::<Vec<_>>(), [500, 500, 204].map(Some));
}

#[tokio::test]
async fn gone_ends_it_at_once_and_the_last_step_ends_it_too() {
    let replies = |request: &Request| match request.line().split(' ').nth(1).unwrap() {
        "/gone" => Reply::Status(410),
        "/moved" => Reply::Raw("HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".into()),
        "/cut" => Reply::Cut,
        _ => Reply::Status(500),
    };
    let receiver = Receiver::start(None, replies).await;
    let server = scheduled().start().await;
    let api = server.api();
    let ids = [
        api.create(&passthrough(&receiver.url("/gone"))).await,
        api.create(&passthrough(&receiver.url("/moved"))).await,
        api.create(&passthrough(&receiver.url("/cut"))).await,
        api.create(&passthrough(&receiver.url("/broken"))).await,
    ];
    let wants = [
        (1, "gone", "http_status"),
        (3, "schedule_ended", "redirect"),
        (3, "schedule_ended", "response_"),
        (3, "schedule_ended", "http_status"),
    ];
    for (id, (attempts, reason, error)) in ids.iter().zip(wants) {
        let delivery = api.delivery_in(id, &["exhausted"]).await;
        assert_eq!((&delivery["attempts"], &delivery["reason"]), (&json!(attempts), &json!(reason)), "{delivery}");
        let errors = column(&delivery, "error");
        assert!(errors.iter().all(|name| name.as_str().unwrap().starts_with(error)), "{delivery}");
        assert!(column(&delivery, "message").iter().all(|sentence| !sentence.as_str().unwrap().is_empty()));
    }
    let asked = receiver.requests.all();
    assert_eq!(asked.len(), 10);
    assert!(asked.iter().all(|request| !request.line().contains("elsewhere")), "redirects are not followed");
}

#[tokio::test]
async fn one_that_waits_reads_due_and_a_receiver_that_hangs_is_given_up() {
    let receiver = Receiver::start(None, |request| match request.line().contains("hang") {
        true => Reply::Hold,
        false => Reply::Raw("HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n".into()),
    })
    .await;
    let server = scheduled().with("POSTSYNC_DELIVERY_TIMEOUT", "1s").start().await;
    let api = server.api();
    let hanging = api.create(&passthrough(&receiver.url("/hang"))).await;
    let busy = api.create(&passthrough(&receiver.url("/busy"))).await;

    let delivery = api.delivery_in(&hanging, &["exhausted"]).await;
    assert!(column(&delivery, "error").iter().all(|name| name == "response_timeout"), "{delivery}");

    let delivery = api.delivery_in(&busy, &["due"]).await;
    assert_eq!((&delivery["attempts"], &delivery["step"]), (&json!(1), &json!(1)));
    let (created, next) = (delivery["createdAt"].as_str().unwrap(), delivery["nextAttemptAt"].as_str().unwrap());
    assert_ne!(created[..13], next[..13], "an hour later, as Retry-After asks: {delivery}");
    assert_eq!(column(&delivery, "httpStatus"), [503]);
    assert_eq!(column(&delivery, "nextReason"), ["retry_after"]);
    assert_eq!(delivery["attemptLog"][0]["response"]["headers"]["retry-after"], "3600");
}
