//! What an open mouth shows: cavity, tongue, lower teeth on the jaw, upper teeth on the skull; the person's own teeth where an
//! [`Exemplar`] has them.
//!
//! Everything is drawn in the plane of the teeth in canonical centimetres, so that it turns and scales with the head.

use super::{Plane, Scene, smoothstep, warp::bicubic};
use crate::{
    face::{
        pose::Pose,
        topology::{CORNER_LEFT, CORNER_RIGHT, LOWER_INNER, UPPER_INNER},
    },
    frame::{Frame, PIXEL_BYTES},
    render::person::Exemplar,
};

type Colour = [f32; 3];

const CAVITY: Colour = [74.0, 34.0, 40.0];
const TONGUE: Colour = [150.0, 82.0, 88.0];
const TEETH: Colour = [234.0, 226.0, 214.0];
/// What a slit between the lips shows instead of teeth, which would sparkle.
const SLIT: Colour = [92.0, 44.0, 52.0];
/// The lips shade what is behind them: how bright it is at their edge, and how far in the shade reaches in cm. Darker edges look drawn with a
/// pen on large faces.
const EDGE_SHADE: f32 = 0.62;
const SHADE_CM: f32 = 0.25;
/// Gaps between teeth, as distances from the middle in cm.
const UPPER_GAPS: [f32; 5] = [0.0, 0.46, 0.84, 1.18, 1.52];
const LOWER_GAPS: [f32; 5] = [0.0, 0.42, 0.80, 1.15, 1.48];

/// A row of teeth.
struct Row {
    /// Height of the biting edge in the middle, in cm.
    edge: f32,
    /// How much higher the edge is towards the sides, in cm per cm squared.
    curve: f32,
    /// +1 for teeth above the edge, -1 for teeth below.
    side: f32,
    gaps: [f32; 5],
    brightness: f32,
    opacity: f32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Interior {
    channels: [Plane; 3],
    scratch: Plane,
    depth: Plane,
    edge: Plane,
}

/// Everything in one frame that is the same for all pixels.
struct Setting<'a> {
    exemplar: Option<&'a Exemplar>,
    /// Depth of the plane of the teeth, canonical.
    z: f32,
    centre_x: f32,
    light: f32,
    tongue_y: f32,
    rows: [Row; 2],
    /// Least width of an anti-aliased edge, in cm.
    soft: f32,
    /// 0 where the opening is a slit, 1 where it is a mouth.
    open: f32,
}

impl Interior {
    /// Paints where `mask` (the opening, anti-aliased) is set.
    pub(super) fn paint(&mut self, frame: &mut Frame, scene: &Scene<'_>, mask: &Plane, exemplar: Option<&Exemplar>) {
        let setting = Setting::new(scene, exemplar);
        let (area, scale) = (mask.area(), scene.face.pose.scale);
        self.depth.clear(area);
        self.depth.values_mut().copy_from_slice(mask.values());
        self.depth.distances();
        self.channels.iter_mut().for_each(|c| c.clear(area));
        for (i, (&depth, &cover)) in self.depth.values().iter().zip(mask.values()).enumerate() {
            // Pixels beside the opening are needed by the blur; farther ones are not.
            let (x, y) = (area.x0 + i % area.width(), area.y0 + i / area.width());
            let at = canonical(&scene.face.pose, x as f32, y as f32, setting.z);
            let shade = EDGE_SHADE
                + (1.0 - EDGE_SHADE) * smoothstep(0.0, SHADE_CM, if cover > 0.0 { depth / scale } else { 0.0 });
            let colour = setting.colour(at);
            for (channel, c) in self.channels.iter_mut().zip(colour) {
                channel.values_mut()[i] = c * shade;
            }
        }
        let sigma = (scale * 0.02).max(0.6);
        self.channels.iter_mut().for_each(|c| c.blur(sigma, &mut self.scratch));
        self.edge.clear(area);
        self.edge.values_mut().copy_from_slice(mask.values());
        self.edge.blur(0.6, &mut self.scratch);
        blend(frame, &self.edge, scene.face.strength, |i| std::array::from_fn(|k| self.channels[k].values()[i]));
    }
}

