//! Soft-edged drawing on a plane of numbers that covers a part of the frame: polygons, lines, blur, erosion, distance.

use crate::{render::Area, speech::kernel};

/// Values 0 to 1 for the pixels of an area. Reused from frame to frame.
#[derive(Default)]
pub(crate) struct Plane {
    area: Option<Area>,
    data: Vec<f32>,
}

/// Scan lines per pixel row of a polygon.
const SUBROWS: usize = 4;
/// Corners of a scan line; our polygons have 20 edges.
const CROSSINGS_MAX: usize = 32;

impl Plane {
    /// All zero, for `area`.
    pub(crate) fn clear(&mut self, area: Area) {
        self.area = Some(area);
        self.data.clear();
        self.data.resize(area.width() * area.height(), 0.0);
    }

    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.area.map_or((0, 0), |a| (a.width(), a.height()))
    }

    /// The area it covers; empty before the first `clear`.
    pub(crate) fn area(&self) -> Area {
        self.area.unwrap_or(Area { x0: 0, y0: 0, x1: 0, y1: 0 })
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.data
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Value at plane coordinates, interpolated; 0 outside.
    pub(crate) fn sample(&self, x: f32, y: f32) -> f32 {
        let (w, h) = self.size();
        if w < 2 || h < 2 || !(0.0..(w - 1) as f32).contains(&x) || !(0.0..(h - 1) as f32).contains(&y) {
            return 0.0;
        }
        let (x0, y0) = (x as usize, y as usize);
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let i = y0 * w + x0;
        let top = self.data[i] * (1.0 - fx) + self.data[i + 1] * fx;
        let bottom = self.data[i + w] * (1.0 - fx) + self.data[i + w + 1] * fx;
        top * (1.0 - fy) + bottom * fy
    }

    /// Adds a filled polygon (even-odd), in frame coordinates, with anti-aliased edges.
    pub(crate) fn fill_polygon(&mut self, polygon: &[[f32; 2]]) {
        let area = self.area();
        let (w, h) = self.size();
        for sub in 0..h * SUBROWS {
            let y = area.y0 as f32 + (sub as f32 + 0.5) / SUBROWS as f32 - 0.5;
            let (mut crossings, mut n) = ([0.0f32; CROSSINGS_MAX], 0);
            for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
                if (a[1] <= y) != (b[1] <= y) && n < CROSSINGS_MAX {
                    crossings[n] = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) - area.x0 as f32 + 0.5;
                    n += 1;
                }
            }
            crossings[..n].sort_unstable_by(f32::total_cmp);
            let row = &mut self.data[sub / SUBROWS * w..][..w];
            for span in crossings[..n].chunks_exact(2) {
                add_span(row, span[0], span[1], 1.0 / SUBROWS as f32);
            }
        }
        self.data.iter_mut().for_each(|v| *v = v.min(1.0));
    }

    /// Draws an anti-aliased line through `points`, in frame coordinates, `width` pixels wide.
    pub(crate) fn stroke(&mut self, points: &[[f32; 2]], width: f32) {
        let area = self.area();
        let reach = width / 2.0 + 0.5;
        for pair in points.windows(2) {
            let size = (area.x1, area.y1);
            let Some(near) = Area::around(pair.iter().copied(), reach, size) else { continue };
            let [a, b] = [pair[0], pair[1]];
            let d = [b[0] - a[0], b[1] - a[1]];
            let length2 = (d[0] * d[0] + d[1] * d[1]).max(1e-9);
            for y in near.y0.max(area.y0)..near.y1 {
                for x in near.x0.max(area.x0)..near.x1 {
                    let p = [x as f32 - a[0], y as f32 - a[1]];
                    let t = ((p[0] * d[0] + p[1] * d[1]) / length2).clamp(0.0, 1.0);
                    let distance = (p[0] - t * d[0]).hypot(p[1] - t * d[1]);
                    let v = &mut self.data[(y - area.y0) * area.width() + x - area.x0];
                    *v = v.max((reach - distance).clamp(0.0, 1.0));
                }
            }
        }
    }

    /// Gaussian blur; the edge continues outwards.
    pub(crate) fn blur(&mut self, sigma: f32, scratch: &mut Self) {
        let (w, h) = self.size();
        if w == 0 || h == 0 {
            return;
        }
        let kernel = kernel(sigma.min(16.0));
        let radius = kernel.len() / 2;
        scratch.clear(self.area());
        for (from, to) in self.data.chunks_exact(w).zip(scratch.data.chunks_exact_mut(w)) {
            for (x, to) in to.iter_mut().enumerate() {
                let at = |k: usize| from[(x + k).saturating_sub(radius).min(w - 1)];
                *to = kernel.iter().enumerate().map(|(k, weight)| weight * at(k)).sum();
            }
        }
        for y in 0..h {
            let to = &mut self.data[y * w..][..w];
            to.fill(0.0);
            for (k, weight) in kernel.iter().enumerate() {
                let from = &scratch.data[(y + k).saturating_sub(radius).min(h - 1) * w..][..w];
                to.iter_mut().zip(from).for_each(|(t, f)| *t += weight * f);
            }
        }
    }

    /// Shrinks what is set by `radius` pixels (square neighbourhood).
    pub(crate) fn erode(&mut self, radius: usize, scratch: &mut Self) {
        let (w, h) = self.size();
        scratch.clear(self.area());
        for y in 0..h {
            for x in 0..w {
                let row = &self.data[y * w..][x.saturating_sub(radius)..(x + radius + 1).min(w)];
                scratch.data[y * w + x] = row.iter().copied().fold(1.0, f32::min);
            }
        }
        for y in 0..h {
            for x in 0..w {
                let rows = y.saturating_sub(radius)..(y + radius + 1).min(h);
                self.data[y * w + x] = rows.map(|r| scratch.data[r * w + x]).fold(1.0, f32::min);
            }
        }
    }

    /// Replaces each value above one half by its distance in pixels from the values below, the rest by 0 (two-pass chamfer).
    pub(crate) fn distances(&mut self) {
        const STRAIGHT: f32 = 0.955;
        const DIAGONAL: f32 = 1.3693;
        let (w, h) = self.size();
        self.data.iter_mut().for_each(|v| *v = if *v > 0.5 { 1e6 } else { 0.0 });
        let at = |x: usize, dx: isize| x.checked_add_signed(dx).filter(|x| *x < w);
        let mut relax = |y: usize, x: usize, row: Option<usize>, side: isize| {
            let mut best = self.data[y * w + x];
            let mut offer = |row: usize, x: Option<usize>, cost: f32| {
                if let Some(x) = x {
                    best = best.min(self.data[row * w + x] + cost);
                }
            };
            offer(y, at(x, side), STRAIGHT);
            if let Some(row) = row {
                offer(row, Some(x), STRAIGHT);
                offer(row, at(x, -1), DIAGONAL);
                offer(row, at(x, 1), DIAGONAL);
            }
            self.data[y * w + x] = best;
        };
        for y in 0..h {
            (0..w).for_each(|x| relax(y, x, y.checked_sub(1), -1));
        }
        for y in (0..h).rev() {
            (0..w).rev().for_each(|x| relax(y, x, Some(y + 1).filter(|r| *r < h), 1));
        }
    }
}

/// Adds `weight` to the pixels from `from` to `to` (pixel k covers k..k+1), partly at the ends.
fn add_span(row: &mut [f32], from: f32, to: f32, weight: f32) {
    let (from, to) = (from.clamp(0.0, row.len() as f32), to.clamp(0.0, row.len() as f32));
    let (first, last) = (from as usize, (to as usize).min(row.len().saturating_sub(1)));
    if from >= to {
        return;
    }
    for (x, v) in row.iter_mut().enumerate().take(last + 1).skip(first) {
        *v += weight * (to.min((x + 1) as f32) - from.max(x as f32)).clamp(0.0, 1.0);
    }
}
