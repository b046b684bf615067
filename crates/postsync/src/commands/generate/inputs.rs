//! What the command line asks for, judged before anybody is asked for anything: files that are not there, or that no generator could
//! read, cost no upload.
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum as _;
use postsync_core::asset::AssetKind;
use postsync_core::limits::ASSET_NAME_CHARS_MAX;
use postsync_core::sniff::{SNIFF_BYTES, sniff};
use serde_json::{Map, Value, json};
use url::Url;

use super::GenerateArgs;
use crate::commands::output;

/// The longest id that a server may give: it becomes part of a path.
const ID_CHARS_MAX: usize = 128;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Wanted {
    New(Box<New>),
    /// One that was begun before, by its id.
    Begun(String),
}

/// What is to be made.
#[derive(Debug)]
pub(super) struct New {
    pub(super) visual: Medium,
    pub(super) voice: Voice,
    pub(super) options: Option<Value>,
}

/// What says it.
#[derive(Debug)]
pub(super) enum Voice {
    Medium(Medium),
    Text { script: String, voice: String },
}

/// What is seen or heard.
#[derive(Debug)]
pub(super) struct Medium {
    /// The item's type: `video`, `image` or `audio`.
    pub(super) kind: &'static str,
    pub(super) at: Place,
}

/// Where it is.
#[derive(Debug)]
pub(super) enum Place {
    /// Anywhere; the server fetches it.
    Url(Url),
    Here(LocalFile),
}

/// A file on this machine.
#[derive(Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    /// As the server shows it.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) content_type: String,
}

/// Judges all of it.
pub(super) fn judge(args: &GenerateArgs) -> anyhow::Result<Wanted> {
    let wanted = wanted(args)?;
    if let Some(output) = output(args, &wanted) {
        ensure!(args.force || !output.exists(), "{} exists; --force replaces it, -o names another", output.display());
        output::judge(&output)?;
    }
    Ok(wanted)
}

fn wanted(args: &GenerateArgs) -> anyhow::Result<Wanted> {
    if let Some(begun) = &args.resume {
        return Ok(Wanted::Begun(id(begun).with_context(|| format!("--resume: {begun:?} is no generation's id"))?));
    }
    let visual = visual(args.visual.as_deref().context("VIDEO is missing")?)?;
    let voice = match (&args.text, &args.voice, &args.audio) {
        (Some(script), Some(voice), _) => Voice::Text { script: script.clone(), voice: voice.clone() },
        (_, _, Some(audio)) => Voice::Medium(audio_of(audio)?),
        _ => bail!("AUDIO is missing, or --text with --voice"),
    };
    Ok(Wanted::New(Box::new(New { visual, voice, options: options(args)? })))
}

