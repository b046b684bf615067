//! Where are the faces? BlazeFace, full range first (small faces, several faces), then short range (close-ups).
//!
//! Promise: a face is reported only with a score above [`SCORE_MIN`]; below it cats pass for people. Faces under about 9% of the picture's
//! longer side are found only by [`Detector::search_tiles`], which looks at quarters of the picture and costs as much as nine detections.

use crate::{
    Error,
    face::{
        Point,
        crop::{Outside, Square, crop},
    },
    frame::Frame,
    models::{self, FULL_RANGE_SIDE, Network, SHORT_RANGE_SIDE},
};

/// Least score of a detection. At 0.5 a cat was taken for a person.
const SCORE_MIN: f32 = 0.6;
/// Boxes that overlap more than this are one face.
const OVERLAP_MAX: f32 = 0.3;
/// Values per anchor: box centre and size, then six key points; the first two are the eyes.
const VALUES: usize = 16;

/// A face, in pixels of the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detection {
    /// 0.6 to 1.
    pub(crate) score: f32,
    /// Centre of the box.
    pub(crate) centre: Point,
    /// Width and height of the box.
    pub(crate) size: [f32; 2],
    /// The person's right and left eye.
    pub(crate) eyes: [Point; 2],
}

impl Detection {
    /// The box's area in square pixels.
    pub(crate) fn area(&self) -> f32 {
        self.size[0] * self.size[1]
    }

    /// The square in which the landmark network should look: 1.5 times the box, upright by the eyes.
    pub(crate) fn square(&self) -> Square {
        let [a, b] = self.eyes;
        let angle = (b[1] - a[1]).atan2(b[0] - a[0]);
        Square { centre: self.centre, side: 1.5 * self.size[0].max(self.size[1]), angle }
    }

    /// (x, y) lies in the box, grown by a quarter: people click at hair and chins.
    pub(crate) fn contains(&self, [x, y]: Point) -> bool {
        (x - self.centre[0]).abs() <= 0.625 * self.size[0] && (y - self.centre[1]).abs() <= 0.625 * self.size[1]
    }
}

/// One network with its anchors (in 0..1 of its input).
struct Head {
    network: Box<dyn Network>,
    side: usize,
    anchors: Vec<Point>,
}

impl Head {
    /// `layout`: pairs of grid cells per side and anchors per cell, in the order of the network's outputs.
    fn new(network: Box<dyn Network>, side: usize, layout: &[(usize, usize)]) -> Self {
        let mut anchors = Vec::new();
        for &(cells, per_cell) in layout {
            for i in 0..cells * cells {
                let centre = |k: usize| (k as f32 + 0.5) / cells as f32;
                anchors.extend(std::iter::repeat_n([centre(i % cells), centre(i / cells)], per_cell));
            }
        }
        Self { network, side, anchors }
    }

    fn run(&self, frame: &Frame, view: Square, input: &mut Vec<f32>) -> Result<Vec<Detection>, Error> {
        crop(frame, view, self.side, Outside::Black, (1.0 / 127.5, -1.0), input);
        let out = self.network.infer(input)?;
        let [boxes, logits] = out.as_slice() else {
            return Err(Error::pipeline("the detector has other outputs than expected"));
        };
        let side = self.side as f32;
        let mut raw = Vec::new();
        for ((values, logit), anchor) in boxes.chunks_exact(VALUES).zip(logits).zip(&self.anchors) {
            let score = 1.0 / (1.0 + (-logit.clamp(-80.0, 80.0)).exp());
            if score < SCORE_MIN {
                continue;
            }
            let at = |k: usize| {
                let (u, v) = (values[k] + anchor[0] * side, values[k + 1] + anchor[1] * side);
                view.to_frame(u, v, self.side)
            };
            let scale = view.side / side;
            let size = [values[2] * scale, values[3] * scale];
            raw.push(Detection { score, centre: at(0), size, eyes: [at(4), at(6)] });
        }
        Ok(merge(raw))
    }
}

/// See the module.
pub(crate) struct Detector {
    full: Head,
    short: Head,
    input: Vec<f32>,
}

impl Detector {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            full: Head::new(models::face_full_range()?, FULL_RANGE_SIDE, &[(48, 1)]),
            short: Head::new(models::face_short_range()?, SHORT_RANGE_SIDE, &[(16, 2), (8, 6)]),
            input: Vec::new(),
        })
    }

    /// All faces in the frame, the surest first.
    pub(crate) fn search(&mut self, frame: &Frame) -> Result<Vec<Detection>, Error> {
        let view = whole(frame);
        let found = self.full.run(frame, view, &mut self.input)?;
        if !found.is_empty() {
            return Ok(found);
        }
        self.short.run(frame, view, &mut self.input)
    }

    /// Like `search`, in nine overlapping quarters of the picture, for faces too small to see in the whole.
    pub(crate) fn search_tiles(&mut self, frame: &Frame) -> Result<Vec<Detection>, Error> {
        let (w, h) = (frame.width as f32, frame.height as f32);
        let side = w.max(h) / 2.0;
        let mut all = Vec::new();
        for tile in 0..9 {
            let at = |length: f32, k: usize| {
                let reach = (length - side).max(0.0);
                (length.min(side) + reach * k as f32) / 2.0
            };
            let view = Square { centre: [at(w, tile % 3), at(h, tile / 3)], side, angle: 0.0 };
            all.extend(self.full.run(frame, view, &mut self.input)?);
            if h <= side && tile >= 2 {
                break; // A panorama has one row of tiles.
            }
        }
        Ok(merge(all))
    }
}

/// The square around the whole frame.
fn whole(frame: &Frame) -> Square {
    let (w, h) = (frame.width as f32, frame.height as f32);
    Square { centre: [w / 2.0, h / 2.0], side: w.max(h), angle: 0.0 }
}

/// Overlap of two boxes: intersection over union.
fn overlap(a: &Detection, b: &Detection) -> f32 {
    let along = |k: usize| {
        let low = (a.centre[k] - a.size[k] / 2.0).max(b.centre[k] - b.size[k] / 2.0);
        let high = (a.centre[k] + a.size[k] / 2.0).min(b.centre[k] + b.size[k] / 2.0);
        (high - low).max(0.0)
    };
    let common = along(0) * along(1);
    common / (a.area() + b.area() - common + 1e-9)
}

/// Weighted non-maximum suppression: overlapping boxes become one, averaged by score. Steadier than keeping the best alone.
fn merge(mut raw: Vec<Detection>) -> Vec<Detection> {
    raw.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut merged = Vec::new();
    while let Some(&best) = raw.first() {
        let (group, rest): (Vec<_>, Vec<_>) = raw.into_iter().partition(|d| overlap(&best, d) > OVERLAP_MAX);
        raw = rest;
        if group.is_empty() {
            raw.remove(0); // A box without area overlaps nothing, not even itself.
            continue;
        }
        let total: f32 = group.iter().map(|d| d.score).sum();
        let mean = |of: fn(&Detection) -> Point| {
            let sum = group.iter().fold([0.0; 2], |s, d| [s[0] + d.score * of(d)[0], s[1] + d.score * of(d)[1]]);
            [sum[0] / total, sum[1] / total]
        };
        merged.push(Detection {
            score: best.score,
            centre: mean(|d| d.centre),
            size: mean(|d| d.size),
            eyes: [mean(|d| d.eyes[0]), mean(|d| d.eyes[1])],
        });
    }
    merged
}
