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
    /// Its plan, if it has one of its own; see [`plan`](crate::plan).
    pub plan: Option<String>,
    /// How many generations it may have at once, whatever its plan says.
    pub concurrency: Option<u32>,
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
    /// When it was last used, up to [`USED_AGAIN_MS`] ago.
    pub last_used_at: Option<Timestamp>,
}

/// The use of a key is written down no oftener than this: it is there for people who look for keys that nobody needs.
pub const USED_AGAIN_MS: i64 = 60 * 1000;

/// How much an organization may do, where that was said of it and not of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrgLimits {
    /// See [`Organization::plan`].
    pub plan: Option<String>,
    /// See [`Organization::concurrency`].
    pub concurrency: Option<u32>,
}

impl Organization {
    /// What was said of it.
    #[must_use]
    pub fn limits(&self) -> OrgLimits {
        OrgLimits { plan: self.plan.clone(), concurrency: self.concurrency }
    }
}

/// What is written down of who may do what, beside organizations, keys and secrets themselves.
#[derive(Clone, Debug)]
pub enum AccessChange {
    /// An organization may do more, or less. Fence: it exists, and stands as `was` says.
    Limit {
        /// Whose.
        org: OrgId,
        /// As it was found.
        was: OrgLimits,
        /// As it is to be.
        now: OrgLimits,
    },
    /// A key was made over the API. Fence: its id and its hash never existed, and fewer than [`KEYS_MAX`](crate::limits::KEYS_MAX) of its organization work.
    /// (The operator's own commands add keys without that bound.)
    MakeKey(Box<ApiKey>),
    /// A key was used. Fence: it exists, and its last use on record is [`USED_AGAIN_MS`] old.
    Used {
        /// Which.
        id: KeyId,
        /// When.
        at: Timestamp,
    },
}

/// The longest name of a key or an organization.
pub const NAME_CHARS_MAX: usize = 100;

/// A name that a list can show: a line end or an escape sequence in it would let it pass for other lines. `None` where it is
/// none.
#[must_use]
pub fn judged_name(name: &str) -> Option<&str> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(is_invisible);
    fits.then_some(name)
}

/// Control characters, line and paragraph separators, and what changes the direction of the text after it.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
    fn a_name_is_one_line_that_can_be_seen() {
        assert_eq!(judged_name(" CI \u{e9} "), Some("CI \u{e9}"));
        for wrong in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", &"x".repeat(NAME_CHARS_MAX + 1)] {
            assert_eq!(judged_name(wrong), None, "{wrong:?}");
        }
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
