//! Pass 1: follows the speaking face through the clip, frame by frame, and says where its 468 points are.
//!
//! Promise: `push` looks only at the frame it gets, so memory grows by the landmarks alone (about 6 KB a frame). A frame in which the face
//! is not seen has no points and will be shown unchanged. Frames between two losses or cuts share a segment; nothing may be smoothed across
//! its borders, because on the other side there may be another face.

use crate::{
    Error,
    face::{
        Point,
        crop::Square,
        detect::{Detection, Detector},
        landmark::{Landmarks, Mesh, SCORE_MIN, square_around},
        select::{Box4, Selection},
        smooth::smooth,
    },
    frame::Frame,
    models::{LANDMARKS, Vec3},
};

/// While no face is seen, the detector runs on every frame for so long, then on every third: footage without faces must not take forever.
const EAGER_FRAMES: usize = 25;
/// How often the quarters of the picture are searched while no face is seen, and how often other faces while the speaker is not known yet.
const SEARCH_EVERY: usize = 12;
/// A face box that moves by more than this share of its width between two frames is another face: a cut.
const JUMP_MAX: f32 = 0.5;
/// Mean change of the thumbnail's brightness (0..255) from one frame to the next that is a cut.
const CUT_MIN: f32 = 40.0;
/// Runs of the landmark network on a new face; after four its points move by less than a tenth of a pixel.
const SETTLE_ROUNDS: usize = 4;
/// Faces that are followed at once until the speaker is known.
const CANDIDATES_MAX: usize = 4;

/// The followed face in one frame.
pub(crate) struct Sighting {
    /// In pixels.
    pub(crate) points: Landmarks,
    /// Frames of the same number belong together.
    pub(crate) segment: u32,
}

/// One face and its path so far.
#[derive(Default)]
struct Path {
    square: Option<Square>,
    segment: u32,
    seen: Vec<Option<Sighting>>,
}

impl Path {
    /// Records the face in `square`, or its loss.
    fn step(&mut self, mesh: &mut Mesh, frame: &Frame, square: Option<Square>) -> Result<(), Error> {
        let sighting = match square {
            Some(square) => Some(mesh.run(frame, square)?).filter(|(_, score)| *score >= SCORE_MIN),
            None => None,
        };
        let Some((points, _)) = sighting else {
            self.square = None;
            self.segment += 1;
            self.seen.push(None);
            return Ok(());
        };
        let next = square_around(&points);
        if self.square.is_some_and(|old| jumped(old, next)) {
            self.segment += 1;
        }
        self.square = Some(next);
        self.seen.push(Some(Sighting { points, segment: self.segment }));
        Ok(())
    }
}

/// See the module.
pub(crate) struct Tracker {
    detector: Detector,
    mesh: Mesh,
    selection: Selection,
    /// The speaker's path; until the speaker is known, everybody's.
    paths: Vec<Path>,
    /// The speaker is `paths[0]`.
    known: bool,
    frames: usize,
    lost_for: usize,
    last_centre: Option<Point>,
    thumbnail: Vec<f32>,
}

impl Tracker {
    pub(crate) fn new(selection: Selection) -> Result<Self, Error> {
        let known = !matches!(selection, Selection::At { .. });
        Ok(Self {
            detector: Detector::new()?,
            mesh: Mesh::new()?,
            selection,
            paths: if known { vec![Path::default()] } else { Vec::new() },
            known,
            frames: 0,
            lost_for: 0,
            last_centre: None,
            thumbnail: Vec::new(),
        })
    }

    /// Takes the next frame. Returns the speaker's points in it, if they are known by now.
    pub(crate) fn push(&mut self, frame: &Frame) -> Result<Option<&[Vec3; LANDMARKS]>, Error> {
        if self.is_cut(frame) {
            self.paths.iter_mut().for_each(|p| p.square = None);
            self.last_centre = None;
            self.lost_for = 0;
        }
        let index = self.frames;
        self.frames += 1;
        match self.selection {
            Selection::At { frame: at, point } if !self.known => self.push_candidates(frame, index, at, point)?,
            Selection::Boxes(ref boxes) => {
                let wanted = boxes.of(index);
                self.push_boxed(frame, wanted)?;
            }
            _ => self.push_speaker(frame)?,
        }
        let seen = if self.known { self.paths[0].seen.last() } else { None };
        Ok(seen.and_then(Option::as_ref).map(|s| &*s.points))
    }

    /// The speaker's smoothed path, one entry per pushed frame.
    pub(crate) fn finish(mut self, fps: f32) -> Result<Vec<Option<Sighting>>, Error> {
        if !self.known {
            return Err(Error::FaceSelectionInvalid { reason: "frame_number lies beyond the end of the video" });
        }
        let mut seen = self.paths.swap_remove(0).seen;
        if seen.iter().all(Option::is_none) {
            let in_boxes = Error::FaceSelectionInvalid { reason: "no face was found in any of the bounding boxes" };
            return Err(if matches!(self.selection, Selection::Boxes(_)) { in_boxes } else { Error::NoFace });
        }
        let mut sightings: Vec<&mut Sighting> = seen.iter_mut().flatten().collect();
        for run in sightings.chunk_by_mut(|a, b| a.segment == b.segment) {
            let mut points: Vec<&mut Landmarks> = run.iter_mut().map(|s| &mut s.points).collect();
            smooth(&mut points, fps);
        }
        Ok(seen)
    }

