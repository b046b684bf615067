//! A server without a socket: a real engine, the store in memory, a clock that stands until it is moved.
//!
//! Every answer is checked on its way: its status stands in the OpenAPI document, and an error is a JSON object that
//! repeats its status.
mod answer;
mod form;
mod media;
pub(crate) mod sse;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use postsync_api::{ApiSettings, ApiState};
use postsync_core::Secret;
use postsync_core::access::{ApiKey, Organization, Scope, Scopes, StoredSecret, key_hash};
use postsync_core::change::Change;
use postsync_core::ids::{KeyId, OrgId, SecretId};
use postsync_core::model::{Route, Routing};
use postsync_core::plan::{Allowance, Plans};
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Generator, Store};
use postsync_engine::{Engine, Ports, Settings};
use postsync_store::memory::Memory;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) use answer::Answer;
pub(crate) use form::Form;
pub(crate) use media::TestMedia;
pub(crate) use world::{Made, TestClock, TestSender};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp(1_795_422_077_123);

pub(crate) const ADMIN: &str = "admin-key";
pub(crate) const READER: &str = "reader-key";
pub(crate) const CREATOR: &str = "creator-key";
pub(crate) const WORKER: &str = "worker-key";
pub(crate) const STRANGER: &str = "key-of-another-organization";

const KEYS: [(&str, &str, Scope); 5] = [
    (ADMIN, "default", Scope::Admin),
    (READER, "default", Scope::Read),
    (CREATOR, "default", Scope::Generate),
    (WORKER, "default", Scope::Worker),
    (STRANGER, "other", Scope::Admin),
];

