//! Which of two faces speaks.

use std::path::{Path, PathBuf};

use postsync_lipsync::{ActiveSpeaker, Options, Tools, score::fidelity};

use crate::make::{arctic, astronaut, attempt, ffmpeg, once, small, speech_of};

/// Two astronauts side by side, the right one a little smaller.
fn pair() -> PathBuf {
    once("pair.png", |path| {
        let filter = "[0]crop=300:300:70:0,split[a][b];[b]scale=270:270,pad=300:300:15:30[c];[a][c]hstack";
        ffmpeg(&format!("-i {{}} -filter_complex {filter} {{}}"), &[&astronaut(), path]);
    })
}

/// How well the left and the right half of the result agree with the source.
fn halves(result: &Path) -> [f64; 2] {
    ["0", "300"].map(|x| {
        let half = |of: &Path, name: &str| {
            let stem = result.file_stem().unwrap().to_string_lossy();
            once(&format!("{name}{x}_{stem}.mkv"), |path| {
                ffmpeg(&format!("-i {{}} -vf crop=300:300:{x}:0 -c:v ffv1 {{}}"), &[of, path]);
            })
        };
        // Only the part around the mouth moves; the similarity of the lower face would need its own mask, so compare bytes.
        let frames = |path: &Path| {
            let raw = path.with_extension("raw");
            ffmpeg("-i {} -an -f rawvideo -pix_fmt gray {}", &[path, &raw]);
            std::fs::read(raw).unwrap()
        };
        let (made, source) = (frames(&half(result, "made")), frames(&half(&pair(), "source")));
        let worst = made.chunks(300 * 300).map(|frame| {
            let sum: f64 = frame.iter().zip(&source).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            sum / frame.len() as f64
        });
        worst.fold(0.0, f64::max)
    })
}

fn speaking(name: &str, speaker: ActiveSpeaker) -> [f64; 2] {
    let file = once(name, |path| {
        let adjust = |job: &mut postsync_lipsync::Job| {
            job.options = Options { active_speaker_detection: speaker, ..Options::default() };
        };
        attempt(&pair(), &arctic(), path, adjust).result.unwrap();
    });
    let halves = halves(&file);
    println!("{name}: {halves:?}");
    halves
}

#[test]
fn the_largest_face_speaks_unless_another_is_named() {
    let [left, right] = speaking("pair_default.mp4", ActiveSpeaker::default());
    assert!(left > 1.5 * right);
    let at = ActiveSpeaker { frame_number: Some(0), coordinates: Some([460.0, 130.0]), ..ActiveSpeaker::default() };
    let [left, right] = speaking("pair_point.mp4", at);
    assert!(right > 1.5 * left);
    let boxes =
        ActiveSpeaker { bounding_boxes: Some(vec![Some([400.0, 60.0, 520.0, 220.0])]), ..ActiveSpeaker::default() };
    let [left, right] = speaking("pair_box.mp4", boxes);
    assert!(right > 1.5 * left);
}

#[test]
fn a_selection_that_fits_nothing_is_refused() {
    let point =
        |frame, at| ActiveSpeaker { frame_number: Some(frame), coordinates: Some(at), ..ActiveSpeaker::default() };
    let selections = [point(0, [20.0, 330.0]), point(0, [5000.0, 5.0]), point(900, [180.0, 100.0])];
    for (i, speaker) in selections.into_iter().enumerate() {
        let output = once(&format!("bad_selection_{i}"), |_| ());
        let adjust = |job: &mut postsync_lipsync::Job| job.options.active_speaker_detection = speaker;
        let error = attempt(&small(), &arctic(), &output, adjust).result.expect_err("a bad selection");
        println!("{error}");
        assert_eq!(error.error_code(), "generation_input_face_selection_invalid");
    }
}

#[test]
fn a_face_named_late_is_animated_from_the_start() {
    let speech = speech_of(0.8);
    let out = once("named_late.mp4", |path| {
        let speaker =
            ActiveSpeaker { frame_number: Some(15), coordinates: Some([180.0, 90.0]), ..ActiveSpeaker::default() };
        let adjust = |job: &mut postsync_lipsync::Job| job.options.active_speaker_detection = speaker;
        attempt(&small(), &speech, path, adjust).result.unwrap();
    });
    let f = fidelity(&small(), &out, &Tools::default(), |k| k).unwrap();
    assert!(f.psnr_outside_db > 34.0);
    let mouth = postsync_lipsync::score::mouth(&out, &Tools::default()).unwrap();
    let voice = postsync_lipsync::score::voice(&speech, &Tools::default(), (20, 25.0), false).unwrap();
    let early = postsync_lipsync::score::agreement(&mouth.opening[..15], &voice.drive[..15], 25.0);
    println!("before the named frame: {early:?}");
    assert!(early.r > 0.5);
}
