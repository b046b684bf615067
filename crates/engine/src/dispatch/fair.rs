//! Who is next: destinations take turns, inside one its organizations, inside those their endpoints.
//!
//! Promise: a lane that has something to send and may send waits for one item of each other lane of its level, not for a
//! whole backlog. A lane that may not send now is looked at once and then not again until it is woken, so that a thousand
//! blocked ones cost the others nothing.
use std::collections::{BTreeMap, VecDeque};

use postsync_core::ids::{EndpointId, OrgId};
use postsync_core::target::Destination;

/// Where an item waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Path {
    pub(crate) destination: Destination,
    pub(crate) org: OrgId,
    pub(crate) endpoint: EndpointId,
}

/// Lanes that take turns.
struct Turns<K, L> {
    /// Those that are not known to be blocked, the next one first. None of them is empty.
    ready: VecDeque<K>,
    lanes: BTreeMap<K, Lane<L>>,
}

struct Lane<L> {
    inner: L,
    is_ready: bool,
}

/// What a look into a lane came to.
enum Look<T> {
    Taken(T),
    /// Nothing may go until it is woken.
    Blocked,
    /// Something of it is left, and may go as soon as its destination has more room.
    Later,
}

/// What a destination has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    ForAll,
    /// Endpoints that have nothing under way.
    ForOthers,
    Nobody,
}

/// Whether an endpoint may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    Send,
    /// Not before it is woken.
    Not,
    /// It has something under way, and there is room only for those that have nothing.
    NotNow,
}

impl<K, L> Default for Turns<K, L> {
    fn default() -> Self {
        Self { ready: VecDeque::new(), lanes: BTreeMap::new() }
    }
}

impl<K: Clone + Ord, L: Default> Turns<K, L> {
    /// The lane of that name, which is about to hold something.
    fn lane(&mut self, key: &K) -> &mut L {
        let lane = self.lanes.entry(key.clone()).or_insert_with(|| {
            self.ready.push_back(key.clone());
            Lane { inner: L::default(), is_ready: true }
        });
        &mut lane.inner
    }

    /// The first item that a lane gives, in turn. Lanes that `look` calls blocked are left out until they are woken, those
    /// that may go later are passed over: no more of them than attempts are under way.
    fn take<T>(&mut self, mut look: impl FnMut(&K, &mut L) -> Look<T>, is_empty: impl Fn(&L) -> bool) -> Look<T> {
        let mut passed = Vec::new();
        let mut taken = Look::Blocked;
        while let Some(key) = self.ready.pop_front() {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            match look(&key, &mut lane.inner) {
                Look::Taken(item) => {
                    if is_empty(&lane.inner) {
                        self.lanes.remove(&key);
                    } else {
                        self.ready.push_back(key);
                    }
                    taken = Look::Taken(item);
                    break;
                }
                Look::Blocked => lane.is_ready = false,
                Look::Later => passed.push(key),
            }
        }
        if !passed.is_empty() && matches!(taken, Look::Blocked) {
            taken = Look::Later;
        }
        passed.into_iter().rev().for_each(|key| self.ready.push_front(key));
        taken
    }

    fn is_ready(&self, key: &K) -> bool {
        self.lanes.get(key).is_some_and(|lane| lane.is_ready)
    }

    fn remove(&mut self, key: &K) -> Option<L> {
        let lane = self.lanes.remove(key)?;
        if lane.is_ready {
            self.ready.retain(|name| name != key);
        }
        Some(lane.inner)
    }

    /// It may send again, or something below it may.
    fn wake(&mut self, key: &K) -> Option<&mut L> {
        let lane = self.lanes.get_mut(key)?;
        if !lane.is_ready {
            lane.is_ready = true;
            self.ready.push_back(key.clone());
        }
        Some(&mut lane.inner)
    }
}

/// One endpoint's items, each with its size in bytes.
struct Queue<T> {
    items: VecDeque<(usize, T)>,
    bytes: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Queue<T> {
    fn push(&mut self, bytes: usize, item: T) {
        self.bytes += bytes;
        self.items.push_back((bytes, item));
    }

    fn pop(&mut self) -> Option<(usize, T)> {
        let (bytes, item) = self.items.pop_front()?;
        self.bytes -= bytes;
        Some((bytes, item))
    }
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) len: usize,
    pub(crate) bytes: usize,
}

