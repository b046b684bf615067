//! Tests of the inner stages against the Python reference, whose results are stored in `tests/fixtures` (see `tools/models/fixtures.py`).

use std::path::{Path, PathBuf};

use crate::{
    Limits, Tools,
    face::{
        detect::Detector,
        landmark::{Mesh, square_around},
        select::Selection,
        track::Tracker,
    },
    frame::Frame,
    media::{
        audio,
        decode::Picture,
        playback::Input,
        probe::{Role, Source},
        process::Stop,
        scratch::Scratch,
    },
    models::LANDMARKS,
    speech::{LogMel, normalise, posteriors},
};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn floats(path: &str) -> Vec<f32> {
    let bytes = std::fs::read(here(path)).unwrap();
    bytes.chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().unwrap())).collect()
}

fn still(path: &str) -> Frame {
    let dir = tempfile::tempdir().unwrap();
    let (limits, tools, stop) = (Limits::default(), Tools::default(), Stop::default());
    let scratch = Scratch::new(dir.path()).unwrap();
    let source = Source::open(&here(path), Role::Visual, scratch.dir(), &limits, &tools, &stop)
        .expect("the picture opens; is ffmpeg installed? (apt-get install ffmpeg)");
    let picture = Picture::of(&source, &limits);
    let input =
        Input { source: &source, picture: &picture, limits: &limits, tools: &tools, scratch: &scratch, stop: &stop };
    let mut frame = Frame::default();
    assert!(input.decoder(1).unwrap().read(&mut frame).unwrap());
    frame
}

fn log_mel(path: &str) -> LogMel {
    let dir = tempfile::tempdir().unwrap();
    let (limits, tools, stop) = (Limits::default(), Tools::default(), Stop::default());
    let scratch = Scratch::new(dir.path()).unwrap();
    let source = Source::open(&here(path), Role::Speech, scratch.dir(), &limits, &tools, &stop).unwrap();
    audio::analyse(&source, &limits, &tools, &scratch, &stop).unwrap()
}

#[test]
fn landmarks_equal_the_reference() {
    let frame = still("samples/astronaut.png");
    let reference = floats("tests/fixtures/astronaut_landmarks.f32");
    let found = Detector::new().unwrap().search(&frame).unwrap();
    assert_eq!(found.len(), 1);
    let mut mesh = Mesh::new().unwrap();
    let mut square = found[0].square();
    // The reference is the fixed point, too: where one starts does not matter.
    for _ in 0..6 {
        square = square_around(&mesh.run(&frame, square).unwrap().0);
    }
    let (points, score) = mesh.run(&frame, square).unwrap();
    assert!(score > 0.9);
    let off = (0..LANDMARKS).map(|v| (points[v][0] - reference[3 * v]).hypot(points[v][1] - reference[3 * v + 1]));
    let worst = off.fold(0.0, f32::max);
    println!("landmarks differ from the reference by at most {worst:.3} px");
    assert!(worst <= 0.5, "{worst}");
}

#[test]
fn posteriors_equal_the_reference() {
    let features = normalise(log_mel("samples/arctic_a0009.wav").finish());
    let found = posteriors(&features.bands).unwrap();
    let reference = floats("tests/fixtures/arctic_posterior.f32");
    assert_eq!(found.len() * 16, reference.len());
    let worst = found.iter().flatten().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("posteriors differ from the reference by at most {worst:.6}");
    assert!(worst <= 1e-3, "{worst}");
}

#[test]
fn tracker_finds_the_face_and_keeps_one_entry_per_frame() {
    let frame = still("samples/astronaut.png");
    let mut tracker = Tracker::new(Selection::Largest).unwrap();
    for _ in 0..3 {
        assert!(tracker.push(&frame).unwrap().is_some());
    }
    assert_eq!(tracker.finish(25.0).unwrap().iter().flatten().count(), 3);
}

/// `source` scaled to `side` pixels and laid into `canvas` at (x, y).
fn lay(canvas: &mut Frame, source: &Frame, side: usize, (x0, y0): (usize, usize)) {
    for y in 0..side {
        for x in 0..side {
            let (sx, sy) =
                (x as f32 / side as f32 * source.width as f32, y as f32 / side as f32 * source.height as f32);
            let pixel = source.nearest(sx, sy);
            canvas.row_mut(y0 + y, x0 + x, x0 + x + 1).copy_from_slice(&pixel);
        }
    }
}

