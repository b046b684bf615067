//! Assets: one, a page in any order, how many, and what waits to be looked at.
//!
//! One index serves each order, kind by kind; a page merges the kinds that it wants, row by row, and reads no further than it
//! needs. It reads the indexes alone until it knows which assets it shows: a search may look at thousands of names.
use std::iter::Peekable;

use postsync_core::asset::{
    Asset, AssetFile, AssetKind, AssetOrder, AssetPlace, Facts, InputType, Probe, SortBy, SortKey, Visibility,
};
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_engine::ports::{AssetPage, AssetQuery, ProbeLane, ProbeQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

use super::round::round;
use super::rows::{time, unknown, word};
use super::{all, at_most};
use crate::page::{Listed, cut_assets};
use crate::sqlite::words;

macro_rules! asset_columns {
    () => {
        "id, org, kind, name, visibility, input_type, media, url, bytes, sha256, format, duration_ms, width, height, \
         thumbnail, probe, probes, created_at, updated_at"
    };
}

pub(super) use asset_columns;

const ASSET: &str = concat!("SELECT ", asset_columns!(), " FROM assets WHERE id = ?1 AND org = ?2");

const ASSET_OF_ANY: &str = concat!("SELECT ", asset_columns!(), " FROM assets WHERE id = ?1");

const COUNT: &str = "SELECT count FROM asset_counts WHERE org = ?1 AND kind = ?2";

/// The first organization behind one that has something in the lane; and of one what waits longest.
macro_rules! waiting {
    ($what:expr, $lane:literal, $which:literal) => {
        concat!("SELECT ", $what, " FROM assets INDEXED BY ", $lane, " AND probe = 'waiting' AND ", $which)
    };
}
macro_rules! waiting_here {
    ($what:expr, $which:literal) => {
        waiting!($what, "assets_to_probe WHERE media IS NOT NULL", $which)
    };
}
macro_rules! waiting_elsewhere {
    ($what:expr, $which:literal) => {
        waiting!($what, "assets_to_fetch WHERE media IS NULL", $which)
    };
}
const ORG_TO_PROBE: &str = waiting_here!("org", "org > ?1 ORDER BY org LIMIT 1");
const ORG_TO_FETCH: &str = waiting_elsewhere!("org", "org > ?1 ORDER BY org LIMIT 1");
const TO_PROBE: &str = waiting_here!(asset_columns!(), "org = ?1 AND id > x'' ORDER BY id LIMIT ?2");
const TO_FETCH: &str = waiting_elsewhere!(asset_columns!(), "org = ?1 AND id > x'' ORDER BY id LIMIT ?2");

/// ?1 organization, ?2 kind, ?3 and ?4 the place behind which it begins.
macro_rules! listed {
    ($index:literal, $key:literal, $behind:literal, $way:literal) => {
        concat!(
            "SELECT id, name_key, ",
            $key,
            " FROM assets INDEXED BY ",
            $index,
            " WHERE org = ?1 AND kind = ?2 AND (",
            $key,
            ", id) ",
            $behind,
            " (?3, ?4) ORDER BY ",
            $key,
            $way,
            ", id",
            $way
        )
    };
}
/// The same by ids alone; ?3 is not used.
macro_rules! listed_by_id {
    ($behind:literal, $way:literal) => {
        concat!(
            "SELECT id, name_key, kind FROM assets INDEXED BY assets_by_date WHERE org = ?1 AND kind = ?2 AND ?3 IS NOT NULL AND id ",
            $behind,
            " ?4 ORDER BY id",
            $way
        )
    };
}
const BY_DATE: &str = listed_by_id!(">", "");
const BY_DATE_DOWN: &str = listed_by_id!("<", " DESC");
const BY_NAME: &str = listed!("assets_by_name", "name_key", ">", "");
const BY_NAME_DOWN: &str = listed!("assets_by_name", "name_key", "<", " DESC");
const BY_DURATION: &str = listed!("assets_by_duration", "duration_ms", ">", "");
const BY_DURATION_DOWN: &str = listed!("assets_by_duration", "duration_ms", "<", " DESC");
const BY_SIZE: &str = listed!("assets_by_size", "bytes", ">", "");
const BY_SIZE_DOWN: &str = listed!("assets_by_size", "bytes", "<", " DESC");

/// Those of lists, and by what each must find its rows.
#[cfg(test)]
pub(super) const SEARCHES: &[(&str, &str)] = &[
    (BY_DATE, "COVERING INDEX assets_by_date (org=? AND kind=? AND id>?)"),
    (BY_DATE_DOWN, "COVERING INDEX assets_by_date (org=? AND kind=? AND id<?)"),
    (BY_NAME, "COVERING INDEX assets_by_name (org=? AND kind=? AND (name_key,id)>(?,?))"),
    (BY_NAME_DOWN, "COVERING INDEX assets_by_name (org=? AND kind=? AND (name_key,id)<(?,?))"),
    (BY_DURATION, "COVERING INDEX assets_by_duration (org=? AND kind=? AND (duration_ms,id)>(?,?))"),
    (BY_DURATION_DOWN, "COVERING INDEX assets_by_duration (org=? AND kind=? AND (duration_ms,id)<(?,?))"),
    (BY_SIZE, "COVERING INDEX assets_by_size (org=? AND kind=? AND (bytes,id)>(?,?))"),
    (BY_SIZE_DOWN, "COVERING INDEX assets_by_size (org=? AND kind=? AND (bytes,id)<(?,?))"),
];

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    ASSET,
    ASSET_OF_ANY,
    COUNT,
    ORG_TO_PROBE,
    ORG_TO_FETCH,
    TO_PROBE,
    TO_FETCH,
    BY_DATE,
    BY_DATE_DOWN,
    BY_NAME,
    BY_NAME_DOWN,
    BY_DURATION,
    BY_DURATION_DOWN,
    BY_SIZE,
    BY_SIZE_DOWN,
];

