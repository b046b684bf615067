//! Listeners.
use async_trait::async_trait;
use postsync_core::ids::{EventId, ListenerName, OrgId};
use postsync_core::limits::{LISTENER_IDLE_MS, LISTENER_QUEUE_MAX, LISTENERS_MAX};
use postsync_core::listener::{Listener, ListenerChange, Passed};
use postsync_core::time::Timestamp;
use postsync_engine::ports::{ListenerStore, Queued, StoreError};

use super::Memory;
use super::tables::Tables;
use crate::refusal::Refusal;

#[async_trait]
impl ListenerStore for Memory {
    async fn listeners(&self, org: &OrgId) -> Result<Vec<Listener>, StoreError> {
        Ok(self.tables().listeners.values().filter(|listener| listener.org == *org).cloned().collect())
    }

    async fn listener(&self, org: &OrgId, name: &ListenerName) -> Result<Option<Listener>, StoreError> {
        Ok(self.tables().listeners.get(&(org.clone(), name.clone())).cloned())
    }

    async fn listener_queue(&self, org: &OrgId, name: &ListenerName, limit: usize) -> Result<Vec<Queued>, StoreError> {
        let tables = self.tables();
        Ok(tables.queued(org, name).take(limit).map(|(_, _, id)| (*id, tables.events.get(id).cloned())).collect())
    }
}

impl Tables {
    pub(super) fn change_listener(&mut self, change: ListenerChange) -> Result<(), Refusal> {
        match change {
            ListenerChange::Seat(listener) => self.seat(*listener),
            ListenerChange::Pass { org, name, what, answered, at } => {
                let key = (org, name);
                let found = self.listeners.get(&key).ok_or(Refusal::Stale)?.clone();
                let seq = match what {
                    Passed::Place(seq) => found.seq.max(seq),
                    Passed::Queued(_) | Passed::Again => found.seq,
                };
                if let Passed::Queued(event) = what {
                    self.listener_queue.remove(&(key.0.clone(), key.1.clone(), event));
                }
                let answered = answered.or(found.answered);
                self.listeners.put(key, Listener { seq, answered, seen_at: at, ..found });
                Ok(())
            }
            ListenerChange::Queue { org, event, kind } => {
                let of_org =
                    self.listeners.values().filter(|listener| listener.org == org && listener.events.takes(kind));
                let names: Vec<ListenerName> = of_org.map(|listener| listener.name.clone()).collect();
                for name in names {
                    if self.queued(&org, &name).count() < LISTENER_QUEUE_MAX {
                        self.listener_queue.put((org.clone(), name, event), ());
                    }
                }
                Ok(())
            }
        }
    }

    fn queued(&self, org: &OrgId, name: &ListenerName) -> impl Iterator<Item = &(OrgId, ListenerName, EventId)> {
        let at = |event| (org.clone(), name.clone(), EventId(event));
        self.listener_queue.range(at(i64::MIN)..=at(i64::MAX)).map(|(key, ())| key)
    }

    fn seat(&mut self, new: Listener) -> Result<(), Refusal> {
        let key = (new.org.clone(), new.name.clone());
        let seated = match self.listeners.get(&key).cloned() {
            Some(known) => Listener { created_at: known.created_at, answered: known.answered, ..new },
            None if self.has_room_for_a_listener(&key.0, new.seen_at) => Listener { answered: None, ..new },
            None => return Err(Refusal::Stale),
        };
        self.listeners.put(key, seated);
        Ok(())
    }

    fn has_room_for_a_listener(&mut self, org: &OrgId, now: Timestamp) -> bool {
        let of_org: Vec<Listener> = self.listeners.values().filter(|listener| listener.org == *org).cloned().collect();
        if of_org.len() < LISTENERS_MAX {
            return true;
        }
        let idle_since = now.0.saturating_sub(LISTENER_IDLE_MS);
        let idle: Vec<Listener> = of_org.into_iter().filter(|listener| listener.seen_at.0 < idle_since).collect();
        for listener in &idle {
            self.listeners.remove(&(org.clone(), listener.name.clone()));
            let queued: Vec<_> = self.queued(org, &listener.name).cloned().collect();
            queued.iter().for_each(|key| self.listener_queue.remove(key));
        }
        !idle.is_empty()
    }
}
