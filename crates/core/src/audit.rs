//! Who asked for each generation, and from what it was made: one entry, written in the commit that accepts it.
//!
//! Promise: an entry outlives its generation and its files. It names every input by what can be recognized later: the hash of
//! its bytes where they are here, the URL where they are not. Of a URL it has what logs show, so that no token in a query is
//! kept for longer than the generation; of words that are to be spoken it has their hash and not the words.
//!
//! As long as the generation is there, only who asked and what was known of its assets is written down beside it: its row tells
//! the rest. What is read is the same.
//!
//! Does not say what came of the generation, nor what a URL gave when it was fetched.
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::asset::{Asset, AssetFile};
use crate::change::Change;
use crate::generation::Generation;
use crate::ids::{AssetId, GenerationId, KeyId, OrgId};
use crate::input::{Item, ItemKind, Source, parse_items};
use crate::retention::accepted_at;
use crate::rule;
use crate::target::without_query;
use crate::time::Timestamp;

/// Who asks, as the server knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The API key; `None`: it was not asked for over the API.
    pub key: Option<KeyId>,
    /// Where the connection came from: behind a proxy, the proxy.
    pub address: Option<IpAddr>,
}

/// What is known of the assets that an `input` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named(BTreeMap<AssetId, Bytes>);

/// An asset's bytes, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bytes {
    sha256: Option<[u8; 32]>,
    url: Option<String>,
}

/// What is written down when a generation is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// For which.
    pub generation: GenerationId,
    /// Whose.
    pub org: OrgId,
    /// Who asked.
    pub caller: Caller,
    /// What was known of its assets, which may be gone when it is asked.
    pub named: Named,
}

impl Named {
    /// Whether nothing is known: no asset is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What of it that `input` names: of a batch each row has its own.
    #[must_use]
    pub fn of(&self, input: &str) -> Self {
        if self.is_empty() {
            return Self::default();
        }
        let assets = items_of(input).into_iter().filter_map(|item| match item.source {
            Some(Source::Asset(id)) => Some(id),
            Some(Source::Url(_)) | None => None,
        });
        Self(assets.filter_map(|id| Some((id, self.0.get(&id)?.clone()))).collect())
    }

    /// As one text, to be kept.
    #[must_use]
    pub fn to_text(&self) -> String {
        let one = |(id, known): (&AssetId, &Bytes)| known.to_value(Some(*id));
        Value::Array(self.0.iter().map(one).collect()).to_string()
    }

    /// Reads what [`Named::to_text`] has written. `None` where it is something else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let one = |value: &Value| Some((asset_id(value)??, Bytes::read(value)?));
        value.as_array()?.iter().map(one).collect::<Option<_>>().map(Self)
    }

    /// One more is known.
    pub fn add(&mut self, asset: &Asset) {
        let url = match &asset.file {
            AssetFile::Elsewhere(url) => Some(without_query(url).to_owned()),
            AssetFile::Stored(_) => None,
        };
        self.0.insert(asset.id, Bytes { sha256: asset.sha256, url });
    }
}

/// One input of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditInput {
    /// What it was given as.
    pub kind: ItemKind,
    /// The asset that it names; an upload of the same request is one too.
    pub asset: Option<AssetId>,
    /// SHA-256 of the asset's bytes, where they are here, or of the words.
    pub sha256: Option<[u8; 32]>,
    /// Where its bytes are, without the query: of an input that was given as a URL, and of an asset that is one.
    pub url: Option<String>,
}

/// What is kept of one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Which; its id tells when it was accepted.
    pub generation: GenerationId,
    /// Whose.
    pub org: OrgId,
    /// Who asked.
    pub caller: Caller,
    /// What it was to be made with.
    pub model: String,
    /// From what, in the order of `input`.
    pub inputs: Vec<AuditInput>,
}

/// One thing to write down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditChange {
    /// A generation is accepted: in one list with it.
    Add(Box<Asked>),
    /// These go. Fence: one of them is there.
    Forget(Vec<(OrgId, GenerationId)>),
}

/// What accepting a generation writes: it, and who asked for it from what. To be written in one list. `named`: its own assets
/// and no others, for all of it is written.
#[must_use]
pub fn accepted(generation: &Generation, caller: Caller, named: &Named) -> Vec<Change> {
    let mut changes = vec![Change::AddGeneration(Box::new(generation.clone()))];
    if rule::holds("a_generation_is_audited") {
        let (org, named) = (generation.org.clone(), named.clone());
        changes.push(Change::Audit(AuditChange::Add(Box::new(Asked {
            generation: generation.id,
            org,
            caller,
            named,
        }))));
    }
    changes
}

