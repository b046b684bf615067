//! What waits for a generator, by whose turn it is. Every step is one look into an index: of an organization, a lane or a row.
use std::collections::BTreeSet;

use postsync_core::ids::GenerationId;
use postsync_engine::ports::{TurnPage, TurnQuery};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Params, Result, params};
use uuid::Uuid;

use super::generations;
use crate::turns::{Work, share_out};

const ORG_BEHIND: &str = "SELECT org FROM work INDEXED BY work_by_turn WHERE model = ?1 AND org > ?2
    ORDER BY org LIMIT 1";

const LANE_BEHIND: &str = "SELECT batch FROM work INDEXED BY work_by_turn WHERE model = ?1 AND org = ?2 AND batch > ?3
    ORDER BY batch LIMIT 1";

/// No batch at all is the first lane, and nothing lies in front of it.
const FIRST_LANE: &str = "SELECT batch FROM work INDEXED BY work_by_turn WHERE model = ?1 AND org = ?2
    ORDER BY batch LIMIT 1";

const OF_LANE: &str = "SELECT id FROM work INDEXED BY work_by_turn WHERE model = ?1 AND org = ?2 AND batch = ?3
    ORDER BY id";

/// All of them, for the test that none of them scans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ORG_BEHIND, LANE_BEHIND, FIRST_LANE, OF_LANE];

pub(in crate::sqlite) fn page(conn: &mut Connection, query: &TurnQuery) -> Result<TurnPage> {
    let snapshot = conn.transaction()?;
    let known: BTreeSet<GenerationId> = query.known.iter().copied().collect();
    let mut open = Open { conn: &snapshot, models: &query.models };
    let after = query.after.as_ref().map(|org| org.as_str().to_owned());
    let (ids, is_all) = share_out(&mut open, after.as_ref(), &known, query.limit)?;
    let found = generations::of_these(&snapshot, &ids)?;
    let is_all = is_all && found.len() == ids.len();
    Ok(TurnPage { found, is_all })
}

struct Open<'a> {
    conn: &'a Connection,
    models: &'a [&'static str],
}

impl Open<'_> {
    fn one<T: FromSql>(&self, sql: &'static str, params: impl Params) -> Result<Option<T>> {
        self.conn.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
    }
}

/// Each model has ranges of its own: what is wanted is the least of what they have.
impl Work for Open<'_> {
    type Org = String;
    type Lane = Vec<u8>;
    type Error = rusqlite::Error;

    fn org_behind(&mut self, after: Option<&String>) -> Result<Option<String>> {
        let after = after.map_or("", String::as_str);
        let found = self.models.iter().map(|model| self.one(ORG_BEHIND, params![model, after]));
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().min())
    }

    fn lane_behind(&mut self, org: &String, after: Option<&Vec<u8>>) -> Result<Option<Vec<u8>>> {
        let found = self.models.iter().map(|model| match after {
            Some(after) => self.one(LANE_BEHIND, params![model, org, after]),
            None => self.one(FIRST_LANE, params![model, org]),
        });
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().min())
    }

    fn waiting(
        &mut self,
        org: &String,
        lane: &Vec<u8>,
        known: &BTreeSet<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>> {
        let mut found = Vec::new();
        for model in self.models {
            let mut statement = self.conn.prepare_cached(OF_LANE)?;
            let mut rows = statement.query(params![model, org, lane])?;
            let mut of_model = 0;
            while of_model < limit
                && let Some(row) = rows.next()?
            {
                let id = GenerationId(Uuid::from_bytes(row.get(0)?));
                if !known.contains(&id) {
                    found.push(id);
                    of_model += 1;
                }
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        Ok(found)
    }
}
