//! `GET /postsync/v1/events/poll`.
use std::time::Duration;

use axum::body::Body;
use futures::FutureExt as _;
use futures::future::join_all;
use http::Method;
use postsync_core::change::Change;
use postsync_core::ids::KeyId;
use postsync_core::limits::FEED_WAITS_OF_ONE_MAX;
use postsync_engine::ports::{Applied, Store as _};
use serde_json::json;

use super::{commit, happened, ids, next, no_cursors, poll};
use crate::harness::{App, CREATOR, READER, request};

#[tokio::test]
async fn an_event_comes_again_until_it_is_committed() {
    let app = App::start().await;
    let made = happened(&app, 3).await;
    let first = poll(&app, "consumer=a&limit=2").await;
    assert_eq!(ids(&first), made[..2]);
    assert_eq!(poll(&app, "consumer=a&limit=2").await, first);
    assert_eq!(commit(&app, "a", &next(&first)).await.status, 200);
    let second = poll(&app, "consumer=a&limit=2").await;
    assert_eq!(ids(&second), made[2..]);
    assert_eq!(ids(&poll(&app, "consumer=b").await), made, "a new consumer starts at the oldest");

    // For this call only.
    assert_eq!(ids(&poll(&app, &format!("consumer=b&after={}", next(&first))).await), made[2..]);
    assert_eq!(ids(&poll(&app, &format!("after={}", next(&first))).await), made[2..]);
    assert_eq!(ids(&poll(&app, "consumer=b").await), made);
    let seqs: Vec<_> = [first, second].iter().flat_map(|page| page["items"].as_array().unwrap().clone()).collect();
    assert_eq!(seqs.iter().map(|item| &item["seq"]).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_wait_ends_with_the_event_that_comes() {
    let app = App::start().await;
    let (first, id) = tokio::join!(poll(&app, "consumer=a&wait=60"), async { happened(&app, 1).await.remove(0) });
    assert_eq!(ids(&first), [id]);
    assert_eq!(commit(&app, "a", &next(&first)).await.status, 200);

    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let (second, ()) = tokio::join!(poll(&app, "consumer=a&wait=60"), async { app.made.finish_one() });
    assert_eq!(ids(&second), [id]);
}

#[tokio::test]
async fn a_wait_in_vain_ends_with_its_time_or_with_the_server() {
    let app = App::start().await;
    happened(&app, 1).await;
    let last = next(&poll(&app, "consumer=a").await);
    let nothing = json!({"items": [], "nextCursor": last});
    assert_eq!(poll(&app, &format!("after={last}&wait=0")).await, nothing);
    let query = format!("after={last}&wait=30");
    let before = app.clock.sleepers();
    let move_on = async {
        app.until(|| async { (app.clock.sleepers() > before).then_some(()) }).await;
        app.clock.advance(Duration::from_secs(30));
    };
    assert_eq!(tokio::join!(poll(&app, &query), move_on).0, nothing);
    let stop = async {
        app.until(|| async { (app.clock.sleepers() > before).then_some(()) }).await;
        app.engine.refuse_new();
    };
    assert_eq!(tokio::join!(poll(&app, &query), stop).0, nothing);
}

#[tokio::test]
async fn parameters_and_keys_are_judged() {
    let app = App::start().await;
    happened(&app, 1).await;
    let long = format!("consumer={}", "n".repeat(65));
    for (query, field) in [
        ("", "consumer"),
        ("consumer=", "consumer"),
        ("consumer=a%20b", "consumer"),
        (long.as_str(), "consumer"),
        ("consumer=a&consumer=b", "consumer"),
        ("consumer=a&limit=0", "limit"),
        ("consumer=a&limit=1001", "limit"),
        ("consumer=a&wait=61", "wait"),
        ("consumer=a&wait=-1", "wait"),
        ("consumer=a&wait=0.5", "wait"),
    ] {
        let refusal = app.get(&format!("/postsync/v1/events/poll?{query}")).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"), "{query}");
    }
    for (cursor, why) in no_cursors() {
        for wait in ["", "&wait=5"] {
            let answer = app.get(&format!("/postsync/v1/events/poll?consumer=a&after={cursor}{wait}")).await;
            assert_eq!(answer.refusal(), "400 invalid_request after", "{cursor}");
            assert!(answer.json()["message"].as_str().unwrap().contains(why), "{}", answer.text());
        }
    }
    let path = "/postsync/v1/events/poll?consumer=a";
    assert_eq!(app.send(request(Method::GET, path, Some(READER), Body::empty())).await.status, 200);
    let creator = app.send(request(Method::GET, path, Some(CREATOR), Body::empty())).await;
    assert_eq!(creator.refusal(), "403 insufficient_scope -");
}

#[tokio::test]
async fn waits_are_bounded_and_free_their_places() {
    let app = App::start().await;
    let path = "/postsync/v1/events/poll?consumer=a&wait=60";
    let mut waiting = Box::pin(join_all((0..FEED_WAITS_OF_ONE_MAX).map(|_| app.get(path))));
    let before = app.clock.sleepers();
    for _ in 0..1_000 {
        assert!((&mut waiting).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert!(app.clock.sleepers() >= before + FEED_WAITS_OF_ONE_MAX, "all of them wait");
    assert_eq!(app.get(path).await.refusal(), "429 concurrency_limit_reached -");
    assert_eq!(app.get("/postsync/v1/events/poll?consumer=a").await.status, 200, "without a wait it needs no place");
    app.clock.advance(Duration::from_secs(60));
    assert!(waiting.await.iter().all(|answer| answer.status == 200));
    let before = app.clock.sleepers();
    let again = async {
        app.until(|| async { (app.clock.sleepers() > before).then_some(()) }).await;
        app.clock.advance(Duration::from_secs(60));
    };
    assert_eq!(tokio::join!(app.get(path), again).0.status, 200);
}

/// The key of the harness with that number stops working, and nobody believes it any more.
pub(in crate::postsync) async fn revoke(app: &App, number: i64) {
    let change = Change::RevokeKey { id: KeyId(number), at: app.engine.now() };
    assert_eq!(app.store.apply(vec![change]).await, Ok(Applied::Done));
    app.clock.advance(Duration::from_secs(1));
}

/// [`READER`]'s.
pub(in crate::postsync) const READERS_KEY: i64 = 2;

#[tokio::test]
async fn a_key_that_is_revoked_while_it_waits_is_told_nothing() {
    let app = App::start().await;
    let path = "/postsync/v1/events/poll?consumer=a&wait=60";
    let before = app.clock.sleepers();
    let revoked = async {
        app.until(|| async { (app.clock.sleepers() > before).then_some(()) }).await;
        revoke(&app, READERS_KEY).await;
        happened(&app, 1).await;
    };
    let (answer, ()) = tokio::join!(app.send(request(Method::GET, path, Some(READER), Body::empty())), revoked);
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn who_was_away_for_too_long_is_told_where_to_go_on() {
    let app = App::start().await;
    let made = happened(&app, 3).await;
    let first = next(&poll(&app, "consumer=a&limit=1").await);
    assert_eq!(commit(&app, "a", &first).await.status, 200);
    let items = poll(&app, "consumer=b").await["items"].clone();
    let old = items.as_array().unwrap()[..2].iter().map(|item| item["id"].as_str().unwrap().parse().unwrap());
    assert_eq!(app.store.apply(vec![Change::ForgetEvents(old.collect())]).await, Ok(Applied::Done));

    let answer = app.get("/postsync/v1/events/poll?consumer=a&wait=60").await;
    assert_eq!(answer.refusal(), "410 cursor_expired consumer");
    let oldest = answer.json()["oldestCursor"].as_str().unwrap().to_owned();
    let after = app.get(&format!("/postsync/v1/events/poll?consumer=b&after={first}")).await;
    assert_eq!((after.refusal().as_str(), &after.json()["oldestCursor"]), ("410 cursor_expired after", &json!(oldest)));
    let back = commit(&app, "a", &first).await;
    assert_eq!((back.refusal().as_str(), &back.json()["oldestCursor"]), ("410 cursor_expired cursor", &json!(oldest)));
    let stream = request(Method::GET, "/postsync/v1/events/stream", Some(READER), Body::empty());
    let (mut parts, body) = stream.into_parts();
    parts.headers.insert("last-event-id", first.parse().unwrap());
    let stream = app.send(http::Request::from_parts(parts, body)).await;
    assert_eq!(
        (stream.refusal().as_str(), &stream.json()["oldestCursor"]),
        ("410 cursor_expired Last-Event-ID", &json!(oldest))
    );

    assert_eq!(ids(&poll(&app, "consumer=b").await), made[2..], "a new consumer starts at what is kept");
    assert_eq!(commit(&app, "a", &oldest).await.status, 200);
    assert_eq!(ids(&poll(&app, "consumer=a").await), made[2..]);
    let listed = app.get("/postsync/v1/events").await.json();
    assert_eq!((ids(&listed), &listed["nextCursor"]), (made[2..].to_vec(), &json!(null)));
}
