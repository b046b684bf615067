//! `/postsync/v1/listeners`: who listens, and how to.
pub(in crate::routes) mod connect;
pub(in crate::routes) mod list;
