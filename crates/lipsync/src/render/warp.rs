//! Moves the skin: every triangle of the face mesh is filled with what the frame shows in that triangle before the mouth moved.
//!
//! Two rings outside the outline of the face take up the chin's movement, the inner one following by half and the outer one not at all, so
//! that the chin slides over the neck instead of tearing it. The outer ring is 1.4 times the outline: nothing beyond it is written.
//! Pixels that do not move are not sampled, so they stay exact.

use crate::{
    face::{
        Point,
        topology::{INNER, LOWER_INNER, LOWER_ROWS, OVAL, UPPER_INNER, UPPER_ROWS},
    },
    frame::{Frame, PIXEL_BYTES},
    models::{LANDMARKS, Vec3},
    render::{Area, Face, Plane, Rig, closed},
};

/// Size of each ring, as a factor on the outline, and how much of the outline's movement it takes part in.
const RINGS: [(f32, f32); 2] = [(1.14, 0.45), (1.40, 0.0)];
const VERTICES: usize = LANDMARKS + RINGS.len() * OVAL.len();
/// Triangles whose corners move less are left alone, in pixels.
const STILL_PX: f32 = 0.02;
/// Marks a pixel that no triangle covers.
const NONE: u16 = u16::MAX;

/// See the module. Everything is reused from frame to frame.
pub(super) struct Warp {
    triangles: Vec<[u16; 3]>,
    before: Vec<Point>,
    after: Vec<Point>,
    /// Per pixel of the area, the triangle that covers it.
    owner: Vec<u16>,
    /// Per pixel of the area, where its colour comes from, relative to itself.
    shift: Vec<[f32; 2]>,
    /// The area before anything was written.
    source: Frame,
    planes: [Plane; 2],
    scratch: Plane,
}

/// `source = offset + x * dx + y * dy`, per coordinate.
#[derive(Clone, Copy)]
struct Affine {
    dx: [f32; 2],
    dy: [f32; 2],
    offset: [f32; 2],
}

impl Warp {
    pub(super) fn new(rig: &Rig) -> Self {
        let mut triangles = rig.skin.clone();
        let n = OVAL.len();
        // Vertex i of layer 0 is on the outline, of layer k in ring k.
        let vertex = |layer: usize, i: usize| match layer {
            0 => OVAL[i % n] as u16,
            _ => (LANDMARKS + (layer - 1) * n + i % n) as u16,
        };
        for layer in 0..RINGS.len() {
            for i in 0..n {
                let (a, b) = (vertex(layer, i), vertex(layer, i + 1));
                let (c, d) = (vertex(layer + 1, i), vertex(layer + 1, i + 1));
                triangles.extend([[a, b, c], [b, d, c]]);
            }
        }
        Self {
            triangles,
            before: vec![[0.0; 2]; VERTICES],
            after: vec![[0.0; 2]; VERTICES],
            owner: Vec::new(),
            shift: Vec::new(),
            source: Frame::default(),
            planes: Default::default(),
            scratch: Plane::default(),
        }
    }

    /// The outline of the mouth's opening after the last `apply`, in pixels of the frame.
    pub(super) fn opening(&self) -> [Point; INNER.len()] {
        INNER.map(|v| self.after[v])
    }

