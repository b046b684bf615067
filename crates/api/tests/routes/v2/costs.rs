//! `POST /v2/analyze/cost`, `POST /v2/generations/estimate`, `POST /v2/generate/estimate-cost`.
use postsync_api::ApiSettings;
use postsync_core::asset::{Asset, AssetKind, Facts, Probe};
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_core::price::Prices;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Applied, Store as _};
use serde_json::{Value, json};

use crate::harness::{ADMIN, App, CREATOR, READER, STRANGER, body};

const PATHS: [&str; 2] = ["/v2/generations/estimate", "/v2/generate/estimate-cost"];

async fn priced() -> App {
    let prices = Prices::parse("lipsync-2=0.05").unwrap();
    App::with(ApiSettings { prices, ..ApiSettings::default() }).await
}

/// An asset that is so long.
async fn asset(app: &App, n: u8, kind: AssetKind, duration_ms: Option<u64>) -> String {
    let (id, org, now) = (AssetId::new(Timestamp(1), [n; 10]), OrgId::new("default"), Timestamp(1));
    let asset = Asset::uploaded(id, org, kind, "a".to_owned(), MediaId(id.0), 9, now);
    let facts = Facts { duration_ms, ..Facts::default() };
    let added = app.store.apply(vec![Change::AddAsset(Box::new(Asset { facts, probe: Probe::Done, ..asset }))]).await;
    assert_eq!(added, Ok(Applied::Done));
    id.to_string()
}

#[tokio::test]
async fn a_create_of_assets_is_estimated_by_their_lengths() {
    let app = priced().await;
    let (video, speech) =
        (asset(&app, 1, AssetKind::Video, Some(4_000)).await, asset(&app, 2, AssetKind::Audio, Some(10_000)).await);
    let of = |mode: Value| {
        json!({"model": "lipsync-2", "options": {"sync_mode": mode}, "input": [
            {"type": "video", "assetId": video}, {"type": "audio", "assetId": speech},
        ]})
    };
    for (mode, frames, cost) in [("bounce", 300, 0.5), ("cut_off", 120, 0.2), ("silence", 300, 0.5)] {
        let answer = app.post("/v2/analyze/cost", READER, of(json!(mode)).to_string()).await;
        let want = json!([{"estimatedFrameCount": frames, "estimatedGenerationCost": cost}]);
        assert_eq!(answer.json(), want, "{mode}");
    }
    let theirs = app.post("/v2/analyze/cost", STRANGER, of(json!("bounce")).to_string()).await;
    assert_eq!(theirs.refusal(), "400 invalid_request input");
}

#[tokio::test]
async fn an_unknown_length_costs_nothing_where_nothing_costs_anything() {
    let app = priced().await;
    let free = app.post("/v2/analyze/cost", ADMIN, body("sync-3").to_string()).await;
    assert_eq!(free.json(), json!([{"estimatedFrameCount": 0, "estimatedGenerationCost": 0.0}]));
    let priced = app.post("/v2/analyze/cost", ADMIN, body("lipsync-2").to_string()).await;
    assert_eq!(priced.refusal(), "422 cost_estimate_unavailable -");
    let wrong = app.post("/v2/analyze/cost", ADMIN, r#"{"model":"lipsync-2"}"#).await;
    assert_eq!(wrong.refusal(), "400 generation_input_validation_failed input");
    assert_eq!(app.post("/v2/analyze/cost", CREATOR, "rubbish").await.refusal(), "403 insufficient_scope -");
    assert_eq!(app.get("/v2/generations").await.text(), "[]", "nothing was made");
}

#[tokio::test]
async fn a_length_is_estimated_under_both_paths() {
    let app = priced().await;
    for path in PATHS {
        for (fields, frames, cost) in [
            (json!({"model": "lipsync-2", "duration": 10}), 300, 0.5),
            (json!({"model": "lipsync-2", "duration": 0.5, "fps": 25, "reasoningEnabled": true}), 13, 0.025),
            (json!({"model": "sync-3", "duration": 60.0, "fps": null}), 1_800, 0.0),
        ] {
            let answer = app.post(path, READER, fields.to_string()).await.json();
            let want =
                json!({"estimatedFrameCount": frames, "estimatedGenerationCost": cost, "estimatedCredits": null});
            assert_eq!(answer, want, "{fields}");
        }
        for (fields, refusal) in [
            (json!({}), "400 invalid_request model"),
            (json!({"model": 5}), "400 invalid_request model"),
            (json!({"model": "lipsync-9", "duration": 1}), "400 generation_unsupported_model model"),
            (json!({"model": "lipsync-2"}), "400 invalid_request duration"),
            (json!({"model": "lipsync-2", "duration": 0}), "400 invalid_request duration"),
            (json!({"model": "lipsync-2", "duration": "1"}), "400 invalid_request duration"),
            (json!({"model": "lipsync-2", "duration": 1e9}), "400 invalid_request duration"),
            (json!({"model": "lipsync-2", "duration": 1, "fps": -1}), "400 invalid_request fps"),
            (
                json!({"model": "lipsync-2", "duration": 1, "reasoningEnabled": 1}),
                "400 invalid_request reasoningEnabled",
            ),
        ] {
            assert_eq!(app.post(path, READER, fields.to_string()).await.refusal(), refusal, "{fields}");
        }
        assert_eq!(app.post(path, CREATOR, "{}").await.refusal(), "403 insufficient_scope -");
    }
}
