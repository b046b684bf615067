//! A webhook receiver in Rust with axum, on the raw bytes of the body: both signature schemes, and the cause where one is wrong.
//!
//! `WEBHOOK_SECRET=whsec_... PORT=3000 cargo run -p postsync-webhook --example receiver`; two secrets, separated by a comma, while one is rotated.
//! Prints one line of JSON per delivery on stdout; the cause of a refusal goes to stderr, because it is nothing for the sender.

#![expect(clippy::print_stdout, reason = "an example speaks on stdout")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use postsync_webhook::{Secret, StandardHeaders, TOLERANCE_DEFAULT, verify_standard, verify_sync};
use serde_json::{Value, json};

/// A webhook is under 100 kB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

type Done<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Done<()> {
    let given = std::env::var("WEBHOOK_SECRET").map_err(|_| "WEBHOOK_SECRET is missing: set it to whsec_...")?;
    let secrets: Vec<Secret> = given.split(',').map(Secret::new).collect::<Result<_, _>>()?;
    let app = Router::new()
        .route("/webhook", post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(secrets));
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("127.0.0.1:{port} can't be listened on: {error}; PORT takes another one"))?;
    eprintln!("listening on http://{}/webhook", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn receive(State(secrets): State<Arc<Vec<Secret>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs().cast_signed());
    let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
    let verdict = verify_sync(header("sync-signature"), &body, &secrets, now_unix_s, TOLERANCE_DEFAULT);
    // Either set is enough; this is for those who have chosen the other.
    let standard = StandardHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let standard = verify_standard(standard, &body, &secrets, now_unix_s, TOLERANCE_DEFAULT);
    let verified = verdict.is_ok();
    let event: Value = if verified { serde_json::from_slice(&body).unwrap_or_default() } else { Value::Null };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let attempt: u32 = text("postsync-attempt").and_then(|attempt| attempt.parse().ok()).unwrap_or(0);
    let line = json!({
        "verified": verified, "standard": standard.is_ok(), "id": event["id"], "status": event["status"],
        "attempt": attempt, "event": text("webhook-id"),
    });
    println!("{line}");
    match verdict {
        // Here your own work begins: remember the webhook-id, put it on a queue, and answer at once.
        Ok(_) => StatusCode::OK,
        Err(error) => {
            eprintln!("refused: {error}");
            StatusCode::BAD_REQUEST
        }
    }
}
