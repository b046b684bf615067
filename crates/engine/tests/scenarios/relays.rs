//! Generations that an upstream makes: handed on once, watched to their end, whatever dies in between.
use std::time::Duration;

use futures::FutureExt as _;
use postsync_core::Secret;
use postsync_core::asset::{Asset, AssetChange, AssetKind};
use postsync_core::change::Change;
use postsync_core::error_code::{
    self, GENERATION_CANCELED, GENERATION_INPUT_VIDEO_INVALID, GENERATION_PIPELINE_FAILED, GENERATION_TIMEOUT,
};
use postsync_core::generation::{Ending, Failure, NewGeneration, Request, State, Status};
use postsync_core::ids::{AssetId, GenerationId, MediaId, OrgId};
use postsync_core::outcome::{RetryAfter, SendError};
use postsync_core::relay::{Trouble, UpstreamId};
use postsync_engine::ports::{Applied, FetchFailure};
use postsync_engine::{Bounds, Settings, Unheard};
use postsync_sim::world::DRIPPING_HOST;
use postsync_sim::{Fact, RELAYED_MODEL, Stage, UPSTREAM_SECRET};

use crate::play::{ORG, Play, URL, body};

fn passing() -> Trouble {
    Trouble::Passing { why: "it answered 503".to_owned(), retry_after: None }
}

fn submitted(takes_ms: i64) -> (Play, GenerationId) {
    let mut play = Play::new("0s");
    play.stage.upstream.set_takes_ms(takes_ms);
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.run_ready();
    (play, id)
}

/// What the upstream sends to the door that it was given; gives what came of it.
fn tell(play: &Play, id: GenerationId, secret: &str) -> Result<(), Unheard> {
    let url = play.stage.upstream.submits()[0].webhook_url.clone().expect("a door");
    let token = url.rsplit('/').next().expect("a token").to_owned();
    assert!(url.starts_with("https://we.example/postsync/v1/upstream/") && url.contains(&id.to_string()), "{url}");
    let (engine, told) = (play.engine(), b"{\"id\":\"up-1\"}");
    let secret = Secret::new(secret).expect("a secret");
    let signature = postsync_webhook::sign_sync(&secret, engine.now().unix_s(), told);
    engine.upstream_told(id, &token, Some(signature.as_bytes()), told)
}

#[test]
fn the_video_is_copied_and_the_upstreams_url_stays_with_us() {
    let (mut play, id) = submitted(2_500);
    assert_eq!(play.generation(id).status(), Status::Processing);
    play.stage.advance(10_000);
    let State::Ended(_, Ending::Completed(output)) = play.generation(id).state else { panic!("not completed") };
    assert_eq!((output.duration_ms, play.stage.media.kept()), (Some(9_980), vec![output.media.unwrap()]));
    assert!(!output.url.contains("up.example") && play.is_delivered(id), "{}", output.url);
    let submits = play.stage.upstream.submits();
    assert_eq!((submits.len(), submits[0].id), (1, id));
    assert_eq!(submits[0].request.webhook_url.as_deref(), Some(URL), "an adapter knows better than to send it on");
}

#[test]
fn its_failure_is_ours_with_its_code_and_words() {
    let mut play = Play::new("0s");
    play.stage.upstream.set_fails_with(Some(Failure::new(GENERATION_INPUT_VIDEO_INVALID, "No face was found.")));
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(5_000);
    let told = body(&play.posts()[0].1);
    assert_eq!((&told["status"], &told["error"]), (&"FAILED".into(), &"No face was found.".into()));
    assert_eq!(play.failed_with(id), GENERATION_INPUT_VIDEO_INVALID);
}

#[test]
fn looks_come_further_and_further_apart_and_a_webhook_makes_one_at_once() {
    let (mut play, id) = submitted(90_000);
    play.stage.advance(89_000);
    let looks = play.stage.upstream.looks_at_ms();
    assert!((5..=12).contains(&looks.len()), "{looks:?}");
    assert!(looks.windows(2).all(|two| two[1] - two[0] <= 37_000), "{looks:?}");
    play.stage.advance(1_001);
    assert!(!play.generation(id).is_final(), "the next look is not due yet");
    assert_eq!(tell(&play, id, UPSTREAM_SECRET), Ok(()));
    play.stage.run_ready();
    assert_eq!(play.generation(id).status(), Status::Completed, "looked at as soon as it was told");
}

