//! Takes the jitter out of tracked landmarks without making them late.
//!
//! The One-Euro filter (Casiez 2012) smooths what rests and follows what moves. Run forward it lags behind a moving head, and a mouth that
//! is pasted two pixels late swims on the face; all frames are known before the first is rendered, so it runs in both directions and
//! the two results are averaged: the lags cancel.

use crate::{face::landmark::Landmarks, models::Vec3};

/// Cutoff at rest, in Hz.
const CUTOFF_HZ: f32 = 3.0;
/// Cutoff gained per pixel per second.
const BETA: f32 = 0.03;
/// Cutoff of the speed estimate, in Hz.
const SPEED_CUTOFF_HZ: f32 = 1.0;

/// Smooths one uninterrupted run of frames in place.
pub(crate) fn smooth(run: &mut [&mut Landmarks], fps: f32) {
    if run.len() < 2 {
        return;
    }
    let vertices = run[0].len();
    let (mut path, mut forward) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
    for v in 0..vertices {
        path.clear();
        path.extend(run.iter().map(|l| l[v]));
        forward.clone_from(&path);
        filter(forward.iter_mut(), fps);
        filter(path.iter_mut().rev(), fps);
        for ((l, a), b) in run.iter_mut().zip(&forward).zip(&path) {
            l[v] = std::array::from_fn(|k| f32::midpoint(a[k], b[k]));
        }
    }
}

fn filter<'a>(path: impl Iterator<Item = &'a mut Vec3>, fps: f32) {
    let alpha = |cutoff: f32| 1.0 / (1.0 + fps / (std::f32::consts::TAU * cutoff));
    let speed_alpha = alpha(SPEED_CUTOFF_HZ);
    let mut state: Option<(Vec3, Vec3)> = None;
    for p in path {
        let Some((at, speed)) = &mut state else {
            state = Some((*p, [0.0; 3]));
            continue;
        };
        for k in 0..3 {
            speed[k] += speed_alpha * ((p[k] - at[k]) * fps - speed[k]);
        }
        let magnitude = speed.iter().map(|c| c * c).sum::<f32>().sqrt();
        let a = alpha(CUTOFF_HZ + BETA * magnitude);
        for k in 0..3 {
            at[k] += a * (p[k] - at[k]);
        }
        *p = *at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_motion_is_not_delayed_and_jitter_shrinks() {
        let make = |i: usize| -> Landmarks {
            let jitter = if i.is_multiple_of(2) { 0.5 } else { -0.5 };
            Box::new(std::array::from_fn(|v| [i as f32 * 2.0, if v == 0 { jitter } else { 0.0 }, 0.0]))
        };
        let mut frames: Vec<Landmarks> = (0..50).map(make).collect();
        smooth(&mut frames.iter_mut().collect::<Vec<_>>(), 25.0);
        for (i, l) in frames.iter().enumerate().skip(10).take(30) {
            assert!((l[1][0] - i as f32 * 2.0).abs() < 0.1, "frame {i} at {}", l[1][0]);
            assert!(l[0][1].abs() < 0.35);
        }
    }
}
