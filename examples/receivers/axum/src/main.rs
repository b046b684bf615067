//! A webhook receiver in Rust with axum: the extractor `Webhook` has checked the signature and the age before the handler runs.
//!
//! `WEBHOOK_SECRET=whsec_... PORT=3000 ./run`
#![expect(clippy::print_stdout, reason = "an example speaks on stdout")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use postsync_webhook::axum::{Refused, Verifier, Webhook};
use serde_json::{Value, json};

#[derive(Clone, FromRef)]
struct App {
    verifier: Verifier,
    /// What came already. In production it is a unique column of your database.
    handled: Arc<Mutex<HashSet<String>>>,
}

async fn receive(State(app): State<App>, webhook: Result<Webhook, Refused>) -> Result<StatusCode, Refused> {
    let webhook = webhook.inspect_err(|why| {
        println!("{}", json!({"verified": false}));
        eprintln!("refused: {why}"); // for our own log: the sender gets a plain 400
    })?;
    let body: Value = serde_json::from_slice(&webhook.body).unwrap_or_default();
    let event = webhook.event_id.unwrap_or_else(|| format!("{} {}", body["id"], body["status"])); // the same in every attempt
    let repeated = !app.handled.lock().unwrap_or_else(PoisonError::into_inner).insert(event.clone());
    let (id, status, attempt) = (&body["id"], &body["status"], webhook.attempt);
    println!(
        "{}",
        json!({"verified": true, "id": id, "status": status, "attempt": attempt, "event": event, "repeated": repeated})
    );
    if !repeated {
        // Here your own work begins: put it on a queue, and answer at once.
    }
    Ok(StatusCode::OK)
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let given = std::env::var("WEBHOOK_SECRET")
        .map_err(|_| "WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")?;
    let verifier = Verifier::parse(&given).map_err(|error| error.to_string())?; // two, separated by a comma, while one is rotated
    let app = App { verifier, handled: Arc::default() };
    let env = |name, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let address = format!("{}:{}", env("HOST", "127.0.0.1"), env("PORT", "3000"));
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("{address} can't be listened on: {error}; PORT takes another one"))?;
    eprintln!("listening on http://{}/webhook", listener.local_addr().map_err(|error| error.to_string())?);
    let router = Router::new().route("/webhook", post(receive)).with_state(app);
    axum::serve(listener, router).await.map_err(|error| error.to_string())
}
