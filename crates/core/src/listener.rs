//! Listeners: developers' `postsync listen`, which take an organization's events over a connection that they open themselves.
//!
//! Owns what a listener is, which names it may have, and what goes on record when its application has answered. A listener reads the
//! feed: its cursor is a place there, and moves when the local application has answered, never before. What is made for listeners
//! alone (a test event has no place in a feed) waits in a queue of its own.
//!
//! Promise: any answer of the application acknowledges, whatever its status; what it was stands in the attempt log as that of every
//! other delivery. What a listener says is untrusted: [`LocalAnswer::read`] bounds all of it.
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::attempt::{Answer, AttemptEnd, Word};
use crate::change::{Change, Settlement};
use crate::delivery::{Delivery, Origin, State};
use crate::endpoint::EventFilter;
use crate::event::{Event, EventType};
use crate::feed::Seq;
use crate::ids::{DeliveryId, EndpointId, EventId, HASH_CHARS, LISTENER, ListenerName, OrgId};
use crate::limits::{LISTENER_ANSWER_BODY_BYTES_MAX, LISTENER_ANSWER_HEAD_BYTES_MAX, LISTENER_NAME_CHARS_MAX};
use crate::outcome::{Phases, SendError};
use crate::rotation::Signing;
use crate::sent::{self, Sent, SentRequest};
use crate::time::Timestamp;

/// The longest that an answer may say it took: a clock that was moved must not make a start before all time.
const TOOK_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A listener, from the first time its name was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Whose.
    pub org: OrgId,
    /// What it calls itself.
    pub name: ListenerName,
    /// Where it hands on to, on its own machine: for people, nobody here ever asks that URL for anything.
    pub forward_to: String,
    /// Which events it takes.
    pub events: EventFilter,
    /// The last place that it is done with.
    pub seq: Seq,
    /// When its name was first seen.
    pub created_at: Timestamp,
    /// When it last came or answered.
    pub seen_at: Timestamp,
    /// The last answer of its application.
    pub answered: Option<Answered>,
}

/// What a local application answered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// 100 to 999.
    pub status: u16,
    /// When we heard of it.
    pub at: Timestamp,
}

/// Something happened to a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerChange {
    /// It comes, and stands as said here from now on. Fence: it is known, or its organization has fewer than
    /// [`LISTENERS_MAX`](crate::limits::LISTENERS_MAX), those left out that have not been seen for too long.
    Seat(Box<Listener>),
    /// It is done with an event, or passes over what it does not take. Fence: it is known.
    Pass {
        /// Whose.
        org: OrgId,
        /// Which.
        name: ListenerName,
        /// With what.
        what: Passed,
        /// What its application answered, where it was asked.
        answered: Option<Answered>,
        /// When.
        at: Timestamp,
    },
    /// An event without a place in the feed is for all of an organization's listeners that take its kind: those with
    /// [`LISTENER_QUEUE_MAX`](crate::limits::LISTENER_QUEUE_MAX) in their queue are left out.
    Queue {
        /// Whose listeners.
        org: OrgId,
        /// What.
        event: EventId,
        /// Of that kind.
        kind: EventType,
    },
}

/// What a listener is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Its feed up to that place. It never moves back by this.
    Place(Seq),
    /// One of its queue.
    Queued(EventId),
    /// One that it has asked for again: nothing moves.
    Again,
}

/// An event on its way to a listener's application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What its answer is kept under. Nothing is on record of it before.
    pub delivery: DeliveryId,
    /// What.
    pub event: Event,
    /// What the listener is done with once it is answered.
    pub place: Passed,
    /// From 1: one more each time the application could not be asked.
    pub attempt: u32,
    /// How it was signed for that one.
    pub sent: Sent,
}

impl Outgoing {
    /// Signs it for that time.
    pub fn sign(&mut self, secrets: &Signing, at: Timestamp) {
        let (id, t) = (self.event.id.to_string(), at.unix_s());
        self.sent = Sent::by(env!("CARGO_PKG_VERSION"), t);
        for (name, text) in postsync_webhook::headers(secrets.signers(at), &id, t, &self.event.body) {
            self.sent.take(name, &text);
        }
    }
}

/// What a listener says that its application has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAnswer {
    status: u16,
    took: Duration,
    answer: Answer,
}

