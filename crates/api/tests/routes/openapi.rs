//! The document at `/api-json`, whole, and what every operation in it must have.
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{App, body, request};
use postsync_api::wire::{
    DeliveryDetail, DeliveryPage, ErrorBody, ErrorEntry, EventBatch, EventPage, GenerationBody, ModelInfo, SecretBody,
};

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let named = |path: &str, method: &str| format!("{} {path}", method.to_uppercase());
    paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, op)| (named(path, method), op)))
        .collect()
}

#[tokio::test]
async fn is_served_to_everyone_with_the_servers_address() {
    let app = App::start().await;
    let mut document = app.send(request(Method::GET, "/api-json", None, Body::empty())).await.json();
    assert_eq!(document["servers"], json!([{"url": "https://lips.example.com"}]));
    document.as_object_mut().unwrap().remove("servers");
    let mut plain = postsync_api::openapi();
    plain.as_object_mut().unwrap().remove("servers");
    assert_eq!(document, plain);
}

#[test]
fn every_operation_is_named_and_says_who_may_call_it() {
    let document = postsync_api::openapi();
    let mut open = Vec::new();
    let mut ids = Vec::new();
    for (name, operation) in operations(&document) {
        ids.push(operation["operationId"].as_str().unwrap());
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        match operation.get("security") {
            None => assert!(operation["responses"].get("401").is_some(), "{name}"),
            // A token will do, and so will a key.
            Some(security) if security == &json!([{}, {"apiKey": []}, {"bearer": []}]) => {
                assert!(operation["responses"].get("401").is_some(), "{name}");
                open.push(format!("{name} with a token"));
            }
            Some(security) => {
                assert_eq!(security, &json!([]), "{name}");
                open.push(name);
            }
        }
    }
    open.sort();
    insta::assert_snapshot!(open.join("\n"), @r"
    GET /api-json
    GET /healthz
    GET /readyz
    GET /v2/assets/{id}/file
    GET /v2/assets/{id}/thumbnail
    GET /v2/batches/{id}/result with a token
    GET /v2/batches/{id}/result.jsonl
    GET /v2/errors
    GET /v2/generations/{id}/result
    POST /postsync/v1/upstream/{id}/{token}
    PUT /v2/assets/{id}/upload
    ");
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(document["security"], json!([{"apiKey": []}, {"bearer": []}]));
    assert_eq!(document["components"]["securitySchemes"]["apiKey"]["name"], "x-api-key");
}

/// Tools that are built from the document (an MCP server's, say) have nothing else to go by.
#[test]
fn every_parameter_and_every_body_has_a_type_and_an_example() {
    let document = postsync_api::openapi();
    let mut missing = Vec::new();
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            let is_typed = ["type", "$ref", "oneOf", "anyOf", "enum"].iter().any(|key| schema.get(*key).is_some());
            if !is_typed || parameter.get("example").is_none() || parameter.get("description").is_none() {
                missing.push(format!("{name}: {}", parameter["name"]));
            }
        }
        let json = operation.pointer("/requestBody/content/application~1json");
        if json.is_some_and(|content| content.get("example").is_none()) {
            missing.push(format!("{name}: the body"));
        }
    }
    assert!(missing.is_empty(), "put them into openapi/examples.json: {missing:#?}");
}

#[test]
fn links_lead_to_operations_that_ask_for_what_they_give() {
    let document = postsync_api::openapi();
    let operations = operations(&document);
    let mut links = 0;
    for (name, operation) in &operations {
        for (_, response) in operation["responses"].as_object().unwrap() {
            for (to, link) in response["links"].as_object().into_iter().flatten() {
                links += 1;
                let (_, target) = operations.iter().find(|(_, operation)| operation["operationId"] == **to).unwrap();
                let asked: Vec<&Value> = target["parameters"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
                for given in link["parameters"].as_object().unwrap().keys() {
                    assert!(asked.contains(&&json!(given)), "{name} gives {given}, which {to} does not ask for");
                }
            }
        }
    }
    assert!(links > 5, "{links} links");
}

#[test]
fn the_whole_document() {
    let document = postsync_api::openapi();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

/// What is answered is what the documented types hold: no field more, none less, in the same order.
fn fits<T: serde::de::DeserializeOwned + serde::Serialize>(text: &str) {
    let read: T = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

#[tokio::test]
async fn answers_have_the_documented_shapes() {
    let app = App::start().await;
    let mut create = body("sync-3");
    create["webhookUrl"] = json!("https://app.example.com/webhook");
    let created = app.create(&create).await;
    fits::<GenerationBody>(&created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    app.ended(&id).await;
    fits::<GenerationBody>(&app.get(&format!("/v2/generate/{id}?include=progress")).await.text());
    fits::<Vec<GenerationBody>>(&app.get("/v2/generations").await.text());
    fits::<Vec<ModelInfo>>(&app.get("/v2/models").await.text());
    fits::<Vec<ErrorEntry>>(&app.get("/v2/errors").await.text());
    fits::<ErrorBody>(&app.get("/v2/generations?limit=0").await.text());
    fits::<SecretBody>(&app.get("/postsync/v1/secret").await.text());
    let page = app.get("/postsync/v1/deliveries").await;
    fits::<DeliveryPage>(&page.text());
    let delivery = page.json()["items"][0]["id"].as_str().unwrap().to_owned();
    fits::<DeliveryDetail>(&app.get(&format!("/postsync/v1/deliveries/{delivery}")).await.text());
    fits::<EventPage>(&app.get("/postsync/v1/events").await.text());
    fits::<EventBatch>(&app.get("/postsync/v1/events/poll?consumer=a").await.text());
}
