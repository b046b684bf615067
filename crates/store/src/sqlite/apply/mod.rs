//! Each change as SQL. A fence is a condition of the statement itself: where it changes no row, the list is stale.
//!
//! Order matters for cost: the conditional statement of a change comes first, so that a list that opens with a stale fence
//! has written nothing and needs no savepoint.
mod access;
pub(super) mod assets;
pub(super) mod audit;
mod batches;
mod counts;
mod deliveries;
mod endpoints;
mod feed;
pub(super) mod forget;
pub(super) mod generations;
pub(super) mod holds;
pub(super) mod idempotency;
pub(super) mod listeners;
mod parking;
pub(super) mod projects;
mod relays;
mod replays;
mod secrets;
pub(super) mod speech_jobs;
pub(super) mod voices;

use std::collections::BTreeMap;

use postsync_core::change::Change;
use postsync_core::ids::{EventId, OrgId};
use postsync_engine::ports::StoreError;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Result as SqlResult};

use crate::refusal::Refusal;
use crate::vault::Vault;
use counts::Counts;
use deliveries::Start;

/// Lists of changes inside one transaction.
pub(super) struct Unit<'c> {
    conn: &'c Connection,
    vault: &'c Vault,
    /// What was prepared once is at hand for the rest of the commit: to ask the connection's cache for each of a dozen
    /// statements costs as much as some of them.
    at_hand: Vec<(&'static str, CachedStatement<'c>)>,
    /// The last place given in each feed that this commit has touched; written back by [`Unit::finish`].
    feeds: BTreeMap<OrgId, i64>,
    /// The feeds in which this list has given places, once for each place.
    given: Vec<OrgId>,
    /// What this commit moves of the counts; written back by [`Unit::finish`].
    counts: Counts,
    /// The event that this list has just added: its delivery need not look for it.
    added_event: Option<EventId>,
}

impl<'c> Unit<'c> {
    pub(super) fn new(conn: &'c Connection, vault: &'c Vault) -> Self {
        let (feeds, counts) = (BTreeMap::new(), Counts::default());
        Self { conn, vault, at_hand: Vec::new(), feeds, given: Vec::new(), counts, added_event: None }
    }

    /// Writes one list. Where it refuses, what it had written until then still stands: the caller takes it back.
    pub(super) fn list(&mut self, changes: &[Change]) -> Result<(), Refusal> {
        self.added_event = None;
        self.given.clear();
        let written = self.changes(changes);
        match written {
            Ok(()) => self.counts.keep(),
            Err(_) => {
                self.take_back_places();
                self.counts.take_back();
            }
        }
        written
    }

