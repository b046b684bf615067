//! How the face moves: a jaw that turns about an axis through the ears, and lip shapes, on the 468 canonical vertices.
//!
//! The weights are made by hand for the canonical face and hold for everyone, because a person's own shape is kept in the same frame.
//! Nothing here knows of pictures. Lengths are centimetres.

use crate::{
    face::{
        landmark::Landmarks,
        topology::{CORNER_LEFT, CORNER_RIGHT, LOWER_INNER, LOWER_ROWS, OVAL, UPPER_INNER, UPPER_ROWS},
    },
    models::{Canon, LANDMARKS, Vec3},
    render::smoothstep,
    speech::Pose,
};

/// The jaw's axis (y and z); it runs from ear to ear.
const PIVOT: [f32; 2] = [1.0, -2.0];
/// Jaw opening at channel value 1.
const JAW_MAX: f32 = 11.0 * std::f32::consts::PI / 180.0;
/// Lips are pressed and tucked row by row, outer edge first: how far each row follows the inner edge.
const PRESS_ROWS: [f32; 4] = [0.16, 0.22, 0.30, 0.0];
const TUCK_ROWS: [f32; 4] = [0.0, 0.1, 0.25, 0.0];
/// How far each lip row follows when an open mouth is shut.
const SHUT_ROWS: [f32; 4] = [0.75, 0.85, 0.95, 1.0];
/// Share of an open mouth's gap that the jaw closes; the lips close the rest.
const SHUT_BY_JAW: f32 = 0.62;

type Weights = Box<[f32; LANDMARKS]>;

/// See the module.
pub(crate) struct Rig {
    /// How far a vertex turns with the jaw, 0 to 1.
    jaw: Weights,
    /// How far it rises with the upper lip.
    upper: Weights,
    /// How far it sinks with the lower lip.
    lower: Weights,
    /// How far it moves sideways and forward with the lips.
    lips: Weights,
    /// How far it follows the model at all; 0 keeps the footage.
    pub(crate) follow: Weights,
    /// Triangles of skin: all but those that span the opening.
    pub(crate) skin: Vec<[u16; 3]>,
}

/// Where a vertex lies in the lips.
#[derive(Clone, Copy, PartialEq)]
enum Lip {
    None,
    Corner,
    /// 0 at the corners, 1 in the middle.
    Upper(f32),
    Lower(f32),
}

impl Rig {
    pub(crate) fn new(canon: &Canon) -> Self {
        let lip = lips();
        let zero = || Box::new([0.0; LANDMARKS]);
        let (mut jaw, mut upper, mut lower, mut near, mut follow) = (zero(), zero(), zero(), zero(), zero());
        for v in 0..LANDMARKS {
            let [x, y, _] = canon.vertices[v];
            (jaw[v], upper[v], lower[v]) = weights(lip[v], x, y);
            let distance = distance_to_lips(canon, &lip, v);
            near[v] = (-(distance / 1.3).powi(2)).exp();
            let far_above = distance > 3.2 && y > -4.5;
            follow[v] = if far_above { 0.0 } else { near[v].max(jaw[v]).max(upper[v]).max(lower[v]) };
        }
        // The outline above the jaw is where the face meets ears and hair: it stays.
        for v in OVAL.into_iter().filter(|&v| canon.vertices[v][1] > -3.0) {
            follow[v] = 0.0;
        }
        let inner = |v: u16| LOWER_ROWS[3].contains(&v.into()) || UPPER_ROWS[3].contains(&v.into());
        let skin = canon.triangles.iter().copied().filter(|t| !t.iter().all(|&v| inner(v))).collect();
        Self { jaw, upper, lower, lips: near, follow, skin }
    }

    /// The face in `open` with its mouth shut: the jaw turned back, then the lips brought together.
    pub(crate) fn shut(&self, open: &[Vec3; LANDMARKS]) -> Landmarks {
        let gap = (open[UPPER_INNER][1] - open[LOWER_INNER][1]).max(0.0);
        let [_, y, z] = open[LOWER_INNER];
        let radius = (y - PIVOT[0]).hypot(z - PIVOT[1]) + 1e-6;
        let mut n = self.turn_jaw(open, -gap * SHUT_BY_JAW / radius);
        for j in 0..9 {
            let gap = n[UPPER_ROWS[3][j]][1] - n[LOWER_ROWS[3][j + 1]][1];
            // The upper lip comes down a little less than the lower comes up; lips that overlap part evenly.
            let share = if gap > 0.0 { 0.45 } else { 0.5 };
            for (r, weight) in SHUT_ROWS.into_iter().enumerate() {
                n[UPPER_ROWS[r][j]][1] -= gap * share * weight;
                n[LOWER_ROWS[r][j + 1]][1] += gap * (1.0 - share) * weight;
            }
        }
        n
    }

