//! How a page of what waits is shared out, for both stores: the same rows, so that one suite holds both.
//!
//! Promise: each organization that has something waiting gets a part, and in it each of its lanes: what is of no batch, and each
//! batch. A lane of a million costs the others nothing. What is read is bounded by the page and by what is at work.
use std::collections::BTreeSet;

use postsync_core::ids::GenerationId;

/// In what a store is asked: its own errors, its own keys.
pub(crate) trait Work {
    type Org: Clone + Ord;
    type Lane: Clone;
    type Error;

    /// The first organization behind that one, in their order, that has anything open.
    fn org_behind(&mut self, after: Option<&Self::Org>) -> Result<Option<Self::Org>, Self::Error>;

    /// The first lane of an organization behind that one, in their order.
    fn lane_behind(&mut self, org: &Self::Org, after: Option<&Self::Lane>) -> Result<Option<Self::Lane>, Self::Error>;

    /// The first so many of a lane, in id order, without those that are known.
    fn waiting(
        &mut self,
        org: &Self::Org,
        lane: &Self::Lane,
        known: &BTreeSet<GenerationId>,
        limit: usize,
    ) -> Result<Vec<GenerationId>, Self::Error>;
}

/// An organization never has less than that of a page: one lane of its own must not keep its others out for good.
const SHARE_MIN: usize = 2;

/// Ids in the order of turns, and whether nothing else waits.
pub(crate) fn share_out<W: Work>(
    work: &mut W,
    after: Option<&W::Org>,
    known: &BTreeSet<GenerationId>,
    limit: usize,
) -> Result<(Vec<GenerationId>, bool), W::Error> {
    let (orgs, mut is_all) = orgs(work, after, known, (limit / SHARE_MIN).max(1))?;
    let share = limit.div_ceil(orgs.len().max(1)).max(SHARE_MIN);
    let mut parts = Vec::with_capacity(orgs.len());
    for org in &orgs {
        let (lanes, no_other) = lanes(work, org, known, share)?;
        let of_each = share.div_ceil(lanes.len().max(1));
        let mut part = Vec::with_capacity(lanes.len());
        for lane in &lanes {
            let mut ids = work.waiting(org, lane, known, of_each + 1)?;
            is_all &= ids.len() <= of_each;
            ids.truncate(of_each);
            part.push(ids);
        }
        is_all &= no_other;
        parts.push(in_turns(part));
    }
    let mut ids = in_turns(parts);
    is_all &= ids.len() <= limit;
    ids.truncate(limit);
    Ok((ids, is_all))
}

/// One of each, then the next of each.
fn in_turns(lists: Vec<Vec<GenerationId>>) -> Vec<GenerationId> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|round| lists.iter().filter_map(move |list| list.get(round).copied())).collect()
}

/// Those that have something waiting, beginning behind `after` and going round once; and whether there is no other.
fn orgs<W: Work>(
    work: &mut W,
    after: Option<&W::Org>,
    known: &BTreeSet<GenerationId>,
    max: usize,
) -> Result<(Vec<W::Org>, bool), W::Error> {
    let mut found = Vec::new();
    let (mut at, mut has_wrapped) = (after.cloned(), after.is_none());
    loop {
        let Some(org) = work.org_behind(at.as_ref())? else {
            if has_wrapped {
                return Ok((found, true));
            }
            (at, has_wrapped) = (None, true);
            continue;
        };
        if has_wrapped && after.is_some_and(|after| org > *after) {
            return Ok((found, true));
        }
        let (lanes, _) = lanes(work, &org, known, 1)?;
        if !lanes.is_empty() {
            if found.len() == max {
                return Ok((found, false));
            }
            found.push(org.clone());
        }
        at = Some(org);
    }
}

/// The first lanes of an organization that have something waiting; and whether there is no other.
fn lanes<W: Work>(
    work: &mut W,
    org: &W::Org,
    known: &BTreeSet<GenerationId>,
    max: usize,
) -> Result<(Vec<W::Lane>, bool), W::Error> {
    let (mut found, mut at) = (Vec::new(), None);
    while let Some(lane) = work.lane_behind(org, at.as_ref())? {
        if !work.waiting(org, &lane, known, 1)?.is_empty() {
            if found.len() == max {
                return Ok((found, false));
            }
            found.push(lane.clone());
        }
        at = Some(lane);
    }
    Ok((found, true))
}
