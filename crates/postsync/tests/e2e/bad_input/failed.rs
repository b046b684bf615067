//! What is accepted and can't be made: FAILED with its code and a sentence, the webhook delivered, nothing left.
use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;

use futures::StreamExt as _;
use postsync_webhook::{Secret, TOLERANCE_DEFAULT, verify_sync};
use serde_json::{Value, json};

use super::{File, INPUT_BYTES_MAX, host, nothing_is_left, setup, upload};
use crate::footage::Footage;
use crate::harness::api::{id_of, passthrough};
use crate::harness::receiver::Request;
use crate::harness::{Api, Receiver, SECRET};

/// What a generation must end with: its id, what was sent, the code, a word of the sentence.
type Expected = (String, &'static str, &'static str, &'static str);

#[tokio::test]
async fn a_file_that_can_not_be_used_ends_failed_with_its_code() {
    let (setup, receiver) = (setup(), Receiver::friendly().await);
    let server = setup.start().await;
    let (footage, api, webhook) = (Footage::new(setup.home()), server.api(), receiver.url("/hook"));
    let read = |path: std::path::PathBuf| fs::read(path).unwrap();
    let (portrait, speech) = (read(footage.portrait()), read(footage.speech()));
    let mut expected: Vec<Expected> = Vec::new();
    for (field, name, bytes, code, word) in [
        ("video", "truncated.mp4", read(footage.truncated()), "generation_input_video_invalid", "could not be read"),
        ("video", "only-sound.mp4", read(footage.only_sound()), "generation_video_missing", "no picture in it"),
        ("video", "long.mp4", read(footage.long_video()), TOO_LONG, "28800 seconds"),
        ("image", "cup.jpg", read(footage.picture("coffee.jpg")), NO_FACE, "No human face"),
        ("image", "cat.jpg", read(footage.picture("chelsea.jpg")), NO_FACE, "No human face"),
        ("image", "huge.png", read(footage.huge_picture()), "generation_input_resolution_unsupported", "10000x10000"),
    ] {
        let files = [File { field, name, bytes: &bytes }, File { field: "audio", name: "a.wav", bytes: &speech }];
        expected.push((id_of(&upload(&api, &files, &webhook).await.expect(201)), name, code, word));
    }
    for (name, bytes, code, word) in [
        ("long.wav", read(footage.long_speech()), "generation_audio_length_exceeded", "28800 seconds"),
        ("silent.mp4", portrait.clone(), "generation_audio_missing", "no audio track"),
        ("cut.wav", speech[..44].to_vec(), "generation_media_metadata_missing", "no duration"),
    ] {
        let files =
            [File { field: "video", name: "v.mp4", bytes: &portrait }, File { field: "audio", name, bytes: &bytes }];
        expected.push((id_of(&upload(&api, &files, &webhook).await.expect(201)), name, code, word));
    }
    all_failed(&api, &receiver, &expected).await;
    nothing_is_left(&server, &setup, 2 * expected.len()).await;
    // The server is none the worse for it.
    assert_eq!(api.ended(&api.create(&passthrough(&webhook)).await).await["status"], "COMPLETED");
}

#[tokio::test]
async fn a_url_that_can_not_be_used_ends_failed_with_its_code() {
    let (setup, receiver) = (setup(), Receiver::friendly().await);
    let server = setup.start().await;
    let (footage, api) = (Footage::new(setup.home()), server.api());
    let read = |path: std::path::PathBuf| fs::read(path).unwrap();
    let files = HashMap::from([
        ("a.wav", read(footage.speech())),
        ("v.mp4", read(footage.portrait())),
        ("empty.mp4", Vec::new()),
        ("list.mp4", b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:1/secret.ts\n#EXT-X-ENDLIST\n".to_vec()),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec()),
        ("over.mp4", vec![0; INPUT_BYTES_MAX + 1]),
    ]);
    let host = host::serve(files).await;
    let (here, closed) = (|path: &str| format!("http://{host}/{path}"), format!("http://{}/v.mp4", closed_address()));
    let mut expected: Vec<Expected> = Vec::new();
    for (name, video, audio, code, word) in [
        ("closed", closed, here("a.wav"), VIDEO_INACCESSIBLE, "input[0].url"),
        ("missing", here("none.mp4"), here("a.wav"), VIDEO_INACCESSIBLE, "404"),
        ("no such name", "https://postsync.invalid/v.mp4".into(), here("a.wav"), VIDEO_INACCESSIBLE, "input[0].url"),
        ("to private", here("redirect/to-private"), here("a.wav"), VIDEO_INACCESSIBLE, "10.0.0.1"),
        ("speech missing", here("v.mp4"), here("none.wav"), "generation_input_audio_inaccessible", "input[1].url"),
        ("empty", here("empty.mp4"), here("a.wav"), "generation_input_video_invalid", "could not be read"),
        ("HLS", here("list.mp4"), here("a.wav"), "generation_input_video_invalid", "could not be read"),
        ("ffconcat", here("concat.mp4"), here("a.wav"), "generation_input_video_invalid", "could not be read"),
        ("over the cap", here("over.mp4"), here("a.wav"), "generation_input_validation_failed", "input[0].url"),
    ] {
        let input = json!([{"type": "video", "url": video}, {"type": "audio", "url": audio}]);
        let body = json!({"model": "mesh-1", "input": input, "webhookUrl": receiver.url("/hook")});
        expected.push((api.create(&body).await, name, code, word));
    }
    all_failed(&api, &receiver, &expected).await;
    nothing_is_left(&server, &setup, 0).await;
}

/// The boxes of who speaks may stand in a file of their own.
#[tokio::test]
async fn boxes_are_read_from_where_their_url_leads() {
    let (setup, receiver) = (setup(), Receiver::friendly().await);
    let server = setup.start().await;
    let (footage, api) = (Footage::new(setup.home()), server.api());
    let files = HashMap::from([
        ("a.wav", fs::read(footage.speech()).unwrap()),
        ("v.mp4", fs::read(footage.portrait()).unwrap()),
        ("boxes.json", serde_json::to_vec(&json!(vec![[30, 10, 220, 220]; 12])).unwrap()),
        ("nobody.json", br#"{"bounding_boxes":[null,null]}"#.to_vec()),
        ("page.json", b"<html>".to_vec()),
    ]);
    let host = host::serve(files).await;
    let asked = async |boxes: &str, webhook: &str| {
        let here = |path: &str| format!("http://{host}/{path}");
        let input = json!([{"type": "video", "url": here("v.mp4")}, {"type": "audio", "url": here("a.wav")}]);
        let options = json!({"active_speaker_detection": {"bounding_boxes_url": here(boxes)}});
        let body = json!({"model": "mesh-1", "input": input, "options": options, "webhookUrl": receiver.url(webhook)});
        api.create(&body).await
    };
    let mut expected: Vec<Expected> = Vec::new();
    for (boxes, word) in
        [("nobody.json", "every bounding box is null"), ("page.json", "no JSON list"), ("none.json", "404")]
    {
        expected.push((asked(boxes, "/hook").await, boxes, NO_FACE, word));
    }
    all_failed(&api, &receiver, &expected).await;
    let made = api.ended(&asked("boxes.json", "/made").await).await;
    assert_eq!(made["status"], "COMPLETED", "{made}");
}

const NO_FACE: &str = "generation_input_face_selection_invalid";
const TOO_LONG: &str = "generation_input_duration_greater_than_max_duration";
const VIDEO_INACCESSIBLE: &str = "generation_input_video_inaccessible";

async fn all_failed(api: &Api, receiver: &Receiver, expected: &[Expected]) {
    let mut wrong = Vec::new();
    for (id, name, code, word) in expected {
        let ended = api.ended(id).await;
        let sentence = ended["error"].as_str().unwrap_or_default();
        let right = ended["status"] == "FAILED"
            && ended["error_code"] == *code
            && ended["errorCode"] == *code
            && ended["outputUrl"].is_null()
            && sentence.contains(word)
            && sentence.ends_with('.')
            && !sentence.contains(env!("CARGO_TARGET_TMPDIR"));
        if !right {
            wrong.push(format!("{name}: wanted {code}, {word:?}; got {ended:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let requests = receiver.requests.count("a webhook for each", expected.len()).await;
    assert_eq!(requests.len(), expected.len(), "one each");
    futures::stream::iter(&requests).for_each(|request| told_truly(api, request)).await;
}

/// The webhook is signed, and says what the API says.
async fn told_truly(api: &Api, request: &Request) {
    let secret = [Secret::new(SECRET).unwrap()];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signature = request.header("Sync-Signature").as_bytes();
    let verified = verify_sync(Some(signature), &request.body, &secret, i64::try_from(now).unwrap(), TOLERANCE_DEFAULT);
    assert!(verified.is_ok(), "{verified:?}");
    assert_eq!(request.header("Postsync-Event"), "generation.failed");
    let told: Value = request.json();
    assert_eq!(told, api.get(&format!("/v2/generate/{}", id_of(&told))).await.expect(200));
}

/// An address that nobody listens on.
fn closed_address() -> std::net::SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
