//! `GET /v2/generations`.
use std::time::Duration;

use postsync_core::limits::LIST_BYTES_MAX;
use serde_json::{Value, json};

use crate::harness::{App, body};

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Five, a second apart; newest first.
async fn five(app: &App) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..5 {
        let id = app.created("sync-3").await;
        app.ended(&id).await;
        made.insert(0, id);
        app.clock.advance(Duration::from_secs(1));
    }
    made
}

#[tokio::test]
async fn ids_come_in_three_encodings() {
    let app = App::start().await;
    let made = five(&app).await;
    let (a, b) = (&made[1], &made[3]);
    for query in [
        format!("ids=%5B%22{a}%22%2C%22{b}%22%5D"),
        format!("ids={a}&ids={b}"),
        format!("ids={a},{b}"),
        format!("ids={b},{a},nope,018f2f6e-6d3a-7b6a-8c6e-0123456789ab"),
    ] {
        assert_eq!(ids(&app.get(&format!("/v2/generations?{query}")).await.json()), [a.clone(), b.clone()], "{query}");
    }
    for query in ["ids=nope", "ids=%5B%5D", "ids=018f2f6e-6d3a-7b6a-8c6e-0123456789ab"] {
        assert_eq!(app.get(&format!("/v2/generations?{query}")).await.text(), "[]", "{query}");
    }
}

#[tokio::test]
async fn statuses_come_in_three_encodings() {
    let app = App::start().await;
    let done = five(&app).await;
    let at_work = app.created("lipsync-2").await;
    app.made.started().await;
    for (query, want) in [
        ("status=COMPLETED", 5),
        ("status=PROCESSING", 1),
        ("status=%5B%22COMPLETED%22%2C%22PROCESSING%22%5D", 6),
        ("status=COMPLETED&status=PROCESSING", 6),
        ("status=COMPLETED,FAILED", 5),
        ("status=REJECTED", 0),
        ("status=", 6),
        ("", 6),
    ] {
        let found = ids(&app.get(&format!("/v2/generations?{query}")).await.json());
        assert_eq!(found.len(), want, "{query}");
    }
    let both = ids(&app.get(&format!("/v2/generations?status=PROCESSING&ids={at_work},{}", done[0])).await.json());
    assert_eq!(both, [at_work]);
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let app = App::start().await;
    let made = five(&app).await;
    assert_eq!(ids(&app.get("/v2/generations").await.json()), made);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ids(&app.get(&format!("/v2/generations?limit=2{cursor}")).await.json());
        let Some(last) = page.last() else { break };
        cursor = format!("&cursor={last}");
        seen.extend(page);
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn parameters_are_judged() {
    let app = App::start().await;
    let many = vec!["018f2f6e-6d3a-7b6a-8c6e-0123456789ab"; 1_001].join(",");
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=018f2f6e-6d3a-7b6a-8c6e-0123456789ab", "cursor"),
        ("limit=1&cursor=nope", "cursor"),
        ("status=DONE", "status"),
        ("status=%5B1%5D", "status"),
        ("ids=%5B", "ids"),
        (&format!("ids={many}"), "ids"),
    ] {
        let refusal = app.get(&format!("/v2/generations?{query}")).await.refusal();
        assert_eq!(refusal, format!("400 invalid_request {field}"), "{}", &query[..query.len().min(40)]);
    }
    assert_eq!(app.get("/v2/generations?limit=100&projectId=p&source=api").await.status, 200);
}

#[tokio::test]
async fn a_page_of_large_ones_ends_early_and_the_next_begins_there() {
    let app = App::start().await;
    let mut made = Vec::new();
    for _ in 0..10 {
        let mut large = body("sync-3");
        large["options"] = json!({"note": "x".repeat(1_000_000)});
        made.insert(0, app.create(&large).await.json()["id"].as_str().unwrap().to_owned());
        app.clock.advance(Duration::from_secs(1));
    }
    let first = app.get("/v2/generations?limit=100").await;
    assert!(first.body.len() < LIST_BYTES_MAX + 2_000_000, "{}", first.body.len());
    let (mut seen, mut page) = (Vec::new(), ids(&first.json()));
    while let Some(last) = page.last().cloned() {
        seen.append(&mut page);
        page = ids(&app.get(&format!("/v2/generations?limit=100&cursor={last}")).await.json());
    }
    assert_eq!(seen, made);
    assert!(app.get("/v2/generations").await.body.len() < LIST_BYTES_MAX + 2_000_000);
}

#[tokio::test]
async fn options_that_every_list_would_echo_are_bounded() {
    let app = App::start().await;
    let mut large = body("sync-3");
    large["options"] = json!({"note": "x".repeat(1024 * 1024)});
    assert_eq!(app.create(&large).await.refusal(), "400 generation_input_validation_failed options");
}
