//! What goes out to ElevenLabs, and what becomes of its answers.
use std::sync::Mutex;

use async_trait::async_trait;
use futures::FutureExt as _;
use postsync_core::outcome::SendError;
use postsync_engine::ports::{ExchangeError, ExchangeFailure};
use tokio::sync::Notify;

use super::*;

struct Canned(Mutex<Vec<ExchangeRequest>>, Result<ExchangeAnswer, ExchangeError>);

#[async_trait]
impl Exchange for Canned {
    async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError> {
        self.0.lock().unwrap().push(request);
        self.1.clone()
    }
}

/// Counts.
#[derive(Default)]
struct Counted(Mutex<u8>);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        bytes.fill(*count);
    }
}

fn of(exchange: Arc<dyn Exchange>) -> ElevenLabs {
    let settings = ElevenLabsSettings { base_url: "https://el.example".into(), api_key: "xi-1".into() };
    ElevenLabs::new(settings, exchange, Arc::new(Counted::default()))
}

fn elevenlabs(answer: Result<ExchangeAnswer, ExchangeError>) -> (ElevenLabs, Arc<Canned>) {
    let canned = Arc::new(Canned(Mutex::default(), answer));
    (of(canned.clone()), canned)
}

fn failed(failure: ExchangeFailure) -> Result<ExchangeAnswer, ExchangeError> {
    Err(ExchangeError { failure, message: "no".into() })
}

fn says(status: u16, body: impl Into<Bytes>) -> Result<ExchangeAnswer, ExchangeError> {
    Ok(ExchangeAnswer { status, retry_after: None, body: body.into() })
}

fn words() -> Words {
    let provider = json!({"name": "elevenlabs", "voiceId": "v_1", "script": "Hi \u{e9}.", "stability": 0.25});
    Words::read(provider.as_object().unwrap(), "provider").unwrap()
}

#[tokio::test]
async fn words_go_out_and_speech_comes_back() {
    let (elevenlabs, canned) = elevenlabs(says(200, &b"ID3\x04\0\0\0\0\0\0speech"[..]));
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("speech");
    assert_eq!(elevenlabs.speak(&words(), &to).await, Ok(Spoken { bytes: 16, format: "mp3", duration_ms: None }));
    assert!(std::fs::read(&to).unwrap().ends_with(b"speech"));
    let asked = canned.0.lock().unwrap();
    assert_eq!(asked[0].url, "https://el.example/v1/text-to-speech/v_1?output_format=mp3_44100_128");
    assert!(asked[0].headers.contains(&("xi-api-key", "xi-1".to_owned())));
    let Piece::Bytes(body) = &asked[0].body[0] else { panic!("bytes") };
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["text"], "Hi \u{e9}.");
    assert_eq!(body["voice_settings"], json!({"stability": 0.25, "similarity_boost": 0.75}));
}

