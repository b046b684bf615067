//! Nouns and rules of postsync: pure state machines, schedule, error codes, canonical JSON.