impl AuditEntry {
    /// What was asked for, with what the generation's own row says: its model and its `input`.
    #[must_use]
    pub fn of(asked: Asked, model: String, input: &str) -> Self {
        let inputs = items_of(input).iter().map(|item| AuditInput::of(item, &asked.named)).collect();
        Self { generation: asked.generation, org: asked.org, caller: asked.caller, model, inputs }
    }

    /// When the generation was accepted.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        accepted_at(self.generation)
    }

    /// What its texts weigh: who lists many bounds them by this as well as by their number.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// A kind, an id, a hash.
        const INPUT_BYTES: usize = 160;
        let urls = self.inputs.iter().map(|input| INPUT_BYTES + input.url.as_ref().map_or(0, String::len));
        self.model.len() + urls.sum::<usize>()
    }
}

impl AuditInput {
    fn of(item: &Item, named: &Named) -> Self {
        let plain = Self { kind: item.kind, asset: None, sha256: None, url: None };
        match (&item.source, &item.words) {
            (Some(Source::Url(url)), _) => Self { url: Some(without_query(url).to_owned()), ..plain },
            (Some(Source::Asset(id)), _) => {
                let known = named.0.get(id);
                let (sha256, url) = (known.and_then(|known| known.sha256), known.and_then(|known| known.url.clone()));
                Self { asset: Some(*id), sha256, url, ..plain }
            }
            (None, Some(words)) => Self { sha256: Some(Sha256::digest(words.script.as_bytes()).into()), ..plain },
            (None, None) => plain,
        }
    }

    fn to_value(&self) -> Value {
        let mut value = Bytes { sha256: self.sha256, url: self.url.clone() }.to_value(self.asset);
        value["type"] = self.kind.as_str().into();
        value
    }

    fn read(value: &Value) -> Option<Self> {
        let Bytes { sha256, url } = Bytes::read(value)?;
        Some(Self { kind: ItemKind::parse(text_of(value, "type")?)?, asset: asset_id(value)?, sha256, url })
    }
}

impl Bytes {
    fn to_value(&self, asset: Option<AssetId>) -> Value {
        let mut members = Map::new();
        let id = asset.map(|id| id.to_string());
        let texts = [("assetId", id), ("sha256", self.sha256.map(hex::encode)), ("url", self.url.clone())];
        for (name, text) in texts {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.into());
            }
        }
        Value::Object(members)
    }

    fn read(value: &Value) -> Option<Self> {
        let mut sha256 = None;
        if let Some(digits) = text_of(value, "sha256") {
            let mut bytes = [0; 32];
            hex::decode_to_slice(digits, &mut bytes).ok()?;
            sha256 = Some(bytes);
        }
        Some(Self { sha256, url: text_of(value, "url").map(str::to_owned) })
    }
}

/// It was judged when it came in: what is kept can be read.
fn items_of(input: &str) -> Vec<Item> {
    let input = serde_json::from_str(input).unwrap_or(Value::Null);
    parse_items(&input).unwrap_or_default()
}

fn text_of<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// `None` of one that can't be read.
fn asset_id(value: &Value) -> Option<Option<AssetId>> {
    match text_of(value, "assetId") {
        Some(id) => id.parse().ok().map(Some),
        None => Some(None),
    }
}

/// The inputs as one text, to be kept.
#[must_use]
pub fn inputs_text(inputs: &[AuditInput]) -> String {
    Value::Array(inputs.iter().map(AuditInput::to_value).collect()).to_string()
}

