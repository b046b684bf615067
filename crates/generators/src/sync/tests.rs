//! The words on the wire, both ways.
use std::sync::Mutex;

use postsync_core::generation::Request;
use postsync_core::ids::GenerationId;
use postsync_core::outcome::RetryAfter;
use serde_json::{Value, json};

use super::*;

/// Answers in turn, and keeps what it was asked.
struct Canned {
    answers: Mutex<Vec<Result<ExchangeAnswer, ExchangeError>>>,
    asked: Mutex<Vec<ExchangeRequest>>,
}

#[async_trait]
impl Exchange for Canned {
    async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError> {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().remove(0)
    }
}

fn upstream(answers: Vec<Result<ExchangeAnswer, ExchangeError>>) -> (SyncUpstream, Arc<Canned>) {
    let canned = Arc::new(Canned { answers: Mutex::new(answers), asked: Mutex::default() });
    let settings = SyncSettings { base_url: "https://up.example/prefix/".into(), api_key: "key-1".into() };
    (SyncUpstream::new(settings, canned.clone()), canned)
}

fn says(status: u16, body: Value) -> Result<ExchangeAnswer, ExchangeError> {
    Ok(ExchangeAnswer { status, retry_after: None, body: body.to_string().into() })
}

fn id() -> GenerationId {
    "018f2f6e-6d3a-7b6a-8c6e-0123456789ab".parse().unwrap()
}

fn submission(input: &Value, files: Vec<Option<&str>>) -> Submission {
    let request = Request {
        model: "lipsync-2".into(),
        input: input.to_string(),
        options: Some(r#"{"temperature":1}"#.into()),
        output_file_name: Some("take_1".into()),
        webhook_url: Some("https://client.example/never-sent-on".into()),
        ..Request::default()
    };
    let files = files.into_iter().map(|file| file.map(Into::into)).collect();
    Submission { id: id(), request, files, webhook_url: Some("https://we.example/told".into()) }
}

fn header<'a>(request: &'a ExchangeRequest, name: &str) -> &'a str {
    let mut of_it = request.headers.iter().filter(|(n, _)| *n == name);
    let (_, value) = of_it.next().expect(name);
    assert!(of_it.next().is_none(), "{name} twice");
    value
}

fn written(request: &ExchangeRequest) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Piece::File(path) => format!("<{}>", path.display()),
    };
    request.body.iter().map(piece).collect()
}

