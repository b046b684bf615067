//! Batches: they end once with the last of their rows, over crashes too, and hold up nobody meanwhile.
use postsync_core::audit::{Caller, Named};
use postsync_core::batch::{Batch, NewBatch, Status};
use postsync_core::generation::Status as RowStatus;
use postsync_core::ids::OrgId;
use postsync_engine::{Bounds, Settings};
use postsync_sim::world::{Work, WorkResult};
use postsync_sim::{INSTANT_MODEL, SLOW_MODEL, Stage};

use crate::play::{ORG, Play, URL, body};

/// So many are at work, or wait with their inputs fetched: their turn has come already.
const AHEAD: usize = 10;

const BATCH_URL: &str = "https://app.example/batch";

fn submit(play: &mut Play, models: &[&str], webhook: Option<&str>) -> Batch {
    let row = |(n, model): (usize, &&str)| (format!("row-{n}"), Stage::request(ORG, model, webhook).request);
    let rows = models.iter().enumerate().map(row).collect();
    let (caller, named) = (Caller::default(), Named::default());
    let new = NewBatch { org: OrgId::new(ORG), webhook_url: Some(BATCH_URL.to_owned()), rows, caller, named };
    let engine = play.engine();
    let answer = play.stage.run(60_000, async move { engine.submit_batch(new, None).await });
    answer.expect("an answer").expect("an accepted batch")
}

fn read(play: &Play, batch: &Batch) -> Batch {
    play.stage.batches(&OrgId::new(ORG)).into_iter().find(|found| found.id == batch.id).expect("a batch")
}

fn rows_ended(play: &Play) -> usize {
    play.stage.generations(&OrgId::new(ORG)).iter().filter(|g| g.row.is_some() && g.is_final()).count()
}

fn posts_to(play: &Play, url: &str) -> Vec<serde_json::Value> {
    play.posts().iter().filter(|(_, post)| post.url == url).map(|(_, post)| body(post)).collect()
}

fn takes(ms: i64) -> Work {
    Work { takes_ms: ms, result: WorkResult::Done }
}

#[test]
fn a_batch_goes_its_way_and_is_told_of_once() {
    let mut play = Play::new("0s");
    let failing = Work { takes_ms: 1_000, result: WorkResult::Failed };
    play.stage.slow.script([takes(1_000), failing, takes(2_000)]);
    let batch = submit(&mut play, &[SLOW_MODEL; 3], Some(URL));
    assert_eq!((batch.status(), batch.counts.open()), (Status::Pending, 3));
    play.stage.advance(500);
    assert_eq!(read(&play, &batch).status(), Status::Processing);
    play.stage.advance(1_000);
    let half = read(&play, &batch).counts;
    assert_eq!((half.succeeded, half.failed, half.open()), (1, 1, 1));
    assert!(posts_to(&play, BATCH_URL).is_empty());
    play.stage.advance(2_000);
    assert_eq!(read(&play, &batch).status(), Status::Completed);
    let told = posts_to(&play, BATCH_URL);
    assert_eq!(
        (told.len(), &told[0]["status"], &told[0]["metrics"]["failed_count"]),
        (1, &"COMPLETED".into(), &1.into())
    );
    assert_eq!(posts_to(&play, URL).len(), 3, "each row has its own webhook");
}

#[test]
fn a_batch_without_a_video_has_failed() {
    let mut play = Play::new("0s");
    play.stage.slow.script([Work { takes_ms: 0, result: WorkResult::Failed }; 2]);
    let batch = submit(&mut play, &[SLOW_MODEL; 2], None);
    play.stage.run_ready();
    assert_eq!(read(&play, &batch).status(), Status::Failed);
    assert_eq!(posts_to(&play, BATCH_URL)[0]["status"], "FAILED");
}

