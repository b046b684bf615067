//! What went out in the head of a POST, and how the log tells it again.
//!
//! Nearly all of it is a pure function of rows that are kept anyway: the event, the delivery, the attempt's number. [`Sent`] is the
//! rest, packed, because it is written for each attempt. Promise: [`request`] gives the head as it was sent, name for name in its
//! order; a test in `egress` compares it with the bytes on the wire. Whatever stands in the store, reading it ends in a head, never
//! in a panic.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postsync_webhook::sign::{
    SYNC_SIGNATURE, SYNC_SIGNATURE_NEXT, SYNC_SIGNATURE_PREVIOUS, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP,
};

use crate::attempt::Attempt;
use crate::delivery::{Delivery, Origin};
use crate::egress_rules::Target;
use crate::event::Event;

/// What is shown in place of a value that is a secret.
pub const MASK: &str = "***";

/// A signature before it is written out.
const MAC_BYTES: usize = 32;

/// Headers whose values no other row tells; a packed one is named by its place here, so these only grow.
const SIGNATURES: [&str; 4] = [SYNC_SIGNATURE, WEBHOOK_SIGNATURE, SYNC_SIGNATURE_NEXT, SYNC_SIGNATURE_PREVIOUS];

/// Stands where the place of a signature would: a name without its value follows.
const MASKED: u8 = u8::MAX;

/// When, by which version of us and with what signatures one POST was signed, packed: `[t, 8 bytes][bytes][version]`, then for
/// each header `[place][signatures][32 bytes each]` or `[MASKED][bytes][name]`. Empty where nothing was signed, or where nobody saw the end of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent(Vec<u8>);

/// It, read: the time, the version, and the signatures as they are packed.
struct Read<'a> {
    t_unix_s: i64,
    version: &'a str,
    packed: &'a [u8],
}

impl Sent {
    /// Nothing is signed yet. `version` is ours, as in `User-Agent`; `t_unix_s` is the `t` of the signatures.
    #[must_use]
    pub fn by(version: &str, t_unix_s: i64) -> Self {
        let version = &version.as_bytes()[..version.len().min(usize::from(u8::MAX))];
        let mut packed = Vec::with_capacity(8 + 1 + version.len() + 2 * (2 + MAC_BYTES));
        packed.extend_from_slice(&t_unix_s.to_be_bytes());
        packed.push(u8::try_from(version.len()).unwrap_or(u8::MAX));
        packed.extend_from_slice(version);
        Self(packed)
    }

    /// Takes the signatures of a header that goes out. Of any other header nothing is taken: the rows tell it.
    pub fn take(&mut self, name: &str, value: &str) {
        let Some(place) = SIGNATURES.iter().position(|known| *known == name) else { return };
        let macs: Vec<[u8; MAC_BYTES]> = if name == WEBHOOK_SIGNATURE {
            value.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()?.try_into().ok()).collect()
        } else {
            let hexed = value.split_once(",v1=").map(|(_, hexed)| hexed).unwrap_or_default();
            let mut mac = [0; MAC_BYTES];
            hex::decode_to_slice(hexed, &mut mac).ok().map(|()| mac).into_iter().collect()
        };
        self.0.push(u8::try_from(place).unwrap_or(u8::MAX));
        self.0.push(u8::try_from(macs.len()).unwrap_or(u8::MAX));
        macs.iter().take(usize::from(u8::MAX)).for_each(|mac| self.0.extend_from_slice(mac));
    }

    /// Takes the name of a header whose value is nobody's business: neither a row nor the log ever has it.
    pub fn mask(&mut self, name: &str) {
        let name = &name.as_bytes()[..name.len().min(usize::from(u8::MAX))];
        self.0.push(MASKED);
        self.0.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        self.0.extend_from_slice(name);
    }

    /// As the store keeps it.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.0
    }

    /// As the store has it.
    #[must_use]
    pub fn unpacked(packed: Vec<u8>) -> Self {
        Self(packed)
    }

    fn read(&self) -> Option<Read<'_>> {
        let (t, rest) = self.0.split_first_chunk()?;
        let (bytes, rest) = rest.split_first()?;
        let (version, packed) = rest.split_at_checked(usize::from(*bytes))?;
        Some(Read { t_unix_s: i64::from_be_bytes(*t), version: std::str::from_utf8(version).ok()?, packed })
    }
}

impl Read<'_> {
    /// The signature headers with their values, and the names of those that are masked, each in the order in which they went out.
    fn headers(&self) -> (Vec<(&'static str, String)>, Vec<String>) {
        let mut rest = self.packed;
        let (mut signatures, mut masked) = (Vec::new(), Vec::new());
        while let [place, count, tail @ ..] = rest {
            let unit = if *place == MASKED { 1 } else { MAC_BYTES };
            let Some((bytes, following)) = tail.split_at_checked(usize::from(*count) * unit) else { break };
            match SIGNATURES.get(usize::from(*place)) {
                Some(name) => signatures.push((*name, self.written_out(name, bytes))),
                None if *place == MASKED => masked.push(title_case(bytes)),
                None => break,
            }
            rest = following;
        }
        (signatures, masked)
    }

    fn written_out(&self, name: &str, macs: &[u8]) -> String {
        if name == WEBHOOK_SIGNATURE {
            let each: Vec<String> = macs.chunks(MAC_BYTES).map(|mac| format!("v1,{}", STANDARD.encode(mac))).collect();
            return each.join(" ");
        }
        format!("t={},v1={}", self.t_unix_s, hex::encode(macs))
    }
}