    /// Moves the skin of `face` to `shape`. False if nothing lies inside the frame.
    pub(super) fn apply(
        &mut self,
        frame: &mut Frame,
        rig: &Rig,
        face: &Face<'_>,
        shape: &[Vec3; LANDMARKS],
        shut: bool,
    ) -> bool {
        self.place(rig, face, shape);
        let moved = |v: u16| {
            let (a, b) = (self.before[usize::from(v)], self.after[usize::from(v)]);
            (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
        };
        let moving: Vec<u16> = (0..self.triangles.len() as u16)
            .filter(|&t| self.triangles[usize::from(t)].iter().any(|&v| moved(v) > STILL_PX))
            .collect();
        let corners = moving.iter().flat_map(|&t| self.triangles[usize::from(t)]).map(usize::from);
        let ends = corners.flat_map(|v| [self.before[v], self.after[v]]);
        let Some(area) = Area::around(ends, 3.0, (frame.width, frame.height)) else { return false };
        self.raster(&moving, area);
        self.heal(area);
        self.displace(area);
        if shut {
            self.melt(area);
        }
        self.resample(frame, area);
        true
    }

    /// Where every vertex is and where it goes.
    fn place(&mut self, rig: &Rig, face: &Face<'_>, shape: &[Vec3; LANDMARKS]) {
        for (v, (&[x, y, _], &goal)) in face.points.iter().zip(shape).enumerate() {
            let to = face.pose.project(goal);
            let k = rig.follow[v] * face.strength;
            self.before[v] = [x, y];
            self.after[v] = [x + k * (to[0] - x), y + k * (to[1] - y)];
        }
        self.inset_lips(face);
        let sum = OVAL.iter().fold([0.0; 2], |s, &v| [s[0] + self.before[v][0], s[1] + self.before[v][1]]);
        let centre = sum.map(|c| c / OVAL.len() as f32);
        for (r, (size, part)) in RINGS.into_iter().enumerate() {
            for (i, &v) in OVAL.iter().enumerate() {
                let (b, a) = (self.before[v], self.after[v]);
                let at = LANDMARKS + r * OVAL.len() + i;
                self.before[at] = std::array::from_fn(|k| centre[k] + (b[k] - centre[k]) * size);
                self.after[at] = std::array::from_fn(|k| self.before[at][k] + (a[k] - b[k]) * part);
            }
        }
    }

    /// Takes the lips' texture a little inside the red when the mouth was open: at the very edge there are pixels of teeth.
    fn inset_lips(&mut self, face: &Face<'_>) {
        let (u, l) = (face.points[UPPER_INNER], face.points[LOWER_INNER]);
        let gap_cm = (u[0] - l[0]).hypot(u[1] - l[1]) / face.pose.scale;
        let inset = (0.35 + 0.75 * gap_cm.min(1.0)) * face.strength;
        let upper = UPPER_ROWS[3].into_iter().zip(UPPER_ROWS[2]);
        let lower = LOWER_ROWS[3].into_iter().zip(LOWER_ROWS[2]).skip(1).take(9);
        for (edge, next) in upper.chain(lower) {
            for k in 0..2 {
                self.before[edge][k] += inset * (face.points[next][k] - face.points[edge][k]);
            }
        }
    }

    /// Writes the number of each moving triangle to the pixels that it covers afterwards.
    fn raster(&mut self, moving: &[u16], area: Area) {
        self.owner.clear();
        self.owner.resize(area.width() * area.height(), NONE);
        for &t in moving {
            let corners = self.triangles[usize::from(t)].map(|v| {
                let p = self.after[usize::from(v)];
                [p[0] - area.x0 as f32, p[1] - area.y0 as f32]
            });
            let low = corners.iter().fold(f32::MAX, |m, p| m.min(p[1])).ceil().max(0.0) as usize;
            let high = corners.iter().fold(f32::MIN, |m, p| m.max(p[1])).floor().min(area.height() as f32 - 1.0);
            if high < 0.0 {
                continue;
            }
            for y in low..=high as usize {
                if let Some((from, to)) = span(&corners, y as f32, area.width()) {
                    self.owner[y * area.width()..][from..to].fill(t);
                }
            }
        }
    }

    /// Grows the lips two pixels into the opening, where a mouth that is nearly shut leaves pixels between the lips that belong to nobody and
    /// would show the footage's teeth.
    fn heal(&mut self, area: Area) {
        let opening = self.opening();
        let Some(mouth) = Area::around(opening.iter().copied(), 3.0, (area.x1, area.y1)) else { return };
        let hole = &mut self.planes[0];
        hole.clear(mouth);
        hole.fill_polygon(&opening);
        hole.stroke(&closed(&opening), 3.0);
        let w = area.width();
        for _ in 0..2 {
            let mut grown = Vec::new();
            for y in mouth.y0.max(area.y0 + 1)..mouth.y1.min(area.y1 - 1) {
                for x in mouth.x0.max(area.x0 + 1)..mouth.x1.min(area.x1 - 1) {
                    let at = (y - area.y0) * w + x - area.x0;
                    let in_hole = hole.values()[(y - mouth.y0) * mouth.width() + x - mouth.x0] > 0.0;
                    if self.owner[at] != NONE || !in_hole {
                        continue;
                    }
                    let neighbours = [at - w, at + w, at - 1, at + 1];
                    if let Some(n) = neighbours.into_iter().find(|&n| self.owner[n] != NONE) {
                        grown.push((at, self.owner[n]));
                    }
                }
            }
            grown.into_iter().for_each(|(at, owner)| self.owner[at] = owner);
        }
    }

    /// Turns triangles into movements.
    fn displace(&mut self, area: Area) {
        self.shift.clear();
        self.shift.resize(self.owner.len(), [0.0; 2]);
        let (mut last, mut map) = (NONE, Affine { dx: [0.0; 2], dy: [0.0; 2], offset: [0.0; 2] });
        let rows = self.owner.chunks_exact(area.width()).zip(self.shift.chunks_exact_mut(area.width()));
        for (y, (owners, shifts)) in rows.enumerate() {
            let y = (y + area.y0) as f32;
            for (x, (&owner, shift)) in owners.iter().zip(shifts).enumerate() {
                if owner == NONE {
                    continue;
                }
                if owner != last {
                    let corner = |of: &[Point], k: usize| of[usize::from(self.triangles[usize::from(owner)][k])];
                    map = affine([0, 1, 2].map(|k| corner(&self.after, k)), [0, 1, 2].map(|k| corner(&self.before, k)));
                    last = owner;
                }
                let x = (x + area.x0) as f32;
                *shift = std::array::from_fn(|k| map.offset[k] + x * map.dx[k] + y * map.dy[k]);
            }
        }
    }

    /// Smooths the movement around a shut mouth, where neighbouring pixels come from opposite lips.
    fn melt(&mut self, area: Area) {
        const SIGMA_PX: f32 = 0.8;
        let Some(mouth) = Area::around(self.opening().into_iter(), 5.0, (area.x1, area.y1)) else { return };
        let mouth = Area { x0: mouth.x0.max(area.x0), y0: mouth.y0.max(area.y0), ..mouth };
        if mouth.x0 >= mouth.x1 || mouth.y0 >= mouth.y1 {
            return;
        }
        let index = |i: usize| {
            let (x, y) = (mouth.x0 + i % mouth.width(), mouth.y0 + i / mouth.width());
            (y - area.y0) * area.width() + x - area.x0
        };
        for k in 0..2 {
            let plane = &mut self.planes[k];
            plane.clear(mouth);
            plane.values_mut().iter_mut().enumerate().for_each(|(i, v)| *v = self.shift[index(i)][k]);
            plane.blur(SIGMA_PX, &mut self.scratch);
            plane.values().iter().enumerate().for_each(|(i, v)| self.shift[index(i)][k] = *v);
        }
    }

    fn resample(&mut self, frame: &mut Frame, area: Area) {
        let (w, h) = (area.width(), area.height());
        (self.source.width, self.source.height) = (w, h);
        self.source.data.clear();
        for y in area.y0..area.y1 {
            self.source.data.extend_from_slice(frame.row(y, area.x0, area.x1));
        }
        for (y, shifts) in self.shift.chunks_exact(w).enumerate() {
            let row = frame.row_mut(y + area.y0, area.x0, area.x1);
            for (x, (pixel, shift)) in row.chunks_exact_mut(PIXEL_BYTES).zip(shifts).enumerate() {
                if shift[0].abs().max(shift[1].abs()) > STILL_PX / 4.0 {
                    pixel.copy_from_slice(&bicubic(&self.source, x as f32 + shift[0], y as f32 + shift[1]));
                }
            }
        }
    }
}

/// The pixels (from, to exclusive) of row `y` whose centres lie in the triangle. Shared edges belong to both sides: no cracks.
fn span(corners: &[Point; 3], y: f32, width: usize) -> Option<(usize, usize)> {
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        let (a, b) = (corners[a], corners[b]);
        if (a[1] <= y) == (b[1] <= y) && a[1] != y {
            continue;
        }
        let x = if a[1] == b[1] { a[0] } else { a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) };
        (low, high) = (low.min(x), high.max(x));
    }
    let from = (low - 1e-3).ceil().max(0.0);
    let to = (high + 1e-3).floor().min(width as f32 - 1.0);
    (from <= to).then_some((from as usize, to as usize + 1))
}

