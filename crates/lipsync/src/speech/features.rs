//! What the viseme network hears: 26 log-mel bands, 100 times a second, made independent of loudness and microphone.
//!
//! Samples are taken in pieces and not kept: a second of speech leaves 10 KB. Constants are those of the training (`tools/models/feat.py`);
//! changing one means training again.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::percentile;

/// Samples per second.
pub(crate) const SAMPLE_RATE: usize = 16_000;
/// Mel bands per feature frame.
pub(crate) const BANDS: usize = 26;
/// Feature frames per second; frame i is centred at i * 10 ms.
pub(crate) const RATE: f32 = 100.0;

const HOP: usize = 160;
const WINDOW: usize = 400;
const FFT: usize = 512;
const BAND_LOW_HZ: f64 = 80.0;
const BAND_HIGH_HZ: f64 = 7600.0;
const PRE_EMPHASIS: f64 = 0.97;
/// Frames this far (in ln units) below the loud ones do not count for the per-band mean.
const LOUD_RANGE: f32 = 4.6;

/// Rows of `BANDS` values.
pub(crate) type Bands = Vec<[f32; BANDS]>;

/// Normalised features of a whole recording, and which frames are silent in absolute terms.
pub(crate) struct Features {
    /// Within -4..4.
    pub(crate) bands: Bands,
    /// No sound at all. Normalisation makes speech out of nothing when nothing but digital silence is there; this does not.
    pub(crate) mute: Vec<bool>,
}

impl Features {
    /// Mean over the bands of each frame: loudness on the scale of the normalisation.
    pub(crate) fn loudness(&self) -> Vec<f32> {
        self.bands.iter().map(|b| b.iter().sum::<f32>() / BANDS as f32).collect()
    }
}

/// Streaming log-mel analysis.
pub(crate) struct LogMel {
    fft: Arc<dyn RealToComplex<f64>>,
    window: [f64; WINDOW],
    /// Per band: first FFT bin and its weights.
    filters: Vec<(usize, Vec<f64>)>,
    /// Emphasised samples from the start of the next frame on.
    waiting: Vec<f64>,
    last: Option<f64>,
    samples: usize,
    rows: Bands,
    input: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
}

impl LogMel {
    pub(crate) fn new() -> Self {
        let fft = RealFftPlanner::<f64>::new().plan_fft_forward(FFT);
        let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / (WINDOW - 1) as f64).cos();
        Self {
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            fft,
            window: std::array::from_fn(hann),
            filters: mel_filters(),
            // Frame 0 is centred on the first sample.
            waiting: vec![0.0; WINDOW / 2],
            last: None,
            samples: 0,
            rows: Vec::new(),
        }
    }

    /// Samples taken so far.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Takes the next samples.
    pub(crate) fn push(&mut self, samples: &[f32]) {
        self.samples += samples.len();
        for &s in samples {
            let s = if s.is_finite() { f64::from(s) } else { 0.0 };
            let before = self.last.replace(s);
            self.waiting.push(before.map_or(s, |b| s - PRE_EMPHASIS * b));
        }
        self.analyse();
    }

    fn analyse(&mut self) {
        let mut start = 0;
        while let Some(frame) = self.waiting.get(start..start + WINDOW) {
            for ((to, x), w) in self.input.iter_mut().zip(frame).zip(&self.window) {
                *to = x * w;
            }
            self.input[WINDOW..].fill(0.0);
            // Fails only on buffers of the wrong length; these were made by the plan.
            let done = self.fft.process(&mut self.input, &mut self.spectrum);
            debug_assert!(done.is_ok());
            let spectrum = &self.spectrum;
            self.rows.push(std::array::from_fn(|b| {
                let (first, weights) = &self.filters[b];
                let power: f64 = weights.iter().zip(&spectrum[*first..]).map(|(w, c)| w * c.norm_sqr()).sum();
                (power + 1e-8).ln() as f32
            }));
            start += HOP;
        }
        self.waiting.drain(..start);
    }

    /// The log-mel rows, one per 10 ms begun.
    pub(crate) fn finish(mut self) -> Bands {
        self.waiting.extend([0.0; WINDOW]);
        self.analyse();
        self.rows.truncate(self.samples / HOP + 1);
        self.rows
    }
}

/// Takes out what loudness and microphone put in: per band the mean over the loud frames, then a fixed scale.
pub(crate) fn normalise(mut rows: Bands) -> Features {
    /// Mean log power below which there is no sound: about -80 dB full scale.
    const MUTE: f32 = -13.0;
    let energy: Vec<f32> = rows.iter().map(|r| r.iter().sum::<f32>() / BANDS as f32).collect();
    let top = percentile(energy.iter().copied(), 95.0);
    let mut mean = [0.0f32; BANDS];
    let mut count = 0.0;
    for (row, _) in rows.iter().zip(&energy).filter(|(_, e)| **e > top - LOUD_RANGE) {
        count += 1.0;
        // A running mean: sums of hours of rows would lose digits.
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += (v - *m) / count);
    }
    for row in &mut rows {
        row.iter_mut().zip(&mean).for_each(|(v, m)| *v = ((*v - m) / 2.5).clamp(-4.0, 4.0));
    }
    Features { bands: rows, mute: energy.iter().map(|&e| e < MUTE).collect() }
}

fn mel_filters() -> Vec<(usize, Vec<f64>)> {
    let mel = |f: f64| 1127.0 * (1.0 + f / 700.0).ln();
    let hertz = |m: f64| 700.0 * ((m / 1127.0).exp() - 1.0);
    let (low, high) = (mel(BAND_LOW_HZ), mel(BAND_HIGH_HZ));
    let edge = |i: usize| hertz(low + (high - low) * i as f64 / (BANDS + 1) as f64);
    (0..BANDS)
        .map(|b| {
            let (left, centre, right) = (edge(b), edge(b + 1), edge(b + 2));
            let weight = |bin: usize| {
                let f = (bin * SAMPLE_RATE) as f64 / FFT as f64;
                ((f - left) / (centre - left)).min((right - f) / (right - centre)).max(0.0)
            };
            let first = (0..=FFT / 2).find(|&k| weight(k) > 0.0).unwrap_or(0);
            (first, (first..=FFT / 2).map(weight).take_while(|w| *w > 0.0).collect())
        })
        .collect()
}
