//! The mouth follows the sound.

use std::path::Path;

use postsync_lipsync::{
    Tools,
    score::{Mouth, Voice, agreement, mouth, voice},
};

use crate::make::{
    arctic, astronaut, attempt, ffmpeg, here, moving_arctic, moving_librivox, once, still_arctic, still_librivox,
};

/// Half a frame.
const OFFSET_MAX_MS: f64 = 20.0;

fn read(file: &Path) -> (Mouth, Voice) {
    let mouth = mouth(file, &Tools::default()).unwrap();
    let size = (mouth.opening.len(), mouth.fps);
    let voice = voice(file, &Tools::default(), size, false).unwrap();
    (mouth, voice)
}

fn assert_in_sync(file: &Path, r_min: f64) {
    let (mouth, voice) = read(file);
    let driven = agreement(&mouth.opening, &voice.drive, mouth.fps);
    let loud = agreement(&mouth.opening, &voice.loudness, mouth.fps);
    println!("{}: {driven:?}, loudness {loud:?}", file.display());
    assert!(driven.r >= r_min, "r {} < {r_min}", driven.r);
    assert!(driven.offset_ms.abs() <= OFFSET_MAX_MS, "offset {} ms", driven.offset_ms);
    assert!(loud.r >= 0.5, "r with loudness {}", loud.r);
}

#[test]
fn still_with_librivox() {
    assert_in_sync(&still_librivox(), 0.85);
}

#[test]
fn still_with_arctic() {
    assert_in_sync(&still_arctic(), 0.85);
}

#[test]
fn moving_portrait_with_librivox() {
    assert_in_sync(&moving_librivox(), 0.78);
}

#[test]
fn moving_portrait_with_arctic() {
    assert_in_sync(&moving_arctic(), 0.78);
}

#[test]
fn reversed_sound_does_not_fit() {
    let file = still_librivox();
    let (mouth, voice_now) = read(&file);
    let size = (mouth.opening.len(), mouth.fps);
    let backward = voice(&file, &Tools::default(), size, true).unwrap();
    let right = agreement(&mouth.opening, &voice_now.drive, mouth.fps).r;
    let wrong = agreement(&mouth.opening, &backward.drive, mouth.fps).r;
    println!("right {right:.3}, reversed {wrong:.3}");
    assert!(wrong <= right - 0.3);
}

#[test]
fn delayed_sound_moves_the_mouth_with_it() {
    let late = once("arctic_late.wav", |path| ffmpeg("-i {} -af adelay=200:all=1 {}", &[&arctic(), path]));
    let file = once("still_arctic_late.mp4", |path| {
        attempt(&astronaut(), &late, path, |_| ()).result.unwrap();
    });
    assert_in_sync(&file, 0.85);
    // The control: against the sound as it was before the delay, the mouth is 200 ms late.
    let mouth = mouth(&file, &Tools::default()).unwrap();
    let early = voice(&arctic(), &Tools::default(), (mouth.opening.len(), mouth.fps), false).unwrap();
    let offset = agreement(&mouth.opening, &early.drive, mouth.fps).offset_ms;
    assert!((offset - 200.0).abs() <= OFFSET_MAX_MS, "{offset}");
}

/// Where a phone is, in frames.
fn phones(fps: f64) -> Vec<(String, usize, usize)> {
    let labels = std::fs::read_to_string(here("samples/arctic_a0009.lab")).unwrap();
    labels
        .lines()
        .map(|line| {
            let mut fields = line.split(' ');
            let mut seconds = || fields.next().unwrap().parse::<f64>().unwrap() / 1e7;
            let (from, to) = (seconds(), seconds());
            let context = fields.next().unwrap();
            let phone = context.split_once('-').unwrap().1.split_once('+').unwrap().0;
            let first = (from * fps) as usize;
            (phone.to_owned(), first, ((to * fps).ceil() as usize).max(first + 1))
        })
        .collect()
}

#[test]
fn phones_open_and_shut_the_mouth() {
    let (mouth, _) = read(&still_arctic());
    let mut sorted = mouth.opening.clone();
    sorted.sort_by(f32::total_cmp);
    let at = |p: f64| sorted[((sorted.len() - 1) as f64 * p) as usize];
    let (low, high) = (at(0.05), at(0.95));
    let of = |phone: &str| -> Vec<f32> {
        let frames = phones(mouth.fps).into_iter().filter(|(p, ..)| p == phone).flat_map(|(_, from, to)| from..to);
        frames.filter_map(|k| mouth.opening.get(k)).map(|o| (o - low) / (high - low)).collect()
    };
    let max = |v: Vec<f32>| v.into_iter().fold(f32::MIN, f32::max);
    let min = |v: Vec<f32>| v.into_iter().fold(f32::MAX, f32::min);
    let (aa, b, p) = (max(of("aa")), min(of("b")), min(of("p")));
    let mut silence = of("sil");
    silence.sort_by(f32::total_cmp);
    let silence = silence[silence.len() / 2];
    println!("aa max {aa:.2}, b min {b:.2}, p min {p:.2}, silence {silence:.2}");
    assert!(aa >= 0.8 && b <= 0.2 && p <= 0.35 && silence <= 0.15);
}

#[test]
fn a_silent_second_does_not_twitch() {
    let quiet = once("quiet.wav", |path| ffmpeg("-i {} -af apad=pad_dur=1.5 {}", &[&arctic(), path]));
    let file = once("still_quiet.mp4", |path| {
        attempt(&astronaut(), &quiet, path, |_| ()).result.unwrap();
    });
    let mouth = mouth(&file, &Tools::default()).unwrap();
    let second = &mouth.opening[mouth.opening.len() - 25..];
    let mean = second.iter().sum::<f32>() / 25.0;
    let deviation = (second.iter().map(|o| (o - mean).powi(2)).sum::<f32>() / 25.0).sqrt();
    println!("deviation in a silent second {deviation:.5}");
    assert!(deviation <= 0.01);
}

#[test]
fn temperature_scales_the_movement() {
    let spread = |temperature: f32| {
        let file = once(&format!("temperature{temperature}.mp4"), |path| {
            attempt(&astronaut(), &arctic(), path, |job| job.options.temperature = temperature).result.unwrap();
        });
        let (mouth, voice) = read(&file);
        assert!(agreement(&mouth.opening, &voice.drive, mouth.fps).r > 0.8);
        let mean = mouth.opening.iter().sum::<f32>() / mouth.opening.len() as f32;
        mouth.opening.iter().map(|o| (o - mean).powi(2)).sum::<f32>()
    };
    let (calm, lively) = (spread(0.0), spread(1.0));
    println!("variance of the opening: {calm:.4} calm, {lively:.4} lively");
    assert!(lively > 1.5 * calm);
}
