//! The files of the pages, inside the binary: a style, a script, htmx, an icon. Their names change with their contents, so that a
//! browser keeps them for good and never mixes two versions.
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use postsync_core::access::key_hash;

use crate::problem::Problem;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/app.js");
const HTMX: &str = include_str!("../assets/htmx-2.0.11.min.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// The paths as pages name them.
pub(crate) struct Paths {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) htmx: String,
    pub(crate) icon: String,
}

pub(crate) static PATHS: LazyLock<Paths> = LazyLock::new(|| Paths {
    style: path("style", "css", STYLE),
    script: path("app", "js", SCRIPT),
    htmx: path("htmx", "js", HTMX),
    icon: path("icon", "svg", ICON),
});

fn path(name: &str, kind: &str, text: &str) -> String {
    format!("/static/{name}-{}.{kind}", hex::encode(&key_hash(text)[..6]))
}

/// `GET /static/{file}`: needs no session.
pub(crate) async fn get(Path(file): Path<String>) -> Result<Response, Problem> {
    let asked = format!("/static/{file}");
    let (text, kind) = match asked {
        _ if asked == PATHS.style => (STYLE, "text/css; charset=utf-8"),
        _ if asked == PATHS.script => (SCRIPT, "text/javascript; charset=utf-8"),
        _ if asked == PATHS.htmx => (HTMX, "text/javascript; charset=utf-8"),
        _ if asked == PATHS.icon => (ICON, "image/svg+xml"),
        _ => return Err(Problem::not_found("There is no such file.")),
    };
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], text).into_response())
}
