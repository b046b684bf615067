//! `/v2/batch` and the results behind it.
use axum::body::Body;
use http::{Method, Request};
use postsync_api::ApiSettings;
use postsync_core::asset::{Asset, AssetKind, Facts};
use postsync_core::batch::RowLimits;
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_engine::ports::{Applied, BatchQuery, BatchStore as _, GenerationOrder, GenerationQuery, Store as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ADMIN, Answer, App, CREATOR, Form, READER, STRANGER, body, request};

/// A server that takes batches of two to four.
async fn app() -> App {
    App::with(ApiSettings { batch_rows: RowLimits { min: 2, max: 4 }, ..ApiSettings::default() }).await
}

fn record(id: &str, model: &str) -> Value {
    json!({"request_id": id, "endpoint": "/v2/generate", "payload": body(model)})
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn good(model: &str) -> Vec<Value> {
    vec![record("a", model), record("b", model)]
}

async fn post_file(app: &App, file: &str) -> Answer {
    app.send(form(Form::default().file("input", "batch.jsonl", file.as_bytes()))).await
}

fn form(form: Form) -> Request<Body> {
    let mut request = form.post();
    *request.uri_mut() = "/v2/batch".parse().unwrap();
    request
}

async fn post(app: &App, body: &Value) -> Answer {
    app.post("/v2/batch", ADMIN, body.to_string()).await
}

async fn ended(app: &App, id: &str) -> Value {
    app.until(|| async {
        let batch = app.get(&format!("/v2/batch/{id}")).await.json();
        matches!(batch["status"].as_str(), Some("COMPLETED" | "FAILED")).then_some(batch)
    })
    .await
}

async fn batches(app: &App, org: &str) -> usize {
    let query = BatchQuery { org: OrgId::new(org), status: None, after: None, before: None, limit: 99 };
    app.store.batches(query).await.unwrap().len()
}

async fn generations(app: &App) -> usize {
    let query = GenerationQuery {
        org: OrgId::new("default"),
        statuses: vec![],
        ids: vec![],
        order: GenerationOrder::NewestFirst,
        after: None,
        limit: 999,
    };
    app.store.generations(query).await.unwrap().len()
}

#[tokio::test]
async fn an_asset_that_lasts_too_long_is_refused_with_its_line() {
    let app = app().await;
    let lasts = async |n: u128, ms: u64| {
        let (id, media) = (AssetId(Uuid::from_u128(n)), MediaId(Uuid::from_u128(n)));
        let (org, name) = (OrgId::new("default"), "in.mp4".to_owned());
        let asset = Asset::uploaded(id, org, AssetKind::Video, name, media, 5, app.engine.now());
        let facts = Facts { duration_ms: Some(ms), ..Facts::default() };
        let added = app.store.apply(vec![Change::AddAsset(Box::new(Asset { facts, ..asset }))]).await.unwrap();
        assert_eq!(added, Applied::Done);
        let mut record = record(&n.to_string(), "lipsync-2");
        record["payload"]["input"][0] = json!({"type": "video", "assetId": id.to_string()});
        record
    };
    let (fits, long) = (lasts(1, 30_000).await, lasts(2, 30_001).await);
    let refused = post_file(&app, &lines(&[fits.clone(), long])).await;
    assert_eq!(refused.refusal(), "400 generation_input_validation_failed payload.input[0].assetId");
    let said = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(said.starts_with("line 2: payload: input[0].assetId lasts 31 seconds"), "{said}");
    assert_eq!(post_file(&app, &lines(&[fits, record("b", "lipsync-2")])).await.status, 201);
}

#[tokio::test]
async fn a_batch_is_answered_as_sync_answers() {
    let app = app().await;
    let form_of = Form::default().text("webhook_url", "https://app.example.com/batch").text("dry_run", "false").file(
        "file",
        "batch.jsonl",
        lines(&good("lipsync-2")).as_bytes(),
    );
    let answer = app.send(form(form_of)).await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/json")));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(answer.text().replace(&id, "ID"), @r#"{"id":"ID","created_at":"2026-11-23T08:21:17.123Z","status":"PENDING","metrics":{"total_generations":2,"success_count":0,"failed_count":0,"pending_count":2},"webhookUrl":"https://app.example.com/batch","outputUrl":""}"#);
    app.made.started().await;
    app.made.finish_one();
    let half = app
        .until(|| async {
            let batch = app.get(&format!("/v2/batch/{id}")).await.json();
            (batch["metrics"]["success_count"] == 1).then_some(batch)
        })
        .await;
    assert_eq!((&half["status"], &half["metrics"]["pending_count"]), (&json!("PROCESSING"), &json!(1)));
    let early = app.get(&format!("/v2/batches/{id}/result")).await;
    assert_eq!(early.refusal(), "409 batch_not_ended -");
    app.made.finish_one();
    let whole = ended(&app, &id).await;
    assert_eq!((&whole["status"], &whole["metrics"]["success_count"]), (&json!("COMPLETED"), &json!(2)));
    let url = whole["outputUrl"].as_str().unwrap();
    assert!(url.starts_with(&format!("https://lips.example.com/v2/batches/{id}/result?token=")), "{url}");
}

#[tokio::test]
async fn its_event_is_told_once_with_the_bytes_of_the_answer() {
    let app = app().await;
    let fails = |id: &str| {
        let mut record = record(id, "lipsync-2");
        record["payload"]["options"] = json!({"fail": true});
        record
    };
    for (rows, kind, status) in [
        (vec![record("a", "lipsync-2"), fails("b")], "batch.completed", "COMPLETED"),
        (vec![fails("a"), fails("b")], "batch.failed", "FAILED"),
    ] {
        let created = post(&app, &json!({"rows": rows, "webhook_url": "https://app.example.com/batch"})).await;
        assert_eq!(created.status, 201, "{}", created.text());
        let id = created.json()["id"].as_str().unwrap().to_owned();
        app.made.finish_one();
        app.made.finish_one();
        assert_eq!(ended(&app, &id).await["status"], status);
        let answer = app.get(&format!("/v2/batch/{id}")).await.text();
        let events = app.get("/postsync/v1/events?limit=100").await.json();
        let own = |event: &&Value| event["body"].as_str().unwrap().contains(&id);
        let told: Vec<&Value> = events["items"].as_array().unwrap().iter().filter(own).collect();
        assert_eq!(told.len(), 1, "{events}");
        assert_eq!((&told[0]["type"], told[0]["body"].as_str().unwrap()), (&json!(kind), answer.as_str()));
        let deliveries = app.get("/postsync/v1/deliveries").await.json();
        let to_batch = deliveries["items"].as_array().unwrap().iter().filter(|d| d["eventId"] == told[0]["id"]).count();
        assert_eq!(to_batch, 1);
    }
}

#[tokio::test]
async fn results_need_a_token_or_a_key_and_lead_to_a_signed_file() {
    let app = app().await;
    let created = post(&app, &json!({"rows": good("sync-3")})).await.json();
    let id = created["id"].as_str().unwrap().to_owned();
    let url = ended(&app, &id).await["outputUrl"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://lips.example.com").unwrap();
    let anyone = |path: &str| request(Method::GET, path, None, Body::empty());
    let by_token = app.send(anyone(path)).await;
    assert_eq!(by_token.status, 302);
    let bare = format!("/v2/batches/{id}/result");
    let by_key = app.send(request(Method::GET, &bare, Some(READER), Body::empty())).await;
    assert_eq!(by_key.header("location"), by_token.header("location"));
    for (key, status) in [(None, 401), (Some("wrong"), 401), (Some(CREATOR), 403), (Some(STRANGER), 404)] {
        assert_eq!(app.send(request(Method::GET, &bare, key, Body::empty())).await.status, status, "{key:?}");
    }
    for wrong in [format!("{path}x"), format!("{bare}?token="), format!("{bare}?token=x&token=x")] {
        assert_eq!(app.send(anyone(&wrong)).await.status, 404, "{wrong}");
    }
    let file = by_token.header("location").unwrap().strip_prefix("https://lips.example.com").unwrap().to_owned();
    let answer = app.send(anyone(&file)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jsonl")));
    let rows: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| &row["request_id"]).collect::<Vec<_>>(), [&json!("a"), &json!("b")]);
    for row in &rows {
        let generation = app.get(&format!("/v2/generate/{}", row["generation_id"].as_str().unwrap())).await.json();
        assert_eq!((&row["status"], &row["outputUrl"]), (&generation["status"], &generation["outputUrl"]));
        assert_eq!(row["error"], Value::Null);
    }
    let later = file.replacen("expires=1", "expires=2", 1);
    assert_eq!(app.send(anyone(&later)).await.status, 404, "the time is signed");
    app.clock.advance(std::time::Duration::from_secs(3_601));
    assert_eq!(app.send(anyone(&file)).await.refusal(), "410 batch_link_expired -");
    assert_eq!(app.send(anyone(path)).await.status, 302, "outputUrl leads to a new one");
}

#[tokio::test]
async fn a_dry_run_judges_and_makes_nothing() {
    let app = app().await;
    let by_form =
        Form::default().text("dry_run", "true").file("input", "b.jsonl", lines(&good("lipsync-2")).as_bytes());
    for answer in [app.send(form(by_form)).await, post(&app, &json!({"rows": good("lipsync-2"), "dryRun": true})).await]
    {
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"status":"VALIDATED"}"#));
    }
    let refused = post(&app, &json!({"rows": [record("a", "lipsync-2")], "dry_run": true})).await;
    assert_eq!(refused.refusal(), "400 batch_insufficient_records input");
    assert_eq!((batches(&app, "default").await, generations(&app).await), (0, 0));
}

