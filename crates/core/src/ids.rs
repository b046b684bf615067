//! Names of things. Generations and assets are UUIDs (version 7), as Sync's API shows them; everything inside is a 64-bit
//! number that rises with time, so that history is appended at the right edge of its table (locality is worth tenfold).
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::time::Timestamp;

/// Bits of a 64-bit id below the millisecond: 1,048,576 ids per millisecond before it borrows from the next, and room for
/// times until the year 2248.
const SEQUENCE_BITS: u32 = 20;

/// The last millisecond that an id has room for.
pub(crate) const MS_MAX: i64 = i64::MAX >> SEQUENCE_BITS;

/// Crockford's base 32, lower case: no i, l, o, u, so an id read aloud stays itself.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A version 7 UUID: `now` in front, `random` behind it.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let ms = u64::try_from(now.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, base32(self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix($prefix).and_then(number).map(Self).ok_or(NotAnId)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub std::sync::Arc<str>);

        impl $name {
            /// Takes any text; the caller has judged it.
            #[must_use]
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

uuid_id!(
    /// One lip-sync job.
    GenerationId
);
uuid_id!(
    /// Many lip-sync jobs that were asked for at once.
    BatchId
);
uuid_id!(
    /// One uploaded or registered media file.
    AssetId
);
uuid_id!(
    /// Assets that are kept together under a name.
    ProjectId
);

uuid_id!(
    /// Words that are to be spoken.
    SpeechJobId
);

uuid_id!(
    /// What an `Idempotency-Key` was used for: a generation, a batch or an asset.
    MadeId
);

uuid_id!(
    /// One stored media file: the name under which the media store keeps its bytes.
    MediaId
);
number_id!(
    /// One thing that happened. Goes out as `webhook-id`; receivers deduplicate by it.
    EventId,
    "evt_"
);
number_id!(
    /// One event for one endpoint.
    DeliveryId,
    "dlv_"
);
number_id!(
    /// One API key (not its secret part).
    KeyId,
    "key_"
);
number_id!(
    /// One signing secret.
    SecretId,
    "sec_"
);
number_id!(
    /// One replay of many deliveries.
    ReplayId,
    "rpl_"
);
text_id!(
    /// Who reads a feed, by the name that it gave itself.
    ConsumerName
);
text_id!(
    /// A listener, by the name that it gave itself.
    ListenerName
);
text_id!(
    /// One organization. `default` exists from the start.
    OrgId
);
text_id!(
    /// An endpoint: a registered one's id, or the fingerprint of an implicit one (organization and URL without its query) or of a
    /// listener (organization and name).
    EndpointId
);

/// What a registered endpoint's id begins with.
const REGISTERED: &str = "ep_";

/// What an implicit one's begins with; the beginning of a hash follows, in hex.
pub(crate) const IMPLICIT: &str = "imp_";

/// What a listener's begins with; the beginning of a hash follows here, too.
pub(crate) const LISTENER: &str = "lis_";
pub(crate) const HASH_CHARS: usize = 24;

impl EndpointId {
    /// A registered endpoint's, of a number that rises with time.
    #[must_use]
    pub fn registered(number: i64) -> Self {
        Self::new(&format!("{REGISTERED}{}", base32(number)))
    }

    /// Whether it is a registered endpoint's: only those are looked up before something is sent to them.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.0.starts_with(REGISTERED)
    }

    /// Of any kind, as it is shown.
    ///
    /// # Errors
    /// It is neither `ep_` with a number nor `imp_` or `lis_` with a hash.
    pub fn of_either_kind(text: &str) -> Result<Self, NotAnId> {
        let is_hash =
            |hash: &str| hash.len() == HASH_CHARS && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let hash = text.strip_prefix(IMPLICIT).or_else(|| text.strip_prefix(LISTENER));
        if hash.is_some_and(is_hash) { Ok(Self::new(text)) } else { text.parse() }
    }

    /// The number of a registered one's.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.0.strip_prefix(REGISTERED).and_then(number)
    }
}

impl FromStr for EndpointId {
    type Err = NotAnId;

    /// Reads a registered endpoint's.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let id = Self::new(text);
        if id.number().is_some() { Ok(id) } else { Err(NotAnId) }
    }
}

/// The text is not an id of this kind. To a caller that is the same as an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

