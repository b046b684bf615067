//! What the engine reads of relays.
use async_trait::async_trait;
use postsync_core::ids::GenerationId;
use postsync_core::relay::{Relay, UpstreamId};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{RelayStore, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Result as SqlResult, Row};

use super::Sqlite;

#[async_trait]
impl RelayStore for Sqlite {
    async fn relay(&self, id: GenerationId) -> Result<Option<Relay>, StoreError> {
        self.query(move |conn| one(conn, id)).await
    }
}

const ONE: &str = "SELECT begun_at, upstream FROM relays WHERE generation = ?1";

fn one(conn: &Connection, id: GenerationId) -> SqlResult<Option<Relay>> {
    let read = |row: &Row<'_>| {
        let upstream: Option<String> = row.get(1)?;
        let upstream = upstream.as_deref().and_then(UpstreamId::new);
        Ok(Relay { generation: id, begun_at: Timestamp(row.get(0)?), upstream })
    };
    conn.prepare_cached(ONE)?.query_row([id.0.as_bytes()], read).optional()
}
