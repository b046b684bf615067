//! Measures a produced file: does the mouth follow the sound in it, and is the rest of the picture intact?
//!
//! Everything is read from the file itself, audio included, so an offset made by the muxer is seen. A caution: the mouth is measured
//! with the same landmark network that drives it, so these are tests of the machinery, not of beauty.

use std::{ops::ControlFlow, path::Path};

use crate::{
    Error, Limits, Tools,
    face::{
        crop::Square,
        detect::{Detection, Detector},
        landmark::{Landmarks, Mesh, SCORE_MIN, square_around},
        topology::{CORNER_LEFT, CORNER_RIGHT, EYE_LEFT_OUTER, EYE_RIGHT_OUTER, OPENING, OVAL, UPPER_FACE},
    },
    frame::Frame,
    media::{
        audio,
        decode::{FRAMES_ALL, Picture},
        playback::Input,
        probe::{Role, Source},
        process::Stop,
        scratch::Scratch,
    },
    speech::{Articulation, Features, gaussian, interpolate, normalise, percentile},
    supervise::supervise,
};

mod similarity;

pub use similarity::Fidelity;

/// Furthest lag that is searched, in seconds.
const LAG_MAX_S: f64 = 0.4;
/// Every so-many-th frame is compared with the source.
const COMPARE_EVERY: usize = 5;

/// The mouth of a file, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Mouth {
    /// Frames per second.
    pub fps: f64,
    /// Mean of three inner-lip gaps over the distance of the outer eye corners; NaN where no face was seen.
    pub opening: Vec<f32>,
    /// Distance of the mouth's corners over that of the eyes; NaN likewise.
    pub width: Vec<f32>,
}

/// What speech asks of a mouth, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// Jaw and lip opening that the sound calls for.
    pub drive: Vec<f32>,
    /// Strength of closures, 0 to 1.
    pub closure: Vec<f32>,
    /// Loudness.
    pub loudness: Vec<f32>,
}

/// How well two curves agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Pearson's r without a shift.
    pub r: f64,
    /// Best r within 400 ms.
    pub r_best: f64,
    /// Where that is, in milliseconds; positive = the mouth is late.
    pub offset_ms: f64,
}

/// Measures the mouth in every frame of the video at `path`.
///
/// # Errors
/// As for an input of a job; [`Error::NoFace`] if there is none in any frame.
pub fn mouth(path: &Path, tools: &Tools) -> Result<Mouth, Error> {
    let mut eye = Eye::new()?;
    let (mut opening, mut width) = (Vec::new(), Vec::new());
    let fps = each_frame(path, tools, FRAMES_ALL, |frame| {
        let points = eye.look(frame)?;
        let distance =
            |a: usize, b: usize| points.as_ref().map_or(f32::NAN, |p| (p[a][0] - p[b][0]).hypot(p[a][1] - p[b][1]));
        let eyes = distance(EYE_RIGHT_OUTER, EYE_LEFT_OUTER);
        opening.push(OPENING.iter().map(|&(a, b)| distance(a, b)).sum::<f32>() / OPENING.len() as f32 / eyes);
        width.push(distance(CORNER_RIGHT, CORNER_LEFT) / eyes);
        Ok(())
    })?;
    if opening.iter().all(|o| o.is_nan()) {
        return Err(Error::NoFace);
    }
    Ok(Mouth { fps, opening, width })
}

/// What the sound of the file at `path` asks of the mouth in `frames` frames at `fps`. `reversed` runs it backward: a control that must
/// not fit.
///
/// # Errors
/// As for the speech of a job.
pub fn voice(path: &Path, tools: &Tools, (frames, fps): (usize, f64), reversed: bool) -> Result<Voice, Error> {
    let features = features(path, tools)?;
    let (articulation, loudness) = (Articulation::new(&features)?, features.loudness());
    let floor = percentile(loudness.iter().copied(), 10.0);
    let loudness = gaussian(&loudness.iter().map(|l| (l - floor).max(0.0)).collect::<Vec<_>>(), 4.0);
    let mut voice = Voice { drive: Vec::new(), closure: Vec::new(), loudness: Vec::new() };
    for k in 0..frames {
        let pose = articulation.at(k, fps);
        voice.drive.push(pose.drive());
        voice.closure.push(pose.press);
        voice.loudness.push(interpolate(&loudness, ((k as f64 + 0.5) / fps * 100.0) as f32));
    }
    if reversed {
        [&mut voice.drive, &mut voice.closure, &mut voice.loudness].into_iter().for_each(|c| c.reverse());
    }
    Ok(voice)
}

