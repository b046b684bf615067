//! What the memory store holds, and how a list of changes moves it.
//!
//! Each change checks its own fence against what the changes before it in the list have made; whoever calls rolls the
//! whole state back where one refuses.
use postsync_core::access::{ApiKey, Organization};
use postsync_core::asset::Asset;
use postsync_core::attempt::Attempt;
use postsync_core::batch::Batch;
use postsync_core::change::{Change, Parking, Settlement};
use postsync_core::delivery::{Delivery, ExhaustedReason, State as DeliveryState};
use postsync_core::endpoint::Endpoint;
use postsync_core::event::Event;
use postsync_core::feed::{Seq, Span};
use postsync_core::generation::{Generation, State};
use postsync_core::idempotency::{IdempotencyKey, UsedKey};
use postsync_core::ids::{
    AssetId, BatchId, ConsumerName, DeliveryId, EndpointId, EventId, GenerationId, KeyId, ListenerName, OrgId,
    ProjectId, ReplayId, SecretId, SpeechJobId,
};
use postsync_core::listener::Listener;
use postsync_core::parking::Lane;
use postsync_core::project::Project;
use postsync_core::relay::Relay;
use postsync_core::replay::Replay;
use postsync_core::rotation::{Places, SecretOwner, Signing};
use postsync_core::rule;
use postsync_core::speech_job::SpeechJob;
use postsync_core::time::Timestamp;
use postsync_core::voice::{ClonedVoice, VoiceTag};

use super::audit::Kept;
use super::feed::Consumer;
use super::table::Table;
use crate::refusal::{Refusal, duplicate};

/// A delivery, and whether its last attempt is open.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) delivery: Delivery,
    pub(super) open: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) generations: Table<GenerationId, Generation>,
    pub(super) batches: Table<BatchId, Batch>,
    pub(super) events: Table<EventId, Event>,
    pub(super) feeds: Table<OrgId, Span>,
    pub(super) places: Table<(OrgId, Seq), EventId>,
    pub(super) consumers: Table<(OrgId, ConsumerName), Consumer>,
    pub(super) listeners: Table<(OrgId, ListenerName), Listener>,
    pub(super) listener_queue: Table<(OrgId, ListenerName, EventId), ()>,
    pub(super) deliveries: Table<DeliveryId, Row>,
    pub(super) due: Table<(Timestamp, DeliveryId), ()>,
    pub(super) parked: Table<DeliveryId, Parking>,
    pub(super) lanes: Table<(Lane, DeliveryId), ()>,
    pub(super) attempts: Table<(DeliveryId, u32), Attempt>,
    pub(super) relays: Table<GenerationId, Relay>,
    pub(super) replays: Table<ReplayId, Replay>,
    /// When each delivery was last replayed.
    pub(super) replayed: Table<DeliveryId, Timestamp>,
    pub(super) endpoints: Table<(OrgId, EndpointId), Endpoint>,
    pub(super) assets: Table<AssetId, Asset>,
    /// Those that were removed while their upload URL works.
    pub(super) removed_assets: Table<AssetId, ()>,
    pub(super) projects: Table<(OrgId, ProjectId), Project>,
    pub(super) project_assets: Table<(OrgId, ProjectId, AssetId), ()>,
    pub(super) speech_jobs: Table<SpeechJobId, SpeechJob>,
    pub(super) voices: Table<VoiceTag, ClonedVoice>,
    pub(super) organizations: Table<OrgId, Organization>,
    pub(super) keys: Table<KeyId, ApiKey>,
    pub(super) signing: Table<SecretOwner, Signing>,
    /// Whose each secret is.
    pub(super) secrets: Table<SecretId, SecretOwner>,
    /// The videos that were kept before that time are gone.
    pub(super) removed_outputs: Table<(), Timestamp>,
    pub(super) held: Table<(OrgId, GenerationId), ()>,
    pub(super) audit: Table<(OrgId, GenerationId), Kept>,
    pub(super) used_keys: Table<(OrgId, IdempotencyKey), UsedKey>,
}

