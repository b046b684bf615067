//! An owner's secrets by name: what `verify` says of whom a signature is.
//!
//! It owns the names. Which of them make a signature right is [`Signing::signers`]; one that has ended makes none right, and is named
//! for as long as it is on record.
use crate::Secret;
use crate::rotation::{Previous, Signing};
use crate::time::Timestamp;
use crate::verify::Known;

/// Secrets with their names.
#[derive(Clone, Debug, Default)]
pub struct KnownSecrets {
    /// What signs now.
    pub live: Vec<Known>,
    /// What signs no more.
    pub ended: Vec<Known>,
}

impl KnownSecrets {
    /// Adds those of one owner.
    pub fn add(&mut self, signing: &Signing, now: Timestamp) {
        let owner = &signing.owner;
        let signers = signing.signers(now);
        let named = |name: String, secret: &Secret| Known { name: Some(name), secret: secret.clone() };
        self.live.push(named(format!("the secret of {owner}"), signers.current));
        self.live.extend(signers.next.map(|next| named(format!("the next secret of {owner}"), next)));
        self.live.extend(signers.previous.map(|previous| named(format!("the previous secret of {owner}"), previous)));
        let ended = signing.previous.as_ref().filter(|previous| previous.expires_at <= now);
        self.ended.extend(ended.map(|Previous { secret, expires_at }| {
            named(format!("the previous secret of {owner}, which ended at {expires_at}"), &secret.secret)
        }));
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> Vec<Known> {
        [self.live, self.ended].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::StoredSecret;
    use crate::ids::{EndpointId, OrgId, SecretId};
    use crate::rotation::{SecretOwner, Step};

    fn names(known: &[Known]) -> Vec<&str> {
        known.iter().filter_map(|known| known.name.as_deref()).collect()
    }

    #[test]
    fn each_is_named_in_each_stage() {
        let stored = |id: u8| StoredSecret {
            id: SecretId(i64::from(id)),
            secret: Secret::generate([id; 32]),
            created_at: Timestamp(0),
        };
        let owner = SecretOwner::endpoint(&OrgId::new("default"), &EndpointId::new("ep_1"));
        let now = Timestamp(1_000);
        let switched = Signing::first(owner, stored(1)).step(Step::Rotate(stored(2)), now).unwrap();
        let both = switched.step(Step::Prepare(stored(3)), now).unwrap();
        let mut known = KnownSecrets::default();
        known.add(&both, now);
        let expected =
            ["the secret of endpoint ep_1", "the next secret of endpoint ep_1", "the previous secret of endpoint ep_1"];
        assert_eq!(names(&known.live), expected);
        assert!(known.ended.is_empty());
        let mut known = KnownSecrets::default();
        known.add(&switched, now.plus(Duration::from_secs(24 * 60 * 60)));
        assert_eq!(names(&known.live), ["the secret of endpoint ep_1"]);
        assert_eq!(
            names(&known.ended),
            ["the previous secret of endpoint ep_1, which ended at 1970-01-02T00:00:01.000Z"]
        );
    }
}
