//! The request: its files first, then `POST /v2/generate` with what they have become.
use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::inputs::{New, Voice};
use super::patience::Patience;
use super::{GenerateArgs, text, upload};
use crate::commands::client::Client;

/// The generation as it was taken.
pub(super) async fn begin(
    args: &GenerateArgs,
    client: &Client,
    new: &New,
    patience: &mut Patience<'_>,
) -> anyhow::Result<Value> {
    if new.has_files() {
        is_known(args, client, patience).await?;
    }
    let input = uploaded(client, new, patience).await?;
    create(args, client, input, new.options.as_ref(), patience).await
}

/// Whether the server has the model: asked before gigabytes are uploaded for one that it has not.
async fn is_known(args: &GenerateArgs, client: &Client, patience: &mut Patience<'_>) -> anyhow::Result<()> {
    let listed = loop {
        match client.get("/v2/models").await {
            Ok(listed) => break listed,
            Err(failure) => patience.bear(failure).await?,
        }
    };
    patience.over();
    let ids: Vec<&str> = listed.as_array().into_iter().flatten().map(|model| text(model, "id")).collect();
    ensure!(ids.is_empty() || ids.contains(&args.model.as_str()), "--model: the server has {}", ids.join(", "));
    Ok(())
}

/// The items of the request: what lies here is with the server by then.
async fn uploaded(client: &Client, new: &New, patience: &mut Patience<'_>) -> anyhow::Result<Value> {
    let seen = upload::item(client, &new.visual, patience).await?;
    let heard = match &new.voice {
        Voice::Medium(audio) => upload::item(client, audio, patience).await?,
        // A voice that is built into the server is said by it, whoever is named here.
        Voice::Text { script, voice } => {
            json!({"type": "text", "provider": {"name": "elevenlabs", "voiceId": voice, "script": script}})
        }
    };
    Ok(json!([seen, heard]))
}

/// Under a key of its own: an answer that is lost, and the same asked again, make one generation.
async fn create(
    args: &GenerateArgs,
    client: &Client,
    input: Value,
    options: Option<&Value>,
    patience: &mut Patience<'_>,
) -> anyhow::Result<Value> {
    let key = Uuid::new_v4().to_string();
    let mut body = json!({"model": args.model, "input": input});
    if let Some(options) = options {
        body["options"] = options.clone();
    }
    if let Some(url) = &args.webhook_url {
        body["webhookUrl"] = json!(url);
    }
    loop {
        let request = client.request(Method::POST, "/v2/generate").header("idempotency-key", &key).json(&body);
        match client.json(request).await {
            Ok(created) => {
                patience.over();
                return Ok(created);
            }
            Err(failure) => patience.bear(failure).await?,
        }
    }
}
