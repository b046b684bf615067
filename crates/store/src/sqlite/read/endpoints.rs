//! Registered endpoints. Their headers are decrypted here, on their way out.
use postsync_core::endpoint::{CustomHeaders, Endpoint, EventFilter, State};
use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::time::Timestamp;
use postsync_engine::ports::StoreError;
use rusqlite::{Connection, Params, Result as SqlResult, Row, params};

use super::{all, at_most, rows};
use crate::sqlite::failure::store_error;
use crate::vault::Vault;

macro_rules! endpoint_columns {
    () => {
        "id, org, url, description, events, key_id, headers, schedule, timeout_ms, per_second, concurrency, state, reason, \
         failing_since, failing_told, created_at, updated_at, version"
    };
}

const OF_ORG: &str = concat!("SELECT ", endpoint_columns!(), " FROM endpoints WHERE org = ?1 ORDER BY id");

const OF_ALL: &str =
    concat!("SELECT ", endpoint_columns!(), " FROM endpoints WHERE (org, id) > (?1, ?2) ORDER BY org, id LIMIT ?3");

/// A step in the index, whatever number of deliveries the one before has.
const NEXT_ON_RECORD: &str = "SELECT org, endpoint FROM deliveries INDEXED BY deliveries_by_endpoint
    WHERE (org, endpoint) > (?1, ?2) ORDER BY org, endpoint LIMIT 1";

/// Behind every endpoint of an organization.
const LAST_ID: &str = "\u{10ffff}";

/// For the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF_ORG, OF_ALL, NEXT_ON_RECORD];

/// A row, with its headers still encrypted.
struct Sealed {
    endpoint: Endpoint,
    key_id: Option<String>,
    headers: Option<Vec<u8>>,
}

pub(in crate::sqlite) fn of_org(conn: &Connection, vault: &Vault, org: &OrgId) -> Result<Vec<Endpoint>, StoreError> {
    open(conn, vault, OF_ORG, [org.as_str()])
}

pub(in crate::sqlite) fn of_all(
    conn: &Connection,
    vault: &Vault,
    after: Option<(OrgId, EndpointId)>,
    limit: usize,
) -> Result<Vec<Endpoint>, StoreError> {
    let (org, id) = after.as_ref().map_or(("", ""), |(org, id)| (org.as_str(), id.as_str()));
    open(conn, vault, OF_ALL, params![org, id, at_most(limit)])
}

/// Registered endpoints that deliveries are on record for, deleted ones too.
pub(in crate::sqlite) fn on_record(
    conn: &Connection,
    after: Option<(OrgId, EndpointId)>,
    limit: usize,
) -> Result<Vec<(OrgId, EndpointId)>, StoreError> {
    let (mut org, mut id) = after.map_or_else(Default::default, |(org, id)| (org.to_string(), id.to_string()));
    let mut found = Vec::new();
    while found.len() < limit {
        let next = all(conn, NEXT_ON_RECORD, params![org, id], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some(next) = next.map_err(|error| store_error(&error))?.pop() else { break };
        (org, id) = next;
        let endpoint = EndpointId::new(&id);
        if endpoint.is_registered() {
            found.push((OrgId::new(&org), endpoint));
        } else {
            // Implicit ones stand behind all others, and there may be many.
            LAST_ID.clone_into(&mut id);
        }
    }
    Ok(found)
}

fn open(conn: &Connection, vault: &Vault, sql: &'static str, params: impl Params) -> Result<Vec<Endpoint>, StoreError> {
    let rows = all(conn, sql, params, sealed).map_err(|error| store_error(&error))?;
    let opened = rows.into_iter().map(|row| {
        let Sealed { endpoint, key_id, headers } = row;
        let (Some(key_id), Some(sealed)) = (key_id, headers) else { return Ok(endpoint) };
        let headers = vault.open_headers(&endpoint.org, &endpoint.id, &key_id, &sealed)?;
        Ok(Endpoint { headers, ..endpoint })
    });
    opened.collect()
}

fn sealed(row: &Row<'_>) -> SqlResult<Sealed> {
    let (events, state, reason): (String, String, Option<String>) = (row.get(4)?, row.get(11)?, row.get(12)?);
    let endpoint = Endpoint {
        id: EndpointId::new(&row.get::<_, String>(0)?),
        org: OrgId::new(&row.get::<_, String>(1)?),
        url: row.get(2)?,
        description: row.get(3)?,
        events: EventFilter::parse(&events).ok_or_else(|| rows::unknown(4, &events))?,
        headers: CustomHeaders::default(),
        terms: rows::terms(row, 7)?,
        per_second: row.get(9)?,
        concurrency: row.get(10)?,
        state: State::parse(&state, reason.as_deref()).ok_or_else(|| rows::unknown(11, &state))?,
        failing_since: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        failing_told: row.get(14)?,
        created_at: Timestamp(row.get(15)?),
        updated_at: Timestamp(row.get(16)?),
        version: row.get(17)?,
    };
    Ok(Sealed { endpoint, key_id: row.get(5)?, headers: row.get(6)? })
}
