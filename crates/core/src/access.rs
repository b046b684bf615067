//! Who may do what: organizations, API keys and their scopes, signing secrets.
use crate::ids::{KeyId, OrgId, SecretId};
use crate::time::Timestamp;

pub use postsync_webhook::Secret;

/// The organization that exists from the start.
pub const DEFAULT_ORG: &str = "default";

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything, and alone: keys, secrets, endpoints.
    Admin,
    /// The writes under `/v2`, cancel, replay, trigger.
    Generate,
    /// Every GET but secrets and keys; the feeds; `listen`, `verify`.
    Read,
    /// The worker protocol.
    Worker,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Generate, Self::Read, Self::Worker];

    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Generate => "generate",
            Self::Read => "read",
            Self::Worker => "worker",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A set of scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These, each once, in the order of [`Scope::ALL`].
    #[must_use]
    pub fn new(scopes: &[Scope]) -> Self {
        Self(Scope::ALL.into_iter().filter(|s| scopes.contains(s)).collect())
    }

    /// Reads `generate,read`.
    ///
    /// # Errors
    /// The name that is not a scope.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|n| !n.is_empty());
        let scopes: Vec<Scope> =
            names.map(|n| Scope::parse(n).ok_or_else(|| n.to_owned())).collect::<Result<_, _>>()?;
        if scopes.is_empty() { Err(text.to_owned()) } else { Ok(Self::new(&scopes)) }
    }

    /// Whether a caller with these may do what wants `scope`. `admin` may do everything.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&Scope::Admin) || self.0.contains(&scope)
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(","))
    }
}

/// A customer of this server. Every row belongs to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id, `default` or a made one.
    pub id: OrgId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key, as stored: never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub org: OrgId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it does not work any more.
    pub revoked_at: Option<Timestamp>,
}

/// SHA-256 of a key's text: what is stored, and what is looked up.
#[must_use]
pub fn key_hash(text: &str) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(text.as_bytes()).into()
}

/// A new key's text of 32 random bytes: `psk_` and 64 hex digits, so that leaks can be found by their prefix.
#[must_use]
pub fn key_text(random: [u8; 32]) -> String {
    format!("psk_{}", hex::encode(random))
}

/// A signing secret, in the clear; see [`rotation`](crate::rotation) for whose, and what it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// Its id; also part of what its encryption is bound to.
    pub id: SecretId,
    /// The secret; its `Debug` is masked.
    pub secret: Secret,
    /// When it was made or imported.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_may_do_everything_and_others_only_theirs() {
        let admin = Scopes::new(&[Scope::Admin]);
        assert!(Scope::ALL.into_iter().all(|s| admin.allow(s)));
        let reader = Scopes::parse("read").unwrap();
        assert!(reader.allow(Scope::Read) && !reader.allow(Scope::Generate) && !reader.allow(Scope::Admin));
    }

    #[test]
    fn scopes_read_what_they_write_and_name_what_is_wrong() {
        let both = Scopes::parse("read, generate").unwrap();
        assert_eq!(both.to_string(), "generate,read");
        assert_eq!(Scopes::parse(&both.to_string()), Ok(both));
        assert_eq!(Scopes::parse("read,root"), Err("root".into()));
        assert!(Scopes::parse("").is_err());
    }
}
