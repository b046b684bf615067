//! ElevenLabs, with the operator's own key. Asked through the Exchange port; its words are read without trust.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postsync_core::error_code::{
    ELEVENLABS_API_KEY_INVALID, ELEVENLABS_QUOTA_EXCEEDED, ELEVENLABS_SERVICE_UNAVAILABLE,
    GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_VALIDATION_FAILED, VOICE_CLONE_LIMIT_REACHED, VOICE_NOT_FOUND,
    VOICE_SAMPLE_INVALID,
};
use postsync_core::generation::Failure;
use postsync_core::sniff::sniff;
use postsync_core::speech::{Provider, Words};
use postsync_core::voice::is_voice_id;
use postsync_engine::ports::{Exchange, ExchangeAnswer, ExchangeRequest, Method, Piece, Spoken, Voice};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

/// For a whole answer: a script of 5,000 characters is five minutes of speech.
const SPEECH_MAX: Duration = Duration::from_secs(180);

/// For the list of voices.
const LIST_MAX: Duration = Duration::from_secs(15);

/// How long a list of voices is answered from memory.
const LIST_IS_GOOD_FOR: Duration = Duration::from_secs(60);

/// Ten times what five minutes of mp3 take at 128 kbit/s.
const SPEECH_BYTES_MAX: usize = 48 * 1024 * 1024;

/// A sample is looked at there before it is answered.
const CLONE_MAX: Duration = Duration::from_secs(120);

/// Of the other answers.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const JSON: &str = "application/json";

/// Of the form of a clone.
const BOUNDARY: &str = "postsync-voice-5c1f6e0a9b7d4e38";

/// Of the list of voices.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers that are in memory at once: each may be as large as [`SPEECH_BYTES_MAX`].
const AT_ONCE: usize = 2;

/// Voices that are listed.
const VOICES_MAX: usize = 1_000;

/// Speaks every language that it knows.
const MODEL: &str = "eleven_multilingual_v2";

/// How to reach it.
#[derive(Clone)]
pub struct ElevenLabsSettings {
    /// `https://api.elevenlabs.io`
    pub base_url: String,
    /// Goes out as `xi-api-key`.
    pub api_key: String,
}

/// ElevenLabs.
pub struct ElevenLabs {
    settings: ElevenLabsSettings,
    exchange: Arc<dyn Exchange>,
    places: Semaphore,
    /// The voices, and when they were asked for.
    listed: Mutex<Option<(Instant, Vec<Voice>)>>,
}

impl ElevenLabs {
    /// Spoken to through `exchange`.
    #[must_use]
    pub fn new(settings: ElevenLabsSettings, exchange: Arc<dyn Exchange>) -> Self {
        Self { settings, exchange, places: Semaphore::new(AT_ONCE), listed: Mutex::default() }
    }

    pub(super) async fn speak(&self, words: &Words, to: &Path) -> Result<Spoken, Failure> {
        let share = |permille: u16| f64::from(permille) / 1_000.0;
        let body = json!({
            "text": words.script,
            "model_id": MODEL,
            "voice_settings": {
                "stability": share(words.stability_permille),
                "similarity_boost": share(words.similarity_permille),
            },
        });
        // Never closed, so never an error.
        let _place = self.places.acquire().await.ok();
        // A voice's id has letters, digits, `_` and `-` only.
        let path = format!("/v1/text-to-speech/{}?output_format=mp3_44100_128", words.voice);
        let body = vec![Piece::Bytes(body.to_string().into())];
        let answer = self.ask(Method::Post, &path, body, SPEECH_MAX, SPEECH_BYTES_MAX).await?;
        if !sniff(&answer).content_type.starts_with("audio/") {
            return Err(unavailable("its answer is no audio"));
        }
        tokio::fs::write(to, &answer).await.map_err(|error| {
            tracing::error!(%error, "speech could not be stored");
            Failure::of(GENERATION_INFRA_STORAGE_ERROR)
        })?;
        Ok(Spoken { bytes: answer.len() as u64, format: "mp3", duration_ms: None })
    }

    /// Asked for once a minute, and by one at a time, however many want them.
    pub(super) async fn voices(&self) -> Result<Vec<Voice>, Failure> {
        let mut listed = self.listed.lock().await;
        if let Some((_, voices)) = listed.as_ref().filter(|(at, _)| at.elapsed() < LIST_IS_GOOD_FOR) {
            return Ok(voices.clone());
        }
        let voices = self.ask_for_voices().await?;
        *listed = Some((Instant::now(), voices.clone()));
        Ok(voices)
    }

