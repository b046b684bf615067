//! Generations that were accepted and wait until their organization has room for them.
//!
//! Promise: what is held is on disk like any other, PENDING, and no generator is offered it. Each is let in once; one that is ended
//! before waits no more.
use crate::ids::{GenerationId, OrgId};

/// What is written down of it.
#[derive(Clone, Debug)]
pub enum HoldChange {
    /// A generation waits: in one list with it, behind it. Fence: it is that organization's, open, and does not wait yet.
    Hold {
        /// Whose.
        org: OrgId,
        /// Which.
        id: GenerationId,
    },
    /// There is room for it. Fence: it waits.
    LetIn {
        /// Whose.
        org: OrgId,
        /// Which.
        id: GenerationId,
    },
}
