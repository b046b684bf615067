//! `/v2/batch`: make a batch, read one, list them.
pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
mod records;