/// Reads what [`inputs_text`] has written. `None` where it is something else.
#[must_use]
pub fn read_inputs(text: &str) -> Option<Vec<AuditInput>> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.as_array()?.iter().map(AuditInput::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{AssetKind, InputType};
    use crate::generation::{NewGeneration, Request, accept};
    use crate::ids::MediaId;

    const NOW: Timestamp = Timestamp(1_795_420_800_000);

    fn org() -> OrgId {
        OrgId::new("default")
    }

    fn entry(input: Value, named: &Named) -> AuditEntry {
        let request = Request { model: "sync-3".into(), input: input.to_string(), ..Request::default() };
        let new = NewGeneration { org: org(), request };
        let caller = Caller { key: Some(KeyId(7)), address: "203.0.113.7".parse().ok() };
        let generation = accept(new, GenerationId::new(NOW, [7; 10]), NOW);
        let asked = Asked { generation: generation.id, org: generation.org, caller, named: named.clone() };
        AuditEntry::of(asked, generation.request.model, &generation.request.input)
    }

    fn upload(id: AssetId, sha256: Option<[u8; 32]>) -> Asset {
        let media = MediaId::new(NOW, [1; 10]);
        Asset { sha256, ..Asset::uploaded(id, org(), AssetKind::Video, "v.mp4".into(), media, 9, NOW) }
    }

    #[test]
    fn each_input_is_told_by_its_hash_or_its_url_and_by_no_secret() {
        let (here, elsewhere, unknown) =
            (AssetId::new(NOW, [1; 10]), AssetId::new(NOW, [2; 10]), AssetId::new(NOW, [3; 10]));
        let mut named = Named::default();
        named.add(&upload(here, Some([0xab; 32])));
        let file = AssetFile::Elsewhere("https://cdn.example/a.wav?token=s3cret".into());
        named.add(&Asset { file, input_type: InputType::Url, ..upload(elsewhere, None) });
        assert_eq!(Named::read(&named.to_text()).as_ref(), Some(&named), "as it is kept");
        let provider = serde_json::json!({"name": "elevenlabs", "voiceId": "v", "script": "s3cret"});
        let entry = entry(
            serde_json::json!([
                {"type": "video", "url": "https://cdn.example/v.mp4?X-Signature=s3cret#s3cret"},
                {"type": "image", "url": "https://cdn.example/loses.png", "assetId": here.to_string()},
                {"type": "audio", "assetId": elsewhere.to_string()},
                {"type": "audio", "assetId": unknown.to_string()},
                {"type": "text", "provider": provider},
            ]),
            &named,
        );
        let of =
            |kind, asset, sha256, url: Option<&str>| AuditInput { kind, asset, sha256, url: url.map(str::to_owned) };
        let words = Some(Sha256::digest("s3cret").into());
        assert_eq!(
            entry.inputs,
            [
                of(ItemKind::Video, None, None, Some("https://cdn.example/v.mp4")),
                of(ItemKind::Image, Some(here), Some([0xab; 32]), None),
                of(ItemKind::Audio, Some(elsewhere), None, Some("https://cdn.example/a.wav")),
                of(ItemKind::Audio, Some(unknown), None, None),
                of(ItemKind::Text, None, words, None),
            ]
        );
        assert!(!inputs_text(&entry.inputs).contains("s3cret"));
        let one = named.of(&serde_json::json!([{"type": "audio", "assetId": elsewhere.to_string()}]).to_string());
        assert_eq!(one.0.into_keys().collect::<Vec<_>>(), [elsewhere], "of a batch's assets those of one row");
        assert_eq!((entry.at(), entry.caller.key, entry.model.as_str()), (NOW, Some(KeyId(7)), "sync-3"));
        assert_eq!(read_inputs(&inputs_text(&entry.inputs)), Some(entry.inputs));
    }

    #[test]
    fn what_was_not_written_by_us_is_not_read() {
        for text in ["", "{}", "[1]", "[{}]", r#"[{"type":"gif"}]"#, r#"[{"type":"video","sha256":"ab"}]"#] {
            assert_eq!(read_inputs(text), None, "{text}");
        }
        assert_eq!(read_inputs("[]"), Some(vec![]));
        for text in ["", "{}", "[1]", "[{}]", r#"[{"assetId":"nope"}]"#, r#"[{"sha256":"ab"}]"#] {
            assert_eq!(Named::read(text), None, "{text}");
        }
    }

    #[test]
    fn it_weighs_what_its_texts_do() {
        let url = format!("https://cdn.example/{}", "x".repeat(1_000));
        let light = entry(serde_json::json!([{"type": "video", "url": "https://a.example/"}]), &Named::default());
        let heavy = entry(serde_json::json!([{"type": "video", "url": url}]), &Named::default());
        assert!(heavy.bytes() > light.bytes() + 900);
        assert!(inputs_text(&heavy.inputs).len() <= heavy.bytes(), "a page is bounded by it");
    }
}
