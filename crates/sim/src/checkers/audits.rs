//! Whether it is on record who asked for each generation.
use std::collections::BTreeMap;

use postsync_core::audit::AuditChange;
use postsync_core::change::Change;
use postsync_core::ids::GenerationId;

use super::{Checker, End, ensure};
use crate::facts::{Fact, Moment};

/// Each generation that is committed, alone or in a batch, has one entry in the audit, and there is none of anything else.
#[derive(Default)]
pub(super) struct EachIsAuditedOnce {
    entries: BTreeMap<GenerationId, u32>,
    generations: BTreeMap<GenerationId, u32>,
}

impl Checker for EachIsAuditedOnce {
    fn name(&self) -> &'static str {
        "each_is_audited_once"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::AddGeneration(generation)) => {
                *self.generations.entry(generation.id).or_default() += 1;
            }
            Fact::Committed(Change::Audit(AuditChange::Add(entry))) => {
                *self.entries.entry(entry.generation).or_default() += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn at_end(&mut self, _end: &End) -> Result<(), String> {
        for (id, count) in &self.entries {
            ensure(*count == 1, || format!("{id} has {count} entries in the audit"))?;
            ensure(self.generations.contains_key(id), || format!("the audit names {id}, which never was"))?;
        }
        match self.generations.keys().find(|id| !self.entries.contains_key(id)) {
            Some(id) => Err(format!("nobody knows who has asked for {id}")),
            None => Ok(()),
        }
    }
}
