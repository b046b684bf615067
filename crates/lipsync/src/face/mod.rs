//! Finding a face and following it: detector, landmarks, head pose, tracks.
//!
//! Owns pass 1 of a job apart from the decoding. Coordinates are pixels of the frame, x right, y down, pixel centres at whole numbers;
//! landmark depth z is in pixels too, negative towards the viewer.

pub(crate) mod crop;
pub(crate) mod detect;
pub(crate) mod landmark;
pub(crate) mod pose;
pub(crate) mod select;
pub(crate) mod smooth;
pub(crate) mod topology;
pub(crate) mod track;

/// A point in the picture.
pub(crate) type Point = [f32; 2];
