//! `/v2/generations`
mod count;
mod list;
mod one;
