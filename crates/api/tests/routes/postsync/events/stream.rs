//! `GET /postsync/v1/events/stream`.
use std::collections::VecDeque;

use postsync_core::limits::FEED_STREAMS_OF_ONE_MAX;
use serde_json::Value;

use super::poll::{READERS_KEY, revoke};
use super::{happened, ids, no_cursors, poll};
use crate::harness::sse::Stream;
use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER};

async fn stream_of<'a>(app: &'a App, key: &str, last_event_id: Option<&str>) -> Result<Stream<'a>, Answer> {
    let mut stream = Stream::open(app, "/postsync/v1/events/stream", key, last_event_id).await?;
    assert_eq!(stream.block().await, Some(None), "the beginning is an id without data");
    assert!(!stream.id.is_empty());
    Ok(stream)
}

async fn open<'a>(app: &'a App, last_event_id: Option<&str>) -> Stream<'a> {
    stream_of(app, ADMIN, last_event_id).await.unwrap_or_else(|answer| panic!("{}", answer.text()))
}

#[tokio::test]
async fn it_starts_at_now_and_has_the_items_of_a_poll() {
    let app = App::start().await;
    happened(&app, 2).await;
    let mut stream = open(&app, None).await;
    let begin = stream.id.clone();
    let mut streamed = Vec::new();
    for _ in 0..3 {
        happened(&app, 1).await;
        streamed.extend(stream.events(1).await);
    }
    let polled = poll(&app, &format!("after={begin}")).await;
    assert_eq!(polled["items"], Value::Array(streamed));
    assert_eq!(polled["nextCursor"], stream.id, "an id is a cursor");
}

#[tokio::test]
async fn it_goes_on_behind_the_last_id() {
    let app = App::start().await;
    // Cut before anything came: what it was told to begin with is where it goes on.
    let begin = open(&app, None).await.id;
    let made = happened(&app, 150).await;
    let mut stream = open(&app, Some(&begin)).await;
    let first = stream.events(70).await;
    let id = stream.id.clone();
    drop(stream);
    let mut stream = open(&app, Some(&id)).await;
    let all = [first, stream.events(80).await].concat();
    assert_eq!(ids(&serde_json::json!({"items": all})), made);
}

#[tokio::test]
async fn it_is_kept_alive_and_ends_with_the_server() {
    let app = App::start().await;
    let mut stream = open(&app, None).await;
    let before = app.engine.now();
    assert_eq!(stream.block().await, Some(None));
    let waited = app.engine.now().since(before);
    assert!((15..17).contains(&waited.as_secs()), "{waited:?}");
    let at = stream.id.clone();
    app.engine.refuse_new();
    assert_eq!(stream.block().await, None);
    assert!(open(&app, Some(&at)).await.block().await.is_none(), "a new one ends at once, too");
}

#[tokio::test]
async fn ids_and_keys_are_judged() {
    let app = App::start().await;
    happened(&app, 1).await;
    for (id, why) in no_cursors() {
        let answer = stream_of(&app, ADMIN, Some(&id)).await.err().unwrap();
        assert_eq!(answer.refusal(), "400 invalid_request Last-Event-ID", "{id}");
        assert!(answer.json()["message"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    assert!(stream_of(&app, READER, Some("")).await.is_ok());
    let creator = stream_of(&app, CREATOR, None).await.err().unwrap();
    assert_eq!(creator.refusal(), "403 insufficient_scope -");
    let mut theirs = stream_of(&app, STRANGER, None).await.ok().unwrap();
    happened(&app, 1).await;
    assert_eq!(theirs.block().await, Some(None), "a comment, and nothing of others");
}

#[tokio::test]
async fn a_revoked_key_gets_nothing_more() {
    let app = App::start().await;
    let mut stream = stream_of(&app, READER, None).await.ok().unwrap();
    happened(&app, 1).await;
    assert_eq!(stream.events(1).await.len(), 1);
    revoke(&app, READERS_KEY).await;
    happened(&app, 1).await;
    assert_eq!(stream.block().await, None);
}

#[tokio::test]
async fn streams_are_bounded_and_free_their_places() {
    let app = App::start().await;
    let mut streams = VecDeque::new();
    for _ in 0..FEED_STREAMS_OF_ONE_MAX {
        streams.push_back(open(&app, None).await);
    }
    let refused = stream_of(&app, ADMIN, None).await.err().unwrap();
    assert_eq!(refused.refusal(), "429 concurrency_limit_reached -");
    assert!(stream_of(&app, STRANGER, None).await.is_ok(), "others have places of their own");
    streams.pop_front();
    open(&app, None).await;
}
