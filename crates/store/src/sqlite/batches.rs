//! The engine's port for batches and for turns.
use async_trait::async_trait;
use postsync_core::batch::{Batch, RowResult};
use postsync_core::ids::BatchId;
use postsync_engine::ports::{BatchQuery, BatchStore, StoreError, TurnPage, TurnQuery, TurnStore};

use super::Sqlite;
use super::read::{batches, turns};

#[async_trait]
impl BatchStore for Sqlite {
    async fn batch_of_any(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        self.query(move |conn| batches::one(conn, id)).await
    }

    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError> {
        self.list(move |conn| batches::page(conn, &query)).await
    }

    async fn batch_results(&self, id: BatchId) -> Result<Vec<RowResult>, StoreError> {
        self.list(move |conn| batches::results(conn, id)).await
    }
}

#[async_trait]
impl TurnStore for Sqlite {
    async fn in_turn(&self, query: TurnQuery) -> Result<TurnPage, StoreError> {
        self.query(move |conn| turns::page(conn, &query)).await
    }
}
