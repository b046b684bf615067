//! `GET /postsync/v1/generations/{id}/stream`
use std::collections::VecDeque;

use postsync_core::limits::WATCHES_OF_ONE_MAX;
use serde_json::{Value, json};

use crate::harness::sse::Stream;
use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, body};
use crate::postsync::events::poll::{READERS_KEY, revoke};

fn path(id: &str) -> String {
    format!("/postsync/v1/generations/{id}/stream")
}

async fn stream_of<'a>(app: &'a App, id: &str, key: &str) -> Result<Stream<'a>, Answer> {
    Stream::open(app, &path(id), key, None).await
}

async fn open<'a>(app: &'a App, id: &str) -> Stream<'a> {
    stream_of(app, id, READER).await.unwrap_or_else(|answer| panic!("{}", answer.text()))
}

/// The next message, with the name of its event.
async fn next(stream: &mut Stream<'_>) -> (String, Value) {
    let shown = stream.events(1).await.remove(0);
    (stream.event.clone().unwrap(), shown)
}

fn stands(shown: &Value) -> (&str, &Value) {
    (shown["status"].as_str().unwrap(), &shown["progress_percent"])
}

#[tokio::test]
async fn what_it_is_each_change_and_its_end() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let mut stream = open(&app, &id).await;
    let (event, first) = next(&mut stream).await;
    assert_eq!((event.as_str(), stands(&first)), ("progress", ("PROCESSING", &json!(42))));
    assert_eq!(first, app.get(&format!("/v2/generate/{id}?include=progress")).await.json());
    let before = app.engine.now();
    app.made.has_come(0.77);
    let (event, second) = next(&mut stream).await;
    assert_eq!((event.as_str(), stands(&second)), ("progress", ("PROCESSING", &json!(77))));
    let waited = app.engine.now().since(before).as_millis();
    assert!((1_000..1_100).contains(&waited), "progress is told once a second: {waited} ms");
    let before = app.engine.now();
    app.made.finish_one();
    let (event, last) = next(&mut stream).await;
    assert_eq!((event.as_str(), stands(&last)), ("end", ("COMPLETED", &json!(100))));
    assert_eq!(last, app.get(&format!("/v2/generate/{id}?include=progress")).await.json());
    assert!(app.engine.now().since(before).as_millis() < 1_000, "the commit rings: nobody waits for the next look");
    assert_eq!(stream.block().await, None, "it ends with the generation");
}

#[tokio::test]
async fn a_start_is_told_by_its_commit() {
    let app = App::start().await;
    // The generator has four places.
    for _ in 0..4 {
        app.created("lipsync-2").await;
        app.made.started().await;
    }
    let id = app.created("lipsync-2").await;
    let mut stream = open(&app, &id).await;
    assert_eq!(stands(&next(&mut stream).await.1), ("PENDING", &json!(0)));
    let before = app.engine.now();
    app.made.finish_one();
    assert_eq!(next(&mut stream).await.1["status"], "PROCESSING");
    assert!(app.engine.now().since(before).as_millis() < 1_000, "nobody waits for the next look");
}

#[tokio::test]
async fn failures_end_it_and_what_has_ended_is_told_at_once() {
    let app = App::start().await;
    let mut create = body("lipsync-2");
    create["options"] = json!({"fail": true});
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.made.started().await;
    let mut stream = open(&app, &id).await;
    next(&mut stream).await;
    app.made.finish_one();
    let (event, failed) = next(&mut stream).await;
    assert_eq!((event.as_str(), stands(&failed)), ("end", ("FAILED", &Value::Null)));
    assert_eq!(failed["error_code"], "generation_timeout");
    let knows = stream.id.clone();
    assert_eq!(stream.block().await, None);
    let mut again = open(&app, &id).await;
    assert_eq!(next(&mut again).await, ("end".to_owned(), failed));
    assert_eq!(again.block().await, None);
    // An EventSource comes again after each end: this answer is how it is told to stay away.
    let no_more = Stream::open(&app, &path(&id), READER, Some(&knows)).await.err().unwrap();
    assert_eq!((no_more.status, no_more.text()), (204, String::new()));
}

#[tokio::test]
async fn a_cancel_ends_it() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let mut stream = open(&app, &id).await;
    next(&mut stream).await;
    assert_eq!(super::cancel(&app, &id, ADMIN).await.status, 200);
    let (event, canceled) = next(&mut stream).await;
    assert_eq!((event.as_str(), &canceled["error_code"]), ("end", &json!("generation_canceled")));
}

#[tokio::test]
async fn it_is_kept_alive_and_ends_with_the_server() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    app.made.started().await;
    let mut stream = open(&app, &id).await;
    next(&mut stream).await;
    let before = app.engine.now();
    assert_eq!(stream.block().await, Some(None), "a comment");
    let waited = app.engine.now().since(before);
    assert!((15..17).contains(&waited.as_secs()), "{waited:?}");
    app.engine.refuse_new();
    assert_eq!(stream.block().await, None);
    let mut again = open(&app, &id).await;
    assert_eq!(next(&mut again).await.1["status"], "PROCESSING", "a new one says what it is");
    assert_eq!(again.block().await, None, "and ends, too");
}

#[tokio::test]
async fn ids_and_keys_are_judged() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    let refused = async |id: &str, key: &str| stream_of(&app, id, key).await.err().unwrap().refusal();
    assert_eq!(refused(&id, CREATOR).await, "403 insufficient_scope -");
    assert_eq!(refused(&id, STRANGER).await, "404 generation_not_found -");
    assert_eq!(refused("nonsense", ADMIN).await, "404 generation_not_found -");
    app.made.started().await;
    let mut stream = open(&app, &id).await;
    next(&mut stream).await;
    revoke(&app, READERS_KEY).await;
    app.made.finish_one();
    assert_eq!(stream.block().await, None, "a revoked key is told nothing more");
}

#[tokio::test]
async fn streams_are_bounded_and_free_their_places() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    let mut streams = VecDeque::new();
    for _ in 0..WATCHES_OF_ONE_MAX {
        streams.push_back(open(&app, &id).await);
    }
    let refused = stream_of(&app, &id, ADMIN).await.err().unwrap();
    assert_eq!(refused.refusal(), "429 concurrency_limit_reached -");
    assert!(refused.header("retry-after").is_some());
    let unknown = stream_of(&app, "018f2f6e-6d3a-7b6a-8c6e-0123456789ab", ADMIN).await.err().unwrap();
    assert_eq!(unknown.status, 404, "what is not there is that, however many watch");
    streams.pop_front();
    open(&app, &id).await;
}
