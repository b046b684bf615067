//! Looks into files, with the real media child.
use std::fs;
use std::process::Command;

use postsync_core::asset::AssetKind;
use postsync_core::sniff::sniff;
use postsync_engine::ports::{Contents, ProbeError, Prober as _};
use postsync_generators::{BuiltinSettings, MediaProber};
use tokio::time::timeout;

use crate::world::{PATIENCE, World, sample, until};

async fn look(world: &World, name: &str) -> Result<Contents, ProbeError> {
    let prober = MediaProber::new(BuiltinSettings::default());
    let folder = world.folder.join("work");
    fs::create_dir_all(&folder).unwrap();
    timeout(PATIENCE, prober.probe(&world.folder.join(name), &folder)).await.expect("a look that ends")
}

pub(crate) async fn sees_what_is_in_a_file_and_leaves_nothing_else() {
    let world = World::with_media(2);
    let mut made = Command::new("ffmpeg");
    made.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=25:duration=2"]);
    made.args(["-i"]).arg(world.folder.join("input-1")).args(["-c:v", "libx264", "-c:a", "aac", "-t", "2"]);
    assert!(made.arg(world.folder.join("video.mp4")).status().unwrap().success());
    let seen = look(&world, "video.mp4").await.unwrap();
    assert_eq!((seen.kind, seen.format.as_deref()), (Some(AssetKind::Video), Some("mp4")));
    assert_eq!((seen.width, seen.height), (Some(640), Some(360)));
    assert!(seen.duration_ms.is_some_and(|ms| (1_950..=2_100).contains(&ms)), "{seen:?}");
    let picture = fs::read(seen.thumbnail.unwrap()).unwrap();
    assert_eq!(sniff(&picture).content_type, "image/jpeg");
    let still = look(&world, "input-0").await.unwrap();
    assert_eq!((still.kind, still.duration_ms, still.format.as_deref()), (Some(AssetKind::Image), None, Some("png")));
    assert!(still.thumbnail.is_some() && still.width.is_some());
    let speech = look(&world, "input-1").await.unwrap();
    assert_eq!((speech.kind, speech.width, speech.thumbnail), (Some(AssetKind::Audio), None, None));
    assert!(speech.duration_ms.is_some_and(|ms| (1_900..=2_100).contains(&ms)));
    assert_eq!(world.processes(), [""; 0]);
}

pub(crate) async fn says_why_a_file_can_not_be_read() {
    let world = World::new();
    fs::write(world.folder.join("text"), b"root:x:0:0").unwrap();
    fs::write(world.folder.join("cut.mp4"), b"\0\0\0\x18ftypisom\0\0\0\0mp41\0\0\0\0").unwrap();
    for name in ["text", "cut.mp4", "missing"] {
        let ProbeError(why) = look(&world, name).await.unwrap_err();
        assert!(why.is_ascii() && why.len() > 10, "{name}: {why}");
    }
    assert_eq!(world.processes(), [""; 0]);
}

pub(crate) async fn dropping_a_look_ends_it() {
    let world = World::new();
    let hangs = BuiltinSettings { program: world.script("sleep 1000"), ..BuiltinSettings::default() };
    let prober = MediaProber::new(hangs);
    let file = sample("astronaut.png");
    tokio::select! {
        looked = prober.probe(&file, &world.folder) => panic!("too early: {looked:?}"),
        () = until("the child runs", || !world.processes().is_empty()) => {}
    }
    until("all are gone", || world.processes().is_empty()).await;
}
