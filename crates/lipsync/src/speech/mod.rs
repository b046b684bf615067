//! Speech to mouth movement: features, viseme posteriors, articulation curves.
//!
//! Owns everything that is heard; knows nothing of pictures. Input is mono at 16 kHz, output one [`Pose`] per video frame.

mod articulation;
mod features;
mod filter;
mod viseme;

pub(crate) use articulation::{Articulation, Pose};
pub(crate) use features::{BANDS, Bands, Features, LogMel, RATE, SAMPLE_RATE, normalise};
pub(crate) use filter::{gaussian, interpolate, kernel, percentile};
pub(crate) use viseme::{BILABIAL, CLASSES, Posterior, SILENCE, posteriors};