impl std::ops::Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { len: self.len + other.len, bytes: self.bytes + other.bytes }
    }
}

type Endpoints<T> = Turns<EndpointId, Queue<T>>;
type Orgs<T> = Turns<OrgId, Endpoints<T>>;

/// One destination's items.
struct OfDestination<T> {
    orgs: Orgs<T>,
    len: usize,
    bytes: usize,
}

impl<T> Default for OfDestination<T> {
    fn default() -> Self {
        Self { orgs: Turns::default(), len: 0, bytes: 0 }
    }
}

/// All that waits.
pub(crate) struct Fair<T> {
    destinations: Turns<Destination, OfDestination<T>>,
    len: usize,
    bytes: usize,
    /// Of them, those whose destination is not known to be blocked.
    ready_len: usize,
}

impl<T> Default for Fair<T> {
    fn default() -> Self {
        Self { destinations: Turns::default(), len: 0, bytes: 0, ready_len: 0 }
    }
}

impl<T> Fair<T> {
    pub(crate) fn load(&self) -> Load {
        Load { len: self.len, bytes: self.bytes }
    }

    /// How many wait for destinations that are not known to be blocked.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready_len
    }

    /// The destinations that are known to be blocked, and how many wait for each.
    pub(crate) fn blocked(&self) -> impl Iterator<Item = (&Destination, usize)> {
        self.destinations.lanes.iter().filter(|(_, lane)| !lane.is_ready).map(|(name, lane)| (name, lane.inner.len))
    }

    /// What waits for one destination.
    pub(crate) fn load_of(&self, destination: &Destination) -> Load {
        let lane = self.destinations.lanes.get(destination);
        lane.map_or(Load::default(), |lane| Load { len: lane.inner.len, bytes: lane.inner.bytes })
    }

    /// What waits for one endpoint.
    pub(crate) fn load_of_endpoint(&self, path: &Path) -> Load {
        let destination = self.destinations.lanes.get(&path.destination);
        let org = destination.and_then(|lane| lane.inner.orgs.lanes.get(&path.org));
        org.and_then(|lane| lane.inner.lanes.get(&path.endpoint)).map_or(Load::default(), |lane| load(&lane.inner))
    }

    /// How many of an organization wait for one destination.
    pub(crate) fn len_of_org(&self, destination: &Destination, org: &OrgId) -> usize {
        let destination = self.destinations.lanes.get(destination);
        let org = destination.and_then(|lane| lane.inner.orgs.lanes.get(org));
        org.map_or(0, |lane| lane.inner.lanes.values().map(|endpoint| endpoint.inner.items.len()).sum())
    }

    /// Where something waits for an endpoint. Looks at every organization's turn: for what people do, not for each delivery.
    pub(crate) fn paths_of(&self, endpoint: &EndpointId) -> Vec<Path> {
        let destinations = self.destinations.lanes.iter();
        let orgs = destinations.flat_map(|(name, lane)| lane.inner.orgs.lanes.iter().map(move |of| (name, of)));
        let holds = orgs.filter(|(_, (_, org))| org.inner.lanes.contains_key(endpoint));
        let path = |destination: &Destination, org: &OrgId| Path {
            destination: destination.clone(),
            org: org.clone(),
            endpoint: endpoint.clone(),
        };
        holds.map(|(destination, (org, _))| path(destination, org)).collect()
    }

    /// The same where its organization is not at hand.
    pub(crate) fn load_of_endpoint_in(&self, endpoint: &EndpointId, destination: &Destination) -> Load {
        let Some(destination) = self.destinations.lanes.get(destination) else { return Load::default() };
        let orgs = destination.inner.orgs.lanes.values();
        let loads = orgs.filter_map(|org| org.inner.lanes.get(endpoint)).map(|lane| load(&lane.inner));
        loads.fold(Load::default(), std::ops::Add::add)
    }

    /// Puts an item of that size at the end of its endpoint's queue.
    pub(crate) fn push(&mut self, path: &Path, bytes: usize, item: T) {
        // What was blocked is asked again: an endpoint that is new below it may go where its neighbours may not.
        self.wake(path);
        self.len += 1;
        self.bytes += bytes;
        self.ready_len += 1;
        let destination = self.destinations.lane(&path.destination);
        destination.len += 1;
        destination.bytes += bytes;
        destination.orgs.lane(&path.org).lane(&path.endpoint).push(bytes, item);
        // A new lane below one that was blocked.
        self.wake(path);
    }

    /// The next item whose destination has room and whose endpoint may send.
    pub(crate) fn take(
        &mut self,
        room_at: impl Fn(&Destination) -> Room,
        may_endpoint: impl Fn(&Destination, &OrgId, &EndpointId, Room) -> May,
    ) -> Option<T> {
        let mut blocked_len = 0;
        let taken = self.destinations.take(
            |name, destination| {
                let room = room_at(name);
                if room == Room::Nobody {
                    blocked_len += destination.len;
                    return Look::Blocked;
                }
                let taken = destination.orgs.take(
                    |org, endpoints| {
                        let look =
                            |endpoint: &EndpointId, queue: &mut Queue<T>| match may_endpoint(name, org, endpoint, room)
                            {
                                May::Send => queue.pop().map_or(Look::Blocked, Look::Taken),
                                May::Not => Look::Blocked,
                                May::NotNow => Look::Later,
                            };
                        endpoints.take(look, |queue| queue.items.is_empty())
                    },
                    |org| org.lanes.is_empty(),
                );
                match taken {
                    Look::Taken((bytes, _)) => {
                        destination.len -= 1;
                        destination.bytes -= bytes;
                    }
                    // It is woken with its next end.
                    Look::Blocked | Look::Later => {
                        blocked_len += destination.len;
                        return Look::Blocked;
                    }
                }
                taken
            },
            |destination| destination.len == 0,
        );
        self.ready_len -= blocked_len;
        match taken {
            Look::Taken((bytes, item)) => {
                self.len -= 1;
                self.bytes -= bytes;
                self.ready_len -= 1;
                Some(item)
            }
            Look::Blocked | Look::Later => None,
        }
    }

    /// An attempt of that path has ended, so that its destination or its endpoint may send again.
    pub(crate) fn wake(&mut self, path: &Path) {
        let was_ready = self.destinations.is_ready(&path.destination);
        let Some(destination) = self.destinations.wake(&path.destination) else { return };
        if !was_ready {
            self.ready_len += destination.len;
        }
        let Some(org) = destination.orgs.wake(&path.org) else { return };
        org.wake(&path.endpoint);
    }

    /// Takes out everything of one destination, in the order of its endpoints' queues: it is parked.
    pub(crate) fn drain(&mut self, destination: &Destination) -> Vec<T> {
        let was_ready = self.destinations.is_ready(destination);
        let Some(of_destination) = self.destinations.remove(destination) else { return Vec::new() };
        self.len -= of_destination.len;
        self.bytes -= of_destination.bytes;
        self.ready_len -= if was_ready { of_destination.len } else { 0 };
        let orgs = of_destination.orgs.lanes.into_values();
        let items = orgs.flat_map(|org| org.inner.lanes.into_values()).flat_map(|queue| queue.inner.items);
        items.map(|(_, item)| item).collect()
    }
}

