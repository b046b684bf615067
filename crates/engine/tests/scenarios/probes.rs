//! Looks into assets: nobody is kept from theirs, and only a look that says something about the file is used up.
use futures::FutureExt as _;
use postsync_core::asset::{Asset, AssetKind, Probe};
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MediaId, OrgId};
use postsync_core::space::Space;
use postsync_engine::ports::{Applied, FetchFailure};
use postsync_sim::Fact;
use postsync_sim::world::DRIPPING_HOST;

use crate::play::{ORG, Play};

const MINUTE_MS: i64 = 60_000;
const DONE: Option<Probe> = Some(Probe::Done);

fn asset(play: &Play, whose: &str, url: Option<&str>, number: u8) -> Asset {
    let now = play.engine().now();
    let (id, org, name) = (AssetId::new(now, [number; 10]), OrgId::new(whose), "name".to_owned());
    match url {
        Some(url) => Asset::registered(id, org, AssetKind::Video, name, url.to_owned(), now),
        None => {
            let media = MediaId::new(now, [number; 10]);
            play.stage.media.put(media);
            Asset::uploaded(id, org, AssetKind::Video, name, media, 1_000, now)
        }
    }
}

fn dripping() -> String {
    format!("https://{DRIPPING_HOST}/v.mp4")
}

/// Takes one in, as the API does.
fn add(play: &mut Play, whose: &str, url: Option<&str>, number: u8) -> AssetId {
    let (engine, asset) = (play.engine(), asset(play, whose, url, number));
    let added = play.stage.run(1_000, async move { engine.add_asset(asset, None).await });
    added.expect("an answer").expect("taken in").id
}

fn probe(play: &Play, id: AssetId) -> Option<Probe> {
    let found = play.stage.store.inner().asset_of_any(id).now_or_never().expect("at once").expect("a store that works");
    found.map(|asset| asset.probe)
}

fn stop_and_restart(play: &mut Play) {
    let engine = play.engine();
    play.stage.witness.tell(&Fact::StopBegan);
    play.stage.run(60_000, async move { engine.stop().await }).expect("a stop is bounded");
    play.stage.witness.tell(&Fact::StopReturned);
    play.stage.exit();
    play.start();
}

#[test]
fn urls_that_drip_hold_up_nobody_elses_and_end() {
    let mut play = Play::new("0s");
    play.stage.fetch.set_host_drips(true);
    let urls: Vec<Asset> = (0..200).map(|number| asset(&play, "drips", Some(&dripping()), number)).collect();
    let changes = urls.iter().map(|asset| Change::AddAsset(Box::new(asset.clone()))).collect();
    let done = play.stage.store.inner().apply(changes).now_or_never();
    assert!(matches!(done, Some(Ok(Applied::Done))), "{done:?}");
    play.crash_and_restart();
    play.stage.advance(5_000);
    let other = add(&mut play, ORG, Some("https://in.example/v.mp4"), 201);
    let upload = add(&mut play, "drips", None, 202);
    play.stage.advance(1_000);
    assert_eq!((probe(&play, other), probe(&play, upload)), (Some(Probe::Waiting(0)), DONE));
    play.stage.advance(MINUTE_MS);
    assert_eq!(probe(&play, other), DONE, "its turn comes with the first place that is free");
    // Four at once, a minute each.
    play.stage.advance(52 * MINUTE_MS);
    assert!(urls.iter().all(|asset| probe(&play, asset.id) == Some(Probe::Failed)));
    assert!(play.stage.media.folders().is_empty());
}

#[test]
fn a_stop_uses_up_no_look_and_a_crash_does() {
    let mut play = Play::new("0s");
    play.stage.fetch.set_host_drips(true);
    let id = add(&mut play, ORG, Some(&dripping()), 1);
    for _ in 0..5 {
        play.stage.advance(2_000);
        assert_eq!(probe(&play, id), Some(Probe::Waiting(1)), "a look has begun");
        stop_and_restart(&mut play);
    }
    play.stage.fetch.set_host_drips(false);
    stop_and_restart(&mut play);
    play.stage.advance(1_000);
    assert_eq!(probe(&play, id), DONE);

    play.stage.fetch.set_host_drips(true);
    let id = add(&mut play, ORG, Some(&dripping()), 2);
    for _ in 0..3 {
        play.stage.advance(2_000);
        play.crash_and_restart();
    }
    play.stage.advance(2_000);
    assert_eq!(probe(&play, id), Some(Probe::Failed), "what takes the server down with it is left alone");
}

#[test]
fn a_full_disk_uses_up_no_look() {
    let mut play = Play::new("0s");
    play.stage.media.set_full(true);
    let here = add(&mut play, ORG, None, 1);
    let elsewhere = add(&mut play, ORG, Some("https://in.example/v.mp4"), 2);
    play.stage.advance(60 * MINUTE_MS);
    assert_eq!([here, elsewhere].map(|id| probe(&play, id)), [Some(Probe::Waiting(0)); 2]);
    play.stage.fetch.script(vec![Some(FetchFailure::Storage); 5]);
    play.stage.media.set_full(false);
    play.stage.advance(11 * MINUTE_MS);
    assert_eq!([here, elsewhere].map(|id| probe(&play, id)), [DONE, Some(Probe::Waiting(0))]);
    play.stage.advance(60 * MINUTE_MS);
    assert_eq!(probe(&play, elsewhere), DONE);
}

#[test]
fn one_file_that_our_disk_can_not_read_holds_up_no_other() {
    let mut play = Play::new("0s");
    let bad = asset(&play, ORG, None, 1);
    play.stage.media.set_unreadable(bad.media().expect("a file"));
    let engine = play.engine();
    let (id, added) = (bad.id, async move { engine.add_asset(bad, None).await });
    play.stage.run(1_000, added).expect("an answer").expect("taken in");
    let others: Vec<AssetId> = (2..20).map(|number| add(&mut play, ORG, None, number)).collect();
    play.stage.advance(10_000);
    assert!(others.iter().all(|id| probe(&play, *id) == DONE));
    assert_eq!(probe(&play, id), Some(Probe::Waiting(0)));
}

#[test]
fn nothing_is_fetched_to_be_looked_at_where_there_is_no_room() {
    let mut play = Play::new("0s");
    let space = |free_bytes| Space { free_bytes, disk_bytes: 1 << 40, media_bytes: None };
    play.stage.media.set_space(space(1));
    play.crash_and_restart();
    play.stage.fetch.drip(usize::MAX);
    let (here, elsewhere) = (add(&mut play, ORG, None, 1), add(&mut play, ORG, Some("https://in.example/v.mp4"), 2));
    play.stage.advance(10 * MINUTE_MS);
    assert_eq!([here, elsewhere].map(|id| probe(&play, id)), [DONE, Some(Probe::Waiting(0))]);
    play.stage.fetch.drip(0);
    play.stage.media.set_space(space(1 << 40));
    play.stage.advance(MINUTE_MS);
    assert_eq!(probe(&play, elsewhere), DONE);
}
