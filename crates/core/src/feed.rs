//! The pull feed: what is in it, where it begins and ends, what a cursor is, and from which cursor can be read.
//!
//! Promise: each organization has a feed of its own, numbered from 1 without gaps in the order of the commits. So a number
//! says nothing of other organizations, and a reader that goes from one to the next has missed nothing. What retention has
//! removed is gone from the front only: a cursor in front of the feed is refused, never answered with what is left.
//!
//! Deliberately absent: giving the numbers. The store does that inside the commit, the only place that knows its order.
use sha2::{Digest as _, Sha256};

use crate::endpoint::is_of_no_batch;
use crate::event::Event;
use crate::ids::{self, ConsumerName, OrgId};
use crate::limits::CONSUMER_NAME_CHARS_MAX;

/// An event's place in the feed of its organization, from 1. As the position of a reader: the place that it has read last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub i64);

/// Whether an event has a place in the feed: what happened to a generation or a batch does. Operational events and tests go to the
/// registered endpoints that ask for them, and tell nothing that a reader of the feed could act on.
#[must_use]
pub fn has_place(event: &Event) -> bool {
    let is_of_a_batch = event.kind.is_of_a_batch() && !is_of_no_batch(event);
    is_of_a_batch || event.generation.is_some() && !event.kind.is_operational()
}

/// The places that a feed has: those behind `forgotten`, up to `last`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The last place that retention has removed; 0 where it has removed none.
    pub forgotten: Seq,
    /// The last place that was given; 0 where none was.
    pub last: Seq,
}

/// Why nothing can be read from a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// What comes next was removed. `oldest` is the position in front of the oldest event that is kept.
    Expired {
        /// Where reading can go on.
        oldest: Seq,
    },
    /// Behind everything that ever happened: of another database, or of one that was restored from a backup.
    Future,
}

impl Span {
    /// Where a new consumer begins: in front of the oldest event that is kept.
    #[must_use]
    pub fn begin(self) -> Seq {
        self.forgotten
    }

    /// Whether reading can go on behind `after` without having missed anything.
    ///
    /// # Errors
    /// See [`Misplaced`].
    pub fn judge(self, after: Seq) -> Result<(), Misplaced> {
        if after < self.forgotten {
            return Err(Misplaced::Expired { oldest: self.begin() });
        }
        if after > self.last { Err(Misplaced::Future) } else { Ok(()) }
    }
}

/// What a cursor begins with.
const PREFIX: &str = "cur_";

/// Digits of the check behind the position.
const CHECK_CHARS: usize = 4;

/// The text is not a cursor of this organization's feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACursor {
    /// It was never a cursor, or not all of it is there.
    #[error("is not a cursor")]
    Malformed,
    /// It may be one, of another organization.
    #[error("is not a cursor of this organization")]
    Foreign,
}

/// A position as a client sees it. It is bound to its organization: the cursor of another one (a key was changed, a setting
/// mixed up) would be a position too, and would skip or repeat without a word.
#[must_use]
pub fn cursor(org: &OrgId, at: Seq) -> String {
    format!("{PREFIX}{}{}", ids::base32(at.0), check(org, at))
}

/// The position of a cursor.
///
/// # Errors
/// See [`NotACursor`].
pub fn parse_cursor(org: &OrgId, text: &str) -> Result<Seq, NotACursor> {
    let rest = text.strip_prefix(PREFIX).ok_or(NotACursor::Malformed)?;
    let digits = rest.len().checked_sub(CHECK_CHARS).and_then(|at| rest.split_at_checked(at));
    let (number, check_seen) = digits.ok_or(NotACursor::Malformed)?;
    let at = ids::number(number).filter(|number| *number >= 0).map(Seq).ok_or(NotACursor::Malformed)?;
    if check(org, at) == check_seen { Ok(at) } else { Err(NotACursor::Foreign) }
}

/// Tells organizations apart; it keeps nobody out, for what is read is read of the caller's own organization.
fn check(org: &OrgId, at: Seq) -> String {
    let hash = Sha256::new().chain_update(at.0.to_be_bytes()).chain_update(org.as_str()).finalize();
    let bits = i64::from(u32::from_be_bytes([0, hash[0], hash[1], hash[2]]) >> 4);
    ids::base32(bits).split_off(ids::BASE32_CHARS - CHECK_CHARS)
}

/// Reads a consumer's name: 1 to 64 letters, digits, `.`, `_` and `-`. `None` where it is not one.
#[must_use]
pub fn consumer_name(text: &str) -> Option<ConsumerName> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = (1..=CONSUMER_NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(fits);
    is_name.then(|| ConsumerName::new(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn org(name: &str) -> OrgId {
        OrgId::new(name)
    }

    #[test]
    fn a_position_is_judged_by_what_is_kept() {
        let expired = |oldest| Err(Misplaced::Expired { oldest: Seq(oldest) });
        for (forgotten, last, after, want) in [
            (0, 0, 0, Ok(())),
            (0, 0, 1, Err(Misplaced::Future)),
            (0, 5, 0, Ok(())),
            (0, 5, 5, Ok(())),
            (0, 5, 6, Err(Misplaced::Future)),
            (3, 5, 3, Ok(())),
            (3, 5, 2, expired(3)),
            (3, 5, 0, expired(3)),
            (5, 5, 4, expired(5)),
            (5, 5, 5, Ok(())),
        ] {
            let span = Span { forgotten: Seq(forgotten), last: Seq(last) };
            assert_eq!(span.judge(Seq(after)), want, "{span:?} {after}");
            assert_eq!(span.judge(span.begin()), Ok(()));
        }
    }

    #[test]
    fn a_cursor_of_another_organization_is_told_apart() {
        let text = cursor(&org("default"), Seq(7));
        assert_eq!(text, "cur_0000000000007y9jx");
        assert_eq!(parse_cursor(&org("default"), &text), Ok(Seq(7)));
        assert_eq!(parse_cursor(&org("acme"), &text), Err(NotACursor::Foreign));
        for text in
            ["", "cur_", "7", "cur_abcd", "evt_0000000000007y9jx", "cur_0000000000007zfn", "cur_000000000000\u{e9}abc"]
        {
            assert_eq!(parse_cursor(&org("default"), text), Err(NotACursor::Malformed), "{text}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        let long = "n".repeat(CONSUMER_NAME_CHARS_MAX);
        for good in ["a", "billing-worker.eu_1", &long] {
            assert_eq!(consumer_name(good).map(|name| name.to_string()).as_deref(), Some(good));
        }
        for bad in ["", " ", "a b", "\u{e9}", "a/b", "a\n", &format!("{long}n")] {
            assert_eq!(consumer_name(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_position_survives_its_cursor(at in 0..i64::MAX) {
            prop_assert_eq!(parse_cursor(&org("default"), &cursor(&org("default"), Seq(at))), Ok(Seq(at)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", tail in "[0-9a-z\u{e9}]{0,20}") {
            let _ = parse_cursor(&org("default"), &text);
            let _ = parse_cursor(&org("default"), &format!("cur_{tail}"));
        }
    }
}