/// How well `a` follows `b`, both sampled at `fps`.
#[must_use]
pub fn agreement(a: &[f32], b: &[f32], fps: f64) -> Agreement {
    let lag_max = (LAG_MAX_S * fps).round() as isize;
    let at = |lag: isize| {
        let shift = lag.unsigned_abs();
        let (a, b) = if lag >= 0 { (a.get(shift..), Some(b)) } else { (Some(a), b.get(shift..)) };
        correlation(a.unwrap_or_default(), b.unwrap_or_default())
    };
    let all: Vec<f64> = (-lag_max..=lag_max).map(at).collect();
    let best = (0..all.len()).max_by(|&i, &j| all[i].total_cmp(&all[j])).unwrap_or(0);
    let mut lag = best as f64 - lag_max as f64;
    if best > 0 && best + 1 < all.len() {
        // The top of the parabola through the three highest points.
        let (l, c, r) = (all[best - 1], all[best], all[best + 1]);
        let bend = l - 2.0 * c + r;
        lag += if bend == 0.0 { 0.0 } else { 0.5 * (l - r) / bend };
    }
    Agreement { r: all[lag_max as usize], r_best: all[best], offset_ms: lag / fps * 1000.0 }
}

/// Compares a result with the source it was made from, frame k with frame `order(k)` of the source (0 for a still).
///
/// # Errors
/// As for inputs of a job.
pub fn fidelity(
    source: &Path,
    result: &Path,
    tools: &Tools,
    order: impl Fn(usize) -> usize + Sync,
) -> Result<Fidelity, Error> {
    let mut produced = Vec::new();
    let mut k = 0;
    // Only every fifth frame is kept, and only until it has been compared: long clips are not for this function.
    each_frame(result, tools, FRAMES_ALL, |frame| {
        if k % COMPARE_EVERY == 0 {
            produced.push((order(k), frame.clone()));
        }
        k += 1;
        Ok(())
    })?;
    let (mut eye, mut sum, mut index) = (Eye::new()?, similarity::Sum::default(), 0);
    let last = produced.iter().map(|(i, _)| i + 1).max().unwrap_or(1);
    each_frame(source, tools, last, |frame| {
        let here = produced.iter().filter(|(of, _)| *of == index);
        for (_, made) in here {
            if let Some(points) = eye.look_anew(frame)? {
                sum.add(frame, made, &hull(&points, &OVAL, 1.45), &hull(&points, &UPPER_FACE, 1.0));
            }
        }
        index += 1;
        Ok(())
    })?;
    sum.fidelity().ok_or(Error::NoFace)
}

fn features(path: &Path, tools: &Tools) -> Result<Features, Error> {
    let (limits, stop) = (Limits::default(), Stop::default());
    let scratch = Scratch::new(&std::env::temp_dir())?;
    supervise(
        &stop,
        limits.stall_max_s,
        || ControlFlow::Continue(()),
        || {
            let source = Source::open(path, Role::Speech, scratch.dir(), &limits, tools, &stop)?;
            Ok(normalise(audio::analyse(&source, &limits, tools, &scratch, &stop)?.finish()))
        },
    )
}

