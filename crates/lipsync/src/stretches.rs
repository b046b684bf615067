//! Stretches of a video that alone get new lips. All other frames keep their pixels, until the encoder sees them.

use serde::{Deserialize, Serialize};

use crate::Error;

/// A place that lies this much of a frame before one is that one: times are decimal fractions, frames are not.
const SLACK_FRAMES: f64 = 1e-3;

/// Each from its first place up to, and without, its second one; in any order, also over one another. What lies behind the video's end is
/// left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stretches {
    /// Seconds of the video.
    Seconds(Vec<[f64; 2]>),
    /// Frames as the video counts them, 0 the first one; where frames are left out or repeated (see [`crate::Limits::fps_max`]), that is
    /// another count than that of the result.
    Frames(Vec<[f64; 2]>),
}

impl Stretches {
    /// Which of `frames` frames, decoded at `fps` from a video that says `own_fps` of itself, are in one.
    ///
    /// # Errors
    /// [`Error::StretchesOutside`] if none is: whoever named them expects lips to move.
    pub(crate) fn frames(&self, frames: usize, fps: f64, own_fps: f64) -> Result<Vec<bool>, Error> {
        let (pairs, per_frame) = match self {
            Self::Seconds(pairs) => (pairs, fps),
            Self::Frames(pairs) => (pairs, fps / own_fps),
        };
        let mut within = vec![false; frames];
        for pair in pairs {
            // A cast takes a NaN for 0, and what is too large for the largest number.
            let [start, end] =
                pair.map(|place| ((place * per_frame - SLACK_FRAMES).ceil().max(0.0) as usize).min(frames));
            within[start..end.max(start)].fill(true);
        }
        if within.contains(&true) { Ok(within) } else { Err(Error::StretchesOutside { seconds: frames as f64 / fps }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stretches: &Stretches, frames: usize, fps: f64, own_fps: f64) -> String {
        let within = stretches.frames(frames, fps, own_fps).unwrap();
        within.iter().map(|within| if *within { 'x' } else { '.' }).collect()
    }

    #[test]
    fn a_stretch_ends_before_its_end() {
        let seconds = |pairs: &[[f64; 2]]| Stretches::Seconds(pairs.to_vec());
        let frames = |pairs: &[[f64; 2]]| Stretches::Frames(pairs.to_vec());
        assert_eq!(told(&seconds(&[[0.2, 0.5]]), 8, 10.0, 10.0), "..xxx...");
        assert_eq!(told(&frames(&[[2.0, 5.0]]), 8, 30_000.0 / 1001.0, 30_000.0 / 1001.0), "..xxx...");
        assert_eq!(told(&seconds(&[[0.6, 99.0], [0.1, 0.3], [0.2, 0.4]]), 8, 10.0, 10.0), ".xxx..xx");
        assert_eq!(told(&frames(&[[4.0, 12.0]]), 8, 60.0, 120.0), "..xxxx..", "every other frame is left out");
        assert_eq!(told(&frames(&[[1.0, 3.0]]), 8, 10.0, 5.0), "..xxxx..", "each frame is shown twice");
    }

    #[test]
    fn nothing_within_is_an_error() {
        for pairs in [vec![[0.8, 2.0]], vec![], vec![[f64::NAN, f64::NAN]], vec![[0.5, 0.2]], vec![[0.41, 0.45]]] {
            let outside = Stretches::Seconds(pairs.clone()).frames(8, 10.0, 10.0).unwrap_err();
            assert!(outside.to_string().contains("its first 0.800 seconds"), "{pairs:?}: {outside}");
        }
    }
}
