//! Registered endpoints.
use postsync_core::change::Change;
use postsync_core::delivery::Delivery;
use postsync_core::endpoint::{CustomHeaders, DisabledReason, Endpoint, EventFilter, State};
use postsync_core::ids::{DeliveryId, EndpointId, OrgId};
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::terms::Terms;
use postsync_engine::ports::Store;

use super::world::*;

fn plain(number: i64, whose: &str, url: &str) -> Endpoint {
    Endpoint {
        id: EndpointId::registered(number),
        org: org(whose),
        url: url.to_owned(),
        description: String::new(),
        events: EventFilter::default(),
        headers: CustomHeaders::default(),
        terms: Terms::default(),
        per_second: None,
        concurrency: None,
        state: State::Enabled,
        failing_since: None,
        failing_told: false,
        created_at: at(number),
        updated_at: at(number),
        version: 1,
    }
}

/// With everything that it may have.
fn endpoint(number: i64, whose: &str, url: &str) -> Endpoint {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Endpoint {
        description: "Ünïcode".to_owned(),
        events: EventFilter::parse("generation.failed,delivery.exhausted").unwrap(),
        headers: CustomHeaders::stored(vec![pair("Authorization", "Bearer geheim"), pair("X-B", "c: d")]),
        terms: terms(true),
        per_second: Some(5),
        concurrency: Some(3),
        ..plain(number, whose, url)
    }
}

fn add(endpoint: &Endpoint) -> Change {
    Change::AddEndpoint(Box::new(endpoint.clone()))
}

fn change(endpoint: &Endpoint) -> Change {
    Change::ChangeEndpoint(Box::new(endpoint.clone()))
}

fn remove(endpoint: &Endpoint) -> Change {
    Change::RemoveEndpoint { org: endpoint.org.clone(), id: endpoint.id.clone() }
}

pub(crate) async fn an_endpoint_reads_back_whole_and_only_to_its_own(store: &dyn Store) {
    let (b, a) = (endpoint(2, "default", "https://a.example/hook?x=1"), plain(1, "default", "https://a.example/hook"));
    let foreign = plain(3, "acme", "https://a.example/hook");
    done(store, vec![add(&b)]).await;
    done(store, vec![add(&a), add(&foreign)]).await;
    assert_eq!(store.endpoints(&org("default")).await.unwrap(), [a.clone(), b.clone()]);
    assert_eq!(store.endpoints(&org("acme")).await.unwrap(), std::slice::from_ref(&foreign));
    assert_eq!(store.endpoints(&org("nobody")).await.unwrap(), []);
    let first = store.all_endpoints(None, 2).await.unwrap();
    assert_eq!(first, [foreign, a.clone()]);
    assert_eq!(store.all_endpoints(Some((a.org, a.id)), 9).await.unwrap(), [b]);
    assert_eq!(store.last_id().await.unwrap(), 3);
}

