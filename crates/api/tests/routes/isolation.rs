//! Every operation of `/api-json`, asked with no key, with a wrong one, with one of too small a scope, and with another
//! organization's. An operation that is added later is covered by itself, or fails here until its id is known.
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::{Method, Request};
use postsync_api::ApiSettings;
use postsync_core::batch::RowLimits;
use serde_json::{Value, json};

use crate::harness::{ADMIN, Answer, App, CREATOR, READER, STRANGER, WORKER, body, request};

/// One operation of the document.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    is_open: bool,
    /// What the 403 of the document names.
    scope: Option<String>,
}

fn operations() -> Vec<Operation> {
    let document = postsync_api::openapi();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let said = operation["responses"]["403"]["description"].as_str();
            all.push(Operation {
                method,
                path: path.clone(),
                is_open: operation["security"] == json!([]),
                scope: said.and_then(|said| said.rsplit(' ').next()).map(str::to_owned),
            });
        }
    }
    assert!(all.len() > 30);
    all
}

/// A path whose ids are those of nothing.
fn nowhere(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "unknown".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn asked(operation: &Operation, path: &str, key: Option<&str>) -> Request<Body> {
    let mut request = request(operation.method.clone(), path, key, Body::from("{}"));
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request
}

#[tokio::test]
async fn without_a_key_that_works_there_is_401() {
    let app = App::start().await;
    for operation in operations().iter().filter(|operation| !operation.is_open) {
        let path = nowhere(&operation.path);
        for key in [None, Some("wrong")] {
            let answer = app.send(asked(operation, &path, key)).await;
            assert_eq!(answer.status, 401, "{operation:?} with {key:?}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn with_too_small_a_scope_there_is_403_before_anything_else() {
    let app = App::start().await;
    for operation in operations().iter().filter(|operation| !operation.is_open) {
        let scope = operation.scope.as_deref().unwrap_or_else(|| panic!("{operation:?} has no 403 in the document"));
        let of = [("read", READER), ("generate", CREATOR), ("worker", WORKER)];
        assert!(scope == "admin" || of.iter().any(|(name, _)| *name == scope), "{operation:?} wants {scope}");
        for (name, key) in of {
            if name != scope {
                let answer = app.send(asked(operation, &nowhere(&operation.path), Some(key))).await;
                assert_eq!(answer.refusal(), "403 insufficient_scope -", "{operation:?} with {name}");
            }
        }
    }
}

/// One that takes small batches.
async fn app() -> App {
    App::with(ApiSettings { batch_rows: RowLimits { min: 2, max: 4 }, ..ApiSettings::default() }).await
}

/// What the organization `default` has, by the path that names it.
struct Owned {
    ids: BTreeMap<&'static str, String>,
}

impl Owned {
    async fn make(app: &App) -> Self {
        let mut create = body("sync-3");
        create["webhookUrl"] = json!("https://app.example.com/webhook");
        let generation = app.create(&create).await.json()["id"].as_str().unwrap().to_owned();
        app.ended(&generation).await;
        let post = async |path: &str, body: Value| {
            let answer = app.post(path, ADMIN, body.to_string()).await;
            assert!(answer.status < 300, "{path}: {}", answer.text());
            answer.json()["id"].as_str().unwrap().to_owned()
        };
        let endpoint = post("/postsync/v1/endpoints", json!({"url": "https://app.example.com/registered"})).await;
        let key = post("/postsync/v1/keys", json!({"name": "mine"})).await;
        let replay = post("/postsync/v1/replays", json!({"filter": {"status": "exhausted"}})).await;
        let delivered = || async {
            let page = app.get(&format!("/postsync/v1/deliveries?generationId={generation}&status=delivered")).await;
            page.json()["items"][0]["id"].as_str().map(str::to_owned)
        };
        let delivery = app.until(&delivered).await;
        app.until(|| async {
            let replay = app.get(&format!("/postsync/v1/replays/{replay}")).await.json();
            (replay["status"] == "done").then_some(())
        })
        .await;
        let asset = post("/v2/assets", json!({"url": "https://media.example.com/mine.mp4", "type": "VIDEO"})).await;
        let project = post("/v2/projects", json!({"name": "mine"})).await;
        app.media.looks.store(true, Ordering::SeqCst);
        let words = json!({"script": "Hi.", "voiceId": "en-us"});
        let sample = post("/v2/tts", words.clone()).await;
        let voice = post("/v2/voices", json!({"name": "mine", "assetId": sample})).await;
        let job = post("/v2/tts/jobs", words).await;
        app.until(|| async {
            let job = app.get(&format!("/v2/tts/jobs/{job}")).await.json();
            (job["status"] == "COMPLETED").then_some(())
        })
        .await;
        let row = |id: &str| json!({"request_id": id, "endpoint": "/v2/generate", "payload": self::body("sync-3")});
        let batch = post("/v2/batch", json!({"rows": [row("a"), row("b")]})).await;
        app.until(|| async {
            let batch = app.get(&format!("/v2/batch/{batch}")).await.json();
            (batch["status"] == "COMPLETED").then_some(())
        })
        .await;
        let ids = BTreeMap::from([
            ("/v2/assets/", asset),
            ("/v2/projects/", project),
            ("/v2/tts/jobs/", job),
            ("/v2/voices/", voice),
            ("/v2/batch/", batch.clone()),
            ("/v2/batches/", batch),
            ("/v2/generate/", generation.clone()),
            ("/v2/generations/", generation.clone()),
            ("/postsync/v1/generations/", generation),
            ("/postsync/v1/deliveries/", delivery),
            ("/postsync/v1/endpoints/", endpoint),
            ("/postsync/v1/keys/", key),
            ("/postsync/v1/replays/", replay),
        ]);
        Self { ids }
    }

    /// The path with an id of ours in it; `None` where it names nothing.
    fn path(&self, operation: &Operation) -> Option<String> {
        let (before, after) = operation.path.split_once('{')?;
        let id =
            self.ids.get(before).unwrap_or_else(|| panic!("{operation:?}: list what has such an id in Owned::make"));
        let (_, after) = after.split_once('}').unwrap();
        // What stands further behind belongs to it.
        Some(nowhere(&format!("{before}{id}{after}")))
    }

    fn is_told_in(&self, answer: &Answer) -> bool {
        self.ids.values().any(|id| answer.text().contains(id))
    }
}

/// All that is on disk of the organization, as text.
async fn shown(app: &App, owned: &Owned) -> Vec<String> {
    let mut all = Vec::new();
    for (path, id) in &owned.ids {
        let list = path.trim_end_matches('/');
        if !["/postsync/v1/keys/", "/postsync/v1/generations/", "/v2/generations/", "/v2/batches/"].contains(path) {
            all.push(app.get(&format!("{path}{id}")).await.text());
        }
        let no_lists =
            ["/v2/generate/", "/postsync/v1/generations/", "/postsync/v1/replays/", "/v2/batches/", "/v2/tts/jobs/"];
        if !no_lists.contains(path) {
            all.push(app.get(list).await.text());
        }
    }
    all.push(app.get("/postsync/v1/secret").await.text());
    all.push(app.get("/postsync/v1/events").await.text());
    // Each answer has an id of its own; none of these is an error.
    assert!(all.iter().all(|text| !text.contains("statusCode")), "{all:#?}");
    all
}

#[tokio::test]
async fn what_belongs_to_others_is_404_and_stays_as_it_is() {
    let app = app().await;
    let owned = Owned::make(&app).await;
    // Assets are looked into some time after they were made.
    let before = app
        .until(|| async {
            let (first, second) = (shown(&app, &owned).await, shown(&app, &owned).await);
            (first == second).then_some(second)
        })
        .await;
    for operation in operations().iter().filter(|operation| !operation.is_open) {
        let Some(path) = owned.path(operation) else { continue };
        let answer = app.send(asked(operation, &path, Some(STRANGER))).await;
        assert_eq!(answer.status, 404, "{operation:?}: {}", answer.text());
        assert!(!owned.is_told_in(&answer), "{operation:?}: {}", answer.text());
        // Nor does a body that is none change that: it is not looked at.
        let mut broken = asked(operation, &path, Some(STRANGER));
        *broken.body_mut() = Body::from("{");
        assert_eq!(app.send(broken).await.status, 404, "{operation:?} with a broken body");
    }
    assert_eq!(shown(&app, &owned).await, before);
}

#[tokio::test]
async fn lists_show_nothing_of_others() {
    let app = app().await;
    let owned = Owned::make(&app).await;
    for operation in operations() {
        let is_list = operation.method == Method::GET && !operation.path.contains('{') && !operation.is_open;
        // It does not end, or is a WebSocket.
        let is_left_open = ["/stream", "/connect"].iter().any(|end| operation.path.ends_with(end));
        if !is_list || is_left_open {
            continue;
        }
        let path = match operation.path.as_str() {
            "/postsync/v1/events/poll" => "/postsync/v1/events/poll?consumer=theirs",
            path => path,
        };
        let answer = app.send(request(Method::GET, path, Some(STRANGER), Body::empty())).await;
        assert_eq!(answer.status, 200, "{operation:?}: {}", answer.text());
        assert!(!owned.is_told_in(&answer), "{operation:?}: {}", answer.text());
    }
}
