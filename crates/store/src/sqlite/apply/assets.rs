//! Assets: rare, so written plainly.
use postsync_core::asset::{Asset, AssetChange, AssetFile, AssetKind, Facts, Probe, search_key};
use postsync_core::ids::{AssetId, OrgId};
use postsync_core::time::Timestamp;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;
use crate::sqlite::words;

macro_rules! insert {
    ($how:literal) => {
        concat!(
            $how,
            " INTO assets (id, org, kind, name, name_key, visibility, input_type, media, url, bytes, sha256, format,
             duration_ms, width, height, thumbnail, probe, probes, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
        )
    };
}
const ADD: &str = insert!("INSERT");
const REGISTER: &str = insert!("INSERT OR IGNORE");

const DESCRIBE: &str = "UPDATE assets SET name = coalesce(?3, name), name_key = coalesce(?4, name_key),
    visibility = coalesce(?5, visibility), updated_at = ?6 WHERE id = ?1 AND org = ?2";

const WAS_REMOVED: &str = "SELECT 1 FROM assets_removed WHERE id = ?1";

const REMEMBER: &str = "INSERT INTO assets_removed (id) VALUES (?1)";

const FORGET_REMOVED: &str = "DELETE FROM assets_removed WHERE id < ?1";

const REMOVE: &str = "DELETE FROM assets WHERE id = ?1 AND org = ?2";

const START_PROBE: &str = "UPDATE assets SET probes = ?2 WHERE id = ?1 AND probes = ?2 - 1 AND probe = 'waiting'";

const RELEASE_PROBE: &str =
    "UPDATE assets SET probes = max(?2 - 1, 0) WHERE id = ?1 AND probes = ?2 AND probe = 'waiting'";

const PROBED: &str = "UPDATE assets SET probe = 'done', kind = coalesce(?2, kind), bytes = coalesce(?3, bytes),
    format = ?4, duration_ms = coalesce(?5, -1), width = ?6, height = ?7, thumbnail = ?8, updated_at = ?9
    WHERE id = ?1 AND probe = 'waiting'";

const NOT_PROBED: &str = "UPDATE assets SET probe = 'failed', kind = coalesce(?2, kind), bytes = coalesce(?3, bytes),
    updated_at = ?4 WHERE id = ?1 AND probe = 'waiting'";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(in crate::sqlite) const STATEMENTS: &[&str] =
    &[DESCRIBE, REMOVE, WAS_REMOVED, FORGET_REMOVED, START_PROBE, RELEASE_PROBE, PROBED, NOT_PROBED];

impl Unit<'_> {
    pub(super) fn add_asset(&mut self, asset: &Asset) -> Result<(), Refusal> {
        self.insert_asset(ADD, asset)
    }

    pub(super) fn asset_change(&mut self, change: &AssetChange) -> Result<(), Refusal> {
        match change {
            AssetChange::Register(asset) => self.register_asset(asset),
            AssetChange::Describe { org, id, to, at } => {
                let (name, key) = (to.name.as_deref(), to.name.as_deref().map(search_key));
                let visibility = to.visibility.map(|visibility| visibility.as_str());
                self.fenced(DESCRIBE, params![id.0.as_bytes(), org.as_str(), name, key, visibility, at.0])
            }
            AssetChange::Remove { org, id, from } => self.remove_asset(org, *id, *from),
            AssetChange::StartProbe { id, tries } => self.fenced(START_PROBE, params![id.0.as_bytes(), tries]),
            AssetChange::ReleaseProbe { id, tries } => self.fenced(RELEASE_PROBE, params![id.0.as_bytes(), tries]),
            AssetChange::Probed { id, kind, bytes, facts, at } => {
                self.probed(*id, (*kind, *bytes), facts.as_ref(), *at)
            }
        }
    }

    fn register_asset(&mut self, asset: &Asset) -> Result<(), Refusal> {
        match self.one(WAS_REMOVED, [asset.id.0.as_bytes()])? {
            Some(_) => Err(Refusal::Stale),
            None => self.insert_asset(REGISTER, asset),
        }
    }

    fn remove_asset(&mut self, org: &OrgId, id: AssetId, from: AssetId) -> Result<(), Refusal> {
        self.fenced(REMOVE, params![id.0.as_bytes(), org.as_str()])?;
        self.run(FORGET_REMOVED, [from.0.as_bytes()])?;
        if id >= from {
            self.run(REMEMBER, [id.0.as_bytes()])?;
        }
        Ok(())
    }

    fn insert_asset(&mut self, sql: &'static str, a: &Asset) -> Result<(), Refusal> {
        let (media, url) = match &a.file {
            AssetFile::Stored(media) => (Some(media.0.into_bytes()), None),
            AssetFile::Elsewhere(url) => (None, Some(url.as_str())),
        };
        let (probe, probes) = match a.probe {
            Probe::Waiting(tries) => (words::WAITING, tries),
            Probe::Done => (words::DONE, 0),
            Probe::Failed => (words::FAILED, 0),
        };
        self.fenced(
            sql,
            params![
                a.id.0.as_bytes(),
                a.org.as_str(),
                a.kind.as_str(),
                a.name,
                search_key(&a.name),
                a.visibility.as_str(),
                a.input_type.as_str(),
                media,
                url,
                a.bytes.map_or(-1, u64::cast_signed),
                a.sha256,
                a.facts.format,
                a.facts.duration_ms.map_or(-1, u64::cast_signed),
                a.facts.width,
                a.facts.height,
                a.facts.thumbnail.map(|id| id.0.into_bytes()),
                probe,
                probes,
                a.created_at.0,
                a.updated_at.0
            ],
        )
    }

    fn probed(
        &mut self,
        id: AssetId,
        (kind, bytes): (Option<AssetKind>, Option<u64>),
        facts: Option<&Facts>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let (kind, bytes) = (kind.map(AssetKind::as_str), bytes.map(u64::cast_signed));
        let Some(facts) = facts else { return self.fenced(NOT_PROBED, params![id.0.as_bytes(), kind, bytes, at.0]) };
        self.fenced(
            PROBED,
            params![
                id.0.as_bytes(),
                kind,
                bytes,
                facts.format,
                facts.duration_ms.map(u64::cast_signed),
                facts.width,
                facts.height,
                facts.thumbnail.map(|id| id.0.into_bytes()),
                at.0
            ],
        )
    }
}
