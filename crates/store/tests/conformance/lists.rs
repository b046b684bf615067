//! Pages: every filter, order and cursor; and no organization sees another's.
use bytes::Bytes;
use postsync_core::change::Change;
use postsync_core::delivery::{ExhaustedReason, State};
use postsync_core::event::Event;
use postsync_core::generation::Status;
use postsync_core::ids::{DeliveryId, EndpointId, GenerationId};
use postsync_core::limits::LIST_BYTES_MAX;
use postsync_core::rotation::SecretOwner;
use postsync_engine::ports::{DeliveryFilter, DeliveryQuery, DueDelivery, GenerationOrder, GenerationQuery, Store};

use super::world::*;

const OLDEST: GenerationOrder = GenerationOrder::OldestFirst;
const NEWEST: GenerationOrder = GenerationOrder::NewestFirst;

fn query(order: GenerationOrder) -> GenerationQuery {
    GenerationQuery { org: org("default"), statuses: vec![], ids: vec![], order, after: None, limit: 99 }
}

async fn listed(store: &dyn Store, query: GenerationQuery) -> Vec<u128> {
    store.generations(query).await.unwrap().iter().map(|g| g.id.0.as_u128()).collect()
}

/// 1 pending, 2 processing, 3 completed, 4 failed, 5 completed, 6 pending; 7 another organization's.
async fn fill(store: &dyn Store) {
    for number in [4, 1, 3, 6, 2, 5] {
        done(store, vec![add(&generation(number, "default", "mesh-1"))]).await;
    }
    done(store, vec![add(&generation(7, "acme", "mesh-1"))]).await;
    done(store, vec![start(2, 1), end(3, 0, completed()), end(4, 0, failed()), end(5, 0, completed())]).await;
}

