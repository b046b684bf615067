//! 468 points on a face: the MediaPipe face mesh, run on a square that holds the face.

use crate::{
    Error,
    face::{
        crop::{Outside, Square, crop},
        topology::{EYE_LEFT_OUTER, EYE_RIGHT_OUTER},
    },
    frame::Frame,
    models::{self, LANDMARK_SIDE, LANDMARKS, Network, Vec3},
};

/// Least score at which the points are a face.
pub(crate) const SCORE_MIN: f32 = 0.5;

/// Points in pixels of the frame; z in pixels, negative towards the viewer.
pub(crate) type Landmarks = Box<[Vec3; LANDMARKS]>;

/// See the module.
pub(crate) struct Mesh {
    network: Box<dyn Network>,
    input: Vec<f32>,
}

impl Mesh {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { network: models::face_landmark()?, input: Vec::new() })
    }

    /// The points of the face in `square` and how sure the network is that there is one, 0 to 1.
    pub(crate) fn run(&mut self, frame: &Frame, square: Square) -> Result<(Landmarks, f32), Error> {
        crop(frame, square, LANDMARK_SIDE, Outside::Replicate, (1.0 / 255.0, 0.0), &mut self.input);
        let out = self.network.infer(&self.input)?;
        let [points, logit] = out.as_slice() else {
            return Err(Error::pipeline("the landmark network has other outputs than expected"));
        };
        let k = square.side / LANDMARK_SIDE as f32;
        let mut landmarks: Landmarks = Box::new([[0.0; 3]; LANDMARKS]);
        for (to, from) in landmarks.iter_mut().zip(points.chunks_exact(3)) {
            let [x, y] = square.to_frame(from[0], from[1], LANDMARK_SIDE);
            *to = [x, y, from[2] * k];
        }
        let logit = logit.first().copied().unwrap_or(f32::NEG_INFINITY);
        Ok((landmarks, 1.0 / (1.0 + (-logit).exp())))
    }
}

/// Where to look in the next frame: 1.5 times the box around the points, in the frame of the eyes.
pub(crate) fn square_around(points: &[Vec3; LANDMARKS]) -> Square {
    let (a, b) = (points[EYE_RIGHT_OUTER], points[EYE_LEFT_OUTER]);
    let angle = (b[1] - a[1]).atan2(b[0] - a[0]);
    let (sin, cos) = angle.sin_cos();
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for p in points {
        let q = [cos * p[0] + sin * p[1], cos * p[1] - sin * p[0]];
        for k in 0..2 {
            low[k] = low[k].min(q[k]);
            high[k] = high[k].max(q[k]);
        }
    }
    let middle = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
    let centre = [cos * middle[0] - sin * middle[1], sin * middle[0] + cos * middle[1]];
    Square { centre, side: 1.5 * (high[0] - low[0]).max(high[1] - low[1]), angle }
}
