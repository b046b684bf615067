use axum::body::Body;
use http::Method;

use crate::harness::{App, request};

#[tokio::test]
async fn every_code_without_a_key() {
    let app = App::start().await;
    let answer = app.send(request(Method::GET, "/v2/errors", None, Body::empty())).await;
    let codes = answer.json();
    let codes = codes.as_array().unwrap();
    assert!(codes.len() > 80, "{}", codes.len());
    insta::assert_snapshot!(codes[0].to_string(), @r#"{"code":"generation_unsupported_model","message":"The model cannot be used for this operation.","suggestion":"Use one of the ids that GET /v2/models lists."}"#);
    let named = |code: &str| codes.iter().any(|entry| entry["code"] == code);
    for code in ["generation_timeout", "batch_plan_required", "rate_limit_exceeded", "voice_sample_too_short"] {
        assert!(named(code), "{code}");
    }
}