#[test]
fn detector_finds_two_faces_and_a_small_one() {
    let astronaut = still("samples/astronaut.png");
    let mut detector = Detector::new().unwrap();
    let mut pair = Frame::new(1024, 512);
    lay(&mut pair, &astronaut, 512, (0, 0));
    lay(&mut pair, &astronaut, 512, (512, 0));
    let found = detector.search(&pair).unwrap();
    println!("two: {found:?}");
    assert_eq!(found.len(), 2);
    assert!((found[0].centre[0] - found[1].centre[0]).abs() > 480.0);

    // The astronaut's face is 95 pixels wide; at half size it is 48.
    let mut small = Frame::new(512, 512);
    small.data.fill(128);
    lay(&mut small, &astronaut, 258, (120, 200));
    let found = detector.search(&small).unwrap();
    println!("small: {found:?}");
    assert_eq!(found.len(), 1);
    assert!((found[0].centre[0] - 232.0).abs() < 12.0 && found[0].size[0] < 75.0);
}

#[test]
fn nothing_changes_outside_the_face() {
    use crate::{
        face::{pose::Pose, topology::OVAL},
        models,
        render::{Face, Renderer, Rig, person::shape_at_rest},
        speech,
    };
    let before = still("samples/astronaut.png");
    let mut tracker = Tracker::new(Selection::Largest).unwrap();
    tracker.push(&before).unwrap();
    let points = tracker.finish(25.0).unwrap().remove(0).unwrap().points;
    let canon = models::canon().unwrap();
    let rig = Rig::new(&canon);
    let rest = shape_at_rest(&rig, &canon.vertices, std::iter::once(&points));
    let pose = Pose::fit(&canon.vertices, &points);
    let mut renderer = Renderer::new(rig, None);
    let mouth = speech::Pose { jaw: 1.1, round: 0.9, lower: 0.5, tongue: 1.0, ..speech::Pose::default() };
    let mut after = before.clone();
    renderer.frame(&mut after, &Face { points: &points, pose, rest: &rest, strength: 1.0 }, mouth);

    let n = OVAL.len() as f32;
    let centre = OVAL.iter().fold([0.0; 2], |c, &v| [c[0] + points[v][0] / n, c[1] + points[v][1] / n]);
    let outline: Vec<[f32; 2]> =
        OVAL.iter().map(|&v| std::array::from_fn(|k| centre[k] + (points[v][k] - centre[k]) * 1.45)).collect();
    let inside = |x: f32, y: f32| {
        let next = outline.iter().cycle().skip(1);
        outline.iter().zip(next).all(|(a, b)| (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0.0)
    };
    let (mut changed, mut outside) = (0, 0);
    for y in 0..before.height {
        for x in 0..before.width {
            let differs = before.pixel(x, y) != after.pixel(x, y);
            changed += usize::from(differs);
            outside += usize::from(differs && !inside(x as f32, y as f32));
        }
    }
    println!("{changed} pixels changed, {outside} of them outside the face");
    assert!(changed > 2000 && outside == 0);

    // Without strength nothing changes at all.
    let mut same = before.clone();
    renderer.frame(&mut same, &Face { points: &points, pose, rest: &rest, strength: 0.0 }, mouth);
    assert_eq!(same.data, before.data);
}

mod phones;

/// NOTICE says which files were taken over and changed; it must speak of the ones that are here.
#[test]
fn the_notice_names_each_model_by_its_sum() {
    use sha2::{Digest as _, Sha256};
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let notice = std::fs::read_to_string(folder.join("NOTICE")).unwrap();
    let mut models = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != "NOTICE" {
            let line = format!("{}  {name}", hex::encode(Sha256::digest(std::fs::read(&path).unwrap())));
            assert!(notice.contains(&line), "{line}");
            models += 1;
        }
    }
    assert_eq!(
        models,
        notice.lines().filter(|line| line.trim().split("  ").next().is_some_and(|sum| sum.len() == 64)).count()
    );
}
