//! Who is signed in. In memory: a restart signs everybody out, and nothing of it is ever on disk.
//!
//! Promise: a session is known by the hash of a text that only its browser has; it ends with its age, with its key and when its
//! owner signs out. There is a bounded number of them, and of one key: whoever signs in again and again ends his own oldest one.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postsync_core::access::key_hash;

/// How long one lasts, however busy it is.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// All of them.
const SESSIONS_MAX: usize = 4_096;

/// Of one key.
const SESSIONS_OF_KEY_MAX: usize = 32;

/// One browser that is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The hash of the key that it was begun with.
    pub(crate) key: [u8; 32],
    /// What each form of it carries.
    pub(crate) csrf: String,
    /// When it began, by the clock that never steps.
    began: Duration,
}

/// Those that last.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

impl Sessions {
    /// Begins one under that text.
    pub(crate) fn begin(&self, text: &str, key: [u8; 32], csrf: String, now: Duration) {
        let mut all = self.all();
        all.retain(|_, session| !session.is_over(now));
        let of_key = all.values().filter(|session| session.key == key).count();
        if of_key >= SESSIONS_OF_KEY_MAX {
            end_oldest(&mut all, |session| session.key == key);
        } else if all.len() >= SESSIONS_MAX {
            end_oldest(&mut all, |_| true);
        }
        all.insert(key_hash(text), Session { key, csrf, began: now });
    }

    /// The one of that text.
    pub(crate) fn find(&self, text: &str, now: Duration) -> Option<Session> {
        self.all().get(&key_hash(text)).filter(|session| !session.is_over(now)).cloned()
    }

    /// Ends it.
    pub(crate) fn end(&self, text: &str) {
        self.all().remove(&key_hash(text));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= AGE_MAX
    }
}

fn end_oldest(all: &mut HashMap<[u8; 32], Session>, of: impl Fn(&Session) -> bool) {
    let oldest = all.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.began);
    if let Some(id) = oldest.map(|(id, _)| *id) {
        all.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn one_lasts_its_time_and_no_longer() {
        let sessions = Sessions::default();
        sessions.begin("a", [1; 32], "token".to_owned(), at(10));
        assert_eq!(sessions.find("a", at(10)).unwrap().csrf, "token");
        assert!(sessions.find("b", at(10)).is_none());
        assert!(sessions.find("a", at(10) + AGE_MAX).is_none());
        sessions.end("a");
        assert!(sessions.find("a", at(10)).is_none());
    }

    #[test]
    fn a_key_ends_its_own_oldest_and_nobody_elses() {
        let sessions = Sessions::default();
        sessions.begin("other", [2; 32], String::new(), at(0));
        for n in 0..=SESSIONS_OF_KEY_MAX {
            sessions.begin(&n.to_string(), [1; 32], String::new(), at(1 + n as u64));
        }
        assert!(sessions.find("0", at(50)).is_none() && sessions.find("1", at(50)).is_some());
        assert!(sessions.find("other", at(50)).is_some());
    }

    #[test]
    fn there_are_so_many_at_most() {
        let sessions = Sessions::default();
        for n in 0..=SESSIONS_MAX {
            sessions.begin(&n.to_string(), key_hash(&n.to_string()), String::new(), at(n as u64 / 100));
        }
        assert_eq!(sessions.all().len(), SESSIONS_MAX);
    }
}
