//! `/postsync/v1/endpoints`.
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, body, request};

const PATH: &str = "/postsync/v1/endpoints";

async fn send(app: &App, method: Method, path: &str, key: &str, body: Option<Value>) -> Answer {
    let text = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut request = request(method, path, Some(key), text);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(request).await
}

async fn post(app: &App, path: &str, body: Value) -> Answer {
    send(app, Method::POST, path, ADMIN, Some(body)).await
}

async fn registered(app: &App, body: Value) -> Value {
    let answer = post(app, PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn path_of(endpoint: &Value) -> String {
    format!("{PATH}/{}", endpoint["id"].as_str().unwrap())
}

#[tokio::test]
async fn one_is_registered_with_its_url_alone() {
    let app = App::start().await;
    let made = registered(&app, json!({"url": "https://app.example.com/hook?k=1"})).await;
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
    let mut shown = app.get(&path_of(&made)).await.json();
    assert_eq!(app.get(PATH).await.json(), json!({"items": [shown], "nextCursor": null}));
    assert!(shown["id"].as_str().unwrap().starts_with("ep_"));
    shown["id"] = json!("ep_...");
    insta::assert_snapshot!(shown, @r#"{"id":"ep_...","url":"https://app.example.com/hook?k=1","description":"","events":null,"headers":{},"schedule":null,"timeout":null,"perSecond":null,"concurrency":null,"state":"enabled","reason":null,"failingSince":null,"createdAt":"2026-11-23T08:21:17.123Z","updatedAt":"2026-11-23T08:21:17.123Z"}"#);
}

#[tokio::test]
async fn all_that_it_may_have_reads_back_and_its_headers_stay_secret() {
    let app = App::start().await;
    let whole = json!({"url": "https://app.example.com/hook", "description": "Staging", "events": ["delivery.exhausted"],
        "headers": {"X-Gateway": "geheim"}, "schedule": ["0s", "10s"], "timeout": "10s", "perSecond": 5, "concurrency": 3,
        "secret": "whsec_8f14e45fceea167a5a36dedd4bea2543"});
    let made = registered(&app, whole.clone()).await;
    for (key, value) in whole.as_object().unwrap().iter().filter(|(key, _)| *key != "headers") {
        assert_eq!(made[key], *value, "{key}");
    }
    assert_eq!(made["headers"], json!({"X-Gateway": "***"}));
    let shown = app.get(&path_of(&made)).await;
    assert!(!shown.text().contains("geheim") && !shown.text().contains("whsec_"), "{}", shown.text());
}

#[tokio::test]
async fn a_url_is_unique_in_its_organization_query_included() {
    let app = App::start().await;
    let url = json!({"url": "https://app.example.com/hook?k=1"});
    let first = registered(&app, url.clone()).await;
    assert_eq!(post(&app, PATH, url.clone()).await.refusal(), "409 endpoint_conflict url");
    let spelled = json!({"url": "https://APP.example.com:443/hook?k=1"});
    assert_eq!(post(&app, PATH, spelled).await.refusal(), "409 endpoint_conflict url");
    let second = registered(&app, json!({"url": "https://app.example.com/hook?k=2"})).await;
    assert_eq!(send(&app, Method::POST, PATH, STRANGER, Some(url.clone())).await.status, 201);
    let moved = send(&app, Method::PATCH, &path_of(&second), ADMIN, Some(url.clone())).await;
    assert_eq!(moved.refusal(), "409 endpoint_conflict url");
    assert_eq!(send(&app, Method::DELETE, &path_of(&first), ADMIN, None).await.status, 204);
    assert_eq!(send(&app, Method::PATCH, &path_of(&second), ADMIN, Some(url)).await.status, 200);
}

#[tokio::test]
async fn bodies_are_judged_and_refusals_name_the_member() {
    let app = App::start().await;
    let made = registered(&app, json!({"url": "https://app.example.com/hook"})).await;
    for (body, field) in [
        (json!({}), "url"),
        (json!({"url": "https://10.0.0.1/"}), "url"),
        (json!({"url": "http://a.example/"}), "url"),
        (json!({"url": "https://a.example/", "headers": {"Host": "b"}}), "headers.Host"),
        (json!({"url": "https://a.example/", "timeout": "0s"}), "timeout"),
        (json!({"url": "https://a.example/", "schedule": ["nope"]}), "schedule"),
        (json!({"url": "https://a.example/", "events": ["x"]}), "events"),
        (json!({"url": "https://a.example/", "typo": 1}), "typo"),
    ] {
        let refusal = post(&app, PATH, body.clone()).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"), "{body}");
    }
    let patch = send(&app, Method::PATCH, &path_of(&made), ADMIN, Some(json!({"perSecond": -1}))).await;
    assert_eq!(patch.refusal(), "400 invalid_request perSecond");
    let text = request(Method::POST, PATH, Some(ADMIN), Body::from("[1]"));
    assert_eq!(app.send(text).await.refusal(), "400 invalid_request -");
    assert_eq!(app.get(&format!("{PATH}?cursor=nope&limit=1")).await.refusal(), "400 invalid_request cursor");
    assert_eq!(app.get(&format!("{PATH}?limit=0")).await.refusal(), "400 invalid_request limit");
}

#[tokio::test]
async fn only_admins_and_only_their_own() {
    let app = App::start().await;
    let made = registered(&app, json!({"url": "https://app.example.com/hook"})).await;
    let path = path_of(&made);
    let calls = [
        (Method::GET, PATH.to_owned()),
        (Method::POST, PATH.to_owned()),
        (Method::GET, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/pause")),
        (Method::POST, format!("{path}/resume")),
        (Method::POST, format!("{path}/test")),
    ];
    for (method, path) in calls {
        for key in [READER, CREATOR] {
            // Before anything else: neither the id nor the body was looked at.
            let path = path.replace("ep_", "nope_");
            let answer = app.send(request(method.clone(), &path, Some(key), Body::from("{"))).await;
            assert_eq!(answer.refusal(), "403 insufficient_scope -", "{method} {path}");
        }
        if path != PATH {
            for (key, path) in [(STRANGER, path.clone()), (ADMIN, path.replace("ep_", "nope_"))] {
                // A foreign id before the body: what is wrong with that is not said.
                let answer = app.send(request(method.clone(), &path, Some(key), Body::from("{"))).await;
                assert_eq!(answer.refusal(), "404 endpoint_not_found -", "{method} {path}");
            }
        }
    }
    assert_eq!(app.get(&path).await.status, 200);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let app = App::start().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(registered(&app, json!({"url": format!("https://app.example.com/{n}")})).await["id"].clone());
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{PATH}?limit=2{cursor}")).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn an_organization_has_a_bound() {
    let app = App::start().await;
    for n in 0..64 {
        registered(&app, json!({"url": format!("https://app.example.com/{n}")})).await;
    }
    let one_more = post(&app, PATH, json!({"url": "https://app.example.com/x"})).await;
    assert_eq!(one_more.refusal(), "409 endpoint_conflict -");
}

#[tokio::test]
async fn it_is_paused_resumed_disabled_and_deleted() {
    let app = App::start().await;
    let made = registered(&app, json!({"url": "https://app.example.com/hook"})).await;
    let path = path_of(&made);
    for (call, state) in [("pause", "paused"), ("pause", "paused"), ("resume", "enabled"), ("resume", "enabled")] {
        let answer = post(&app, &format!("{path}/{call}"), json!({})).await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!(state)), "{call}");
    }
    let off = send(&app, Method::PATCH, &path, ADMIN, Some(json!({"state": "disabled"}))).await.json();
    assert_eq!((&off["state"], &off["reason"]), (&json!("disabled"), &json!("requested")));
    assert_eq!(post(&app, &format!("{path}/pause"), json!({})).await.refusal(), "409 endpoint_conflict -");
    assert_eq!(post(&app, &format!("{path}/test"), json!({})).await.refusal(), "409 endpoint_conflict -");
    let paused = json!({"state": "paused", "description": "x"});
    let refused = send(&app, Method::PATCH, &path, ADMIN, Some(paused)).await;
    assert_eq!(refused.refusal(), "409 endpoint_conflict -", "as pause itself");
    assert_eq!(app.get(&path).await.json()["description"], "", "and nothing of it was done");
    assert_eq!(post(&app, &format!("{path}/resume"), json!({})).await.json()["state"], "enabled");
    assert_eq!(send(&app, Method::DELETE, &path, ADMIN, None).await.status, 204);
    assert_eq!(send(&app, Method::DELETE, &path, ADMIN, None).await.refusal(), "404 endpoint_not_found -");
}

#[tokio::test]
async fn a_test_is_a_delivery_to_it_alone() {
    let app = App::start().await;
    let made = registered(&app, json!({"url": "https://app.example.com/hook", "events": ["generation.failed"]})).await;
    registered(&app, json!({"url": "https://other.example.com/hook"})).await;
    let answer = post(&app, &format!("{}/test", path_of(&made)), json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let told = answer.json();
    assert_eq!((&told["origin"], &told["event"]), (&json!("test"), &json!("generation.completed")));
    assert_eq!((&told["endpointId"], &told["generationId"]), (&made["id"], &Value::Null));
    let delivered = app.until(|| async {
        let page = app.get("/postsync/v1/deliveries?status=delivered").await.json();
        page["items"].get(0).cloned()
    });
    assert_eq!(delivered.await["id"], told["id"]);
    assert_eq!(app.get("/postsync/v1/deliveries").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_end_of_a_generation_goes_to_each_that_takes_it() {
    let app = App::start().await;
    let mut wants = Vec::new();
    for (n, events) in
        [json!(null), json!(["generation.completed"]), json!(["generation.failed"])].into_iter().enumerate()
    {
        let body = json!({"url": format!("https://app.example.com/{n}"), "events": events});
        wants.push(registered(&app, body).await["id"].as_str().unwrap().to_owned());
    }
    wants.pop();
    // Its own URL is the second one's: one delivery.
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/1");
    let id = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    let page = app.get(&format!("/postsync/v1/deliveries?generationId={id}")).await.json();
    let mut told: Vec<String> =
        page["items"].as_array().unwrap().iter().map(|item| item["endpointId"].as_str().unwrap().to_owned()).collect();
    told.sort();
    assert_eq!(told, wants);
}