/// Runs one method on every table: what is forgotten here is not taken back.
macro_rules! each {
    ($tables:ident, $method:ident) => {{
        $tables.generations.$method();
        $tables.batches.$method();
        $tables.events.$method();
        $tables.feeds.$method();
        $tables.places.$method();
        $tables.consumers.$method();
        $tables.deliveries.$method();
        $tables.due.$method();
        $tables.parked.$method();
        $tables.lanes.$method();
        $tables.attempts.$method();
        $tables.relays.$method();
        $tables.replays.$method();
        $tables.replayed.$method();
        $tables.endpoints.$method();
        $tables.assets.$method();
        $tables.removed_assets.$method();
        $tables.projects.$method();
        $tables.project_assets.$method();
        $tables.speech_jobs.$method();
        $tables.listeners.$method();
        $tables.listener_queue.$method();
        $tables.voices.$method();
        $tables.organizations.$method();
        $tables.keys.$method();
        $tables.signing.$method();
        $tables.secrets.$method();
        $tables.removed_outputs.$method();
        $tables.held.$method();
        $tables.audit.$method();
        $tables.used_keys.$method();
    }};
}

impl Tables {
    /// All of it, or nothing.
    pub(super) fn apply(&mut self, changes: Vec<Change>) -> Result<(), Refusal> {
        let done = changes.into_iter().try_for_each(|change| self.change(change));
        match done {
            Ok(()) => each!(self, commit),
            Err(_) => each!(self, rollback),
        }
        done
    }

    fn change(&mut self, change: Change) -> Result<(), Refusal> {
        match change {
            Change::AddGeneration(generation) => self.add_generation(*generation),
            Change::StartGeneration { id, tries, at } => {
                let fits = |g: &Generation| !g.is_final() && g.tries.checked_add(1) == Some(tries);
                self.move_generation(id, fits, at, tries, State::Processing)
            }
            Change::ReleaseGeneration { id, tries, at } => {
                let fits = |g: &Generation| g.state == State::Processing && g.tries == tries;
                self.move_generation(id, fits, at, tries.saturating_sub(1), State::Pending)
            }
            Change::EndGeneration { id, tries, at, ending } => {
                let fits = |g: &Generation| (!g.is_final() && g.tries == tries) || !rule::holds("the_end_is_fenced");
                self.move_generation(id, fits, at, tries, State::Ended(at, ending))?;
                self.waits_no_more(id);
                Ok(())
            }
            Change::Relay(change) => self.change_relay(change),
            Change::Batch(change) => self.batch(change),
            Change::RemoveGeneration { org, id } => self.remove_generation(&org, id),
            Change::AddEvent(event) => self.add_event(*event),
            Change::AddDelivery(delivery) => self.add_delivery(*delivery),
            Change::Park(parking) => self.park(*parking),
            Change::Unpark { id, attempts } => {
                self.parked_after(id, attempts)?;
                self.unpark(id).map(|_| ())
            }
            Change::WaitOn { id, attempts, expires_at } => self.wait_on(id, attempts, expires_at),
            Change::Exhaust { id, attempts, at, reason } => {
                self.parked_after(id, attempts)?;
                self.exhaust(id, at, reason)
            }
            Change::ExhaustPending { id, at, reason } => self.exhaust_pending(id, at, reason),
            Change::StartProbe { delivery, attempt, step, started_at } => {
                let _ = self.unpark(delivery)?;
                self.start_attempt(Attempt { delivery, attempt, step, started_at, end: None })
            }
            Change::StartAttempt { delivery, attempt, step, started_at } => {
                self.start_attempt(Attempt { delivery, attempt, step, started_at, end: None })
            }
            Change::SettleAttempt(settlement) => self.settle_attempt(*settlement),
            Change::ForgetReplays { before, limit } => self.forget_replays(before, limit),
            Change::AddReplay(replay) => self.add_replay(*replay),
            Change::AdvanceReplay(step) => self.advance_replay(&step),
            Change::MarkReplayed { id, before, at } => self.mark_replayed(id, before, at),
            Change::CommitCursor { org, consumer, seq, at } => self.commit_cursor(org, consumer, seq, at),
            Change::AddEndpoint(endpoint) => self.add_endpoint(*endpoint),
            Change::ChangeEndpoint(endpoint) => self.change_endpoint(*endpoint),
            Change::RemoveEndpoint { org, id } => self.remove_endpoint(org, id),
            Change::AddAsset(asset) => self.add_asset(*asset),
            Change::Asset(change) => self.asset_change(change),
            Change::Project(change) => self.change_project(change),
            Change::Listener(change) => self.change_listener(change),
            Change::Voice(change) => self.change_voice(change),
            Change::SpeechJob(change) => self.change_speech_job(change),
            Change::ForgetDeliveries(ids) => self.forget_deliveries(&ids),
            Change::ForgetEvents(ids) => self.forget_events(&ids),
            Change::ForgetAssets(ids) => self.forget_assets(&ids),
            Change::RemovedOutputs { before } => self.removed_outputs_before(before),
            Change::AddOrganization(organization) => self.add_organization(organization),
            Change::AddKey(key) => self.add_key(*key),
            Change::RevokeKey { id, at } => self.revoke_key(id, at),
            Change::SetSecrets { was, now } => self.set_secrets(was, *now),
            Change::Audit(change) => self.change_audit(change),
            Change::Idempotency(change) => self.change_idempotency(change),
            Change::Access(change) => self.change_access(&change),
            Change::Hold(change) => self.change_hold(change),
        }
    }