    async fn ask_for_voices(&self) -> Result<Vec<Voice>, Failure> {
        let answer = self.ask(Method::Get, "/v1/voices", Vec::new(), LIST_MAX, LIST_BYTES_MAX).await?;
        let list: Value = serde_json::from_slice(&answer).map_err(|_| unavailable("its list of voices is no JSON"))?;
        let text = |voice: &Value, key: &str| voice[key].as_str().map(str::to_owned);
        let voice = |voice: &Value| {
            let id = text(voice, "voice_id")?;
            let name = text(voice, "name").unwrap_or_else(|| id.clone());
            Some(Voice { provider: Provider::ElevenLabs, id, name, preview_url: text(voice, "preview_url") })
        };
        let voices = list["voices"].as_array().ok_or_else(|| unavailable("its list of voices has none"))?;
        Ok(voices.iter().filter_map(voice).take(VOICES_MAX).collect())
    }

    /// Its own id is what the voice is called from now on.
    pub(super) async fn clone_voice(&self, name: &str, sample: &Path) -> Result<Voice, Failure> {
        let (content_type, pieces) = clone_form(name, sample);
        let answer =
            self.send(Method::Post, "/v1/voices/add", (content_type, pieces), CLONE_MAX, ANSWER_BYTES_MAX).await;
        let answer: Value = serde_json::from_slice(&cloned(answer?)?).unwrap_or_default();
        let id = answer["voice_id"].as_str().filter(|id| is_voice_id(id));
        let id = id.ok_or_else(|| unavailable("its answer has no id of a voice that can be used"))?.to_owned();
        *self.listed.lock().await = None;
        Ok(Voice { provider: Provider::ElevenLabs, id, name: name.to_owned(), preview_url: None })
    }

    pub(super) async fn delete_voice(&self, id: &str) -> Result<(), Failure> {
        // From our own records, which hold no other.
        let path = format!("/v1/voices/{id}");
        self.ask(Method::Delete, &path, Vec::new(), LIST_MAX, ANSWER_BYTES_MAX).await?;
        *self.listed.lock().await = None;
        Ok(())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Vec<Piece>,
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Result<Bytes, Failure> {
        let body = (JSON.to_owned(), body);
        let answer = self.send(method, path, body, timeout, answer_bytes_max).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(refused(&answer, "speak")) }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        (content_type, body): (String, Vec<Piece>),
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Result<ExchangeAnswer, Failure> {
        let mut headers = vec![("xi-api-key", self.settings.api_key.clone())];
        if !body.is_empty() {
            headers.push(("content-type", content_type));
        }
        let url = format!("{}{path}", self.settings.base_url);
        let request = ExchangeRequest { method, url, headers, body, timeout, answer_bytes_max };
        self.exchange.exchange(request).await.map_err(|error| unavailable(&error.message))
    }
}

/// The body of a clone, with its type.
fn clone_form(name: &str, sample: &Path) -> (String, Vec<Piece>) {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"files\"; filename=\"sample\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let pieces = vec![
        Piece::Bytes(head.into()),
        Piece::File(sample.to_path_buf()),
        Piece::Bytes(format!("\r\n--{BOUNDARY}--\r\n").into()),
    ];
    (format!("multipart/form-data; boundary={BOUNDARY}"), pieces)
}

/// What it says of a sample has codes of its own.
fn cloned(answer: ExchangeAnswer) -> Result<Bytes, Failure> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let failure = refused(&answer, "clone the voice");
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = match body["detail"]["status"].as_str() {
        Some("voice_limit_reached" | "can_not_use_instant_voice_cloning") => VOICE_CLONE_LIMIT_REACHED,
        _ if failure.code == GENERATION_INPUT_VALIDATION_FAILED => VOICE_SAMPLE_INVALID,
        _ => failure.code,
    };
    Err(Failure { code, ..failure })
}

fn unavailable(why: &str) -> Failure {
    let why = format!("ElevenLabs could not be asked: {}.", why.trim_end_matches('.'));
    Failure::new(ELEVENLABS_SERVICE_UNAVAILABLE, &why)
}

