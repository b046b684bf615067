//! ElevenLabs, with the operator's own key. Asked through the Exchange port; its words are read without trust.
//!
//! Promise: whoever has a voice cloned or deleted waits for no list, and the list that comes after it was asked for after it.
mod clone;
mod list;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postsync_core::error_code::{
    ELEVENLABS_API_KEY_INVALID, ELEVENLABS_QUOTA_EXCEEDED, ELEVENLABS_SERVICE_UNAVAILABLE,
    GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_VALIDATION_FAILED, VOICE_NOT_FOUND,
};
use postsync_core::generation::Failure;
use postsync_core::sniff::sniff;
use postsync_core::speech::{Provider, Words};
use postsync_core::voice::is_voice_id;
use postsync_engine::ports::{
    CloneError, Entropy, Exchange, ExchangeAnswer, ExchangeRequest, Method, Piece, Spoken, Voice,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use list::List;

/// For a whole answer: a script of 5,000 characters is five minutes of speech.
const SPEECH_MAX: Duration = Duration::from_secs(180);

/// For the list of voices.
const LIST_MAX: Duration = Duration::from_secs(15);

/// Ten times what five minutes of mp3 take at 128 kbit/s.
const SPEECH_BYTES_MAX: usize = 48 * 1024 * 1024;

/// A sample is looked at there before it is answered.
const CLONE_MAX: Duration = Duration::from_secs(120);

/// Of the other answers.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const JSON: &str = "application/json";

/// Of the list of voices, which has as many as that allows.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers that are in memory at once: each may be as large as [`SPEECH_BYTES_MAX`].
const AT_ONCE: usize = 2;

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
    entropy: Arc<dyn Entropy>,
    places: Semaphore,
    list: List,
}

impl ElevenLabs {
    /// Spoken to through `exchange`.
    #[must_use]
    pub fn new(settings: ElevenLabsSettings, exchange: Arc<dyn Exchange>, entropy: Arc<dyn Entropy>) -> Self {
        Self { settings, exchange, entropy, places: Semaphore::new(AT_ONCE), list: List::default() }
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

    pub(super) async fn voices(&self) -> Result<Vec<Voice>, Failure> {
        self.list.told(self.ask_for_voices()).await
    }

    async fn ask_for_voices(&self) -> Result<Vec<Voice>, Failure> {
        let answer = self.ask(Method::Get, "/v1/voices", Vec::new(), LIST_MAX, LIST_BYTES_MAX).await?;
        let list: Value = serde_json::from_slice(&answer).map_err(|_| unavailable("its list of voices is no JSON"))?;
        let text = |voice: &Value, key: &str| voice[key].as_str().map(str::to_owned);
        let voice = |voice: &Value| {
            let id = text(voice, "voice_id").filter(|id| is_voice_id(id))?;
            let name = text(voice, "name").unwrap_or_else(|| id.clone());
            Some(Voice { provider: Provider::ElevenLabs, id, name, preview_url: text(voice, "preview_url") })
        };
        let voices = list["voices"].as_array().ok_or_else(|| unavailable("its list of voices has none"))?;
        Ok(voices.iter().filter_map(voice).collect())
    }

    /// Its own id is what the voice is called from now on.
    pub(super) async fn clone_voice(&self, name: &str, sample: &Path) -> Result<Voice, CloneError> {
        let mut boundary = [0; 16];
        self.entropy.fill(&mut boundary);
        let body = clone::form(u128::from_be_bytes(boundary), name, sample);
        let answer = self.exchange.exchange(self.request(Method::Post, "/v1/voices/add", body, CLONE_MAX)).await;
        let cloned = clone::read(answer);
        // Also where nobody knows: a list that was asked for before does not show it.
        self.list.is_over();
        cloned.map(|id| Voice { provider: Provider::ElevenLabs, id, name: name.to_owned(), preview_url: None })
    }

    pub(super) async fn delete_voice(&self, id: &str) -> Result<(), Failure> {
        // From our own records, which hold no other.
        let path = format!("/v1/voices/{id}");
        let deleted = self.ask(Method::Delete, &path, Vec::new(), LIST_MAX, ANSWER_BYTES_MAX).await;
        self.list.is_over();
        deleted.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Vec<Piece>,
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Result<Bytes, Failure> {
        let mut request = self.request(method, path, (JSON.to_owned(), body), timeout);
        request.answer_bytes_max = answer_bytes_max;
        let answer = self.exchange.exchange(request).await.map_err(|error| unavailable(&error.message))?;
        if answer.status == 200 { Ok(answer.body) } else { Err(refused(&answer, "speak")) }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        (content_type, body): (String, Vec<Piece>),
        timeout: Duration,
    ) -> ExchangeRequest {
        let mut headers = vec![("xi-api-key", self.settings.api_key.clone())];
        if !body.is_empty() {
            headers.push(("content-type", content_type));
        }
        let url = format!("{}{path}", self.settings.base_url);
        ExchangeRequest { method, url, headers, body, timeout, answer_bytes_max: ANSWER_BYTES_MAX }
    }
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
        (404, _) | (_, Some("voice_not_found" | "voice_does_not_exist")) => VOICE_NOT_FOUND,
        (400 | 422, _) => GENERATION_INPUT_VALIDATION_FAILED,
        _ => ELEVENLABS_SERVICE_UNAVAILABLE,
    };
    Failure::new(code, &format!("ElevenLabs refused to {what} ({status}){}.", said.trim_end_matches('.')))
}
