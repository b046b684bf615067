//! What a listener has under way: events that wait for the application, the one that is with it, and answers of which the server has
//! not said that it has them. Pure.
//!
//! Promise: the application gets each event once and in order, however often the connection is cut: what comes a second time is known by
//! its event, and answered with what was answered. One that could not be handed on stays the first until it was.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use postsync_api::wire::ToListener;
use postsync_core::limits::LISTENER_AHEAD_MAX;

/// A signature is good for minutes; one that is older than this is made anew before it is used.
const FRESH: Duration = Duration::from_secs(60);

/// Answers that are remembered: more than can be under way at once.
const ANSWERS_MAX: usize = 4 * LISTENER_AHEAD_MAX;

/// An event for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) delivery: String,
    pub(super) event: String,
    pub(super) kind: String,
    /// The try that it is signed for.
    pub(super) attempt: u32,
    pub(super) again: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    signed_at: Instant,
}

/// What the application has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) took: Duration,
    pub(super) headers: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) truncated: bool,
}

/// An answer of which the server has not said that it has it.
#[derive(Clone, Debug)]
struct Unheard {
    item: Item,
    answer: Answer,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask the application.
    Hand(Item),
    /// Ask the server to sign this one for now.
    Sign { delivery: String, attempt: u32 },
    /// Nothing.
    Wait,
}

/// It.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: VecDeque<Item>,
    /// It is with the application now. What comes of it again meanwhile only changes what it is called.
    out: Option<Item>,
    unheard: VecDeque<Unheard>,
    /// The event that could not be handed on, and how often it was tried.
    held: Option<(String, u32)>,
    /// The delivery that the server was asked to sign.
    asked: Option<String>,
    /// The last event that was answered.
    last: Option<String>,
}

impl Desk {
    /// The server is there. `goes_on`: it remembers what is under way. Otherwise all that has no answer comes anew, in its order.
    pub(super) fn welcome(&mut self, goes_on: bool) {
        self.asked = None;
        if !goes_on {
            self.waiting.clear();
        }
    }

    /// An event has come. Where it was answered before, that answer, to be said once more.
    pub(super) fn came(&mut self, item: Item) -> Option<(Item, Answer)> {
        let is_same = |other: &Item| {
            let is_the_event = !item.again && !other.again && other.event == item.event;
            other.delivery == item.delivery || is_the_event
        };
        if let Some(unheard) = self.unheard.iter_mut().find(|unheard| is_same(&unheard.item)) {
            unheard.item.delivery = item.delivery;
            return Some((unheard.item.clone(), unheard.answer.clone()));
        }
        if let Some(out) = self.out.as_mut().filter(|out| is_same(out)) {
            out.delivery = item.delivery;
            return None;
        }
        if let Some(place) = self.waiting.iter().position(is_same) {
            if self.asked.as_ref() == Some(&self.waiting[place].delivery) {
                self.asked = None;
            }
            self.waiting[place] = item;
        } else if item.again {
            // Ahead of what waits, and not between the tries of one that is held.
            let is_tried = |first: &Item| self.tries_of(first) > 0 || self.asked.as_ref() == Some(&first.delivery);
            let place = usize::from(self.waiting.front().is_some_and(is_tried));
            self.waiting.insert(place, item);
        } else {
            self.waiting.push_back(item);
        }
        None
    }

    /// The connection was cut: nobody will answer what was asked.
    pub(super) fn cut(&mut self) {
        self.asked = None;
    }

    fn tries_of(&self, item: &Item) -> u32 {
        self.held.as_ref().filter(|(event, _)| *event == item.event).map_or(0, |(_, tries)| *tries)
    }

    /// What to do now. `is_connected`: the server can be asked.
    pub(super) fn next(&mut self, now: Instant, is_connected: bool) -> Next {
        if self.out.is_some() || self.asked.is_some() {
            return Next::Wait;
        }
        let Some(first) = self.waiting.front() else { return Next::Wait };
        let is_stale = now.saturating_duration_since(first.signed_at) > FRESH;
        let attempt = self.tries_of(first) + 1;
        if is_stale || first.attempt != attempt {
            if !is_connected {
                return Next::Wait;
            }
            let delivery = first.delivery.clone();
            self.asked = Some(delivery.clone());
            return Next::Sign { delivery, attempt };
        }
        self.out = self.waiting.pop_front();
        self.out.clone().map_or(Next::Wait, Next::Hand)
    }

