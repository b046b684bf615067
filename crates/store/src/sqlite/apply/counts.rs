//! How many generations of each organization are in each state: a count must not read a million rows.
//!
//! Moves are gathered while the lists of a commit are written, and each count is written once, before the commit. Triggers that
//! moved the counts row by row cost more than the rows' own indexes. What a refused list has moved is taken back.
use std::collections::BTreeMap;

use postsync_core::generation::Status;
use postsync_core::ids::OrgId;
use rusqlite::params;

use super::Unit;
use crate::refusal::Refusal;

const WRITE: &str = "INSERT INTO generation_counts (org, status, count) VALUES (?1, ?2, ?3)
    ON CONFLICT (org, status) DO UPDATE SET count = count + excluded.count";

/// What the counts move by with this commit.
#[derive(Default)]
pub(super) struct Counts {
    written: BTreeMap<OrgId, [i64; Status::ALL.len()]>,
    /// Of the list that is being written.
    of_list: Vec<(OrgId, Status, i64)>,
}

impl Counts {
    /// One of the organization's comes into that state.
    pub(super) fn comes(&mut self, org: &OrgId, status: Status) {
        self.of_list.push((org.clone(), status, 1));
    }

    /// One goes from one state to another.
    pub(super) fn moves(&mut self, org: &OrgId, from: Status, to: Status) {
        self.leaves(org, from);
        self.comes(org, to);
    }

    /// One is gone.
    pub(super) fn leaves(&mut self, org: &OrgId, status: Status) {
        self.of_list.push((org.clone(), status, -1));
    }

    /// The list was written.
    pub(super) fn keep(&mut self) {
        for (org, status, by) in self.of_list.drain(..) {
            let place = Status::ALL.iter().position(|one| *one == status);
            let counts = self.written.entry(org).or_default();
            if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                *count += by;
            }
        }
    }

    /// It was not.
    pub(super) fn take_back(&mut self) {
        self.of_list.clear();
    }
}

impl Unit<'_> {
    pub(super) fn write_counts(&mut self) -> Result<(), Refusal> {
        for (org, counts) in std::mem::take(&mut self.counts.written) {
            for (status, by) in Status::ALL.into_iter().zip(counts).filter(|(_, by)| *by != 0) {
                self.run(WRITE, params![org.as_str(), status.as_str(), by])?;
            }
        }
        Ok(())
    }
}