/// The map that takes triangle `after` to triangle `before`, minus the identity.
fn affine(after: [Point; 3], before: [Point; 3]) -> Affine {
    let edge = |of: &[Point; 3], to: usize| [of[to][0] - of[0][0], of[to][1] - of[0][1]];
    let (p, q) = (edge(&after, 1), edge(&after, 2));
    let (s, t) = (edge(&before, 1), edge(&before, 2));
    let det = p[0] * q[1] - p[1] * q[0];
    // A triangle without area covers no pixel to speak of; any finite map will do.
    let inverse = if det.abs() < 1e-6 { 0.0 } else { 1.0 / det };
    let dx: [f32; 2] = std::array::from_fn(|k| (s[k] * q[1] - t[k] * p[1]) * inverse);
    let dy: [f32; 2] = std::array::from_fn(|k| (t[k] * p[0] - s[k] * q[0]) * inverse);
    let offset = std::array::from_fn(|k| before[0][k] - after[0][0] * dx[k] - after[0][1] * dy[k]);
    Affine { dx: [dx[0] - 1.0, dx[1]], dy: [dy[0], dy[1] - 1.0], offset }
}

/// Catmull-Rom weights of the four neighbours of a position `t` behind the second. Sharper kernels ring at the teeth.
#[inline]
fn weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t + t2 - 0.5 * t3, 1.0 - 2.5 * t2 + 1.5 * t3, 0.5 * t + 2.0 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3]
}

