//! Generations that wait in memory, in the order of turns: organizations take turns, and in each what is of no batch and each of
//! its batches; in one of these lanes the first in is the first out.
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use postsync_core::generation::Generation;
use postsync_core::ids::{BatchId, OrgId};

/// What is of no batch, or one batch. The former comes first.
type LaneId = Option<BatchId>;

/// What waits, and whose turn it is.
#[derive(Default)]
pub(crate) struct Turns {
    orgs: BTreeMap<OrgId, Org>,
    /// Whose turn was the last one.
    last: Option<OrgId>,
    count: usize,
    bytes: usize,
}

#[derive(Default)]
struct Org {
    lanes: BTreeMap<LaneId, VecDeque<Generation>>,
    last: Option<LaneId>,
}

fn lane_of(generation: &Generation) -> LaneId {
    generation.row.as_ref().map(|row| row.batch)
}

impl Turns {
    pub(crate) fn push(&mut self, generation: Generation) {
        self.count += 1;
        self.bytes += generation.request.bytes();
        let lane = lane_of(&generation);
        let org = self.orgs.entry(generation.org.clone()).or_default();
        org.lanes.entry(lane).or_default().push_back(generation);
    }

    /// The next one. The turn goes on to the next organization, and in this one to its next lane.
    pub(crate) fn pop(&mut self) -> Option<Generation> {
        let id = behind(&self.orgs, self.last.as_ref(), |org| !org.lanes.is_empty())?.clone();
        let org = self.orgs.get_mut(&id)?;
        let lane = *behind(&org.lanes, org.last.as_ref(), |lane| !lane.is_empty())?;
        let waiting = org.lanes.get_mut(&lane)?;
        let generation = waiting.pop_front()?;
        if waiting.is_empty() {
            org.lanes.remove(&lane);
        }
        org.last = Some(lane);
        self.last = Some(id);
        self.count -= 1;
        self.bytes -= generation.request.bytes();
        Some(generation)
    }

    /// Whether others wait in the lane that it would wait in.
    pub(crate) fn has_lane_of(&self, generation: &Generation) -> bool {
        let lane = lane_of(generation);
        self.orgs.get(&generation.org).is_some_and(|org| org.lanes.contains_key(&lane))
    }

    /// Takes all out; whose turn it is stays as it is.
    pub(crate) fn clear(&mut self) -> Vec<Generation> {
        let lanes = self.orgs.values_mut().flat_map(|org| std::mem::take(&mut org.lanes).into_values());
        let all = lanes.flatten().collect();
        (self.count, self.bytes) = (0, 0);
        all
    }

    /// Forgets whose turn it is within organizations that have nothing waiting.
    pub(crate) fn prune(&mut self) {
        self.orgs.retain(|_, org| !org.lanes.is_empty());
    }

    pub(crate) fn last(&self) -> Option<OrgId> {
        self.last.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The first key behind `last` that has something, going round.
fn behind<'a, K: Ord, V>(map: &'a BTreeMap<K, V>, last: Option<&K>, has: impl Fn(&V) -> bool) -> Option<&'a K> {
    let from = last.map_or(Bound::Unbounded, Bound::Excluded);
    let rest = map.range::<K, _>((from, Bound::Unbounded)).chain(map.iter());
    rest.into_iter().find(|(_, value)| has(value)).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use postsync_core::batch::Row;
    use postsync_core::generation::{NewGeneration, Request, accept};
    use postsync_core::ids::GenerationId;
    use postsync_core::time::Timestamp;

    use super::*;

    fn generation(name: u8, org: &str, batch: Option<u8>) -> Generation {
        let id = GenerationId::new(Timestamp(0), [name; 10]);
        let new =
            NewGeneration { org: OrgId::new(org), request: Request { model: name.to_string(), ..Request::default() } };
        let row = batch.map(|batch| Row {
            batch: BatchId::new(Timestamp(0), [batch; 10]),
            number: u32::from(name),
            request_id: String::new(),
        });
        Generation { row, ..accept(new, id, Timestamp(0)) }
    }

    fn drain(turns: &mut Turns) -> String {
        std::iter::from_fn(|| turns.pop()).map(|g| format!("{} ", g.request.model)).collect()
    }

    #[test]
    fn organizations_take_turns_and_lanes_in_each() {
        let mut turns = Turns::default();
        // Org a: a batch of three, another of two, two alone. Org b: two alone, that came last.
        for (name, org, batch) in [
            (1, "a", Some(1)),
            (2, "a", Some(1)),
            (3, "a", Some(1)),
            (4, "a", Some(2)),
            (5, "a", Some(2)),
            (6, "a", None),
            (7, "a", None),
            (8, "b", None),
            (9, "b", None),
        ] {
            turns.push(generation(name, org, batch));
        }
        assert_eq!((turns.len(), turns.bytes()), (9, 9));
        assert_eq!(drain(&mut turns), "6 8 1 9 4 7 2 5 3 ");
        assert_eq!((turns.len(), turns.bytes()), (0, 0));
    }

    #[test]
    fn whose_turn_it_is_outlasts_what_is_taken_out() {
        let mut turns = Turns::default();
        let all = [(1, "a", None), (2, "a", Some(1)), (3, "b", None)];
        all.iter().for_each(|(name, org, batch)| turns.push(generation(*name, org, *batch)));
        assert_eq!(turns.pop().unwrap().request.model, "1");
        let rest = turns.clear();
        assert_eq!((rest.len(), turns.len(), turns.bytes()), (2, 0, 0));
        rest.into_iter().for_each(|g| turns.push(g));
        turns.push(generation(4, "a", None));
        assert_eq!(drain(&mut turns), "3 2 4 ");
        turns.prune();
        assert!(turns.orgs.is_empty());
    }
}
