//! What passes, what is refused and under which name.
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

fn rules(egress: &EgressRules) -> (Routing, &EgressRules) {
    let mut routing = Routing::default();
    assert!(routing.set("sync-3", Route::Passthrough));
    (routing, egress)
}

fn judged(body: Value) -> Result<Judged, Refusal> {
    let egress = EgressRules::default();
    let (routing, egress) = rules(&egress);
    let Value::Object(body) = body else { panic!("an object is wanted") };
    judge(body, &Rules { routing: &routing, egress, own: &[] })
}

fn video() -> Value {
    json!({"type": "video", "url": "https://media.example.com/in.mp4"})
}

fn audio() -> Value {
    json!({"type": "audio", "url": "https://media.example.com/in.wav", "refId": "a"})
}

/// A good body, changed by `extra`.
fn body(extra: Value) -> Value {
    let mut body = json!({"model": "lipsync-2", "input": [video(), audio()]});
    let Value::Object(extra) = extra else { panic!("an object is wanted") };
    body.as_object_mut().unwrap().extend(extra);
    body
}

fn refused(extra: Value) -> (String, &'static str) {
    let refusal = judged(body(extra.clone())).expect_err(&extra.to_string());
    assert!(refusal.message.is_ascii() && refusal.message.len() < 400, "{}", refusal.message);
    let named = refusal.field.split('.').next().unwrap();
    assert!(refusal.message.contains(named), "{} does not name {}", refusal.message, refusal.field);
    (refusal.field, refusal.code.as_str())
}

