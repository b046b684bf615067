//! A result of a server is an input of its next generation, also where it may not fetch from itself: plain http, an address of its own.
use serde_json::json;

use crate::harness::api::id_of;
use crate::harness::speech::speech;
use crate::harness::{Setup, poll, sample};

#[tokio::test]
async fn a_result_is_an_input_of_the_next_generation_of_a_server_that_opens_nothing() {
    let setup = Setup::new()
        .with("POSTSYNC_EGRESS_ALLOW", "")
        .with("POSTSYNC_EGRESS_ALLOW_HTTP", "false")
        .with("POSTSYNC_BATCH_ROWS_MIN", "1");
    let server = setup.start().await;
    let api = server.api();
    let first = api.upload(sample("astronaut.png"), speech(0), "").await.expect(201);
    let url = api.ended(&id_of(&first)).await["outputUrl"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let audio = &first["input"].as_array().unwrap().iter().find(|item| item["type"] == "audio").unwrap()["assetId"];
    let create = |url: &str| json!({"model": "mesh-1", "input": [{"type": "video", "url": url}, {"type": "audio", "assetId": audio}]});
    let second = api.ended(&api.create(&create(&url)).await).await;
    assert_eq!((&second["status"], &second["input"][0]["url"]), (&json!("COMPLETED"), &json!(url)), "{second}");
    let row = json!({"request_id": "r", "endpoint": "/v2/generate", "payload": create(&url)});
    let batch = id_of(&api.post("/v2/batch", &json!({"rows": [row]})).await.expect(201));
    poll("the batch ends", async || {
        let batch = api.get(&format!("/v2/batch/{batch}")).await.expect(200);
        assert_ne!(batch["status"], "FAILED", "{batch}");
        (batch["status"] == "COMPLETED").then_some(())
    })
    .await;
    // What is not one of its own is what it was.
    for other in [url.replace("token=", "token=0"), url.replace("/v2/generations/", "/v2/batches/")] {
        let refused = api.post("/v2/generate", &create(&other)).await.expect(400);
        assert_eq!(refused["field"], "input[0].url", "{refused}");
    }
    assert_eq!(api.delete(&format!("/v2/generations/{}", id_of(&first))).await.status, 204);
    api.post("/v2/generate", &create(&url)).await.expect(400);
}

/// Whoever tries a receiver with an SDK sends files.
#[tokio::test]
async fn passthrough_gives_back_the_url_of_an_upload() {
    let server = Setup::new().with("POSTSYNC_MODELS_MESH_1", "passthrough").start().await;
    let api = server.api();
    let made = api.upload(sample("astronaut.png"), speech(0), "").await.expect(201);
    let ended = api.ended(&id_of(&made)).await;
    let asset = made["input"][0]["assetId"].as_str().unwrap();
    let url = ended["outputUrl"].as_str().unwrap_or_else(|| panic!("{ended}"));
    assert!(url.starts_with(&format!("{}/v2/assets/{asset}/file?token=", api.base)), "{ended}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = client.get(url).send().await.unwrap().bytes().await.unwrap();
    assert!(read == sample("astronaut.png"), "anybody may read it who is told");
}
