//! `postsync trigger`: an event that never happened, over HTTP, and what became of its deliveries. 0 all delivered, 1 not, 2 usage.
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use postsync_core::endpoint::Trial;
use serde_json::{Value, json};

use super::block_on;
use super::client::{Client, ServerArgs};
use crate::EXIT_USAGE;
use crate::out::say;

/// Between two looks at a delivery.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long the first attempts are waited for: as long as one may take, and its way through the server.
const FIRST_ATTEMPT_MAX: Duration = Duration::from_secs(75);

const HELP: &str = "\
The event has the exact shape of a real one, is signed as one, and goes the same way: its delivery is on disk before it is sent, is tried \
again by the schedule, and stands in the log. What it is about never was: its body says postsync-test, and the delivery's origin test.

Without --to it goes to the registered endpoints and the listeners (`postsync listen`) that take the event, with --to to that URL alone (egress.allow and the other rules for \
receivers hold). The first attempts are waited for. The key in POSTSYNC_API_KEY needs the scopes generate and read.

Examples:
  postsync trigger generation.completed --to https://app.example.com/webhook
  postsync trigger generation.failed

Exit codes: 0 every delivery was taken with a 2xx, 1 one was not, 2 the command line is wrong.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct TriggerArgs {
    /// generation.completed, generation.failed or batch.completed.
    #[arg(value_name = "EVENT", value_parser = event)]
    event: Trial,
    /// The URL that it goes to, and nowhere else.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The event with its deliveries as JSON, each as the API shows it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

fn event(text: &str) -> Result<Trial, String> {
    Trial::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Trial::ALL.iter().map(|trial| trial.kind().as_str()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

pub(crate) fn run(args: &TriggerArgs) -> anyhow::Result<ExitCode> {
    if args.to.as_deref().is_some_and(|to| url::Url::parse(to).is_err()) {
        eprintln!("postsync trigger: --to: it is no URL, as https://app.example.com/webhook is one");
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    let client = Client::new(&args.server)?;
    block_on(async {
        let asked = json!({"event": args.event.kind().as_str(), "to": args.to});
        let mut made = client.post("/postsync/v1/trigger", &asked).await?;
        let ids: Vec<String> = list(&made).iter().map(|delivery| text(delivery, "id").to_owned()).collect();
        if !args.json {
            say!("{} {}", text(&made, "id"), text(&made, "event"))?;
        }
        let mut ended = Vec::new();
        for id in ids {
            let delivery = attempted(&client, &id).await?;
            if !args.json {
                say!("{}", line(&delivery))?;
            }
            ended.push(delivery);
        }
        let listeners = made["listeners"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !args.json {
            for name in listeners.iter().filter_map(Value::as_str) {
                say!("also to the listener {name}: at once, or when it listens again")?;
            }
        }
        if ended.is_empty() && listeners.is_empty() {
            eprintln!(
                "No registered endpoint and no listener takes {}. Name a receiver with --to URL, or start `postsync listen`.",
                args.event.kind().as_str()
            );
        }
        let all_taken = ended.iter().all(|delivery| delivery["status"] == "delivered");
        if args.json {
            made["deliveries"] = Value::Array(ended);
            say!("{made}")?;
        }
        Ok(if all_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// The delivery once its first attempt is over, or as it stands when that takes too long: parked, say.
async fn attempted(client: &Client, id: &str) -> anyhow::Result<Value> {
    let path = format!("/postsync/v1/deliveries/{id}");
    let looking = async {
        loop {
            let delivery = client.get(&path).await?;
            let is_over = |attempt: &Value| !attempt["endedAt"].is_null();
            let waits = delivery["status"] == "parked";
            if waits || delivery["attemptLog"].as_array().is_some_and(|log| log.iter().any(is_over)) {
                return Ok(delivery);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(FIRST_ATTEMPT_MAX, looking).await {
        Ok(found) => found,
        Err(_) => Ok(client.get(&path).await?),
    }
}

/// `dlv_... to https://...: delivered (200, 12 ms)`
fn line(delivery: &Value) -> String {
    let attempts = delivery["attemptLog"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (id, url, status) = (text(delivery, "id"), text(delivery, "url"), text(delivery, "status"));
    let Some(last) = attempts.iter().rev().find(|attempt| !attempt["endedAt"].is_null()) else {
        let reason = delivery["reason"].as_str().unwrap_or("not attempted yet");
        return format!("{id} to {url}: {status} ({reason})");
    };
    let came = match last["httpStatus"].as_u64() {
        Some(status) => status.to_string(),
        None => text(last, "error").to_owned(),
    };
    let took = last["phases"]["totalUs"].as_u64().map_or_else(String::new, |us| format!(", {} ms", us / 1_000));
    let why = last["message"].as_str().map_or_else(String::new, |message| format!(". {message}"));
    let next = delivery["nextAttemptAt"].as_str().map_or_else(String::new, |at| format!(" Next attempt at {at}."));
    let is_taken = status == "delivered";
    format!("{id} to {url}: {status} ({came}{took}){}", if is_taken { String::new() } else { format!("{why}{next}") })
}

fn list(made: &Value) -> &[Value] {
    made["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}
