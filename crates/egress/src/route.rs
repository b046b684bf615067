//! A URL made ready to be requested: judged, with its parts in the form that they are used in.
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, Uri};
use postsync_core::egress_rules::{EgressRules, Target};
use postsync_core::outcome::SendError;

use crate::recent::Recent;
use crate::trouble::Trouble;

/// URLs whose route is kept: endpoints without a query of their own per generation.
const ROUTES_MAX: usize = 4_096;

pub(crate) struct Route {
    pub(crate) target: Target,
    /// What connections are shared by: `https://app.example.com:443`.
    pub(crate) key: Arc<str>,
    /// The request target: path and query.
    pub(crate) uri: Uri,
    pub(crate) host: HeaderValue,
}

impl Route {
    /// Judges by the rules in force now: they may have changed since the URL was taken.
    pub(crate) fn new(rules: &EgressRules, url: &str) -> Result<Self, Trouble> {
        let target =
            rules.judge_url(url).map_err(|why| Trouble::new(SendError::AddressNotAllowed, format!("the URL {why}")))?;
        let unsendable =
            |_| Trouble::new(SendError::AddressNotAllowed, "the URL has a character that HTTP can't carry; encode it");
        let uri = Uri::try_from(target.path_and_query.as_str()).map_err(|_| unsendable(()))?;
        let host = HeaderValue::try_from(target.host_header()).map_err(|_| unsendable(()))?;
        let key = format!("{}://{}:{}", target.scheme.as_str(), target.host, target.port).into();
        Ok(Self { target, key, uri, host })
    }
}

/// Routes of URLs that are sent to again and again. The rules do not change while the process lives.
pub(crate) struct Routes(Mutex<Recent<Arc<Route>>>);

impl Routes {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Recent::new(ROUTES_MAX)))
    }

    pub(crate) fn of(&self, rules: &EgressRules, url: &str) -> Result<Arc<Route>, Trouble> {
        if let Some(route) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(url) {
            return Ok(route.clone());
        }
        let route = Arc::new(Route::new(rules, url)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(url.into(), route.clone());
        Ok(route)
    }
}