pub(crate) async fn endpoints_on_record_are_those_of_deliveries(store: &dyn Store) {
    let keep = plain(3, "default", "https://a.example/hook");
    done(store, vec![add(&keep)]).await;
    assert_eq!(store.endpoints_on_record(None, 9).await.unwrap(), []);
    let of = [
        ("default", "imp_0a"),
        ("default", "ep_b"),
        ("acme", "ep_c"),
        ("default", "ep_b"),
        ("acme", "imp_0a"),
        ("zoo", "ep_a"),
        ("default", "ep_a"),
    ];
    for (number, (whose, endpoint)) in (100..).zip(of) {
        let event = event(number, number.unsigned_abs().into(), whose);
        let delivery = Delivery::new(DeliveryId(number + 50), &event, EndpointId::new(endpoint), keep.url.clone(), 0);
        done(store, vec![Change::AddEvent(Box::new(event)), Change::AddDelivery(Box::new(delivery))]).await;
    }
    let named = |names: &[(&str, &str)]| -> Vec<(OrgId, EndpointId)> {
        names.iter().map(|(whose, id)| (org(whose), EndpointId::new(id))).collect()
    };
    let all = named(&[("acme", "ep_c"), ("default", "ep_a"), ("default", "ep_b"), ("zoo", "ep_a")]);
    assert_eq!(store.endpoints_on_record(None, 9).await.unwrap(), all, "each once, registered or not any more");
    assert_eq!(store.endpoints_on_record(None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.endpoints_on_record(Some(all[1].clone()), 9).await.unwrap(), all[2..]);
    assert_eq!(store.endpoints_on_record(Some(all[3].clone()), 9).await.unwrap(), []);
}

pub(crate) async fn a_url_is_registered_once_in_an_organization(store: &dyn Store) {
    let first = plain(1, "default", "https://a.example/hook?x=1");
    done(store, vec![add(&first)]).await;
    stale(store, vec![add(&plain(1, "default", "https://other.example/"))]).await;
    stale(store, vec![add(&plain(2, "default", "https://A.example:443/hook?x=1"))]).await;
    done(store, vec![add(&plain(3, "default", "https://a.example/hook?x=2"))]).await;
    let mut third = plain(3, "default", "https://a.example/hook?x=1");
    third.touch(at(9));
    stale(store, vec![change(&third)]).await;
    assert_eq!(store.endpoints(&org("default")).await.unwrap().len(), 2);
}

pub(crate) async fn a_change_is_fenced_by_its_version(store: &dyn Store) {
    let mut endpoint = endpoint(1, "default", "https://a.example/");
    stale(store, vec![change(&endpoint)]).await;
    done(store, vec![add(&endpoint)]).await;
    stale(store, vec![change(&endpoint)]).await;
    let (before, mut late) = (endpoint.clone(), endpoint.clone());
    endpoint.state = State::Disabled(DisabledReason::Gone);
    (endpoint.failing_since, endpoint.failing_told) = (Some(at(5)), true);
    (endpoint.headers, endpoint.description) = (plain(1, "default", "https://a.example/").headers, String::new());
    endpoint.touch(at(7));
    done(store, vec![change(&endpoint)]).await;
    late.touch(at(8));
    stale(store, vec![change(&late)]).await;
    assert_ne!(before, endpoint);
    assert_eq!(store.endpoints(&org("default")).await.unwrap(), [endpoint.clone()]);
    endpoint.state = State::Paused;
    endpoint.touch(at(9));
    done(store, vec![change(&endpoint)]).await;
    assert_eq!(store.endpoints(&org("default")).await.unwrap(), [endpoint]);
}

fn owner(endpoint: &Endpoint) -> SecretOwner {
    SecretOwner::endpoint(&endpoint.org, &endpoint.id)
}

fn first_secret_of(endpoint: &Endpoint, byte: u8) -> Change {
    let signing = Signing::first(owner(endpoint), secret(i64::from(byte) + 100, byte));
    Change::SetSecrets { was: None, now: Box::new(signing) }
}

pub(crate) async fn a_removed_endpoint_takes_its_secrets_along(store: &dyn Store) {
    let (gone, stays) = (plain(1, "default", "https://a.example/"), plain(2, "default", "https://b.example/"));
    for (endpoint, byte) in [(&gone, 1), (&stays, 2)] {
        done(store, vec![add(endpoint), first_secret_of(endpoint, byte)]).await;
    }
    stale(store, vec![remove(&plain(1, "acme", "https://a.example/"))]).await;
    done(store, vec![remove(&gone)]).await;
    stale(store, vec![remove(&gone)]).await;
    assert_eq!(store.endpoints(&org("default")).await.unwrap(), std::slice::from_ref(&stays));
    assert!(store.signing(&owner(&gone)).await.unwrap().is_none());
    assert!(store.signing(&owner(&stays)).await.unwrap().is_some());
    // Its URL is free again.
    done(store, vec![add(&plain(4, "default", "https://a.example/"))]).await;
}
