//! A secret is rotated beside the running engine, as the command does it.
use postsync_core::ids::OrgId;
use postsync_core::outcome::SendError;
use postsync_core::rotation::{SecretOwner, Signing, Step};
use postsync_core::schedule::Schedule;
use postsync_engine::ports::StoreError;
use postsync_engine::{Bounds, Settings};
use postsync_sim::world::Reply;
use postsync_sim::{INSTANT_MODEL, Stage};

use crate::play::{ORG, Play, URL};

const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// What the next webhook is signed with: current, next, previous.
fn signed(play: &mut Play) -> [Option<String>; 3] {
    play.submit(INSTANT_MODEL, Some(URL));
    play.stage.run_ready();
    let (_, post) = play.posts().pop().expect("a POST");
    let signers = post.signing.signers(post.at);
    [Some(signers.current), signers.next, signers.previous].map(|secret| secret.map(|s| s.expose().to_owned()))
}

fn step(play: &Play, step: Step) -> Signing {
    let owner = SecretOwner::org(&OrgId::new(ORG));
    play.stage.store.step_secrets(&owner, step, play.engine().now()).expect("a step that can be taken")
}

#[test]
fn a_rotation_is_honoured_within_a_second_and_ends_by_the_clock() {
    let mut play = Play::new("0s");
    let [old, ..] = signed(&mut play);
    let fresh = play.engine().new_secret();
    let new = Some(fresh.secret.expose().to_owned());
    step(&play, Step::Prepare(fresh));
    play.stage.advance(SECOND_MS);
    assert_eq!(signed(&mut play), [old.clone(), new.clone(), None]);
    let switched = step(&play, Step::Switch);
    play.stage.advance(SECOND_MS);
    assert_eq!(signed(&mut play), [new.clone(), None, old.clone()]);
    // Nobody touches it any more: the day passes, and with it the old secret, in the same second.
    let left_ms = switched.previous.expect("a previous one").expires_at.0 - play.engine().now().0;
    play.stage.advance(left_ms - 10);
    assert_eq!(signed(&mut play), [new.clone(), None, old]);
    play.stage.advance(10);
    assert_eq!(signed(&mut play), [new.clone(), None, None]);
    play.stage.advance(DAY_MS);
    play.crash_and_restart();
    assert_eq!(signed(&mut play), [new, None, None]);
}

#[test]
fn a_secret_that_nobody_can_read_holds_up_nobody_else_and_uses_no_step() {
    let broken = StoreError::Failed("malformed".to_owned());
    for (error, mend, tries_at) in
        [(StoreError::Key("sealed under another master key".to_owned()), "master key", 0), (broken, "backup", 500)]
    {
        let schedule = Schedule::parse("0s,5s").expect("a schedule");
        let settings = Settings { schedule, in_flight_max: 2, ..Settings::default() };
        let mut play = Play::with(settings, Bounds::default());
        play.stage.store.set_damaged(SecretOwner::org(&OrgId::new(ORG)), Some(error));
        let held: Vec<_> = (0..20).map(|_| play.submit(INSTANT_MODEL, Some(URL))).collect();
        play.stage.advance(tries_at);
        play.stage.run_ready();
        let end = play.delivery(held[0]).attempts[0].end.clone().expect("an end");
        assert_eq!((end.outcome.as_str(), end.error), ("own_fault", Some(SendError::Unsendable)));
        assert!(end.message.contains(mend), "{}", end.message);
        // Some slots are kept for first attempts: what another organization needs is one for a second.
        let elsewhere = "https://other.example/";
        play.stage.receivers.script(elsewhere, [Reply::status(500)]);
        let other = play.submit_this(Stage::request("acme", INSTANT_MODEL, Some(elsewhere)));
        play.stage.advance(8 * SECOND_MS);
        assert!(play.is_delivered(other));
        play.stage.store.set_damaged(SecretOwner::org(&OrgId::new(ORG)), None);
        play.stage.advance(600 * SECOND_MS);
        assert!(held.iter().all(|id| play.is_delivered(*id)));
        assert!(held.iter().all(|id| play.log(*id).iter().all(|(_, step)| *step == 0)), "{:?}", play.log(held[0]));
    }
}