pub(crate) struct App {
    pub(crate) router: Router,
    document: Value,
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<Memory>,
    pub(crate) media: Arc<TestMedia>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) sender: Arc<TestSender>,
    /// The generator behind the route `builtin`: works when it is told to.
    pub(crate) made: Arc<Made>,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(ApiSettings::default()).await
    }

    /// `lipsync-2` goes to the generator that waits; `sync-3` to one that is done at once.
    pub(crate) async fn with(settings: ApiSettings) -> Self {
        Self::with_media(settings, TestMedia::new()).await
    }

    /// The same, with its files there.
    pub(crate) async fn with_media(settings: ApiSettings, media: TestMedia) -> Self {
        Self::with_engine(settings, media, Settings::default()).await
    }

    /// One whose organizations may do no more than that.
    pub(crate) async fn limited(server: Allowance, queued_max: usize) -> Self {
        let plans = Plans { server, ..Plans::default() };
        let of_engine = Settings { plans, queued_max, ..Settings::default() };
        Self::with_engine(ApiSettings::default(), TestMedia::new(), of_engine).await
    }

    pub(crate) async fn with_engine(mut settings: ApiSettings, media: TestMedia, of_engine: Settings) -> Self {
        let mut routing = Routing::default();
        assert!(routing.set("sync-3", Route::Passthrough));
        settings.routing = routing.clone();
        settings.public_url = "https://lips.example.com".to_owned();
        let (store, media) = (Arc::new(Memory::new()), Arc::new(media));
        let (clock, sender) = (Arc::new(TestClock::new(START)), Arc::new(TestSender::default()));
        let made = Arc::new(Made::new(media.root.path().to_owned()));
        add_keys(&store).await;
        let generators: BTreeMap<Route, Arc<dyn Generator>> = BTreeMap::from([
            (Route::Builtin, made.clone() as Arc<dyn Generator>),
            (Route::Passthrough, Arc::new(world::Passthrough)),
        ]);
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(world::TestEntropy::default()),
            spawn: Arc::new(world::Runtime),
            store: store.clone(),
            media: media.clone(),
            sender: sender.clone(),
            fetch: Arc::new(world::NoFetch),
            prober: Arc::new(world::TestProber),
            generators,
            speech: Arc::new(world::Speaker::default()),
            relays: None,
        };
        let of_engine = Settings { public_url: settings.public_url.clone(), routing, ..of_engine };
        let engine = Engine::start(ports, of_engine).await.unwrap();
        let metrics = Arc::new(|| "postsync_http_requests_total 0\n".to_owned());
        let router = postsync_api::router(ApiState::new(engine.clone(), settings, metrics));
        Self { router, document: postsync_api::openapi(), engine, store, media, clock, sender, made }
    }

    /// Sends a request and checks what every answer must be.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let answer = Answer::read(response, method == Method::HEAD).await;
        self.is_documented(&method, &path, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, Some(ADMIN), Body::empty())).await
    }

    /// As JSON, with a key.
    pub(crate) async fn post(&self, path: &str, key: &str, body: impl Into<Body>) -> Answer {
        let mut request = request(Method::POST, path, Some(key), body.into());
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        self.send(request).await
    }

    pub(crate) async fn create(&self, body: &Value) -> Answer {
        self.create_text(body.to_string()).await
    }

    pub(crate) async fn create_text(&self, body: impl Into<Body>) -> Answer {
        let mut request = request(Method::POST, "/v2/generate", Some(ADMIN), body.into());
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        self.send(request).await
    }

    /// A generation that was accepted; gives its id.
    pub(crate) async fn created(&self, model: &str) -> String {
        let answer = self.create(&body(model)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The generation once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.until(|| async {
            let generation = self.get(&format!("/v2/generate/{id}")).await.json();
            matches!(generation["status"].as_str(), Some("COMPLETED" | "FAILED")).then_some(generation)
        })
        .await
    }

    /// Asks again, letting the engine's tasks run in between, until there is an answer.
    pub(crate) async fn until<T, F: Future<Output = Option<T>>>(&self, ask: impl Fn() -> F) -> T {
        let asked = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asked).await.expect("what was waited for did not happen")
    }

    /// All that the schema says is there, and nothing that it does not know.
    fn is_of_its_schema(&self, schema: &Value, answer: &Answer) {
        let name = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()).expect("a schema with a name");
        let schema = &self.document["components"]["schemas"][name];
        let (Ok(Value::Object(body)), Some(known)) =
            (serde_json::from_slice(&answer.body), schema["properties"].as_object())
        else {
            return assert!(answer.body.is_empty(), "{name}: {}", answer.text());
        };
        for key in schema["required"].as_array().unwrap() {
            assert!(body.contains_key(key.as_str().unwrap()), "{name} needs {key}: {}", answer.text());
        }
        assert!(body.keys().all(|key| known.contains_key(key)), "{name}: {}", answer.text());
    }

    fn is_documented(&self, method: &Method, path: &str, answer: &Answer) {
        let paths = self.document["paths"].as_object().unwrap();
        let Some((_, item)) = paths.iter().find(|(pattern, _)| fits(pattern, path)) else {
            assert_eq!(answer.status, 404, "{path} is in no document");
            return;
        };
        let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
        match item.get(&method) {
            None => assert_eq!(answer.status, 405, "{method} {path} is in no document"),
            Some(operation) => {
                let responses = operation["responses"].as_object().unwrap();
                let Some(response) = responses.get(&answer.status.to_string()) else {
                    panic!("{method} {path}: {}", answer.status)
                };
                if answer.status >= 400 {
                    self.is_of_its_schema(&response["content"]["application/json"]["schema"], answer);
                }
            }
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    let same = |(a, b): (&&str, &&str)| a.starts_with('{') && !b.is_empty() || a == b;
    pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
}

pub(crate) fn request(method: Method, path: &str, key: Option<&str>, body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    request.body(body).unwrap()
}

/// A good create.
pub(crate) fn body(model: &str) -> Value {
    json!({
        "model": model,
        "input": [
            {"type": "video", "url": "https://media.example.com/in.mp4"},
            {"type": "audio", "url": "https://media.example.com/in.wav"},
        ],
    })
}

async fn add_keys(store: &Memory) {
    let mut changes = Vec::new();
    for (n, id) in ["default", "other"].into_iter().enumerate() {
        let org = OrgId::new(id);
        changes.push(Change::AddOrganization(Organization {
            id: org.clone(),
            name: id.to_owned(),
            plan: None,
            concurrency: None,
            created_at: START,
        }));
        let secret = Secret::new("whsec_8f14e45fceea167a5a36dedd4bea2543").unwrap();
        let id = SecretId(i64::try_from(n).unwrap() + 1);
        let signing = Signing::first(SecretOwner::org(&org), StoredSecret { id, secret, created_at: START });
        changes.push(Change::SetSecrets { was: None, now: Box::new(signing) });
    }
    for (n, (text, org, scope)) in KEYS.into_iter().enumerate() {
        changes.push(Change::AddKey(Box::new(ApiKey {
            id: KeyId(i64::try_from(n).unwrap() + 1),
            org: OrgId::new(org),
            name: text.to_owned(),
            scopes: Scopes::new(&[scope]),
            hash: key_hash(text),
            created_at: START,
            revoked_at: None,
            last_used_at: None,
        })));
    }
    // The default organization may be there from the start.
    for change in changes {
        let _ = store.apply(vec![change]).await.unwrap();
    }
}