#[tokio::test]
async fn refusals_name_the_line_and_nothing_is_made() {
    let app = app().await;
    let mut refusals = Vec::new();
    let (a, b) = (record("a", "lipsync-2"), record("b", "lipsync-2"));
    let with = |key: &str, value: Value| {
        let mut record = record("x", "lipsync-2");
        record[key] = value;
        record
    };
    let asset = json!([
        {"type": "video", "assetId": "018f2f6e-6d3a-7b6a-8c6e-0123456789ab"},
        {"type": "audio", "url": "https://media.example.com/in.wav"}
    ]);
    for file in [
        String::new(),
        lines(std::slice::from_ref(&a)),
        format!("{a}\n\n{{\"request_id\"\n{b}\n"),
        format!("{a}\n\n{}\n", with("endpoint", json!("/v2/batch"))),
        lines(&[a.clone(), a.clone()]),
        lines(&[a.clone(), with("payload", json!({"model": "lipsync-9"}))]),
        lines(&[a.clone(), with("payload", json!({"model": "lipsync-2", "input": asset})), b.clone()]),
        lines(&["1", "2", "3", "4", "5"].map(|id| record(id, "lipsync-2"))),
        format!("{a}\n{}", "x".repeat(5 * 1024 * 1024)),
        format!("{a}\n\"\u{0}\"\n"),
    ] {
        let answer = post_file(&app, &file).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        refusals.push(format!("{}: {}", answer.refusal(), message.chars().take(70).collect::<String>()));
    }
    insta::assert_snapshot!(refusals.join("\n"), @r"
    400 batch_insufficient_records input: line 1: the batch ends here with 0 records, and needs at least 2
    400 batch_insufficient_records input: line 1: the batch ends here with 1 records, and needs at least 2
    400 batch_invalid_jsonl input: line 3: it is not JSON: EOF while parsing an object at column 13
    400 batch_invalid_endpoint endpoint: line 3: endpoint must be /v2/generate
    400 batch_duplicate_request_id request_id: line 2: request_id a stands on line 1 already
    400 generation_input_validation_failed payload.model: line 2: payload: model is not known here; it is one of mesh-1, lipsync
    400 generation_input_validation_failed payload.input[0].assetId: line 2: payload: input[0].assetId does not exist
    400 batch_too_many_requests input: line 5: there are more records than the 4 that a batch may have
    400 batch_file_too_large input: line 2: with this line the batch is larger than the 5242880 bytes that
    400 batch_invalid_jsonl input: line 2: it is not JSON: control character (\u0000-\u001F) found while
    ");
    assert_eq!((batches(&app, "default").await, generations(&app).await), (0, 0));
}

#[tokio::test]
async fn bodies_that_are_no_batch() {
    let app = app().await;
    let rows = good("lipsync-2");
    for (body, field) in [
        (json!([]), "-"),
        (json!({}), "rows"),
        (json!({"rows": {}}), "rows"),
        (json!({"rows": rows, "webhook_url": 5}), "webhook_url"),
        (json!({"rows": rows, "webhook_url": "http://app.example.com/"}), "webhook_url"),
        (json!({"rows": rows, "dry_run": "yes"}), "dry_run"),
    ] {
        let want = format!("400 generation_input_validation_failed {field}");
        assert_eq!(post(&app, &body).await.refusal(), want, "{body}");
    }
    let file = lines(&rows);
    for (form_of, field) in [
        (Form::default().text("webhook_url", "https://a.example/"), "input"),
        (Form::default().file("input", "a", file.as_bytes()).file("file", "b", file.as_bytes()), "input"),
        (Form::default().file("input", "a", file.as_bytes()).text("dry_run", "1"), "dry_run"),
        (Form::default().file("input", "a", file.as_bytes()).text("webhook_url", "ftp://a.example"), "webhook_url"),
    ] {
        let want = format!("400 generation_input_validation_failed {field}");
        assert_eq!(app.send(form(form_of)).await.refusal(), want);
    }
    let mut request = request(Method::POST, "/v2/batch", Some(ADMIN), Body::from(file));
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(app.send(request).await.status, 415);
    assert_eq!(batches(&app, "default").await, 0);
}

#[tokio::test]
async fn the_list_is_filtered_and_newest_first() {
    let app = app().await;
    let mut ids = Vec::new();
    for model in ["sync-3", "lipsync-2", "sync-3"] {
        let created = post(&app, &json!({"rows": good(model)})).await.json();
        ids.push(created["id"].as_str().unwrap().to_owned());
        if model == "sync-3" {
            ended(&app, &ids[ids.len() - 1]).await;
        }
        app.clock.advance(std::time::Duration::from_secs(60));
    }
    let listed = async |query: &str| {
        let list = app.get(&format!("/v2/batch{query}")).await.json();
        let place = |batch: &Value| ids.iter().position(|id| batch["id"] == id.as_str()).unwrap();
        list.as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    app.made.started().await;
    assert_eq!(listed("").await, [2, 1, 0]);
    assert_eq!(listed("?status=COMPLETED").await, [2, 0]);
    assert_eq!(listed("?status=PROCESSING").await, [1]);
    assert_eq!(listed("?created_after=2026-11-23T08:21:17.123Z").await, [2, 1]);
    assert_eq!(listed("?created_before=2026-11-23T09:22:18%2B01:00").await, [1, 0]);
    assert_eq!(listed("?status=COMPLETED&created_before=2026-11-23T08:22:00+00:00").await, [0]);
    for wrong in ["?status=DONE", "?created_after=yesterday", "?created_before=2026", "?status=FAILED&status=PENDING"] {
        assert_eq!(app.get(&format!("/v2/batch{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_batch_is_its_organizations_own_and_scopes_are_asked_first() {
    let app = app().await;
    let created = post(&app, &json!({"rows": good("lipsync-2")})).await.json();
    let path = format!("/v2/batch/{}", created["id"].as_str().unwrap());
    let get = |path: &str, key| request(Method::GET, path, Some(key), Body::empty());
    assert_eq!(app.send(get(&path, STRANGER)).await.refusal(), "404 batch_not_found -");
    assert_eq!(app.send(get("/v2/batch", STRANGER)).await.text(), "[]");
    assert_eq!(app.send(get(&path, READER)).await.status, 200);
    for path in [&path, "/v2/batch", "/v2/batch/none"] {
        assert_eq!(app.send(get(path, CREATOR)).await.status, 403, "{path}");
    }
    assert_eq!(app.get("/v2/batch/none").await.refusal(), "404 batch_not_found -");
    assert_eq!(app.post("/v2/batch", READER, "rubbish").await.status, 403);
    assert_eq!(app.post("/v2/batch", CREATOR, json!({"rows": good("sync-3")}).to_string()).await.status, 201);
    assert_eq!((batches(&app, "default").await, batches(&app, "other").await), (2, 0));
}

#[tokio::test]
async fn nothing_is_taken_while_the_server_stops() {
    let app = app().await;
    app.engine.refuse_new();
    let answer = post(&app, &json!({"rows": good("sync-3")})).await;
    assert_eq!(answer.status, 503);
    assert_eq!(batches(&app, "default").await, 0);
}
