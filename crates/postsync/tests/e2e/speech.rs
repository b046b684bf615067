//! Words as input: spoken by espeak-ng in its limited child, or by ElevenLabs, which a receiver stands in for here.
use serde_json::{Value, json};

use crate::footage::Footage;
use crate::harness::api::id_of;
use crate::harness::{Receiver, Reply, Server, Setup};

fn text(script: &str, voice: &str) -> Value {
    json!({"type": "text", "provider": {"name": "elevenlabs", "voiceId": voice, "script": script}})
}

/// The portrait, where it can be fetched.
async fn portrait(setup: &Setup) -> Receiver {
    let file = std::fs::read(Footage::new(setup.home()).portrait()).unwrap();
    let length = file.len();
    Receiver::start(None, move |_| {
        Reply::Bytes(
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes(), file.clone()].concat(),
        )
    })
    .await
}

async fn made(server: &Server, portrait: &Receiver, voice: &str) -> Value {
    let body = json!({
        "model": "mesh-1",
        "input": [{"type": "video", "url": portrait.url("/p.mp4")}, text("One, two, three. \u{e4}!", voice)],
        "options": {"sync_mode": "cut_off"},
    });
    let id = server.api().create(&body).await;
    server.api().ended(&id).await
}

#[tokio::test]
async fn words_are_spoken_here_and_lips_follow_them() {
    let setup = Setup::new();
    let portrait = portrait(&setup).await;
    let server = setup.start().await;
    let ended = made(&server, &portrait, "21m00Tcm4TlvDq8ikWAM").await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    let spoken =
        server.api().post("/v2/tts", &json!({"script": "Good morning.", "voiceId": "en-gb"})).await.expect(200);
    let seconds = spoken["duration"].as_f64().unwrap();
    assert!((0.3..5.0).contains(&seconds), "{spoken}");
    let asset = server.api().get(&format!("/v2/assets/{}", id_of(&spoken))).await.expect(200);
    assert_eq!((&asset["inputType"], &asset["format"]), (&"TTS".into(), &"wav".into()));
    assert_eq!(std::fs::read_dir(setup.data().join("jobs")).unwrap().count(), 0, "no folder is left");
    let voices = server.api().get("/v2/voices").await.expect(200);
    assert!(voices.as_array().unwrap().iter().all(|voice| voice["provider"] == "espeak"), "{voices}");
}

#[tokio::test]
async fn a_server_without_espeak_says_so() {
    let setup = Setup::new().with("PATH", "/nowhere");
    let server = setup.start().await;
    let answer = server.api().post("/v2/tts", &json!({"script": "Good morning.", "voiceId": "en-us"})).await;
    let refused = answer.expect(503);
    assert!(refused["message"].as_str().unwrap().contains("espeak-ng is not installed"), "{refused}");
}

