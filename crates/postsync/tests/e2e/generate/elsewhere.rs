//! `postsync generate` against a server that is not ours, as Sync's: no stream, upload URLs without an id, busy at first, an upload that
//! is refused while it comes, and a download that is cut in its middle.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{command, ended, setup, text};
use crate::harness::sample;

const ID: &str = "6533643b-aceb-4c40-967e-d9ba9baac39e";

/// What is there to be downloaded.
const VIDEO_BYTES: usize = 300_000;

/// What came, in its order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    /// Of each create: its Idempotency-Key, and its body.
    creates: Vec<(String, Value)>,
    /// Of each upload: whether it had a key, its length as announced, and its bytes.
    puts: Vec<(bool, String, Vec<u8>)>,
    /// Uploads that were refused before their bytes were read.
    refused: usize,
    /// Of each download: the range that was asked for.
    downloads: Vec<Option<String>>,
    looks: usize,
}

/// Starts it; gives its address.
async fn start(seen: Seen) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new()
        .route("/v2/models", get(|| async { Json(json!([{"id": "lipsync-2"}, {"id": "sync-3"}])) }))
        .route("/v2/assets/upload", post(move |Json(file): Json<Value>| async move { upload(address, &file) }))
        .route("/put/{name}", put(take))
        .route("/v2/generate", post(create))
        .route("/v2/generate/{id}", get(look))
        .route("/out.mp4", get(download))
        .fallback(|| async { refusal(404, &json!({"message": "Cannot GET", "statusCode": 404})) })
        .with_state(seen);
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    address
}

fn refusal(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body.clone())).into_response()
}

fn upload(address: SocketAddr, file: &Value) -> Response {
    let url = format!("http://{address}/put/{}", file["fileName"].as_str().unwrap());
    (StatusCode::CREATED, Json(json!({"uploadUrl": url, "url": url, "expiresIn": 3600}))).into_response()
}

/// Refuses the first one while it is still being sent.
async fn take(State(seen): State<Seen>, request: Request) -> StatusCode {
    {
        let mut log = seen.0.lock().unwrap();
        if log.refused == 0 {
            log.refused += 1;
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    let (parts, body) = request.into_parts();
    let announced = parts.headers["content-length"].to_str().unwrap().to_owned();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    seen.0.lock().unwrap().puts.push((parts.headers.contains_key("x-api-key"), announced, bytes));
    StatusCode::OK
}

/// Too many at first.
async fn create(State(seen): State<Seen>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let creates = &mut seen.0.lock().unwrap().creates;
    creates.push((key, body));
    if creates.len() == 1 {
        let busy = json!({"statusCode": 429, "errorCode": "rate_limit_exceeded", "message": "Rate limit exceeded."});
        let mut answer = refusal(429, &busy);
        answer.headers_mut().insert("retry-after", "1".parse().unwrap());
        return answer;
    }
    (StatusCode::CREATED, Json(json!({"id": ID, "status": "PENDING"}))).into_response()
}

async fn look(State(seen): State<Seen>, request: Request) -> Json<Value> {
    assert_eq!(request.uri().query(), Some("include=progress"));
    let looks = &mut seen.0.lock().unwrap().looks;
    *looks += 1;
    let host = request.headers()["host"].to_str().unwrap();
    Json(match *looks {
        1 => json!({"id": ID, "status": "PROCESSING", "progress_percent": 50}),
        _ => json!({"id": ID, "status": "COMPLETED", "outputUrl": format!("http://{host}/out.mp4")}),
    })
}

fn video() -> Vec<u8> {
    (0..VIDEO_BYTES).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect()
}

/// The connection breaks in the middle of the first one.
async fn download(State(seen): State<Seen>, headers: HeaderMap) -> Response {
    let range = headers.get("range").map(|value| value.to_str().unwrap().to_owned());
    seen.0.lock().unwrap().downloads.push(range.clone());
    let Some(range) = range else {
        let half = stream::iter([Ok(Bytes::from(video()[..VIDEO_BYTES / 2].to_vec()))]);
        // What has come is sent while the next piece is waited for.
        let broken = half.chain(stream::once(async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("broken"))
        }));
        return ([("content-length", VIDEO_BYTES.to_string())], Body::from_stream(broken)).into_response();
    };
    let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    (StatusCode::PARTIAL_CONTENT, video()[from..].to_vec()).into_response()
}

#[tokio::test]
async fn a_server_without_our_stream_is_asked_again_and_again() {
    let (setup, seen) = (setup(0), Seen::default());
    let server = format!("http://{}", start(seen.clone()).await);
    let arguments =
        ["portrait.png", "speech.wav", "--webhook-url", "https://app.example.com/hook", "--sync-mode", "loop"];
    let output = ended(&mut command(&setup, &server, &arguments)).await;
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "portrait-synced.mp4\n"), "{said}");
    for word in
        ["429", "trying again in 1 s", "No live progress here (its stream answers 404)", "PROCESSING 50%", "saved"]
    {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert_eq!(
        std::fs::read(setup.home().join("portrait-synced.mp4")).unwrap(),
        video(),
        "whole, over two connections"
    );

    let log = seen.0.lock().unwrap();
    let portrait = sample("astronaut.png");
    assert_eq!((log.refused, log.puts.len()), (1, 2), "what was refused for the moment is sent again");
    assert_eq!(log.puts[0], (false, portrait.len().to_string(), portrait), "its bytes, and not the key");
    assert_eq!(log.creates.len(), 2);
    assert_eq!(log.creates[0], log.creates[1], "the same under the same key");
    assert_eq!(
        log.creates[1].1,
        json!({
            "model": "lipsync-2",
            "input": [
                {"type": "image", "url": format!("{server}/put/portrait.png")},
                {"type": "audio", "url": format!("{server}/put/speech.wav")},
            ],
            "options": {"sync_mode": "loop"},
            "webhookUrl": "https://app.example.com/hook",
        })
    );
    let from: usize =
        log.downloads[1].as_deref().unwrap().trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!(log.downloads[0].is_none() && from > 0 && log.downloads.len() == 2, "it goes on where it was cut: {from}");
}
