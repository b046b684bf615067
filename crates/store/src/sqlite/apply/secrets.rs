//! The secrets of one owner, moved as a whole: which of them stands where, what is new, what ends.
use postsync_core::access::StoredSecret;
use postsync_core::ids::SecretId;
use postsync_core::rotation::{Places, SecretOwner, Signing};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::words::{CURRENT, NEXT, PREVIOUS};

impl Unit<'_> {
    pub(super) fn set_secrets(&mut self, was: Option<Places>, now: &Signing) -> Result<(), Refusal> {
        if self.places(&now.owner)? != was {
            return Err(Refusal::Stale);
        }
        let (org, endpoint) = keys(&now.owner);
        // First nobody stands anywhere, since two may never stand in one place, not even on their way past each other.
        let all = "UPDATE secrets SET place = NULL, expires_at = NULL WHERE org = ?1 AND coalesce(endpoint, '') = ?2";
        self.run(all, params![org, endpoint])?;
        let kept = was.map_or(vec![], Places::ids);
        self.place_secret(now, &kept, CURRENT, &now.current, None)?;
        if let Some(next) = &now.next {
            self.place_secret(now, &kept, NEXT, next, None)?;
        }
        if let Some(previous) = &now.previous {
            self.place_secret(now, &kept, PREVIOUS, &previous.secret, Some(previous.expires_at))?;
        }
        let ended = "DELETE FROM secrets WHERE org = ?1 AND coalesce(endpoint, '') = ?2 AND place IS NULL";
        self.run(ended, params![org, endpoint])?;
        Ok(())
    }

    fn place_secret(
        &mut self,
        now: &Signing,
        kept: &[SecretId],
        place: &'static str,
        secret: &StoredSecret,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let expires_at = expires_at.map(|at| at.0);
        if kept.contains(&secret.id) {
            let moved = "UPDATE secrets SET place = ?2, expires_at = ?3 WHERE id = ?1";
            return self.fenced(moved, params![secret.id.0, place, expires_at]);
        }
        let sealed = self.live_vault()?.seal(&now.owner, secret.id, &secret.secret)?;
        self.run(
            "INSERT INTO secrets (id, org, endpoint, place, key_id, sealed, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                secret.id.0,
                now.owner.org.as_str(),
                now.owner.endpoint.as_ref().map(|endpoint| endpoint.as_str()),
                place,
                self.vault.key_id(),
                sealed,
                secret.created_at.0,
                expires_at
            ],
        )?;
        Ok(())
    }

    fn places(&mut self, owner: &SecretOwner) -> Result<Option<Places>, Refusal> {
        let at = |unit: &mut Self, place: &'static str| {
            let sql = "SELECT id FROM secrets WHERE org = ?1 AND coalesce(endpoint, '') = ?2 AND place = ?3";
            let (org, endpoint) = keys(owner);
            unit.one(sql, params![org, endpoint, place]).map(|id| id.map(SecretId))
        };
        let Some(current) = at(self, CURRENT)? else { return Ok(None) };
        Ok(Some(Places { current, next: at(self, NEXT)?, previous: at(self, PREVIOUS)? }))
    }
}

/// The columns by which an owner's rows are found; no endpoint's id is empty.
fn keys(owner: &SecretOwner) -> (&str, &str) {
    (owner.org.as_str(), owner.endpoint.as_ref().map_or("", |endpoint| endpoint.as_str()))
}
