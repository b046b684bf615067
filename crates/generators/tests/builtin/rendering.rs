//! The real media child with the real ffmpeg.
use std::fs;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use postsync_core::sniff::sniff;
use postsync_engine::ports::{Cancel, Generator, GeneratorError, JobOutput, Progress};
use postsync_generators::{Builtin, BuiltinSettings, ChildLimits, MEDIA_CHILD};
use serde_json::json;
use tokio::time::timeout;

use crate::world::{PATIENCE, World, until};

pub(crate) async fn makes_a_video_and_leaves_nothing_else() {
    let world = World::with_media(1);
    let progress = Progress::default();
    let builtin = Builtin::new(BuiltinSettings::default());
    let made = builtin.generate(world.job(), progress.clone(), Cancel::default());
    let made = timeout(PATIENCE, made).await.unwrap().unwrap();
    let JobOutput::File { path, duration_ms: Some(duration_ms) } = made else { panic!("{made:?}") };
    assert_eq!(path, world.folder.join("output"));
    assert!((900..=1_100).contains(&duration_ms), "{duration_ms}");
    assert_eq!(sniff(&fs::read(&path).unwrap()).content_type, "video/mp4");
    let tag = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format_tags=comment", "-of", "default=nw=1:nk=1"])
        .arg(&path)
        .output()
        .unwrap();
    let tag = String::from_utf8(tag.stdout).unwrap();
    assert!(tag.contains("synthetic"), "{tag}");
    assert!(tag.trim().ends_with("; generation 018f2f6e-6d3a-7b6a-8c6e-0123456789ab"), "{tag}");
    assert_eq!(progress.percent(), 100);
    assert_eq!(world.files(), ["input-0", "input-1", "output"]);
    assert_eq!(world.processes(), [""; 0]);
}

pub(crate) async fn says_what_is_wrong_with_an_input() {
    let world = World::with_media(1);
    fs::write(world.folder.join("input-0"), b"not a picture").unwrap();
    let Err(GeneratorError::Failed(failure)) = world.run(BuiltinSettings::default()).await else { panic!("a failure") };
    assert_eq!(failure.code.as_str(), "generation_input_video_invalid", "{}", failure.error);
    assert_eq!(world.files(), ["input-0", "input-1"]);
}

