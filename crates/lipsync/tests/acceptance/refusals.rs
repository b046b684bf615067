//! What cannot be done is refused with its code, soon, and leaves nothing behind.

use std::{
    fs,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use postsync_lipsync::{Error, Tools};

use crate::make::{Outcome, arctic, astronaut, attempt, attempt_watched, ffmpeg, here, moving, once, small};

/// Longest that any refusal may take on a busy machine. A guard against hanging, not a measurement.
const REFUSED_WITHIN: Duration = Duration::from_secs(30);

fn children() -> Vec<String> {
    // Children of this process, by name. Tests run in parallel, so only the caller knows which should be gone.
    let of = |task: &Path| fs::read_to_string(task.join("children")).unwrap_or_default();
    let tasks = fs::read_dir("/proc/self/task").map(|d| d.flatten().map(|t| of(&t.path())).collect::<Vec<_>>());
    tasks.unwrap_or_default().iter().flat_map(|c| c.split_whitespace()).map(str::to_owned).collect()
}

/// Children whose working folder is inside `dir`.
fn children_in(dir: &Path) -> usize {
    let inside = |pid: &String| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
    children().iter().filter(|pid| inside(pid)).count()
}

fn assert_refused(name: &str, outcome: &Outcome, output: &Path, code: &str) {
    let error = outcome.result.as_ref().expect_err(name);
    println!("{name}: {} ({error})", error.error_code());
    assert_eq!(error.error_code(), code, "{name}: {error} {:?}", error.detail());
    let sentence = error.to_string();
    assert!(sentence.is_ascii() && sentence.ends_with('.') && !sentence.contains('/'), "{sentence}");
    assert!(outcome.left_over.is_empty(), "{name} left {:?}", outcome.left_over);
    assert!(!output.exists(), "{name} left an output");
}

fn refuse(name: &str, visual: &Path, audio: &Path, code: &str) {
    let output = once(&format!("refused_{name}"), |_| ());
    let start = Instant::now();
    let outcome = attempt(visual, audio, &output, |_| ());
    assert!(start.elapsed() < REFUSED_WITHIN, "{name} took {:?}", start.elapsed());
    assert_refused(name, &outcome, &output, code);
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    once(name, |path| fs::write(path, content).unwrap())
}

#[test]
fn no_face() {
    let code = "generation_input_face_selection_invalid";
    refuse("coffee", &here("tests/fixtures/coffee.jpg"), &arctic(), code);
    refuse("cat", &here("tests/fixtures/chelsea.jpg"), &arctic(), code);
    let bars = once("bars.mp4", |path| ffmpeg("-f lavfi -i testsrc2=s=640x360:d=2 -c:v libx264 {}", &[path]));
    refuse("bars", &bars, &arctic(), code);
}

#[test]
fn unreadable_visuals() {
    let code = "generation_input_video_invalid";
    refuse("empty", &file("empty.mp4", b""), &arctic(), code);
    refuse("absent", Path::new("/nonexistent/face.mp4"), &arctic(), code);
    refuse("garbage", &file("garbage.mp4", &[0x5a; 4096]), &arctic(), code);
    let whole = fs::read(moving()).unwrap();
    refuse("truncated", &file("truncated.mp4", &whole[..whole.len() / 2]), &arctic(), code);
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nmoving.mp4\n#EXT-X-ENDLIST\n";
    refuse("hls", &file("hls.mp4", playlist), &arctic(), code);
    refuse("ffconcat", &file("concat.mp4", b"ffconcat version 1.0\nfile moving.mp4\n"), &arctic(), code);
    refuse("text", &file("text.png", b"\x89PNG\r\n\x1a\nthis is no picture at all"), &arctic(), code);
}

#[test]
fn a_file_cut_in_the_middle_of_its_pictures() {
    let faststart = once("faststart.mp4", |path| ffmpeg("-i {} -c copy -movflags +faststart {}", &[&moving(), path]));
    let whole = fs::read(faststart).unwrap();
    let cut = file("cut.mp4", &whole[..whole.len() / 4]);
    refuse("cut", &cut, &arctic(), "generation_input_video_invalid");
}

#[test]
fn unreadable_or_missing_sound() {
    refuse("empty sound", &astronaut(), &file("empty.wav", b""), "generation_input_audio_invalid");
    refuse("garbage sound", &astronaut(), &file("garbage.mp3", &[0x5a; 4096]), "generation_input_audio_invalid");
    refuse("silent film", &astronaut(), &moving(), "generation_audio_missing");
    let only_sound = once("only_sound.mp4", |path| ffmpeg("-i {} -c:a aac {}", &[&arctic(), path]));
    refuse("only sound", &only_sound, &arctic(), "generation_video_missing");
}

/// A chunk of a PNG.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let crc = kind.iter().chain(data).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    });
    let mut out = Vec::new();
    out.write_all(&(data.len() as u32).to_be_bytes()).unwrap();
    out.write_all(kind).unwrap();
    out.write_all(data).unwrap();
    out.write_all(&(!crc).to_be_bytes()).unwrap();
    out
}

