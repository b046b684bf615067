//! Assets: what is said of them, lists in every order, what waits to be looked at.
use postsync_core::asset::{
    Asset, AssetChange, AssetKind, AssetOrder, AssetPlace, Described, Facts, InputType, Probe, Visibility,
};
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_core::limits::ASSETS_SEARCHED_MAX;
use postsync_engine::ports::{AssetQuery, ProbeLane, ProbeQuery, Store};
use uuid::Uuid;

use super::world::*;

fn id(number: u128) -> AssetId {
    AssetId(Uuid::from_u128(number))
}

fn media(number: u128) -> MediaId {
    MediaId(Uuid::from_u128(number))
}

fn asset(number: u128, name: &str, kind: AssetKind, bytes: u64) -> Asset {
    Asset::uploaded(id(number), org("default"), kind, name.to_owned(), media(100 + number), bytes, at(1))
}

fn add(asset: Asset) -> Change {
    Change::AddAsset(Box::new(asset))
}

fn changed(change: AssetChange) -> Vec<Change> {
    vec![Change::Asset(change)]
}

fn query(word: &str) -> AssetQuery {
    let order = AssetOrder::parse(word).unwrap();
    AssetQuery { org: org("default"), kinds: vec![], search: None, order, after: None, limit: 100 }
}

/// All pages of so many, and how many pages there were.
async fn walk(store: &dyn Store, query: &AssetQuery, limit: usize) -> Vec<u128> {
    let (mut after, mut found): (Option<AssetPlace>, _) = (None, vec![]);
    loop {
        let page = store.assets(AssetQuery { after, limit, ..query.clone() }).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items.iter().map(|asset| asset.id.0.as_u128()));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

pub(crate) async fn an_asset_reads_back_whole(store: &dyn Store) {
    let facts = Facts {
        format: Some("mp4".to_owned()),
        duration_ms: Some(9_980),
        width: Some(640),
        height: Some(360),
        thumbnail: Some(media(7)),
    };
    let whole = Asset {
        visibility: Visibility::Organization,
        input_type: InputType::Tts,
        sha256: Some([9; 32]),
        facts,
        probe: Probe::Done,
        updated_at: at(9),
        ..asset(1, "v.mp4", AssetKind::Video, 5)
    };
    let url = "https://media.example.com/in.wav".to_owned();
    let elsewhere = Asset::registered(id(2), org("default"), AssetKind::Audio, "a".to_owned(), url, at(3));
    done(store, vec![add(whole.clone()), add(elsewhere.clone())]).await;
    assert_eq!(store.asset(&org("default"), id(1)).await, Ok(Some(whole)));
    assert_eq!(store.asset(&org("default"), id(2)).await, Ok(Some(elsewhere)));
    assert_eq!(store.named_media(vec![media(7), media(2), media(101)]).await, Ok(vec![media(7), media(101)]));
}

pub(crate) async fn what_is_said_of_it_is_said_by_its_own(store: &dyn Store) {
    done(store, vec![add(asset(1, "a", AssetKind::Video, 5))]).await;
    stale(store, changed(AssetChange::Register(Box::new(asset(1, "b", AssetKind::Audio, 6))))).await;
    done(store, changed(AssetChange::Register(Box::new(asset(2, "c", AssetKind::Audio, 6))))).await;
    let say = |whose: &str, number, to| AssetChange::Describe { org: org(whose), id: id(number), to, at: at(50) };
    let name = |text: &str| Described { name: Some(text.to_owned()), visibility: None };
    stale(store, changed(say("acme", 1, name("x")))).await;
    stale(store, changed(say("default", 9, name("x")))).await;
    done(store, changed(say("default", 1, name("Z")))).await;
    let visible = Described { name: None, visibility: Some(Visibility::Organization) };
    done(store, changed(say("default", 2, visible))).await;
    let read = store.asset(&org("default"), id(1)).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.visibility, read.updated_at), ("Z", Visibility::User, at(50)));
    assert_eq!(walk(store, &query("nameAsc"), 9).await, [2, 1], "it is sorted by its new name");
    stale(store, changed(remove("acme", 1, 0))).await;
    done(store, changed(remove("default", 1, 0))).await;
    stale(store, changed(remove("default", 1, 0))).await;
    assert_eq!(store.asset(&org("default"), id(1)).await, Ok(None));
}

pub(crate) async fn what_was_removed_does_not_come_back_while_it_could(store: &dyn Store) {
    let come = |number| changed(AssetChange::Register(Box::new(asset(number, "a", AssetKind::Video, 1))));
    for number in [1, 2, 3] {
        done(store, come(number)).await;
    }
    done(store, changed(remove("default", 1, 2))).await;
    done(store, changed(remove("default", 2, 2))).await;
    stale(store, come(2)).await;
    done(store, come(1)).await;
    done(store, changed(remove("default", 3, 3))).await;
    stale(store, come(3)).await;
    done(store, come(2)).await;
}