#[test]
fn who_is_not_the_upstream_is_not_heard() {
    let (mut play, id) = submitted(60_000);
    play.stage.advance(50_000);
    let looks = play.stage.upstream.looks_at_ms().len();
    let other = "whsec_00000000000000000000000000000000";
    assert!(matches!(tell(&play, id, other), Err(Unheard::NotGenuine(_))));
    let engine = play.engine();
    assert_eq!(engine.upstream_told(id, &"0".repeat(64), None, b""), Err(Unheard::NoDoor));
    play.stage.run_ready();
    assert_eq!(play.stage.upstream.looks_at_ms().len(), looks);
}

#[test]
fn a_flood_of_webhooks_is_a_look_now_and_then() {
    let (mut play, id) = submitted(60_000);
    play.stage.advance(30_000);
    let before = play.stage.upstream.looks_at_ms().len();
    for _ in 0..1_000 {
        assert_eq!(tell(&play, id, UPSTREAM_SECRET), Ok(()));
        play.stage.advance(1);
    }
    let looks = play.stage.upstream.looks_at_ms().len() - before;
    assert!((1..=6).contains(&looks), "{looks} looks in a second");
}

#[test]
fn a_restart_goes_on_watching_and_submits_nothing_anew() {
    let (mut play, id) = submitted(600_000);
    for _ in 0..10 {
        play.stage.advance(20_000);
        play.crash_and_restart();
    }
    play.stage.advance(600_000);
    assert_eq!(play.generation(id).status(), Status::Completed, "ten deaths of ours say nothing against it");
    assert_eq!((play.stage.upstream.submits().len(), play.stage.upstream.jobs()), (1, 1));
}

