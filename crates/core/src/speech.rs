//! Words that are to be spoken: read from JSON, with every refusal naming its field, and the voices that are built in.
use serde_json::{Map, Value};

use crate::error_code::GENERATION_TEXT_LENGTH_EXCEEDED;
use crate::input::Invalid;

/// The longest script.
pub const SCRIPT_CHARS_MAX: usize = 5_000;

/// The longest id of a voice.
const VOICE_CHARS_MAX: usize = 128;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// ElevenLabs, where the operator has a key; the built-in voices else.
    ElevenLabs,
    /// espeak-ng, on this machine.
    Espeak,
}

impl Provider {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ElevenLabs => "elevenlabs",
            Self::Espeak => "espeak",
        }
    }

    /// The provider of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ElevenLabs, Self::Espeak].into_iter().find(|provider| provider.as_str() == text)
    }
}

/// Where words are spoken. Neither waits for the other: who is far away may be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechLane {
    /// By the voices that are built in.
    Here,
    /// By ElevenLabs, where the operator has a key.
    Elsewhere,
}

impl SpeechLane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Here, Self::Elsewhere];

    /// As the store writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// What is said, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Who was asked for.
    pub provider: Provider,
    /// The voice's id, as the client wrote it: letters, digits, `_` and `-`.
    pub voice: String,
    /// 1 to [`SCRIPT_CHARS_MAX`] characters.
    pub script: String,
    /// 0 to 1000 for 0 to 1.
    pub stability_permille: u16,
    /// The same.
    pub similarity_permille: u16,
}

impl Words {
    /// Reads `provider` of an item; `field` is what refusals call it. `name` stands for the provider.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn read(map: &Map<String, Value>, field: &str) -> Result<Self, Invalid> {
        let name = required(map, field, "name")?;
        let provider = Provider::parse(name).ok_or_else(|| wrong(field, "name", "must be elevenlabs or espeak"))?;
        Self::read_as(provider, map, field)
    }

    /// The same where the provider stands elsewhere.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn read_as(provider: Provider, map: &Map<String, Value>, field: &str) -> Result<Self, Invalid> {
        let script = required(map, field, "script")?;
        if script.trim().is_empty() {
            return Err(wrong(field, "script", "must not be empty"));
        }
        let chars = script.chars().count();
        if chars > SCRIPT_CHARS_MAX {
            let name = named(field, "script");
            let message = format!("{name} has {chars} characters; it may have {SCRIPT_CHARS_MAX}");
            return Err(Invalid::coded(GENERATION_TEXT_LENGTH_EXCEEDED, name, message));
        }
        let voice = required(map, field, "voiceId")?;
        let plain = voice.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !plain || !(1..=VOICE_CHARS_MAX).contains(&voice.len()) {
            return Err(wrong(field, "voiceId", "must be the id of a voice: letters, digits, _ and -"));
        }
        if provider == Provider::Espeak && built_in(voice).is_none() {
            return Err(wrong(field, "voiceId", "is none of espeak's here; GET /v2/voices lists them"));
        }
        Ok(Self {
            provider,
            voice: voice.to_owned(),
            script: script.to_owned(),
            stability_permille: permille(map, field, "stability", 500)?,
            similarity_permille: permille(map, field, "similarityBoost", 750)?,
        })
    }

    /// Who is asked to say it: a voice that is built in is, whoever was named as its provider.
    #[must_use]
    pub fn lane(&self) -> SpeechLane {
        let is_theirs = self.provider == Provider::ElevenLabs && built_in(&self.voice).is_none();
        if is_theirs { SpeechLane::Elsewhere } else { SpeechLane::Here }
    }

    /// The built-in voice that says it where nobody else does: the one that was asked for, else the first.
    #[must_use]
    pub fn built_in_voice(&self) -> BuiltIn {
        built_in(&self.voice).unwrap_or(BUILT_IN[0])
    }
}

fn named(field: &str, key: &str) -> String {
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}

fn wrong(field: &str, key: &str, what: &str) -> Invalid {
    let name = named(field, key);
    let message = format!("{name} {what}");
    Invalid::new(name, message)
}

fn required<'a>(map: &'a Map<String, Value>, field: &str, key: &str) -> Result<&'a str, Invalid> {
    match map.get(key) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(wrong(field, key, "is missing")),
        Some(_) => Err(wrong(field, key, "must be a string")),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..=1 by then")]
fn permille(map: &Map<String, Value>, field: &str, key: &str, default: u16) -> Result<u16, Invalid> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => match value.as_f64().filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Ok((share * 1_000.0).round() as u16),
            None => Err(wrong(field, key, "must be a number from 0 to 1")),
        },
    }
}

