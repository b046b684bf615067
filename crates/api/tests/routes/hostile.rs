//! Whatever bytes come in, what goes out is an answer: `App::send` checks every one of them.
use axum::body::Body;
use http::{HeaderValue, Method, Request};
use proptest::prelude::*;

use crate::harness::{ADMIN, App, request};

#[tokio::test]
async fn a_hundred_thousand_parameters() {
    let app = App::start().await;
    let query = "a=1&".repeat(10_000);
    assert_eq!(app.get(&format!("/v2/generations?{query}")).await.status, 200);
    let ids = "ids=x&".repeat(10_000);
    assert!(app.get(&format!("/v2/generations?{ids}")).await.status < 500);
}

#[tokio::test]
async fn a_body_that_nobody_asked_for() {
    let app = App::start().await;
    let get = request(Method::GET, "/v2/models", Some(ADMIN), Body::from(vec![0; 1_000_000]));
    assert_eq!(app.send(get).await.status, 200);
    let lost = request(Method::POST, "/nowhere", None, Body::from(vec![0; 1_000_000]));
    assert_eq!(app.send(lost).await.status, 404);
}

#[tokio::test]
async fn a_body_that_breaks_off() {
    let app = App::start().await;
    let parts = vec![Ok("{\"model\""), Err(std::io::Error::other("gone"))];
    let answer = app.create_text(Body::from_stream(futures::stream::iter(parts))).await;
    assert_eq!(answer.refusal(), "400 generation_input_validation_failed -");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_falls_silent_is_given_up() {
    let app = App::start().await;
    let silent = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = app.create_text(Body::from_stream(silent)).await;
    assert_eq!(answer.refusal(), "408 request_timeout -");
}

/// Sends them all to one server; gives their statuses.
fn ask(requests: Vec<Request<Body>>) -> Vec<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let app = App::start().await;
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(app.send(request).await.status);
        }
        statuses
    })
}

/// JSON that is nearly right.
fn nearly() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("true".to_owned()),
        Just(r#""""#.to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""lipsync-2""#.to_owned()),
        Just(r#""https://[::1]/""#.to_owned()),
        Just(
            r#"[{"type":"video","url":"https://a.example/v"},{"type":"audio","url":"https://a.example/a"}]"#.to_owned()
        ),
        Just(r#"[{"type":"audio","assetId":"00000000-0000-0000-0000-000000000000"},{}]"#.to_owned()),
        Just(r#"{"active_speaker_detection":{"bounding_boxes":[null,[1,2,3,4],5]}}"#.to_owned()),
    ];
    let keys = prop_oneof![
        Just("model"),
        Just("input"),
        Just("options"),
        Just("segments"),
        Just("webhookUrl"),
        Just("outputFileName"),
        Just("postsync"),
        Just("1"),
    ];
    proptest::collection::vec((keys, leaf), 0..7).prop_map(|members| {
        let members: Vec<String> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_it_fail(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        content_type in prop_oneof![
            Just("application/json"), Just("multipart/form-data; boundary=B"), Just("multipart/form-data"), Just("x"),
        ],
        framed in any::<bool>(),
    ) {
        let head: &[u8] = if framed { b"--B\r\nContent-Disposition: form-data; name=\"video\"\r\n\r\n" } else { b"" };
        let mut post = request(Method::POST, "/v2/generate", Some(ADMIN), Body::from([head, &bytes].concat()));
        post.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
        prop_assert!((400..500).contains(&ask(vec![post])[0]));
    }

    #[test]
    fn nearly_right_json_is_taken_or_refused(text in nearly()) {
        let mut post = request(Method::POST, "/v2/generate", Some(ADMIN), Body::from(text));
        post.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        let status = ask(vec![post])[0];
        prop_assert!(status == 201 || status == 400);
    }

    #[test]
    fn no_path_and_query_make_it_fail(path in "[a-z0-9/%._-]{0,30}", query in "[a-z]{1,6}=[\\[\\]a-zA-Z0-9%,&=\"]{0,40}") {
        let mut gets = Vec::new();
        for base in ["/v2/generate/", "/v2/generations", "/v2/generations/x/", "/postsync/v1/deliveries", "/"] {
            for name in ["", "ids=", "status=", "wait=", "cursor=x&limit=", "token="] {
                let uri = format!("{base}{path}?{name}{query}");
                gets.extend(Request::get(uri).header("x-api-key", ADMIN).body(Body::empty()).ok());
            }
        }
        prop_assert!(ask(gets).iter().all(|status| *status < 500));
    }
}