    fn push_speaker(&mut self, frame: &Frame) -> Result<(), Error> {
        let square = match self.paths[0].square {
            Some(square) => Some(square),
            None => self.find(frame)?,
        };
        self.paths[0].step(&mut self.mesh, frame, square)?;
        match self.paths[0].square {
            Some(square) => (self.lost_for, self.last_centre) = (0, Some(square.centre)),
            None => self.lost_for += 1,
        }
        Ok(())
    }

    /// Searches the whole picture for the speaker: near the place of the last sighting, else the largest face.
    fn find(&mut self, frame: &Frame) -> Result<Option<Square>, Error> {
        if self.lost_for > EAGER_FRAMES && !self.lost_for.is_multiple_of(3) {
            return Ok(None);
        }
        let mut found = self.detector.search(frame)?;
        if found.is_empty() && self.lost_for.is_multiple_of(SEARCH_EVERY) {
            found = self.detector.search_tiles(frame)?;
        }
        let largest = |a: &&Detection, b: &&Detection| a.area().total_cmp(&b.area());
        let best = match self.last_centre {
            Some(last) => found.iter().min_by(|a, b| distance(a.centre, last).total_cmp(&distance(b.centre, last))),
            None => found.iter().max_by(largest),
        };
        best.map(|d| self.settle(frame, d)).transpose().map(Option::flatten)
    }

    /// Refines a detection: the landmark network works best on a square made from its own landmarks, and takes a few rounds to agree
    /// with itself. In a video the frames are the rounds; a still has only these.
    fn settle(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<Square>, Error> {
        let mut square = detection.square();
        for _ in 0..SETTLE_ROUNDS {
            let (points, score) = self.mesh.run(frame, square)?;
            if score < SCORE_MIN {
                return Ok(None);
            }
            square = square_around(&points);
        }
        Ok(Some(square))
    }

    fn push_boxed(&mut self, frame: &Frame, wanted: Option<Box4>) -> Result<(), Error> {
        let inside = |b: Box4, p: Point| (b[0]..b[2]).contains(&p[0]) && (b[1]..b[3]).contains(&p[1]);
        let square = match (wanted, self.paths[0].square) {
            (None, _) => None,
            (Some(b), Some(square)) if inside(b, square.centre) => Some(square),
            (Some(b), _) => {
                self.paths[0].segment += 1;
                let found = self.detector.search(frame)?;
                match found.iter().find(|d| inside(b, d.centre)) {
                    Some(d) => self.settle(frame, d)?,
                    None => Some(square_of_box(b)),
                }
            }
        };
        self.paths[0].step(&mut self.mesh, frame, square)
    }

    /// Follows everybody until frame `at` shows who stands at `point`.
    fn push_candidates(&mut self, frame: &Frame, index: usize, at: usize, point: Point) -> Result<(), Error> {
        if index == at || (index.is_multiple_of(SEARCH_EVERY) && self.paths.len() < CANDIDATES_MAX) {
            let mut found = self.detector.search(frame)?;
            if found.is_empty() {
                found = self.detector.search_tiles(frame)?;
            }
            for d in &found {
                let known = |p: &Path| p.square.is_some_and(|s| distance(s.centre, d.centre) < d.size[0]);
                if self.paths.iter().any(known) || (index != at && self.paths.len() >= CANDIDATES_MAX) {
                    continue;
                }
                let square = self.settle(frame, d)?;
                let mut path = Path { square, ..Path::default() };
                path.seen.resize_with(index, || None);
                self.paths.push(path);
            }
            if index == at {
                self.choose(&found, point)?;
            }
        }
        for path in &mut self.paths {
            let square = path.square;
            path.step(&mut self.mesh, frame, square)?;
        }
        Ok(())
    }

    fn choose(&mut self, found: &[Detection], point: Point) -> Result<(), Error> {
        let none = Error::FaceSelectionInvalid { reason: "no face was found at the coordinates in that frame" };
        let hits = found.iter().filter(|d| d.contains(point));
        let Some(hit) = hits.min_by(|a, b| distance(a.centre, point).total_cmp(&distance(b.centre, point))) else {
            return Err(none);
        };
        let gap = |p: &Path| p.square.map_or(f32::MAX, |s| distance(s.centre, hit.centre));
        let best = (0..self.paths.len()).min_by(|&a, &b| gap(&self.paths[a]).total_cmp(&gap(&self.paths[b])));
        let Some(best) = best.filter(|&b| gap(&self.paths[b]) < hit.size[0]) else {
            return Err(none);
        };
        self.paths.swap(0, best);
        self.paths.truncate(1);
        self.known = true;
        Ok(())
    }

    /// The picture as a whole is another one than before.
    fn is_cut(&mut self, frame: &Frame) -> bool {
        const GRID: usize = 24;
        let old = std::mem::take(&mut self.thumbnail);
        self.thumbnail.extend((0..GRID * GRID).map(|i| {
            let (x, y) = ((i % GRID) * frame.width / GRID, (i / GRID) * frame.height / GRID);
            f32::from(frame.pixel(x, y)[1])
        }));
        let change: f32 = old.iter().zip(&self.thumbnail).map(|(a, b)| (a - b).abs()).sum();
        change / (GRID * GRID) as f32 > CUT_MIN
    }
}

fn distance(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// A square made from landmarks is 1.5 times the face.
fn jumped(old: Square, new: Square) -> bool {
    distance(old.centre, new.centre) > JUMP_MAX * old.side / 1.5
}

fn square_of_box(b: Box4) -> Square {
    let centre = [f32::midpoint(b[0], b[2]), f32::midpoint(b[1], b[3])];
    Square { centre, side: 1.5 * (b[2] - b[0]).max(b[3] - b[1]), angle: 0.0 }
}
