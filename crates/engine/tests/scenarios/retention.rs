//! What is over goes, a little at a time; what is still to be delivered, and what may still be asked for, stays.
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use postsync_core::access::Organization;
use postsync_core::asset::{Asset, AssetKind, Probe};
use postsync_core::change::Change;
use postsync_core::delivery::{Delivery, ExhaustedReason, State};
use postsync_core::event::{Event, EventType};
use postsync_core::generation::{Ending, Output, Status};
use postsync_core::hold::HoldChange;
use postsync_core::ids::{AssetId, DeliveryId, EndpointId, EventId, GenerationId, MediaId, OrgId};
use postsync_core::plan::{Allowance, Plans};
use postsync_core::replay::{Filter, Replay};
use postsync_core::retention::{Retention, first_delivery_at, first_event_at, first_replay_at};
use postsync_core::schedule::Schedule;
use postsync_core::space::Space;
use postsync_core::time::Timestamp;
use postsync_engine::ports::{Applied, AuditQuery, Clock as _};
use postsync_engine::{Bounds, Settings, SubmitError};
use postsync_sim::world::{Work, WorkResult};
use postsync_sim::{INSTANT_MODEL, SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Longer than from one look for what is over to the next.
const ROUND_MS: i64 = 11 * MINUTE_MS;

fn days_ago(play: &Play, days: i64) -> Timestamp {
    play.stage.clock.now().plus_ms(-days * DAY_MS)
}

fn write(play: &Play, changes: Vec<Change>) {
    let done = play.stage.store.inner().apply(changes).now_or_never();
    assert_eq!(done, Some(Ok(Applied::Done)));
}

/// A delivery with its event, as old as that, in that state.
fn plant(play: &Play, days: i64, state: impl Fn(Timestamp) -> State) -> DeliveryId {
    let at = days_ago(play, days);
    let event = Event {
        id: first_event_at(at),
        org: OrgId::new(ORG),
        kind: EventType::GenerationCompleted,
        generation: None,
        created_at: at,
        body: Bytes::from_static(b"{}"),
    };
    let id = DeliveryId(first_delivery_at(at).0 + 1);
    let made = Delivery::new(id, &event, EndpointId::new("imp_old"), URL.to_owned(), 0);
    let delivery = Delivery { state: state(at), ..made };
    write(play, vec![Change::AddEvent(Box::new(event)), Change::AddDelivery(Box::new(delivery))]);
    id
}

fn delivered(at: Timestamp) -> State {
    State::Delivered(at)
}

fn exhausted(at: Timestamp) -> State {
    State::Exhausted(at, ExhaustedReason::ScheduleEnded)
}

fn is_there(play: &Play, id: DeliveryId) -> bool {
    let found = play.stage.store.inner().delivery(&OrgId::new(ORG), id).now_or_never();
    let event = play.stage.store.inner().event_of_any(EventId(id.0 - 1)).now_or_never();
    let (row, event) = (matches!(found, Some(Ok(Some(_)))), matches!(event, Some(Ok(Some(_)))));
    assert_eq!(row, event, "a delivery and its event go together");
    row
}

#[test]
fn what_is_over_goes_and_what_is_not_stays() {
    let mut play = Play::new("0s");
    let far = play.stage.clock.now().plus_ms(400 * DAY_MS);
    let goes = [plant(&play, 31, delivered), plant(&play, 91, exhausted), plant(&play, 200, delivered)];
    let stays = [
        plant(&play, 29, delivered),
        plant(&play, 32, exhausted),
        plant(&play, 89, exhausted),
        plant(&play, 300, |_| State::Due(far)),
    ];
    play.stage.advance(ROUND_MS);
    assert!(goes.iter().all(|id| !is_there(&play, *id)), "{:?}", goes.map(|id| is_there(&play, id)));
    assert!(stays.iter().all(|id| is_there(&play, *id)), "{:?}", stays.map(|id| is_there(&play, id)));
    // Days later the time of others has come, also of those that were passed over.
    play.stage.advance(2 * DAY_MS + HOUR_MS);
    assert_eq!(stays.map(|id| is_there(&play, id)), [false, true, false, true]);
}

/// Shorter than the schedule, which the settings of a server refuse: what is to be delivered does not depend on it.
#[test]
fn what_is_to_be_delivered_outlives_any_retention() {
    let short = Duration::from_secs(2 * 3600);
    let retention = Retention { events: short, exhausted: short, media: short, ..Retention::default() };
    let schedule = Schedule::parse("4h").expect("a schedule");
    let mut play = Play::with(Settings { schedule, retention, ..Settings::default() }, Bounds::default());
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.advance(3 * HOUR_MS);
    assert!(!play.is_delivered(id), "it is still to be delivered");
    play.stage.advance(2 * HOUR_MS);
    assert_eq!(play.posts().len(), 1, "and is, however old");
    play.stage.advance(DAY_MS);
    assert!(play.stage.deliveries(&OrgId::new(ORG)).is_empty(), "once it has ended it goes");
}

#[test]
fn a_clock_that_is_set_to_next_year_throws_nothing_away() {
    let mut play = Play::new("0s");
    let ids = [plant(&play, 1, delivered), plant(&play, 29, delivered)];
    play.stage.advance(ROUND_MS);
    play.stage.clock.set_wall_ahead_ms(365 * DAY_MS);
    play.stage.advance(10 * HOUR_MS);
    play.stage.clock.set_wall_ahead_ms(0);
    play.stage.advance(ROUND_MS);
    assert_eq!(ids.map(|id| is_there(&play, id)), [true, true]);
    play.stage.advance(DAY_MS);
    assert_eq!(ids.map(|id| is_there(&play, id)), [true, false], "and set right again it goes on");
}

#[test]
fn videos_and_uploads_go_and_what_still_waits_keeps_its_own() {
    let patient = Duration::from_secs(40 * 24 * 3600);
    let mut play = Play::with(Settings { generation_timeout: patient, ..Settings::default() }, Bounds::default());
    let (old, young) = (days_ago(&play, 31), days_ago(&play, 29));
    let media = |at: Timestamp, n: u8| MediaId::new(at, [n; 10]);
    for (n, at) in [(1, old), (2, young)] {
        let id = GenerationId::new(at, [n; 10]);
        let new = Stage::request(ORG, SLOW_MODEL, None);
        let generation = postsync_core::generation::accept(new, id, at);
        let output = Output { url: "https://lips.example/r".to_owned(), duration_ms: None, media: Some(media(at, n)) };
        let end = Change::EndGeneration { id, tries: 0, at, ending: Ending::Completed(output) };
        write(&play, vec![Change::AddGeneration(Box::new(generation)), end]);
        play.stage.media.put(media(at, n));
    }
    // One that does not end: its upload came with it, and had its id a while before. Another, older still, belongs to nothing any more.
    play.stage.slow.script([Work { takes_ms: 0, result: WorkResult::Hangs }]);
    let waits = days_ago(&play, 35);
    let new = Stage::request(ORG, SLOW_MODEL, None);
    let waiting = postsync_core::generation::accept(new, GenerationId::new(waits, [9; 10]), waits);
    write(&play, vec![Change::AddGeneration(Box::new(waiting))]);
    let came = waits.plus_ms(-600_000);
    for (n, at) in [(3, waits.plus_ms(-2 * 3_600_000)), (4, came)] {
        let asset = audio(n, media(at, n), at);
        write(&play, vec![Change::AddAsset(Box::new(asset))]);
        play.stage.media.put(media(at, n));
    }
    play.crash_and_restart();
    play.stage.advance(ROUND_MS);
    assert!(!play.generation(GenerationId::new(waits, [9; 10])).is_final());
    let mut kept = play.stage.media.kept();
    kept.sort_unstable();
    assert_eq!(kept, [media(came, 4), media(young, 2)]);
    assert!(play.generation(GenerationId::new(old, [1; 10])).is_final(), "what was made is still on record");
    play.stage.advance(2 * DAY_MS);
    assert_eq!(play.stage.media.kept(), [media(came, 4)]);
}

/// Older than any retention, and its organization has had no room for it since.
#[test]
fn what_waits_for_room_keeps_its_uploads() {
    let plans = Plans { server: Allowance { concurrency: 1, ..Allowance::default() }, ..Plans::default() };
    let patient = Duration::from_secs(40 * 24 * 3600);
    let settings = Settings { plans, generation_timeout: patient, ..Settings::default() };
    let mut play = Play::with(settings, Bounds::default());
    let org = OrgId::new(ORG);
    let made =
        Organization { id: org.clone(), name: String::new(), plan: None, concurrency: None, created_at: Timestamp(0) };
    let waits = days_ago(&play, 35);
    let [id, works] = [waits, days_ago(&play, 1)].map(|at| GenerationId::new(at, [9; 10]));
    let accepted = |id, at| {
        let generation = postsync_core::generation::accept(Stage::request(ORG, SLOW_MODEL, None), id, at);
        Change::AddGeneration(Box::new(generation))
    };
    // The one that has the room does not end.
    play.stage.slow.script([Work { takes_ms: 0, result: WorkResult::Hangs }]);
    write(&play, vec![Change::AddOrganization(made), accepted(works, days_ago(&play, 1))]);
    write(&play, vec![accepted(id, waits), Change::Hold(HoldChange::Hold { org, id })]);
    let [needed, over] = [waits, days_ago(&play, 36)].map(|at| MediaId::new(at, [4; 10]));
    for (n, file, at) in [(1, needed, waits), (2, over, days_ago(&play, 36))] {
        write(&play, vec![Change::AddAsset(Box::new(audio(n, file, at)))]);
        play.stage.media.put(file);
    }
    play.crash_and_restart();
    play.stage.advance(ROUND_MS);
    assert_eq!((play.generation(id).status(), play.stage.media.kept()), (Status::Pending, vec![needed]));
}

/// An upload that has been looked at.
fn audio(n: u8, file: MediaId, at: Timestamp) -> Asset {
    let (id, name) = (AssetId::new(at, [n; 10]), "a.wav".to_owned());
    Asset { probe: Probe::Done, ..Asset::uploaded(id, OrgId::new(ORG), AssetKind::Audio, name, file, 1, at) }
}

/// A video with its row, and an upload with its, as old as that.
fn plant_files(play: &Play, n: u8, at: Timestamp) -> [MediaId; 2] {
    let [video, upload] = [n, n + 100].map(|n| MediaId::new(at, [n; 10]));
    let id = GenerationId::new(at, [n; 10]);
    let generation = postsync_core::generation::accept(Stage::request(ORG, SLOW_MODEL, None), id, at);
    let output = Output { url: "https://lips.example/r".to_owned(), duration_ms: None, media: Some(video) };
    let end = Change::EndGeneration { id, tries: 0, at, ending: Ending::Completed(output) };
    let asset = audio(n, upload, at);
    write(play, vec![Change::AddGeneration(Box::new(generation)), end, Change::AddAsset(Box::new(asset))]);
    [video, upload].iter().for_each(|id| play.stage.media.put(*id));
    [video, upload]
}

/// The webhook of such a video, which came to that.
fn plant_webhook(play: &Play, n: u8, at: Timestamp, state: State) -> DeliveryId {
    let event = Event {
        id: first_event_at(at.plus_ms(1)),
        org: OrgId::new(ORG),
        kind: EventType::GenerationCompleted,
        generation: Some(GenerationId::new(at, [n; 10])),
        created_at: at,
        body: Bytes::from_static(br#"{"outputUrl":"https://lips.example/r"}"#),
    };
    let id = DeliveryId(event.id.0 + 1);
    let made = Delivery::new(id, &event, EndpointId::new("imp_old"), URL.to_owned(), 0);
    let delivery = Delivery { state, ..made };
    write(play, vec![Change::AddEvent(Box::new(event)), Change::AddDelivery(Box::new(delivery))]);
    id
}

#[test]
fn a_video_stays_as_long_as_a_dead_letter_that_names_it() {
    let exhausted_for = Duration::from_secs(32 * 24 * 3600 + 6 * 3600);
    let retention = Retention { exhausted: exhausted_for, ..Retention::default() };
    let mut play = Play::with(Settings { retention, ..Settings::default() }, Bounds::default());
    let at = |days| days_ago(&play, days);
    let [taken, dead, replayed] = [at(33), at(32), at(31)];
    let videos = [(1, taken), (2, dead), (3, replayed)].map(|(n, at)| plant_files(&play, n, at)[0]);
    plant_webhook(&play, 1, taken, delivered(taken));
    plant_webhook(&play, 2, dead, exhausted(dead));
    let id = plant_webhook(&play, 3, replayed, exhausted(replayed));
    write(&play, vec![Change::MarkReplayed { id, before: None, at: replayed }]);
    play.stage.advance(ROUND_MS);
    assert_eq!(play.stage.media.kept(), [videos[1]], "the others' bodies are gone");
    play.stage.advance(5 * HOUR_MS);
    assert_eq!(play.stage.media.kept(), [videos[1]], "it may still be replayed");
    play.stage.advance(DAY_MS + HOUR_MS);
    assert_eq!(play.stage.media.kept(), [], "and goes with it, within a day");
    let recorded = play.stage.store.inner().removed_outputs().now_or_never().unwrap().unwrap();
    assert_eq!(recorded, replayed, "from there on it is looked from now on");
}

#[test]
fn a_file_that_cant_be_removed_is_passed_over_and_tried_again() {
    let mut play = Play::new("0s");
    let first = plant_files(&play, 1, days_ago(&play, 40));
    let second = plant_files(&play, 2, days_ago(&play, 39));
    first.iter().for_each(|id| play.stage.media.set_stuck(*id, true));
    play.stage.advance(ROUND_MS);
    let left = |play: &Play| second.iter().filter(|id| play.stage.media.kept().contains(id)).count();
    assert_eq!((left(&play), play.stage.media.kept().len()), (0, 2), "what can be removed is");
    let third = plant_files(&play, 3, days_ago(&play, 38));
    play.stage.advance(ROUND_MS);
    assert!(third.iter().all(|id| !play.stage.media.kept().contains(id)), "and in the next round, too");
    first.iter().for_each(|id| play.stage.media.set_stuck(*id, false));
    play.stage.advance(DAY_MS + ROUND_MS);
    assert_eq!(play.stage.media.kept(), [], "a day later it is tried again");
}

#[test]
fn what_a_restart_finds_stuck_it_tries_again() {
    let mut play = Play::new("0s");
    let files: Vec<_> = (1..=90).map(|n| plant_files(&play, n, days_ago(&play, 100 - i64::from(n) / 2))).collect();
    files[..80].iter().flatten().for_each(|id| play.stage.media.set_stuck(*id, true));
    // A disk's worth of them ends a round, and the next begins behind them.
    play.stage.advance(2 * ROUND_MS);
    assert_eq!(play.stage.media.kept().len(), 160);
    files.iter().flatten().for_each(|id| play.stage.media.set_stuck(*id, false));
    play.crash_and_restart();
    play.stage.advance(ROUND_MS);
    assert_eq!(play.stage.media.kept(), []);
}

#[test]
fn a_round_that_takes_hours_makes_no_clock_run_ahead() {
    let mut play = Play::new("0s");
    plant_files(&play, 1, days_ago(&play, 40));
    let soon = plant(&play, 30, delivered);
    let later = days_ago(&play, 30).plus_ms(5 * HOUR_MS);
    let files = plant_files(&play, 2, later);
    play.stage.media.set_removal_ms(u64::try_from(3 * HOUR_MS).unwrap());
    // The first round removes two files, and ends after ten minutes and six hours.
    play.stage.advance(6 * HOUR_MS + 15 * MINUTE_MS);
    play.stage.media.set_removal_ms(0);
    play.stage.advance(10 * MINUTE_MS);
    assert!(!is_there(&play, soon));
    assert!(files.iter().all(|id| !play.stage.media.kept().contains(id)), "their time has been over for an hour");
}

#[test]
fn replays_that_are_done_go_with_their_time() {
    let mut play = Play::new("0s");
    let (old, young) = (days_ago(&play, 31), days_ago(&play, 29));
    let ids = [old, young].map(|at| {
        let id = first_replay_at(at);
        let replay = Replay::new(id, OrgId::new(ORG), Filter::default(), at, None);
        write(&play, vec![Change::AddReplay(Box::new(Replay { ended_at: Some(at), ..replay }))]);
        id
    });
    play.stage.advance(ROUND_MS);
    let is_there =
        |id| play.stage.store.inner().replay(&OrgId::new(ORG), id).now_or_never().unwrap().unwrap().is_some();
    assert_eq!(ids.map(is_there), [false, true]);
}

#[test]
fn a_stop_ends_it_between_two_steps() {
    let mut play = Play::new("0s");
    // Further apart than a page: each needs a commit of its own.
    let ids: Vec<DeliveryId> = (0..1_000).map(|n| plant(&play, 31 + n, delivered)).collect();
    play.stage.advance(10 * MINUTE_MS + 30);
    let left = |play: &Play| ids.iter().filter(|id| is_there(play, **id)).count();
    let before = left(&play);
    assert!((1..1_000).contains(&before), "{before} are left in the middle of it");
    let engine = play.engine();
    let _ = play.stage.run(MINUTE_MS, async move { engine.stop().await });
    play.stage.advance(DAY_MS);
    assert!(left(&play) >= before - 128, "{} are left of {before}", left(&play));
}

fn space(free_mb: u64) -> Space {
    Space { free_bytes: free_mb << 20, disk_bytes: 1 << 40, media_bytes: None }
}

#[test]
fn too_little_room_refuses_new_work_and_nothing_else() {
    let mut play = Play::with(Settings::default(), Bounds::default());
    play.stage.media.set_space(space(2_000));
    play.crash_and_restart();
    let id = play.submit(INSTANT_MODEL, Some(URL));
    play.stage.media.set_space(space(100));
    play.stage.advance(6_000);
    assert!(play.engine().shortage().is_some());
    let (engine, new) = (play.engine(), Stage::request(ORG, INSTANT_MODEL, Some(URL)));
    let refused = play.stage.run(0, async move { engine.submit(new, Vec::new()).await });
    assert!(matches!(refused, Some(Err(SubmitError::NoRoom(_)))), "{refused:?}");
    assert!(play.is_delivered(id), "what was accepted goes on");
    play.stage.media.set_space(space(2_000));
    play.stage.advance(6_000);
    play.submit(INSTANT_MODEL, Some(URL));
    // From the first moment of a life on.
    play.stage.media.set_space(space(100));
    play.crash_and_restart();
    assert!(play.engine().shortage().is_some());
}

#[test]
fn who_asked_is_kept_longer_than_the_generation_and_not_for_ever() {
    let retention = Retention { audit: Duration::from_secs(2 * 24 * 3600), ..Retention::default() };
    let mut play = Play::with(Settings { retention, ..Settings::default() }, Bounds::default());
    let audited = |play: &Play, id| {
        let query = AuditQuery {
            org: OrgId::new(ORG),
            generation: Some(id),
            key: None,
            since: None,
            until: None,
            before: None,
            limit: 9,
        };
        let page = play.stage.store.inner().audit(query).now_or_never().expect("at once").expect("a page");
        page.len()
    };
    let old: Vec<GenerationId> = (0..100).map(|_| play.submit(INSTANT_MODEL, None)).collect();
    play.stage.advance(DAY_MS);
    let young = play.submit(INSTANT_MODEL, None);
    play.stage.advance(MINUTE_MS);
    let engine = play.engine();
    let removed = async move { engine.remove_generation(&OrgId::new(ORG), young).await };
    assert!(matches!(play.stage.run(MINUTE_MS, removed), Some(Ok(()))));
    play.stage.advance(DAY_MS - HOUR_MS);
    assert!(old.iter().chain([&young]).all(|id| audited(&play, *id) == 1), "their time has not come");
    play.stage.advance(2 * HOUR_MS);
    assert_eq!(old.iter().map(|id| audited(&play, *id)).sum::<usize>(), 0, "more than go with one commit");
    assert_eq!(audited(&play, young), 1, "though its generation is gone");
}
