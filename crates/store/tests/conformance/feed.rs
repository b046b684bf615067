//! The feeds: the order of places, holes, both directions, and consumers.
use bytes::Bytes;
use futures::StreamExt as _;
use postsync_core::change::Change;
use postsync_core::event::{Event, EventType};
use postsync_core::feed::{Seq, Span};
use postsync_core::ids::{ConsumerName, KeyId};
use postsync_core::limits::{CONSUMER_IDLE_MS, CONSUMERS_MAX};
use postsync_engine::ports::{FeedFrom, FeedPage, FeedQuery, Store, StoreError};

use super::world::*;

const MANY: usize = 999;

fn query(whose: &str, from: FeedFrom) -> FeedQuery {
    FeedQuery { org: org(whose), from, limit: MANY, bytes_max: usize::MAX }
}

async fn after(store: &dyn Store, whose: &str, seq: i64) -> FeedPage {
    store.feed(query(whose, FeedFrom::After(Seq(seq)))).await.unwrap()
}

/// Each event's place and number.
fn places(page: &FeedPage) -> Vec<(i64, i64)> {
    page.events.iter().map(|fed| (fed.seq.0, fed.event.id.0)).collect()
}

async fn add_all(store: &dyn Store, whose: &str, numbers: &[i64]) {
    done(store, numbers.iter().map(|number| add_event(&event(*number, 1, whose))).collect()).await;
}

pub(crate) async fn places_have_no_holes_and_are_each_organizations_own(store: &dyn Store) {
    assert_eq!(after(store, "default", 0).await, FeedPage { span: Span::default(), events: vec![] });
    // Ids fall on purpose: the order is that of the commits.
    add_all(store, "default", &[9, 8]).await;
    add_all(store, "acme", &[5]).await;
    let refused = vec![add_event(&event(4, 1, "default")), Change::RevokeKey { id: KeyId(1), at: at(0) }];
    stale(store, refused.clone()).await;
    let twice = vec![add_event(&event(3, 1, "acme")), add_event(&event(9, 1, "acme"))];
    assert!(matches!(store.apply(twice.clone()).await, Err(StoreError::Failed(_))));
    done(store, vec![add_event(&event(2, 1, "default")), add_event(&event(6, 1, "acme"))]).await;
    stale(store, refused).await;
    assert!(store.apply(twice).await.is_err());
    // What is about no generation has no place.
    let (test, own) = (event(20, 1, "default"), event(21, 1, "default"));
    done(store, vec![add_event(&Event { generation: None, ..test })]).await;
    done(store, vec![add_event(&Event { kind: EventType::EndpointFailing, ..own })]).await;
    add_all(store, "default", &[1]).await;
    let (ours, theirs) = (after(store, "default", 0).await, after(store, "acme", 0).await);
    assert_eq!((places(&ours), places(&theirs)), (vec![(1, 9), (2, 8), (3, 2), (4, 1)], vec![(1, 5), (2, 6)]));
    assert_eq!((ours.span, theirs.span.last), (Span { forgotten: Seq(0), last: Seq(4) }, Seq(2)));
    assert_eq!(ours.events[1].event, event(8, 1, "default"), "whole, with its body");
    assert_eq!(after(store, "acm", 0).await.events, []);
}

