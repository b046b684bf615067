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
    let (points, _) = mesh.run(&frame, found[0].square()).unwrap();
    let (points, score) = mesh.run(&frame, square_around(&points)).unwrap();
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