/// Makes 64-bit ids that never repeat and never fall, also when the clock steps back.
#[derive(Debug)]
pub struct IdSequence {
    last: i64,
}

impl IdSequence {
    /// Continues above `last`, the highest id that the store has seen.
    #[must_use]
    pub fn after(last: i64) -> Self {
        Self { last }
    }

    /// The next id: of `now` where the clock has moved on, else one above the last.
    pub fn next(&mut self, now: Timestamp) -> i64 {
        self.last = first_number_at(now).max(self.last + 1);
        self.last
    }
}

/// The first of the ids of that millisecond.
#[must_use]
pub fn first_number_at(now: Timestamp) -> i64 {
    // Bounded: a clock that has gone mad must not turn ids negative, which would never rise again.
    now.0.clamp(0, MS_MAX) << SEQUENCE_BITS
}

/// Characters of a number's text.
pub(crate) const BASE32_CHARS: usize = 13;

pub(crate) fn base32(number: i64) -> String {
    let mut bits = number.cast_unsigned();
    let mut text = [0u8; BASE32_CHARS];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
    }
    text.iter().map(|b| char::from(*b)).collect()
}

pub(crate) fn number(text: &str) -> Option<i64> {
    if text.len() != BASE32_CHARS {
        return None;
    }
    let mut bits: u64 = 0;
    for (place, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|a| *a == byte)? as u64;
        // 13 digits hold 65 bits: the first may only be 0 to 15, or two texts would name one id.
        if place == 0 && digit > 15 {
            return None;
        }
        bits = (bits << 5) | digit;
    }
    Some(bits.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_survives_its_text(n in any::<i64>()) {
            let id = DeliveryId(n);
            prop_assert_eq!(id.to_string().parse::<DeliveryId>(), Ok(id));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<EventId>();
            let _ = text.parse::<GenerationId>();
        }

        #[test]
        fn ids_rise_whatever_the_clock_does(times in proptest::collection::vec(0i64..4_000_000_000_000, 1..50)) {
            let mut ids = IdSequence::after(0);
            let made: Vec<i64> = times.iter().map(|t| ids.next(Timestamp(*t))).collect();
            prop_assert!(made.windows(2).all(|w| w[0] < w[1]));
        }
    }

    #[test]
    fn ids_rise_with_time_to_the_far_end() {
        let end_of_2247 = Timestamp::parse_rfc3339("2247-12-31T23:59:59.999Z").unwrap();
        let mut ids = IdSequence::after(0);
        let mut before = 0;
        for now in [0, 1_795_000_000_000, 2_199_023_255_552, end_of_2247.0].map(Timestamp) {
            let id = ids.next(now);
            assert!(id > before && id >> SEQUENCE_BITS == now.0, "{now}: {id} after {before}");
            before = id;
        }
        for mad in [i64::MAX, i64::MIN, 0] {
            let id = ids.next(Timestamp(mad));
            assert!(id > before, "{id} after {before}");
            before = id;
        }
    }

    #[test]
    fn a_registered_endpoint_is_told_by_its_id() {
        let id = EndpointId::registered(7);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!((id.as_str(), id.number(), id.is_registered()), ("ep_0000000000007", Some(7), true));
        let implicit = EndpointId::new("imp_0000000000007");
        assert_eq!((implicit.number(), implicit.is_registered()), (None, false));
        assert_eq!(EndpointId::of_either_kind(id.as_str()), Ok(id));
        let of_url = crate::target::implicit_endpoint(&OrgId::new("default"), "https://app.example.com/");
        assert_eq!(EndpointId::of_either_kind(of_url.as_str()), Ok(of_url));
        for no_id in
            ["", "imp_", "ep_", "imp_0000000000007", "ep_nonsense", "imp_9CCC71128F4CC8327EC94F7A", "dlv_0000000000007"]
        {
            assert_eq!(EndpointId::of_either_kind(no_id), Err(NotAnId), "{no_id}");
        }
    }

    #[test]
    fn text_order_is_number_order() {
        let mut ids = IdSequence::after(0);
        let a = EventId(ids.next(Timestamp(1_795_000_000_000))).to_string();
        let b = EventId(ids.next(Timestamp(1_795_000_000_001))).to_string();
        assert!(a < b);
    }
}
