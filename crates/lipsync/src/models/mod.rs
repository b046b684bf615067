//! The packaged networks and the canonical face, embedded in the binary.
//!
//! Owns the bytes and their decoding; [`Network`] is the seam behind which another runtime than rten could be put. Loading fails only if
//! the build embedded something else than it should have, so it is a [`Error::Pipeline`] and not worth retrying.
//! Where the files come from and under which licence: `models/NOTICE`.

mod canon;
mod dense;
mod network;

pub(crate) use canon::{Canon, LANDMARKS, Vec3};
pub(crate) use dense::Dense;
pub(crate) use network::{Network, RtenNetwork};

use crate::Error;

static FACE_FULL_RANGE: &[u8] = include_bytes!("../../models/face_detection_full_range.onnx");
static FACE_SHORT_RANGE: &[u8] = include_bytes!("../../models/face_detection_short_range.onnx");
static FACE_LANDMARK: &[u8] = include_bytes!("../../models/face_landmark.onnx");
static VISEME: &[u8] = include_bytes!("../../models/viseme.bin");
static CANON: &[u8] = include_bytes!("../../models/canon.bin");

/// Side of the square that the full-range detector takes, in pixels.
pub(crate) const FULL_RANGE_SIDE: usize = 192;
/// Side of the square that the short-range detector takes, in pixels.
pub(crate) const SHORT_RANGE_SIDE: usize = 128;
/// Side of the square that the landmark network takes, in pixels.
pub(crate) const LANDMARK_SIDE: usize = 192;

/// BlazeFace full range: RGB in -1..1; out 2304 x 16 boxes and 2304 logits.
pub(crate) fn face_full_range() -> Result<Box<dyn Network>, Error> {
    Ok(Box::new(RtenNetwork::load(FACE_FULL_RANGE, FULL_RANGE_SIDE)?))
}

/// BlazeFace short range: RGB in -1..1; out 896 x 16 boxes and 896 logits.
pub(crate) fn face_short_range() -> Result<Box<dyn Network>, Error> {
    Ok(Box::new(RtenNetwork::load(FACE_SHORT_RANGE, SHORT_RANGE_SIDE)?))
}

/// Face mesh: RGB in 0..1; out 468 x 3 points in pixels of the crop and one logit.
pub(crate) fn face_landmark() -> Result<Box<dyn Network>, Error> {
    Ok(Box::new(RtenNetwork::load(FACE_LANDMARK, LANDMARK_SIDE)?))
}

/// 338 stacked features in, 16 viseme logits out.
pub(crate) fn viseme() -> Result<Dense, Error> {
    Dense::parse(VISEME).ok_or_else(|| Error::pipeline("the embedded viseme network is damaged"))
}

/// The canonical face.
pub(crate) fn canon() -> Result<Canon, Error> {
    Canon::parse(CANON).ok_or_else(|| Error::pipeline("the embedded canonical face is damaged"))
}

/// Reads little-endian numbers off the front of a slice; `None` when it is too short.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn u32(&mut self) -> Option<usize> {
        let b = self.bytes(4)?;
        Some(u32::from_le_bytes(b.try_into().ok()?) as usize)
    }

    fn f32s(&mut self, n: usize) -> Option<Vec<f32>> {
        let b = self.bytes(n.checked_mul(4)?)?;
        Some(b.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect())
    }
}