#[test]
fn too_large_and_too_long() {
    // 100 megapixels, of which nothing but the header is there to be decoded.
    let mut header = Vec::new();
    header.extend(10_000_u32.to_be_bytes());
    header.extend(10_000_u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(b"IHDR", &header));
    png.extend(chunk(b"IDAT", &[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]));
    png.extend(chunk(b"IEND", &[]));
    refuse("huge", &file("huge.png", &png), &arctic(), "generation_input_resolution_unsupported");

    let film = once("eight_hours.mp4", |path| {
        let black = "-f lavfi -i color=black:s=64x64:r=1:d=28800 -c:v libx264 -preset ultrafast -g 1000 {}";
        ffmpeg(black, &[path]);
    });
    refuse("film", &film, &arctic(), "generation_input_duration_greater_than_max_duration");

    // Eight hours of silence, as a hole in the file.
    let speech = once("eight_hours.wav", |path| {
        let bytes: u32 = 8 * 3600 * 16_000;
        let mut head = b"RIFF".to_vec();
        head.extend((bytes + 36).to_le_bytes());
        head.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\x80\x3e\0\0\x01\0\x08\0data");
        head.extend(bytes.to_le_bytes());
        fs::write(path, &head).unwrap();
        fs::File::options().write(true).open(path).unwrap().set_len(u64::from(bytes) + 44).unwrap();
    });
    refuse("speech", &astronaut(), &speech, "generation_audio_length_exceeded");
}

#[test]
fn no_duration() {
    // What a browser's recorder writes: no length anywhere.
    let live = once("live.webm", |path| {
        let live = "-i {} -c:v libvpx -b:v 1M -deadline realtime -cpu-used 8 -f webm -live 1 {}";
        ffmpeg(live, &[&small(), path]);
    });
    refuse("live", &live, &arctic(), "generation_media_metadata_missing");
}

#[test]
fn missing_tools() {
    let output = once("no_tools.mp4", |_| ());
    let tools = Tools { ffmpeg: "/nonexistent/ffmpeg".into(), ffprobe: "/nonexistent/ffprobe".into() };
    let outcome = attempt(&astronaut(), &arctic(), &output, |job| job.tools = tools);
    assert_refused("tools", &outcome, &output, "generation_infra_service_unavailable");
}

/// Before the inputs are even looked at: minutes of rendering would be for nothing.
#[test]
fn an_output_that_can_not_be_written() {
    for output in [PathBuf::from("/nonexistent/folder/out.mp4"), std::env::temp_dir()] {
        let outcome = attempt(Path::new("/nonexistent/face.mp4"), &arctic(), &output, |_| ());
        let error = outcome.result.expect_err("no place");
        assert!(matches!(error, Error::OutputUnwritable { .. }), "{error}");
        assert!(error.detail().is_some_and(|detail| detail.contains(&*output.to_string_lossy())), "{error:?}");
    }
}

#[test]
fn cancelled_in_either_pass() {
    for (name, from) in [("tracking", 0.05), ("rendering", 0.6)] {
        let output = once(&format!("cancelled_{name}"), |_| ());
        let mut asked_after = None;
        let mut dir = PathBuf::new();
        let adjust = |job: &mut postsync_lipsync::Job| dir = job.work_dir.clone();
        let outcome = attempt_watched(&moving(), &arctic(), &output, adjust, &mut |p| {
            asked_after = asked_after.map(|times: u32| times + 1);
            if p.fraction < from {
                return ControlFlow::Continue(());
            }
            asked_after.get_or_insert(0);
            ControlFlow::Break(())
        });
        assert!(matches!(outcome.result, Err(Error::Cancelled)), "{name}: {:?}", outcome.result);
        assert_eq!(asked_after, Some(0), "{name}: nothing goes on once it is cancelled");
        assert_eq!(children_in(&dir), 0, "{name} left a child");
        assert_refused(name, &outcome, &output, "generation_pipeline_failed");
    }
}
