//! Listeners: who has a name, what comes again, what is told of what is gone, and what is nobody else's.
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use postsync_core::change::Change;
use postsync_core::endpoint::{EventFilter, Trial};
use postsync_core::feed::Seq;
use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::limits::LISTENER_AHEAD_MAX;
use postsync_core::listener::{LocalAnswer, Outgoing, Passed};
use postsync_engine::ports::Applied;
use postsync_engine::{Ask, ListenError, ListenTold, ListenerView, Listening, Signed};
use postsync_sim::INSTANT_MODEL;

use crate::play::{ORG, Play};

fn ask(session: &str) -> Ask {
    Ask {
        name: ListenerName::new("me"),
        session: session.to_owned(),
        resumes: false,
        forward_to: "http://localhost:3000/webhook".to_owned(),
        events: EventFilter::default(),
        since: None,
    }
}

fn try_listen(play: &mut Play, whose: &str, ask: Ask) -> Result<Listening, ListenError> {
    let (engine, org) = (play.engine(), OrgId::new(whose));
    play.stage.run(60_000, async move { engine.listen(&org, ask).await }).expect("an answer")
}

fn listen(play: &mut Play, ask: Ask) -> Listening {
    try_listen(play, ORG, ask).unwrap_or_else(|error| panic!("{error}"))
}

/// What comes next, and the connection.
fn next(play: &mut Play, mut listening: Listening) -> (Listening, ListenTold) {
    let told = async move {
        let told = listening.next(Duration::from_secs(20)).await;
        (listening, told.expect("a connection that works"))
    };
    play.stage.run(60_000, told).expect("an answer")
}

/// What one that has just come is told first.
fn first_told(play: &mut Play, ask: Ask) -> ListenTold {
    let listening = listen(play, ask);
    next(play, listening).1
}

fn event(told: ListenTold) -> Outgoing {
    match told {
        ListenTold::Event(signed) => signed.outgoing,
        other => panic!("{other:?}"),
    }
}

fn seq(of: &Outgoing) -> i64 {
    match of.place {
        Passed::Place(Seq(seq)) => seq,
        other => panic!("{other:?}"),
    }
}

/// Whether the answer is kept.
fn answer(play: &mut Play, mut listening: Listening, of: &Outgoing) -> (Listening, Result<bool, ListenError>) {
    let (id, said) =
        (of.delivery, LocalAnswer::read(200, Duration::ZERO, Bytes::new(), Bytes::new(), false).expect("a status"));
    let kept = async move {
        let kept = listening.answered(id, 1, said).await;
        (listening, kept)
    };
    play.stage.run(60_000, kept).expect("an answer")
}

fn view(play: &mut Play) -> ListenerView {
    let engine = play.engine();
    let all = play.stage.run(60_000, async move { engine.listeners(&OrgId::new(ORG)).await });
    all.expect("an answer").expect("a list").remove(0)
}

fn make(play: &mut Play, count: usize) {
    for _ in 0..count {
        play.submit(INSTANT_MODEL, None);
    }
    play.stage.advance(1_000);
}

#[test]
fn a_name_has_one_holder_and_who_was_cut_does_not_take_it_back() {
    let mut play = Play::new("0s");
    let one = listen(&mut play, ask("one"));
    assert!(one.is_new());
    let two = listen(&mut play, ask("two"));
    assert!(!two.is_new());
    make(&mut play, 1);
    assert_eq!(next(&mut play, one).1, ListenTold::TakenOver);
    let back = Ask { resumes: true, ..ask("one") };
    assert!(matches!(try_listen(&mut play, ORG, back.clone()), Err(ListenError::TakenOver)));
    let (two, told) = next(&mut play, two);
    assert_eq!(seq(&event(told)), 1);
    drop(two);
    assert_eq!(seq(&event(first_told(&mut play, back))), 1, "once it has gone, the name is free");
}

#[test]
fn what_is_under_way_comes_again_under_its_ids_to_the_same_program_and_anew_to_another() {
    let mut play = Play::new("0s");
    let mut listening = listen(&mut play, ask("one"));
    make(&mut play, 3);
    let mut first = Vec::new();
    for _ in 0..3 {
        let (again, told) = next(&mut play, listening);
        (listening, first) = (again, [first, vec![event(told)]].concat());
    }
    let (listening, kept) = answer(&mut play, listening, &first[0]);
    assert_eq!(kept, Ok(true));
    let (listening, twice) = answer(&mut play, listening, &first[0]);
    assert_eq!(twice, Ok(false), "an answer is kept once");
    let (listening, early) = answer(&mut play, listening, &first[2]);
    assert!(matches!(early, Err(ListenError::OutOfOrder(_))), "{early:?}");
    drop(listening);
    make(&mut play, 1);
    let mut listening = listen(&mut play, Ask { resumes: true, ..ask("one") });
    for (position, want) in [(1, 2), (2, 3)] {
        let (again, told) = next(&mut play, listening);
        let of = event(told);
        assert_eq!((of.delivery, seq(&of)), (first[position].delivery, want));
        listening = again;
    }
    assert_eq!(seq(&event(next(&mut play, listening).1)), 4, "then what is new");
    let other = event(first_told(&mut play, ask("two")));
    assert_eq!(seq(&other), 2);
    assert_ne!(other.delivery, first[1].delivery);
}

