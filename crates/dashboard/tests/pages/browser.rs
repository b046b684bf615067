//! A browser without a screen: keeps cookies, fills in forms, and holds each answer to what every page promises.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use postsync_api::{ApiSettings, ApiState};
use postsync_core::egress_rules::EgressRules;
use postsync_core::model::{Route, Routing};
use postsync_core::price::Prices;
use postsync_dashboard::{Api, Dashboard, DashboardSettings, KeyHolder, Peer};
use postsync_engine::ports::Entropy;
use tower::ServiceExt as _;

use crate::harness::App;

pub(crate) const PUBLIC_URL: &str = "https://lips.example.com";

/// The API as the binary hands it over.
struct Beside(ApiState);

#[async_trait]
impl Api for Beside {
    async fn key_holder(&self, hash: [u8; 32]) -> Result<Option<KeyHolder>, String> {
        let holder = self.0.key_holder(hash).await?;
        Ok(holder.map(|holder| KeyHolder { key: holder.key, org: holder.org, scopes: holder.scopes }))
    }

    fn count_failed_sign_in(&self, from: IpAddr) -> Result<(), u32> {
        self.0.count_failed_sign_in(from)
    }

    async fn create(&self, hash: [u8; 32], request: Request) -> Response {
        self.0.create_as(hash, request).await
    }
}

struct Counting(Mutex<u64>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        *n += 1;
        bytes.fill(0);
        bytes[..8].copy_from_slice(&n.to_be_bytes());
    }
}

/// The API with the pages beside it.
pub(crate) fn router(app: &App) -> Router {
    let mut routing = Routing::default();
    assert!(routing.set("sync-3", Route::Passthrough));
    let settings = ApiSettings { public_url: PUBLIC_URL.to_owned(), routing, ..ApiSettings::default() };
    let api = ApiState::new(app.engine.clone(), settings, Arc::new(String::new));
    let settings = DashboardSettings {
        public_url: PUBLIC_URL.to_owned(),
        prices: Prices::default(),
        rules: EgressRules::default(),
    };
    let entropy = Arc::new(Counting(Mutex::default()));
    let dashboard = Dashboard::new(app.engine.clone(), Arc::new(Beside(api.clone())), entropy, settings);
    postsync_api::router_beside(api, postsync_dashboard::router(dashboard))
}

/// One browser.
pub(crate) struct Browser {
    router: Router,
    pub(crate) cookies: Mutex<BTreeMap<String, String>>,
}

/// What it was shown.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the first hidden field of that name.
    pub(crate) fn hidden(&self, name: &str) -> &str {
        let start = format!("name=\"{name}\" value=\"");
        let from = self.text.find(&start).unwrap_or_else(|| panic!("no field {name}: {}", self.text)) + start.len();
        &self.text[from..from + self.text[from..].find('"').unwrap()]
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        assert!(self.text.contains(text), "{text:?} is not on the page ({}): {}", self.status, self.text);
    }

    #[track_caller]
    pub(crate) fn hides(&self, text: &str) {
        assert!(!self.text.contains(text), "{text:?} is on the page: {}", self.text);
    }
}

impl Browser {
    pub(crate) fn new(router: &Router) -> Self {
        Self { router: router.clone(), cookies: Mutex::default() }
    }

    /// One that is signed in.
    pub(crate) async fn signed_in(router: &Router, key: &str) -> Self {
        let browser = Self::new(router);
        let page = browser.sign_in(key, "/").await;
        assert_eq!(page.status, 303, "{}", page.text);
        browser
    }

    pub(crate) async fn sign_in(&self, key: &str, next: &str) -> Page {
        let form = self.get("/signin").await;
        self.post("/signin", &[("csrf", form.hidden("csrf")), ("next", next), ("key", key)]).await
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// Sends a form of a page of its own, with the token that stands there.
    pub(crate) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.token().await;
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        self.post(path, &all).await
    }

    pub(crate) async fn token(&self) -> String {
        self.get("/deliveries").await.hidden("csrf").to_owned()
    }

    /// Also an answer that is none of the pages': the API's, where they have no such path or method.
    pub(crate) async fn any(&self, mut request: Request) -> Page {
        let cookies = self.cookies.lock().unwrap().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        if !cookies.is_empty() && !request.headers().contains_key("cookie") {
            request.headers_mut().insert("cookie", cookies.join("; ").parse().unwrap());
        }
        request.extensions_mut().insert(Peer([192, 0, 2, 7].into()));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        for line in parts.headers.get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Page { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn send(&self, request: Request) -> Page {
        let page = self.any(request).await;
        promised(&page);
        page
    }

    fn keep(&self, line: &str) {
        for wanted in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Secure"] {
            assert!(line.contains(wanted), "{line}");
        }
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        assert!(name.starts_with("__Host-"), "{line}");
        let mut cookies = self.cookies.lock().unwrap();
        if line.contains("Max-Age=0") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// What holds of every answer of the pages.
fn promised(page: &Page) {
    let policy = page.header("content-security-policy");
    for wanted in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(wanted), "{} {policy:?} {}", page.status, page.text);
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    if page.header("content-type").starts_with("text/html") {
        assert_eq!(page.header("cache-control"), "no-store");
        for (bare, values) in tags(&page.text) {
            let names = bare.split_whitespace().map(|part| part.split('=').next().unwrap().to_ascii_lowercase());
            for name in names.skip(1) {
                assert!(name != "style" && !name.starts_with("on") && !name.starts_with("hx-on"), "{bare}");
            }
            assert!(
                !bare.starts_with("<style") && !bare.starts_with("<iframe") && !bare.starts_with("<base"),
                "{bare}"
            );
            assert!(!bare.starts_with("<script") || values[0].starts_with("/static/"), "{bare} {values:?}");
            for value in values {
                assert!(!value.trim_start().to_ascii_lowercase().starts_with("javascript:"), "{bare} {value}");
            }
        }
    }
}

/// Every tag without the values of its attributes, and those values. What is escaped is no tag.
fn tags(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('<') {
        let (mut bare, mut values, mut quoted) = (String::new(), Vec::new(), None::<(char, String)>);
        let mut end = rest.len();
        for (i, c) in rest[at..].char_indices() {
            match (&mut quoted, c) {
                (Some((mark, value)), c) if c == *mark => {
                    values.push(std::mem::take(value));
                    quoted = None;
                }
                (Some((_, value)), c) => value.push(c),
                (None, '"' | '\'') => quoted = Some((c, String::new())),
                (None, '>') => {
                    end = at + i + 1;
                    break;
                }
                (None, c) => bare.push(c),
            }
        }
        assert!(quoted.is_none(), "a quote is open to the end: {}", &rest[at..]);
        found.push((bare, values));
        rest = &rest[end..];
    }
    found
}
