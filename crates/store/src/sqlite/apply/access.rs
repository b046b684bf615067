//! Organizations, keys: rare, so written plainly.
use postsync_core::access::{AccessChange, ApiKey, Organization, USED_AGAIN_MS};
use postsync_core::ids::KeyId;
use postsync_core::limits::KEYS_MAX;
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

/// Of an organization; revoked ones, of which there may be any number, are not looked at.
const KEYS_WORKING: &str = "SELECT count(*) FROM keys INDEXED BY keys_working WHERE org = ?1 AND revoked_at IS NULL";

impl Unit<'_> {
    pub(super) fn add_organization(&mut self, organization: &Organization) -> Result<(), Refusal> {
        self.fenced(
            "INSERT OR IGNORE INTO organizations (id, name, plan, concurrency, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                organization.id.as_str(),
                organization.name,
                organization.plan,
                organization.concurrency,
                organization.created_at.0
            ],
        )
    }

    /// Counted in the commit that adds it: creates that come at the same moment are not each the last one.
    fn make_key(&mut self, key: &ApiKey) -> Result<(), Refusal> {
        let working: Option<i64> = self.one(KEYS_WORKING, [key.org.as_str()])?;
        if working.is_none_or(|working| working >= KEYS_MAX as i64) {
            return Err(Refusal::Stale);
        }
        self.add_key(key)
    }

    pub(super) fn add_key(&mut self, key: &ApiKey) -> Result<(), Refusal> {
        self.fenced(
            "INSERT OR IGNORE INTO keys (id, org, name, scopes, hash, created_at, revoked_at, last_used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                key.id.0,
                key.org.as_str(),
                key.name,
                key.scopes.to_string(),
                key.hash,
                key.created_at.0,
                key.revoked_at.map(|at| at.0),
                key.last_used_at.map(|at| at.0)
            ],
        )
    }

    pub(super) fn change_access(&mut self, change: &AccessChange) -> Result<(), Refusal> {
        match change {
            AccessChange::Limit { org, was, now } => self.fenced(
                "UPDATE organizations SET plan = ?2, concurrency = ?3 WHERE id = ?1 AND plan IS ?4 AND concurrency IS ?5",
                params![org.as_str(), now.plan, now.concurrency, was.plan, was.concurrency],
            ),
            AccessChange::MakeKey(key) => self.make_key(key),
            AccessChange::Used { id, at } => self.fenced(
                "UPDATE keys SET last_used_at = ?2 WHERE id = ?1 AND coalesce(last_used_at <= ?2 - ?3, 1)",
                params![id.0, at.0, USED_AGAIN_MS],
            ),
        }
    }

    pub(super) fn revoke_key(&mut self, id: KeyId, at: Timestamp) -> Result<(), Refusal> {
        self.fenced("UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL", params![id.0, at.0])
    }
}
