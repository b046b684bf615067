use super::*;
use crate::Secret;
use crate::ids::OrgId;

const NOW: Timestamp = Timestamp(1_795_422_077_000);
const HOUR: Duration = Duration::from_secs(3_600);

fn secret(number: u8) -> StoredSecret {
    StoredSecret { id: SecretId(i64::from(number)), secret: Secret::generate([number; 32]), created_at: NOW }
}

/// `current next previous`, by number; zero for none. The previous one expires in an hour.
fn signing([current, next, previous]: [u8; 3]) -> Signing {
    Signing {
        owner: SecretOwner::org(&OrgId::new("default")),
        current: secret(current),
        next: (next > 0).then(|| secret(next)),
        previous: (previous > 0).then(|| Previous { secret: secret(previous), expires_at: NOW.plus(HOUR) }),
    }
}

fn numbers(signing: &Signing) -> [i64; 3] {
    let Places { current, next, previous } = signing.places();
    [current.0, next.map_or(0, |id| id.0), previous.map_or(0, |id| id.0)]
}

#[test]
fn every_step_from_every_stage() {
    let prepare = || Step::Prepare(secret(9));
    let rotate = || Step::Rotate(secret(9));
    let import = || Step::Import(secret(9));
    let import_next = || Step::ImportNext(secret(9));
    let (later, now) = (|| Step::Expire(HOUR), || Step::Expire(Duration::ZERO));
    for (before, step, after) in [
        ([1, 0, 0], prepare(), Ok([1, 9, 0])),
        ([1, 2, 0], prepare(), Ok([1, 2, 0])),
        ([2, 0, 1], prepare(), Ok([2, 9, 1])),
        ([2, 3, 1], prepare(), Ok([2, 3, 1])),
        ([1, 0, 0], Step::Switch, Err(Refused::NothingPrepared)),
        ([1, 2, 0], Step::Switch, Ok([2, 0, 1])),
        ([2, 0, 1], Step::Switch, Err(Refused::NothingPrepared)),
        ([2, 3, 1], Step::Switch, Ok([3, 0, 2])),
        ([1, 0, 0], rotate(), Ok([9, 0, 1])),
        ([1, 2, 0], rotate(), Ok([2, 0, 1])),
        ([2, 0, 1], rotate(), Ok([9, 0, 2])),
        ([2, 3, 1], rotate(), Ok([3, 0, 2])),
        ([1, 0, 0], later(), Err(Refused::NoPrevious)),
        ([1, 2, 0], later(), Err(Refused::NoPrevious)),
        ([2, 0, 1], later(), Ok([2, 0, 1])),
        ([2, 3, 1], later(), Ok([2, 3, 1])),
        ([2, 0, 1], now(), Ok([2, 0, 0])),
        ([2, 3, 1], now(), Ok([2, 3, 0])),
        ([1, 0, 0], import(), Ok([9, 0, 0])),
        ([1, 2, 0], import(), Ok([9, 0, 0])),
        ([2, 3, 1], import(), Ok([9, 0, 0])),
        ([1, 0, 0], import_next(), Ok([1, 9, 0])),
        ([1, 2, 0], import_next(), Ok([1, 9, 0])),
        ([2, 0, 1], import_next(), Ok([2, 9, 1])),
        ([9, 0, 0], import_next(), Err(Refused::Unchanged)),
    ] {
        let what = format!("{before:?} {step:?}");
        let done = signing(before).step(step, NOW);
        assert_eq!(done.as_ref().map(numbers).map_err(|refused| *refused), after, "{what}");
    }
}

#[test]
fn the_old_secret_signs_until_it_expires_and_not_after() {
    let switched = signing([1, 2, 0]).step(Step::Switch, NOW).unwrap();
    let ends = NOW.plus(EXPIRY_DEFAULT);
    assert_eq!(switched.previous_at(NOW).map(|previous| previous.expires_at), Some(ends));
    assert!(switched.previous_at(ends.plus_ms(-1)).is_some() && switched.previous_at(ends).is_none());
    assert_eq!((switched.stage(NOW), switched.stage(ends)), (Stage::Switched, Stage::Stable));
    // What has expired does not come back, and no step keeps it.
    assert_eq!(switched.step(Step::Expire(HOUR), ends), Err(Refused::NoPrevious));
    let prepared = switched.step(Step::Prepare(secret(3)), ends).unwrap();
    assert_eq!(numbers(&prepared), [2, 3, 0]);
}

#[test]
fn an_expiry_is_counted_from_now_and_bounded() {
    let switched = signing([2, 0, 1]);
    let expires = |lasts| switched.step(Step::Expire(lasts), NOW).map(|s| s.previous.map(|p| p.expires_at));
    assert_eq!(expires(Duration::from_secs(1)), Ok(Some(NOW.plus_ms(1_000))));
    assert_eq!(expires(EXPIRY_MAX), Ok(Some(NOW.plus(EXPIRY_MAX))));
    assert_eq!(expires(EXPIRY_MAX + Duration::from_millis(1)), Err(Refused::TooLong));
}

#[test]
fn the_transitions_that_are_drawn_are_those_that_are_taken() {
    for (from, what, to) in TRANSITIONS {
        let before = match from {
            Stage::Stable => signing([2, 0, 0]),
            Stage::Prepared => signing([2, 3, 0]),
            Stage::Switched => signing([2, 0, 1]),
        };
        let step = match what.split([' ', ':', ',']).next() {
            Some("prepare") => Step::Prepare(secret(9)),
            Some("switch") => Step::Switch,
            Some("rotate") => Step::Rotate(secret(9)),
            Some("expire") => Step::Expire(Duration::ZERO),
            Some("import") => Step::Import(secret(9)),
            other => panic!("{other:?} is no step"),
        };
        assert_eq!((before.stage(NOW), before.step(step, NOW).unwrap().stage(NOW)), (from, to), "{what}");
    }
}

/// Whatever the order of steps: of two neighbours in time each has a secret that the other signs with too, unless somebody
/// imports at once or lets the old one expire at once.
#[test]
fn no_step_of_a_rotation_leaves_a_receiver_behind() {
    for before in [[1, 0, 0], [1, 2, 0], [2, 0, 1], [2, 3, 1]] {
        for step in [Step::Prepare(secret(9)), Step::Switch, Step::Rotate(secret(9)), Step::Expire(HOUR)] {
            let before = signing(before);
            let Ok(after) = before.step(step, NOW) else { continue };
            let kept = [Some(after.current.id), after.places().next, after.places().previous];
            assert!(kept.contains(&Some(before.current.id)), "{before:?} -> {after:?}");
        }
    }
}
