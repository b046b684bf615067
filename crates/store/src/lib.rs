//! The only SQL of postsync: memory and SQLite behind one Store port.