    fn add_generation(&mut self, generation: Generation) -> Result<(), Refusal> {
        if self.generations.contains(&generation.id) {
            return Err(duplicate("generation"));
        }
        self.generations.put(generation.id, generation);
        Ok(())
    }

    fn move_generation(
        &mut self,
        id: GenerationId,
        fits: impl Fn(&Generation) -> bool,
        at: Timestamp,
        tries: u32,
        state: State,
    ) -> Result<(), Refusal> {
        let found = self.generations.get(&id).filter(|g| fits(g)).ok_or(Refusal::Stale)?;
        let moved = Generation { tries, updated_at: at, state, ..found.clone() };
        self.generations.put(id, moved);
        Ok(())
    }

    fn add_event(&mut self, event: Event) -> Result<(), Refusal> {
        if self.events.contains(&event.id) {
            return Err(duplicate("event"));
        }
        self.give_place(&event);
        self.events.put(event.id, event);
        Ok(())
    }

    fn add_delivery(&mut self, delivery: Delivery) -> Result<(), Refusal> {
        if self.deliveries.contains(&delivery.id) {
            return Err(duplicate("delivery"));
        }
        if !self.events.contains(&delivery.event) {
            return Err(Refusal::no_event());
        }
        if let DeliveryState::Due(at) = delivery.state {
            self.due.put((at, delivery.id), ());
        }
        self.deliveries.put(delivery.id, Row { delivery, open: false });
        Ok(())
    }

    fn park(&mut self, parking: Parking) -> Result<(), Refusal> {
        let fits = |row: &&Row| !row.open && row.delivery.attempts == parking.attempts;
        let row = self.deliveries.get(&parking.id).filter(fits).ok_or(Refusal::Stale)?;
        let DeliveryState::Due(at) = row.delivery.state else { return Err(Refusal::Stale) };
        let state = DeliveryState::Parked(at, parking.reason);
        let delivery = Delivery { state, ..row.delivery.clone() };
        self.due.remove(&(at, parking.id));
        self.deliveries.put(parking.id, Row { delivery, open: false });
        self.lanes.put((parking.lane.clone(), parking.id), ());
        self.parked.put(parking.id, parking);
        Ok(())
    }

    /// Its time as it was.
    fn unpark(&mut self, id: DeliveryId) -> Result<Timestamp, Refusal> {
        let lane = self.parked.get(&id).ok_or(Refusal::Stale)?.lane.clone();
        let row = self.deliveries.get(&id).ok_or(Refusal::Stale)?;
        let DeliveryState::Parked(at, _) = row.delivery.state else { return Err(Refusal::Stale) };
        let delivery = Delivery { state: DeliveryState::Due(at), ..row.delivery.clone() };
        self.parked.remove(&id);
        self.lanes.remove(&(lane, id));
        self.due.put((at, id), ());
        self.deliveries.put(id, Row { delivery, open: false });
        Ok(at)
    }

    fn parked_after(&self, id: DeliveryId, attempts: u32) -> Result<&Parking, Refusal> {
        let row = self.deliveries.get(&id).filter(|row| row.delivery.attempts == attempts);
        row.and_then(|_| self.parked.get(&id)).ok_or(Refusal::Stale)
    }

    fn wait_on(&mut self, id: DeliveryId, attempts: u32, expires_at: Timestamp) -> Result<(), Refusal> {
        let parking = Parking { expires_at, ..self.parked_after(id, attempts)?.clone() };
        self.parked.put(id, parking);
        Ok(())
    }

