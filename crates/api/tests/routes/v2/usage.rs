//! `GET /v2/usage/generations`, `GET /v2/account`.
use postsync_api::ApiSettings;
use postsync_core::change::Change;
use postsync_core::error_code::GENERATION_TIMEOUT;
use postsync_core::generation::{Ending, Failure, NewGeneration, Output, Request, accept};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_core::plan::Allowance;
use postsync_core::price::Prices;
use postsync_engine::ports::{Applied, Store as _};
use serde_json::{Value, json};

use crate::harness::{App, START};

const USAGE: &str = "/v2/usage/generations";

/// One that was accepted at the start and has ended so long after it.
async fn ended(app: &App, n: u8, whose: &str, model: &str, after_ms: i64, ending: Ending) -> String {
    let request = Request { model: model.to_owned(), input: "[]".to_owned(), ..Request::default() };
    let new = NewGeneration { org: OrgId::new(whose), request };
    let id = GenerationId::new(START, [n; 10]);
    let added = Change::AddGeneration(Box::new(accept(new, id, START)));
    let end = Change::EndGeneration { id, tries: 0, at: START.plus_ms(after_ms), ending };
    assert_eq!(app.store.apply(vec![added, end]).await, Ok(Applied::Done));
    id.to_string()
}

fn video(duration_ms: Option<u64>) -> Ending {
    Ending::Completed(Output { url: "https://lips.example.com/v".to_owned(), duration_ms, media: None })
}

#[tokio::test]
async fn what_has_ended_is_listed_with_its_cost() {
    let prices = Prices::parse("lipsync-2=0.05").unwrap();
    let app = App::with(ApiSettings { prices, ..ApiSettings::default() }).await;
    let long = ended(&app, 1, "default", "lipsync-2", 3_000, video(Some(10_500))).await;
    let unknown = ended(&app, 2, "default", "lipsync-2", 2_000, video(None)).await;
    let free = ended(&app, 3, "default", "sync-3", 1_000, video(None)).await;
    let failed = ended(&app, 4, "default", "lipsync-2", 0, Ending::Failed(Failure::of(GENERATION_TIMEOUT))).await;
    ended(&app, 5, "other", "lipsync-2", 0, video(Some(1))).await;
    let item = |id: &str, model: &str, status: &str, after_ms: i64, duration: Value, cost: Value| {
        let at = START.plus_ms(after_ms).to_string();
        json!({"generationId": id, "model": model, "status": status, "completedAt": at, "outputDuration": duration, "cost": cost})
    };
    let all = [
        item(&long, "lipsync-2", "COMPLETED", 3_000, json!(10.5), json!(0.525)),
        item(&unknown, "lipsync-2", "COMPLETED", 2_000, Value::Null, Value::Null),
        item(&free, "sync-3", "COMPLETED", 1_000, Value::Null, json!(0.0)),
        item(&failed, "lipsync-2", "FAILED", 0, Value::Null, json!(0.0)),
    ];
    assert_eq!(app.get(USAGE).await.json(), json!({"items": all, "nextCursor": null}));
    let (from, to) = (START.plus_ms(1_000), START.plus_ms(3_000));
    let part = app.get(&format!("{USAGE}?startTime={from}&endTime={to}")).await.json();
    assert_eq!(part["items"], json!(all[1..3]));
    let first = app.get(&format!("{USAGE}?limit=3")).await.json();
    let rest = app.get(&format!("{USAGE}?limit=3&cursor={}", first["nextCursor"].as_str().unwrap())).await.json();
    assert_eq!(
        (&first["items"], &rest["items"], &rest["nextCursor"]),
        (&json!(all[..3]), &json!(all[3..]), &Value::Null)
    );
    for (query, field) in [
        ("?startTime=now", "startTime"),
        ("?startTime=2026-11-24T08:00:00Z&endTime=2026-11-24T07:00:00Z", "endTime"),
        ("?limit=501", "limit"),
        ("?limit=0", "limit"),
        ("?cursor=7", "cursor"),
        ("?cursor=x_0191b7c4-7d1e-7b55-9a0c-2f1d3c4b5a69", "cursor"),
    ] {
        assert_eq!(
            app.get(&format!("{USAGE}{query}")).await.refusal(),
            format!("400 invalid_request {field}"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_account_shows_its_limits() {
    let app = App::start().await;
    let limits = |requests: Option<u32>, at_once: Option<u32>| json!({"generatePerMinute": null, "requestsPerMinute": requests, "concurrency": at_once, "batchConcurrency": null, "batches": true});
    let account = |limits: Value| {
        let organization = json!({"id": "default", "name": "default"});
        json!({"organization": organization, "plan": null, "limits": limits, "balance": null, "credentialType": "api_key"})
    };
    assert_eq!(app.get("/v2/account").await.json(), account(limits(None, None)));
    let some = Allowance { requests_per_minute: 600, concurrency: 3, ..Allowance::default() };
    let app = App::limited(some, 0).await;
    assert_eq!(app.get("/v2/account").await.json(), account(limits(Some(600), Some(3))));
}