    /// The application has answered. What is to be told to the server.
    pub(super) fn answered(&mut self, answer: Answer) -> Option<(Item, Answer)> {
        let item = self.out.take()?;
        self.held = None;
        self.last = Some(item.event.clone());
        if self.unheard.len() >= ANSWERS_MAX {
            self.unheard.pop_front();
        }
        self.unheard.push_back(Unheard { item: item.clone(), answer: answer.clone() });
        Some((item, answer))
    }

    /// The application could not be asked. It is the first one again, and to be signed anew for its next try.
    pub(super) fn failed(&mut self) -> Option<Item> {
        let item = self.out.take()?;
        self.held = Some((item.event.clone(), self.tries_of(&item) + 1));
        self.waiting.push_front(item.clone());
        Some(item)
    }

    /// The server has the answer.
    pub(super) fn acknowledged(&mut self, delivery: &str) {
        self.unheard.retain(|unheard| unheard.item.delivery != delivery);
    }

    /// The server knows nothing of it: it was answered under the same name elsewhere. An answer is kept all the same, for the event may
    /// come again under another id.
    pub(super) fn unknown(&mut self, delivery: &str) {
        if self.asked.as_deref() == Some(delivery) {
            self.asked = None;
            self.waiting.retain(|item| item.delivery != delivery);
        }
    }

    /// What `r` sends again.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Whether the application has one.
    pub(super) fn is_out(&self) -> bool {
        self.out.is_some()
    }

    /// Answers of which the server has not said that it has them.
    pub(super) fn unheard(&self) -> usize {
        self.unheard.len()
    }

    /// How many wait, the one that is with the application among them.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + usize::from(self.out.is_some())
    }
}

