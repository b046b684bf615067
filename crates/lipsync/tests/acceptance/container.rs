//! The produced file as a file: codecs, lengths, order of boxes, metadata, and whether a browser plays it.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use postsync_lipsync::{Limits, PROVENANCE, Role, SyncMode, Tools, probe};
use serde_json::Value;

use crate::make::{
    arctic, astronaut, attempt, ffmpeg, librivox, moving_librivox, once, produced, small, speech_of, still_librivox,
};

/// How long a browser may take to start and to play a moment.
const BROWSER_PATIENCE: Duration = Duration::from_secs(60);

fn ffprobe(path: &Path) -> Value {
    let arguments = ["-v", "error", "-print_format", "json", "-show_streams", "-show_format", "-count_packets"];
    let out = Command::new("ffprobe").args(arguments).arg(path).output().expect("ffprobe comes with ffmpeg");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn stream<'a>(info: &'a Value, kind: &str) -> &'a Value {
    info["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == kind).unwrap()
}

fn number(v: &Value) -> f64 {
    v.as_str().map_or_else(|| v.as_f64().unwrap(), |s| s.parse().unwrap())
}

fn assert_sound(path: &Path) -> Value {
    let info = ffprobe(path);
    let (video, audio) = (stream(&info, "video"), stream(&info, "audio"));
    assert_eq!((video["codec_name"].as_str(), video["pix_fmt"].as_str()), (Some("h264"), Some("yuv420p")));
    assert_eq!(audio["codec_name"], "aac");
    let apart = (number(&video["duration"]) - number(&audio["duration"])).abs();
    assert!(apart <= 0.064, "video and audio differ by {apart} s");
    assert_eq!(info["format"]["tags"]["comment"], PROVENANCE);
    let bytes = std::fs::read(path).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index is not in front");
    info
}

#[test]
fn codecs_lengths_index_and_provenance() {
    for path in [still_librivox(), moving_librivox()] {
        let info = assert_sound(&path);
        assert!((number(&stream(&info, "video")["duration"]) - 7.12).abs() < 0.001);
    }
    let info = probe(&still_librivox(), Role::Visual, &Limits::default(), &Tools::default()).unwrap();
    assert!((info.width, info.height, info.has_audio, info.still) == (512, 512, true, false));
    assert!((info.fps - 25.0).abs() < 1e-6 && (info.duration_s - 7.12).abs() < 0.01);
}

#[test]
fn every_sync_mode_has_its_length() {
    // 1.2 s of video (30 frames) against 2.6 s and 0.8 s of speech.
    let cases = [
        (SyncMode::Bounce, 65, 20),
        (SyncMode::Loop, 65, 20),
        (SyncMode::CutOff, 30, 20),
        (SyncMode::Silence, 65, 30),
        (SyncMode::Remap, 65, 20),
    ];
    for (mode, with_long, with_short) in cases {
        for (speech, frames) in [(2.6, with_long), (0.8, with_short)] {
            let name = format!("mode_{mode:?}_{speech}.mp4");
            let info = assert_sound(&produced(&name, &small(), &speech_of(speech), mode));
            let counted = number(&stream(&info, "video")["nb_read_packets"]) as u32;
            assert_eq!(counted, frames, "{mode:?} with {speech} s of speech");
        }
    }
}

#[test]
fn bounce_runs_backward_through_the_same_pictures() {
    // Frame 30 + j of the result shows frame 28 - j of the source; outside the face they must look alike.
    let file = produced("mode_Bounce_2.6.mp4", &small(), &speech_of(2.6), SyncMode::Bounce);
    let order = |k: usize| if k % 58 < 30 { k % 58 } else { 58 - k % 58 };
    let f = postsync_lipsync::score::fidelity(&small(), &file, &Tools::default(), order).unwrap();
    let off_by_one = |k: usize| (order(k) + 1).min(29);
    let g = postsync_lipsync::score::fidelity(&small(), &file, &Tools::default(), off_by_one).unwrap();
    println!("bounce: {f:?}, one frame off: {g:?}");
    assert!(f.psnr_outside_db >= 34.0 && f.psnr_outside_db > g.psnr_outside_db + 3.0);
}

/// `speech` in another container.
fn recoded(source: &Path, name: &str, options: &str) -> PathBuf {
    once(name, |path| ffmpeg(&format!("-i {{}} {options} {{}}"), &[source, path]))
}

#[test]
fn every_kind_of_input_is_taken() {
    let speech = speech_of(0.8);
    let visuals = [
        ("in.mov", "-c:v libx264"),
        ("in.mkv", "-c:v libx264"),
        ("in.webm", "-c:v libvpx -b:v 1M -deadline realtime -cpu-used 8"),
        ("in.avi", "-c:v mpeg4 -q:v 3"),
    ];
    for (name, options) in visuals {
        let visual = recoded(&small(), name, options);
        assert_sound(&produced(&format!("from_{name}.mp4"), &visual, &speech, SyncMode::Bounce));
    }
    for (name, options) in [("in.jpg", "-q:v 2"), ("in.webp", ""), ("odd.png", "-vf crop=301:331:60:20")] {
        let visual = recoded(&astronaut(), name, options);
        assert_sound(&produced(&format!("from_{name}.mp4"), &visual, &speech, SyncMode::Bounce));
    }
    let sounds = ["in.mp3", "in.m4a", "in.aac", "in.ogg", "in.flac"];
    for name in sounds {
        let audio = recoded(&speech, name, "");
        assert_sound(&produced(&format!("sound_{name}.mp4"), &astronaut(), &audio, SyncMode::Bounce));
    }
    // The sound track of a video, on both sides.
    assert_sound(&produced("again.mp4", &still_librivox(), &still_librivox(), SyncMode::CutOff));
}

