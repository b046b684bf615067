//! Projects: names under which an organization keeps some of its assets together. An asset may be in many.
use crate::asset::Visibility;
use crate::ids::{AssetId, OrgId, ProjectId};
use crate::time::Timestamp;

/// Projects of one organization.
pub const PROJECTS_MAX: usize = 1_000;

/// Assets in one project: its list is sorted whole.
pub const PROJECT_ASSETS_MAX: usize = 1_000;

/// Assets that one request attaches.
pub const ATTACHED_AT_ONCE_MAX: usize = 100;

/// The longest name of a mode.
const MODE_CHARS_MAX: usize = 32;

/// How Sync's own editor opens a project. Kept and shown; nothing depends on it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode(String);

impl Mode {
    /// The mode of that name: capital letters, digits and `_`, as Sync writes its words. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        (plain && (1..=MODE_CHARS_MAX).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// As the API writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Mode {
    fn default() -> Self {
        Self("CREATOR".to_owned())
    }
}

/// One project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id in its organization: clients may bring their own.
    pub id: ProjectId,
    /// Whose it is.
    pub org: OrgId,
    /// For people.
    pub name: String,
    /// Whom it is meant for. Kept and shown.
    pub visibility: Visibility,
    /// See there.
    pub mode: Mode,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Project {
    /// Where it stands in lists, which run from the newest one.
    #[must_use]
    pub fn place(&self) -> ProjectPlace {
        ProjectPlace { created_at: self.created_at, id: self.id }
    }
}

/// A place in a list of projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProjectPlace {
    /// When the one that stands there was made.
    pub created_at: Timestamp,
    /// Which: of two that were made at once, the higher one comes first.
    pub id: ProjectId,
}

impl ProjectPlace {
    /// Reads what [`Display`](std::fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (created_at, id) = text.split_once('_')?;
        Some(Self { created_at: Timestamp(created_at.parse().ok()?), id: id.parse().ok()? })
    }
}

impl std::fmt::Display for ProjectPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.created_at.0, self.id)
    }
}

/// What its owner may say of a project. `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectSaid {
    /// For people.
    pub name: Option<String>,
    /// Whom it is meant for.
    pub visibility: Option<Visibility>,
    /// See [`Mode`].
    pub mode: Option<Mode>,
}

/// One thing to write down about a project.
#[derive(Clone, Debug)]
pub enum ProjectChange {
    /// It was made. Fence: its organization has none of its id, and fewer than [`PROJECTS_MAX`].
    Add(Box<Project>),
    /// Its owner says something else of it. Fence: it is there, and the organization's.
    Describe {
        /// Whose.
        org: OrgId,
        /// Which.
        id: ProjectId,
        /// What changes.
        to: ProjectSaid,
        /// When.
        at: Timestamp,
    },
    /// It goes; its assets stay. Fence: it is there, and the organization's.
    Remove {
        /// Whose.
        org: OrgId,
        /// Which.
        id: ProjectId,
    },
    /// An asset comes into it, or is in it already. Fence: both are there and the organization's, and it has fewer than
    /// [`PROJECT_ASSETS_MAX`] others.
    Attach {
        /// Whose.
        org: OrgId,
        /// Where to.
        id: ProjectId,
        /// Which.
        asset: AssetId,
    },
    /// An asset leaves it. Fence: it is in it.
    Detach {
        /// Whose.
        org: OrgId,
        /// Where from.
        id: ProjectId,
        /// Which.
        asset: AssetId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_words() {
        for good in ["CREATOR", "A", "STUDIO_2", &"X".repeat(32)] {
            assert_eq!(Mode::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "creator", "A B", "\u{c9}", &"X".repeat(33)] {
            assert_eq!(Mode::parse(bad), None, "{bad}");
        }
        assert_eq!(Mode::default().as_str(), "CREATOR");
    }

    #[test]
    fn a_place_reads_back_and_nothing_else_does() {
        let place = ProjectPlace { created_at: Timestamp(7), id: ProjectId(uuid::Uuid::from_u128(9)) };
        assert_eq!(ProjectPlace::parse(&place.to_string()), Some(place));
        for bad in ["", "7", "7_", "x_00000000-0000-0000-0000-000000000009", "7_9", "9999999999999999999999_x"] {
            assert_eq!(ProjectPlace::parse(bad), None, "{bad}");
        }
    }
}
