//! Which of several faces speaks, as the caller asked for it.

use crate::{ActiveSpeaker, Error, face::Point};

/// `[x1, y1, x2, y2]` in pixels of the decoded frame.
pub(crate) type Box4 = [f32; 4];

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
    Boxes(Vec<Option<Box4>>),
}

impl Selection {
    /// `scale`: decoded pixels per source pixel; `size`: the decoded frame.
    pub(crate) fn new(asked: &ActiveSpeaker, scale: f32, size: (usize, usize)) -> Result<Self, Error> {
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
            let scaled = boxes.iter().map(|b| b.map(|b| b.map(|c| c * scale))).collect();
            return Ok(Self::Boxes(scaled));
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
        let frame = usize::try_from(asked.frame_number.unwrap_or(0)).unwrap_or(usize::MAX);
        Ok(Self::At { frame, point })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, y: f32) -> ActiveSpeaker {
        ActiveSpeaker { coordinates: Some([x, y]), ..ActiveSpeaker::default() }
    }

    #[test]
    fn selections_are_checked_and_scaled() {
        let size = (640, 480);
        assert_eq!(Selection::new(&ActiveSpeaker::default(), 1.0, size).unwrap(), Selection::Largest);
        assert_eq!(
            Selection::new(&at(20.0, 40.0), 0.5, size).unwrap(),
            Selection::At { frame: 0, point: [10.0, 20.0] }
        );
        assert!(Selection::new(&at(700.0, 40.0), 1.0, size).is_err());
        assert!(Selection::new(&at(f32::NAN, 40.0), 1.0, size).is_err());
        let boxes = |b| ActiveSpeaker { bounding_boxes: Some(b), ..ActiveSpeaker::default() };
        assert!(Selection::new(&boxes(vec![None, None]), 1.0, size).is_err());
        assert!(Selection::new(&boxes(vec![Some([5.0, 5.0, 1.0, 9.0])]), 1.0, size).is_err());
        assert!(Selection::new(&boxes(vec![None, Some([1.0, 2.0, 3.0, 4.0])]), 1.0, size).is_ok());
        let lone = ActiveSpeaker { frame_number: Some(3), ..ActiveSpeaker::default() };
        assert_eq!(
            Selection::new(&lone, 1.0, size).unwrap_err().error_code(),
            "generation_input_face_selection_invalid"
        );
    }
}
