//! The words that rows hold for the states of a delivery, and for the places of a secret and of a master key.
use postsync_core::delivery::State;
use postsync_core::terms::Terms;
use postsync_engine::ports::DeliveryFilter;

pub(super) const DUE: &str = "due";
pub(super) const PARKED: &str = "parked";
pub(super) const DELIVERED: &str = "delivered";
pub(super) const EXHAUSTED: &str = "exhausted";

/// Of an asset, how far it has been looked at.
pub(super) const WAITING: &str = "waiting";
pub(super) const DONE: &str = "done";
pub(super) const FAILED: &str = "failed";

pub(super) const CURRENT: &str = "current";
pub(super) const NEXT: &str = "next";
pub(super) const PREVIOUS: &str = "previous";

/// Status, reason and end, as a row of `deliveries` holds them. When a due one is due stands in `due`.
pub(super) fn delivery_state(state: State) -> (&'static str, Option<&'static str>, Option<i64>) {
    match state {
        State::Due(_) => (DUE, None, None),
        State::Parked(..) => (PARKED, None, None),
        State::Delivered(at) => (DELIVERED, None, Some(at.0)),
        State::Exhausted(at, reason) => (EXHAUSTED, Some(reason.as_str()), Some(at.0)),
    }
}

/// The words of the rows that a filter means.
pub(super) fn delivery_filter(filter: Option<DeliveryFilter>) -> &'static [&'static str] {
    match filter {
        None => &[DUE, PARKED, DELIVERED, EXHAUSTED],
        Some(DeliveryFilter::Pending) => &[DUE, PARKED],
        Some(DeliveryFilter::Due) => &[DUE],
        Some(DeliveryFilter::Parked) => &[PARKED],
        Some(DeliveryFilter::Delivered) => &[DELIVERED],
        Some(DeliveryFilter::Exhausted) => &[EXHAUSTED],
    }
}

/// As `schedule` holds it, of a generation and of a delivery.
pub(super) fn schedule(terms: &Terms) -> Option<String> {
    terms.schedule.as_ref().map(|schedule| schedule.to_string())
}

/// As `timeout_ms` holds it.
pub(super) fn timeout_ms(terms: &Terms) -> Option<i64> {
    terms.timeout.map(|timeout| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX))
}