/// The colour at (x, y), coordinates clamped to the picture.
#[inline]
pub(super) fn bicubic(source: &Frame, x: f32, y: f32) -> [u8; PIXEL_BYTES] {
    let (fx, fy) = (x.floor(), y.floor());
    let (wx, wy) = (weights(x - fx), weights(y - fy));
    let (x, y) = (fx as isize - 1, fy as isize - 1);
    let mut sum = [0.5f32; PIXEL_BYTES];
    let inside = x >= 0 && y >= 0 && x as usize + 4 <= source.width && y as usize + 4 <= source.height;
    for (j, wy) in wy.into_iter().enumerate() {
        if inside {
            let row = source.row(y as usize + j, x as usize, x as usize + 4);
            for (pixel, wx) in row.chunks_exact(PIXEL_BYTES).zip(wx) {
                let k = wx * wy;
                for c in 0..PIXEL_BYTES {
                    sum[c] += k * f32::from(pixel[c]);
                }
            }
            continue;
        }
        let clamp = |v: isize, size: usize| v.clamp(0, size as isize - 1) as usize;
        for (i, wx) in wx.into_iter().enumerate() {
            let pixel = source.pixel(clamp(x + i as isize, source.width), clamp(y + j as isize, source.height));
            for c in 0..PIXEL_BYTES {
                sum[c] += wx * wy * f32::from(pixel[c]);
            }
        }
    }
    // `as` saturates to 0..=255.
    sum.map(|v| v as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_affine_map_takes_corners_to_corners() {
        let after = [[1.0, 2.0], [9.0, 3.0], [4.0, 8.0]];
        let before = [[0.0, 1.0], [7.0, 5.0], [5.0, 9.0]];
        let m = affine(after, before);
        for (a, b) in after.iter().zip(before) {
            let got: Point = std::array::from_fn(|k| a[k] + m.offset[k] + a[0] * m.dx[k] + a[1] * m.dy[k]);
            assert!((got[0] - b[0]).abs() < 1e-4 && (got[1] - b[1]).abs() < 1e-4, "{got:?} {b:?}");
        }
    }

    #[test]
    fn two_triangles_cover_their_square_without_a_crack() {
        let mut covered = [[false; 12]; 12];
        for t in [[[0.5, 0.5], [10.5, 0.5], [0.5, 10.5]], [[10.5, 0.5], [10.5, 10.5], [0.5, 10.5]]] {
            for (y, row) in covered.iter_mut().enumerate() {
                if let Some((from, to)) = span(&t, y as f32, 12) {
                    row[from..to].fill(true);
                }
            }
        }
        assert!((1..=10).all(|y| (1..=10).all(|x| covered[y][x])));
        assert!(!covered[11][5] && !covered[5][11] && !covered[0][5]);
    }

    #[test]
    fn bicubic_keeps_whole_positions_and_gradients() {
        let mut f = Frame::new(8, 8);
        f.data.iter_mut().enumerate().for_each(|(i, v)| *v = ((i / PIXEL_BYTES) % 8 * 20) as u8);
        assert_eq!(bicubic(&f, 3.0, 3.0)[0], 60);
        assert_eq!(bicubic(&f, 3.5, 3.25)[0], 70);
        assert_eq!(bicubic(&f, -9.0, 99.0)[0], 0);
    }
}
