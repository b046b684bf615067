//! `multipart/form-data` as the SDKs, browsers and curl really send it: chunked, with rubbish for file names and content
//! types. Read as a stream with a buffer of bounded size; files go to disk as they come.
mod batch;
mod create;
mod head;
mod parts;
mod uploads;

pub(crate) use batch::{BatchForm, read_batch};
pub(crate) use create::{FormRules, read};
pub(crate) use uploads::{Arrived, Incoming, Slot, Upload};