    fn changes(&mut self, changes: &[Change]) -> Result<(), Refusal> {
        let mut rest = changes;
        while let Some((first, behind)) = rest.split_first() {
            rest = match (first, behind.first()) {
                // Made and started in one commit, as the dispatcher does when it has a free slot: one row instead of
                // a row that is moved at once.
                (
                    Change::AddDelivery(delivery),
                    Some(Change::StartAttempt { delivery: id, attempt, step, started_at }),
                ) if delivery.id == *id && deliveries::starts_at_once(delivery, *attempt) => {
                    let start = Start { attempt: *attempt, step: *step, at: *started_at };
                    self.add_delivery(delivery, Some(start))?;
                    &behind[1..]
                }
                _ => {
                    self.change(first)?;
                    behind
                }
            };
        }
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::AddGeneration(generation) => self.add_generation(generation),
            Change::StartGeneration { id, tries, at } => self.start_generation(*id, *tries, *at),
            Change::ReleaseGeneration { id, tries, at } => self.release_generation(*id, *tries, *at),
            Change::EndGeneration { id, tries, at, ending } => self.end_generation(*id, *tries, *at, ending),
            Change::Relay(change) => self.relay(change),
            Change::Batch(change) => self.batch(change),
            Change::RemoveGeneration { org, id } => self.remove_generation(org, *id),
            Change::AddEvent(event) => self.add_event(event),
            Change::AddDelivery(delivery) => self.add_delivery(delivery, None),
            Change::Park(parking) => self.park(parking),
            Change::Unpark { id, attempts } => self.unpark(*id, *attempts),
            Change::WaitOn { id, attempts, expires_at } => self.wait_on(*id, *attempts, *expires_at),
            Change::Exhaust { id, attempts, at, reason } => self.exhaust(*id, *attempts, *at, *reason),
            Change::ExhaustPending { id, at, reason } => self.exhaust_pending(*id, *at, *reason),
            Change::StartProbe { delivery, attempt, step, started_at } => {
                self.unpark(*delivery, attempt.saturating_sub(1))?;
                self.start_attempt(*delivery, Start { attempt: *attempt, step: *step, at: *started_at })
            }
            Change::StartAttempt { delivery, attempt, step, started_at } => {
                self.start_attempt(*delivery, Start { attempt: *attempt, step: *step, at: *started_at })
            }
            Change::SettleAttempt(settlement) => self.settle_attempt(settlement),
            Change::AddReplay(replay) => self.add_replay(replay),
            Change::AdvanceReplay(step) => self.advance_replay(step),
            Change::MarkReplayed { id, before, at } => self.mark_replayed(*id, *before, *at),
            Change::CommitCursor { org, consumer, seq, at } => self.commit_cursor(org, consumer, *seq, *at),
            Change::Listener(change) => self.change_listener(change),
            Change::AddEndpoint(endpoint) => self.add_endpoint(endpoint),
            Change::ChangeEndpoint(endpoint) => self.change_endpoint(endpoint),
            Change::RemoveEndpoint { org, id } => self.remove_endpoint(org, id),
            Change::AddAsset(asset) => self.add_asset(asset),
            Change::Asset(change) => self.asset_change(change),
            Change::Project(change) => self.change_project(change),
            Change::Voice(change) => self.change_voice(change),
            Change::SpeechJob(change) => self.change_speech_job(change),
            Change::ForgetDeliveries(ids) => self.forget_deliveries(ids),
            Change::ForgetEvents(ids) => self.forget_events(ids),
            Change::ForgetReplays { before, limit } => self.forget_replays(*before, *limit),
            Change::ForgetAssets(ids) => self.forget_assets(ids),
            Change::RemovedOutputs { before } => self.removed_outputs(*before),
            Change::AddOrganization(organization) => self.add_organization(organization),
            Change::AddKey(key) => self.add_key(key),
            Change::RevokeKey { id, at } => self.revoke_key(*id, *at),
            Change::SetSecrets { was, now } => self.set_secrets(*was, now),
            Change::Audit(change) => self.audit(change),
            Change::Idempotency(change) => self.change_idempotency(change),
            Change::Access(change) => self.change_access(change),
            Change::Hold(change) => self.change_hold(change),
        }
    }

    /// What new things are sealed with. Refused where the master key was changed since this process has opened the database,
    /// or is being changed: what was sealed under the old one now, nobody could read later.
    fn live_vault(&mut self) -> Result<&'c Vault, Refusal> {
        let live = "SELECT count(*) FROM vault WHERE place = 'next' OR key_id <> ?1";
        match self.one(live, [self.vault.key_id()])? {
            Some(0) => Ok(self.vault),
            _ => Err(Refusal::Failed(StoreError::Key("the master key was changed meanwhile: start again".to_owned()))),
        }
    }

    /// Moves a row that nobody reads: proof that the disk takes writes.
    pub(super) fn touch(&mut self) -> Result<(), Refusal> {
        self.run("UPDATE counters SET value = value + 1 WHERE name = 'checks'", [])?;
        Ok(())
    }

    /// To be called before the commit.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        self.write_feeds()?;
        self.write_counts()
    }

    fn run(&mut self, sql: &'static str, params: impl Params) -> SqlResult<usize> {
        self.statement(sql)?.execute(params)
    }

    /// A statement that must change a row.
    fn fenced(&mut self, sql: &'static str, params: impl Params) -> Result<(), Refusal> {
        match self.run(sql, params)? {
            0 => Err(Refusal::Stale),
            _ => Ok(()),
        }
    }

    fn one(&mut self, sql: &'static str, params: impl Params) -> SqlResult<Option<i64>> {
        self.statement(sql)?.query_row(params, |row| row.get(0)).optional()
    }

    fn statement(&mut self, sql: &'static str) -> SqlResult<&mut CachedStatement<'c>> {
        // By address: one text that stands at two addresses is only prepared twice.
        let known = self.at_hand.iter().position(|(text, _)| std::ptr::eq(*text, sql));
        let place = match known {
            Some(place) => place,
            None => {
                self.at_hand.push((sql, self.conn.prepare_cached(sql)?));
                self.at_hand.len() - 1
            }
        };
        Ok(&mut self.at_hand[place].1)
    }
}
