//! An input that kills whoever opens it: three tries, then FAILED, and the next generation is made all the same.
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{File, nothing_is_left, setup, upload};
use crate::footage::Footage;
use crate::harness::api::id_of;
use crate::harness::{Receiver, Server};

/// Stands before ffprobe: a picture kills the media process, as a decoder's fault would; the rest is looked at.
const DEADLY: &str = "#!/bin/sh
for argument; do file=$argument; done
if [ \"$(head -c 3 \"${file#file:}\" | tail -c 2)\" = PN ]; then kill -9 $PPID; fi
PATH=${PATH#*:} exec ffprobe \"$@\"
";

#[tokio::test]
async fn an_input_that_kills_every_time_has_three_tries() {
    let (setup, receiver) = (setup(), Receiver::friendly().await);
    let path = deadly_path(setup.home());
    let setup = setup.with("PATH", &path);
    let server = setup.start().await;
    let (footage, api) = (Footage::new(setup.home()), server.api());
    let [portrait, speech] = [footage.portrait(), footage.speech()].map(|path| fs::read(path).unwrap());
    let picture = crate::harness::sample("astronaut.png");
    let audio = |bytes| File { field: "audio", name: "a.wav", bytes };
    let files = [File { field: "image", name: "deadly.png", bytes: &picture }, audio(&speech)];
    let deadly = id_of(&upload(&api, &files, &receiver.url("/hook")).await.expect(201));
    let files = [File { field: "video", name: "v.mp4", bytes: &portrait }, audio(&speech)];
    let healthy = id_of(&upload(&api, &files, &receiver.url("/hook")).await.expect(201));

    let ended = api.ended(&deadly).await;
    assert_eq!((ended["status"].as_str(), ended["error_code"].as_str()), FAILED, "{ended}");
    assert_eq!(deaths(&server, &deadly), 3, "{:#?}", server.log.all());
    assert_eq!(api.ended(&healthy).await["status"], "COMPLETED", "the next one is made");
    let told = receiver.requests.count("both webhooks", 2).await;
    let told = told.iter().find(|request| id_of(&request.json()) == deadly).unwrap();
    assert_eq!(told.json(), ended);
    // Two inputs each, and one video.
    nothing_is_left(&server, &setup, 5).await;
}

const FAILED: (Option<&str>, Option<&str>) = (Some("FAILED"), Some("generation_pipeline_failed"));

/// How often the log says that the work on it died.
fn deaths(server: &Server, id: &str) -> usize {
    let lines = server.log.all();
    lines.iter().filter(|line| line.contains("the work died") && line.contains(id)).count()
}

/// A `PATH` that begins with the deadly ffprobe.
fn deadly_path(home: &Path) -> String {
    let folder = home.join("tools");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ffprobe"), DEADLY).unwrap();
    fs::set_permissions(folder.join("ffprobe"), Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}
