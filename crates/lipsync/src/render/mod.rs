//! Pass 2: gives a frame the mouth that the speech asks for.
//!
//! Promise: a pixel changes only inside 1.4 times the outline of the face; everything else is left alone, bit for bit. A face that is turned
//! away too far fades back to the footage instead of being distorted. Works in place and allocates nothing per frame once warm.
//!
//! How: the person's face with its mouth shut (`person`) is deformed in three dimensions (`rig`), projected back, and the skin is
//! moved by triangles (`warp`); the opening shows a drawn or borrowed interior (`interior`), a shut mouth a lip line (`seam`).

mod interior;
mod paint;
pub(crate) mod person;
mod rig;
mod seam;
mod warp;

use paint::Plane;
pub(crate) use rig::Rig;
use warp::Warp;

use crate::{
    face::{
        landmark::Landmarks,
        pose::Pose,
        topology::{CHEEKS, INNER, LOWER_INNER, UPPER_INNER},
    },
    frame::Frame,
    models::{LANDMARKS, Vec3},
    render::{interior::Interior, person::Exemplar},
    speech,
};

/// Openings under this many pixels show no interior.
const OPEN_MIN_PX: f32 = 0.9;
/// Width of the soft edge of the opening in pixels.
const EDGE_PX: f32 = 1.0;
/// Openings under this many pixels are a seam whose specks are melted.
const SHUT_MAX_PX: f32 = 1.2;

/// A pixel rectangle inside the frame: x0..x1, y0..y1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x0: usize,
    pub(crate) y0: usize,
    pub(crate) x1: usize,
    pub(crate) y1: usize,
}

impl Area {
    /// The pixels around `points`, `margin` wider on each side, inside a frame of that size; `None` if that is nothing.
    pub(crate) fn around(
        points: impl Iterator<Item = [f32; 2]>,
        margin: f32,
        (width, height): (usize, usize),
    ) -> Option<Self> {
        let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
        for p in points {
            for k in 0..2 {
                low[k] = low[k].min(p[k]);
                high[k] = high[k].max(p[k]);
            }
        }
        // `as` saturates at 0 for what lies left of or above the frame.
        let (x0, y0) = ((low[0] - margin).floor() as usize, (low[1] - margin).floor() as usize);
        let (x1, y1) = ((high[0] + margin).ceil() as usize + 1, (high[1] + margin).ceil() as usize + 1);
        let area = Self { x0, y0, x1: x1.min(width), y1: y1.min(height) };
        (high[0] >= -margin && high[1] >= -margin && area.x0 < area.x1 && area.y0 < area.y1).then_some(area)
    }

    pub(crate) fn width(&self) -> usize {
        self.x1 - self.x0
    }

    pub(crate) fn height(&self) -> usize {
        self.y1 - self.y0
    }
}

/// What is known of the face in one frame.
pub(crate) struct Face<'a> {
    /// Where its points are, in pixels.
    pub(crate) points: &'a [Vec3; LANDMARKS],
    /// How the head is held.
    pub(crate) pose: Pose,
    /// The same face with its mouth shut, canonical.
    pub(crate) rest: &'a [Vec3; LANDMARKS],
    /// 1 = animate, 0 = leave as it is.
    pub(crate) strength: f32,
}

/// Where everything is to go in one frame; shared by the painters.
struct Scene<'a> {
    face: &'a Face<'a>,
    mouth: speech::Pose,
    /// Deformed face, canonical.
    shape: Landmarks,
    /// The opening after the warp, in pixels of the frame.
    opening: [[f32; 2]; INNER.len()],
    /// Height of the opening in pixels and in centimetres.
    gap_px: f32,
    gap_cm: f32,
    /// Mean brightness of the skin, 0 to about 285.
    brightness: f32,
}

/// See the module.
pub(crate) struct Renderer {
    rig: Rig,
    exemplar: Option<Exemplar>,
    warp: Warp,
    interior: Interior,
    mask: Plane,
    scratch: Plane,
}

impl Renderer {
    pub(crate) fn new(rig: Rig, exemplar: Option<Exemplar>) -> Self {
        Self {
            warp: Warp::new(&rig),
            rig,
            exemplar,
            interior: Interior::default(),
            mask: Plane::default(),
            scratch: Plane::default(),
        }
    }

    /// The rig, for shapes at rest.
    pub(crate) fn rig(&self) -> &Rig {
        &self.rig
    }

    /// Moves the mouth of `face` in `frame`.
    pub(crate) fn frame(&mut self, frame: &mut Frame, face: &Face<'_>, mouth: speech::Pose) {
        if face.strength <= 0.0 {
            return;
        }
        let shape = self.rig.deform(face.rest, &mouth);
        let image = |v: usize| face.pose.project(shape[v]);
        let (upper, lower) = (image(UPPER_INNER), image(LOWER_INNER));
        let gap_px = (upper[0] - lower[0]).hypot(upper[1] - lower[1]);
        let gap_cm = shape[UPPER_INNER][1] - shape[LOWER_INNER][1];
        let brightness = brightness(frame, face.points);
        let lip_colour = seam::lip_colour(frame, face.points);
        if !self.warp.apply(frame, &self.rig, face, &shape, gap_px < SHUT_MAX_PX) {
            return;
        }
        let opening = self.warp.opening();
        let scene = Scene { face, mouth, shape, opening, gap_px, gap_cm, brightness };
        let size = (frame.width, frame.height);
        let margin = 4.0 + 0.25 * face.pose.scale;
        let Some(area) = Area::around(opening.iter().copied(), margin, size) else { return };
        if scene.gap_px > OPEN_MIN_PX {
            self.mask.clear(area);
            self.mask.fill_polygon(&scene.opening);
            // The soft edge belongs outside the opening: inside, it would let the footage's teeth shine through.
            self.mask.stroke(&closed(&scene.opening), EDGE_PX);
            self.interior.paint(frame, &scene, &self.mask, self.exemplar.as_ref());
        }
        seam::paint(frame, &scene, lip_colour, area, (&mut self.mask, &mut self.scratch));
    }
}

/// The outline of the opening as a line that ends where it starts.
fn closed(opening: &[[f32; 2]; INNER.len()]) -> [[f32; 2]; INNER.len() + 1] {
    std::array::from_fn(|i| opening[i % INNER.len()])
}

/// Brightness of lit skin, read from the cheeks.
pub(crate) fn brightness(frame: &Frame, points: &[Vec3; LANDMARKS]) -> f32 {
    /// Teeth are a little brighter than the cheeks' mean.
    const GAIN: f32 = 1.12;
    let sum: f32 =
        CHEEKS.iter().flat_map(|&v| frame.nearest(points[v][0], points[v][1])[..3].to_vec()).map(f32::from).sum();
    sum / (3 * CHEEKS.len()) as f32 * GAIN
}

/// 0 below `from`, 1 above `to` (or the other way round if `from > to`), smooth between.
#[inline]
pub(crate) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
