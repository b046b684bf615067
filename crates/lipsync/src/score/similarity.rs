//! PSNR and SSIM of two frames inside and outside polygons. SSIM as in scikit-image: grey, 7x7 windows, sample covariance.

use crate::frame::{Frame, PIXEL_BYTES};

/// How much of the footage is still there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fidelity {
    /// Peak signal-to-noise ratio beyond 1.45 times the outline of the face, in dB.
    pub psnr_outside_db: f64,
    /// Structural similarity there, 0 to 1.
    pub ssim_outside: f64,
    /// Structural similarity of forehead, eyes and nose.
    pub ssim_upper_face: f64,
}

/// Means over compared frames.
#[derive(Default)]
pub(super) struct Sum {
    frames: f64,
    error: f64,
    outside: f64,
    upper: f64,
}

const WINDOW: usize = 7;

impl Sum {
    pub(super) fn add(&mut self, a: &Frame, b: &Frame, face: &[[f32; 2]], upper_face: &[[f32; 2]]) {
        let (w, h) = (a.width.min(b.width), a.height.min(b.height));
        let ssim = ssim(a, b, w, h);
        let (mut error, mut outside, mut upper) = (Mean::default(), Mean::default(), Mean::default());
        for y in 0..h {
            for x in 0..w {
                let at = [x as f32, y as f32];
                if !inside(face, at) {
                    let (p, q) = (a.pixel(x, y), b.pixel(x, y));
                    (0..3).for_each(|c| error.add((f64::from(p[c]) - f64::from(q[c])).powi(2)));
                    outside.add(ssim[y * w + x]);
                }
                if inside(upper_face, at) {
                    upper.add(ssim[y * w + x]);
                }
            }
        }
        self.frames += 1.0;
        self.error += error.get();
        self.outside += outside.get();
        self.upper += upper.get();
    }

    pub(super) fn fidelity(&self) -> Option<Fidelity> {
        let n = self.frames;
        (n > 0.0).then(|| Fidelity {
            psnr_outside_db: 10.0 * (255.0 * 255.0 / (self.error / n).max(1e-10)).log10(),
            ssim_outside: self.outside / n,
            ssim_upper_face: self.upper / n,
        })
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    n: f64,
}

impl Mean {
    fn add(&mut self, v: f64) {
        self.sum += v;
        self.n += 1.0;
    }

    fn get(&self) -> f64 {
        self.sum / self.n.max(1.0)
    }
}

/// A point lies in a convex polygon.
fn inside(polygon: &[[f32; 2]], p: [f32; 2]) -> bool {
    let next = polygon.iter().cycle().skip(1);
    let mut sides =
        polygon.iter().zip(next).map(|(a, b)| (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]));
    sides.all(|s| s >= 0.0)
}

fn grey(f: &Frame, w: usize, h: usize) -> Vec<f64> {
    let luma = |p: &[u8]| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]);
    (0..h).flat_map(|y| f.row(y, 0, w).chunks_exact(PIXEL_BYTES).map(luma)).collect()
}

/// The similarity at every pixel; windows are cut at the border.
fn ssim(a: &Frame, b: &Frame, w: usize, h: usize) -> Vec<f64> {
    let (a, b) = (grey(a, w, h), grey(b, w, h));
    let product = |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x * y).collect() };
    let [ma, mb] = [&a, &b].map(|v| window_means(v, w, h));
    let [aa, bb, ab] = [product(&a, &a), product(&b, &b), product(&a, &b)].map(|v| window_means(&v, w, h));
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let sample = (WINDOW * WINDOW) as f64 / (WINDOW * WINDOW - 1) as f64;
    (0..w * h)
        .map(|i| {
            let (va, vb) = (sample * (aa[i] - ma[i] * ma[i]), sample * (bb[i] - mb[i] * mb[i]));
            let covariance = sample * (ab[i] - ma[i] * mb[i]);
            let top = (2.0 * ma[i] * mb[i] + c1) * (2.0 * covariance + c2);
            top / ((ma[i] * ma[i] + mb[i] * mb[i] + c1) * (va + vb + c2))
        })
        .collect()
}

fn window_means(v: &[f64], w: usize, h: usize) -> Vec<f64> {
    let mut rows = vec![0.0; w * h];
    let range = |i: usize, n: usize| i.saturating_sub(WINDOW / 2)..(i + WINDOW / 2 + 1).min(n);
    for y in 0..h {
        for x in 0..w {
            let r = range(x, w);
            let n = r.len() as f64;
            rows[y * w + x] = v[y * w..][r].iter().sum::<f64>() / n;
        }
    }
    let mut out = vec![0.0; w * h];
    for y in 0..h {
        let r = range(y, h);
        let n = r.len() as f64;
        for x in 0..w {
            out[y * w + x] = r.clone().map(|k| rows[k * w + x]).sum::<f64>() / n;
        }
    }
    out
}
