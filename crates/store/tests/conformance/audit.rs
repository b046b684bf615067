//! Who asked for each generation.
use postsync_core::audit::{AuditChange, AuditEntry, AuditInput, Caller, Named, accepted};
use postsync_core::change::Change;
use postsync_core::generation::Generation;
use postsync_core::ids::{AssetId, GenerationId, KeyId};
use postsync_core::input::ItemKind;
use postsync_core::limits::LIST_BYTES_MAX;
use postsync_engine::ports::{AuditQuery, Store};
use uuid::Uuid;

use super::world::*;

/// Of a generation that was accepted so long after the start of time.
fn entry(ms: i64, whose: &str, key: i64) -> AuditEntry {
    let given = |kind, url: Option<&str>| AuditInput { kind, asset: None, sha256: None, url: url.map(str::to_owned) };
    let asset = Some(AssetId(Uuid::from_u128(7)));
    AuditEntry {
        generation: GenerationId::new(at(ms), [5; 10]),
        org: org(whose),
        caller: Caller { key: Some(KeyId(key)), address: "2001:db8::7".parse().ok() },
        model: "sync-3".to_owned(),
        inputs: vec![
            given(ItemKind::Video, Some("https://cdn.example/\u{e9}\"v.mp4")),
            AuditInput { asset, sha256: Some([0xab; 32]), ..given(ItemKind::Audio, None) },
        ],
    }
}

fn adding(entry: &AuditEntry) -> Change {
    Change::Audit(AuditChange::Add(Box::new(entry.clone())))
}

fn all(whose: &str) -> AuditQuery {
    let (org, limit) = (org(whose), 100);
    AuditQuery { org, generation: None, key: None, since: None, until: None, before: None, limit }
}

async fn found(store: &dyn Store, query: AuditQuery) -> Vec<GenerationId> {
    store.audit(query).await.unwrap().iter().map(|entry| entry.generation).collect()
}

pub(crate) async fn an_entry_is_written_with_its_generation_and_stays_without_it(store: &dyn Store) {
    let (whole, nobodys) = (entry(1, "default", 7), AuditEntry { caller: Caller::default(), ..entry(2, "default", 0) });
    done(store, vec![adding(&whole), adding(&nobodys)]).await;
    assert_eq!(store.audit(all("default")).await, Ok(vec![nobodys, whole.clone()]));
    assert!(store.apply(vec![adding(&whole)]).await.is_err(), "a generation has one");

    let generation = Generation { id: GenerationId::new(at(3), [0; 10]), ..generation(3, "default", "mesh-1") };
    let (id, caller) = (generation.id, Caller { key: Some(KeyId(3)), address: None });
    stale(store, [accepted(&generation, caller, &Named::default()), vec![start(99, 1)]].concat()).await;
    assert_eq!(found(store, all("default")).await.len(), 2, "nothing of a refused list");
    let ended = Change::EndGeneration { id, tries: 0, at: at(4), ending: failed() };
    let gone = Change::RemoveGeneration { org: org("default"), id };
    done(store, [accepted(&generation, caller, &Named::default()), vec![ended, gone]].concat()).await;
    assert_eq!(store.generation_of_any(id).await, Ok(None));
    let kept = store.audit(AuditQuery { generation: Some(id), ..all("default") }).await.unwrap();
    assert_eq!((kept.len(), kept[0].caller, kept[0].inputs.len()), (1, caller, 1));
}

pub(crate) async fn entries_are_found_by_what_is_asked_for(store: &dyn Store) {
    let entries: Vec<AuditEntry> = (0..6).map(|n| entry(n * 1_000, "default", n % 2)).collect();
    let theirs = entry(2_500, "acme", 0);
    done(store, entries.iter().chain([&theirs]).map(adding).collect()).await;
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
    let url = format!("https://cdn.example/{}", "x".repeat(8_000));
    let long = AuditInput { kind: ItemKind::Audio, asset: None, sha256: None, url: Some(url) };
    let entries = (0..110).map(|n| AuditEntry { inputs: vec![long.clone(); 11], ..entry(n, "default", 1) });
    let entries: Vec<AuditEntry> = entries.collect();
    done(store, entries.iter().map(adding).collect()).await;
    let page = store.audit(AuditQuery { limit: 110, ..all("default") }).await.unwrap();
    let bytes = |page: &[AuditEntry]| page.iter().map(AuditEntry::bytes).sum::<usize>();
    assert!(bytes(&page) >= LIST_BYTES_MAX && bytes(&page[1..]) < LIST_BYTES_MAX, "{}", page.len());
    let before = page.last().map(|entry| entry.generation);
    let rest = store.audit(AuditQuery { before, limit: 110, ..all("default") }).await.unwrap();
    assert_eq!(page.len() + rest.len(), 110);
}

pub(crate) async fn old_entries_go_a_few_at_a_time(store: &dyn Store) {
    let forget = |ms, limit| Change::Audit(AuditChange::Forget { before: at(ms), limit });
    let entries = (0..4).flat_map(|n| [entry(n, "acme", 1), entry(n, "default", 1)]);
    done(store, entries.map(|entry| adding(&entry)).collect()).await;
    stale(store, vec![forget(0, 9)]).await;
    done(store, vec![forget(3, 4)]).await;
    let left = || async { (found(store, all("acme")).await.len(), found(store, all("default")).await.len()) };
    assert_eq!(left().await, (1, 3), "what goes are the old ones, of one organization after another");
    done(store, vec![forget(3, 4)]).await;
    assert_eq!(left().await, (1, 1));
    stale(store, vec![forget(3, 4)]).await;
    assert_eq!(found(store, all("acme")).await, [entry(3, "acme", 1).generation]);
}
