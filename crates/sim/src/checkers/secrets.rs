//! Whether a receiver that knows one of the secrets can verify what goes out, whatever stage a rotation is in.
use std::collections::BTreeMap;

use postsync_core::change::Change;
use postsync_core::ids::DeliveryId;
use postsync_core::rotation::{SecretOwner, Signing};
use postsync_core::time::Timestamp;

use super::{Checker, ensure};
use crate::facts::{Fact, Moment};

/// For so long an engine may go on with what it has read: a second, and what a slow disk adds.
const STALE_MS_MAX: i64 = 3_000;

/// Every POST is signed by all the secrets that stood on disk for its organization at one moment of the last seconds: the
/// current one, the next one, and the previous one until it expires. So no step of a rotation leaves a receiver behind.
#[derive(Default)]
pub(super) struct SignedAsOnDisk {
    owner_of: BTreeMap<DeliveryId, SecretOwner>,
    /// Since when what stands, for each organization.
    stood: BTreeMap<SecretOwner, Vec<(i64, Signing)>>,
    /// A process that stood still, or a wall clock that went back, makes a second longer: until when, and how far back.
    lenient: Option<(i64, i64)>,
}

impl SignedAsOnDisk {
    fn slow(&mut self, at_ms: i64, by_ms: i64) {
        let from_ms = self.since(at_ms).min(at_ms - by_ms - STALE_MS_MAX);
        self.lenient = Some((at_ms + by_ms + STALE_MS_MAX, from_ms));
    }

    /// What was replaced before then must not be used any more.
    fn since(&self, at_ms: i64) -> i64 {
        match self.lenient {
            Some((until_ms, from_ms)) if at_ms < until_ms => from_ms,
            _ => at_ms - STALE_MS_MAX,
        }
    }

    /// The secrets of each state that may be used now, as texts.
    fn allowed(&self, owner: &SecretOwner, at_ms: i64, t: Timestamp) -> Vec<[Option<String>; 3]> {
        let states = self.stood.get(owner).map_or(&[][..], Vec::as_slice);
        let since = self.since(at_ms);
        let ended = states.iter().skip(1).map(|(from_ms, _)| *from_ms).chain([i64::MAX]);
        let usable = states.iter().zip(ended).filter(|(_, ended_ms)| *ended_ms >= since);
        usable.map(|((_, signing), _)| texts(signing, t)).collect()
    }
}

fn texts(signing: &Signing, t: Timestamp) -> [Option<String>; 3] {
    let previous = signing.previous.as_ref().filter(|previous| previous.expires_at > t);
    [Some(&signing.current), signing.next.as_ref(), previous.map(|previous| &previous.secret)]
        .map(|secret| secret.map(|secret| secret.secret.expose().to_owned()))
}

impl Checker for SignedAsOnDisk {
    fn name(&self) -> &'static str {
        "signed_as_on_disk"
    }

    fn saw(&mut self, at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::AddDelivery(delivery)) => {
                let owner = match delivery.endpoint.is_registered() {
                    true => SecretOwner::endpoint(&delivery.org, &delivery.endpoint),
                    false => SecretOwner::org(&delivery.org),
                };
                self.owner_of.insert(delivery.id, owner);
            }
            Fact::Committed(Change::SetSecrets { now, .. }) => {
                let stood = self.stood.entry(now.owner.clone()).or_default();
                stood.push((at.mono_ms, Signing::clone(now)));
            }
            Fact::Paused { ms } => self.slow(at.mono_ms, *ms),
            Fact::WallStepped { by_ms } => self.slow(at.mono_ms, by_ms.abs()),
            Fact::PostBegan(post) => {
                let Some(owner) = self.owner_of.get(&post.delivery) else { return Ok(()) };
                let signers = post.signing.signers(post.at);
                let signed = [Some(signers.current), signers.next, signers.previous]
                    .map(|secret| secret.map(|secret| secret.expose().to_owned()));
                return ensure(self.allowed(owner, at.mono_ms, post.at).contains(&signed), || {
                    format!(
                        "attempt {} of {} is signed otherwise than the secrets of {owner} stand",
                        post.attempt, post.delivery
                    )
                });
            }
            _ => {}
        }
        Ok(())
    }
}