    /// The face `rest`, mouth shut, with the mouth `pose`.
    pub(crate) fn deform(&self, rest: &[Vec3; LANDMARKS], pose: &Pose) -> Landmarks {
        let mut out = self.turn_jaw(rest, pose.jaw * JAW_MAX);
        let centre = f32::midpoint(rest[CORNER_RIGHT][0], rest[CORNER_LEFT][0]);
        for (v, p) in out.iter_mut().enumerate() {
            let from_centre = rest[v][0] - centre;
            let corner = (from_centre.abs() / 2.4).min(1.0);
            let lips = self.lips[v];
            p[0] += from_centre.signum() * 0.32 * pose.wide * lips * corner - from_centre * 0.34 * pose.round * lips;
            p[1] += 0.08 * pose.wide * lips * corner;
            p[1] += self.upper[v] * (0.30 * pose.upper + 0.16 * pose.tuck);
            p[1] += self.lower[v] * (0.12 * pose.tuck - 0.30 * pose.lower);
            p[2] += 0.45 * pose.round * lips * (1.0 - corner * 0.5);
        }
        roll(&mut out, rest, pose);
        out
    }

    fn turn_jaw(&self, from: &[Vec3; LANDMARKS], angle: f32) -> Landmarks {
        let mut out: Landmarks = Box::new(*from);
        for (p, weight) in out.iter_mut().zip(self.jaw.iter()).filter(|(_, w)| **w > 0.0) {
            let (sin, cos) = (weight * angle).sin_cos();
            let (y, z) = (p[1] - PIVOT[0], p[2] - PIVOT[1]);
            p[1] = PIVOT[0] + cos * y - sin * z;
            p[2] = PIVOT[1] + sin * y + cos * z;
        }
        out
    }
}

/// Pressed and tucked lips roll inwards: their rows move towards the inner edge and the red gets narrower.
fn roll(out: &mut [Vec3; LANDMARKS], rest: &[Vec3; LANDMARKS], pose: &Pose) {
    for r in 0..3 {
        for j in 0..9 {
            let (upper, lower) = (UPPER_ROWS[r][j], LOWER_ROWS[r][j + 1]);
            let (inner_upper, inner_lower) = (UPPER_ROWS[3][j], LOWER_ROWS[3][j + 1]);
            out[upper][1] += (rest[inner_upper][1] - rest[upper][1]) * PRESS_ROWS[r] * pose.press;
            out[lower][1] += (rest[inner_lower][1] - rest[lower][1]) * PRESS_ROWS[r] * pose.press;
            out[lower][1] += (out[inner_lower][1] - out[lower][1]) * TUCK_ROWS[r] * pose.tuck;
        }
    }
}

fn lips() -> [Lip; LANDMARKS] {
    let mut lip = [Lip::None; LANDMARKS];
    let middle = |column: usize| (std::f32::consts::PI * column as f32 / 10.0).sin();
    for row in LOWER_ROWS {
        for (j, &v) in row.iter().enumerate() {
            lip[v] = if j == 0 || j == 10 { Lip::Corner } else { Lip::Lower(middle(j)) };
        }
    }
    for row in UPPER_ROWS {
        for (j, &v) in row.iter().enumerate() {
            lip[v] = Lip::Upper(middle(j + 1));
        }
    }
    lip
}

/// Jaw, upper-lip and lower-lip weight of a vertex at canonical (x, y).
fn weights(lip: Lip, x: f32, y: f32) -> (f32, f32, f32) {
    match lip {
        Lip::Lower(b) => (0.30 + 0.70 * b.powf(0.7), 0.0, b.powf(0.7)),
        Lip::Corner => (0.30, 0.0, 0.0),
        Lip::Upper(b) => (0.30 * (1.0 - b).max(0.0).powf(1.2), b.powf(0.7), 0.0),
        Lip::None => {
            let below = smoothstep(-3.2, -5.6, y);
            let side = smoothstep(1.6, 3.6, x.abs());
            let jaw = if y < -4.4 { below } else { below * side * 0.8 };
            let above_lip = y > -4.0 && y < -1.0;
            let upper = if above_lip { 0.55 * (-(x / 1.8).powi(2)).exp() * smoothstep(-1.6, -3.3, y) } else { 0.0 };
            let chin = y < -4.4;
            let lower = if chin { 0.8 * (-(x / 1.9).powi(2)).exp() * smoothstep(-8.2, -5.6, y) } else { 0.0 };
            (jaw, upper, lower)
        }
    }
}

fn distance_to_lips(canon: &Canon, lip: &[Lip; LANDMARKS], v: usize) -> f32 {
    let [x, y, _] = canon.vertices[v];
    let lips = canon.vertices.iter().zip(lip).filter(|(_, l)| **l != Lip::None);
    lips.map(|(p, _)| (p[0] - x).hypot(p[1] - y)).fold(f32::MAX, f32::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_and_shutting_do_what_they_say() {
        let canon = crate::models::canon().unwrap();
        let rig = Rig::new(&canon);
        let rest = rig.shut(&canon.vertices);
        let gap = |l: &Landmarks| l[UPPER_INNER][1] - l[LOWER_INNER][1];
        assert!(gap(&rest).abs() < 0.02);
        let open = rig.deform(&rest, &Pose { jaw: 0.85, lower: 0.25, ..Pose::default() });
        assert!(gap(&open) > 0.8, "{}", gap(&open));
        let width = |l: &Landmarks| l[CORNER_LEFT][0] - l[CORNER_RIGHT][0];
        assert!(width(&rig.deform(&rest, &Pose { round: 1.0, ..Pose::default() })) < 0.8 * width(&rest));
        assert!(width(&rig.deform(&rest, &Pose { wide: 1.0, ..Pose::default() })) > 1.05 * width(&rest));
        // Eyes and forehead never move.
        assert!([33, 263, 10, 151].iter().all(|&v| rig.follow[v] < 1e-3));
    }
}