#[tokio::test]
async fn with_a_key_other_voices_are_those_of_elevenlabs() {
    let setup = Setup::new();
    let portrait = portrait(&setup).await;
    let speech = std::fs::read(Footage::new(setup.home()).speech()).unwrap();
    let elevenlabs = Receiver::start(None, move |request| {
        let body = match request.line() {
            "GET /v1/voices HTTP/1.1" => br#"{"voices":[{"voice_id":"v1","name":"Ada"}]}"#.to_vec(),
            _ => speech.clone(),
        };
        Reply::Bytes([format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat())
    })
    .await;
    let server = setup
        .with("POSTSYNC_ELEVENLABS_BASE_URL", &elevenlabs.url(""))
        .with("POSTSYNC_ELEVENLABS_API_KEY", "xi-0123")
        .start()
        .await;
    let ended = made(&server, &portrait, "v1").await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    let asked = elevenlabs.requests.count("a request to speak", 1).await.remove(0);
    assert_eq!(asked.line(), "POST /v1/text-to-speech/v1?output_format=mp3_44100_128 HTTP/1.1");
    assert_eq!((asked.header("xi-api-key"), &asked.json()["text"]), ("xi-0123", &"One, two, three. \u{e4}!".into()));
    let voice = server.api().get("/v2/voices/v1?provider=elevenlabs").await.expect(200);
    assert_eq!(voice["name"], "Ada");
}

#[tokio::test]
async fn voices_are_cloned_by_elevenlabs_from_what_was_uploaded() {
    let setup = Setup::new();
    let speech = Footage::new(setup.home()).speech();
    let bytes = std::fs::read(&speech).unwrap();
    let spoken = bytes.clone();
    let elevenlabs = Receiver::start(None, move |request| {
        let body = match request.line() {
            "GET /v1/voices HTTP/1.1" => br#"{"voices":[{"voice_id":"c1","name":"Ada"}]}"#.to_vec(),
            "POST /v1/voices/add HTTP/1.1" => br#"{"voice_id":"c1","requires_verification":false}"#.to_vec(),
            "DELETE /v1/voices/c1 HTTP/1.1" => br#"{"status":"ok"}"#.to_vec(),
            _ => spoken.clone(),
        };
        Reply::Bytes([format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat())
    })
    .await;
    let server = setup
        .with("POSTSYNC_ELEVENLABS_BASE_URL", &elevenlabs.url(""))
        .with("POSTSYNC_ELEVENLABS_API_KEY", "xi-0123")
        .start()
        .await;
    let sample = server.api().put_asset(&speech, "audio/wav").await.expect(200);
    let clone = json!({"name": "Ada", "assetId": id_of(&sample)});
    let voice = server.api().post("/v2/voices", &clone).await.expect(201);
    assert_eq!((&voice["voiceId"], &voice["provider"]), (&"c1".into(), &"elevenlabs".into()));
    let asked = elevenlabs.requests.count("a sample", 1).await.remove(0);
    assert_eq!((asked.line(), asked.header("xi-api-key")), ("POST /v1/voices/add HTTP/1.1", "xi-0123"));
    assert!(asked.header("content-type").starts_with("multipart/form-data; boundary="));
    let holds = |part: &[u8]| asked.body.windows(part.len()).any(|window| window == part);
    assert!(holds(&bytes) && holds(b"name=\"name\"\r\n\r\nAda (postsync "), "the sample as it was uploaded");
    let job = server.api().post("/v2/tts/jobs", &json!({"script": "Hi.", "voiceId": "c1"})).await.expect(202);
    let path = format!("/v2/tts/jobs/{}", id_of(&job));
    let job = loop {
        let job = server.api().get(&path).await.expect(200);
        if ["COMPLETED", "FAILED"].contains(&job["status"].as_str().unwrap()) {
            break job;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(job["status"], "COMPLETED", "{job}");
    assert_eq!(server.api().delete("/v2/voices/c1").await.status, 204);
    let asked = elevenlabs.requests.count("the end of the voice", 3).await;
    let lines: Vec<&str> = asked.iter().map(|request| request.line()).collect();
    assert_eq!(lines[2], "DELETE /v1/voices/c1 HTTP/1.1", "{lines:?}");
}

/// The value of the form's part `name`.
fn name_in(form: &[u8]) -> String {
    let form = String::from_utf8_lossy(form);
    let (_, name) = form.split_once("name=\"name\"\r\n\r\n").unwrap();
    name.split_once("\r\n").unwrap().0.to_owned()
}

#[tokio::test]
async fn a_clone_whose_answer_is_cut_is_its_organizations_alone() {
    let setup = Setup::new();
    let cloned = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let taken = cloned.clone();
    let elevenlabs = Receiver::start(None, move |request| {
        if request.line() == "POST /v1/voices/add HTTP/1.1" {
            *taken.lock().unwrap() = name_in(&request.body);
            return Reply::Cut;
        }
        let body = json!({"voices": [{"voice_id": "c1", "name": *taken.lock().unwrap()}]}).to_string();
        Reply::Raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    })
    .await;
    let setup =
        setup.with("POSTSYNC_ELEVENLABS_BASE_URL", &elevenlabs.url("")).with("POSTSYNC_ELEVENLABS_API_KEY", "xi-0123");
    let server = setup.start().await;
    let sample = server.api().put_asset(&Footage::new(setup.home()).speech(), "audio/wav").await.expect(200);
    let clone = json!({"name": "Ada", "assetId": id_of(&sample)});
    let lost = server.api().post("/v2/voices", &clone).await.expect(503);
    assert_eq!(lost["errorCode"], "elevenlabs_service_unavailable");
    assert!(cloned.lock().unwrap().starts_with("Ada (postsync "), "it was taken");
    // What it knows outlasts it.
    let setup = server.kill().await;
    let org = setup.printed(&["orgs", "create", "Second Film"]).await;
    let key = setup.printed(&["keys", "create", "--name", "theirs", "--org", &org]).await;
    let server = setup.start().await;
    let theirs = server.api().with_key(&key);
    let of_elevenlabs = "/v2/voices?provider=elevenlabs";
    assert_eq!(theirs.get(of_elevenlabs).await.expect(200), json!([]));
    let ours = server.api().get(of_elevenlabs).await.expect(200);
    let wanted = json!([{"provider": "elevenlabs", "id": "c1", "voiceId": "c1", "name": "Ada", "previewUrl": null}]);
    assert_eq!(ours, wanted);
    let words = json!({"script": "Hi.", "voiceId": "c1"});
    assert_eq!(theirs.post("/v2/tts", &words).await.expect(422)["errorCode"], "voice_not_found");
    assert_eq!(server.api().post("/v2/voices", &clone).await.expect(409)["errorCode"], "voice_name_conflict");
}

#[tokio::test]
async fn without_a_key_it_is_said_what_the_operator_can_set() {
    let setup = Setup::new();
    let server = setup.start().await;
    let sample = server.api().put_asset(&Footage::new(setup.home()).speech(), "audio/wav").await.expect(200);
    let clone = json!({"name": "Ada", "assetId": id_of(&sample)});
    let refused = server.api().post("/v2/voices", &clone).await.expect(400);
    assert_eq!(refused["errorCode"], "elevenlabs_api_key_invalid");
    assert!(refused["message"].as_str().unwrap().contains("POSTSYNC_ELEVENLABS_API_KEY"), "{refused}");
}

/// How loud a span of a video's sound is at most, in dB.
fn loudest_db(video: &std::path::Path, from_s: f64, length_s: f64) -> f64 {
    let times = ["-ss", &from_s.to_string(), "-t", &length_s.to_string()].map(str::to_owned);
    let output = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner"])
        .args(times)
        .args(["-i", video.to_str().unwrap(), "-vn", "-af", "volumedetect", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let loudest = said.lines().find_map(|line| line.split_once("max_volume: ")?.1.strip_suffix(" dB")?.parse().ok());
    loudest.unwrap_or_else(|| panic!("{said}"))
}

#[tokio::test]
async fn parts_of_a_clip_have_voices_of_their_own_and_silence_between() {
    let setup = Setup::new();
    let footage = Footage::new(setup.home());
    let file = std::fs::read(footage.made(
        "long.mp4",
        &[
            "-loop",
            "1",
            "-i",
            &crate::footage::sample_path(),
            "-t",
            "4",
            "-r",
            "12",
            "-vf",
            "scale=256:256",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
        ],
    ))
    .unwrap();
    let portrait = Receiver::start(None, move |_| {
        Reply::Bytes(
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len()).into_bytes(), file.clone()].concat(),
        )
    })
    .await;
    let server = setup.start().await;
    let named = |script: &str, name: &str| {
        let mut item = text(script, "en-us");
        item["refId"] = name.into();
        item
    };
    let body = json!({
        "model": "mesh-1",
        "input": [{"type": "video", "url": portrait.url("/p.mp4")}, named("One and two and three.", "a"), named("Four and five.", "b")],
        "segments": [
            {"startTime": 2.5, "endTime": 3.25, "audioInput": {"refId": "b"}},
            {"startTime": 0.5, "endTime": 1.25, "audioInput": {"refId": "a", "startTime": 0.1, "endTime": 0.8}},
        ],
    });
    let id = server.api().create(&body).await;
    let ended = server.api().ended(&id).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    let seconds = ended["outputDuration"].as_f64().unwrap();
    assert!((3.8..4.3).contains(&seconds), "as long as the clip: {seconds}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let video = http.get(ended["outputUrl"].as_str().unwrap()).send().await.unwrap().bytes().await.unwrap();
    let path = setup.home().join("made.mp4");
    std::fs::write(&path, video).unwrap();
    for (from_s, is_loud) in [(0.05, false), (0.6, true), (1.5, false), (2.6, true), (3.5, false)] {
        let loudest = loudest_db(&path, from_s, 0.3);
        assert_eq!(loudest > -30.0, is_loud, "{loudest} dB at {from_s} s");
    }
}
