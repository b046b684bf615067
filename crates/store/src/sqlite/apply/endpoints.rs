//! Registered endpoints: rare, so written plainly. Their headers are secrets of their owner.
use postsync_core::endpoint::Endpoint;
use postsync_core::ids::{EndpointId, OrgId};
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::words;

/// Another one with the same id or URL leaves it out, and so the list is stale.
const ADD: &str =
    "INSERT OR IGNORE INTO endpoints (id, org, url, url_key, description, events, key_id, headers, schedule,
    timeout_ms, per_second, concurrency, state, reason, failing_since, failing_told, created_at, updated_at, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

const CHANGE: &str =
    "UPDATE OR IGNORE endpoints SET url = ?3, url_key = ?4, description = ?5, events = ?6, key_id = ?7,
    headers = ?8, schedule = ?9, timeout_ms = ?10, per_second = ?11, concurrency = ?12, state = ?13, reason = ?14,
    failing_since = ?15, failing_told = ?16, created_at = ?17, updated_at = ?18, version = ?19
    WHERE org = ?2 AND id = ?1 AND version = ?19 - 1";

impl Unit<'_> {
    pub(super) fn add_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), Refusal> {
        self.put_endpoint(ADD, endpoint)
    }

    pub(super) fn change_endpoint(&mut self, endpoint: &Endpoint) -> Result<(), Refusal> {
        self.put_endpoint(CHANGE, endpoint)
    }

    /// With its secrets: nobody could rotate or see them any more.
    pub(super) fn remove_endpoint(&mut self, org: &OrgId, id: &EndpointId) -> Result<(), Refusal> {
        let ids = params![org.as_str(), id.as_str()];
        self.fenced("DELETE FROM endpoints WHERE org = ?1 AND id = ?2", ids)?;
        self.run("DELETE FROM secrets WHERE org = ?1 AND coalesce(endpoint, '') = ?2", ids)?;
        Ok(())
    }

    fn put_endpoint(&mut self, sql: &'static str, e: &Endpoint) -> Result<(), Refusal> {
        let sealed = self.vault.seal_headers(&e.org, &e.id, &e.headers)?;
        self.fenced(
            sql,
            params![
                e.id.as_str(),
                e.org.as_str(),
                e.url,
                e.url_key(),
                e.description,
                e.events.stored(),
                sealed.as_ref().map(|_| self.vault.key_id()),
                sealed,
                words::schedule(&e.terms),
                words::timeout_ms(&e.terms),
                e.per_second,
                e.concurrency,
                e.state.as_str(),
                e.state.reason().map(|reason| reason.as_str()),
                e.failing_since.map(|at| at.0),
                e.failing_told,
                e.created_at.0,
                e.updated_at.0,
                e.version
            ],
        )
    }
}