/// `{"detail":{"status":"quota_exceeded","message":"..."}}`
fn refused(answer: &ExchangeAnswer, what: &str) -> Failure {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = &body["detail"];
    let status = answer.status;
    let said = detail["message"].as_str().or(detail.as_str()).map_or(String::new(), |text| format!(": {text}"));
    let code = match (status, detail["status"].as_str()) {
        (_, Some("quota_exceeded")) | (402, _) => ELEVENLABS_QUOTA_EXCEEDED,
        (401 | 403, _) => ELEVENLABS_API_KEY_INVALID,
        (404, _) | (_, Some("voice_not_found")) => VOICE_NOT_FOUND,
        (400 | 422, _) => GENERATION_INPUT_VALIDATION_FAILED,
        _ => ELEVENLABS_SERVICE_UNAVAILABLE,
    };
    Failure::new(code, &format!("ElevenLabs refused to {what} ({status}){}.", said.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use postsync_core::outcome::SendError;
    use postsync_engine::ports::{ExchangeError, ExchangeFailure};

    use super::*;

    struct Canned(Mutex<Vec<ExchangeRequest>>, Result<ExchangeAnswer, ExchangeError>);

    #[async_trait]
    impl Exchange for Canned {
        async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeAnswer, ExchangeError> {
            self.0.lock().unwrap().push(request);
            self.1.clone()
        }
    }

    fn elevenlabs(answer: Result<ExchangeAnswer, ExchangeError>) -> (ElevenLabs, Arc<Canned>) {
        let canned = Arc::new(Canned(Mutex::default(), answer));
        let settings = ElevenLabsSettings { base_url: "https://el.example".into(), api_key: "xi-1".into() };
        (ElevenLabs::new(settings, canned.clone()), canned)
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
        let down = ExchangeError { failure: ExchangeFailure::Remote(SendError::ConnectRefused), message: "no".into() };
        for (answer, code) in [
            (says(401, "{}"), "elevenlabs_api_key_invalid"),
            (says(401, r#"{"detail":{"status":"quota_exceeded","message":"No more."}}"#), "elevenlabs_quota_exceeded"),
            (says(404, r#"{"detail":{"status":"voice_not_found","message":"x"}}"#), "voice_not_found"),
            (says(422, r#"{"detail":[{"msg":"x"}]}"#), "generation_input_validation_failed"),
            (says(503, "<html>"), "elevenlabs_service_unavailable"),
            (says(200, "<html>"), "elevenlabs_service_unavailable"),
            (Err(down), "elevenlabs_service_unavailable"),
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
            (says(200, r#"{"voice_id":"../x"}"#), "elevenlabs_service_unavailable"),
            (says(200, "<html>"), "elevenlabs_service_unavailable"),
            (says(500, ""), "elevenlabs_service_unavailable"),
        ] {
            let (elevenlabs, _) = elevenlabs(answer.clone());
            let failure = elevenlabs.clone_voice("Ada", Path::new("/job/sample")).await.unwrap_err();
            assert_eq!(failure.code.as_str(), code, "{answer:?}");
            assert!(!failure.error.contains("xi-1"));
        }
        let (elevenlabs, _) = elevenlabs(says(404, r#"{"detail":{"status":"voice_not_found","message":"x"}}"#));
        assert_eq!(elevenlabs.delete_voice("c_1").await.unwrap_err().code, VOICE_NOT_FOUND);
    }

    #[tokio::test(start_paused = true)]
    async fn voices_are_listed() {
        let list = r#"{"voices":[{"voice_id":"v1","name":"Ada","preview_url":"https://p.example/1"},{"name":"none"},{"voice_id":"v2"}]}"#;
        let (elevenlabs, canned) = elevenlabs(says(200, list));
        let voices = elevenlabs.voices().await.unwrap();
        let told: Vec<_> = voices.iter().map(|v| (v.id.as_str(), v.name.as_str(), v.preview_url.as_deref())).collect();
        assert_eq!(told, [("v1", "Ada", Some("https://p.example/1")), ("v2", "v2", None)]);
        let (a, b) = tokio::join!(elevenlabs.voices(), elevenlabs.voices());
        assert!(a.unwrap().len() == 2 && b.unwrap().len() == 2);
        assert_eq!(canned.0.lock().unwrap().len(), 1, "the list was in memory");
        tokio::time::advance(LIST_IS_GOOD_FOR).await;
        elevenlabs.voices().await.unwrap();
        assert_eq!(canned.0.lock().unwrap().len(), 2);
    }
}