/// The picture is a video to it then: what the child was told of stretches shows in what it says of them.
pub(crate) async fn stretches_reach_the_child() {
    let world = World::with_media(1);
    let still = world.folder.join("still");
    fs::rename(world.folder.join("input-0"), &still).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-loop", "1", "-r", "10", "-i"]).arg(&still);
    let made =
        ffmpeg.args(["-t", "0.5", "-pix_fmt", "yuv420p", "-f", "mp4"]).arg(world.folder.join("input-0")).status();
    assert!(made.unwrap().success());
    let run = async |stretches: &str| {
        let mut job = world.job();
        job.inputs[0].item.kind = postsync_core::input::ItemKind::Video;
        job.request.input = format!(r#"[{{"type":"audio"}},{{"type":"video",{stretches}}}]"#);
        let builtin = Builtin::new(BuiltinSettings::default());
        timeout(PATIENCE, builtin.generate(job, Progress::default(), Cancel::default())).await.unwrap()
    };
    assert!(matches!(run(r#""segments_secs":[[0.2,0.4]]"#).await, Ok(JobOutput::File { .. })));
    for outside in [r#""segments_secs":[[0.6,9]]"#, r#""segments_frames":[[5,9]]"#] {
        let Err(GeneratorError::Failed(failure)) = run(outside).await else { panic!("{outside}: a failure") };
        assert_eq!(failure.code.as_str(), "generation_input_segments_invalid", "{}", failure.error);
        assert!(failure.error.contains("first 0.500 seconds"), "{}", failure.error);
    }
}

/// As the rows of batches have to; and so has what their segments make of them.
pub(crate) async fn an_input_may_have_to_be_shorter_than_others() {
    let world = World::with_media(1);
    let run = async |longest_ms, segments: Option<&str>| {
        let mut job = world.job();
        job.duration_max = Some(Duration::from_millis(longest_ms));
        job.request.segments = segments.map(str::to_owned);
        job.inputs[1].item.ref_id = Some("a".to_owned());
        let builtin = Builtin::new(BuiltinSettings::default());
        timeout(PATIENCE, builtin.generate(job, Progress::default(), Cancel::default())).await.unwrap()
    };
    assert!(matches!(run(1_500, None).await, Ok(JobOutput::File { .. })));
    let Err(GeneratorError::Failed(failure)) = run(500, None).await else { panic!("a failure") };
    assert_eq!(failure.code.as_str(), "generation_audio_length_exceeded", "{}", failure.error);
    let behind = r#"[{"startTime":0,"endTime":1.6,"audioInput":{"refId":"a"}}]"#;
    let Err(GeneratorError::Failed(failure)) = run(1_500, Some(behind)).await else { panic!("a failure") };
    assert_eq!(failure.code.as_str(), "generation_input_segments_invalid", "{}", failure.error);
}

/// A piece may end behind its voice, which silence follows; one that begins there would be silence altogether.
pub(crate) async fn a_piece_of_a_voice_begins_in_front_of_its_end() {
    let world = World::with_media(1);
    let run = async |from_s: f64| {
        let mut job = world.job();
        let audio = format!(r#"{{"refId":"a","startTime":{from_s},"endTime":9}}"#);
        job.request.segments = Some(format!(r#"[{{"startTime":0,"endTime":0.5,"audioInput":{audio}}}]"#));
        job.inputs[1].item.ref_id = Some("a".to_owned());
        let builtin = Builtin::new(BuiltinSettings::default());
        timeout(PATIENCE, builtin.generate(job, Progress::default(), Cancel::default())).await.unwrap()
    };
    assert!(matches!(run(0.5).await, Ok(JobOutput::File { .. })));
    let Err(GeneratorError::Failed(failure)) = run(8.0).await else { panic!("a failure") };
    assert_eq!(failure.code.as_str(), "generation_input_trim_invalid", "{}", failure.error);
    assert!(failure.error.contains("begins at 8.000 seconds"), "{}", failure.error);
}

pub(crate) async fn a_cancel_ends_it_in_mid_render() {
    let world = World::with_media(120);
    let (progress, cancel) = (Progress::default(), Cancel::default());
    let builtin = Builtin::new(BuiltinSettings::default());
    let made = builtin.generate(world.job(), progress.clone(), cancel.clone());
    let cancelled = async {
        until("it renders", || progress.percent() > 0 && world.processes().iter().any(|p| p == "ffmpeg")).await;
        cancel.cancel();
    };
    let (made, ()) = timeout(PATIENCE, async { tokio::join!(made, cancelled) }).await.unwrap();
    assert_eq!(made, Err(GeneratorError::Cancelled));
    // At once: a cancelled generation answers only when nobody writes in its folder any more.
    assert_eq!(world.processes(), [""; 0]);
}

pub(crate) async fn dropping_the_future_ends_it_in_mid_render() {
    let world = World::with_media(120);
    let builtin = Builtin::new(BuiltinSettings::default());
    let made = builtin.generate(world.job(), Progress::default(), Cancel::default());
    tokio::select! {
        made = made => panic!("too early: {made:?}"),
        () = until("ffmpeg runs", || world.processes().iter().any(|p| p == "ffmpeg")) => {}
    }
    until("all are gone", || world.processes().is_empty()).await;
}

/// What a kill -9 of the server does: the other end of the control pipe is closed, and nothing else.
pub(crate) async fn a_child_and_its_ffmpeg_end_with_the_server() {
    let world = World::with_media(120);
    let order = json!({
        "limits": ChildLimits::default(),
        "work": {"make": {
            "visual": "input-0", "audio": "input-1", "output": "output",
            "options": {}, "limits": {}, "tools": {},
        }},
    });
    let mut command = Command::new("/proc/self/exe");
    command.arg(MEDIA_CHILD).current_dir(&world.folder).process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut control = child.stdin.take().unwrap();
    writeln!(control, "{order}").unwrap();
    until("ffmpeg runs", || world.processes().iter().any(|p| p == "ffmpeg")).await;
    drop(control);
    until("all are gone", || child.try_wait().unwrap().is_some() && world.processes().is_empty()).await;
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

pub(crate) async fn too_little_memory_is_an_ending_too() {
    let world = World::with_media(1);
    let child = ChildLimits { memory_bytes_max: 64 << 20, ..ChildLimits::default() };
    let made = world.run(BuiltinSettings { child, ..BuiltinSettings::default() }).await;
    assert!(matches!(made, Err(GeneratorError::Failed(_) | GeneratorError::Died(_))), "{made:?}");
    assert_eq!(world.processes(), [""; 0]);
}
