//! Small one-dimensional tools: Gaussian smoothing, percentiles, linear interpolation. The same definitions as scipy's and numpy's, because
//! the constants of this crate were tuned with those.

/// Smooths with a Gaussian of `sigma` samples, mirrored at the ends, cut at four sigma.
pub(crate) fn gaussian(x: &[f32], sigma: f32) -> Vec<f32> {
    let kernel = kernel(sigma);
    let (n, radius) = (x.len() as isize, (kernel.len() / 2) as isize);
    (0..n)
        .map(|i| {
            let taps = kernel.iter().enumerate();
            taps.map(|(k, &w)| w * x[mirror(i + k as isize - radius, n)]).sum()
        })
        .collect()
}

/// Normalised weights, odd in number.
pub(crate) fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (4.0 * sigma + 0.5) as i32;
    let weights: Vec<f32> = (-radius..=radius).map(|k| (-0.5 * (k as f32 / sigma).powi(2)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// Index of sample `i` in a signal of length `n` that is reflected at both ends (`d c b a | a b c d | d c b a`).
fn mirror(i: isize, n: isize) -> usize {
    let i = i.rem_euclid(2 * n);
    (if i < n { i } else { 2 * n - 1 - i }) as usize
}

/// The `percent`th percentile, interpolated; 0 for no values.
pub(crate) fn percentile(values: impl IntoIterator<Item = f32>, percent: f32) -> f32 {
    let mut sorted: Vec<f32> = values.into_iter().collect();
    if sorted.is_empty() {
        return 0.0;
    }
    sorted.sort_unstable_by(f32::total_cmp);
    interpolate(&sorted, percent / 100.0 * (sorted.len() - 1) as f32)
}

/// The value of `x` at a fractional index; the ends continue.
pub(crate) fn interpolate(x: &[f32], at: f32) -> f32 {
    let Some(last) = x.len().checked_sub(1) else { return 0.0 };
    let at = at.clamp(0.0, last as f32);
    let i = (at as usize).min(last);
    let next = x[(i + 1).min(last)];
    x[i] + (next - x[i]) * (at - i as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy_and_numpy() {
        // scipy.ndimage.gaussian_filter1d([0, 0, 1, 0, 5], 1.0) and numpy.percentile([3, 1, 2, 10], 75).
        let expected = [0.059_092, 0.264_934, 0.691_058, 1.721_918, 3.262_998];
        let got = gaussian(&[0.0, 0.0, 1.0, 0.0, 5.0], 1.0);
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{got:?}");
        assert!((percentile([3.0, 1.0, 2.0, 10.0], 75.0) - 4.75).abs() < 1e-6);
    }
}
