//! Who asked for each generation.
use postsync_core::asset::{Asset, AssetKind};
use postsync_core::audit::{AuditChange, AuditEntry, AuditInput, Caller, Named, accepted};
use postsync_core::change::Change;
use postsync_core::generation::{Generation, NewGeneration, Request, accept};
use postsync_core::ids::{AssetId, GenerationId, KeyId, MediaId, OrgId};
use postsync_core::input::ItemKind;
use postsync_core::limits::LIST_BYTES_MAX;
use postsync_core::retention::first_generation_at;
use postsync_engine::ports::{AuditQuery, Store};
use uuid::Uuid;

use super::world::*;

/// What asking for a generation so long after the start of time leaves, and the generation.
fn asked(ms: i64, whose: &str, key: i64) -> (Generation, Caller, Named) {
    let id = AssetId(Uuid::from_u128(7));
    let video = r#"{"type":"video","url":"https://cdn.example/\u00e9\"v.mp4?token=s3cret"}"#;
    let input = format!(r#"[{video},{{"type":"audio","assetId":"{id}"}}]"#);
    let request = Request { model: "sync-3".to_owned(), input, ..Request::default() };
    let generation = accept(NewGeneration { org: org(whose), request }, id_of(ms, whose), at(ms));
    let mut named = Named::default();
    let upload =
        Asset::uploaded(id, org(whose), AssetKind::Audio, "a.wav".into(), MediaId::new(at(ms), [1; 10]), 9, at(ms));
    named.add(&Asset { sha256: Some([0xab; 32]), ..upload });
    (generation, Caller { key: Some(KeyId(key)), address: "2001:db8::7".parse().ok() }, named)
}

/// What is read of it.
fn entry(ms: i64, whose: &str, key: i64) -> AuditEntry {
    let (generation, caller, _) = asked(ms, whose, key);
    let given = |kind, url: Option<&str>| AuditInput { kind, asset: None, sha256: None, url: url.map(str::to_owned) };
    let asset = Some(AssetId(Uuid::from_u128(7)));
    AuditEntry {
        generation: generation.id,
        org: org(whose),
        caller,
        model: "sync-3".to_owned(),
        inputs: vec![
            given(ItemKind::Video, Some("https://cdn.example/\u{e9}\"v.mp4")),
            AuditInput { asset, sha256: Some([0xab; 32]), ..given(ItemKind::Audio, None) },
        ],
    }
}

fn asking(ms: i64, whose: &str, key: i64) -> Vec<Change> {
    let (generation, caller, named) = asked(ms, whose, key);
    accepted(&generation, caller, &named)
}

/// It fails, and a client removes it.
fn removing(ms: i64, whose: &str) -> Vec<Change> {
    let id = id_of(ms, whose);
    let ended = Change::EndGeneration { id, tries: 0, at: at(ms), ending: failed() };
    vec![ended, Change::RemoveGeneration { org: org(whose), id }]
}

fn all(whose: &str) -> AuditQuery {
    let (org, limit) = (org(whose), 100);
    AuditQuery { org, generation: None, key: None, since: None, until: None, before: None, limit }
}

async fn found(store: &dyn Store, query: AuditQuery) -> Vec<GenerationId> {
    store.audit(query).await.unwrap().iter().map(|entry| entry.generation).collect()
}

pub(crate) async fn an_entry_is_written_with_its_generation_and_stays_without_it(store: &dyn Store) {
    let (generation, caller, named) = asked(1, "default", 7);
    let id = generation.id;
    stale(store, [asking(1, "default", 7), vec![start(99, 1)]].concat()).await;
    assert_eq!(found(store, all("default")).await, [], "nothing of a refused list");
    done(store, asking(1, "default", 7)).await;
    let nobodys =
        accept(NewGeneration { org: org("default"), request: generation.request.clone() }, other_id(2), at(2));
    done(store, accepted(&nobodys, Caller::default(), &Named::default())).await;
    let audit = || async { store.audit(all("default")).await.unwrap() };
    assert_eq!(audit().await[1..], [entry(1, "default", 7)]);
    assert_eq!((audit().await[0].caller, audit().await[0].inputs[1].sha256), (Caller::default(), None));
    let again = vec![accepted(&generation, caller, &named).remove(1)];
    assert!(store.apply(again).await.is_err(), "a generation has one");

    stale(store, vec![removing(1, "acme").remove(1)]).await;
    done(store, removing(1, "default")).await;
    assert_eq!(store.generation_of_any(id).await, Ok(None));
    assert_eq!(audit().await[1..], [entry(1, "default", 7)], "the same without the generation");
    let forget = Change::Audit(AuditChange::Forget(vec![(org("default"), nobodys.id)]));
    let ended = Change::EndGeneration { id: nobodys.id, tries: 0, at: at(3), ending: failed() };
    done(store, vec![forget, ended, Change::RemoveGeneration { org: org("default"), id: nobodys.id }]).await;
    assert_eq!(
        audit().await,
        [entry(1, "default", 7)],
        "what is forgotten does not come back with the end of its generation"
    );
}

/// Each organization's own.
fn id_of(ms: i64, whose: &str) -> GenerationId {
    GenerationId::new(at(ms), [u8::try_from(whose.len()).unwrap(); 10])
}

fn other_id(ms: i64) -> GenerationId {
    GenerationId::new(at(ms), [6; 10])
}

pub(crate) async fn entries_are_found_by_what_is_asked_for(store: &dyn Store) {
    let entries: Vec<AuditEntry> = (0..6).map(|n| entry(n * 1_000, "default", n % 2)).collect();
    let theirs = entry(2_500, "acme", 0);
    let all_asked = (0..6).flat_map(|n| asking(n * 1_000, "default", n % 2));
    done(store, all_asked.chain(asking(2_500, "acme", 0)).collect()).await;
    done(store, [removing(1_000, "default"), removing(4_000, "default")].concat()).await;
    let id = |n: usize| entries[n].generation;
    let query = || all("default");
    for (asked, want) in [
        (query(), vec![5, 4, 3, 2, 1, 0]),
        (AuditQuery { limit: 2, ..query() }, vec![5, 4]),
        (AuditQuery { before: Some(id(4)), limit: 2, ..query() }, vec![3, 2]),
        (AuditQuery { key: Some(KeyId(1)), ..query() }, vec![5, 3, 1]),
        (AuditQuery { key: Some(KeyId(1)), before: Some(id(5)), limit: 1, ..query() }, vec![3]),
        (AuditQuery { key: Some(KeyId(9)), ..query() }, vec![]),
        (AuditQuery { since: Some(at(2_000)), until: Some(at(4_000)), ..query() }, vec![3, 2]),
        (AuditQuery { since: Some(at(2_001)), key: Some(KeyId(0)), ..query() }, vec![4]),
        (AuditQuery { until: Some(at(1_000)), ..query() }, vec![0]),
        (AuditQuery { generation: Some(id(2)), ..query() }, vec![2]),
        (AuditQuery { generation: Some(id(2)), key: Some(KeyId(0)), ..query() }, vec![2]),
        (AuditQuery { generation: Some(id(2)), key: Some(KeyId(1)), ..query() }, vec![]),
        (AuditQuery { generation: Some(id(2)), before: Some(id(2)), ..query() }, vec![]),
        (AuditQuery { generation: Some(id(2)), since: Some(at(3_000)), ..query() }, vec![]),
        (AuditQuery { generation: Some(id(2)), until: Some(at(2_000)), ..query() }, vec![]),
        (AuditQuery { generation: Some(theirs.generation), ..query() }, vec![]),
    ] {
        let want: Vec<GenerationId> = want.into_iter().map(id).collect();
        assert_eq!(found(store, asked.clone()).await, want, "{asked:?}");
    }
    assert_eq!(found(store, all("acme")).await, [theirs.generation]);
}

pub(crate) async fn a_page_of_long_inputs_is_shorter(store: &dyn Store) {
    let audio = format!(r#"{{"type":"audio","url":"https://cdn.example/{}"}}"#, "x".repeat(8_000));
    let request = Request { input: format!("[{}]", vec![audio; 11].join(",")), ..Request::default() };
    let changes = (0..110).flat_map(|n| {
        let new = NewGeneration { org: org("default"), request: request.clone() };
        accepted(&accept(new, other_id(n), at(n)), Caller::default(), &Named::default())
    });
    done(store, changes.collect()).await;
    let page = store.audit(AuditQuery { limit: 110, ..all("default") }).await.unwrap();
    let bytes = |page: &[AuditEntry]| page.iter().map(AuditEntry::bytes).sum::<usize>();
    assert!(bytes(&page) >= LIST_BYTES_MAX && bytes(&page[1..]) < LIST_BYTES_MAX, "{}", page.len());
    let before = page.last().map(|entry| entry.generation);
    let rest = store.audit(AuditQuery { before, limit: 110, ..all("default") }).await.unwrap();
    assert_eq!(page.len() + rest.len(), 110);
}

pub(crate) async fn old_entries_go_a_few_at_a_time(store: &dyn Store) {
    done(store, (0..4).flat_map(|n| [asking(n, "acme", 1), asking(n, "default", 1)].concat()).collect()).await;
    let place = |ms: i64, whose: &str| (org(whose), id_of(ms, whose));
    let aged =
        |after, ms, limit| async move { store.aged_audit(after, first_generation_at(at(ms)), limit).await.unwrap() };
    assert_eq!(aged(None, 0, 9).await, []);
    let page = aged(None, 3, 4).await;
    assert_eq!(page, [place(0, "acme"), place(1, "acme"), place(2, "acme"), place(0, "default")]);
    assert_eq!(aged(page.last().cloned(), 3, 4).await, [place(1, "default"), place(2, "default")]);
    let forget = |page: &[(OrgId, GenerationId)]| vec![Change::Audit(AuditChange::Forget(page.to_vec()))];
    done(store, forget(&page)).await;
    stale(store, forget(&page)).await;
    assert_eq!(found(store, all("acme")).await, [place(3, "acme").1]);
    assert_eq!(found(store, all("default")).await.len(), 3);
    assert_eq!(aged(None, 3, 9).await.len(), 2);
}
