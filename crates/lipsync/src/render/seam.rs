//! The line between lips that are shut or nearly so.
//!
//! Where the footage's mouth was open and ours is shut, the pixels between the lips were uncovered from teeth. A soft line in the
//! person's own lip colour covers them; without it a shut mouth sparkles.

use super::{Area, EDGE_PX, Plane, Scene, closed, interior::blend, smoothstep};
use crate::{
    face::topology::{INNER, LIP_COLOUR},
    frame::Frame,
    models::{LANDMARKS, Vec3},
};

/// Opening in cm below which the line is at full strength, and above which there is none.
const SHUT_CM: f32 = 0.10;
const OPEN_CM: f32 = 0.34;
/// The line against the lips.
const DARKENING: f32 = 0.60;
const OPACITY: f32 = 0.92;
const WIDTH_CM: f32 = 0.13;

/// The red of the person's lips, darkened to that of a seam; read before the mouth is moved.
pub(super) fn lip_colour(frame: &Frame, points: &[Vec3; LANDMARKS]) -> [f32; 3] {
    let samples = LIP_COLOUR.map(|v| frame.nearest(points[v][0], points[v][1]));
    std::array::from_fn(|k| {
        let mut values = samples.map(|s| s[k]);
        values.sort_unstable();
        f32::midpoint(f32::from(values[LIP_COLOUR.len() / 2 - 1]), f32::from(values[LIP_COLOUR.len() / 2])) * DARKENING
    })
}

/// Draws the line if the mouth is shut enough.
pub(super) fn paint(
    frame: &mut Frame,
    scene: &Scene<'_>,
    colour: [f32; 3],
    area: Area,
    (line, scratch): (&mut Plane, &mut Plane),
) {
    let shut = 1.0 - smoothstep(SHUT_CM, OPEN_CM, scene.gap_cm);
    if shut <= 0.0 {
        return;
    }
    let scale = scene.face.pose.scale;
    line.clear(area);
    line.stroke(&middle(&scene.opening), (scale * WIDTH_CM).max(1.0) + EDGE_PX);
    line.stroke(&closed(&scene.opening), EDGE_PX);
    line.fill_polygon(&scene.opening);
    line.blur((scale * 0.045).max(0.7), scratch);
    blend(frame, line, OPACITY * shut * scene.face.strength, |_| colour);
}

/// The line half-way between the lips, from corner to corner. The opening runs along the lower lip and back along the upper.
fn middle(opening: &[[f32; 2]; INNER.len()]) -> [[f32; 2]; INNER.len() / 2 + 1] {
    std::array::from_fn(|i| {
        let (lower, upper) = (opening[i], opening[(INNER.len() - i) % INNER.len()]);
        [f32::midpoint(lower[0], upper[0]), f32::midpoint(lower[1], upper[1])]
    })
}