impl Item {
    /// Of the message that brings one.
    pub(super) fn of(message: ToListener, signed_at: Instant) -> Option<Self> {
        match message {
            ToListener::Event { delivery, event, kind, attempt, again, headers, body } => {
                Some(Self { delivery, event, kind, attempt, again, headers, body, signed_at })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(delivery: &str, event: &str, attempt: u32, at: Instant) -> Item {
        let (delivery, event, kind) = (delivery.to_owned(), event.to_owned(), "generation.completed".to_owned());
        Item { delivery, event, kind, attempt, again: false, headers: Vec::new(), body: String::new(), signed_at: at }
    }

    fn answer(status: u16) -> Answer {
        Answer { status, took: Duration::ZERO, headers: Vec::new(), body: Vec::new(), truncated: false }
    }

    fn handed(desk: &mut Desk, now: Instant) -> String {
        match desk.next(now, true) {
            Next::Hand(item) => item.event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_goes_out_once_and_in_order_however_often_it_comes() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        for round in 0..3 {
            for event in ["e1", "e2", "e3"] {
                assert_eq!(desk.came(item(&format!("{event}-{round}"), event, 1, now)), None);
            }
            desk.cut();
            desk.welcome(true);
        }
        assert_eq!(handed(&mut desk, now), "e1");
        assert_eq!(desk.next(now, true), Next::Wait, "one at a time");
        let (told, _) = desk.answered(answer(200)).unwrap();
        assert_eq!(told.delivery, "e1-2", "by its newest name");
        // The answer was on its way when the connection was cut: it comes once more, and is answered without the application.
        match desk.came(item("e1-9", "e1", 1, now)) {
            Some((item, answer)) => assert_eq!((item.delivery.as_str(), answer.status), ("e1-9", 200)),
            None => panic!("it would be handed on twice"),
        }
        assert_eq!(handed(&mut desk, now), "e2");
        desk.came(item("e2-9", "e2", 1, now));
        assert_eq!(desk.answered(answer(500)).unwrap().0.delivery, "e2-9");
        desk.acknowledged("e1-9");
        desk.acknowledged("e2-9");
        assert_eq!(handed(&mut desk, now), "e3");
        assert_eq!((desk.unheard.len(), desk.waiting(), desk.last()), (0, 1, Some("e2")));
    }

    #[test]
    fn what_can_not_be_handed_on_holds_the_others_and_is_signed_anew_for_each_try() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.came(item("d1", "e1", 1, now));
        desk.came(item("d2", "e2", 1, now));
        for tries in 1..4 {
            assert_eq!(handed(&mut desk, now), "e1");
            desk.failed();
            let sign = Next::Sign { delivery: "d1".to_owned(), attempt: tries + 1 };
            assert_eq!(desk.next(now, false), Next::Wait, "nobody to ask");
            assert_eq!(desk.next(now, true), sign);
            assert_eq!(desk.next(now, true), Next::Wait, "asked once");
            desk.cut();
            assert_eq!(desk.next(now, true), sign, "whoever was asked has gone");
            desk.came(item("d1", "e1", tries + 1, now));
        }
        assert_eq!(handed(&mut desk, now), "e1");
        desk.answered(answer(200));
        assert_eq!(handed(&mut desk, now), "e2");
    }

    #[test]
    fn an_old_signature_is_not_used() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.came(item("d1", "e1", 1, now));
        let later = now + FRESH + Duration::from_secs(1);
        assert_eq!(desk.next(later, true), Next::Sign { delivery: "d1".to_owned(), attempt: 1 });
        // Somebody else has answered it.
        desk.unknown("d1");
        assert_eq!((desk.next(later, true), desk.waiting()), (Next::Wait, 0));
    }

    #[test]
    fn what_was_asked_for_again_goes_first() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        for event in ["e1", "e2"] {
            desk.came(item(event, event, 1, now));
        }
        assert_eq!(handed(&mut desk, now), "e1");
        desk.answered(answer(200));
        desk.acknowledged("e1");
        desk.came(Item { again: true, ..item("d9", "e1", 1, now) });
        desk.came(Item { again: true, ..item("d9", "e1", 1, now) });
        assert_eq!(handed(&mut desk, now), "e1");
        assert_eq!(desk.answered(answer(200)).unwrap().0.delivery, "d9");
        assert_eq!(handed(&mut desk, now), "e2");
    }

    #[test]
    fn what_was_asked_for_again_can_be_held_too() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.came(item("d1", "e1", 1, now));
        handed(&mut desk, now);
        desk.answered(answer(200));
        desk.acknowledged("d1");
        let again = |attempt| Item { again: true, ..item("d9", "e1", attempt, now) };
        desk.came(again(1));
        desk.came(item("d2", "e2", 1, now));
        for tries in 1..4 {
            assert_eq!(handed(&mut desk, now), "e1");
            desk.failed();
            assert_eq!(desk.next(now, true), Next::Sign { delivery: "d9".to_owned(), attempt: tries + 1 });
            desk.came(again(tries + 1));
        }
        assert_eq!(handed(&mut desk, now), "e1");
        desk.answered(answer(200));
        assert_eq!(desk.came(again(4)).map(|(item, _)| item.delivery).as_deref(), Some("d9"), "once, also over a cut");
        assert_eq!(handed(&mut desk, now), "e2");
    }

    #[test]
    fn a_server_that_has_forgotten_says_anew_what_comes_and_in_which_order() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        for event in ["e1", "e2", "e3"] {
            desk.came(item(&format!("old-{event}"), event, 1, now));
        }
        handed(&mut desk, now);
        desk.answered(answer(200));
        assert_eq!(handed(&mut desk, now), "e2");
        desk.failed();
        desk.cut();
        desk.welcome(false);
        assert_eq!(desk.next(now, true), Next::Wait, "nothing of old");
        desk.came(item("q1", "made up", 1, now));
        assert!(desk.came(item("new-e1", "e1", 1, now)).is_some(), "it was answered");
        desk.came(item("new-e2", "e2", 1, now));
        assert_eq!(handed(&mut desk, now), "made up");
        desk.answered(answer(200));
        assert_eq!(handed(&mut desk, now), "e2");
        // What was said of an old id changes nothing.
        desk.unknown("old-e1");
        assert!(desk.came(item("newer-e1", "e1", 1, now)).is_some());
    }
}