#[test]
fn a_good_request_is_kept_canonical() {
    let got = judged(body(json!({
        "options": {"temperature": 1.0, "sync_mode": "loop", "2": 0, "1": 0, "fps": 25},
        "webhookUrl": "https://b\u{fc}cher.example/w?q=\u{e9}",
        "outputFileName": "take_1",
        "projectId": "p",
        "segments": null,
    })))
    .unwrap();
    let r = got.request;
    assert_eq!(r.model, "lipsync-2");
    assert_eq!(
        r.input,
        r#"[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav","refId":"a"}]"#
    );
    assert_eq!(r.options.as_deref(), Some(r#"{"1":0,"2":0,"temperature":1,"sync_mode":"loop","fps":25}"#));
    assert_eq!(r.webhook_url.as_deref(), Some("https://xn--bcher-kva.example/w?q=%C3%A9"));
    assert_eq!((r.segments, r.output_file_name.as_deref()), (None, Some("take_1")));
    assert_eq!(got.items.len(), 2);
}

#[test]
fn models_are_named_from_the_list() {
    assert_eq!(refused(json!({"model": "lipsync-9"})), ("model".into(), "generation_unsupported_model"));
    for wrong in [json!(null), json!(5), json!(["lipsync-2"])] {
        assert_eq!(refused(json!({"model": wrong})), ("model".into(), "generation_input_validation_failed"));
    }
    let message = judged(body(json!({"model": "x"}))).unwrap_err().message;
    assert!(MODELS.iter().all(|model| message.contains(model.id)), "{message}");
}

#[test]
fn one_visual_and_one_voice() {
    let image = json!({"type": "image", "url": "https://media.example.com/in.png"});
    let text = json!({"type": "text", "provider": {"name": "elevenlabs", "voiceId": "v", "script": "hi"}});
    assert!(judged(body(json!({"input": [image, audio()]}))).is_ok());
    assert!(judged(body(json!({"input": [image, text]}))).is_ok(), "words are a voice");
    for (input, field, code) in [
        (json!([]), "input", "generation_video_missing"),
        (json!([audio()]), "input", "generation_video_missing"),
        (json!([video()]), "input", "generation_audio_missing"),
        (json!([video(), image, audio()]), "input", "generation_input_too_many_visual"),
        (json!([video(), audio(), audio()]), "input", "generation_input_validation_failed"),
        (json!([video(), audio(), text]), "input", "generation_input_validation_failed"),
        (json!([video(), {"type": "text"}]), "input[1].provider", "generation_input_validation_failed"),
        (
            json!([video(), {"type": "text", "provider": {"name": "elevenlabs", "voiceId": "v", "script": "x".repeat(5_001)}}]),
            "input[1].provider.script",
            "generation_text_length_exceeded",
        ),
        (json!(null), "input", "generation_input_validation_failed"),
        (json!("x"), "input", "generation_input_validation_failed"),
        (json!([video(), {"type": "audio"}]), "input[1].url", "generation_input_validation_failed"),
        (json!([video(), {"type": "audio", "assetId": "x"}]), "input[1].assetId", "generation_input_validation_failed"),
        (
            json!([{"type":"video","url":"https://a.example/v","segments_secs":[[1,0]]}, audio()]),
            "input[0].segments_secs[0]",
            "generation_input_segments_invalid",
        ),
        (
            json!([video(), {"type":"audio","url":"https://a.example/a","segments_secs":[[0,1]]}]),
            "input[1].segments_secs",
            "generation_input_segments_invalid",
        ),
        (
            json!([{"type":"image","url":"https://a.example/i","segments_frames":[[0,1]]}, audio()]),
            "input[0].segments_frames",
            "generation_input_segments_invalid",
        ),
    ] {
        assert_eq!(refused(json!({"input": input})), (field.into(), code));
    }
}

#[test]
fn private_urls_are_refused_by_name() {
    for url in [
        "http://a.example/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/",
        "ftp://a.example/",
        "x",
        "",
    ] {
        assert_eq!(refused(json!({"webhookUrl": url})).0, "webhookUrl", "{url}");
        let field = refused(json!({"input": [video(), {"type": "audio", "url": url}]})).0;
        assert_eq!(field, "input[1].url", "{url}");
    }
    assert_eq!(refused(json!({"webhookUrl": 5})).0, "webhookUrl");
}

#[test]
fn what_would_be_lost_is_refused() {
    for key in ["webhook_url", "dubParams", "dialogueEdit"] {
        assert_eq!(refused(json!({key: {}})).0, key);
    }
    assert!(judged(body(json!({"webhook_url": null}))).is_ok());
    assert!(judged(body(json!({"webhook_url": "x"}))).unwrap_err().message.contains("webhookUrl"));
}

#[test]
fn known_options_have_lists_and_ranges() {
    let speaker = "options.active_speaker_detection";
    for (options, field) in [
        (json!([]), "options".to_owned()),
        (json!("x"), "options".into()),
        (json!({"sync_mode": "stretch"}), "options.sync_mode".into()),
        (json!({"sync_mode": 5}), "options.sync_mode".into()),
        (json!({"model_mode": "body"}), "options.model_mode".into()),
        (json!({"prompt": "bored"}), "options.prompt".into()),
        (json!({"temperature": 1.1}), "options.temperature".into()),
        (json!({"temperature": "1"}), "options.temperature".into()),
        (json!({"occlusion_detection_enabled": "true"}), "options.occlusion_detection_enabled".into()),
        (json!({"active_speaker_detection": true}), speaker.into()),
        (json!({"active_speaker_detection": {"auto_detect": 1}}), format!("{speaker}.auto_detect")),
        (json!({"active_speaker_detection": {"frame_number": -1}}), format!("{speaker}.frame_number")),
        (json!({"active_speaker_detection": {"frame_number": 1.5}}), format!("{speaker}.frame_number")),
        (json!({"active_speaker_detection": {"frame_number": 0}}), format!("{speaker}.frame_number")),
        (json!({"active_speaker_detection": {"coordinates": [1]}}), format!("{speaker}.coordinates")),
        (json!({"active_speaker_detection": {"coordinates": [1e308, 1]}}), format!("{speaker}.coordinates")),
        (
            json!({"active_speaker_detection": {"bounding_boxes_url": "ftp://a.example/x"}}),
            format!("{speaker}.bounding_boxes_url"),
        ),
        (
            json!({"active_speaker_detection": {"bounding_boxes_url": "https://a.example/x", "bounding_boxes": [null]}}),
            format!("{speaker}.bounding_boxes_url"),
        ),
        (json!({"active_speaker_detection": {"bounding_boxes": [[1, 2, 3]]}}), format!("{speaker}.bounding_boxes")),
    ] {
        assert_eq!(refused(json!({"options": options})).0, field);
    }
}

#[test]
fn good_options_pass() {
    for options in [
        json!({}),
        json!({"sync_mode": null, "temperature": 0, "prompt": "happy", "model_mode": "head"}),
        json!({"output_format": 5, "pads": [0, 1], "active_speaker": "yes", "whatever": {"a": []}}),
        json!({"active_speaker_detection": {"auto_detect": true, "frame_number": 5.0, "coordinates": [1.5, 2], "bounding_boxes": [null, [1, 2, 3, 4]], "v3": true}}),
    ] {
        assert!(judged(body(json!({"options": options}))).is_ok());
    }
}

#[test]
fn segments_are_judged_and_the_builtin_model_says_what_it_can_not_make() {
    let good = json!([{"startTime": 0, "endTime": 1.5, "audioInput": {"refId": "a"}}]);
    assert_eq!(judged(body(json!({"segments": good}))).unwrap().request.segments, Some(good.to_string()));
    let over = json!([good[0], {"startTime": 1.4, "endTime": 2, "audioInput": {"refId": "a"}}]);
    assert_eq!(refused(json!({"segments": over})), ("segments".into(), "generation_input_segments_invalid"));
    let mut other = good.clone();
    other[0]["optionsOverride"] = json!({"temperature": 1});
    assert_eq!(refused(json!({"segments": other})).0, "segments[0].optionsOverride");
    for passes in [&over, &other] {
        assert!(judged(body(json!({"segments": passes, "model": "sync-3"}))).is_ok(), "others may be able to");
    }
    assert_eq!(refused(json!({"segments": vec![good[0].clone(); 101], "model": "sync-3"})).0, "segments");
    assert!(judged(body(json!({"segments": []}))).is_ok());
    let passed = judged(body(json!({"segments": good, "model": "sync-3", "input": [video(), audio(), audio()]})));
    assert_eq!(passed.unwrap().request.segments, Some(good.to_string()));
    for (segment, field) in [
        (json!(5), "segments[0]"),
        (json!({"endTime": 1, "audioInput": {"refId": "a"}}), "segments[0].startTime"),
        (json!({"startTime": 0, "audioInput": {"refId": "a"}}), "segments[0].endTime"),
        (json!({"startTime": 2, "endTime": 1, "audioInput": {"refId": "a"}}), "segments[0].endTime"),
        (json!({"startTime": -1, "endTime": 1, "audioInput": {"refId": "a"}}), "segments[0].startTime"),
        (json!({"startTime": 0, "endTime": 1}), "segments[0].audioInput"),
        (json!({"startTime": 0, "endTime": 1, "audioInput": {}}), "segments[0].audioInput.refId"),
        (json!({"startTime": 0, "endTime": 1, "audioInput": {"refId": "b"}}), "segments[0].audioInput.refId"),
        (
            json!({"startTime": 0, "endTime": 1, "audioInput": {"refId": "a", "startTime": 1}}),
            "segments[0].audioInput.endTime",
        ),
    ] {
        assert_eq!(refused(json!({"segments": [segment], "model": "sync-3"})).0, field);
    }
    assert_eq!(refused(json!({"segments": "all"})).0, "segments");
}

#[test]
fn its_webhook_may_have_terms_of_its_own() {
    let judged = judged(body(json!({"postsync": {"schedule": ["0s", "10s"], "timeout": "10s"}}))).unwrap();
    assert_eq!(judged.request.terms.schedule.map(|s| s.to_string()).as_deref(), Some("0s,10s"));
    assert_eq!(judged.request.terms.timeout, Some(Duration::from_secs(10)));
    for (terms, field) in [
        (json!("0s"), "postsync"),
        (json!({"retries": 3}), "postsync"),
        (json!({"schedule": ["10s", "0s"]}), "postsync.schedule"),
        (json!({"timeout": "2m"}), "postsync.timeout"),
    ] {
        assert_eq!(refused(json!({"postsync": terms})).0, field);
    }
}

#[test]
fn file_names_are_plain() {
    for name in [json!(""), json!("a.mp4"), json!("../x"), json!("\u{e9}"), json!(5), json!("x".repeat(256))] {
        assert_eq!(refused(json!({"outputFileName": name})).0, "outputFileName");
    }
    assert!(judged(body(json!({"outputFileName": "x".repeat(255)}))).is_ok());
}

#[test]
fn what_no_webhook_could_carry_is_refused() {
    let ballast = "x".repeat(limits::WEBHOOK_ECHO_BYTES_MAX / 2);
    let input = json!([video(), {"type": "audio", "url": "https://a.example/x", "note": ballast}]);
    assert_eq!(refused(json!({"input": input})).0, "input");
    // Options may weigh more: a webhook leaves them out.
    let options = json!({"note": "x".repeat(500_000)});
    assert!(judged(body(json!({"options": options}))).is_ok());
}

#[test]
fn stretches_of_a_video_pass_and_are_echoed_unless_segments_stand_beside_them() {
    let with = |extra: Value| {
        let mut video = video();
        video.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!([video, audio()])
    };
    for extra in
        [json!({"segments_secs": [[0, 1.5], [3, 9]]}), json!({"segments_frames": [[0, 24]], "segments_secs": []})]
    {
        let input = with(extra);
        assert_eq!(judged(body(json!({"input": input}))).unwrap().request.input, input.to_string());
    }
    let segments = json!([{"startTime": 0, "endTime": 1, "audioInput": {"refId": "a"}}]);
    for model in ["lipsync-2", "sync-3"] {
        let both = json!({"input": with(json!({"segments_secs": [[0, 1]]})), "segments": segments, "model": model});
        assert_eq!(refused(both), ("input[0].segments_secs".into(), "generation_input_segments_invalid"));
        let malformed = json!({"input": with(json!({"segments_frames": [[0, 0.5]]})), "model": model});
        assert_eq!(refused(malformed), ("input[0].segments_frames[0]".into(), "generation_input_segments_invalid"));
        let none = json!({"input": with(json!({"segments_secs": null, "segments_frames": []})), "segments": segments, "model": model});
        assert!(judged(body(none)).is_ok());
    }
}

#[test]
fn options_and_segments_have_one_limit_together() {
    let of = |options: usize, segments: usize| {
        let segment = json!({"startTime": 0, "endTime": 1, "audioInput": {"refId": "a"}, "note": "x".repeat(segments)});
        json!({"model": "sync-3", "options": {"note": "x".repeat(options)}, "segments": [segment]})
    };
    let frame = judged(body(of(0, 0))).unwrap().request;
    let room = limits::OPTIONS_BYTES_MAX - frame.options.unwrap().len() - frame.segments.unwrap().len();
    assert!(judged(body(of(room / 4, room - room / 4))).is_ok());
    let refused_as = |field: &str| (field.to_owned(), "generation_input_validation_failed");
    assert_eq!(refused(of(room / 4, room - room / 4 + 1)), refused_as("segments"));
    assert_eq!(refused(of(room - room / 4 + 1, room / 4)), refused_as("options"));
}
