//! Generations that do not go well: each ends FAILED with a code that says whose it is to mend, and with a webhook.
use std::time::Duration;

use postsync_core::error_code::{
    ASSET_NOT_FOUND, GENERATION_INFRA_STORAGE_ERROR, GENERATION_INPUT_AUDIO_INACCESSIBLE,
    GENERATION_INPUT_VALIDATION_FAILED, GENERATION_INPUT_VIDEO_INACCESSIBLE, GENERATION_PIPELINE_FAILED,
    GENERATION_TIMEOUT,
};
use postsync_core::generation::Status;
use postsync_core::outcome::SendError;
use postsync_engine::ports::FetchFailure;
use postsync_engine::{Bounds, Settings};
use postsync_sim::world::{DRIPPING_HOST, Work, WorkResult};
use postsync_sim::{SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL, body};

fn works(takes_ms: i64, result: WorkResult) -> Work {
    Work { takes_ms, result }
}

#[test]
fn work_that_dies_three_times_is_given_up() {
    let mut play = Play::new("0s");
    play.stage.slow.script([works(1_000, WorkResult::Died); 3]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    play.stage.advance(2_500);
    assert!(!play.generation(id).is_final());
    play.stage.advance(500);
    assert_eq!(play.failed_with(id), GENERATION_PIPELINE_FAILED);
    let body = body(&play.posts()[0].1);
    assert_eq!((&body["status"], &body["errorCode"]), (&"FAILED".into(), &"generation_pipeline_failed".into()));
}

#[test]
fn work_that_dies_twice_may_still_go_well() {
    let mut play = Play::new("0s");
    play.stage.slow.script([works(1_000, WorkResult::Died); 2]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    play.stage.advance(2_000);
    assert_eq!(body(&play.posts()[0].1)["status"], "COMPLETED");
    assert_eq!(play.generation(id).tries, 3);
}

#[test]
fn work_that_takes_its_server_down_three_times_is_given_up() {
    let mut play = Play::new("0s");
    play.stage.slow.script([works(0, WorkResult::Hangs); 4]);
    let id = play.submit(SLOW_MODEL, Some(URL));
    for _ in 0..3 {
        play.stage.advance(1_000);
        assert!(!play.generation(id).is_final());
        play.crash_and_restart();
    }
    assert_eq!(play.failed_with(id), GENERATION_PIPELINE_FAILED);
}

#[test]
fn who_is_not_at_work_dies_of_no_ones_death() {
    let mut play = Play::new("0s");
    play.stage.slow.script([works(0, WorkResult::Hangs); 6]);
    play.stage.fetch.set_host_drips(true);
    let mut new = Stage::request(ORG, SLOW_MODEL, Some(URL));
    new.request.input = new.request.input.replace("in.example", DRIPPING_HOST);
    let fetching = play.submit_this(new);
    let poisonous = [(); 2].map(|()| play.submit(SLOW_MODEL, None));
    for life in 1..=3 {
        play.stage.advance(1_000);
        assert_eq!(play.generation(fetching).tries, 0, "its inputs are on their way");
        assert_eq!(poisonous.map(|id| play.generation(id).tries), [life; 2]);
        play.crash_and_restart();
    }
    play.stage.fetch.set_host_drips(false);
    play.crash_and_restart();
    play.stage.advance(2_000);
    assert_eq!(poisonous.map(|id| play.failed_with(id)), [GENERATION_PIPELINE_FAILED; 2]);
    assert_eq!(play.generation(fetching).status(), Status::Completed);
}

#[test]
fn work_is_bounded_from_its_start_and_not_from_its_create() {
    for deaf in [WorkResult::Hangs, WorkResult::IsDeaf] {
        let generation_timeout = Duration::from_secs(60);
        let mut play = Play::with(Settings { generation_timeout, ..Settings::default() }, Bounds::default());
        // Two works at once: the third waits for as long as they take.
        play.stage.slow.script([works(0, deaf); 2]);
        let ids = [(); 3].map(|()| play.submit(SLOW_MODEL, None));
        play.stage.advance(59_000);
        assert!(ids.iter().all(|id| !play.generation(*id).is_final()));
        // What was told to end and does not is dropped after three seconds.
        play.stage.advance(4_000);
        assert_eq!([ids[0], ids[1]].map(|id| play.failed_with(id)), [GENERATION_TIMEOUT; 2]);
        assert!(play.generation(ids[2]).is_final());
        assert!(play.stage.media.folders().is_empty());
    }
}

#[test]
fn all_tries_of_one_start_share_one_time_limit() {
    let generation_timeout = Duration::from_secs(60);
    let mut play = Play::with(Settings { generation_timeout, ..Settings::default() }, Bounds::default());
    play.stage.slow.script([works(25_000, WorkResult::Died); 2]);
    play.stage.slow.script([works(0, WorkResult::Hangs)]);
    let id = play.submit(SLOW_MODEL, None);
    play.stage.advance(59_000);
    assert!(!play.generation(id).is_final());
    play.stage.advance(2_000);
    assert_eq!(play.failed_with(id), GENERATION_TIMEOUT);
}

#[test]
fn what_could_not_be_fetched_names_its_input() {
    let refused = Some(FetchFailure::Remote(SendError::ConnectRefused));
    for (fetches, code, names) in [
        (vec![refused], GENERATION_INPUT_VIDEO_INACCESSIBLE, "input[0]"),
        (vec![None, refused], GENERATION_INPUT_AUDIO_INACCESSIBLE, "input[1]"),
        (vec![Some(FetchFailure::TooLarge)], GENERATION_INPUT_VALIDATION_FAILED, "input[0]"),
        (vec![None, Some(FetchFailure::Storage)], GENERATION_INFRA_STORAGE_ERROR, "input[1]"),
    ] {
        let mut play = Play::new("0s");
        play.stage.fetch.script(fetches);
        let id = play.submit(SLOW_MODEL, Some(URL));
        play.stage.run_ready();
        assert_eq!(play.failed_with(id), code);
        let sentence = body(&play.posts()[0].1)["error"].as_str().unwrap().to_owned();
        assert!(sentence.contains(names), "{sentence}");
        assert!(play.stage.media.folders().is_empty());
    }
}

#[test]
fn a_url_that_drips_holds_up_nobody_else_and_ends_with_the_time() {
    let settings = Settings { generation_timeout: Duration::from_secs(60), ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    play.stage.fetch.drip(1);
    let (dripping, other) = (play.submit(SLOW_MODEL, None), play.submit(SLOW_MODEL, None));
    play.stage.advance(59_000);
    assert!(!play.generation(dripping).is_final());
    assert_eq!(play.generation(other).status(), Status::Completed);
    play.stage.advance(2_000);
    assert_eq!(play.failed_with(dripping), GENERATION_TIMEOUT);
    assert!(play.stage.media.folders().is_empty());
}

#[test]
fn an_asset_that_is_gone_fails_and_one_that_is_there_does_not() {
    use futures::FutureExt as _;
    use postsync_core::asset::{Asset, AssetKind};
    use postsync_core::change::Change;
    use postsync_core::ids::{AssetId, MediaId, OrgId};
    use postsync_core::time::Timestamp;
    use postsync_engine::ports::Applied;

    let mut play = Play::new("0s");
    let (here, elsewhere) = (AssetId::new(Timestamp(1), [1; 10]), AssetId::new(Timestamp(1), [2; 10]));
    for (id, org, media) in [(here, ORG, [3; 10]), (elsewhere, "o2", [4; 10])] {
        let (kind, name, media) = (AssetKind::Video, "v.mp4".to_owned(), MediaId::new(Timestamp(1), media));
        play.stage.media.put(media);
        let asset = Asset::uploaded(id, OrgId::new(org), kind, name, media, 9, Timestamp(1));
        let added = play.stage.store.inner().apply(vec![Change::AddAsset(Box::new(asset))]).now_or_never();
        assert_eq!(added, Some(Ok(Applied::Done)));
    }
    let mut submit = |asset: AssetId| {
        let mut new = Stage::request(ORG, SLOW_MODEL, Some(URL));
        new.request.input =
            format!(r#"[{{"type":"video","assetId":"{asset}"}},{{"type":"audio","url":"https://in.example/a.wav"}}]"#);
        let id = play.submit_this(new);
        play.stage.run_ready();
        id
    };
    let (good, foreign) = (submit(here), submit(elsewhere));
    assert_eq!(body(&play.posts()[0].1)["status"], "COMPLETED");
    assert!(play.generation(good).is_final());
    assert_eq!(play.failed_with(foreign), ASSET_NOT_FOUND);
}