fn remove(whose: &str, number: u128, from: u128) -> AssetChange {
    AssetChange::Remove { org: org(whose), id: id(number), from: id(from) }
}

pub(crate) async fn lists_run_in_every_order_and_go_on_anywhere(store: &dyn Store) {
    let kinds = [AssetKind::Video, AssetKind::Audio, AssetKind::Image];
    for number in 1..=9u128 {
        let name = ["b", "A", "c"][usize::try_from(number % 3).unwrap()];
        let kind = kinds[usize::try_from(number / 3 % 3).unwrap()];
        let facts = Facts { duration_ms: u64::try_from(number).ok().filter(|n| n % 2 == 0), ..Facts::default() };
        let bytes = u64::try_from(10 - number).unwrap();
        done(store, vec![add(Asset { facts, ..asset(number, name, kind, bytes) })]).await;
    }
    done(store, vec![add(Asset { org: org("acme"), ..asset(20, "b", AssetKind::Video, 1) })]).await;
    let all: Vec<Asset> = store.assets(query("dateAsc")).await.unwrap().items;
    assert_eq!(all.len(), 9);
    for word in AssetOrder::words() {
        let asked = query(word);
        let mut sorted = all.clone();
        sorted.sort_by(|a, b| asked.order.compare(&a.place(asked.order.by), &b.place(asked.order.by)));
        let sorted: Vec<u128> = sorted.iter().map(|asset| asset.id.0.as_u128()).collect();
        for limit in [1, 2, 4, 9, 100] {
            assert_eq!(walk(store, &asked, limit).await, sorted, "{word} by {limit}");
        }
        let some = AssetQuery { kinds: vec![AssetKind::Image, AssetKind::Video], ..asked.clone() };
        let of_those = sorted.iter().copied().filter(|number| number / 3 % 3 != 1).collect::<Vec<_>>();
        assert_eq!(walk(store, &some, 2).await, of_those, "{word} of two kinds");
        let named = AssetQuery { search: Some("a".to_owned()), ..asked };
        let of_those = sorted.iter().copied().filter(|number| number % 3 == 1).collect::<Vec<_>>();
        assert_eq!(walk(store, &named, 2).await, of_those, "{word} of a name");
    }
}

pub(crate) async fn a_search_looks_at_so_many_and_goes_on(store: &dyn Store) {
    let count = ASSETS_SEARCHED_MAX as u128 + 10;
    let list = (1..=count).map(|n| add(asset(n, if n == 1 { "rare" } else { "x" }, AssetKind::Video, 1))).collect();
    done(store, list).await;
    let asked = AssetQuery { search: Some("rare".to_owned()), ..query("dateDesc") };
    let first = store.assets(asked.clone()).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some(), "it has looked at as many as it may");
    let second = store.assets(AssetQuery { after: first.next, ..asked }).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
}

pub(crate) async fn they_are_counted_as_they_come_and_go(store: &dyn Store) {
    let count = async |whose: &str, kinds: &[AssetKind]| store.count_assets(&org(whose), kinds.to_vec()).await.unwrap();
    assert_eq!(count("default", &[]).await, 0);
    let list = [(1, AssetKind::Video), (2, AssetKind::Video), (3, AssetKind::Audio)];
    done(store, list.map(|(n, kind)| add(asset(n, "a", kind, 1))).to_vec()).await;
    done(store, vec![add(Asset { org: org("acme"), ..asset(4, "b", AssetKind::Video, 1) })]).await;
    stale(store, changed(AssetChange::Register(Box::new(asset(1, "a", AssetKind::Video, 1))))).await;
    assert_eq!((count("default", &[]).await, count("acme", &[]).await), (3, 1));
    assert_eq!(count("default", &[AssetKind::Video]).await, 2);
    done(
        store,
        changed(AssetChange::Probed { id: id(1), kind: Some(AssetKind::Audio), bytes: None, facts: None, at: at(2) }),
    )
    .await;
    assert_eq!(count("default", &[AssetKind::Video]).await, 1, "it is another kind now");
    done(store, changed(remove("default", 1, 0))).await;
    done(store, vec![Change::ForgetAssets(vec![id(3)])]).await;
    assert_eq!((count("default", &[AssetKind::Audio, AssetKind::Video]).await, count("acme", &[]).await), (1, 1));
}

