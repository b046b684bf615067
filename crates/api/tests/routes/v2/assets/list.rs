//! `GET /v2/assets`, `GET /v2/assets/count`.
use serde_json::{Value, json};

use super::registered;
use crate::harness::App;

/// Four assets, a minute apart.
async fn some(app: &App) {
    for (name, kind) in [("b", "VIDEO"), ("A interview", "AUDIO"), ("c", "IMAGE"), ("Interview 2", "VIDEO")] {
        registered(app, &json!({"url": "https://media.example.com/in", "type": kind, "name": name})).await;
        app.clock.advance(std::time::Duration::from_secs(60));
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lists_are_sorted_searched_and_filtered() {
    let app = App::start().await;
    some(&app).await;
    let newest = ["Interview 2", "c", "A interview", "b"];
    for (query, want, total) in [
        ("", newest.as_slice(), Some(4)),
        ("?sortBy=dateAsc", &["b", "A interview", "c", "Interview 2"], Some(4)),
        ("?sortBy=nameAsc", &["A interview", "b", "c", "Interview 2"], Some(4)),
        ("?sortBy=kindDesc", &["Interview 2", "b", "c", "A interview"], Some(4)),
        ("?searchQuery=INTER", &["Interview 2", "A interview"], None),
        ("?types=VIDEO", &["Interview 2", "b"], Some(2)),
        ("?types=VIDEO,AUDIO", &["Interview 2", "A interview", "b"], Some(3)),
        ("?types=VIDEO&types=AUDIO", &["Interview 2", "A interview", "b"], Some(3)),
        ("?types=%5B%22VIDEO%22%2C%22AUDIO%22%5D&searchQuery=2", &["Interview 2"], None),
        ("?types=%5B%5D", &[], Some(0)),
        ("?projectId=018f2f6e-6d3a-7b6a-8c6e-0123456789ab", &[], Some(0)),
        ("?searchQuery=nothing", &[], None),
    ] {
        let list = app.get(&format!("/v2/assets{query}")).await.json();
        assert_eq!(names(&list), want, "{query}");
        assert_eq!(list["nextCursor"], Value::Null, "{query}");
        assert_eq!(list.get("totalCount").and_then(Value::as_u64), total, "{query}");
    }
    for (query, want) in [("", "4"), ("?types=VIDEO", "2"), ("?types=IMAGE,AUDIO", "2"), ("?types=%5B%5D", "0")] {
        assert_eq!(app.get(&format!("/v2/assets/count{query}")).await.text(), want, "{query}");
    }
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped() {
    let app = App::start().await;
    some(&app).await;
    for sort in ["dateDesc", "nameAsc", "kindAsc", "sizeDesc", "durationAsc"] {
        let whole = app.get(&format!("/v2/assets?sortBy={sort}")).await.json();
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.get(&format!("/v2/assets?sortBy={sort}&limit=1{cursor}")).await.json();
            found.extend(names(&page).into_iter().map(str::to_owned));
            assert_eq!(page["totalCount"], 4);
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, names(&whole), "{sort}");
    }
}

#[tokio::test]
async fn without_a_limit_there_are_ten() {
    let app = App::start().await;
    for _ in 0..11 {
        registered(&app, &json!({"url": "https://media.example.com/in.mp4"})).await;
    }
    let list = app.get("/v2/assets").await.json();
    assert_eq!((names(&list).len(), &list["totalCount"]), (10, &json!(11)));
    let rest = app.get(&format!("/v2/assets?cursor={}", list["nextCursor"].as_str().unwrap())).await.json();
    assert_eq!((names(&rest).len(), &rest["nextCursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let app = App::start().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("sortBy=newest", "sortBy"),
        ("types=video", "types"),
        ("types=%5B1%5D", "types"),
        ("cursor=x", "cursor"),
        ("cursor=018f2f6e-6d3a-7b6a-8c6e-0123456789abd&sortBy=nameAsc", "cursor"),
        ("searchQuery=a&searchQuery=b", "searchQuery"),
    ] {
        let answer = app.get(&format!("/v2/assets?{query}")).await;
        assert_eq!(answer.refusal(), format!("400 invalid_request {field}"), "{query}");
    }
    let long = format!("/v2/assets?searchQuery={}", "x".repeat(256));
    assert_eq!(app.get(&long).await.refusal(), "400 invalid_request searchQuery");
    assert_eq!(app.get("/v2/assets/count?types=x").await.refusal(), "400 invalid_request types");
}
