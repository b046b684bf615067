//! Words that are to be spoken: taken, begun, ended, forgotten.
use postsync_core::change::Change;
use postsync_core::error_code::ELEVENLABS_QUOTA_EXCEEDED;
use postsync_core::generation::Failure;
use postsync_core::idempotency::{Fingerprint, IdempotencyKey, KEPT_MS};
use postsync_core::ids::{AssetId, OrgId, SpeechJobId};
use postsync_core::speech::{Provider, SpeechLane, Words};
use postsync_core::speech_job::{SPEECH_JOBS_OPEN_MAX, SpeechJob, SpeechJobChange, SpeechState};
use postsync_engine::ports::{SpeechTurn, Store};
use uuid::Uuid;

use super::world::*;

fn job_id(number: u128) -> SpeechJobId {
    SpeechJobId(Uuid::from_u128(number))
}

fn asset_id(number: u128) -> AssetId {
    AssetId(Uuid::from_u128(number))
}

fn job(number: u128, whose: &str, ms: i64) -> SpeechJob {
    SpeechJob {
        id: job_id(number),
        org: org(whose),
        words: Words {
            provider: Provider::Espeak,
            voice: "en-us".to_owned(),
            script: "Gr\u{fc}\u{df} dich.".to_owned(),
            stability_permille: 0,
            similarity_permille: 1_000,
        },
        tries: 0,
        state: SpeechState::Pending,
        created_at: at(ms),
        updated_at: at(ms),
        key: None,
    }
}

fn keyed(number: u128, whose: &str, ms: i64, fingerprint: u8) -> SpeechJob {
    let key = IdempotencyKey::parse("order-1").unwrap();
    SpeechJob { key: Some((key, Fingerprint([fingerprint; 32]))), ..job(number, whose, ms) }
}

fn changed(change: SpeechJobChange) -> Vec<Change> {
    vec![Change::SpeechJob(change)]
}

fn taken(job: &SpeechJob) -> Vec<Change> {
    changed(SpeechJobChange::Add(Box::new(job.clone())))
}

fn start(number: u128, tries: u32) -> Vec<Change> {
    changed(SpeechJobChange::Start { id: job_id(number), tries, at: at(50) })
}

fn release(number: u128, tries: u32) -> Vec<Change> {
    changed(SpeechJobChange::Release { id: job_id(number), tries, at: at(60) })
}

fn end(number: u128, tries: u32, ending: Result<AssetId, Failure>) -> Vec<Change> {
    changed(SpeechJobChange::End { id: job_id(number), tries, ending, at: at(70) })
}

fn refused() -> Failure {
    Failure::new(ELEVENLABS_QUOTA_EXCEEDED, "No more.")
}

/// Those of a lane in the order of turns: whose turn each is, behind the one before it.
async fn in_turn(store: &dyn Store, lane: SpeechLane, mut after: Option<OrgId>) -> Vec<u128> {
    let mut not = Vec::new();
    while let Some(job) = store.next_speech_job(SpeechTurn { lane, after, not: not.clone() }).await.unwrap() {
        not.push(job.id);
        after = Some(job.org);
    }
    not.into_iter().map(|id| id.0.as_u128()).collect()
}

async fn open(store: &dyn Store) -> Vec<u128> {
    in_turn(store, SpeechLane::Here, None).await
}

pub(crate) async fn organizations_take_turns_to_be_spoken_in_each_lane(store: &dyn Store) {
    let theirs = |number: u128, whose: &str| {
        let words = job(number, whose, 5).words;
        SpeechJob {
            words: Words { provider: Provider::ElevenLabs, voice: "v1".to_owned(), ..words },
            ..job(number, whose, 5)
        }
    };
    for (number, whose) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b"), (6, "c")] {
        done(store, taken(&job(number, whose, 5))).await;
        done(store, taken(&theirs(10 + number, whose))).await;
    }
    done(store, end(2, 0, Err(refused()))).await;
    for (lane, after, order) in [
        (SpeechLane::Here, None, [1, 4, 6, 3, 5].as_slice()),
        (SpeechLane::Here, Some("a"), &[4, 6, 1, 5, 3]),
        (SpeechLane::Here, Some("b"), &[6, 1, 4, 3, 5]),
        (SpeechLane::Here, Some("bb"), &[6, 1, 4, 3, 5]),
        (SpeechLane::Elsewhere, Some("z"), &[11, 14, 16, 12, 15, 13]),
    ] {
        assert_eq!(in_turn(store, lane, after.map(OrgId::new)).await, order, "{lane:?} {after:?}");
    }
}

