//! Who looks at a page: the session of the browser, judged anew at each request by its key.
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use postsync_core::access::Scope;
use postsync_core::ids::OrgId;

use crate::api::KeyHolder;
use crate::cookies;
use crate::frame::Frame;
use crate::links;
use crate::problem::Problem;
use crate::sessions::Session;
use crate::state::Dashboard;

/// Somebody whose key works.
pub(crate) struct Viewer {
    pub(crate) session: Session,
    pub(crate) holder: KeyHolder,
}

impl Viewer {
    pub(crate) fn org(&self) -> &OrgId {
        &self.holder.org
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.holder.scopes.allow(scope)
    }

    pub(crate) fn must(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) { Ok(()) } else { Err(Problem::forbidden(scope)) }
    }

    /// What surrounds a page of that name.
    pub(crate) fn frame(&self, title: &str, section: &'static str) -> Frame {
        Frame {
            title: title.to_owned(),
            section,
            csrf: self.session.csrf.clone(),
            org: self.org().to_string(),
            may_generate: self.may(Scope::Generate),
            said: None,
            wrong: None,
        }
    }
}

/// The viewer behind these headers; `None` where nobody is signed in.
pub(crate) async fn find(state: &Dashboard, parts: &Parts) -> Result<Option<Viewer>, Problem> {
    let Some(text) = cookies::read(&parts.headers, cookies::SESSION, state.is_https()) else { return Ok(None) };
    let Some(session) = state.sessions.find(text, state.engine.clock().steady()) else { return Ok(None) };
    let holder = state.api.key_holder(session.key).await.map_err(|why| Problem::failed(&why))?;
    let Some(holder) = holder else {
        // Revoked: it does not come back.
        state.sessions.end(text);
        return Ok(None);
    };
    Ok(Some(Viewer { session, holder }))
}

impl FromRequestParts<Dashboard> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Dashboard) -> Result<Self, Problem> {
        let viewer = find(state, parts).await?.ok_or_else(|| Problem::sign_in(links::back_to(&parts.uri)))?;
        viewer.must(Scope::Read)?;
        Ok(viewer)
    }
}