#[tokio::test]
async fn refusals_have_our_codes_and_leave_no_file() {
    let down = failed(ExchangeFailure::Remote(SendError::ConnectRefused));
    for (answer, code) in [
        (says(401, "{}"), "elevenlabs_api_key_invalid"),
        (says(401, r#"{"detail":{"status":"quota_exceeded","message":"No more."}}"#), "elevenlabs_quota_exceeded"),
        (says(404, r#"{"detail":{"status":"voice_not_found","message":"x"}}"#), "voice_not_found"),
        (says(422, r#"{"detail":[{"msg":"x"}]}"#), "generation_input_validation_failed"),
        (says(503, "<html>"), "elevenlabs_service_unavailable"),
        (says(200, "<html>"), "elevenlabs_service_unavailable"),
        (down, "elevenlabs_service_unavailable"),
    ] {
        let (elevenlabs, _) = elevenlabs(answer);
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("speech");
        let failure = elevenlabs.speak(&words(), &to).await.unwrap_err();
        assert!(failure.code.as_str() == code && failure.error.ends_with('.'), "{failure:?}");
        assert!(!to.exists() && !failure.error.contains("xi-1"));
    }
}

#[tokio::test]
async fn a_sample_goes_out_and_a_voice_comes_back() {
    let (elevenlabs, canned) = elevenlabs(says(200, r#"{"voice_id":"c_1","requires_verification":false}"#));
    let voice = elevenlabs.clone_voice("Ad\u{e9}", Path::new("/job/sample")).await.unwrap();
    assert_eq!((voice.id.as_str(), voice.name.as_str(), voice.provider), ("c_1", "Ad\u{e9}", Provider::ElevenLabs));
    elevenlabs.delete_voice("c_1").await.unwrap();
    let asked = canned.0.lock().unwrap();
    assert_eq!((asked[0].method, asked[0].url.as_str()), (Method::Post, "https://el.example/v1/voices/add"));
    let content_type = asked[0].headers.iter().find(|(name, _)| *name == "content-type").unwrap();
    let boundary = content_type.1.strip_prefix("multipart/form-data; boundary=").unwrap();
    let [Piece::Bytes(head), Piece::File(file), Piece::Bytes(tail)] = asked[0].body.as_slice() else {
        panic!("a form")
    };
    let head = std::str::from_utf8(head).unwrap();
    assert!(head.starts_with(&format!("--{boundary}\r\n")) && head.contains("name=\"name\"\r\n\r\nAd\u{e9}\r\n"));
    assert!(head.contains("name=\"files\"; filename=") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(
        (file.as_path(), tail.as_ref()),
        (Path::new("/job/sample"), format!("\r\n--{boundary}--\r\n").as_bytes())
    );
    assert_eq!((asked[1].method, asked[1].url.as_str()), (Method::Delete, "https://el.example/v1/voices/c_1"));
    assert!(asked[1].body.is_empty());
}

#[tokio::test]
async fn no_two_forms_have_the_same_boundary() {
    let (elevenlabs, canned) = elevenlabs(says(200, r#"{"voice_id":"c_1"}"#));
    for _ in 0..2 {
        elevenlabs.clone_voice("Ada", Path::new("/job/sample")).await.unwrap();
    }
    let asked = canned.0.lock().unwrap();
    assert_ne!(asked[0].headers, asked[1].headers);
}

#[tokio::test]
async fn what_can_not_be_cloned_has_our_codes() {
    for (answer, code) in [
        (
            says(400, r#"{"detail":{"status":"voice_limit_reached","message":"30 of 30."}}"#),
            "voice_clone_limit_reached",
        ),
        (
            says(401, r#"{"detail":{"status":"can_not_use_instant_voice_cloning","message":"x"}}"#),
            "voice_clone_limit_reached",
        ),
        (says(400, r#"{"detail":{"status":"invalid_content","message":"x"}}"#), "voice_sample_invalid"),
        (says(422, r#"{"detail":[{"msg":"x"}]}"#), "voice_sample_invalid"),
        (says(401, "{}"), "elevenlabs_api_key_invalid"),
        (says(429, "{}"), "elevenlabs_service_unavailable"),
        (failed(ExchangeFailure::Remote(SendError::ConnectRefused)), "elevenlabs_service_unavailable"),
        (failed(ExchangeFailure::Storage), "generation_infra_storage_error"),
    ] {
        let (elevenlabs, _) = elevenlabs(answer.clone());
        let refused = elevenlabs.clone_voice("Ada", Path::new("/job/sample")).await;
        let Err(CloneError::Refused(failure)) = refused else { panic!("{answer:?}: {refused:?}") };
        assert_eq!(failure.code.as_str(), code, "{answer:?}");
        assert!(!failure.error.contains("xi-1"));
    }
}

#[tokio::test]
async fn a_clone_whose_answer_is_lost_may_be_there() {
    for answer in [
        failed(ExchangeFailure::Remote(SendError::ResponseTimeout)),
        failed(ExchangeFailure::Remote(SendError::ResponseReset)),
        failed(ExchangeFailure::TooLarge),
        says(200, r#"{"voice_id":"../x"}"#),
        says(200, "<html>"),
        says(408, "<html>"),
        says(499, ""),
        says(500, ""),
        says(504, "<html>"),
    ] {
        let (elevenlabs, _) = elevenlabs(answer.clone());
        let lost = elevenlabs.clone_voice("Ada", Path::new("/job/sample")).await;
        let Err(CloneError::Unknown(failure)) = lost else { panic!("{answer:?}: {lost:?}") };
        assert_eq!(failure.code, ELEVENLABS_SERVICE_UNAVAILABLE, "{answer:?}");
    }
}

#[tokio::test]
async fn a_voice_that_is_not_there_is_deleted_by_either_of_its_words() {
    for (status, word) in [(404, "voice_not_found"), (400, "voice_not_found"), (400, "voice_does_not_exist")] {
        let (elevenlabs, _) = elevenlabs(says(status, format!(r#"{{"detail":{{"status":"{word}","message":"x"}}}}"#)));
        assert_eq!(elevenlabs.delete_voice("c_1").await.unwrap_err().code, VOICE_NOT_FOUND, "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn voices_are_listed() {
    let list = r#"{"voices":[{"voice_id":"v1","name":"Ada","preview_url":"https://p.example/1"},{"name":"none"},{"voice_id":"v2"},
        {"voice_id":"../v3"}]}"#;
    let (elevenlabs, canned) = elevenlabs(says(200, list));
    let voices = elevenlabs.voices().await.unwrap();
    let told: Vec<_> = voices.iter().map(|v| (v.id.as_str(), v.name.as_str(), v.preview_url.as_deref())).collect();
    assert_eq!(told, [("v1", "Ada", Some("https://p.example/1")), ("v2", "v2", None)]);
    let (a, b) = tokio::join!(elevenlabs.voices(), elevenlabs.voices());
    assert!(a.unwrap().len() == 2 && b.unwrap().len() == 2);
    assert_eq!(canned.0.lock().unwrap().len(), 1, "the list was in memory");
    tokio::time::advance(list::IS_GOOD_FOR).await;
    elevenlabs.voices().await.unwrap();
    assert_eq!(canned.0.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_asked_about_now_and_then() {
    let (elevenlabs, canned) = elevenlabs(failed(ExchangeFailure::Remote(SendError::ConnectTimeout)));
    for _ in 0..10 {
        assert_eq!(elevenlabs.voices().await.unwrap_err().code, ELEVENLABS_SERVICE_UNAVAILABLE);
    }
    assert_eq!(canned.0.lock().unwrap().len(), 1);
    tokio::time::advance(list::FAILED_FOR).await;
    elevenlabs.voices().await.unwrap_err();
    assert_eq!(canned.0.lock().unwrap().len(), 2);
}

/// Answers at once, but with a list only when it is told to.
#[derive(Default)]
struct SlowLists {
    may_list: Notify,
    lists: Mutex<usize>,
}

#[async_trait]
impl Exchange for SlowLists {
    async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError> {
        if request.method != Method::Get {
            return says(200, r#"{"voice_id":"c_1"}"#);
        }
        *self.lists.lock().unwrap() += 1;
        self.may_list.notified().await;
        says(200, r#"{"voices":[]}"#)
    }
}

#[tokio::test]
async fn clones_and_deletes_wait_for_no_list_and_outdate_the_one_under_way() {
    let slow = Arc::new(SlowLists::default());
    let elevenlabs = of(slow.clone());
    for change in ["clone", "delete"] {
        let before = *slow.lists.lock().unwrap();
        let mut listing = Box::pin(elevenlabs.voices());
        assert!((&mut listing).now_or_never().is_none());
        let changed = async {
            match change {
                "clone" => drop(elevenlabs.clone_voice("Ada", Path::new("/job/sample")).await.unwrap()),
                _ => elevenlabs.delete_voice("c_1").await.unwrap(),
            }
        };
        changed.now_or_never().expect("it waits for no list");
        slow.may_list.notify_one();
        listing.await.unwrap();
        slow.may_list.notify_one();
        elevenlabs.voices().await.unwrap();
        assert_eq!(*slow.lists.lock().unwrap() - before, 2, "{change}: the list that was asked for before is not told");
        elevenlabs.list.is_over();
    }
}
