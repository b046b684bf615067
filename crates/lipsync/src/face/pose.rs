//! How the head is held: a weak-perspective fit (rotation, one scale, shift) of the canonical face to landmarks.
//!
//! Canonical coordinates are centimetres, y up, z towards the viewer; the picture's y and z point the other way, hence the signs.
//! The rotation is Horn's closed form: the eigenvector of a symmetric 4x4 matrix, found by Jacobi rotations. It cannot come out mirrored.

use crate::{
    face::{landmark::Landmarks, topology::STABLE},
    models::{LANDMARKS, Vec3},
};

/// Canonical (cm) to picture (px): `(x, -y, -z) = scale * rotation * canonical + shift`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    /// `scale * rotation`, by rows.
    pub(crate) a: [Vec3; 3],
    /// In pixels, y and z flipped.
    pub(crate) shift: Vec3,
    /// Pixels per centimetre.
    pub(crate) scale: f32,
}

impl Pose {
    /// Fits the stable vertices of `canon` to those of `points`.
    pub(crate) fn fit(canon: &[Vec3; LANDMARKS], points: &[Vec3; LANDMARKS]) -> Self {
        let flipped = |v: usize| [points[v][0], -points[v][1], -points[v][2]].map(f64::from);
        let canonical = |v: usize| canon[v].map(f64::from);
        let mean_x = mean(STABLE.iter().map(|&v| canonical(v)));
        let mean_y = mean(STABLE.iter().map(|&v| flipped(v)));
        let mut s = [[0.0f64; 3]; 3];
        let mut spread = 0.0;
        for &v in &STABLE {
            let x: [f64; 3] = std::array::from_fn(|k| canonical(v)[k] - mean_x[k]);
            let y: [f64; 3] = std::array::from_fn(|k| flipped(v)[k] - mean_y[k]);
            spread += x.iter().map(|c| c * c).sum::<f64>();
            for i in 0..3 {
                for j in 0..3 {
                    s[i][j] += x[i] * y[j];
                }
            }
        }
        let r = rotation(&s);
        let gain: f64 = (0..3).map(|i| (0..3).map(|j| r[j][i] * s[i][j]).sum::<f64>()).sum();
        let scale = (gain / spread).max(1e-6);
        let shift =
            std::array::from_fn(|i| (mean_y[i] - scale * (0..3).map(|j| r[i][j] * mean_x[j]).sum::<f64>()) as f32);
        Self { a: r.map(|row| row.map(|c| (scale * c) as f32)), shift, scale: scale as f32 }
    }

    /// A canonical point in the picture.
    #[inline]
    pub(crate) fn project(&self, c: Vec3) -> Vec3 {
        let row = |i: usize| self.a[i][0] * c[0] + self.a[i][1] * c[1] + self.a[i][2] * c[2] + self.shift[i];
        [row(0), -row(1), -row(2)]
    }

    /// A picture point in canonical coordinates. The inverse of a rotation times a scale is its transpose over the scale squared.
    #[inline]
    pub(crate) fn unproject(&self, p: Vec3) -> Vec3 {
        let q = [p[0] - self.shift[0], -p[1] - self.shift[1], -p[2] - self.shift[2]];
        let k = 1.0 / (self.scale * self.scale);
        std::array::from_fn(|j| k * (self.a[0][j] * q[0] + self.a[1][j] * q[1] + self.a[2][j] * q[2]))
    }

    /// All landmarks in canonical coordinates.
    pub(crate) fn canonical(&self, points: &[Vec3; LANDMARKS]) -> Landmarks {
        let mut out: Landmarks = Box::new(*points);
        out.iter_mut().for_each(|p| *p = self.unproject(*p));
        out
    }

    /// Turn of the head to a side in radians; 0 faces the viewer.
    pub(crate) fn yaw(&self) -> f32 {
        self.a[0][2].atan2(self.a[2][2])
    }
}

fn mean(points: impl ExactSizeIterator<Item = [f64; 3]>) -> [f64; 3] {
    let n = points.len() as f64;
    let sum = points.fold([0.0; 3], |s, p| [s[0] + p[0], s[1] + p[1], s[2] + p[2]]);
    sum.map(|c| c / n)
}

/// The rotation that turns the first set of points into the second; `s[i][j]` = sum of first_i * second_j.
#[expect(clippy::many_single_char_names, reason = "the names of Horn's paper: w, x, y, z is a quaternion")]
fn rotation(s: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let n = [
        [s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]],
        [s[1][2] - s[2][1], s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]],
        [s[2][0] - s[0][2], s[0][1] + s[1][0], s[1][1] - s[0][0] - s[2][2], s[1][2] + s[2][1]],
        [s[0][1] - s[1][0], s[2][0] + s[0][2], s[1][2] + s[2][1], s[2][2] - s[0][0] - s[1][1]],
    ];
    let [w, x, y, z] = largest_eigenvector(n);
    [
        [w * w + x * x - y * y - z * z, 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), w * w - x * x + y * y - z * z, 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ]
}

/// Unit eigenvector of the largest eigenvalue of a symmetric matrix. Cyclic Jacobi; 4x4 converges in a handful of sweeps.
fn largest_eigenvector(mut m: [[f64; 4]; 4]) -> [f64; 4] {
    const SWEEPS: usize = 12;
    let mut vectors = [[0.0; 4]; 4];
    (0..4).for_each(|i| vectors[i][i] = 1.0);
    for _ in 0..SWEEPS {
        for p in 0..3 {
            for q in p + 1..4 {
                if m[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                rotate(&mut m, &mut vectors, (p, q), c, t * c);
            }
        }
    }
    let best = (0..4).max_by(|&i, &j| m[i][i].total_cmp(&m[j][j])).unwrap_or(0);
    std::array::from_fn(|i| vectors[i][best])
}

fn rotate(m: &mut [[f64; 4]; 4], vectors: &mut [[f64; 4]; 4], (p, q): (usize, usize), c: f64, s: f64) {
    for row in m.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    let (upper, lower) = (m[p], m[q]);
    m[p] = std::array::from_fn(|k| c * upper[k] - s * lower[k]);
    m[q] = std::array::from_fn(|k| s * upper[k] + c * lower[k]);
    for row in vectors.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_pose_is_found_again() {
        let canon = crate::models::canon().unwrap();
        let (scale, angle) = (23.0f32, 0.4f32);
        let (sin, cos) = angle.sin_cos();
        let truth = Pose {
            a: [[scale * cos, 0.0, scale * sin], [0.0, scale, 0.0], [-scale * sin, 0.0, scale * cos]],
            shift: [300.0, -200.0, 5.0],
            scale,
        };
        let mut points = canon.vertices.clone();
        points.iter_mut().for_each(|p| *p = truth.project(*p));
        let found = Pose::fit(&canon.vertices, &points);
        assert!((found.scale - scale).abs() < 1e-3 && (found.yaw() - angle).abs() < 1e-4);
        for (p, c) in points.iter().zip(canon.vertices.iter()) {
            let (back, ahead) = (found.unproject(*p), found.project(*c));
            assert!((0..3).all(|k| (back[k] - c[k]).abs() < 1e-3 && (ahead[k] - p[k]).abs() < 1e-2));
        }
    }
}