pub(crate) async fn a_speech_job_reads_back_whole_and_only_to_its_own(store: &dyn Store) {
    let made = [
        job(1, "default", 5),
        keyed(2, "default", 5, 7),
        SpeechJob { state: SpeechState::Processing, tries: 2, updated_at: at(9), ..job(3, "default", 5) },
        SpeechJob { state: SpeechState::Completed(asset_id(9)), tries: 1, ..job(4, "default", 5) },
        SpeechJob { state: SpeechState::Failed(refused()), ..job(5, "default", 5) },
    ];
    for made in made {
        done(store, taken(&made)).await;
        assert_eq!(store.speech_job(&org("default"), made.id).await, Ok(Some(made.clone())));
        assert_eq!(store.speech_job(&org("acme"), made.id).await, Ok(None));
    }
    assert_eq!(open(store).await, [1, 2, 3]);
}

pub(crate) async fn a_speech_job_is_moved_by_who_is_at_work_on_it(store: &dyn Store) {
    done(store, taken(&job(1, "default", 5))).await;
    for early in [start(1, 2), release(1, 0), release(1, 1), end(1, 1, Ok(asset_id(9))), start(9, 1)] {
        stale(store, early).await;
    }
    done(store, start(1, 1)).await;
    stale(store, start(1, 1)).await;
    done(store, release(1, 1)).await;
    stale(store, release(1, 1)).await;
    let found = store.speech_job(&org("default"), job_id(1)).await.unwrap().unwrap();
    assert_eq!((found.state, found.tries, found.updated_at), (SpeechState::Pending, 0, at(60)));
    done(store, start(1, 1)).await;
    done(store, start(1, 2)).await;
    stale(store, end(1, 1, Ok(asset_id(9)))).await;
    done(store, end(1, 2, Ok(asset_id(9)))).await;
    for late in [start(1, 3), release(1, 2), end(1, 2, Err(refused()))] {
        stale(store, late).await;
    }
    let found = store.speech_job(&org("default"), job_id(1)).await.unwrap().unwrap();
    assert_eq!((found.state, found.updated_at), (SpeechState::Completed(asset_id(9)), at(70)));
    done(store, taken(&job(2, "default", 5))).await;
    done(store, end(2, 0, Err(refused()))).await;
    let found = store.speech_job(&org("default"), job_id(2)).await.unwrap().unwrap();
    assert_eq!(found.state, SpeechState::Failed(refused()));
    assert_eq!(open(store).await, [0; 0]);
}

pub(crate) async fn a_key_makes_one_speech_job_in_a_day(store: &dyn Store) {
    let key = IdempotencyKey::parse("order-1").unwrap();
    assert_eq!(store.speech_job_of_key(&org("default"), &key).await, Ok(None));
    done(store, taken(&keyed(1, "default", 0, 1))).await;
    stale(store, taken(&keyed(2, "default", KEPT_MS - 1, 1))).await;
    done(store, taken(&keyed(3, "acme", 0, 1))).await;
    done(store, taken(&job(4, "default", 0))).await;
    done(store, end(1, 0, Err(refused()))).await;
    stale(store, taken(&keyed(5, "default", KEPT_MS - 1, 2))).await;
    assert_eq!(store.speech_job_of_key(&org("default"), &key).await.unwrap().unwrap().id, job_id(1));
    done(store, taken(&keyed(6, "default", KEPT_MS, 2))).await;
    assert_eq!(store.speech_job_of_key(&org("default"), &key).await, Ok(Some(keyed(6, "default", KEPT_MS, 2))));
}

pub(crate) async fn so_many_speech_jobs_wait_and_old_ones_go(store: &dyn Store) {
    let max = SPEECH_JOBS_OPEN_MAX as u128;
    let made = |n: u128| job(n, "default", i64::try_from(n).unwrap());
    done(store, (1..=max).flat_map(|n| taken(&made(n))).collect()).await;
    stale(store, taken(&made(max + 1))).await;
    done(store, taken(&job(max + 1, "acme", 1))).await;
    done(store, end(1, 0, Ok(asset_id(9)))).await;
    done(store, taken(&made(max + 2))).await;
    for n in [2, 3] {
        done(store, end(n, 0, Err(refused()))).await;
    }
    let forget = |before: i64, limit| changed(SpeechJobChange::Forget { before: at(before), limit });
    stale(store, forget(1, 9)).await;
    done(store, forget(3, 1)).await;
    assert_eq!(store.speech_job(&org("default"), job_id(1)).await, Ok(None), "the oldest goes first");
    assert!(store.speech_job(&org("default"), job_id(2)).await.unwrap().is_some());
    done(store, forget(3, 9)).await;
    stale(store, forget(3, 9)).await;
    assert!(store.speech_job(&org("default"), job_id(3)).await.unwrap().is_some(), "it was taken then");
    assert_eq!(open(store).await.len(), SPEECH_JOBS_OPEN_MAX - 1, "what waits stays");
}
