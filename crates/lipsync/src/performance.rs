//! Ties speech to face: for each frame of the result, which face there is, how it looks at rest, how its mouth should stand, how strongly.
//!
//! The shape at rest follows the footage a little (the landmark network sees a face differently from each side), smoothed over time and
//! pulled towards the person's own shape. Shapes are made when they are needed and kept only while their neighbours need them.

use crate::{
    Error,
    face::{landmark::Landmarks, pose::Pose, track::Sighting},
    frame::Frame,
    models::{self, Canon, LANDMARKS},
    render::{Face, Renderer, person::shape_at_rest, smoothstep},
    speech::{Articulation, kernel},
};

/// Turn of the head from which the animation fades, and where it is gone, in degrees.
const YAW_FADE: (f32, f32) = (35.0, 50.0);
/// Frames over which the animation comes and goes where the face is lost or found, and in a stretch's ends, lest the mouth pops.
const FADE_FRAMES: usize = 4;
/// How far the shape at rest follows the footage, 0 to 1.
const FOLLOW: f32 = 0.7;
/// Smoothing of that, in frames.
const FOLLOW_SIGMA: f32 = 2.0;
/// Shapes that are kept; more than the smoothing is wide.
const KEPT: usize = 32;

/// What is known of the footage, frame by frame.
pub(crate) struct Footage {
    pub(crate) path: Vec<Option<Sighting>>,
    /// Which frames are to get new lips; `None`: all.
    pub(crate) only: Option<Vec<bool>>,
    pub(crate) fps: f64,
}

/// See the module.
pub(crate) struct Performance {
    renderer: Renderer,
    canon: Canon,
    path: Vec<Option<Sighting>>,
    only: Option<Vec<bool>>,
    articulation: Articulation,
    gain: f32,
    fps: f64,
    /// The person's shape, mouth shut.
    person: Landmarks,
    kernel: Vec<f32>,
    /// Shut shapes by source frame modulo `KEPT`.
    shapes: Vec<Option<(usize, Landmarks)>>,
}

impl Performance {
    pub(crate) fn new(
        renderer: Renderer,
        Footage { path, only, fps }: Footage,
        articulation: Articulation,
        gain: f32,
    ) -> Result<Self, Error> {
        let canon = models::canon()?;
        let seen = path.iter().flatten().map(|s| &s.points);
        let person = shape_at_rest(renderer.rig(), &canon.vertices, seen);
        let shapes = std::iter::repeat_with(|| None).take(KEPT).collect();
        let kernel = kernel(FOLLOW_SIGMA);
        Ok(Self { renderer, canon, path, only, articulation, gain, fps, person, kernel, shapes })
    }

    /// Gives frame `k` of the result, which shows frame `source` of the footage, its mouth.
    pub(crate) fn apply(&mut self, frame: &mut Frame, k: usize, source: usize) {
        let Some(sighting) = self.path[source].as_ref().filter(|_| self.is_meant(source)) else { return };
        let pose = Pose::fit(&self.canon.vertices, &sighting.points);
        let strength = self.strength(source, &pose);
        if strength <= 0.0 {
            return;
        }
        let rest = self.rest(source);
        let Some(sighting) = &self.path[source] else { return };
        let mouth = self.articulation.at(k, self.fps).scaled(self.gain);
        let face = Face { points: &sighting.points, pose, rest: &rest, strength };
        self.renderer.frame(frame, &face, mouth);
    }

    /// Whether frame `source` is to get new lips. What lies behind the last one is nobody's gap.
    fn is_meant(&self, source: usize) -> bool {
        self.only.as_ref().and_then(|only| only.get(source)).is_none_or(|meant| *meant)
    }

    fn strength(&self, source: usize, pose: &Pose) -> f32 {
        let turned = pose.yaw().abs().to_degrees();
        let facing = smoothstep(YAW_FADE.1, YAW_FADE.0, turned);
        let seen = |i: usize| self.path.get(i).is_none_or(Option::is_some) && self.is_meant(i);
        let nearest_gap = (1..FADE_FRAMES)
            .find(|d| !seen(source + d) || source.checked_sub(*d).is_some_and(|i| !seen(i)))
            .unwrap_or(FADE_FRAMES);
        facing * nearest_gap as f32 / FADE_FRAMES as f32
    }

    /// The face of `source` with its mouth shut.
    fn rest(&mut self, source: usize) -> Landmarks {
        let radius = self.kernel.len() / 2;
        let segment = self.path[source].as_ref().map(|s| s.segment);
        let mut sum: Landmarks = Box::new([[0.0; 3]; LANDMARKS]);
        let (mut weights, mut neighbours) = (0.0, 0);
        for (j, &weight) in self.kernel.clone().iter().enumerate() {
            let Some(i) = (source + j).checked_sub(radius) else { continue };
            let same = self.path.get(i).and_then(Option::as_ref).is_some_and(|s| Some(s.segment) == segment);
            if !same {
                continue;
            }
            let shape = self.shut(i);
            for (s, p) in sum.iter_mut().zip(shape.iter()) {
                (0..3).for_each(|c| s[c] += weight * p[c]);
            }
            weights += weight;
            neighbours += 1;
        }
        // A lone frame is its own person.
        let follow = if neighbours > 1 { FOLLOW } else { 0.0 };
        for (s, own) in sum.iter_mut().zip(self.person.iter()) {
            (0..3).for_each(|c| s[c] = follow * s[c] / weights + (1.0 - follow) * own[c]);
        }
        sum
    }

    /// The shut shape of one frame of footage, remembered.
    fn shut(&mut self, i: usize) -> &Landmarks {
        let Self { renderer, canon, path, shapes, person, .. } = self;
        let slot = &mut shapes[i % KEPT];
        if slot.as_ref().is_none_or(|(of, _)| *of != i) {
            let shape = path[i].as_ref().map_or_else(
                || person.clone(),
                |s| renderer.rig().shut(&Pose::fit(&canon.vertices, &s.points).canonical(&s.points)),
            );
            *slot = Some((i, shape));
        }
        slot.as_ref().map_or(&*person, |(_, shape)| shape)
    }
}