    fn exhaust(&mut self, id: DeliveryId, at: Timestamp, reason: ExhaustedReason) -> Result<(), Refusal> {
        let _ = self.unpark(id)?;
        self.exhaust_due(id, at, reason)
    }

    fn exhaust_pending(&mut self, id: DeliveryId, at: Timestamp, reason: ExhaustedReason) -> Result<(), Refusal> {
        if self.parked.contains(&id) { self.exhaust(id, at, reason) } else { self.exhaust_due(id, at, reason) }
    }

    fn exhaust_due(&mut self, id: DeliveryId, at: Timestamp, reason: ExhaustedReason) -> Result<(), Refusal> {
        let row = self.deliveries.get(&id).filter(|row| !row.open).ok_or(Refusal::Stale)?;
        let DeliveryState::Due(due_at) = row.delivery.state else { return Err(Refusal::Stale) };
        self.due.remove(&(due_at, id));
        let delivery = Delivery { state: DeliveryState::Exhausted(at, reason), ..row.delivery.clone() };
        self.deliveries.put(id, Row { delivery, open: false });
        Ok(())
    }

    fn start_attempt(&mut self, attempt: Attempt) -> Result<(), Refusal> {
        let id = attempt.delivery;
        let row = self.deliveries.get(&id).ok_or(Refusal::Stale)?;
        let due = matches!(row.delivery.state, DeliveryState::Due(_));
        let fits = due && !row.open && row.delivery.attempts.checked_add(1) == Some(attempt.attempt);
        if !fits && rule::holds("a_start_is_fenced") {
            return Err(Refusal::Stale);
        }
        let delivery = Delivery { attempts: attempt.attempt, ..row.delivery.clone() };
        self.deliveries.put(id, Row { delivery, open: true });
        self.attempts.put((id, attempt.attempt), attempt);
        Ok(())
    }

    fn settle_attempt(&mut self, settlement: Settlement) -> Result<(), Refusal> {
        let Settlement { delivery: id, attempt, end, step, interrupted, state } = settlement;
        let fits = |row: &&Row| (row.open && row.delivery.attempts == attempt) || !rule::holds("an_outcome_is_fenced");
        let row = self.deliveries.get(&id).filter(fits);
        let row = row.ok_or(Refusal::Stale)?;
        let delivery = Delivery { step, interrupted, state, ..row.delivery.clone() };
        if let DeliveryState::Due(at) = row.delivery.state {
            self.due.remove(&(at, id));
        }
        if let DeliveryState::Due(at) = state {
            self.due.put((at, id), ());
        }
        self.deliveries.put(id, Row { delivery, open: false });
        let started = self.attempts.get(&(id, attempt)).ok_or(Refusal::Stale)?;
        let ended = Attempt { end: Some(end), ..started.clone() };
        self.attempts.put((id, attempt), ended);
        Ok(())
    }

    fn add_organization(&mut self, organization: Organization) -> Result<(), Refusal> {
        if self.organizations.contains(&organization.id) {
            return Err(Refusal::Stale);
        }
        self.organizations.put(organization.id.clone(), organization);
        Ok(())
    }

    pub(super) fn add_key(&mut self, key: ApiKey) -> Result<(), Refusal> {
        if self.keys.contains(&key.id) || self.keys.values().any(|other| other.hash == key.hash) {
            return Err(Refusal::Stale);
        }
        self.keys.put(key.id, key);
        Ok(())
    }

    fn revoke_key(&mut self, id: KeyId, at: Timestamp) -> Result<(), Refusal> {
        let key = self.keys.get(&id).filter(|key| key.revoked_at.is_none()).ok_or(Refusal::Stale)?;
        let revoked = ApiKey { revoked_at: Some(at), ..key.clone() };
        self.keys.put(id, revoked);
        Ok(())
    }

    fn set_secrets(&mut self, was: Option<Places>, now: Signing) -> Result<(), Refusal> {
        if self.signing.get(&now.owner).map(Signing::places) != was {
            return Err(Refusal::Stale);
        }
        let kept = was.map_or(vec![], Places::ids);
        let ids = now.places().ids();
        if ids.iter().any(|id| !kept.contains(id) && self.secrets.contains(id)) {
            return Err(duplicate("secret"));
        }
        kept.iter().for_each(|id| self.secrets.remove(id));
        ids.into_iter().for_each(|id| self.secrets.put(id, now.owner.clone()));
        self.signing.put(now.owner.clone(), now);
        Ok(())
    }
}