/// As names are written on the wire: `X-Gateway-Token`.
fn title_case(name: &[u8]) -> String {
    let mut begins = true;
    let letters = name.iter().map(|byte| {
        let letter = if begins { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        begins = *byte == b'-';
        char::from(letter)
    });
    letters.collect()
}

/// A POST as it went out, all but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// Where to, in full.
    pub url: String,
    /// Names in title case and values, in their order; where a value is a secret, [`MASK`]. Of an attempt that signed nothing, or whose end nobody saw, without the
    /// signatures and `User-Agent`.
    pub headers: Vec<(String, String)>,
}

/// What an attempt sent.
#[must_use]
pub fn request(delivery: &Delivery, event: &Event, attempt: &Attempt) -> SentRequest {
    let nothing = Sent::default();
    head(delivery, event, attempt.attempt, attempt.end.as_ref().map_or(&nothing, |end| &end.sent))
}

/// What the attempt of that number sends, or has sent, where it is signed so.
#[must_use]
pub fn head(delivery: &Delivery, event: &Event, attempt: u32, sent: &Sent) -> SentRequest {
    let read = sent.read();
    let mut headers: Vec<(&'static str, String)> = Vec::new();
    let mut masked = Vec::new();
    headers.extend(Target::host_header_of(&delivery.url).map(|host| ("Host", host)));
    headers.push(("Content-Type", "application/json".to_owned()));
    if let Some(read) = read {
        headers.push(("User-Agent", format!("postsync/{}", read.version)));
        let (signatures, names) = read.headers();
        masked = names;
        for (name, value) in signatures {
            if name == WEBHOOK_SIGNATURE {
                headers.push((WEBHOOK_ID, event.id.to_string()));
                headers.push((WEBHOOK_TIMESTAMP, read.t_unix_s.to_string()));
            }
            headers.push((name, value));
        }
    }
    headers.push(("Postsync-Event", event.kind.as_str().to_owned()));
    headers.push(("Postsync-Delivery", delivery.id.to_string()));
    headers.push(("Postsync-Attempt", attempt.to_string()));
    if delivery.origin == Origin::Replay {
        headers.push(("Postsync-Replay", "true".to_owned()));
    }
    let ours = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
    let theirs = masked.into_iter().map(|name| (name, MASK.to_owned()));
    let last = ("Content-Length".to_owned(), event.body.len().to_string());
    SentRequest { url: delivery.url.clone(), headers: ours.chain(theirs).chain([last]).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{AttemptEnd, Word};
    use crate::ids::{DeliveryId, EndpointId, EventId, OrgId};
    use crate::outcome::Phases;
    use crate::time::Timestamp;
    use bytes::Bytes;
    use postsync_webhook::{Secret, Signers};
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp(1_795_422_077_999);

    #[test]
    fn what_was_signed_reads_back_as_it_was_written() {
        let [old, new, newest] = [1, 2, 3].map(|byte| Secret::generate([byte; 32]));
        let t = AT.unix_s();
        let signers = Signers { current: &new, next: Some(&newest), previous: Some(&old) };
        let mut all = postsync_webhook::headers(signers, "evt_1", t, b"{}");
        let mut sent = Sent::by("0.1.0", t);
        all.iter().for_each(|(name, value)| sent.take(name, value));
        all.retain(|(name, _)| ![WEBHOOK_ID, WEBHOOK_TIMESTAMP].contains(name));
        sent.mask("x-gateway-TOKEN");
        sent.mask("");
        let read = sent.read().unwrap();
        let (signatures, masked) = read.headers();
        assert_eq!((signatures, read.version), (all, "0.1.0"));
        assert_eq!(masked, ["X-Gateway-Token", ""]);
        assert_eq!(sent.packed().len(), 8 + 1 + 5 + 4 * 2 + 6 * 32 + 2 + 15 + 2);
        assert_eq!(Sent::unpacked(sent.packed().to_vec()), sent);
    }

    #[test]
    fn an_attempt_whose_end_nobody_saw_shows_what_is_known_of_it() {
        let event = Event {
            id: EventId(1),
            org: OrgId::new("default"),
            kind: crate::event::EventType::GenerationFailed,
            generation: None,
            created_at: AT,
            body: Bytes::from_static(b"{}"),
        };
        let url = "https://app.example.com/webhook?a=1".to_owned();
        let delivery = Delivery::new(DeliveryId(2), &event, EndpointId::new("e"), url, 0);
        let open = Attempt { delivery: delivery.id, attempt: 7, step: 0, started_at: AT, end: None };
        let names = |attempt: &Attempt| -> Vec<String> {
            request(&delivery, &event, attempt).headers.into_iter().map(|(name, _)| name).collect()
        };
        let want =
            ["Host", "Content-Type", "Postsync-Event", "Postsync-Delivery", "Postsync-Attempt", "Content-Length"];
        assert_eq!(names(&open), want);
        let end = AttemptEnd {
            at: AT,
            outcome: Word::Interrupted,
            http_status: None,
            error: None,
            message: String::new(),
            address: None,
            phases: Phases::default(),
            tls: None,
            sent: Sent::default(),
            answer: None,
            next: None,
        };
        assert_eq!(names(&Attempt { end: Some(end), ..open }), want);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_store_is_read_without_a_panic(packed in proptest::collection::vec(any::<u8>(), 0..200)) {
            let sent = Sent::unpacked(packed);
            let _ = sent.read().map(|read| read.headers());
        }
    }
}