/// A voice of espeak-ng.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its id here and there.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
}

/// The voices that are built in: those of espeak-ng for languages that many speak. The first one stands in for unknown ones.
pub const BUILT_IN: [BuiltIn; 24] = [
    BuiltIn { id: "en-us", name: "English (America)" },
    BuiltIn { id: "en-gb", name: "English (Great Britain)" },
    BuiltIn { id: "ar", name: "Arabic" },
    BuiltIn { id: "cs", name: "Czech" },
    BuiltIn { id: "da", name: "Danish" },
    BuiltIn { id: "de", name: "German" },
    BuiltIn { id: "el", name: "Greek" },
    BuiltIn { id: "es", name: "Spanish (Spain)" },
    BuiltIn { id: "es-419", name: "Spanish (Latin America)" },
    BuiltIn { id: "fi", name: "Finnish" },
    BuiltIn { id: "fr-fr", name: "French (France)" },
    BuiltIn { id: "hi", name: "Hindi" },
    BuiltIn { id: "hu", name: "Hungarian" },
    BuiltIn { id: "id", name: "Indonesian" },
    BuiltIn { id: "it", name: "Italian" },
    BuiltIn { id: "ko", name: "Korean" },
    BuiltIn { id: "nl", name: "Dutch" },
    BuiltIn { id: "pl", name: "Polish" },
    BuiltIn { id: "pt", name: "Portuguese (Portugal)" },
    BuiltIn { id: "pt-br", name: "Portuguese (Brazil)" },
    BuiltIn { id: "ru", name: "Russian" },
    BuiltIn { id: "sv", name: "Swedish" },
    BuiltIn { id: "tr", name: "Turkish" },
    BuiltIn { id: "uk", name: "Ukrainian" },
];

/// The built-in voice of that id.
#[must_use]
pub fn built_in(id: &str) -> Option<BuiltIn> {
    BUILT_IN.into_iter().find(|voice| voice.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(provider: &Value) -> Result<Words, Invalid> {
        Words::read(provider.as_object().unwrap(), "input[1].provider")
    }

    #[test]
    fn words_are_read_with_their_defaults() {
        let words =
            read(&json!({"name": "elevenlabs", "voiceId": "21m00Tcm4TlvDq8ikWAM", "script": "Gr\u{fc}\u{df} dich."}))
                .unwrap();
        assert_eq!((words.stability_permille, words.similarity_permille), (500, 750));
        assert_eq!(words.built_in_voice().id, "en-us", "a voice of somebody else's");
        let words =
            read(&json!({"name": "espeak", "voiceId": "de", "script": "x", "stability": 0, "similarityBoost": 1}))
                .unwrap();
        assert_eq!((words.stability_permille, words.similarity_permille, words.built_in_voice().id), (0, 1_000, "de"));
        let longest = "\u{e9}".repeat(SCRIPT_CHARS_MAX);
        assert!(read(&json!({"name": "elevenlabs", "voiceId": "v", "script": longest})).is_ok());
    }

    #[test]
    fn refusals_name_their_field() {
        let good = json!({"name": "elevenlabs", "voiceId": "v", "script": "hi"});
        let too_long = "x".repeat(SCRIPT_CHARS_MAX + 1);
        for (key, value, code) in [
            ("name", json!("other"), "generation_input_validation_failed"),
            ("name", json!(null), "generation_input_validation_failed"),
            ("voiceId", json!(""), "generation_input_validation_failed"),
            ("voiceId", json!("a/b"), "generation_input_validation_failed"),
            ("voiceId", json!("-v".repeat(80)), "generation_input_validation_failed"),
            ("voiceId", json!(5), "generation_input_validation_failed"),
            ("script", json!(" \n"), "generation_input_validation_failed"),
            ("script", json!(too_long), "generation_text_length_exceeded"),
            ("stability", json!(1.01), "generation_input_validation_failed"),
            ("stability", json!("0.5"), "generation_input_validation_failed"),
            ("similarityBoost", json!(-0.1), "generation_input_validation_failed"),
        ] {
            let mut provider = good.clone();
            provider[key] = value.clone();
            let refused = read(&provider).expect_err(key);
            assert_eq!((refused.field, refused.code.as_str()), (format!("input[1].provider.{key}"), code), "{value}");
        }
        assert_eq!(
            read(&json!({"name": "espeak", "voiceId": "xx", "script": "hi"})).unwrap_err().field,
            "input[1].provider.voiceId"
        );
        let at_the_top = Words::read_as(Provider::ElevenLabs, json!({"voiceId": "v"}).as_object().unwrap(), "");
        assert_eq!(at_the_top.unwrap_err().field, "script");
    }
}
