//! A generation on its way: by the server's stream where it has one, by asking again elsewhere.
use std::time::Duration;

use anyhow::anyhow;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::patience::Patience;
use super::sight::Meter;
use crate::commands::client::{Client, Failure, sse};

/// Longer than the server is silent.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Between two questions, where there is no stream.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A server that closes each stream at once is not asked again at once.
const STREAMS_APART: Duration = Duration::from_secs(1);

/// So many streams in a row that end without a word are none.
const EMPTY_MAX: u32 = 5;

/// What a stream came to.
enum Streamed {
    Ended(Value),
    /// It was cut, as by a stop of the server: before or after it said something.
    Cut {
        is_empty: bool,
    },
    /// The server has none, or none for us; in a few words.
    NotThere(String),
}

/// The generation, once it has ended.
pub(super) async fn to_its_end(client: &Client, id: &str, patience: &mut Patience<'_>) -> anyhow::Result<Value> {
    let sight = patience.sight;
    let (meter, mut empty) = (sight.making(), 0);
    let ended = loop {
        let streamed = match streamed(client, id, &meter, patience).await {
            Ok(Streamed::Cut { is_empty: true }) if empty == EMPTY_MAX => {
                Ok(Streamed::NotThere("its stream is empty".to_owned()))
            }
            other => other,
        };
        match streamed {
            Ok(Streamed::Ended(generation)) => break generation,
            Ok(Streamed::Cut { is_empty }) => {
                empty = if is_empty { empty + 1 } else { 0 };
                tokio::time::sleep(STREAMS_APART).await;
            }
            Ok(Streamed::NotThere(why)) => {
                let every = ASK_EVERY.as_secs();
                sight.say(&format!("No live progress here ({why}): asking every {every} s instead."));
                break asked(client, id, &meter, patience).await?;
            }
            Err(failure) => patience.bear(failure).await?,
        }
    };
    if ended["status"] == "COMPLETED" {
        let length = ended["outputDuration"].as_f64().map(|length| format!(", {length:.2} s of video"));
        meter.done(&format!("made{}", length.unwrap_or_default()));
    }
    Ok(ended)
}

async fn streamed(
    client: &Client,
    id: &str,
    meter: &Meter<'_>,
    patience: &mut Patience<'_>,
) -> Result<Streamed, Failure> {
    let path = format!("/postsync/v1/generations/{id}/stream");
    let request = client.long_request(Method::GET, &path).map_err(Failure::Lasting)?;
    let request = request.header(ACCEPT, "text/event-stream");
    let Ok(opened) = timeout(SILENCE_MAX, client.send(request)).await else {
        return Err(Failure::Passing(anyhow!("the server takes a request and does not answer it")));
    };
    let answer = match opened {
        Ok(answer) => answer,
        Err(failure) => return why_not(&failure).map(Streamed::NotThere).ok_or(failure),
    };
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("text/event-stream") {
        return Ok(Streamed::NotThere(format!("{path} answers {}", answer.status().as_u16())));
    }
    read(answer, meter, patience).await
}

/// Why there is no stream, where that is so: another server than ours does not know it, and ours has only so many.
fn why_not(failure: &Failure) -> Option<String> {
    let refusal = failure.refusal()?;
    let is_unknown = refusal.status == StatusCode::NOT_FOUND && refusal.code != "generation_not_found";
    let is_refused = matches!(refusal.status.as_u16(), 405 | 406 | 429 | 501);
    (is_unknown || is_refused).then(|| format!("its stream answers {}", refusal.status.as_u16()))
}

async fn read(mut answer: Response, meter: &Meter<'_>, patience: &mut Patience<'_>) -> Result<Streamed, Failure> {
    let (mut reader, mut is_empty) = (sse::Reader::default(), true);
    loop {
        // What holds the messages back until the stream is over lets the comments through as little.
        let Ok(piece) = timeout(SILENCE_MAX, answer.chunk()).await else {
            return Ok(Streamed::NotThere(format!("nothing has come for {} s", SILENCE_MAX.as_secs())));
        };
        let Ok(Some(piece)) = piece else { return Ok(Streamed::Cut { is_empty }) };
        for message in reader.read(&piece).map_err(|error| Failure::Lasting(error.into()))? {
            patience.over();
            is_empty = false;
            let Ok(generation) = serde_json::from_str::<Value>(&message.data) else { continue };
            show(&generation, meter);
            if has_ended(&generation) {
                return Ok(Streamed::Ended(generation));
            }
        }
    }
}

async fn asked(client: &Client, id: &str, meter: &Meter<'_>, patience: &mut Patience<'_>) -> anyhow::Result<Value> {
    loop {
        match client.get(&format!("/v2/generate/{id}?include=progress")).await {
            Ok(generation) => {
                patience.over();
                show(&generation, meter);
                if has_ended(&generation) {
                    return Ok(generation);
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
            Err(failure) => patience.bear(failure).await?,
        }
    }
}

fn show(generation: &Value, meter: &Meter<'_>) {
    let percent = generation["progress_percent"].as_u64().unwrap_or(0);
    meter.stands(generation["status"].as_str().unwrap_or_default(), percent);
}

/// Sync's documents have had other words for an end than it has now.
fn has_ended(generation: &Value) -> bool {
    let status = generation["status"].as_str().unwrap_or_default();
    matches!(status, "COMPLETED" | "FAILED" | "REJECTED" | "CANCELED" | "CANCELLED" | "TIMED_OUT")
}
