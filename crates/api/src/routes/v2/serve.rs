//! Serves a stored file to whoever has its token: whole, in parts, or as unchanged.
//!
//! What is served came from users in the end, and is served from our own origin: its type is one of an allow-list, judged
//! by its bytes, and the headers keep a browser from running any of it.
use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use postsync_core::error_code;
use postsync_core::ids::MediaId;
use postsync_core::sniff::{SNIFF_BYTES, sniff};
use postsync_engine::ports::Resolved;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::range::{self, Asked};
use crate::error::ApiError;
use crate::state::ApiState;

/// What of a file is in memory per download.
const CHUNK_BYTES: usize = 64 * 1024;

/// What is served, and under which name it is saved.
pub(crate) struct Served<'a> {
    pub(crate) media: MediaId,
    /// Of letters, digits, `_`, `-` and `.`.
    pub(crate) file_name: &'a str,
}

/// A stored file, or where it lies.
pub(crate) async fn serve(
    state: &ApiState,
    served: Served<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    match state.engine.media().resolve(served.media).await? {
        Resolved::File(path) => file(&path, &served, method, headers).await,
        Resolved::Redirect(url) => {
            let location = HeaderValue::try_from(url).map_err(|_| ApiError::of(error_code::INTERNAL_ERROR))?;
            Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
        }
    }
}

async fn file(path: &Path, served: &Served<'_>, method: &Method, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut file = File::open(path).await.map_err(media_error)?;
    let bytes = file.metadata().await.map_err(media_error)?.len();
    let content_type = content_type(&mut file).await.map_err(media_error)?;
    let etag = format!("\"{}\"", served.media);
    let asked = asked(headers, &etag, bytes);
    let (status, first, length) = match asked {
        _ if is_known(headers, &etag) => (StatusCode::NOT_MODIFIED, 0, 0),
        Asked::Whole => (StatusCode::OK, 0, bytes),
        Asked::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Asked::Outside => return Ok(outside(bytes)),
    };
    let mut response = if status == StatusCode::NOT_MODIFIED || *method == Method::HEAD {
        status.into_response()
    } else {
        file.seek(SeekFrom::Start(first)).await.map_err(media_error)?;
        (status, Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK_BYTES))).into_response()
    };
    let out = response.headers_mut();
    protect(out, content_type, served.file_name);
    out.insert(header::ETAG, text(&etag));
    if status != StatusCode::NOT_MODIFIED {
        out.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Asked::Part { first, last } = asked
        && status == StatusCode::PARTIAL_CONTENT
    {
        out.insert(header::CONTENT_RANGE, text(&format!("bytes {first}-{last}/{bytes}")));
    }
    Ok(response)
}

fn media_error(error: std::io::Error) -> ApiError {
    postsync_engine::ports::MediaError::from(error).into()
}

async fn content_type(file: &mut File) -> std::io::Result<&'static str> {
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    file.take(SNIFF_BYTES as u64).read_to_end(&mut head).await?;
    Ok(sniff(&head).content_type)
}

/// A range counts only for the file that the client has the beginning of.
fn asked(headers: &HeaderMap, etag: &str, bytes: u64) -> Asked {
    let one = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match one(header::IF_RANGE) {
        Some(condition) if condition != etag => Asked::Whole,
        _ => range::read(one(header::RANGE), bytes),
    }
}

/// `*` is known whatever it is: it asks whether there is anything. The header may come more than once.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn outside(bytes: u64) -> Response {
    let mut response = ApiError::of(error_code::RANGE_NOT_SATISFIABLE).into_response();
    response.headers_mut().insert(header::CONTENT_RANGE, text(&format!("bytes */{bytes}")));
    response
}

fn protect(headers: &mut HeaderMap, content_type: &'static str, file_name: &str) {
    let is_media = ["audio/", "video/", "image/"].iter().any(|family| content_type.starts_with(family));
    let disposition = if is_media { "inline" } else { "attachment" };
    let fixed = [
        (header::CONTENT_TYPE, content_type),
        (header::ACCEPT_RANGES, "bytes"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "content-length, content-range, accept-ranges, etag"),
    ];
    for (header, value) in fixed {
        headers.insert(header, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_DISPOSITION, text(&format!("{disposition}; filename=\"{file_name}\"")));
}

/// Of our own making, or of letters, digits, `_` and `-`.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("inline"))
}
