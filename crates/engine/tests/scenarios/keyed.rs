//! Creates with an `Idempotency-Key`: one generation, whatever happens between two sends of one request.
use futures::FutureExt as _;
use postsync_core::idempotency::{Fingerprint, IdempotencyKey, KEPT_MS};
use postsync_core::ids::{GenerationId, OrgId};
use postsync_engine::{Begun, Engine, KeyError, Submission, SubmitError};
use postsync_sim::{INSTANT_MODEL, Stage};

use crate::play::{ORG, Play, URL};

const ANSWER_MS_MAX: i64 = 60_000;

/// What came of one send.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    New(GenerationId),
    Before(GenerationId),
    Reused,
    InUse,
}

async fn send(engine: &Engine, key: &str, payload: u8) -> Sent {
    let key = IdempotencyKey::parse(key).expect("a key");
    let keyed = match engine.begin_keyed(&OrgId::new(ORG), key, Fingerprint([payload; 32])).await {
        Ok(Begun::First(keyed)) => keyed,
        Ok(Begun::Before(before)) => return Sent::Before(before.id),
        Err(KeyError::Reused) => return Sent::Reused,
        Err(KeyError::InUse) => return Sent::InUse,
        Err(error) => panic!("{error}"),
    };
    let plain = Submission::plain(Stage::request(ORG, INSTANT_MODEL, Some(URL)));
    match engine.submit_this(Submission { keyed: Some(keyed), ..plain }).await {
        Ok(generation) => Sent::New(generation.id),
        Err(SubmitError::KeyUsed) => Sent::InUse,
        Err(error) => panic!("{error}"),
    }
}

fn sent(play: &mut Play, key: &'static str, payload: u8) -> Sent {
    let engine = play.engine();
    play.stage.run(ANSWER_MS_MAX, async move { send(&engine, key, payload).await }).expect("an answer")
}

#[test]
fn the_same_again_is_the_same_generation_and_something_else_is_refused() {
    let mut play = Play::new("0s");
    let Sent::New(id) = sent(&mut play, "k", 1) else { panic!("the first one is taken") };
    assert_eq!(sent(&mut play, "k", 1), Sent::Before(id));
    assert_eq!(sent(&mut play, "k", 2), Sent::Reused);
    play.crash_and_restart();
    assert_eq!(sent(&mut play, "k", 1), Sent::Before(id), "a restart changes nothing");
    assert_eq!(sent(&mut play, "k", 2), Sent::Reused);
    assert!(matches!(sent(&mut play, "other", 1), Sent::New(_)));
    play.stage.advance(1_000);
    assert_eq!(play.posts().len(), 2, "two generations");
}

#[test]
fn who_comes_while_the_first_is_under_way_waits_for_it() {
    let mut play = Play::new("0s");
    let engine = play.engine();
    let both = play.stage.run(ANSWER_MS_MAX, async move {
        let (first, second) = (send(&engine, "k", 1), send(&engine, "k", 1));
        futures::join!(first, second)
    });
    let (Sent::New(id), second) = both.expect("answers") else { panic!("the first one is taken") };
    assert_eq!(second, Sent::Before(id));
}

#[test]
fn one_that_takes_too_long_is_not_waited_for() {
    let mut play = Play::new("0s");
    let engine = play.engine();
    let (key, org) = (|| IdempotencyKey::parse("k").unwrap(), OrgId::new(ORG));
    let (held, waited) = play
        .stage
        .run(ANSWER_MS_MAX, async move {
            let held = engine.begin_keyed(&org, key(), Fingerprint([1; 32])).await;
            let waited = engine.begin_keyed(&org, key(), Fingerprint([1; 32])).await;
            (held, waited)
        })
        .expect("an answer");
    assert!(matches!((held, waited), (Ok(Begun::First(_)), Err(KeyError::InUse))));
    assert!(matches!(sent(&mut play, "k", 2), Sent::New(_)), "one that was given up has not used its key");
}

#[test]
fn a_day_later_the_key_is_free_and_its_row_goes() {
    let mut play = Play::new("0s");
    let Sent::New(first) = sent(&mut play, "k", 1) else { panic!("the first one is taken") };
    play.stage.advance(KEPT_MS - 1_000);
    assert_eq!(sent(&mut play, "k", 1), Sent::Before(first));
    play.stage.advance(1_000);
    let Sent::New(second) = sent(&mut play, "k", 2) else { panic!("the key is free") };
    let row = |play: &Play| {
        let key = IdempotencyKey::parse("k").unwrap();
        play.stage.store.inner().used_key(&OrgId::new(ORG), &key).now_or_never().unwrap().unwrap()
    };
    assert_eq!(row(&play).map(|used| used.made.0), Some(second.0));
    // The clock of what goes moves on slowly; a day and some rounds are enough.
    play.stage.advance(KEPT_MS + 3_600_000);
    assert_eq!(row(&play), None);
}
