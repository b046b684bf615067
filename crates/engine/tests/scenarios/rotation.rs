//! A secret is rotated beside the running engine, as the command does it.
use postsync_core::ids::OrgId;
use postsync_core::rotation::{SecretOwner, Signing, Step};
use postsync_sim::INSTANT_MODEL;

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