#[tokio::test]
async fn urls_go_as_they_were_given_under_our_id_as_the_key() {
    let input = json!([{"type":"video","url":"https://m.example/v.mp4"},{"type":"text","provider":{"name":"elevenlabs","voiceId":"v","script":"\u{e9}"}}]);
    let (upstream, canned) = upstream(vec![says(201, json!({"id": "up-1", "status": "PENDING"}))]);
    let got = upstream.submit(&submission(&input, vec![None, None])).await;
    assert_eq!(got, Ok(UpstreamId::new("up-1").unwrap()));
    let asked = canned.asked.lock().unwrap();
    assert_eq!((asked[0].method, asked[0].url.as_str()), (Method::Post, "https://up.example/prefix/v2/generate"));
    assert_eq!(header(&asked[0], "idempotency-key"), id().to_string());
    assert_eq!((header(&asked[0], "x-api-key"), header(&asked[0], "content-type")), ("key-1", "application/json"));
    let body: Value = serde_json::from_str(&written(&asked[0])).unwrap();
    let wanted = json!({
        "model": "lipsync-2", "input": input, "options": {"temperature": 1}, "outputFileName": "take_1",
        "webhookUrl": "https://we.example/told",
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn files_go_as_a_form_with_the_rest_beside_them() {
    let input = json!([
        {"type":"video","assetId":"018f2f6e-6d3a-7b6a-8c6e-0123456789ab"},
        {"type":"audio","assetId":"018f2f6e-6d3a-7b6a-8c6e-0123456789ac","refId":"a"},
        {"type":"audio","url":"https://m.example/b.wav","refId":"b"},
    ]);
    let (upstream, canned) = upstream(vec![says(201, json!({"id": "up-1"}))]);
    let submission = submission(&input, vec![Some("/job/input-0"), Some("/job/input-1"), None]);
    upstream.submit(&submission).await.unwrap();
    let asked = canned.asked.lock().unwrap();
    let boundary = header(&asked[0], "content-type").strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = written(&asked[0]);
    let parts: Vec<(&str, &str)> = text
        .split(&format!("--{boundary}"))
        .filter_map(|part| part.strip_prefix("\r\nContent-Disposition: form-data; name=\""))
        .map(|part| (part.split('"').next().unwrap(), part.split_once("\r\n\r\n").unwrap().1.trim_end()))
        .collect();
    assert_eq!(
        parts,
        [
            ("model", "lipsync-2"),
            ("video", "</job/input-0>"),
            ("input", r#"{"type":"audio","refId":"a"}"#),
            ("audio", "</job/input-1>"),
            ("input", r#"{"type":"audio","url":"https://m.example/b.wav","refId":"b"}"#),
            ("options", r#"{"temperature":1}"#),
            ("webhookUrl", "https://we.example/told"),
            ("outputFileName", "take_1"),
        ]
    );
    assert!(text.ends_with(&format!("--{boundary}--\r\n")) && !text.contains("assetId"));
}

#[tokio::test]
async fn two_uploads_of_one_kind_fail_with_a_sentence() {
    let asset = json!({"type":"audio","assetId":"018f2f6e-6d3a-7b6a-8c6e-0123456789ac"});
    let (upstream, canned) = upstream(vec![]);
    let refused = upstream.submit(&submission(&json!([asset, asset]), vec![Some("/a"), Some("/b")])).await;
    let Err(Trouble::Refused(failure)) = refused else { panic!("{refused:?}") };
    assert!(failure.error.contains("one uploaded audio"), "{}", failure.error);
    assert!(canned.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn answers_to_a_create() {
    let taken = |text: &str| Ok(UpstreamId::new(text).unwrap());
    let one_url = submission(&json!([{"type":"video","url":"https://m.example/v.mp4"}]), vec![None]);
    for (answer, want) in [
        (says(201, json!({"id": "a"})), taken("a")),
        (says(200, json!({"id": "b"})), taken("b")),
        (says(503, json!({"errorCode": "IDEMPOTENCY_OUTCOME_UNKNOWN", "generationId": "c"})), taken("c")),
    ] {
        let (upstream, _) = upstream(vec![answer]);
        assert_eq!(upstream.submit(&one_url).await, want);
    }
    for (answer, word) in [
        (says(201, json!({"id": "../x"})), "Garbled"),
        (says(201, json!([])), "Garbled"),
        (Ok(ExchangeAnswer { status: 200, retry_after: None, body: "<html>".into() }), "Garbled"),
        (says(400, json!({"message": ["a", "b"], "errorCode": "generation_audio_missing"})), "Refused"),
        (says(401, json!({"message": "Unauthorized", "statusCode": 401})), "Operators"),
        (says(429, json!({})), "Passing"),
        (Err(error(ExchangeFailure::Remote(SendError::ConnectRefused))), "Passing"),
        (Err(error(ExchangeFailure::Remote(SendError::AddressNotAllowed))), "Operators"),
        (Err(error(ExchangeFailure::TooLarge)), "Garbled"),
        (Err(error(ExchangeFailure::Storage)), "Refused"),
    ] {
        let (upstream, _) = upstream(vec![answer.clone()]);
        let trouble = upstream.submit(&one_url).await.unwrap_err();
        assert!(format!("{trouble:?}").starts_with(word), "{answer:?}: {trouble:?}");
    }
}

fn error(failure: ExchangeFailure) -> ExchangeError {
    ExchangeError { failure, message: "it said so".into() }
}

#[tokio::test]
async fn answers_to_a_look() {
    let done = |duration_ms| Seen::Completed { url: "https://o.example/v.mp4".into(), duration_ms };
    for (body, want) in [
        (json!({"status": "PENDING"}), Seen::Working),
        (json!({"status": "PROCESSING"}), Seen::Working),
        (json!({"status": "SOMETHING_NEW"}), Seen::Working),
        (
            json!({"status": "COMPLETED", "outputUrl": "https://o.example/v.mp4", "outputDuration": 9.98}),
            done(Some(9_980)),
        ),
        (json!({"status": "COMPLETED", "outputUrl": "https://o.example/v.mp4", "outputDuration": null}), done(None)),
        (json!({"status": "COMPLETED", "outputUrl": "https://o.example/v.mp4", "outputDuration": 1e300}), done(None)),
    ] {
        let (upstream, canned) = upstream(vec![says(200, body)]);
        assert_eq!(upstream.look(&UpstreamId::new("up-1").unwrap()).await, Ok(want));
        let asked = canned.asked.lock().unwrap();
        assert_eq!(
            (asked[0].method, asked[0].url.as_str()),
            (Method::Get, "https://up.example/prefix/v2/generate/up-1")
        );
        assert!(asked[0].body.is_empty());
    }
    for (body, code) in [
        (
            json!({"status": "FAILED", "error": "No face.", "error_code": "generation_input_video_invalid"}),
            "generation_input_video_invalid",
        ),
        (json!({"status": "FAILED", "error": "No.", "errorCode": "generation_timeout"}), "generation_timeout"),
        (json!({"status": "REJECTED", "error_code": "of_tomorrow"}), "generation_pipeline_failed"),
        (json!({"status": "CANCELED"}), "generation_pipeline_failed"),
    ] {
        let (upstream, _) = upstream(vec![says(200, body)]);
        let seen = upstream.look(&UpstreamId::new("up-1").unwrap()).await;
        let Ok(Seen::Failed(failure)) = seen else { panic!("{seen:?}") };
        assert!(failure.code.as_str() == code && failure.error.ends_with('.'), "{failure:?}");
    }
    for (answer, word) in [
        (says(404, json!({"errorCode": "generation_not_found"})), "Unknown"),
        (says(200, json!({"status": "COMPLETED", "outputUrl": ""})), "Garbled"),
        (says(200, json!({"id": "x"})), "Garbled"),
        (says(200, json!("x")), "Garbled"),
        (says(500, json!({})), "Passing"),
    ] {
        let (upstream, _) = upstream(vec![answer]);
        let trouble = upstream.look(&UpstreamId::new("up-1").unwrap()).await.unwrap_err();
        assert!(format!("{trouble:?}").starts_with(word), "{trouble:?}");
    }
}

#[tokio::test]
async fn answers_to_a_cancel() {
    for (answer, want) in [
        (says(200, json!({"id": "up-1", "status": "FAILED"})), "Ok"),
        (says(409, json!({"errorCode": "generation_conflict"})), "Ok"),
        (says(404, json!({"message": "Cannot POST", "statusCode": 404})), "Err(Unknown"),
        (says(405, json!({})), "Err(Unknown"),
        (says(401, json!({})), "Err(Operators"),
        (says(503, json!({})), "Err(Passing"),
        (says(400, json!({})), "Err(Refused"),
        (Err(error(ExchangeFailure::Remote(SendError::ConnectRefused))), "Err(Passing"),
    ] {
        let (upstream, canned) = upstream(vec![answer.clone()]);
        let got = upstream.cancel(&UpstreamId::new("up-1").unwrap()).await;
        assert!(format!("{got:?}").starts_with(want), "{answer:?}: {got:?}");
        let asked = canned.asked.lock().unwrap();
        let url = "https://up.example/prefix/postsync/v1/generations/up-1/cancel";
        assert_eq!((asked[0].method, asked[0].url.as_str()), (Method::Post, url));
        assert_eq!(header(&asked[0], "x-api-key"), "key-1");
    }
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    let answer = ExchangeAnswer { status: 429, retry_after: Some(RetryAfter::Ms(7_000)), body: Bytes::new() };
    let (upstream, _) = upstream(vec![Ok(answer)]);
    let trouble = upstream.look(&UpstreamId::new("up-1").unwrap()).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Passing { retry_after: Some(RetryAfter::Ms(7_000)), .. }), "{trouble:?}");
}