#[test]
fn rows_that_end_at_the_same_time_agree_which_is_the_last() {
    let mut play = Play::new("0s");
    let batch = submit(&mut play, &[INSTANT_MODEL; 100], None);
    play.stage.run_ready();
    let found = read(&play, &batch);
    assert_eq!((found.status(), found.counts.succeeded), (Status::Completed, 100));
    assert_eq!(posts_to(&play, BATCH_URL).len(), 1);
}

#[test]
fn a_canceled_row_is_counted_and_may_be_the_last() {
    let mut play = Play::new("0s");
    play.stage.slow.script([takes(1_000), takes(60_000)]);
    let batch = submit(&mut play, &[SLOW_MODEL; 2], None);
    play.stage.advance(2_000);
    let rows = play.stage.generations(&OrgId::new(ORG));
    let id = rows.iter().find(|row| !row.is_final()).expect("a row at work").id;
    let engine = play.engine();
    let answer = play.stage.run(60_000, async move { engine.cancel(&OrgId::new(ORG), id).await });
    assert_eq!(answer.expect("an answer").expect("canceled").status(), RowStatus::Failed);
    play.stage.run_ready();
    let found = read(&play, &batch);
    assert_eq!((found.status(), found.counts.succeeded, found.counts.failed), (Status::Completed, 1, 1));
    assert_eq!(posts_to(&play, BATCH_URL).len(), 1);
}

#[test]
fn a_batch_survives_crashes() {
    let mut play = Play::new("0s");
    play.stage.slow.script([takes(1_000); 20]);
    let batch = submit(&mut play, &[SLOW_MODEL; 12], Some(URL));
    for _ in 0..3 {
        play.stage.advance(1_500);
        play.crash_and_restart();
    }
    play.stage.advance(30_000);
    let found = read(&play, &batch);
    assert_eq!((found.status(), found.counts.succeeded), (Status::Completed, 12));
    assert_eq!((posts_to(&play, BATCH_URL).len(), posts_to(&play, URL).len()), (1, 12));
}

/// Also where memory holds only a few of them, and the rest waits in the store.
#[test]
fn a_batch_holds_up_neither_its_owners_own_nor_others() {
    let small = Bounds { waiting_max: 8, read_max: 64, ..Bounds::default() };
    for (bounds, ended_max) in [(Bounds::default(), AHEAD + 4), (small, AHEAD + 24)] {
        let mut play = Play::with(Settings::default(), bounds);
        play.stage.slow.script([takes(1_000); 400]);
        let batch = submit(&mut play, &[SLOW_MODEL; 200], None);
        play.stage.advance(5_500);
        let before = rows_ended(&play);
        let own = play.submit(SLOW_MODEL, None);
        let others = play.submit_this(Stage::request("other", SLOW_MODEL, None));
        for _ in 0..60 {
            play.stage.advance(500);
            if [own, others].iter().all(|id| play.generation(*id).status() == RowStatus::Completed) {
                break;
            }
        }
        assert!([own, others].iter().all(|id| play.generation(*id).is_final()), "with {bounds:?}");
        let between = rows_ended(&play) - before;
        assert!(between <= ended_max, "{between} rows ended before two alone, with {bounds:?}");
        play.stage.advance(200_000);
        assert_eq!(read(&play, &batch).counts.succeeded, 200);
    }
}

/// A batch, and one of another organization: they go on side by side.
#[test]
fn organizations_take_turns() {
    let mut play = Play::new("0s");
    play.stage.slow.script([takes(1_000); 100]);
    submit(&mut play, &[SLOW_MODEL; 40], None);
    for _ in 0..10 {
        play.submit_this(Stage::request("other", SLOW_MODEL, None));
    }
    play.stage.advance(11_000);
    let others = play.stage.generations(&OrgId::new("other")).iter().filter(|g| g.is_final()).count();
    let own = rows_ended(&play);
    assert!(others >= 5 && own <= others + AHEAD, "{others} of one that came later, {own} of the other");
    play.stage.advance(60_000);
}
