//! `/postsync/v1/listeners`: who listens, and what is refused before a connection is a WebSocket.
use axum::body::Body;
use http::Method;
use postsync_core::endpoint::EventFilter;
use postsync_core::ids::{ListenerName, OrgId};
use postsync_engine::Ask;
use serde_json::json;

use crate::harness::{App, READER, STRANGER, body, request};

const CONNECT: &str = "/postsync/v1/listeners/connect";

fn ask(name: &str) -> Ask {
    Ask {
        name: ListenerName::new(name),
        session: "one".to_owned(),
        resumes: false,
        forward_to: "http://localhost:3000/webhook".to_owned(),
        events: EventFilter::parse("generation.failed").unwrap(),
        since: None,
    }
}

#[tokio::test]
async fn they_are_listed_with_what_lies_in_front_of_them_to_their_organization_alone() {
    let app = App::start().await;
    let engine = &app.engine;
    let default = OrgId::new("default");
    let connected = engine.listen(&default, ask("b")).await.unwrap();
    drop(engine.listen(&default, ask("a")).await.unwrap());
    let generation = app.create(&body("sync-3")).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&generation).await;
    let page = app.get("/postsync/v1/listeners").await.json();
    let of = |position: usize, member: &str| page["items"][position][member].clone();
    assert_eq!((of(0, "name"), of(1, "name")), (json!("a"), json!("b")));
    assert_eq!((of(0, "connected"), of(1, "connected")), (json!(false), json!(true)));
    assert_eq!((of(0, "behind"), of(0, "events")), (json!(1), json!(["generation.failed"])));
    assert_eq!((of(1, "holding"), of(1, "lastAnswer")), (json!(null), json!(null)));
    let first = app.get("/postsync/v1/listeners?limit=1").await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), &first["nextCursor"]), (1, &json!("a")));
    let rest = app.get("/postsync/v1/listeners?cursor=a").await.json();
    assert_eq!((&rest["items"][0]["name"], &rest["nextCursor"]), (&json!("b"), &json!(null)));
    let theirs = app.send(request(Method::GET, "/postsync/v1/listeners", Some(STRANGER), Body::empty())).await;
    assert_eq!(theirs.json(), json!({"items": [], "nextCursor": null}));
    drop(connected);
    assert_eq!(app.get("/postsync/v1/listeners").await.json()["items"][1]["connected"], false);
}

#[tokio::test]
async fn what_is_no_listener_is_told_before_there_is_a_web_socket() {
    let app = App::start().await;
    let good = "name=a&forwardTo=http%3A%2F%2Flocalhost%3A3000%2F";
    for (query, refusal) in [
        (good, "400 invalid_request upgrade"),
        ("forwardTo=http%3A%2F%2Fx%2F", "400 invalid_request name"),
        ("name=a%20b&forwardTo=http%3A%2F%2Fx%2F", "400 invalid_request name"),
        ("name=a", "400 invalid_request forwardTo"),
        ("name=a&forwardTo=file%3A%2F%2F%2Fetc", "400 invalid_request forwardTo"),
        (&format!("{good}&events=generation.nothing"), "400 invalid_request events"),
        (&format!("{good}&events=delivery.exhausted"), "400 invalid_request events"),
        (&format!("{good}&replaySince=yesterday"), "400 invalid_request replaySince"),
        (&format!("{good}&session=%22"), "400 invalid_request session"),
        (&format!("{good}&resume=perhaps"), "400 invalid_request resume"),
    ] {
        let answer = app.send(request(Method::GET, &format!("{CONNECT}?{query}"), Some(READER), Body::empty())).await;
        assert_eq!(answer.refusal(), refusal, "{query}: {}", answer.text());
    }
    assert_eq!(app.get("/postsync/v1/listeners").await.json()["items"], json!([]), "none of them has left anything");
}
