//! Which source frame is shown when, if picture and speech differ in length. Pure arithmetic.

use crate::{SyncMode, media::decode::FRAMES_ALL};

/// The order of frames in a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    mode: SyncMode,
    /// Frames that the source has; 1 for a still.
    pub(crate) source_frames: usize,
    /// Frames of the result.
    pub(crate) total: usize,
}

/// Frames that `seconds` of speech need.
pub(crate) fn frames_for(seconds: f64, fps: f64) -> usize {
    // The subtraction keeps 7.1 s * 25 from becoming 178 for the sake of a rounding error.
    ((seconds * fps - 1e-6).ceil() as usize).max(1)
}

/// How many source frames can be needed at all, for speech of `speech_frames`.
pub(crate) fn needed(mode: SyncMode, speech_frames: usize) -> usize {
    match mode {
        SyncMode::Bounce | SyncMode::Loop | SyncMode::CutOff => speech_frames,
        SyncMode::Silence | SyncMode::Remap => FRAMES_ALL,
    }
}

impl Plan {
    /// `source_frames` of a video (or 1) for speech of `speech_frames`.
    pub(crate) fn new(mode: SyncMode, source_frames: usize, still: bool, speech_frames: usize) -> Self {
        let total = match mode {
            _ if still => speech_frames,
            SyncMode::Bounce | SyncMode::Loop | SyncMode::Remap => speech_frames,
            SyncMode::CutOff => speech_frames.min(source_frames),
            SyncMode::Silence => speech_frames.max(source_frames),
        };
        Self { mode, source_frames, total }
    }

    /// The source frame shown in frame `k` of the result.
    pub(crate) fn source(&self, k: usize) -> usize {
        let m = self.source_frames;
        if m <= 1 {
            return 0;
        }
        match self.mode {
            SyncMode::Bounce => {
                // The turning points are shown once: a frame held twice reads as a stutter.
                let period = 2 * m - 2;
                let q = k % period;
                if q < m { q } else { period - q }
            }
            SyncMode::Loop => k % m,
            SyncMode::CutOff | SyncMode::Silence => k.min(m - 1),
            SyncMode::Remap => (2 * k + 1) * m / (2 * self.total),
        }
    }

    /// The first source frame that is ever shown backward; `None` if none is.
    pub(crate) fn first_backward(&self) -> Option<usize> {
        let backward = self.mode == SyncMode::Bounce && self.source_frames > 1 && self.total > self.source_frames;
        backward.then(|| (2 * self.source_frames - 2).saturating_sub(self.total - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(mode: SyncMode, source: usize, speech: usize) -> Vec<usize> {
        let plan = Plan::new(mode, source, false, speech);
        (0..plan.total).map(|k| plan.source(k)).collect()
    }

    #[test]
    fn each_mode_in_both_directions() {
        assert_eq!(order(SyncMode::Bounce, 3, 8), [0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(order(SyncMode::Bounce, 5, 2), [0, 1]);
        assert_eq!(order(SyncMode::Loop, 3, 7), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(order(SyncMode::CutOff, 3, 7), [0, 1, 2]);
        assert_eq!(order(SyncMode::CutOff, 7, 3), [0, 1, 2]);
        assert_eq!(order(SyncMode::Silence, 3, 5), [0, 1, 2, 2, 2]);
        assert_eq!(order(SyncMode::Silence, 5, 3), [0, 1, 2, 3, 4]);
        assert_eq!(order(SyncMode::Remap, 3, 6), [0, 0, 1, 1, 2, 2]);
        assert_eq!(order(SyncMode::Remap, 6, 3), [1, 3, 5]);
        assert_eq!(order(SyncMode::Bounce, 1, 3), [0, 0, 0]);
        assert_eq!(Plan::new(SyncMode::CutOff, 1, true, 9).total, 9);
    }

    #[test]
    fn the_backward_part_is_known_beforehand() {
        let first = |source, speech| Plan::new(SyncMode::Bounce, source, false, speech).first_backward();
        assert_eq!(first(10, 10), None);
        assert_eq!(first(10, 12), Some(7));
        assert_eq!(first(10, 100), Some(0));
        assert_eq!(frames_for(7.1, 25.0), 178);
        assert_eq!(frames_for(2.0, 25.0), 50);
    }
}