#[test]
fn turned_and_fast_footage_keeps_its_shape_and_is_capped() {
    let fast = recoded(&small(), "fast.mp4", "-vf fps=120 -c:v libx264");
    let out = once("from_fast.mp4", |path| {
        let report = attempt(&fast, &speech_of(0.8), path, |_| ()).result.unwrap();
        assert!((report.fps - 60.0).abs() < 1e-6 && report.frames == 48);
    });
    assert_sound(&out);
    let turned = once("turned.mp4", |path| {
        let sideways = recoded(&small(), "sideways.mp4", "-vf transpose=1,crop=200:360:80:0 -c:v libx264");
        ffmpeg("-i {} -c copy -metadata:s:v rotate=90 {}", &[&sideways, path]);
    });
    let info = probe(&turned, Role::Visual, &Limits::default(), &Tools::default()).unwrap();
    assert_eq!((info.width, info.height), (360, 200));
}

#[test]
fn a_photo_from_a_telephone_is_turned_upright() {
    let lying = recoded(&astronaut(), "lying.jpg", "-vf crop=300:400:60:0,transpose=2 -q:v 2");
    let photo = once("photo.jpg", |path| {
        let jpeg = std::fs::read(&lying).unwrap();
        // Exif with one entry: Orientation (0x112), a short, 6 = turn a quarter clockwise.
        let exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        std::fs::write(path, [&jpeg[..2], exif, &jpeg[2..]].concat()).unwrap();
    });
    let info = assert_sound(&produced("from_photo.mp4", &photo, &speech_of(0.8), SyncMode::Bounce));
    let video = stream(&info, "video");
    assert_eq!((video["width"].as_u64(), video["height"].as_u64()), (Some(300), Some(400)));
}

#[test]
fn progress_rises_to_one() {
    let (mut seen, out) = (Vec::new(), once("progress.mp4", |_| ()));
    let outcome = crate::make::attempt_watched(&small(), &arctic(), &out, |_| (), &mut |p| {
        seen.push(p);
        std::ops::ControlFlow::Continue(())
    });
    let report = outcome.result.unwrap();
    assert!(seen.is_sorted_by(|a, b| a.fraction <= b.fraction && a.frames_rendered <= b.frames_rendered));
    let last = seen.last().unwrap();
    assert!((last.fraction - 1.0).abs() < 1e-6 && last.frames_rendered == report.frames);
    assert!(seen.len() > 3 && seen[seen.len() - 2].fraction < 1.0);
}

#[test]
fn plays_in_a_browser() {
    let chromium = Path::new("/usr/bin/chromium");
    if !chromium.exists() {
        println!("skipped: there is no {}", chromium.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(still_librivox(), dir.path().join("v.mp4")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The page says what it saw by asking for a picture of that name.
    let page = r"<video id=v src=v.mp4 muted></video><script>
        const say = t => { new Image().src = 'http://HOST/' + t };
        v.onerror = () => say('error-' + encodeURIComponent(v.error.message));
        v.onloadedmetadata = () => v.play();
        v.ontimeupdate = () => { if (v.currentTime > 0.2) say(`played-${v.videoWidth}x${v.videoHeight}-${v.duration.toFixed(2)}`) };
        </script>"
        .replace("HOST", &listener.local_addr().unwrap().to_string());
    let file = dir.path().join("page.html");
    std::fs::write(&file, page).unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let asked = listener.accept().and_then(|(stream, _)| BufReader::new(stream).read_line(&mut line));
        // Nobody listens any more once the test has lost its patience.
        let _ = tell.send(asked.map(|_| line));
    });
    let mut browser = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-dev-shm-usage",
        ])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = told.recv_timeout(BROWSER_PATIENCE);
    browser.kill().unwrap();
    browser.wait().unwrap();
    let said = said.expect("the browser said nothing").unwrap();
    assert!(said.starts_with("GET /played-512x512-7.1"), "{said}");
}

#[test]
fn the_library_takes_any_file_name() {
    let visual = once("100%d odd:name.jpg", |path| {
        ffmpeg("-i {} -f image2 -update 1 -c:v mjpeg -q:v 2 {}", &[&astronaut(), &path.with_file_name("plain.jpg")]);
        std::fs::rename(path.with_file_name("plain.jpg"), path).unwrap();
    });
    assert_sound(&produced("from_odd_name.mp4", &visual, &speech_of(0.8), SyncMode::Bounce));
    assert!(librivox().exists());
}