impl<'a> Setting<'a> {
    fn new(scene: &Scene<'_>, exemplar: Option<&'a Exemplar>) -> Self {
        let rest = scene.face.rest;
        let seam = f32::midpoint(rest[UPPER_INNER][1], rest[LOWER_INNER][1]);
        // The lower teeth ride on the jaw, which sinks almost as far as the lip.
        let jaw = 0.92 * (rest[LOWER_INNER][1] - scene.shape[LOWER_INNER][1]).max(0.0);
        let upper =
            Row { edge: seam - 0.36, curve: 0.045, side: 1.0, gaps: UPPER_GAPS, brightness: 0.95, opacity: 1.0 };
        let lower =
            Row { edge: seam - 0.24 - jaw, curve: -0.03, side: -1.0, gaps: LOWER_GAPS, brightness: 0.72, opacity: 0.8 };
        Self {
            exemplar,
            z: rest[UPPER_INNER][2] - 0.5,
            centre_x: f32::midpoint(rest[CORNER_RIGHT][0], rest[CORNER_LEFT][0]),
            light: scene.brightness / 255.0,
            tongue_y: seam - jaw - 0.05 + 0.35 * scene.mouth.tongue,
            rows: [lower, upper],
            soft: (0.7 / scene.face.pose.scale).max(0.03),
            open: smoothstep(0.10, 0.34, scene.gap_cm),
        }
    }

    fn colour(&self, [x, y]: [f32; 2]) -> Colour {
        let off = x - self.centre_x;
        let lit = |c: Colour| c.map(|v| v * self.light);
        let mut colour = lit(CAVITY);
        let tongue = smoothstep(1.6, 1.0, (off / 1.35).hypot((y - self.tongue_y + 0.55) / 0.62));
        mix(&mut colour, lit(TONGUE), 0.8 * tongue);
        for row in &self.rows {
            row.paint(&mut colour, off, y, self.soft, self.light);
        }
        if let Some(own) = self.exemplar {
            let p = own.pose.project([x, y, self.z]);
            let (px, py) = (p[0] - own.origin[0], p[1] - own.origin[1]);
            let cover = own.mask.sample(px, py);
            if cover > 0.0 {
                let c = bicubic(&own.picture, px, py);
                mix(&mut colour, [c[0], c[1], c[2]].map(f32::from), cover);
            }
        }
        let slit = lit(SLIT);
        mix(&mut colour, slit, 1.0 - self.open);
        colour
    }
}

impl Row {
    fn paint(&self, colour: &mut Colour, x: f32, y: f32, soft: f32, light: f32) {
        let inside = (y - self.edge - self.curve * x * x) * self.side;
        let cover = smoothstep(-soft, soft, inside) * smoothstep(2.05, 1.55, x.abs()) * self.opacity;
        if cover <= 0.0 {
            return;
        }
        let nearest = self.gaps.iter().map(|g| (x.abs() - g).abs()).fold(f32::MAX, f32::min);
        let gap = (-(nearest / 0.035).powi(2)).exp();
        let shade = (0.62 + 0.38 * smoothstep(1.9, 0.3, x.abs()))
            * (1.0 - 0.13 * gap)
            * (1.0 - 0.25 * smoothstep(0.5, 1.1, inside));
        let brightness = (light * 1.12).min(1.0) * self.brightness * shade;
        mix(colour, TEETH.map(|c| c * brightness), cover);
    }
}

#[inline]
fn mix(colour: &mut Colour, other: Colour, share: f32) {
    colour.iter_mut().zip(other).for_each(|(c, o)| *c += (o - *c) * share);
}

/// The canonical (x, y) that is seen at a pixel, at canonical depth `z`.
fn canonical(pose: &Pose, x: f32, y: f32, z: f32) -> [f32; 2] {
    let [[a, b, c], [d, e, f], _] = pose.a;
    let (p, q) = (x - pose.shift[0] - c * z, -y - pose.shift[1] - f * z);
    let det = a * e - b * d;
    let inverse = if det.abs() < 1e-6 { 0.0 } else { 1.0 / det };
    [(e * p - b * q) * inverse, (a * q - d * p) * inverse]
}

/// Lays colours (by index into the plane) over the frame, `plane` saying how thickly.
pub(super) fn blend(frame: &mut Frame, plane: &Plane, strength: f32, colour: impl Fn(usize) -> Colour) {
    let area = plane.area();
    for (y, covers) in plane.values().chunks_exact(area.width()).enumerate() {
        let row = frame.row_mut(area.y0 + y, area.x0, area.x1);
        for (x, (pixel, &cover)) in row.chunks_exact_mut(PIXEL_BYTES).zip(covers).enumerate() {
            // Below this nothing would change after rounding.
            let cover = cover * strength;
            if cover < 0.002 {
                continue;
            }
            let over = colour(y * area.width() + x);
            for (p, o) in pixel.iter_mut().zip(over) {
                *p = (f32::from(*p) * (1.0 - cover) + o * cover + 0.5) as u8;
            }
        }
    }
}