#[test]
fn only_so_many_go_out_ahead_of_their_answers() {
    let mut play = Play::new("0s");
    let mut listening = listen(&mut play, ask("one"));
    make(&mut play, LISTENER_AHEAD_MAX + 2);
    let mut first = None;
    for _ in 0..LISTENER_AHEAD_MAX {
        let (again, told) = next(&mut play, listening);
        listening = again;
        first.get_or_insert(event(told));
    }
    let (listening, told) = next(&mut play, listening);
    assert_eq!(told, ListenTold::Nothing);
    let listening = answer(&mut play, listening, &first.unwrap()).0;
    assert_eq!(seq(&event(next(&mut play, listening).1)), 33);
}

#[test]
fn what_was_removed_is_told_with_its_number() {
    let mut play = Play::new("0s");
    drop(listen(&mut play, ask("one")));
    make(&mut play, 5);
    let engine = play.engine();
    let feed = play.stage.run(60_000, async move { engine.feed().read(&OrgId::new(ORG), Seq(0), 3).await });
    let gone: Vec<EventId> = feed.expect("an answer").unwrap().events.iter().map(|fed| fed.event.id).collect();
    let forgotten = play.stage.store.inner().apply(vec![Change::ForgetEvents(gone)]).now_or_never();
    assert_eq!(forgotten, Some(Ok(Applied::Done)));
    let listening = listen(&mut play, ask("one"));
    let (listening, told) = next(&mut play, listening);
    assert_eq!(told, ListenTold::Gap(3));
    assert_eq!(seq(&event(next(&mut play, listening).1)), 4);
}

#[test]
fn it_begins_where_it_is_told_to() {
    let mut play = Play::new("0s");
    make(&mut play, 3);
    play.stage.advance(3_600_000);
    let since = play.engine().now();
    make(&mut play, 4);
    let of_now = Ask { since: Some(since), ..ask("one") };
    assert_eq!(seq(&event(first_told(&mut play, of_now))), 4);
    let of_all = Ask { since: Some(postsync_core::time::Timestamp(0)), ..ask("one") };
    assert_eq!(seq(&event(first_told(&mut play, of_all))), 1);
    let later = Ask { since: Some(play.engine().now().plus(Duration::from_secs(9))), ..ask("one") };
    assert_eq!(seq(&event(first_told(&mut play, later.clone()))), 1, "what waits is not passed over");
    let of_another = Ask { name: ListenerName::new("new"), ..later };
    assert_eq!(first_told(&mut play, of_another), ListenTold::Nothing);
}

#[test]
fn what_is_made_up_waits_for_who_takes_it_and_nobody_else_can_have_it() {
    let mut play = Play::new("0s");
    let events = EventFilter::parse("generation.failed").unwrap();
    drop(listen(&mut play, Ask { events: events.clone(), ..ask("one") }));
    let trigger = |play: &mut Play, trial: Trial| {
        let engine = play.engine();
        let made = play.stage.run(60_000, async move { engine.trigger(&OrgId::new(ORG), trial, None).await });
        made.expect("an answer").unwrap()
    };
    assert!(trigger(&mut play, Trial::GenerationCompleted).listeners.is_empty());
    let made = trigger(&mut play, Trial::GenerationFailed);
    assert_eq!(made.listeners.len(), 1);
    let listening = listen(&mut play, Ask { events, ..ask("one") });
    let (listening, told) = next(&mut play, listening);
    let of = event(told);
    assert_eq!((of.event.id, of.place), (made.event.id, Passed::Queued(made.event.id)));
    let (mut listening, kept) = answer(&mut play, listening, &of);
    assert_eq!(kept, Ok(true));

    let again: Option<Signed> = {
        let asked = async move { (listening.resend(of.event.id).await.unwrap(), listening) };
        let (signed, back) = play.stage.run(60_000, asked).expect("an answer");
        listening = back;
        signed
    };
    assert_eq!(again.map(|signed| signed.outgoing.place), Some(Passed::Again));
    let (_, told) = next(&mut play, listening);
    assert_eq!(told, ListenTold::Nothing, "it was taken out of the queue");
    let mut theirs = try_listen(&mut play, "other", ask("one")).unwrap_or_else(|error| panic!("{error}"));
    let stolen = play.stage.run(60_000, async move { theirs.resend(made.event.id).await });
    assert_eq!(stolen.expect("an answer").unwrap(), None);
}

#[test]
fn what_is_held_is_shown_until_it_is_answered() {
    let mut play = Play::new("0s");
    let listening = listen(&mut play, ask("one"));
    make(&mut play, 1);
    let (mut listening, told) = next(&mut play, listening);
    let of = event(told);
    let held = {
        let (id, long) = (of.delivery, "x".repeat(9_999));
        let hold = async move {
            listening.failed(id, 1, "nobody").await;
            listening.failed(id, 2, &long).await;
            listening
        };
        listening = play.stage.run(60_000, hold).expect("an answer");
        view(&mut play).holding.expect("it is held")
    };
    assert_eq!((held.event, held.tries, held.error.len()), (of.event.id, 2, 300));
    let (listening, kept) = answer(&mut play, listening, &of);
    assert_eq!(kept, Ok(true));
    let shown = view(&mut play);
    assert_eq!((shown.holding, shown.behind, shown.is_connected), (None, 0, true));
    drop(listening);
    assert!(!view(&mut play).is_connected);
}