/// The id, where it can be one.
pub(super) fn id(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    ((1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

/// The file to write; `None` where none is.
pub(super) fn output(args: &GenerateArgs, wanted: &Wanted) -> Option<PathBuf> {
    if args.no_wait || args.no_download {
        return None;
    }
    let default = || match wanted {
        Wanted::Begun(id) => format!("{id}.mp4"),
        Wanted::New(new) => format!("{}-synced.mp4", new.visual.stem()),
    };
    Some(args.output.clone().unwrap_or_else(|| default().into()))
}

impl New {
    /// Whether anything of it is to be uploaded.
    pub(super) fn has_files(&self) -> bool {
        self.visual.is_here() || matches!(&self.voice, Voice::Medium(audio) if audio.is_here())
    }
}

impl Medium {
    fn is_here(&self) -> bool {
        matches!(self.at, Place::Here(_))
    }

    /// Its name without the extension; what a URL says is cut to what is harmless in a name.
    fn stem(&self) -> String {
        let name = match &self.at {
            Place::Here(file) => file.name.clone(),
            Place::Url(url) => {
                url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default().to_owned()
            }
        };
        let stem = Path::new(&name).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = |c: char| if c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-') { c } else { '_' };
        let stem: String = stem.trim_start_matches(['.', '-']).chars().take(100).map(plain).collect();
        if stem.is_empty() { "generation".to_owned() } else { stem }
    }
}

fn visual(text: &str) -> anyhow::Result<Medium> {
    match place(text)? {
        Ok(url) => {
            let path = url.path().to_ascii_lowercase();
            let is_picture = [".png", ".jpg", ".jpeg", ".webp"].iter().any(|end| path.ends_with(end));
            Ok(Medium { kind: if is_picture { "image" } else { "video" }, at: Place::Url(url) })
        }
        Err(path) => {
            let (file, kind) = local(path)?;
            let kind = match kind {
                AssetKind::Video => "video",
                AssetKind::Image => "image",
                AssetKind::Audio => bail!("{} is sound: VIDEO comes first, then AUDIO", file.path.display()),
            };
            Ok(Medium { kind, at: Place::Here(file) })
        }
    }
}

fn audio_of(text: &str) -> anyhow::Result<Medium> {
    let at = match place(text)? {
        Ok(url) => Place::Url(url),
        Err(path) => {
            let (mut file, kind) = local(path)?;
            ensure!(kind != AssetKind::Image, "{} is a picture: VIDEO comes first, then AUDIO", file.path.display());
            // A video's sound is what is used.
            file.content_type = file.content_type.replace("video/", "audio/");
            Place::Here(file)
        }
    };
    Ok(Medium { kind: "audio", at })
}

fn place(text: &str) -> anyhow::Result<Result<Url, PathBuf>> {
    let Some((scheme, _)) = text.split_once("://") else { return Ok(Err(text.into())) };
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    ensure!(is_web, "{text}: a URL begins with https://, and what does not is a file");
    Ok(Ok(Url::parse(text).with_context(|| format!("{text} is no URL"))?))
}

/// A file as the server will judge it: by its first bytes.
fn local(path: PathBuf) -> anyhow::Result<(LocalFile, AssetKind)> {
    let shown = path.display().to_string();
    let metadata = path.metadata().with_context(|| format!("{shown} can't be read"))?;
    ensure!(metadata.is_file(), "{shown} is not a file");
    ensure!(metadata.len() > 0, "{shown} is empty");
    let mut head = Vec::new();
    let file = File::open(&path).with_context(|| format!("{shown} can't be read"))?;
    file.take(SNIFF_BYTES as u64).read_to_end(&mut head).with_context(|| format!("{shown} can't be read"))?;
    let sniffed = sniff(&head);
    let kind = sniffed.kind.with_context(|| {
        format!(
            "{shown} is neither a video (mp4, mov, webm, mkv, avi), a picture (jpeg, png, webp) nor speech (wav, mp3, m4a, aac, ogg, \
             flac), judged by its first bytes"
        )
    })?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.chars().filter(|c| !c.is_control()).take(ASSET_NAME_CHARS_MAX).collect();
    let content_type = sniffed.content_type.to_owned();
    Ok((LocalFile { name, bytes: metadata.len(), content_type, path }, kind))
}

/// `options` of the request: what --options says, and what has a flag of its own.
fn options(args: &GenerateArgs) -> anyhow::Result<Option<Value>> {
    let mut all: Map<String, Value> = match &args.options {
        Some(text) => {
            serde_json::from_str(text).context("--options: a JSON object is wanted, as {\"sync_mode\":\"loop\"}")?
        }
        None => Map::new(),
    };
    if let Some(mode) = args.sync_mode.and_then(|mode| mode.to_possible_value()) {
        all.insert("sync_mode".to_owned(), json!(mode.get_name()));
    }
    if let Some(temperature) = args.temperature {
        ensure!((0.0..=1.0).contains(&temperature), "--temperature goes from 0 to 1");
        all.insert("temperature".to_owned(), json!(temperature));
    }
    Ok((!all.is_empty()).then_some(Value::Object(all)))
}
