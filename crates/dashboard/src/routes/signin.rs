//! `/signin`, `/signout`: a key for a session.
//!
//! Promise: the session gets a new text at each sign-in, so one that was planted before is worth nothing; a form counts only with the
//! cookie of the browser that loaded it; a failure counts as one over the API does.
use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use postsync_core::access::{Scope, key_hash};

use crate::assets::{PATHS, Paths};
use crate::cookies::{self, FORM, SESSION};
use crate::form::{self, CSRF, Sent};
use crate::frame::{go_to, page_as};
use crate::links;
use crate::problem::Problem;
use crate::query::Fields;
use crate::state::{Dashboard, Peer};

#[derive(Template)]
#[template(path = "signin.html")]
struct Page<'a> {
    paths: &'a Paths,
    csrf: &'a str,
    next: &'a str,
    wrong: Option<&'a str>,
}

pub(crate) async fn form(State(state): State<Dashboard>, query: Fields) -> Result<Response, Problem> {
    blank(&state, StatusCode::OK, query.text("next"), None)
}

/// A form of its own, with the cookie that goes with it.
pub(crate) fn blank(
    state: &Dashboard,
    status: StatusCode,
    next: &str,
    wrong: Option<&str>,
) -> Result<Response, Problem> {
    let csrf = state.secret_text();
    let next = if links::is_ours(next) { next } else { "/" };
    let mut response = page_as(status, &Page { paths: &PATHS, csrf: &csrf, next, wrong })?;
    response.headers_mut().append(SET_COOKIE, cookies::set(FORM, &csrf, state.is_https()));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Form"));
    }
    Ok(response)
}

pub(crate) async fn sign_in(State(state): State<Dashboard>, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let from = request.extensions().get().map(|Peer(from)| *from);
    let fields = form::read(request).await?;
    let next = fields.text("next");
    let cookie = cookies::read(&headers, FORM, state.is_https());
    if !cookie.is_some_and(|cookie| form::same(cookie, fields.text(CSRF))) {
        let wrong = "This form was too old, or this browser takes no cookies. Try again.";
        return blank(&state, StatusCode::FORBIDDEN, next, Some(wrong));
    }
    let key = key_hash(fields.text("key"));
    let Some(holder) = state.api.key_holder(key).await.map_err(|why| Problem::failed(&why))? else {
        if let Some(from) = from {
            state.api.count_failed_sign_in(from).map_err(Problem::too_many_sign_ins)?;
        }
        return blank(&state, StatusCode::UNAUTHORIZED, next, Some("That key does not work."));
    };
    if !holder.scopes.allow(Scope::Read) {
        let wrong = "That key lacks the scope read, which these pages need.";
        return blank(&state, StatusCode::FORBIDDEN, next, Some(wrong));
    }
    Ok(begin(&state, &headers, key, next))
}

fn begin(state: &Dashboard, headers: &HeaderMap, key: [u8; 32], next: &str) -> Response {
    if let Some(before) = cookies::read(headers, SESSION, state.is_https()) {
        state.sessions.end(before);
    }
    let text = state.secret_text();
    state.sessions.begin(&text, key, state.secret_text(), state.engine.clock().steady());
    let mut response = go_to(if links::is_ours(next) { next } else { "/" });
    response.headers_mut().append(SET_COOKIE, cookies::set(SESSION, &text, state.is_https()));
    response.headers_mut().append(SET_COOKIE, cookies::set(FORM, "", state.is_https()));
    response
}

pub(crate) async fn sign_out(State(state): State<Dashboard>, headers: HeaderMap, sent: Sent) -> Response {
    drop(sent);
    if let Some(text) = cookies::read(&headers, SESSION, state.is_https()) {
        state.sessions.end(text);
    }
    let mut response = go_to("/signin");
    response.headers_mut().append(SET_COOKIE, cookies::set(SESSION, "", state.is_https()));
    response
}
