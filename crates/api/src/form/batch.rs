//! The form of `POST /v2/batch`: one file of records, and two fields. The file is read into memory, for it is small.
use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use postsync_core::batch::Rows;
use postsync_core::limits::BATCH_BYTES_MAX;

use super::parts::{FormError, Parts, boundary};
use crate::body_room::Held;
use crate::error::ApiError;

/// Parts of the form: its own, and some that nobody reads.
const PARTS_MAX: usize = 16;

/// A field's text: a URL at most.
const FIELD_BYTES_MAX: usize = 16 * 1024;

/// What the form came to.
#[derive(Debug)]
pub(crate) struct BatchForm {
    /// The records, one on each line.
    pub(crate) lines: Option<Vec<u8>>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) dry_run: Option<String>,
    /// Room for the body.
    pub(crate) held: Held,
}

/// Reads a whole form.
pub(crate) async fn read_batch(content_type: &str, body: Body, held: Held) -> Result<BatchForm, ApiError> {
    let boundary = boundary(content_type).ok_or_else(|| {
        ApiError::unreadable("The form has no boundary in its Content-Type, so its parts can't be told apart.")
    })?;
    let source = body.into_data_stream().map_err(|error| FormError::of(&error));
    let mut parts = Parts::new(source.fuse(), boundary);
    let mut form = BatchForm { lines: None, webhook_url: None, dry_run: None, held };
    let mut count = 0;
    while let Some(head) = parts.next().await? {
        count += 1;
        if count > PARTS_MAX {
            return Err(ApiError::form_too_large(format!("The form has more than {PARTS_MAX} parts.")));
        }
        match head.name.as_deref() {
            Some("input" | "file") => once(&mut form.lines, "input", file(&mut parts, &mut form.held).await?)?,
            Some("webhook_url" | "webhookUrl") => {
                let text = field(&mut parts, "webhook_url").await?;
                once(&mut form.webhook_url, "webhook_url", text)?;
            }
            Some("dry_run" | "dryRun") => {
                let text = field(&mut parts, "dry_run").await?;
                once(&mut form.dry_run, "dry_run", text)?;
            }
            Some(_) => drop(field(&mut parts, "a field").await?),
            None => return Err(ApiError::unreadable("A part of the form has no name.")),
        }
    }
    Ok(form)
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), ApiError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ApiError::unreadable(format!("{name} stands more than once in the form.")).with_field(name)),
    }
}

async fn file<S>(parts: &mut Parts<S>, held: &mut Held) -> Result<Vec<u8>, ApiError>
where
    S: Stream<Item = Result<Bytes, FormError>> + Unpin,
{
    let mut lines = Vec::new();
    while let Some(chunk) = parts.chunk().await? {
        held.grow(chunk.len())?;
        lines.extend_from_slice(&chunk);
        if lines.len() > BATCH_BYTES_MAX {
            return Err(Rows::too_large(line_of(&lines)).into());
        }
    }
    Ok(lines)
}

/// The line, from 1, on which such a text ends.
fn line_of(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count() + 1
}

async fn field<S>(parts: &mut Parts<S>, name: &str) -> Result<String, ApiError>
where
    S: Stream<Item = Result<Bytes, FormError>> + Unpin,
{
    let mut text = Vec::new();
    while let Some(chunk) = parts.chunk().await? {
        if text.len() + chunk.len() > FIELD_BYTES_MAX {
            let message = format!("{name} is larger than {FIELD_BYTES_MAX} bytes.");
            return Err(ApiError::form_too_large(message).with_field(name));
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|_| ApiError::unreadable(format!("{name} is not UTF-8 text.")).with_field(name))
}
