//! `/v2/generations`: lists and counts; what becomes of one that has ended.
pub(crate) mod count;
pub(crate) mod list;
pub(crate) mod one;