/// Below and above every id, as in the lists of generations; the last is also above every number and every text.
const BELOW_ALL: &[u8] = &[];
pub(super) const ABOVE_ALL: &[u8] = &[0xFF; 17];

pub(in crate::sqlite) fn one(conn: &Connection, org: &OrgId, id: AssetId) -> Result<Option<Asset>> {
    conn.prepare_cached(ASSET)?.query_row(params![id.0.as_bytes(), org.as_str()], asset).optional()
}

pub(in crate::sqlite) fn of_any(conn: &Connection, id: AssetId) -> Result<Option<Asset>> {
    conn.prepare_cached(ASSET_OF_ANY)?.query_row([id.0.as_bytes()], asset).optional()
}

pub(in crate::sqlite) fn count(conn: &Connection, org: &OrgId, kinds: &[AssetKind]) -> Result<u64> {
    let mut statement = conn.prepare_cached(COUNT)?;
    let mut sum = 0;
    for kind in AssetKind::ALL.into_iter().filter(|kind| kinds.is_empty() || kinds.contains(kind)) {
        let count: Option<i64> = statement.query_row([org.as_str(), kind.as_str()], |row| row.get(0)).optional()?;
        sum += count.map_or(0, i64::cast_unsigned);
    }
    Ok(sum)
}

pub(in crate::sqlite) fn to_probe(conn: &Connection, query: &ProbeQuery) -> Result<Option<Asset>> {
    let (org_behind, oldest_of) = match query.lane {
        ProbeLane::Stored => (ORG_TO_PROBE, TO_PROBE),
        ProbeLane::Elsewhere => (ORG_TO_FETCH, TO_FETCH),
    };
    let org_behind = |org: &str| conn.prepare_cached(org_behind)?.query_row([org], |row| row.get(0)).optional();
    round(query.after.as_ref(), org_behind, |org| {
        let oldest = all(conn, oldest_of, params![org, at_most(query.not.len() + 1)], asset)?;
        Ok(oldest.into_iter().find(|asset| !query.not.contains(&asset.id)))
    })
}

pub(in crate::sqlite) fn page(conn: &mut Connection, query: &AssetQuery) -> Result<AssetPage> {
    let snapshot = conn.transaction()?;
    let wanted = |kind: &AssetKind| query.kinds.is_empty() || query.kinds.contains(kind);
    let starts = AssetKind::ALL.into_iter().filter(wanted).filter_map(|kind| Some((kind, start(query, kind)?)));
    let starts: Vec<(AssetKind, (Value, Value))> = starts.collect();
    // A statement for each kind: they are read side by side.
    let sql = sql(query.order);
    let mut statements = starts.iter().map(|_| snapshot.prepare_cached(sql)).collect::<Result<Vec<_>>>()?;
    let mut lists = Vec::with_capacity(starts.len());
    for (statement, (kind, (key, id))) in statements.iter_mut().zip(starts) {
        let params = params![query.org.as_str(), kind.as_str(), key, id];
        lists.push(statement.query_map(params, |row| head(row, query.order.by))?.peekable());
    }
    let mut lists = Merged { lists, order: query.order };
    let (heads, next) = cut_assets(std::iter::from_fn(|| lists.next()), query)?;
    let shown = heads.into_iter().filter_map(|head| one(&snapshot, &query.org, head.place.id).transpose());
    Ok(AssetPage { items: shown.collect::<Result<_>>()?, next })
}

/// What an index has of an asset.
struct Head {
    place: AssetPlace,
    name_key: String,
}

impl Listed for Head {
    fn place(&self, _: SortBy) -> AssetPlace {
        self.place.clone()
    }

    fn is_called(&self, text: &str) -> bool {
        self.name_key.contains(text)
    }
}

