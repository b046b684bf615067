//! How many deliveries have ended exhausted, by reason, whatever ended them: their last attempt, waiting in vain, their endpoint.
//!
//! Counted once the end is on disk. What an earlier process counted is gone with it, as with every counter.
use postsync_core::delivery::ExhaustedReason;

pub(crate) fn count(reason: ExhaustedReason, deliveries: usize) {
    let deliveries = u64::try_from(deliveries).unwrap_or(u64::MAX);
    metrics::counter!("postsync_deliveries_exhausted_total", "reason" => reason.as_str()).increment(deliveries);
}
