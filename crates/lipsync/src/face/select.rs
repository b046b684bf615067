//! Which of several faces speaks, as the caller asked for it.

use crate::{ActiveSpeaker, Error, face::Point};

/// `[x1, y1, x2, y2]` in pixels of the decoded frame.
pub(crate) type Box4 = [f32; 4];

/// Boxes that may be missing at the end, and one more for so many frames.
const BOXES_MISSING_MAX: usize = 2;
/// See [`BOXES_MISSING_MAX`].
const BOXES_MISSING_SHARE: usize = 20;

/// A checked [`ActiveSpeaker`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selection {
    /// The largest face at the start, then the same one.
    Largest,
    /// The face at a point in one frame, before and after it.
    At {
        /// Index of that frame.
        frame: usize,
        /// The point, in pixels of the decoded frame.
        point: Point,
    },
    /// The face in each frame's box; frames without one stay as they are.
    Boxes(Boxes),
}

/// A box for each source frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Boxes {
    /// In pixels of the decoded frame.
    of_source: Vec<Option<Box4>>,
    /// Source frames per decoded one. What a file says of itself, and any number: nothing is made for each decoded frame.
    per_frame: f64,
}

impl Boxes {
    /// The box of a decoded frame.
    pub(crate) fn of(&self, frame: usize) -> Option<Box4> {
        self.of_source.get((frame as f64 * self.per_frame) as usize).copied().flatten()
    }

    /// How many decoded frames they reach.
    fn len(&self) -> usize {
        (self.of_source.len() as f64 / self.per_frame).ceil() as usize
    }
}

impl Selection {
    /// `scale`: decoded pixels per source pixel; `size`: the decoded frame; `per_frame`: source frames per decoded one.
    pub(crate) fn new(asked: &ActiveSpeaker, scale: f32, size: (usize, usize), per_frame: f64) -> Result<Self, Error> {
        let invalid = |reason| Err(Error::FaceSelectionInvalid { reason });
        if asked.auto_detect {
            return Ok(Self::Largest);
        }
        if let Some(boxes) = &asked.bounding_boxes {
            let sound = |b: &Box4| b.iter().all(|c| c.is_finite()) && b[2] > b[0] && b[3] > b[1];
            if !boxes.iter().flatten().all(sound) {
                return invalid("a bounding box is not [x1, y1, x2, y2] with x1 < x2 and y1 < y2");
            }
            if boxes.iter().flatten().next().is_none() {
                return invalid("every bounding box is null");
            }
            let of_source = boxes.iter().map(|one| one.map(|b| b.map(|c| c * scale))).collect();
            return Ok(Self::Boxes(Boxes { of_source, per_frame }));
        }
        let Some([x, y]) = asked.coordinates else {
            return match asked.frame_number {
                Some(_) => invalid("frame_number needs coordinates"),
                None => Ok(Self::Largest),
            };
        };
        let point = [x * scale, y * scale];
        if !(0.0..=size.0 as f32).contains(&point[0]) || !(0.0..=size.1 as f32).contains(&point[1]) {
            return invalid("the coordinates lie outside the picture");
        }
        // It counts the frames of the file.
        let frame = (asked.frame_number.unwrap_or(0) as f64 / per_frame) as usize;
        Ok(Self::At { frame, point })
    }

    /// Whether there are boxes for the decoded `frames`. A client counts them with another tool, so a few may be missing; with one
    /// box for a long clip the lips would move in one frame of it.
    ///
    /// # Errors
    /// [`Error::FaceSelectionInvalid`] where there are too few.
    pub(crate) fn reaches(boxes: Option<usize>, frames: usize) -> Result<(), Error> {
        let missing_max = BOXES_MISSING_MAX + frames / BOXES_MISSING_SHARE;
        match boxes {
            Some(boxes) if boxes + missing_max < frames => Err(Error::FaceSelectionInvalid {
                reason: "there are fewer bounding boxes than frames; give one for each frame of the video, null where nobody speaks",
            }),
            _ => Ok(()),
        }
    }

    /// How many boxes there are; `None`: it is none of boxes.
    pub(crate) fn boxes(&self) -> Option<usize> {
        match self {
            Self::Boxes(boxes) => Some(boxes.len()),
            Self::Largest | Self::At { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_box_is_not_enough_for_many_frames() {
        for (boxes, frames, fits) in [
            (Some(1), 1, true),
            (Some(1), 3, true),
            (Some(1), 4, false),
            (Some(300), 300, true),
            (Some(283), 300, true),
            (Some(282), 300, false),
            (Some(900), 300, true),
            (None, 300, true),
        ] {
            assert_eq!(Selection::reaches(boxes, frames).is_ok(), fits, "{boxes:?} for {frames}");
        }
    }

    fn at(x: f32, y: f32) -> ActiveSpeaker {
        ActiveSpeaker { coordinates: Some([x, y]), ..ActiveSpeaker::default() }
    }

    #[test]
    fn selections_are_checked_and_scaled() {
        let size = (640, 480);
        assert_eq!(Selection::new(&ActiveSpeaker::default(), 1.0, size, 1.0).unwrap(), Selection::Largest);
        assert_eq!(
            Selection::new(&at(20.0, 40.0), 0.5, size, 1.0).unwrap(),
            Selection::At { frame: 0, point: [10.0, 20.0] }
        );
        assert!(Selection::new(&at(700.0, 40.0), 1.0, size, 1.0).is_err());
        assert!(Selection::new(&at(f32::NAN, 40.0), 1.0, size, 1.0).is_err());
        let boxes = |b| ActiveSpeaker { bounding_boxes: Some(b), ..ActiveSpeaker::default() };
        assert!(Selection::new(&boxes(vec![None, None]), 1.0, size, 1.0).is_err());
        assert!(Selection::new(&boxes(vec![Some([5.0, 5.0, 1.0, 9.0])]), 1.0, size, 1.0).is_err());
        assert!(Selection::new(&boxes(vec![None, Some([1.0, 2.0, 3.0, 4.0])]), 1.0, size, 1.0).is_ok());
        let four = vec![None, Some([1.0, 2.0, 3.0, 4.0]), None, None];
        let spread = |per_frame| match Selection::new(&boxes(four.clone()), 1.0, size, per_frame).unwrap() {
            Selection::Boxes(boxes) => {
                assert_eq!(boxes.of(boxes.len()), None);
                (0..boxes.len()).map(|k| boxes.of(k).is_some()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(spread(1.0), [false, true, false, false]);
        assert_eq!(spread(0.5), [false, false, true, true, false, false, false, false], "each frame stands twice");
        assert_eq!(spread(2.0), [false, false], "every other frame is left out");
        let slow = Selection::new(&boxes(four.clone()), 1.0, size, 1e-9).unwrap();
        assert_eq!(slow.boxes(), Some(4_000_000_000), "no memory for what a file claims");
        let third = ActiveSpeaker { frame_number: Some(100), ..at(20.0, 40.0) };
        for (per_frame, frame) in [(1.0, 100), (2.0, 50), (0.5, 200)] {
            let at = Selection::new(&third, 1.0, size, per_frame).unwrap();
            assert_eq!(at, Selection::At { frame, point: [20.0, 40.0] }, "{per_frame}");
        }
        let lone = ActiveSpeaker { frame_number: Some(3), ..ActiveSpeaker::default() };
        assert_eq!(
            Selection::new(&lone, 1.0, size, 1.0).unwrap_err().error_code(),
            "generation_input_face_selection_invalid"
        );
    }
}
