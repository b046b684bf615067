//! Whether work that dies is counted, and what is handed back is not.
use std::collections::{BTreeMap, BTreeSet};

use postsync_core::change::Change;
use postsync_core::error_code::GENERATION_PIPELINE_FAILED;
use postsync_core::generation::{Ending, Failure};
use postsync_core::ids::GenerationId;

use super::{Checker, ensure};
use crate::facts::{Fact, Moment, WorkEnd};

/// A generation may take its child or its server down with it so often.
const DEATHS_MAX: u32 = 3;

/// Work that has died three times ends FAILED and is not tried again; work that has died less often is not given up.
#[derive(Default)]
pub(super) struct DiesThreeTimesEndsFailed {
    of: BTreeMap<GenerationId, Life>,
}

#[derive(Default)]
struct Life {
    /// A start is on disk, and nothing that says how it went on.
    started: bool,
    deaths: u32,
}

impl Checker for DiesThreeTimesEndsFailed {
    fn name(&self) -> &'static str {
        "dies_three_times_ends_failed"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Committed(Change::StartGeneration { id, .. }) => self.of.entry(*id).or_default().started = true,
            Fact::Committed(Change::ReleaseGeneration { id, .. }) => self.of.entry(*id).or_default().started = false,
            Fact::WorkEnded { generation, how: WorkEnd::Died } => {
                let life = self.of.entry(*generation).or_default();
                life.deaths += u32::from(std::mem::take(&mut life.started));
            }
            // Not at the crash: a release may still have been on its way to disk then.
            Fact::LifeBegan => {
                for life in self.of.values_mut() {
                    life.deaths += u32::from(std::mem::take(&mut life.started));
                }
            }
            Fact::WorkBegan { generation, instant: false } => {
                let deaths = self.of.entry(*generation).or_default().deaths;
                return ensure(deaths < DEATHS_MAX, || format!("{generation} is worked on after {deaths} deaths"));
            }
            Fact::Committed(Change::EndGeneration { id, ending, .. }) => {
                let life = self.of.remove(id).unwrap_or_default();
                return ensure(!gives_up(ending) || life.deaths >= DEATHS_MAX, || {
                    format!("{id} was given up after {} deaths", life.deaths)
                });
            }
            _ => {}
        }
        Ok(())
    }
}

/// Work is over, its children with it, before its folder goes: or they would write into a folder that is not there.
#[derive(Default)]
pub(super) struct WorkEndsBeforeItsFolder {
    works: BTreeSet<GenerationId>,
}

impl Checker for WorkEndsBeforeItsFolder {
    fn name(&self) -> &'static str {
        "work_ends_before_its_folder"
    }

    fn saw(&mut self, _at: Moment, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::WorkBegan { generation, .. } => _ = self.works.insert(*generation),
            Fact::WorkEnded { generation, .. } => _ = self.works.remove(generation),
            Fact::FolderDropped { generation } => {
                let over = !self.works.contains(generation);
                return ensure(over, || format!("the folder of {generation} went while it was at work"));
            }
            _ => {}
        }
        Ok(())
    }
}

fn gives_up(ending: &Ending) -> bool {
    matches!(ending, Ending::Failed(Failure { code, error }) if *code == GENERATION_PIPELINE_FAILED && error.contains("given up"))
}
