//! The secrets that sign one owner's webhooks, and how one gives way to the next without breaking a receiver.
//!
//! Promise: at every moment of a rotation a receiver that knows the old secret and one that knows the new one can both verify
//! what arrives: from *prepare* on the new one signs beside the old, and after *switch* the old one beside the new, until it
//! expires. Total functions of (secrets, step, now); what ends is judged by `now` when something is sent, so that no timer
//! has to fire.
//!
//! Deliberately absent: how new secrets are drawn, where they are kept, how headers are written.
use std::fmt;
use std::time::Duration;

use crate::access::StoredSecret;
use crate::ids::{EndpointId, OrgId, SecretId};
use crate::rule;
use crate::time::Timestamp;

pub use postsync_webhook::Signers;

/// How long the old secret goes on signing after a switch, where nobody says otherwise.
pub const EXPIRY_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest that anybody may say.
pub const EXPIRY_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whose secrets: an organization's, or those of one of its registered endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretOwner {
    /// The organization.
    pub org: OrgId,
    /// Its endpoint; `None`: the secrets are the organization's own.
    pub endpoint: Option<EndpointId>,
}

impl SecretOwner {
    /// The organization itself.
    #[must_use]
    pub fn org(org: &OrgId) -> Self {
        Self { org: org.clone(), endpoint: None }
    }

    /// One of its registered endpoints.
    #[must_use]
    pub fn endpoint(org: &OrgId, endpoint: &EndpointId) -> Self {
        Self { org: org.clone(), endpoint: Some(endpoint.clone()) }
    }
}

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            None => write!(f, "organization {}", self.org),
            Some(endpoint) => write!(f, "endpoint {endpoint}"),
        }
    }
}

/// The old secret after a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Itself.
    pub secret: StoredSecret,
    /// From then on it signs nothing.
    pub expires_at: Timestamp,
}

/// What signs one owner's webhooks, in the clear. The store encrypts each secret before it touches the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// Whose.
    pub owner: SecretOwner,
    /// What `Sync-Signature` is made with.
    pub current: StoredSecret,
    /// What `Sync-Signature-Next` is made with: after the switch it is the current one.
    pub next: Option<StoredSecret>,
    /// What `Sync-Signature-Previous` is made with. Ask [`Signing::previous_at`]: it may have expired.
    pub previous: Option<Previous>,
}

/// Which secret stands where: what a write found, so that it changes nothing where somebody else was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The current one.
    pub current: SecretId,
    /// The next one.
    pub next: Option<SecretId>,
    /// The previous one, also where it has expired.
    pub previous: Option<SecretId>,
}

impl Places {
    /// All of them.
    #[must_use]
    pub fn ids(self) -> Vec<SecretId> {
        [Some(self.current), self.next, self.previous].into_iter().flatten().collect()
    }
}

/// How far a rotation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// One secret signs.
    Stable,
    /// The next one signs beside the current one.
    Prepared,
    /// The previous one signs beside the current one, until it expires.
    Switched,
}

impl Stage {
    /// As shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Prepared => "prepared",
            Self::Switched => "switched",
        }
    }
}

/// One thing to do to an owner's secrets.
#[derive(Clone, Debug)]
pub enum Step {
    /// Let this one sign beside the current one. Where a next one exists already, that one stays: who asks twice must not end
    /// up with a secret that no receiver was told of.
    Prepare(StoredSecret),
    /// The next one becomes the current one, the current one the previous one, for [`EXPIRY_DEFAULT`]. A previous one that
    /// has not expired yet ends.
    Switch,
    /// Both at once: to the next one where one exists, else to this one.
    Rotate(StoredSecret),
    /// The previous one ends so long from now on; zero: now.
    Expire(Duration),
    /// This one becomes the current one, and every other ends: for who moves here and has given it out already.
    Import(StoredSecret),
    /// This one becomes the next one, in place of one that was prepared before.
    ImportNext(StoredSecret),
}

/// Why a step can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A switch to nothing.
    #[error("no next secret is prepared: prepare one first, let the receivers take it too, then switch")]
    NothingPrepared,
    /// Nothing there to expire.
    #[error("there is no previous secret that still signs: one exists from a switch until it expires")]
    NoPrevious,
    /// Longer than [`EXPIRY_MAX`].
    #[error("a previous secret may sign for 7 days at most")]
    TooLong,
    /// It is the one that signs already.
    #[error("that secret is the current one already")]
    Unchanged,
}