/// Calls `see` with every frame of the file and returns its frame rate.
fn each_frame(
    path: &Path,
    tools: &Tools,
    frames_max: usize,
    mut see: impl FnMut(&Frame) -> Result<(), Error> + Send,
) -> Result<f64, Error> {
    let (limits, stop) = (Limits::default(), Stop::default());
    let scratch = Scratch::new(&std::env::temp_dir())?;
    supervise(
        &stop,
        limits.stall_max_s,
        || ControlFlow::Continue(()),
        || {
            let source = Source::open(path, Role::Visual, scratch.dir(), &limits, tools, &stop)?;
            let picture = Picture::of(&source, &limits);
            let input =
                Input { source: &source, picture: &picture, limits: &limits, tools, scratch: &scratch, stop: &stop };
            let mut decoder = input.decoder(frames_max)?;
            let mut frame = Frame::default();
            while decoder.read(&mut frame)? {
                see(&frame)?;
            }
            Ok(source.info.fps)
        },
    )
}

/// A tracker without memory or smoothing: what it sees is in the frame.
struct Eye {
    detector: Detector,
    mesh: Mesh,
    square: Option<Square>,
}

impl Eye {
    fn new() -> Result<Self, Error> {
        Ok(Self { detector: Detector::new()?, mesh: Mesh::new()?, square: None })
    }

    fn look(&mut self, frame: &Frame) -> Result<Option<Landmarks>, Error> {
        if self.square.is_none() {
            let found = self.detector.search(frame)?;
            let largest = found.iter().max_by(|a, b| a.area().total_cmp(&b.area()));
            let Some(mut square) = largest.map(Detection::square) else { return Ok(None) };
            for _ in 0..3 {
                square = square_around(&self.mesh.run(frame, square)?.0);
            }
            self.square = Some(square);
        }
        let Some(square) = self.square else { return Ok(None) };
        let (points, score) = self.mesh.run(frame, square)?;
        self.square = (score >= SCORE_MIN).then(|| square_around(&points));
        Ok(self.square.is_some().then_some(points))
    }

    fn look_anew(&mut self, frame: &Frame) -> Result<Option<Landmarks>, Error> {
        self.square = None;
        self.look(frame)
    }
}

/// Pearson's r over the common length, leaving out pairs with a NaN; 0 if there is nothing to correlate.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let pairs: Vec<(f64, f64)> =
        a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan()).map(|(&a, &b)| (a.into(), b.into())).collect();
    let n = pairs.len() as f64;
    let (ma, mb) = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        ab += (a - ma) * (b - mb);
        aa += (a - ma).powi(2);
        bb += (b - mb).powi(2);
    }
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

/// The convex hull of some landmarks, `size` times as large about their centre.
fn hull(points: &Landmarks, vertices: &[usize], size: f32) -> Vec<[f32; 2]> {
    let n = vertices.len() as f32;
    let centre = vertices.iter().fold([0.0; 2], |c, &v| [c[0] + points[v][0] / n, c[1] + points[v][1] / n]);
    let mut p: Vec<[f32; 2]> =
        vertices.iter().map(|&v| std::array::from_fn(|k| centre[k] + (points[v][k] - centre[k]) * size)).collect();
    p.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let turn = |o: [f32; 2], a: [f32; 2], b: [f32; 2]| (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    let chain = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut hull: Vec<[f32; 2]> = Vec::new();
        for p in points {
            while hull.len() > 1 && turn(hull[hull.len() - 2], hull[hull.len() - 1], p) <= 0.0 {
                hull.pop();
            }
            hull.push(p);
        }
        hull.pop();
        hull
    };
    let mut whole = chain(&mut p.iter().copied());
    whole.extend(chain(&mut p.iter().rev().copied()));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_mouth_is_found_late() {
        let voice: Vec<f32> = (0..200).map(|i| (i as f32 * 0.37).sin() + (i as f32 * 0.11).cos()).collect();
        let late: Vec<f32> = (0..200_usize).map(|i| voice[i.saturating_sub(3)]).collect();
        let found = agreement(&late, &voice, 25.0);
        assert!((found.offset_ms - 120.0).abs() < 8.0, "{found:?}");
        assert!(found.r_best > 0.99 && found.r < found.r_best);
    }
}
