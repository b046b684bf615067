//! Which of 16 mouth shapes is heard, every 10 ms: a small network on 25 hundredths of a second of features around the moment.

use super::{BANDS, Bands};
use crate::{Error, models};

/// Mouth shapes, in the network's order: sil PP FF TH DD kk CH SS nn RR aa E ih oh ou ax.
pub(crate) const CLASSES: usize = 16;
/// Index of silence.
pub(crate) const SILENCE: usize = 0;
/// Index of the bilabials p, b, m.
pub(crate) const BILABIAL: usize = 1;

/// Probabilities of the classes; they sum to 1.
pub(crate) type Posterior = [f32; CLASSES];

/// Feature frames that the network sees, relative to the moment.
const CONTEXT: [isize; 13] = [-12, -9, -6, -4, -2, -1, 0, 1, 2, 4, 6, 9, 12];

/// One posterior per feature frame.
pub(crate) fn posteriors(bands: &Bands) -> Result<Vec<Posterior>, Error> {
    let mut network = models::viseme()?;
    if network.shape() != (CONTEXT.len() * BANDS, CLASSES) {
        return Err(Error::pipeline("the embedded viseme network has another shape than expected"));
    }
    let last = bands.len() as isize - 1;
    let mut input = Vec::with_capacity(CONTEXT.len() * BANDS);
    Ok((0..=last)
        .map(|i| {
            input.clear();
            for offset in CONTEXT {
                input.extend_from_slice(&bands[(i + offset).clamp(0, last) as usize]);
            }
            softmax(network.forward(&input))
        })
        .collect())
}

fn softmax(logits: &[f32]) -> Posterior {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let mut p: Posterior = std::array::from_fn(|k| (logits[k] - top).exp());
    let sum: f32 = p.iter().sum();
    p.iter_mut().for_each(|v| *v /= sum);
    p
}
