//! `/v2/generate`: make a generation, read one.
pub(crate) mod create;
pub(crate) mod get;
pub(super) mod keyed;
mod submit;