pub(crate) async fn a_feed_is_read_both_ways(store: &dyn Store) {
    add_all(store, "default", &[11, 12, 13, 14, 15]).await;
    add_all(store, "acme", &[16]).await;
    let read = async |from, limit| {
        let page = store.feed(FeedQuery { limit, ..query("default", from) }).await.unwrap();
        assert_eq!(page.span.last, Seq(5));
        places(&page).into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    let (old, new) = (|seq| FeedFrom::After(Seq(seq)), |seq| FeedFrom::Before(Some(Seq(seq))));
    assert_eq!(
        (read(old(0), 2).await, read(old(2), 2).await, read(old(4), 2).await),
        (vec![1, 2], vec![3, 4], vec![5])
    );
    assert_eq!((read(old(5), 2).await, read(old(i64::MAX), 2).await, read(old(0), 0).await), (vec![], vec![], vec![]));
    assert_eq!((read(FeedFrom::Before(None), 2).await, read(new(4), 2).await), (vec![5, 4], vec![3, 2]));
    assert_eq!((read(new(2), 2).await, read(new(1), 2).await, read(new(0), 2).await), (vec![1], vec![], vec![]));
}

pub(crate) async fn a_page_of_a_feed_ends_where_its_bodies_are_long(store: &dyn Store) {
    for number in 1..=5 {
        let long = Event { body: Bytes::from(vec![b'x'; 1_000]), ..event(number, 1, "default") };
        done(store, vec![add_event(&long)]).await;
    }
    let read = async |from, bytes_max| {
        let page = store.feed(FeedQuery { bytes_max, ..query("default", from) }).await.unwrap();
        places(&page).into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    assert_eq!(read(FeedFrom::After(Seq(1)), 2_000).await, [2, 3]);
    assert_eq!(read(FeedFrom::After(Seq(1)), 2_001).await, [2, 3, 4]);
    assert_eq!(read(FeedFrom::Before(None), 1).await, [5], "one that is larger than a page is a page");
}

/// Who reads while others write sees each place once, in order, and none appears behind its back.
pub(crate) async fn a_reader_beside_writers_misses_nothing(store: &dyn Store) {
    const EVENTS: i64 = 400;
    let write = futures::stream::iter(1..=EVENTS)
        .map(|number| {
            let refused = (number % 7 == 0).then(|| Change::RevokeKey { id: KeyId(1), at: at(0) });
            store.apply([vec![add_event(&event(number, 1, "default"))], refused.into_iter().collect()].concat())
        })
        .buffer_unordered(32)
        .for_each(async |applied| assert!(applied.is_ok()));
    let read = async {
        let (mut seen, mut last) = (Vec::new(), 0);
        while seen.len() < usize::try_from(EVENTS - EVENTS / 7).unwrap() {
            for (seq, number) in places(&after(store, "default", last).await) {
                assert_eq!(seq, last + 1);
                (last, seen) = (seq, [seen, vec![number]].concat());
            }
            // Lets the writers go on where all of it runs on one thread.
            let_others_go_on().await;
        }
        seen
    };
    let (mut seen, ()) = futures::future::join(read, write).await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=EVENTS).filter(|number| number % 7 != 0).collect::<Vec<_>>());
}

async fn let_others_go_on() {
    let mut yielded = false;
    futures::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn commit(whose: &str, name: &str, seq: i64, ms: i64) -> Change {
    Change::CommitCursor { org: org(whose), consumer: ConsumerName::new(name), seq: Seq(seq), at: at(ms) }
}

async fn committed(store: &dyn Store, whose: &str, name: &str) -> Option<i64> {
    store.consumer(&org(whose), &ConsumerName::new(name)).await.unwrap().map(|seq| seq.0)
}

pub(crate) async fn a_committed_cursor_never_moves_back(store: &dyn Store) {
    assert_eq!(committed(store, "default", "a").await, None);
    for (seq, then) in [(3, 3), (7, 7), (2, 7), (7, 7), (8, 8)] {
        done(store, vec![commit("default", "a", seq, 1)]).await;
        assert_eq!(committed(store, "default", "a").await, Some(then));
    }
    done(store, vec![commit("default", "b", 1, 1), commit("acme", "a", 2, 1)]).await;
    assert_eq!((committed(store, "default", "b").await, committed(store, "acme", "a").await), (Some(1), Some(2)));
    stale(store, vec![commit("default", "a", 9, 1), Change::RevokeKey { id: KeyId(1), at: at(0) }]).await;
    assert_eq!((committed(store, "default", "a").await, committed(store, "other", "a").await), (Some(8), None));
}

pub(crate) async fn consumers_are_bounded_and_idle_ones_make_room(store: &dyn Store) {
    for number in 0..CONSUMERS_MAX {
        done(store, vec![commit("default", &format!("c{number}"), 1, i64::try_from(number).unwrap())]).await;
    }
    let late = CONSUMER_IDLE_MS + 2;
    stale(store, vec![commit("default", "new", 1, CONSUMER_IDLE_MS)]).await;
    done(store, vec![commit("default", "c5", 2, late), commit("acme", "new", 1, late)]).await;
    assert_eq!(committed(store, "default", "c0").await, Some(1), "nobody goes before room is needed");
    done(store, vec![commit("default", "new", 1, late)]).await;
    let left = [committed(store, "default", "c0").await, committed(store, "default", "c1").await];
    assert_eq!((left, committed(store, "default", "c2").await), ([None, None], Some(1)));
    done(store, vec![commit("default", "another", 1, late)]).await;
    stale(store, vec![commit("default", "one too many", 1, late)]).await;
}
