//! The form of `POST /v2/generate`: text fields become the same body that JSON gives, files become uploads.
//!
//! `input` comes repeated, one object each (the Node SDK), or once as an array (the docs). The limits are Sync's.
use std::sync::Arc;

use axum::body::Body;
use futures::{StreamExt as _, TryStreamExt as _};
use postsync_core::idempotency::{Fingerprint, FormPrint, PartPrint};
use postsync_engine::Engine;
use serde_json::{Map, Value};

use super::parts::{FormError, Parts, boundary};
use super::uploads::{Incoming, Slot, Upload};
use crate::body_room::Held;
use crate::error::ApiError;

const FILES_MAX: usize = 3;
const FIELDS_MAX: usize = 32;
const PARTS_MAX: usize = 35;
const FIELD_BYTES_MAX: usize = 1024 * 1024;

/// What a form came to.
#[derive(Debug)]
pub(crate) struct CreateForm {
    pub(crate) body: Map<String, Value>,
    pub(crate) uploads: Vec<Upload>,
    /// What tells this payload from others, where that was asked for.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Room for the body.
    pub(crate) held: Held,
}

/// How a form is read.
#[derive(Clone, Copy)]
pub(crate) struct FormRules {
    /// Largest file.
    pub(crate) file_bytes_max: u64,
    /// Whether it is to be told from others: that costs a hash over every byte.
    pub(crate) fingerprint: bool,
}

/// Reads a whole form. On an error every file of it is gone again.
pub(crate) async fn read(
    content_type: &str,
    body: Body,
    engine: &Arc<Engine>,
    rules: FormRules,
    held: Held,
) -> Result<CreateForm, ApiError> {
    let boundary = boundary(content_type).ok_or_else(|| {
        ApiError::unreadable("The form has no boundary in its Content-Type, so its parts can't be told apart.")
    })?;
    let source = body.into_data_stream().map_err(|error| FormError::of(&error));
    let mut parts = Parts::new(source.fuse(), boundary);
    let mut form = CreateForm { body: Map::new(), uploads: Vec::new(), fingerprint: None, held };
    let mut print = rules.fingerprint.then(FormPrint::default);
    let (mut count, mut fields) = (0, 0);
    while let Some(head) = parts.next().await? {
        count += 1;
        if count > PARTS_MAX {
            return Err(ApiError::form_too_large(format!("The form has more than {PARTS_MAX} parts.")));
        }
        let name = head.name.ok_or_else(|| ApiError::unreadable("A part of the form has no name."))?;
        let mut part = print.is_some().then(PartPrint::default);
        if let Some(slot) = Slot::parse(&name) {
            let file = File { slot, name: head.file_name.unwrap_or_default(), bytes_max: rules.file_bytes_max };
            form.file(&mut parts, file, engine, &mut part).await?;
            note(&mut print, &name, part);
            continue;
        }
        fields += 1;
        if fields > FIELDS_MAX {
            return Err(ApiError::form_too_large(format!("The form has more than {FIELDS_MAX} fields.")));
        }
        let text = field(&mut parts, &name, &mut form.held).await?;
        if let Some(part) = &mut part {
            part.update(text.as_bytes());
        }
        note(&mut print, &name, part);
        form.field(name, text).await?;
    }
    form.fingerprint = print.map(FormPrint::finish);
    Ok(form)
}

/// A part has come whole.
fn note(print: &mut Option<FormPrint>, name: &str, part: Option<PartPrint>) {
    if let (Some(print), Some(part)) = (print, part) {
        print.add(name, part);
    }
}

/// A file of a form, before its bytes.
struct File {
    slot: Slot,
    name: String,
    bytes_max: u64,
}