impl Signing {
    /// An owner's first secret.
    #[must_use]
    pub fn first(owner: SecretOwner, secret: StoredSecret) -> Self {
        Self { owner, current: secret, next: None, previous: None }
    }

    /// The previous secret, if it still signs.
    #[must_use]
    pub fn previous_at(&self, now: Timestamp) -> Option<&Previous> {
        self.previous.as_ref().filter(|previous| now < previous.expires_at)
    }

    /// What signs a webhook that is sent `now`.
    #[must_use]
    pub fn signers(&self, now: Timestamp) -> Signers<'_> {
        let next = self.next.as_ref().filter(|_| rule::holds("the_next_secret_signs_too"));
        let previous = self.previous_at(now).filter(|_| rule::holds("the_previous_secret_signs_on"));
        Signers {
            current: &self.current.secret,
            next: next.map(|next| &next.secret),
            previous: previous.map(|previous| &previous.secret.secret),
        }
    }

    /// How far the rotation has come. Prepared again before the previous one has expired, all three sign: that is prepared.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        match (&self.next, self.previous_at(now)) {
            (Some(_), _) => Stage::Prepared,
            (None, Some(_)) => Stage::Switched,
            (None, None) => Stage::Stable,
        }
    }

    /// Which stands where.
    #[must_use]
    pub fn places(&self) -> Places {
        Places {
            current: self.current.id,
            next: self.next.as_ref().map(|secret| secret.id),
            previous: self.previous.as_ref().map(|previous| previous.secret.id),
        }
    }

    /// What the secrets are after a step. A previous one that has expired is gone after any.
    ///
    /// # Errors
    /// [`Refused`]; nothing changes then.
    pub fn step(&self, step: Step, now: Timestamp) -> Result<Self, Refused> {
        let mut after = Self { previous: self.previous_at(now).cloned(), ..self.clone() };
        match step {
            Step::Prepare(fresh) => {
                after.next.get_or_insert(fresh);
            }
            Step::Switch => after.switch(None, now)?,
            Step::Rotate(fresh) => after.switch(Some(fresh), now)?,
            Step::Expire(lasts) => after.expire(lasts, now)?,
            Step::Import(given) => return Ok(Self::first(after.owner, given)),
            Step::ImportNext(given) if given.secret == after.current.secret => return Err(Refused::Unchanged),
            Step::ImportNext(given) => after.next = Some(given),
        }
        Ok(after)
    }

    fn switch(&mut self, fresh: Option<StoredSecret>, now: Timestamp) -> Result<(), Refused> {
        let next = self.next.take().or(fresh).ok_or(Refused::NothingPrepared)?;
        let secret = std::mem::replace(&mut self.current, next);
        self.previous = Some(Previous { secret, expires_at: now.plus(EXPIRY_DEFAULT) });
        Ok(())
    }

    fn expire(&mut self, lasts: Duration, now: Timestamp) -> Result<(), Refused> {
        if lasts > EXPIRY_MAX {
            return Err(Refused::TooLong);
        }
        let previous = self.previous.take().ok_or(Refused::NoPrevious)?;
        self.previous = (!lasts.is_zero()).then(|| Previous { expires_at: now.plus(lasts), ..previous });
        Ok(())
    }
}

/// From, what happens, to: `docs/STATES.md` draws it, and a test holds it to [`Signing::step`].
pub const TRANSITIONS: [(Stage, &str, Stage); 9] = [
    (Stage::Stable, "prepare", Stage::Prepared),
    (Stage::Stable, "rotate: prepare and switch", Stage::Switched),
    (Stage::Prepared, "prepare: the next one stays", Stage::Prepared),
    (Stage::Prepared, "switch", Stage::Switched),
    (Stage::Prepared, "import at once", Stage::Stable),
    (Stage::Switched, "prepare: all three sign", Stage::Prepared),
    (Stage::Switched, "rotate: the older previous one ends", Stage::Switched),
    (Stage::Switched, "expire, or its time comes", Stage::Stable),
    (Stage::Switched, "import at once", Stage::Stable),
];

#[cfg(test)]
mod tests;
