//! What can happen to an asset that is there.
use super::{Asset, AssetKind, Facts, Visibility};
use crate::ids::{AssetId, OrgId};
use crate::time::Timestamp;

/// One thing to write down about an asset.
#[derive(Clone, Debug)]
pub enum AssetChange {
    /// It has come. Fence: its id is new, and was not that of one that was removed. (An upload may be sent twice; [`Change::AddAsset`](crate::change::Change::AddAsset)
    /// is for ids that nobody else was given.)
    Register(Box<Asset>),
    /// Its owner says something else of it. Fence: it is there, and the organization's.
    Describe {
        /// Whose.
        org: OrgId,
        /// Which.
        id: AssetId,
        /// What changes.
        to: Described,
        /// When.
        at: Timestamp,
    },
    /// It goes; its files are gone already. Fence: it is there, and the organization's.
    Remove {
        /// Whose.
        org: OrgId,
        /// Which.
        id: AssetId,
        /// Ids from this one on may still have an upload URL that works: such an id is never used again. What is remembered of
        /// older ones is forgotten.
        from: AssetId,
    },
    /// It is about to be looked at. Fence: it waits for that, and `tries - 1` looks have begun.
    StartProbe {
        /// Which.
        id: AssetId,
        /// From 1.
        tries: u32,
    },
    /// A look was cut by a stop, or by our own disk: it says nothing about the file, and does not count. Fence: it waits, and so many
    /// looks have begun.
    ReleaseProbe {
        /// Which.
        id: AssetId,
        /// Its count of looks.
        tries: u32,
    },
    /// It was looked at. Fence: it waits for that.
    Probed {
        /// Which.
        id: AssetId,
        /// What it really is, where its container had said something else.
        kind: Option<AssetKind>,
        /// How large it is, where nobody knew.
        bytes: Option<u64>,
        /// What was found; `None`: it could not be looked at, and is not again.
        facts: Option<Facts>,
        /// When.
        at: Timestamp,
    },
}

/// What its owner may say of an asset. `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// For people.
    pub name: Option<String>,
    /// Whom it is meant for.
    pub visibility: Option<Visibility>,
}