impl CreateForm {
    async fn file<S>(
        &mut self,
        parts: &mut Parts<S>,
        File { slot, name, bytes_max }: File,
        engine: &Arc<Engine>,
        print: &mut Option<PartPrint>,
    ) -> Result<(), ApiError>
    where
        S: futures::Stream<Item = Result<bytes::Bytes, FormError>> + Unpin,
    {
        if self.uploads.len() >= FILES_MAX {
            return Err(ApiError::form_too_large(format!("The form has more than {FILES_MAX} files.")));
        }
        let field = slot.as_str();
        if self.uploads.iter().any(|upload| upload.slot == slot) {
            return Err(ApiError::unreadable(format!("{field} stands more than once in the form.")).with_field(field));
        }
        let mut incoming = Incoming::create(engine).await?;
        let mut bytes = 0;
        while let Some(chunk) = parts.chunk().await? {
            bytes = incoming.write(&chunk).await?;
            if let Some(print) = print {
                print.update(&chunk);
            }
            if bytes > bytes_max {
                let message = format!("{field} is larger than the {bytes_max} bytes that this server takes.");
                return Err(ApiError::form_too_large(message).with_field(field));
            }
        }
        // A browser's form with no file chosen.
        if bytes == 0 && name.is_empty() {
            return Ok(());
        }
        let upload = incoming.finish(slot, name).await?;
        self.uploads.push(upload.ok_or_else(|| not_such_a_file(slot))?);
        Ok(())
    }

    async fn field(&mut self, name: String, text: String) -> Result<(), ApiError> {
        match name.as_str() {
            "input" => self.input(&text).await,
            "model" => self.set(name, Value::String(text)),
            // An empty field of a form is one that was not filled in.
            _ if text.is_empty() => self.set(name, Value::Null),
            "options" | "segments" | "postsync" => {
                let value = self.json(&name, &text).await?;
                self.set(name, value)
            }
            _ => self.set(name, Value::String(text)),
        }
    }

    async fn input(&mut self, text: &str) -> Result<(), ApiError> {
        let items = match self.json("input", text).await? {
            Value::Array(items) => items,
            item => vec![item],
        };
        let all = self.body.entry("input").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(all) = all {
            all.extend(items);
        }
        Ok(())
    }

    async fn json(&mut self, name: &str, text: &str) -> Result<Value, ApiError> {
        let parsed = self.held.parse(text.as_bytes()).await?;
        parsed.map_err(|why| ApiError::unreadable(format!("{name} must be JSON text: {why}")).with_field(name))
    }

    fn set(&mut self, name: String, value: Value) -> Result<(), ApiError> {
        if self.body.contains_key(&name) {
            let message = format!("The field {} stands more than once in the form.", crate::json::plain(&name));
            return Err(ApiError::unreadable(message).with_field(&crate::json::plain(&name)));
        }
        self.body.insert(name, value);
        Ok(())
    }
}

async fn field<S>(parts: &mut Parts<S>, name: &str, held: &mut Held) -> Result<String, ApiError>
where
    S: futures::Stream<Item = Result<bytes::Bytes, FormError>> + Unpin,
{
    let shown = || crate::json::plain(name);
    let mut text = Vec::new();
    while let Some(chunk) = parts.chunk().await? {
        if text.len() + chunk.len() > FIELD_BYTES_MAX {
            let message = format!("The field {} is larger than {FIELD_BYTES_MAX} bytes.", shown());
            return Err(ApiError::form_too_large(message).with_field(&shown()));
        }
        held.grow(chunk.len())?;
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|_| {
        let message = format!("The field {} is not text. Files go into the fields video, audio and image.", shown());
        ApiError::unreadable(message).with_field(&shown())
    })
}

fn not_such_a_file(slot: Slot) -> ApiError {
    let field = slot.as_str();
    let wanted = match slot {
        Slot::Video => "a video file (mp4, mov, webm, mkv, avi)",
        Slot::Audio => "an audio file (wav, mp3, m4a, aac, flac, ogg) or a video with sound",
        Slot::Image => "an image file (png, jpeg, webp)",
    };
    let message =
        format!("{field} is not {wanted}, judged by its first bytes. (curl sends a file by -F {field}=@FILE.)");
    ApiError::unreadable(message).with_field(field)
}

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Malformed(why) => Self::unreadable(format!("The form can't be read: {why}.")),
            FormError::Broken => Self::unreadable("The form did not arrive whole."),
            // No 408: the SDKs send that again, and can't send a form twice; their users would read of that, not of this.
            FormError::Slow => {
                Self::unreadable("The form did not arrive whole: it stopped coming, or came too slowly.")
            }
        }
    }
}