impl LocalAnswer {
    /// Takes it in, cut to what the log keeps. `None` where the status is none.
    #[must_use]
    pub fn read(status: u16, took: Duration, headers: Bytes, body: Bytes, truncated: bool) -> Option<Self> {
        if !(100..=999).contains(&status) {
            return None;
        }
        let whole_head = headers.len() <= LISTENER_ANSWER_HEAD_BYTES_MAX;
        let headers = if whole_head { headers } else { whole_lines(&headers.slice(..LISTENER_ANSWER_HEAD_BYTES_MAX)) };
        let is_cut = truncated || body.len() > LISTENER_ANSWER_BODY_BYTES_MAX;
        let body = body.slice(..body.len().min(LISTENER_ANSWER_BODY_BYTES_MAX));
        Some(Self { status, took: took.min(TOOK_MAX), answer: Answer { headers, body, truncated: is_cut } })
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

fn whole_lines(cut: &Bytes) -> Bytes {
    let end = cut.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    cut.slice(..end)
}

/// Reads a listener's name: 1 to 128 letters, digits and marks, as in `laptop:localhost:3000/webhook`. `None` where it is not one.
#[must_use]
pub fn listener_name(text: &str) -> Option<ListenerName> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@~+[]%".contains(&byte);
    let is_name = (1..=LISTENER_NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(fits);
    is_name.then(|| ListenerName::new(text))
}

/// The endpoint under which a listener's deliveries stand.
#[must_use]
pub fn endpoint_of(org: &OrgId, name: &ListenerName) -> EndpointId {
    let hash = Sha256::new().chain_update(org.as_str()).chain_update([0]).chain_update(name.as_str()).finalize();
    EndpointId::new(&format!("{LISTENER}{}", hex::encode(&hash[..HASH_CHARS / 2])))
}

impl Listener {
    /// The head of the POST that its application is to get.
    #[must_use]
    pub fn request(&self, of: &Outgoing) -> SentRequest {
        sent::head(&self.delivery(of), &of.event, of.attempt, &of.sent)
    }

    /// What goes on record with an answer, in one commit: the delivery with its attempt, and that the listener is done with it.
    #[must_use]
    pub fn on_record(&self, of: &Outgoing, said: LocalAnswer, now: Timestamp) -> Vec<Change> {
        let mut delivery = self.delivery(of);
        let started_at = Timestamp(now.0.saturating_sub(i64::try_from(said.took.as_millis()).unwrap_or(i64::MAX)));
        let status = said.status;
        let added = Change::AddDelivery(Box::new(delivery.clone()));
        let started = delivery.start(started_at);
        let settled = Settlement {
            delivery: delivery.id,
            attempt: of.attempt,
            end: end(of, said, now),
            step: 0,
            interrupted: 0,
            state: State::Delivered(now),
        };
        let answered = Some(Answered { status, at: now });
        vec![added, started, Change::SettleAttempt(Box::new(settled)), self.passes(of.place, answered, now)]
    }

    /// That it is done with something.
    #[must_use]
    pub fn passes(&self, what: Passed, answered: Option<Answered>, at: Timestamp) -> Change {
        let (org, name) = (self.org.clone(), self.name.clone());
        Change::Listener(ListenerChange::Pass { org, name, what, answered, at })
    }

    fn delivery(&self, of: &Outgoing) -> Delivery {
        let endpoint = endpoint_of(&self.org, &self.name);
        let mut delivery = Delivery::new(of.delivery, &of.event, endpoint, self.forward_to.clone(), 0);
        (delivery.origin, delivery.attempts) = (Origin::Listener, of.attempt.saturating_sub(1));
        delivery
    }
}

fn end(of: &Outgoing, said: LocalAnswer, at: Timestamp) -> AttemptEnd {
    let status = said.status;
    let (outcome, error, message) = match status {
        200..300 => (Word::Delivered, None, format!("The application answered {status}.")),
        300..400 => (Word::Failed, Some(SendError::Redirect), acknowledged(status)),
        _ => (Word::Failed, Some(SendError::HttpStatus), acknowledged(status)),
    };
    let total_us = u64::try_from(said.took.as_micros()).ok();
    AttemptEnd {
        at,
        outcome,
        http_status: Some(status),
        error,
        message,
        address: None,
        phases: Phases { total_us, ..Phases::default() },
        tls: None,
        sent: of.sent.clone(),
        answer: Some(said.answer),
        next: None,
    }
}

fn acknowledged(status: u16) -> String {
    format!("The application answered {status}. A listener takes any answer: it is not tried again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_422_077_000);

    fn listener() -> Listener {
        Listener {
            org: OrgId::new("default"),
            name: ListenerName::new("laptop"),
            forward_to: "http://localhost:3000/webhook?a=1".to_owned(),
            events: EventFilter::default(),
            seq: Seq(4),
            created_at: NOW,
            seen_at: NOW,
            answered: None,
        }
    }

    fn outgoing(attempt: u32) -> Outgoing {
        let event = Event {
            id: EventId(1),
            org: OrgId::new("default"),
            kind: EventType::GenerationCompleted,
            generation: None,
            created_at: Timestamp(NOW.0 - 60_000),
            body: Bytes::from_static(b"{}"),
        };
        let sent = Sent::by("0.1.0", NOW.unix_s());
        Outgoing { delivery: DeliveryId(2), event, place: Passed::Place(Seq(5)), attempt, sent }
    }

    fn answer(status: u16) -> LocalAnswer {
        let headers = Bytes::from_static(b"content-type: text/plain\n");
        LocalAnswer::read(status, Duration::from_millis(30), headers, Bytes::from_static(b"ok"), false).unwrap()
    }

    #[test]
    fn any_answer_acknowledges_and_stands_in_the_log_as_what_it_was() {
        for (status, outcome, error) in [
            (200, Word::Delivered, None),
            (302, Word::Failed, Some(SendError::Redirect)),
            (500, Word::Failed, Some(SendError::HttpStatus)),
        ] {
            let changes = listener().on_record(&outgoing(3), answer(status), NOW);
            let [Change::AddDelivery(delivery), Change::StartAttempt { attempt, started_at, .. }, settled, passed] =
                &changes[..]
            else {
                panic!("{changes:?}");
            };
            assert_eq!((delivery.origin, delivery.attempts, *attempt), (Origin::Listener, 2, 3));
            assert_eq!(started_at.0, NOW.0 - 30);
            let Change::SettleAttempt(settled) = settled else { panic!("{settled:?}") };
            assert_eq!(
                (settled.end.outcome, settled.end.error, settled.state),
                (outcome, error, State::Delivered(NOW))
            );
            let Change::Listener(ListenerChange::Pass { what, answered, .. }) = passed else { panic!("{passed:?}") };
            assert_eq!((*what, *answered), (Passed::Place(Seq(5)), Some(Answered { status, at: NOW })));
        }
    }

    #[test]
    fn the_application_gets_the_head_of_every_webhook() {
        let request = listener().request(&outgoing(3));
        let head: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let want = [
            "Host: localhost:3000",
            "Content-Type: application/json",
            "User-Agent: postsync/0.1.0",
            "Postsync-Event: generation.completed",
            "Postsync-Delivery: dlv_0000000000002",
            "Postsync-Attempt: 3",
            "Content-Length: 2",
        ];
        assert_eq!(head, want);
    }

    #[test]
    fn what_a_listener_says_is_cut_to_what_is_kept() {
        let line = b"name: value\n";
        let headers: Vec<u8> = line.iter().copied().cycle().take(LISTENER_ANSWER_HEAD_BYTES_MAX * 2).collect();
        let body = vec![b'x'; LISTENER_ANSWER_BODY_BYTES_MAX + 1];
        let said = LocalAnswer::read(200, Duration::MAX, headers.into(), body.into(), false).unwrap();
        assert!(said.answer.headers.len() <= LISTENER_ANSWER_HEAD_BYTES_MAX && said.answer.headers.ends_with(line));
        assert_eq!((said.answer.body.len(), said.answer.truncated), (LISTENER_ANSWER_BODY_BYTES_MAX, true));
        assert_eq!(said.took, TOOK_MAX);
        for status in [0, 99, 1_000, u16::MAX] {
            assert_eq!(LocalAnswer::read(status, Duration::ZERO, Bytes::new(), Bytes::new(), false), None, "{status}");
        }
    }

    #[test]
    fn names_may_be_what_hosts_and_urls_are_made_of() {
        let long = "n".repeat(LISTENER_NAME_CHARS_MAX);
        for good in ["a", "laptop:localhost:3000/webhook", "ci@[::1]:80/%20", &long] {
            assert_eq!(listener_name(good).map(|name| name.to_string()).as_deref(), Some(good));
        }
        for bad in ["", " ", "a b", "\u{e9}", "a\n", "a\"", "<a>", &format!("{long}n")] {
            assert_eq!(listener_name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn each_listener_has_an_endpoint_of_its_own() {
        let of = |org: &str, name: &str| endpoint_of(&OrgId::new(org), &ListenerName::new(name));
        assert_eq!(of("a", "b"), of("a", "b"));
        assert!(of("a", "b") != of("a", "c") && of("a", "b") != of("b", "b") && of("ab", "c") != of("a", "bc"));
        let id = of("a", "b");
        assert_eq!(EndpointId::of_either_kind(id.as_str()), Ok(id.clone()));
        assert!(!id.is_registered());
    }
}
