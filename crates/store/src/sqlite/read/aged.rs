//! What is old enough to be asked whether it may go: pages from the left edge of each table, in the order of their keys.
use postsync_core::ids::{AssetId, DeliveryId, EventId, MediaId};
use postsync_core::retention::Standing;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{AgedAsset, AgedDelivery, AgedEvent, AgedOutput};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, Result, Row, params};
use uuid::Uuid;

use super::{all, at_most};
use crate::sqlite::words;

/// Of the event `e`. Those about a generation are found by that; the others have an index of their own, since they are few.
macro_rules! has_delivery {
    () => {
        "(EXISTS (SELECT 1 FROM deliveries d INDEXED BY deliveries_by_generation
            WHERE d.generation = e.generation AND d.event = e.id)
          OR EXISTS (SELECT 1 FROM deliveries d INDEXED BY deliveries_by_event
            WHERE d.generation IS NULL AND d.event = e.id))"
    };
}
pub(in crate::sqlite) use has_delivery;

/// The length of a blob is read without the blob.
const DELIVERIES: &str = "SELECT id, status, replayed_at IS NOT NULL, attempts,
    coalesce((SELECT length(e.body) FROM events e WHERE e.id = d.event), 0)
    + (SELECT coalesce(sum(coalesce(length(a.headers), 0) + coalesce(length(a.body), 0)), 0) FROM attempts a WHERE a.delivery = d.id)
    FROM deliveries d WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";

const EVENTS: &str = concat!(
    "SELECT e.id, ",
    has_delivery!(),
    ", length(e.body) FROM events e WHERE e.id > ?1 AND e.id < ?2 ORDER BY e.id LIMIT ?3"
);

const OUTPUTS: &str = "SELECT g.output_media,
    EXISTS (SELECT 1 FROM deliveries d INDEXED BY deliveries_by_generation WHERE d.generation = g.id)
    FROM generations g INDEXED BY generations_by_media
    WHERE g.output_media > ?1 AND g.output_media < ?2 ORDER BY g.output_media LIMIT ?3";

const ASSETS: &str = "SELECT id, media, thumbnail FROM assets WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3";

const REMOVED_OUTPUTS: &str = "SELECT value FROM counters WHERE name = 'outputs'";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[DELIVERIES, EVENTS, OUTPUTS, ASSETS, REMOVED_OUTPUTS];

pub(in crate::sqlite) fn deliveries(
    conn: &Connection,
    after: Option<DeliveryId>,
    before: DeliveryId,
    limit: usize,
) -> Result<Vec<AgedDelivery>> {
    let after = after.map_or(i64::MIN, |id| id.0);
    all(conn, DELIVERIES, params![after, before.0, at_most(limit)], |row| {
        Ok(AgedDelivery {
            id: DeliveryId(row.get(0)?),
            standing: standing(row)?,
            attempts: row.get(3)?,
            bytes: bytes(row, 4)?,
        })
    })
}

fn bytes(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

fn standing(row: &Row<'_>) -> Result<Standing> {
    match (row.get_ref(1)?.as_str()?, row.get(2)?) {
        (words::DUE | words::PARKED, _) => Ok(Standing::Open),
        (words::DELIVERED, _) => Ok(Standing::Delivered),
        (words::EXHAUSTED, false) => Ok(Standing::Exhausted),
        (words::EXHAUSTED, true) => Ok(Standing::Replayed),
        (other, _) => Err(Error::FromSqlConversionFailure(1, Type::Text, format!("no status: {other}").into())),
    }
}

pub(in crate::sqlite) fn events(
    conn: &Connection,
    after: Option<EventId>,
    before: EventId,
    limit: usize,
) -> Result<Vec<AgedEvent>> {
    let after = after.map_or(i64::MIN, |id| id.0);
    all(conn, EVENTS, params![after, before.0, at_most(limit)], |row| {
        Ok(AgedEvent { id: EventId(row.get(0)?), has_delivery: row.get(1)?, bytes: bytes(row, 2)? })
    })
}

pub(in crate::sqlite) fn outputs(
    conn: &Connection,
    after: MediaId,
    before: MediaId,
    limit: usize,
) -> Result<Vec<AgedOutput>> {
    let params = params![after.0.as_bytes(), before.0.as_bytes(), at_most(limit)];
    all(conn, OUTPUTS, params, |row| {
        Ok(AgedOutput { id: MediaId(Uuid::from_bytes(row.get(0)?)), is_named: row.get(1)? })
    })
}

pub(in crate::sqlite) fn assets(
    conn: &Connection,
    after: Option<AssetId>,
    before: AssetId,
    limit: usize,
) -> Result<Vec<AgedAsset>> {
    // Below every id there is.
    let after = after.map_or(Uuid::nil(), |id| id.0);
    all(conn, ASSETS, params![after.as_bytes(), before.0.as_bytes(), at_most(limit)], |row| {
        let media = |column| -> Result<Option<MediaId>> {
            Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|bytes| MediaId(Uuid::from_bytes(bytes))))
        };
        let id = AssetId(row.get(0).map(Uuid::from_bytes)?);
        Ok(AgedAsset { id, media: media(1)?, thumbnail: media(2)? })
    })
}

pub(in crate::sqlite) fn removed_outputs(conn: &Connection) -> Result<Timestamp> {
    conn.prepare_cached(REMOVED_OUTPUTS)?.query_row([], |row| row.get(0).map(Timestamp))
}
