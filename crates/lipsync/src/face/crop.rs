//! Cutting a rotated square out of a frame as a network wants it: side x side x 3 numbers.

use crate::{
    face::Point,
    frame::{Frame, PIXEL_BYTES},
};

/// What a crop shows where it reaches beyond the frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// The nearest pixel of the frame; the landmark network was trained so.
    Replicate,
    /// Black; letterboxed detectors were trained so.
    Black,
}

/// A square of the frame: centre, side in pixels, and rotation in radians (clockwise on the screen).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Square {
    /// Centre.
    pub(crate) centre: Point,
    /// Length of a side in pixels.
    pub(crate) side: f32,
    /// Angle of its x axis against the frame's.
    pub(crate) angle: f32,
}

impl Square {
    /// Frame position of crop position (u, v), where the crop is `pixels` wide and its centre maps to the square's.
    pub(crate) fn to_frame(self, u: f32, v: f32, pixels: usize) -> Point {
        let k = self.side / pixels as f32;
        let (sin, cos) = self.angle.sin_cos();
        let half = pixels as f32 / 2.0;
        let (x, y) = ((u - half) * k, (v - half) * k);
        [self.centre[0] + cos * x - sin * y, self.centre[1] + sin * x + cos * y]
    }
}

/// Samples per output pixel and axis above which nothing is gained. Without averaging, a large face aliases and its landmarks jitter.
const TAPS_MAX: usize = 6;

/// Fills `out` (`pixels * pixels * 3`) with `value * scale + offset`, value 0..255, sampling bilinearly and averaging where the crop shrinks.
pub(crate) fn crop(
    frame: &Frame,
    square: Square,
    pixels: usize,
    outside: Outside,
    (scale, offset): (f32, f32),
    out: &mut Vec<f32>,
) {
    let taps = ((square.side / pixels as f32 / 1.5).round() as usize).clamp(1, TAPS_MAX);
    let gain = scale / (taps * taps) as f32;
    let origin = square.to_frame(0.0, 0.0, pixels);
    let right = square.to_frame(1.0, 0.0, pixels);
    let (dx, dy) = (right[0] - origin[0], right[1] - origin[1]);
    out.clear();
    for v in 0..pixels {
        for u in 0..pixels {
            let mut sum = [0.0f32; PIXEL_BYTES];
            for tap in 0..taps * taps {
                let fine = |t: usize| (t as f32 + 0.5) / taps as f32 - 0.5;
                let (a, b) = (u as f32 + fine(tap % taps), v as f32 + fine(tap / taps));
                bilinear(frame, origin[0] + dx * a - dy * b, origin[1] + dy * a + dx * b, outside, &mut sum);
            }
            out.extend(sum[..3].iter().map(|c| c * gain + offset));
        }
    }
}

/// Adds the frame's colour at (x, y) to `sum`.
#[inline]
fn bilinear(frame: &Frame, x: f32, y: f32, outside: Outside, sum: &mut [f32; PIXEL_BYTES]) {
    let (w, h) = (frame.width as f32, frame.height as f32);
    if outside == Outside::Black && (x < -0.5 || y < -0.5 || x > w - 0.5 || y > h - 0.5) {
        return;
    }
    let (x, y) = (x.clamp(0.0, w - 1.0), y.clamp(0.0, h - 1.0));
    let (x0, y0) = (x as usize, y as usize);
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let (x1, y1) = ((x0 + 1).min(frame.width - 1), (y0 + 1).min(frame.height - 1));
    let (p, q, r, s) = (frame.pixel(x0, y0), frame.pixel(x1, y0), frame.pixel(x0, y1), frame.pixel(x1, y1));
    for c in 0..PIXEL_BYTES {
        let top = f32::from(p[c]) * (1.0 - fx) + f32::from(q[c]) * fx;
        let bottom = f32::from(r[c]) * (1.0 - fx) + f32::from(s[c]) * fx;
        sum[c] += top * (1.0 - fy) + bottom * fy;
    }
}
