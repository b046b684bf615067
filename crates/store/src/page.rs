//! Where a page of generations or events ends, for both stores: the same place, so that one suite holds both.
use std::convert::Infallible;

use postsync_core::asset::{Asset, AssetPlace, SortBy, search_key};
use postsync_core::attempt::Attempt;
use postsync_core::audit::AuditEntry;
use postsync_core::event::Event;
use postsync_core::generation::Generation;
use postsync_core::limits::{ASSETS_SEARCHED_MAX, ATTEMPTS_SHOWN_MAX, DUE_PAGE_BYTES_MAX, LIST_BYTES_MAX};
use postsync_engine::ports::{AssetPage, AssetQuery, DueDelivery, FedEvent};

/// Takes rows until there are `limit`, or until their texts come to [`LIST_BYTES_MAX`]: a page of what clients made as large
/// as they may would not fit in memory. Has a row wherever there is one, so a reader always comes further.
pub(crate) fn cut<E>(rows: impl Iterator<Item = Result<Generation, E>>, limit: usize) -> Result<Vec<Generation>, E> {
    cut_by(rows, limit, LIST_BYTES_MAX, |row| row.request.bytes())
}

/// The same of the audit.
pub(crate) fn cut_audit<E>(
    rows: impl Iterator<Item = Result<AuditEntry, E>>,
    limit: usize,
) -> Result<Vec<AuditEntry>, E> {
    cut_by(rows, limit, LIST_BYTES_MAX, AuditEntry::bytes)
}

/// The same of a delivery's attempts.
pub(crate) fn cut_attempts<E>(
    rows: impl Iterator<Item = Result<Attempt, E>>,
    event: &Event,
) -> Result<Vec<Attempt>, E> {
    cut_by(rows, ATTEMPTS_SHOWN_MAX, LIST_BYTES_MAX, |row| row.shown_bytes(event.body.len()))
}

/// The same of deliveries with their events.
pub(crate) fn cut_due<E>(
    rows: impl Iterator<Item = Result<DueDelivery, E>>,
    limit: usize,
) -> Result<Vec<DueDelivery>, E> {
    cut_due_at(rows, limit, DUE_PAGE_BYTES_MAX)
}

/// The same for who has less room than that.
pub(crate) fn cut_due_at<E>(
    rows: impl Iterator<Item = Result<DueDelivery, E>>,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<DueDelivery>, E> {
    cut_by(rows, limit, bytes_max.min(DUE_PAGE_BYTES_MAX), DueDelivery::bytes)
}

fn cut_by<T, E>(
    rows: impl Iterator<Item = Result<T, E>>,
    limit: usize,
    bytes_max: usize,
    bytes_of: impl Fn(&T) -> usize,
) -> Result<Vec<T>, E> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for row in rows.take(limit) {
        let row = row?;
        bytes += bytes_of(&row);
        page.push(row);
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(page)
}

/// The same of events, by their bodies, for as much as their reader has room for.
pub(crate) fn cut_feed<E>(
    rows: impl Iterator<Item = Result<FedEvent, E>>,
    bytes_max: usize,
) -> Result<Vec<FedEvent>, E> {
    cut_by(rows, usize::MAX, bytes_max, |row| row.event.body.len())
}

/// The page of assets that are few enough to be sorted here, and how many there are over all pages.
pub(crate) fn page_of_few_assets(assets: Vec<Asset>, query: &AssetQuery) -> (AssetPage, u64) {
    let order = query.order;
    let mut found = assets;
    found.retain(|asset| query.kinds.is_empty() || query.kinds.contains(&asset.kind));
    let count = found.len() as u64;
    found.sort_by(|a, b| order.compare(&a.place(order.by), &b.place(order.by)));
    let behind =
        |asset: &Asset| query.after.as_ref().is_none_or(|after| order.compare(&asset.place(order.by), after).is_gt());
    let Ok((items, next)) = cut_assets(found.into_iter().filter(behind).map(Ok::<_, Infallible>), query);
    (AssetPage { items, next }, count)
}

/// What a list looks at of an asset.
pub(crate) trait Listed {
    /// Where it stands.
    fn place(&self, by: SortBy) -> AssetPlace;

    /// Whether its name has that in it, which is written as it is searched.
    fn is_called(&self, text: &str) -> bool;
}

impl Listed for Asset {
    fn place(&self, by: SortBy) -> AssetPlace {
        Self::place(self, by)
    }

    fn is_called(&self, text: &str) -> bool {
        search_key(&self.name).contains(text)
    }
}

/// The same of assets that come in their order: as many as are wanted, or as many as one page may look at. Gives them with the place
/// that the next page begins behind.
pub(crate) fn cut_assets<T: Listed, E>(
    rows: impl Iterator<Item = Result<T, E>>,
    query: &AssetQuery,
) -> Result<(Vec<T>, Option<AssetPlace>), E> {
    let (mut items, mut looked, mut last) = (Vec::new(), 0, None);
    for row in rows {
        let asset = row?;
        // One more than the page holds is looked at: that there is a next one is then certain.
        if items.len() >= query.limit || looked >= ASSETS_SEARCHED_MAX {
            return Ok((items, last));
        }
        looked += 1;
        last = Some(asset.place(query.order.by));
        if query.search.as_ref().is_none_or(|text| asset.is_called(text)) {
            items.push(asset);
        }
    }
    Ok((items, None))
}
