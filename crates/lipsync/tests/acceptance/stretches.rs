//! Lips in some stretches of a video, and nowhere else.

use std::path::Path;

use postsync_lipsync::Stretches;

use crate::make::{attempt, ffmpeg, once, small, speech_of};

/// Both sides of [`small`], and of the blocks that are compared.
const SIDE: usize = 360;
const BLOCK: usize = 24;

fn grey(path: &Path) -> Vec<Vec<u8>> {
    let raw = path.with_extension("raw");
    ffmpeg("-i {} -an -f rawvideo -pix_fmt gray {}", &[path, &raw]);
    std::fs::read(raw).unwrap().chunks_exact(SIDE * SIDE).map(<[u8]>::to_vec).collect()
}

/// How much the block that differs most does, frame by frame: mean squares. A mouth is a block or two, the encoder's noise is everywhere.
fn changes(made: &Path) -> Vec<f64> {
    let blocks = |made: &[u8], source: &[u8]| {
        let squares = |x: usize, y: usize| {
            let within = (0..BLOCK * BLOCK).map(|i| (y + i / BLOCK) * SIDE + x + i % BLOCK);
            within.map(|i| (f64::from(made[i]) - f64::from(source[i])).powi(2)).sum::<f64>() / (BLOCK * BLOCK) as f64
        };
        let corners = (0..SIDE).step_by(BLOCK).flat_map(|y| (0..SIDE).step_by(BLOCK).map(move |x| (x, y)));
        corners.map(|(x, y)| squares(x, y)).fold(0.0, f64::max)
    };
    grey(made).iter().zip(&grey(&small())).map(|(made, source)| blocks(made, source)).collect()
}

fn made(name: &str, only: Option<Stretches>) -> Vec<f64> {
    let speech = speech_of(1.2);
    let file = once(name, |path| {
        let report = attempt(&small(), &speech, path, |job| job.only = only).result.unwrap();
        assert!((report.duration_s - 1.2).abs() < 0.05, "the speech runs through: {report:?}");
    });
    let changes = changes(&file);
    println!("{name}: {changes:.1?}");
    assert_eq!(changes.len(), 30);
    changes
}

#[test]
fn frames_outside_keep_their_pixels() {
    let all = made("stretches_all.mp4", None);
    let frames = made("stretches_frames.mp4", Some(Stretches::Frames(vec![[18.0, 26.0], [4.0, 10.0]])));
    let seconds = made("stretches_seconds.mp4", Some(Stretches::Seconds(vec![[0.72, 1.04], [0.16, 0.4]])));
    assert_eq!(frames, seconds, "25 frames a second");
    let within = |k: usize| (18..26).contains(&k) || (4..10).contains(&k);
    let outside = (0..30).filter(|k| !within(*k)).map(|k| frames[k]).fold(0.0, f64::max);
    let middle = [20, 21, 22, 23].map(|k| frames[k]).into_iter().fold(f64::INFINITY, f64::min);
    println!("outside at most {outside:.1}, in the middle at least {middle:.1}");
    assert!(middle > 4.0 * outside);
    let elsewhere = [12, 14, 16].map(|k| all[k]).into_iter().fold(0.0, f64::max);
    assert!(elsewhere > 4.0 * outside, "without stretches lips move there too: {elsewhere:.1}");
}

#[test]
fn stretches_behind_the_end_are_refused() {
    let output = once("stretches_behind.mp4", |_| ());
    let only = Some(Stretches::Seconds(vec![[1.3, 4.0]]));
    let outcome = attempt(&small(), &speech_of(1.2), &output, |job| job.only = only);
    let error = outcome.result.expect_err("no lips move");
    println!("{error}");
    assert_eq!(error.error_code(), "generation_input_segments_invalid");
    assert!(error.to_string().contains("1.200 seconds") && outcome.left_over.is_empty());
}