pub(crate) async fn generations_by_status_order_and_cursor(store: &dyn Store) {
    fill(store).await;
    assert_eq!(listed(store, query(OLDEST)).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(listed(store, query(NEWEST)).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(listed(store, GenerationQuery { limit: 2, ..query(NEWEST) }).await, [6, 5]);
    let after = |order, number| GenerationQuery { after: Some(gen_id(number)), limit: 2, ..query(order) };
    assert_eq!(listed(store, after(OLDEST, 3)).await, [4, 5]);
    assert_eq!(listed(store, after(NEWEST, 3)).await, [2, 1]);
    assert_eq!(listed(store, after(OLDEST, 6)).await, [0u128; 0]);
    let of = |order, statuses: &[Status]| GenerationQuery { statuses: statuses.to_vec(), ..query(order) };
    assert_eq!(listed(store, of(OLDEST, &[Status::Completed])).await, [3, 5]);
    assert_eq!(listed(store, of(NEWEST, &[Status::Pending, Status::Failed])).await, [6, 4, 1]);
    assert_eq!(listed(store, of(OLDEST, &[Status::Processing])).await, [2]);
    assert_eq!(listed(store, of(OLDEST, &[Status::Rejected])).await, [0u128; 0]);
    let page = GenerationQuery { after: Some(gen_id(3)), ..of(OLDEST, &[Status::Completed, Status::Failed]) };
    assert_eq!(listed(store, page).await, [4, 5]);
}

/// A page of rows as large as clients can make them ends early, and the cursor goes on behind it.
pub(crate) async fn a_page_ends_where_its_texts_are_long(store: &dyn Store) {
    let large = |number: u128, bytes: usize| {
        let mut large = generation(number, "default", "mesh-1");
        large.request.options = Some(format!(r#"{{"note":"{}"}}"#, "x".repeat(bytes)));
        large
    };
    for number in 1..=9 {
        done(store, vec![add(&large(number, LIST_BYTES_MAX / 4))]).await;
    }
    done(store, vec![add(&large(10, LIST_BYTES_MAX * 2))]).await;
    assert_eq!(listed(store, query(OLDEST)).await, [1, 2, 3, 4]);
    let after = |number| GenerationQuery { after: Some(gen_id(number)), ..query(OLDEST) };
    assert_eq!(listed(store, after(4)).await, [5, 6, 7, 8]);
    assert_eq!(listed(store, after(8)).await, [9, 10]);
    assert_eq!(listed(store, after(9)).await, [10], "one that is larger than a page is a page");
    assert_eq!(listed(store, GenerationQuery { limit: 2, ..query(NEWEST) }).await, [10]);
    let open = async |after: u128| {
        let page = store.open_generations(&["mesh-1"], Some(gen_id(after)), 99).await.unwrap();
        page.iter().map(|g| g.id.0.as_u128()).collect::<Vec<u128>>()
    };
    assert_eq!([open(0).await, open(8).await], [vec![1, 2, 3, 4], vec![9, 10]], "what the engine reads, too");
    let ids = (1..=10).map(gen_id).collect();
    assert_eq!(listed(store, GenerationQuery { ids, ..query(OLDEST) }).await, [1, 2, 3, 4]);
}

pub(crate) async fn generations_by_id(store: &dyn Store) {
    fill(store).await;
    let of = |order, numbers: &[u128]| {
        let ids: Vec<GenerationId> = numbers.iter().map(|n| gen_id(*n)).collect();
        GenerationQuery { ids, ..query(order) }
    };
    assert_eq!(listed(store, of(OLDEST, &[5, 1, 5, 99, 7])).await, [1, 5]);
    assert_eq!(listed(store, of(NEWEST, &[1, 3, 5])).await, [5, 3, 1]);
    assert_eq!(listed(store, GenerationQuery { limit: 1, ..of(NEWEST, &[1, 3, 5]) }).await, [5]);
    assert_eq!(listed(store, GenerationQuery { after: Some(gen_id(3)), ..of(NEWEST, &[1, 3, 5]) }).await, [1]);
    let failed_ones = GenerationQuery { statuses: vec![Status::Failed], ..of(OLDEST, &[1, 3, 4]) };
    assert_eq!(listed(store, failed_ones).await, [4]);
}

pub(crate) async fn deliveries_by_every_filter(store: &dyn Store) {
    // (number, generation, endpoint, how it stands)
    let exhausted = State::Exhausted(at(5), ExhaustedReason::Gone);
    let all = [
        (1, 1, "a", None),
        (2, 1, "b", Some(State::Delivered(at(5)))),
        (3, 2, "a", Some(exhausted)),
        (4, 2, "b", Some(State::Due(at(9)))),
        (5, 3, "a", Some(State::Delivered(at(5)))),
    ];
    for (number, generation, endpoint, state) in all {
        let event = event(number + 100, generation, "default");
        let delivery = delivery(number, &event, endpoint, 0);
        done(store, vec![add_event(&event), add_delivery(&delivery)]).await;
        if let Some(state) = state {
            done(store, vec![start_attempt(number, 1), settle(number, 1, state)]).await;
        }
    }
    let base =
        DeliveryQuery { org: org("default"), status: None, generation: None, endpoint: None, after: None, limit: 99 };
    let find = async |query: DeliveryQuery| numbers(&store.deliveries(query).await.unwrap());
    let status = |status| DeliveryQuery { status: Some(status), ..base.clone() };
    assert_eq!(find(base.clone()).await, [5, 4, 3, 2, 1]);
    assert_eq!(find(DeliveryQuery { limit: 2, after: Some(DeliveryId(4)), ..base.clone() }).await, [3, 2]);
    assert_eq!(find(status(DeliveryFilter::Due)).await, [4, 1]);
    assert_eq!(find(status(DeliveryFilter::Delivered)).await, [5, 2]);
    assert_eq!(find(status(DeliveryFilter::Exhausted)).await, [3]);
    let generation = DeliveryQuery { generation: Some(gen_id(2)), ..base.clone() };
    assert_eq!(find(generation.clone()).await, [4, 3]);
    assert_eq!(find(DeliveryQuery { status: Some(DeliveryFilter::Due), ..generation.clone() }).await, [4]);
    let both = DeliveryQuery { endpoint: Some(EndpointId::new("a")), ..generation };
    assert_eq!(find(both).await, [3]);
    let endpoint = DeliveryQuery { endpoint: Some(EndpointId::new("a")), ..base.clone() };
    assert_eq!(find(endpoint.clone()).await, [5, 3, 1]);
    assert_eq!(find(DeliveryQuery { after: Some(DeliveryId(5)), limit: 1, ..endpoint.clone() }).await, [3]);
    for (filter, want) in [(DeliveryFilter::Due, 1), (DeliveryFilter::Delivered, 5), (DeliveryFilter::Exhausted, 3)] {
        assert_eq!(find(DeliveryQuery { status: Some(filter), ..endpoint.clone() }).await, [want]);
    }
    assert_eq!(find(DeliveryQuery { org: org("acme"), ..base.clone() }).await, [0i64; 0]);

    // A list carries what the log shows of an event, not its body.
    let last = store.deliveries(DeliveryQuery { limit: 1, ..base }).await.unwrap();
    let record = store.delivery(&org("default"), DeliveryId(5)).await.unwrap().unwrap();
    let event = Event { body: Bytes::new(), ..record.event };
    assert_eq!(last, [DueDelivery { delivery: record.delivery, event }]);
}

pub(crate) async fn organizations_see_only_their_own(store: &dyn Store) {
    fill(store).await;
    let theirs = event(20, 7, "acme");
    done(store, vec![add_event(&theirs), add_delivery(&delivery(21, &theirs, "app", 0))]).await;
    done(store, vec![Change::AddKey(Box::new(key(30, "acme", 3)))]).await;
    done(store, vec![first_secret(31, "acme", 3)]).await;
    for (whose, sees) in [("default", false), ("acme", true), ("", false), ("acm", false)] {
        let whose = org(whose);
        assert_eq!(store.generation(&whose, gen_id(7)).await.unwrap().is_some(), sees);
        assert_eq!(store.delivery(&whose, DeliveryId(21)).await.unwrap().is_some(), sees);
        assert_eq!(store.keys(&whose).await.unwrap().len(), usize::from(sees));
        assert_eq!(store.signing(&SecretOwner::org(&whose)).await.unwrap().is_some(), sees);
    }
    assert_eq!(listed(store, GenerationQuery { org: org("acme"), ..query(OLDEST) }).await, [7]);
    assert_eq!(listed(store, GenerationQuery { org: org("acme"), ids: vec![gen_id(1)], ..query(OLDEST) }).await, []);
    assert!(store.generation_of_any(gen_id(7)).await.unwrap().is_some());
}

pub(crate) async fn last_id_is_the_highest_of_all(store: &dyn Store) {
    assert_eq!(store.last_id().await.unwrap(), 0);
    let event = event(7, 1, "default");
    done(store, vec![add_event(&event)]).await;
    assert_eq!(store.last_id().await.unwrap(), 7);
    done(store, vec![add_delivery(&delivery(5, &event, "app", 0))]).await;
    assert_eq!(store.last_id().await.unwrap(), 7);
    done(store, vec![add_delivery(&delivery(8, &event, "app", 0))]).await;
    assert_eq!(store.last_id().await.unwrap(), 8);
    done(store, vec![Change::AddKey(Box::new(key(9, "default", 1)))]).await;
    assert_eq!(store.last_id().await.unwrap(), 9);
    done(store, vec![first_secret(10, "default", 1)]).await;
    assert_eq!(store.last_id().await.unwrap(), 10);
}
