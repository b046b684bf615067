//! How many may do something at once: in all, and of one organization, so that none can take what all have.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use postsync_core::ids::OrgId;

use crate::world::locked;

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// The organization has as many as it may.
    OfOne,
    /// All organizations together have.
    OfAll,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: BTreeMap<OrgId, usize>,
}

/// The seats; clones share them.
#[derive(Clone)]
pub(crate) struct Seats {
    max: usize,
    of_one_max: usize,
    taken: Arc<Mutex<Taken>>,
}

/// One of them, until it is dropped.
pub(crate) struct Seat {
    seats: Seats,
    org: OrgId,
}

impl Seats {
    pub(crate) fn new(max: usize, of_one_max: usize) -> Self {
        Self { max, of_one_max, taken: Arc::default() }
    }

    pub(crate) fn take(&self, org: &OrgId) -> Result<Seat, NoSeat> {
        let mut taken = locked(&self.taken);
        let own = taken.of.get(org).copied().unwrap_or(0);
        if own >= self.of_one_max {
            return Err(NoSeat::OfOne);
        }
        if taken.all >= self.max {
            return Err(NoSeat::OfAll);
        }
        taken.all += 1;
        taken.of.insert(org.clone(), own + 1);
        Ok(Seat { seats: self.clone(), org: org.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = locked(&self.seats.taken);
        taken.all = taken.all.saturating_sub(1);
        match taken.of.get(&self.org).copied() {
            Some(own) if own > 1 => drop(taken.of.insert(self.org.clone(), own - 1)),
            _ => drop(taken.of.remove(&self.org)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_organization_can_not_take_them_all_and_what_is_free_again_is_free() {
        let (seats, a, b, c) = (Seats::new(3, 2), OrgId::new("a"), OrgId::new("b"), OrgId::new("c"));
        let first = seats.take(&a).ok();
        let second = seats.take(&a).ok();
        assert_eq!(seats.take(&a).err(), Some(NoSeat::OfOne));
        let third = seats.take(&b).ok();
        assert_eq!(seats.take(&c).err(), Some(NoSeat::OfAll));
        drop(first);
        let fourth = seats.take(&c).ok();
        assert!([&second, &third, &fourth].iter().all(|seat| seat.is_some()));
        drop((second, third, fourth));
        let taken = locked(&seats.taken);
        assert!(taken.all == 0 && taken.of.is_empty());
    }
}
