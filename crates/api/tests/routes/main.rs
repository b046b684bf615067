//! The API as clients see it: a real engine on the store in memory, asked over its router. Folders mirror URLs.
mod harness;
mod hostile;
mod openapi;
mod postsync;
mod server;
mod v2;