pub(crate) async fn what_waits_to_be_looked_at_is_found_until_it_was(store: &dyn Store) {
    let url = "https://media.example.com/in.wav".to_owned();
    let elsewhere = Asset::registered(id(2), org("default"), AssetKind::Audio, "a".to_owned(), url, at(1));
    let list = [asset(3, "c", AssetKind::Video, 1), elsewhere, asset(1, "a", AssetKind::Video, 1)];
    done(store, list.map(add).to_vec()).await;
    let waiting = async |lane| turns(store, lane, None).await;
    assert_eq!((waiting(ProbeLane::Stored).await, waiting(ProbeLane::Elsewhere).await), (vec![1, 3], vec![2]));
    let start = |number, tries| changed(AssetChange::StartProbe { id: id(number), tries });
    stale(store, start(1, 2)).await;
    done(store, start(1, 1)).await;
    stale(store, start(1, 1)).await;
    assert_eq!(waiting(ProbeLane::Stored).await, [1, 3], "a look that has begun is not one that has ended");
    let release = |number, tries| changed(AssetChange::ReleaseProbe { id: id(number), tries });
    for tries in [0, 2] {
        stale(store, release(1, tries)).await;
    }
    done(store, release(1, 1)).await;
    let read = store.asset(&org("default"), id(1)).await.unwrap().unwrap();
    assert_eq!(read.probe, Probe::Waiting(0), "what was cut does not count");
    done(store, start(1, 1)).await;
    let facts = Facts { duration_ms: Some(5), thumbnail: Some(media(8)), ..Facts::default() };
    let probed = |number, facts: Option<&Facts>, bytes| {
        let (kind, facts, at) = (Some(AssetKind::Image), facts.cloned(), at(70));
        changed(AssetChange::Probed { id: id(number), kind, bytes, facts, at })
    };
    done(store, probed(1, Some(&facts), None)).await;
    stale(store, probed(1, Some(&facts), None)).await;
    stale(store, start(1, 2)).await;
    stale(store, release(1, 1)).await;
    done(store, probed(2, None, Some(77))).await;
    assert_eq!((waiting(ProbeLane::Stored).await, waiting(ProbeLane::Elsewhere).await), (vec![3], vec![]));
    let read = store.asset(&org("default"), id(1)).await.unwrap().unwrap();
    assert_eq!((read.kind, read.bytes, &read.facts, read.probe), (AssetKind::Image, Some(1), &facts, Probe::Done));
    let failed = store.asset(&org("default"), id(2)).await.unwrap().unwrap();
    assert_eq!((failed.probe, failed.bytes, failed.updated_at), (Probe::Failed, Some(77), at(70)));
}

/// In which order all of a lane come up, where each is looked at for ever.
async fn turns(store: &dyn Store, lane: ProbeLane, mut after: Option<OrgId>) -> Vec<u128> {
    let mut not = vec![];
    while let Some(next) = store.asset_to_probe(ProbeQuery { lane, after, not: not.clone() }).await.unwrap() {
        after = Some(next.org.clone());
        not.push(next.id);
    }
    not.iter().map(|id| id.0.as_u128()).collect()
}

pub(crate) async fn organizations_take_turns_to_be_looked_at(store: &dyn Store) {
    let mut list = vec![];
    for (number, whose) in [(1, "b"), (2, "b"), (3, "b"), (4, "b"), (5, "c"), (6, "c"), (7, "a"), (8, "d")] {
        let url = format!("https://media.example.com/{number}.wav");
        let kind = AssetKind::Audio;
        list.push(add(Asset::registered(id(number), org(whose), kind, "a".to_owned(), url, at(1))));
        list.push(add(Asset { org: org(whose), ..asset(100 + number, "a", kind, 1) }));
    }
    done(store, list).await;
    let all = [7, 1, 5, 8, 2, 6, 3, 4];
    assert_eq!(turns(store, ProbeLane::Elsewhere, None).await, all);
    assert_eq!(turns(store, ProbeLane::Elsewhere, Some(org("b"))).await, [5, 8, 7, 1, 6, 2, 3, 4]);
    assert_eq!(turns(store, ProbeLane::Elsewhere, Some(org("zz"))).await, all, "of one that is gone, too");
    assert_eq!(turns(store, ProbeLane::Stored, None).await, all.map(|number| 100 + number));
    let query = |not: &[u128]| ProbeQuery {
        lane: ProbeLane::Elsewhere,
        after: Some(org("b")),
        not: not.iter().map(|number| id(*number)).collect(),
    };
    assert_eq!(store.asset_to_probe(query(&all)).await, Ok(None));
    let left = store.asset_to_probe(query(&[7, 5, 6, 8, 1, 2])).await.unwrap().unwrap();
    assert_eq!(left.id, id(3), "alone it has every turn");
}