#[test]
fn a_submit_whose_answer_is_lost_is_the_same_submit_again() {
    let mut play = Play::new("0s");
    play.stage.upstream.lose_answers(3);
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(30_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
    let submits = play.stage.upstream.submits();
    assert_eq!((submits.len(), play.stage.upstream.jobs()), (4, 1));
    let said: Vec<_> = submits.iter().map(|s| (s.id, s.webhook_url.clone(), s.request.clone())).collect();
    assert!(said.iter().all(|one| *one == said[0]), "another payload under the same key would be refused");
}

#[test]
fn a_crash_at_any_moment_of_the_submit_is_survived() {
    for polls in 0..60 {
        let mut play = Play::new("0s");
        play.stage.store.set_faulty(true);
        let id = play.submit(RELAYED_MODEL, Some(URL));
        for _ in 0..polls {
            if !play.stage.step() {
                let to_ms = play.stage.clock.mono_ms() + 10_000;
                play.stage.wake_next(to_ms);
            }
        }
        play.crash_and_restart();
        play.stage.store.set_faulty(false);
        play.stage.advance(60_000);
        assert_eq!(play.generation(id).status(), Status::Completed, "killed after {polls} polls");
        assert_eq!(play.stage.upstream.jobs(), 1, "killed after {polls} polls");
    }
}

#[test]
fn an_outage_is_waited_out_and_the_time_is_over_all_restarts() {
    let settings = Settings { generation_timeout: Duration::from_secs(3_600), ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    play.stage.upstream.set_takes_ms(60_000);
    let watched = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(5_000);
    play.stage.upstream.set_down(true);
    let waiting = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(1_800_000);
    play.stage.upstream.set_down(false);
    play.stage.advance(200_000);
    for id in [watched, waiting] {
        assert_eq!(play.generation(id).status(), Status::Completed);
    }
    assert_eq!(play.stage.upstream.jobs(), 2);
    play.stage.upstream.set_down(true);
    let never = play.submit(RELAYED_MODEL, Some(URL));
    for _ in 0..4 {
        play.stage.advance(1_000_000);
        play.crash_and_restart();
    }
    assert_eq!(play.failed_with(never), GENERATION_TIMEOUT);
    assert!(play.is_delivered(never));
}

#[test]
fn nothing_is_submitted_once_the_upstream_may_have_forgotten_the_key() {
    let day = Duration::from_secs(24 * 3_600);
    let mut play = Play::with(Settings { generation_timeout: 5 * day, ..Settings::default() }, Bounds::default());
    play.stage.upstream.lose_answers(1);
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.run_ready();
    play.stage.upstream.set_down(true);
    play.stage.advance(23 * 3_600_000 + 60_000);
    play.stage.upstream.set_down(false);
    play.stage.advance(120_000);
    assert_eq!(play.failed_with(id), error_code::GENERATION_INFRA_SERVICE_UNAVAILABLE);
    assert_eq!(play.stage.upstream.submits().len(), 1);
}

#[test]
fn retry_after_is_honoured() {
    let mut play = Play::new("0s");
    let wait = Trouble::Passing { why: "it answered 429".to_owned(), retry_after: Some(RetryAfter::Ms(120_000)) };
    play.stage.upstream.script([wait]);
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(119_000);
    assert_eq!((play.stage.upstream.submits().len(), play.generation(id).status()), (0, Status::Processing));
    play.stage.advance(30_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
}

#[test]
fn what_waiting_does_not_mend_is_borne_for_a_while() {
    let operators = Trouble::Operators(Failure::new(GENERATION_PIPELINE_FAILED, "The key (401) is wrong."));
    let garbled = Trouble::Garbled("it is no JSON".to_owned());
    // At the submit the operator's fault ends it at once, and what can't be read after a few.
    for (trouble, times, ends) in
        [(&operators, 1, Status::Failed), (&garbled, 4, Status::Completed), (&garbled, 5, Status::Failed)]
    {
        let mut play = Play::new("0s");
        play.stage.upstream.script(std::iter::repeat_n(trouble.clone(), times));
        let id = play.submit(RELAYED_MODEL, Some(URL));
        play.stage.advance(60_000);
        assert_eq!(play.generation(id).status(), ends, "{trouble:?} {times} times");
    }
    // What was taken is paid for: it is looked for until ten minutes are over.
    for trouble in [operators, Trouble::Unknown, garbled] {
        for (lasts_ms, ends) in [(9 * 60_000, Status::Completed), (12 * 60_000, Status::Failed)] {
            let (mut play, id) = submitted(500);
            play.stage.upstream.set_trouble(Some(trouble.clone()));
            play.stage.advance(lasts_ms);
            play.stage.upstream.set_trouble(None);
            play.stage.advance(60_000);
            assert_eq!(play.generation(id).status(), ends, "{trouble:?} for {lasts_ms} ms");
        }
    }
}

/// A day of ours away, with an hour's time: what is done there is fetched, what is not is given up after one look.
#[test]
fn what_was_taken_is_looked_at_once_however_long_we_were_away() {
    let settings = Settings { generation_timeout: Duration::from_secs(3_600), ..Settings::default() };
    for (takes_ms, down_ms, ends) in [
        (600_000, 0, Status::Completed),
        (600_000, 5 * 60_000, Status::Completed),
        (600_000, 20 * 60_000, Status::Failed),
        (30 * 3_600_000, 0, Status::Failed),
    ] {
        let mut play = Play::with(settings.clone(), Bounds::default());
        play.stage.upstream.set_takes_ms(takes_ms);
        let id = play.submit(RELAYED_MODEL, Some(URL));
        play.stage.advance(5_000);
        play.stage.kill();
        play.stage.clock.advance(24 * 3_600_000);
        play.stage.upstream.set_down(down_ms > 0);
        let looks = play.stage.upstream.looks_at_ms().len();
        play.start();
        play.stage.advance(down_ms);
        play.stage.upstream.set_down(false);
        play.stage.advance(60_000);
        assert_eq!(play.generation(id).status(), ends, "{takes_ms} {down_ms}");
        if ends == Status::Failed {
            assert_eq!(play.failed_with(id), GENERATION_TIMEOUT);
        }
        if down_ms == 0 {
            assert_eq!(play.stage.upstream.looks_at_ms().len() - looks, 1);
        }
    }
}

/// A generation of the upstream's whose two inputs are assets of its owner.
fn of_assets(video: Asset, audio: Asset) -> NewGeneration {
    let request = Stage::request(ORG, RELAYED_MODEL, Some(URL));
    let input = format!(
        r#"[{{"type":"video","assetId":"{}"}},{{"type":"audio","assetId":"{}","refId":"a"}}]"#,
        video.id, audio.id
    );
    NewGeneration { request: Request { input, ..request.request }, ..request }
}

fn asset_id(play: &Play, number: u8) -> AssetId {
    AssetId::new(play.engine().now(), [number; 10])
}

fn uploaded(play: &Play, number: u8, kind: AssetKind) -> Asset {
    let media = MediaId::new(play.engine().now(), [number; 10]);
    play.stage.media.put(media);
    let id = asset_id(play, number);
    Asset::uploaded(id, OrgId::new(ORG), kind, "file".to_owned(), media, 1_000, play.engine().now())
}

fn registered(play: &Play, number: u8, kind: AssetKind, url: &str) -> Asset {
    let id = asset_id(play, number);
    Asset::registered(id, OrgId::new(ORG), kind, "url".to_owned(), url.to_owned(), play.engine().now())
}

fn keep(play: &Play, assets: &[&Asset]) {
    let changes = assets.iter().map(|asset| Change::AddAsset(Box::new((*asset).clone()))).collect();
    let done = play.stage.store.inner().apply(changes).now_or_never();
    assert!(matches!(done, Some(Ok(Applied::Done))), "{done:?}");
}

#[test]
fn what_the_upstream_has_taken_needs_its_inputs_no_more() {
    let mut play = Play::new("0s");
    play.stage.upstream.set_takes_ms(60_000);
    let (video, audio) = (uploaded(&play, 1, AssetKind::Video), uploaded(&play, 2, AssetKind::Audio));
    keep(&play, &[&video, &audio]);
    let new = of_assets(video.clone(), audio);
    let id = play.submit_this(new);
    play.stage.advance(5_000);
    assert_eq!(play.stage.upstream.submits()[0].files.iter().flatten().count(), 2, "they go up as files");
    play.stage.kill();
    // Its owner removes one of them while we are away.
    let remove = AssetChange::Remove { org: OrgId::new(ORG), id: video.id, from: video.id };
    let done = play.stage.store.inner().apply(vec![Change::Asset(remove)]).now_or_never();
    assert!(matches!(done, Some(Ok(Applied::Done))), "{done:?}");
    play.start();
    play.stage.advance(120_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
    assert_eq!(play.stage.upstream.submits().len(), 1);
}

#[test]
fn an_asset_that_is_a_url_goes_up_as_that_url_and_is_not_fetched() {
    let mut play = Play::new("0s");
    let url = format!("https://{DRIPPING_HOST}/v.mp4");
    let (video, audio) = (registered(&play, 1, AssetKind::Video, &url), uploaded(&play, 2, AssetKind::Audio));
    keep(&play, &[&video, &audio]);
    // Nor by who looks into it: that holds up nobody.
    play.stage.fetch.set_host_drips(true);
    let new = of_assets(video, audio.clone());
    let id = play.submit_this(new);
    play.stage.advance(10_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
    let submits = play.stage.upstream.submits();
    let input: serde_json::Value = serde_json::from_str(&submits[0].request.input).expect("JSON");
    let wanted = serde_json::json!([
        {"type": "video", "url": url}, {"type": "audio", "assetId": audio.id.to_string(), "refId": "a"},
    ]);
    assert_eq!(input, wanted);
    assert_eq!(submits[0].files.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn an_upstream_that_has_lost_everything_is_not_asked_to_make_it_anew() {
    let (mut play, id) = submitted(60_000);
    play.stage.upstream.forget_all();
    play.stage.advance(900_000);
    assert_eq!(play.failed_with(id), GENERATION_PIPELINE_FAILED);
    assert_eq!(play.stage.upstream.submits().len(), 1);
}

#[test]
fn a_video_that_can_not_be_had_yet_is_fetched_again() {
    let refused = |error| Some(FetchFailure::Remote(error));
    let answers = |status, times| vec![Some(FetchFailure::Answered(status)); times];
    for (failures, ends) in [
        (vec![refused(SendError::ConnectRefused); 20], Status::Completed),
        (answers(503, 40), Status::Completed),
        (answers(429, 40), Status::Completed),
        (answers(403, 10), Status::Completed),
        (answers(403, 40), Status::Failed),
        (vec![refused(SendError::Redirect); 40], Status::Failed),
        (vec![Some(FetchFailure::OfAnotherKind); 10], Status::Completed),
        (vec![Some(FetchFailure::OfAnotherKind); 40], Status::Failed),
        (vec![Some(FetchFailure::Storage); 10], Status::Completed),
        (vec![Some(FetchFailure::Storage); 40], Status::Failed),
        (vec![refused(SendError::AddressNotAllowed)], Status::Failed),
        (vec![Some(FetchFailure::TooLarge)], Status::Failed),
    ] {
        let mut play = Play::new("0s");
        play.stage.fetch.script(failures.clone());
        let id = play.submit(RELAYED_MODEL, Some(URL));
        play.stage.advance(1_800_000);
        assert_eq!(play.generation(id).status(), ends, "{failures:?}");
        assert!(play.stage.media.folders().is_empty());
    }
}

#[test]
fn a_stop_hands_it_back_at_once_and_uncounted() {
    let (mut play, id) = submitted(60_000);
    for _ in 0..5 {
        play.stage.advance(2_000);
        let (engine, began_ms) = (play.engine(), play.stage.clock.mono_ms());
        play.stage.witness.tell(&Fact::StopBegan);
        play.stage.run(60_000, async move { engine.stop().await }).expect("a stop is bounded");
        play.stage.witness.tell(&Fact::StopReturned);
        play.stage.exit();
        assert_eq!(play.stage.clock.mono_ms(), began_ms, "nothing is gained by waiting");
        assert_eq!((play.generation(id).status(), play.generation(id).tries), (Status::Pending, 0));
        play.start();
    }
    play.stage.advance(120_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
    assert_eq!(play.stage.upstream.submits().len(), 1);
}

#[test]
fn while_the_upstream_is_down_others_are_made() {
    let mut play = Play::new("0s");
    play.stage.upstream.script(std::iter::repeat_n(passing(), 3));
    play.stage.upstream.set_down(true);
    for _ in 0..20 {
        play.submit(RELAYED_MODEL, Some(URL));
    }
    let id = play.submit(postsync_sim::SLOW_MODEL, Some(URL));
    play.stage.advance(1_000);
    assert_eq!(play.generation(id).status(), Status::Completed);
}

fn cancel(play: &mut Play, id: GenerationId) {
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    let canceled = play.stage.run(1_000, async move { engine.cancel(&org, id).await }).expect("an answer");
    assert!(canceled.is_ok(), "{canceled:?}");
    assert_eq!(play.failed_with(id), GENERATION_CANCELED);
}

fn up(n: usize) -> UpstreamId {
    UpstreamId::new(&format!("up-{n}")).expect("an id")
}

#[test]
fn a_cancel_is_one_at_the_upstream_too_at_work_here_or_not() {
    let (mut play, id) = submitted(600_000);
    cancel(&mut play, id);
    play.stage.run_ready();
    assert_eq!(play.stage.upstream.cancels(), [up(1)]);
    // Four more are watched when we come up again; the one before them waits for its turn and is on record all the same.
    let (mut play, first) = submitted(600_000);
    let others: Vec<_> = (0..4).map(|_| play.submit(RELAYED_MODEL, Some(URL))).collect();
    play.stage.advance(5_000);
    play.stage.kill();
    play.start();
    cancel(&mut play, first);
    play.stage.advance(1_000);
    assert_eq!(play.stage.upstream.cancels(), [up(1)]);
    play.stage.advance(1_300_000);
    assert!(others.iter().all(|id| play.generation(*id).status() == Status::Completed));
    assert!(play.is_delivered(first));
}

#[test]
fn what_is_being_submitted_when_it_is_canceled_is_canceled_there_once_it_is_known() {
    let mut play = Play::new("0s");
    play.stage.upstream.answer_late(30_000);
    play.stage.upstream.set_takes_ms(600_000);
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(10_000);
    cancel(&mut play, id);
    play.stage.advance(2_000);
    assert!(play.is_delivered(id) && play.engine().progress_percent(id).is_none(), "our end waits for nobody");
    assert_eq!(play.stage.upstream.cancels(), []);
    play.stage.advance(30_000);
    assert_eq!((play.stage.upstream.cancels(), play.stage.upstream.jobs()), (vec![up(1)], 1));
}

#[test]
fn what_is_deleted_after_its_cancel_is_canceled_there_too() {
    let mut play = Play::new("0s");
    play.stage.upstream.answer_late(30_000);
    play.stage.upstream.set_takes_ms(600_000);
    let id = play.submit(RELAYED_MODEL, None);
    play.stage.advance(10_000);
    cancel(&mut play, id);
    let (engine, org) = (play.engine(), OrgId::new(ORG));
    let removed = play.stage.run(1_000, async move { engine.remove_generation(&org, id).await });
    assert!(removed.expect("an answer").is_ok());
    play.stage.advance(32_000);
    assert_eq!((play.stage.upstream.cancels(), play.stage.upstream.jobs()), (vec![up(1)], 1));
}

#[test]
fn what_is_canceled_before_its_id_there_is_on_record_is_canceled_there_too() {
    for late_ms in [0, 500, 5_000] {
        let mut play = Play::new("0s");
        play.stage.upstream.set_takes_ms(600_000);
        play.stage.store.commit_a_take_late(late_ms);
        let id = play.submit(RELAYED_MODEL, Some(URL));
        play.stage.advance(100);
        assert_eq!(play.stage.upstream.jobs(), 1);
        cancel(&mut play, id);
        play.stage.advance(1_000);
        assert!(play.is_delivered(id) && play.engine().progress_percent(id).is_none(), "our end waits for nobody");
        play.stage.advance(10_000);
        assert_eq!(play.stage.upstream.cancels(), [up(1)], "{late_ms} ms late");
    }
}

#[test]
fn cancels_during_submits_are_bounded() {
    let mut play = Play::new("0s");
    play.stage.upstream.answer_late(30_000);
    play.stage.upstream.set_takes_ms(600_000);
    for _ in 0..30 {
        let id = play.submit(RELAYED_MODEL, None);
        play.stage.advance(100);
        cancel(&mut play, id);
    }
    play.stage.advance(60_000);
    // As many as relay::withdraw::SUBMITS_MAX.
    assert_eq!((play.stage.upstream.jobs(), play.stage.upstream.cancels().len()), (30, 16));
    let id = play.submit(RELAYED_MODEL, None);
    play.stage.advance(100);
    cancel(&mut play, id);
    play.stage.advance(60_000);
    assert_eq!(play.stage.upstream.cancels().len(), 17, "their places are free again");
}

#[test]
fn what_the_upstream_never_had_is_not_canceled_there() {
    let mut play = Play::new("0s");
    play.stage.upstream.set_takes_ms(600_000);
    let ids: Vec<_> = (0..6).map(|_| play.submit(RELAYED_MODEL, Some(URL))).collect();
    play.stage.advance(1_000);
    cancel(&mut play, ids[5]);
    let local = play.submit(postsync_sim::SLOW_MODEL, None);
    play.stage.advance(60_000);
    assert_eq!(play.generation(local).status(), Status::Completed);
    assert_eq!((play.stage.upstream.cancels(), play.stage.upstream.jobs()), (vec![], 4));
}

#[test]
fn an_upstream_without_cancel_is_asked_once_and_one_that_is_down_a_few_times() {
    let (mut play, id) = submitted(600_000);
    play.stage.upstream.offer_no_cancel();
    cancel(&mut play, id);
    play.stage.advance(300_000);
    assert_eq!(play.stage.upstream.cancels(), [up(1)]);
    let (mut play, id) = submitted(600_000);
    play.stage.upstream.set_down(true);
    cancel(&mut play, id);
    play.stage.advance(500);
    assert!(play.is_delivered(id));
    play.stage.advance(300_000);
    assert_eq!(play.stage.upstream.cancels(), vec![up(1); 4]);
}

#[test]
fn a_stop_and_the_end_of_its_time_cancel_nothing_there() {
    let settings = Settings { generation_timeout: Duration::from_secs(60), ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    play.stage.upstream.set_takes_ms(600_000);
    let id = play.submit(RELAYED_MODEL, Some(URL));
    play.stage.advance(5_000);
    let engine = play.engine();
    play.stage.witness.tell(&Fact::StopBegan);
    play.stage.run(60_000, async move { engine.stop().await }).expect("a stop is bounded");
    play.stage.witness.tell(&Fact::StopReturned);
    play.stage.exit();
    play.start();
    play.stage.advance(100_000);
    assert_eq!(play.failed_with(id), GENERATION_TIMEOUT);
    assert_eq!(play.stage.upstream.cancels(), []);
}
