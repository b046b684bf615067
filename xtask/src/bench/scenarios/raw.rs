//! The raw limit: the same signed bodies, posted by bare clients to the same receivers.
use std::rc::Rc;
use std::time::Instant;

use crate::client::connector;
use crate::figures::Row;
use crate::load::{Clients, Shot};
use crate::receiver::{Receiver, Sample};

/// What is posted, and by how many.
pub(super) struct Raw {
    clients: Clients,
    shot: Shot,
}

impl Raw {
    /// Opens the connections.
    pub(super) async fn open(receiver: &Receiver, sample: Sample, clients: usize) -> anyhow::Result<Self> {
        let targets = receiver.addresses();
        let is_tls = receiver.urls().first().is_some_and(|url| url.starts_with("https"));
        let tls = if is_tls { Some(connector(&receiver.ca_file)?) } else { None };
        let clients = Clients::open(&targets, tls.as_ref(), clients.max(1)).await?;
        let Sample { headers, body } = sample;
        let shot = Shot { path: "/webhook".to_owned(), headers, bodies: Rc::new(vec![body]), status: 200 };
        Ok(Self { clients, shot })
    }

    /// Posts so many; gives how many a second.
    pub(super) async fn per_s(&mut self, count: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.clients.post(&self.shot, count).await?;
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }
}

/// The row with its rate held against the raw one.
pub(super) fn beside(row: Row, raw_per_s: f64) -> Row {
    Row { of_raw: row.per_s.map(|per_s| per_s / raw_per_s), raw_per_s: Some(raw_per_s), ..row }
}
