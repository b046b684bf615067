//! What is particular to this person: the face with its mouth shut, and what their teeth look like.
//!
//! Both are learnt in pass 1. [`Album`] keeps crops of at most [`PAGES`] frames, however long the clip is.

use crate::{
    face::{
        landmark::Landmarks,
        pose::Pose,
        topology::{INNER, LOWER_INNER, UPPER_INNER},
    },
    frame::Frame,
    models::{LANDMARKS, Vec3},
    render::{Area, Plane, Rig, brightness},
    speech::percentile,
};

/// Frames whose mouths are kept.
const PAGES: usize = 12;
/// Opening in cm from which an interior is worth borrowing.
const OPEN_MIN_CM: f32 = 0.35;
/// Brightness of the interior over that of the skin from which teeth show. A dark cavity borrowed as teeth looks like a hole.
const TEETH_MIN: f32 = 0.80;
/// Most frames from which the shape at rest is taken.
const REST_SAMPLES_MAX: usize = 200;

/// The real interior of the person's mouth in one frame, anchored to the skull.
pub(crate) struct Exemplar {
    /// The pixels around the mouth.
    pub(crate) picture: Frame,
    /// Where they lie in the frame they come from.
    pub(crate) origin: [f32; 2],
    /// How the head was held there.
    pub(crate) pose: Pose,
    /// 1 inside the mouth, 0 on the lips; of the picture's size.
    pub(crate) mask: Plane,
}

struct Page {
    gap_cm: f32,
    toothiness: f32,
    exemplar: Exemplar,
}

/// Collects the most open mouths of a clip.
#[derive(Default)]
pub(crate) struct Album {
    pages: Vec<Page>,
}

impl Album {
    /// Looks at a frame of pass 1.
    pub(crate) fn look(&mut self, frame: &Frame, points: &[Vec3; LANDMARKS], canon: &[Vec3; LANDMARKS]) {
        let pose = Pose::fit(canon, points);
        let gap_cm = pose.unproject(points[UPPER_INNER])[1] - pose.unproject(points[LOWER_INNER])[1];
        let least = self.pages.iter().enumerate().min_by(|a, b| a.1.gap_cm.total_cmp(&b.1.gap_cm));
        let place = match least {
            Some((i, page)) if self.pages.len() == PAGES => {
                if page.gap_cm >= gap_cm {
                    return;
                }
                Some(i)
            }
            _ => None,
        };
        if gap_cm < OPEN_MIN_CM {
            return;
        }
        let Some(page) = photograph(frame, points, pose, gap_cm) else { return };
        match place {
            Some(i) => self.pages[i] = page,
            None => self.pages.push(page),
        }
    }

    /// The mouth that shows the most teeth, if any shows enough.
    pub(crate) fn best(self) -> Option<Exemplar> {
        let best = self.pages.into_iter().max_by(|a, b| a.toothiness.total_cmp(&b.toothiness))?;
        (best.toothiness > TEETH_MIN).then_some(best.exemplar)
    }
}

fn photograph(frame: &Frame, points: &[Vec3; LANDMARKS], pose: Pose, gap_cm: f32) -> Option<Page> {
    let opening = INNER.map(|v| [points[v][0], points[v][1]]);
    let area = Area::around(opening.into_iter(), 4.0 + 0.2 * pose.scale, (frame.width, frame.height))?;
    let mut picture = Frame::new(area.width(), area.height());
    for y in 0..area.height() {
        picture.row_mut(y, 0, area.width()).copy_from_slice(frame.row(area.y0 + y, area.x0, area.x1));
    }
    let mut mask = Plane::default();
    mask.clear(area);
    mask.fill_polygon(&opening);
    let inside = picture.data.chunks_exact(4).zip(mask.values()).filter(|(_, m)| **m > 0.5);
    let light: Vec<f32> = inside.map(|(p, _)| p[..3].iter().map(|&c| f32::from(c)).sum::<f32>() / 3.0).collect();
    let toothiness = percentile(light, 75.0) / brightness(frame, points).max(1.0);
    let mut scratch = Plane::default();
    mask.erode((pose.scale * 0.07).round().max(1.0) as usize, &mut scratch);
    mask.blur((pose.scale * 0.05).max(0.6), &mut scratch);
    let exemplar = Exemplar { picture, origin: [area.x0 as f32, area.y0 as f32], pose, mask };
    Some(Page { gap_cm, toothiness, exemplar })
}

/// The person's face with its mouth shut: per vertex the median over the least open frames.
pub(crate) fn shape_at_rest<'a>(
    rig: &Rig,
    canon: &[Vec3; LANDMARKS],
    sightings: impl Iterator<Item = &'a Landmarks>,
) -> Landmarks {
    let gap_and_shape = |points: &'a Landmarks| {
        let pose = Pose::fit(canon, points);
        let gap = pose.unproject(points[UPPER_INNER])[1] - pose.unproject(points[LOWER_INNER])[1];
        (gap, pose, points)
    };
    let mut frames: Vec<_> = sightings.map(gap_and_shape).collect();
    frames.sort_by(|a, b| a.0.total_cmp(&b.0));
    frames.truncate((frames.len() / 5).max(1));
    let step = frames.len().div_ceil(REST_SAMPLES_MAX);
    let shapes: Vec<Landmarks> = frames.iter().step_by(step).map(|(_, pose, points)| pose.canonical(points)).collect();
    let median = |v: usize, k: usize| percentile(shapes.iter().map(|s| s[v][k]), 50.0);
    let base: Landmarks = Box::new(std::array::from_fn(|v| std::array::from_fn(|k| median(v, k))));
    rig.shut(&base)
}