impl<T> Fair<T> {
    /// Takes out everything of one endpoint.
    pub(crate) fn drain_endpoint(&mut self, path: &Path) -> Vec<T> {
        let was_ready = self.destinations.is_ready(&path.destination);
        let Some(destination) = self.destinations.lanes.get_mut(&path.destination) else { return Vec::new() };
        let Some(org) = destination.inner.orgs.lanes.get_mut(&path.org) else { return Vec::new() };
        let taken = org.inner.remove(&path.endpoint).unwrap_or_default();
        if org.inner.lanes.is_empty() {
            destination.inner.orgs.remove(&path.org);
        }
        let load = load(&taken);
        destination.inner.len -= load.len;
        destination.inner.bytes -= load.bytes;
        self.len -= load.len;
        self.bytes -= load.bytes;
        self.ready_len -= if was_ready { load.len } else { 0 };
        if destination.inner.len == 0 {
            self.destinations.remove(&path.destination);
        }
        taken.items.into_iter().map(|(_, item)| item).collect()
    }
}

fn load<T>(queue: &Queue<T>) -> Load {
    Load { len: queue.items.len(), bytes: queue.bytes }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn path(destination: u16, org: &str, endpoint: &str) -> Path {
        Path {
            destination: Destination { scheme: "https".into(), host: "a.example".into(), port: destination },
            org: OrgId::new(org),
            endpoint: EndpointId::new(endpoint),
        }
    }

    fn yes(_: &Destination, _: &OrgId, _: &EndpointId, _: Room) -> May {
        May::Send
    }

    fn all(fair: &mut Fair<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| fair.take(|_| Room::ForAll, yes)).collect()
    }

    #[test]
    fn each_level_takes_turns() {
        let mut fair = Fair::default();
        let (a, b, c, d) = (path(1, "x", "e"), path(1, "x", "f"), path(1, "y", "g"), path(2, "x", "h"));
        for (path, item) in
            [(&a, "a1"), (&a, "a2"), (&a, "a3"), (&b, "b1"), (&b, "b2"), (&c, "c1"), (&c, "c2"), (&d, "d1"), (&d, "d2")]
        {
            fair.push(path, 1, item);
        }
        assert_eq!((fair.load().len, fair.load_of(&a.destination).len, fair.load_of(&d.destination).len), (9, 7, 2));
        // Destination 1 and 2 in turn; in 1 the organizations x and y in turn; in x the endpoints e and f in turn.
        assert_eq!(all(&mut fair), ["a1", "d1", "c1", "d2", "b1", "c2", "a2", "b2", "a3"]);
        assert_eq!((fair.load().len, fair.load_of(&a.destination).len), (0, 0));
    }

    #[test]
    fn what_is_blocked_is_asked_once_until_it_is_woken() {
        let mut fair = Fair::default();
        let (a, b) = (path(1, "x", "e"), path(2, "x", "f"));
        fair.push(&a, 1, "a1");
        fair.push(&b, 1, "b1");
        fair.push(&b, 1, "b2");
        let asked = RefCell::new(0);
        let but_a = |name: &Destination| {
            *asked.borrow_mut() += usize::from(*name == a.destination);
            if *name == a.destination { Room::Nobody } else { Room::ForAll }
        };
        assert_eq!(fair.take(but_a, yes), Some("b1"));
        assert_eq!(fair.take(but_a, yes), Some("b2"));
        assert_eq!(fair.take(but_a, yes), None);
        assert_eq!(*asked.borrow(), 1);
        assert_eq!(fair.take(|_| Room::ForAll, yes), None, "nobody woke it");
        fair.wake(&a);
        fair.wake(&b);
        assert_eq!(fair.take(|_| Room::ForAll, yes), Some("a1"));
    }

    #[test]
    fn an_endpoint_that_may_not_does_not_hold_its_neighbours() {
        let mut fair = Fair::default();
        let (a, b) = (path(1, "x", "e"), path(1, "x", "f"));
        fair.push(&a, 1, "a1");
        let but_e = |_: &Destination, _: &OrgId, endpoint: &EndpointId, _: Room| {
            if endpoint.as_str() == "e" { May::Not } else { May::Send }
        };
        assert_eq!(fair.take(|_| Room::ForAll, but_e), None);
        fair.push(&b, 1, "b1");
        assert_eq!(fair.take(|_| Room::ForAll, but_e), Some("b1"));
        fair.wake(&a);
        assert_eq!(fair.take(|_| Room::ForAll, yes), Some("a1"));
    }

    #[test]
    fn where_there_is_room_for_others_only_those_that_have_something_under_way_are_passed_over() {
        let mut fair = Fair::default();
        let (a, b, c) = (path(1, "x", "e"), path(1, "x", "f"), path(1, "y", "g"));
        for (path, item) in [(&a, "a1"), (&a, "a2"), (&b, "b1"), (&c, "c1")] {
            fair.push(path, 1, item);
        }
        let but_e = |_: &Destination, _: &OrgId, endpoint: &EndpointId, room: Room| {
            if endpoint.as_str() == "e" && room == Room::ForOthers { May::NotNow } else { May::Send }
        };
        let mut next = |room| fair.take(|_| room, but_e);
        assert_eq!(
            [next(Room::ForOthers), next(Room::ForOthers), next(Room::ForOthers)],
            [Some("b1"), Some("c1"), None]
        );
        assert_eq!(next(Room::ForAll), None, "nobody woke it");
        // An end of any of its neighbours wakes it.
        fair.wake(&c);
        assert_eq!(fair.ready_len(), 2);
        assert_eq!([fair.take(|_| Room::ForAll, but_e), fair.take(|_| Room::ForAll, but_e)], [Some("a1"), Some("a2")]);
    }

    #[test]
    fn one_destination_is_taken_out_whole() {
        let mut fair = Fair::default();
        let (a, b) = (path(1, "x", "e"), path(2, "x", "f"));
        fair.push(&a, 1, "a1");
        fair.push(&a, 1, "a2");
        fair.push(&b, 1, "b1");
        assert_eq!(fair.drain(&a.destination), ["a1", "a2"]);
        assert_eq!((fair.load().len, fair.drain(&a.destination).len()), (1, 0));
        fair.push(&a, 1, "a3");
        assert_eq!(all(&mut fair), ["b1", "a3"]);
    }

    #[test]
    fn one_endpoint_is_taken_out_whole() {
        let mut fair = Fair::default();
        let (a, b) = (path(1, "x", "e"), path(1, "x", "f"));
        fair.push(&a, 1, "a1");
        fair.push(&b, 1, "b1");
        fair.push(&a, 1, "a2");
        assert_eq!(fair.drain_endpoint(&a), ["a1", "a2"]);
        assert_eq!((fair.load().len, fair.load_of(&a.destination).len), (1, 1));
        assert_eq!(all(&mut fair), ["b1"]);
        fair.push(&a, 1, "a3");
        assert_eq!((fair.drain_endpoint(&a).len(), fair.drain_endpoint(&a).len(), fair.load().len), (1, 0, 0));
    }

    proptest! {
        /// Nothing is lost or doubled, each endpoint's order stays, and a blocked lane gives nothing.
        #[test]
        fn every_item_comes_out_once_and_in_order(steps in proptest::collection::vec((0u8..4, 1u16..4, 0usize..2, 0usize..3), 0..200)) {
            let mut fair = Fair::default();
            let mut inside: BTreeMap<(u16, usize, usize), VecDeque<usize>> = BTreeMap::new();
            let mut blocked: BTreeSet<u16> = BTreeSet::new();
            let place = |d: u16, o: usize, e: usize| path(d, ["x", "y"][o], &format!("{d}{o}{e}"));
            for (n, (what, d, o, e)) in steps.into_iter().enumerate() {
                match what {
                    0 | 1 => {
                        fair.push(&place(d, o, e), n % 7, ((d, o, e), n));
                        inside.entry((d, o, e)).or_default().push_back(n);
                    }
                    2 => {
                        if !blocked.remove(&d) { blocked.insert(d); }
                        for (d, o, e) in inside.keys() { fair.wake(&place(*d, *o, *e)); }
                    }
                    _ => match fair.take(|name| if blocked.contains(&name.port) { Room::Nobody } else { Room::ForAll }, yes) {
                        Some(((d, o, e), n)) => {
                            prop_assert!(!blocked.contains(&d));
                            prop_assert_eq!(inside.get_mut(&(d, o, e)).and_then(VecDeque::pop_front), Some(n));
                        }
                        None => prop_assert!(inside.iter().all(|((d, ..), queue)| queue.is_empty() || blocked.contains(d))),
                    },
                }
                let ready = fair.destinations.lanes.values().filter(|lane| lane.is_ready).map(|lane| lane.inner.len);
                prop_assert_eq!(fair.ready_len(), ready.sum::<usize>());
                prop_assert_eq!(fair.load().len, inside.values().map(VecDeque::len).sum::<usize>());
                let sizes = inside.values().flatten().map(|n| n % 7);
                prop_assert_eq!(fair.load().bytes, sizes.sum::<usize>());
            }
        }
    }
}