fn head(row: &Row<'_>, by: SortBy) -> Result<Head> {
    let name_key: String = row.get(1)?;
    let key = match by {
        SortBy::Date => SortKey::Date,
        SortBy::Kind => SortKey::Kind(word(row, 2, AssetKind::parse)?),
        SortBy::Name => SortKey::Name(name_key.clone()),
        SortBy::Duration | SortBy::Size => SortKey::Number(row.get(2)?),
    };
    Ok(Head { place: AssetPlace { key, id: AssetId(row.get(0).map(Uuid::from_bytes)?) }, name_key })
}

fn sql(order: AssetOrder) -> &'static str {
    match (order.by, order.descending) {
        (SortBy::Date | SortBy::Kind, false) => BY_DATE,
        (SortBy::Date | SortBy::Kind, true) => BY_DATE_DOWN,
        (SortBy::Name, false) => BY_NAME,
        (SortBy::Name, true) => BY_NAME_DOWN,
        (SortBy::Duration, false) => BY_DURATION,
        (SortBy::Duration, true) => BY_DURATION_DOWN,
        (SortBy::Size, false) => BY_SIZE,
        (SortBy::Size, true) => BY_SIZE_DOWN,
    }
}

/// Behind which key and id the list of one kind begins; `None` where all of it lies before the place.
fn start(query: &AssetQuery, kind: AssetKind) -> Option<(Value, Value)> {
    let blob = |bytes: &[u8]| Value::Blob(bytes.to_vec());
    let from_the_start = || match (query.order.descending, query.order.by) {
        (true, _) => (blob(ABOVE_ALL), blob(ABOVE_ALL)),
        (false, SortBy::Name) => (Value::Text(String::new()), blob(BELOW_ALL)),
        (false, _) => (Value::Integer(i64::MIN), blob(BELOW_ALL)),
    };
    let Some(AssetPlace { key, id }) = &query.after else { return Some(from_the_start()) };
    let id = blob(id.0.as_bytes());
    match key {
        SortKey::Date => Some((Value::Integer(0), id)),
        SortKey::Number(number) => Some((Value::Integer(*number), id)),
        SortKey::Name(name) => Some((Value::Text(name.clone()), id)),
        SortKey::Kind(at) if kind == *at => Some((Value::Integer(0), id)),
        SortKey::Kind(at) => ((kind > *at) != query.order.descending).then(from_the_start),
    }
}

/// Several lists of one order as one.
struct Merged<I: Iterator> {
    lists: Vec<Peekable<I>>,
    order: AssetOrder,
}

impl<I: Iterator<Item = Result<Head>>> Merged<I> {
    fn next(&mut self) -> Option<Result<Head>> {
        let mut first: Option<(usize, AssetPlace)> = None;
        for (at, list) in self.lists.iter_mut().enumerate() {
            let place = match list.peek() {
                None => continue,
                Some(Ok(head)) => head.place.clone(),
                Some(Err(_)) => return list.next(),
            };
            if first.as_ref().is_none_or(|(_, first)| self.order.compare(&place, first).is_lt()) {
                first = Some((at, place));
            }
        }
        self.lists.get_mut(first?.0)?.next()
    }
}

pub(super) fn asset(row: &Row<'_>) -> Result<Asset> {
    let media = |column| -> Result<Option<MediaId>> {
        Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(|bytes| MediaId(Uuid::from_bytes(bytes))))
    };
    let file = match (media(6)?, row.get::<_, Option<String>>(7)?) {
        (Some(media), _) => AssetFile::Stored(media),
        (None, Some(url)) => AssetFile::Elsewhere(url),
        (None, None) => return Err(unknown(7, "neither a file nor a URL")),
    };
    let facts = Facts {
        format: row.get(10)?,
        duration_ms: known(row, 11)?,
        width: row.get(12)?,
        height: row.get(13)?,
        thumbnail: media(14)?,
    };
    let probe = match row.get_ref(15)?.as_str()? {
        words::WAITING => Probe::Waiting(row.get(16)?),
        words::DONE => Probe::Done,
        words::FAILED => Probe::Failed,
        other => return Err(unknown(15, other)),
    };
    Ok(Asset {
        id: AssetId(row.get(0).map(Uuid::from_bytes)?),
        org: OrgId::new(row.get_ref(1)?.as_str()?),
        kind: word(row, 2, AssetKind::parse)?,
        name: row.get(3)?,
        visibility: word(row, 4, Visibility::parse)?,
        input_type: word(row, 5, InputType::parse)?,
        file,
        bytes: known(row, 8)?,
        sha256: row.get(9)?,
        facts,
        probe,
        created_at: time(row, 17)?,
        updated_at: time(row, 18)?,
    })
}

/// -1 is what is not known.
fn known(row: &Row<'_>, column: usize) -> Result<Option<u64>> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).ok())
}
