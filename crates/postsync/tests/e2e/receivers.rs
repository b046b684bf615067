//! The receivers of `examples` verify what is sent, all of it, completed and failed, and refuse what was forged. Express takes the
//! parsed body, which only a fixed point of JavaScript's printing survives; the others take the raw bytes.
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use postsync_webhook::{Secret, Signers, headers};
use serde_json::{Value, json};

use crate::harness::api::{id_of, passthrough};
use crate::harness::{Api, Certificates, PATIENCE, Receiver, Reply, SECRET, Script, Setup, script};

/// Of each kind.
const EACH: usize = 50;

/// Creates that are sent at once.
const AT_ONCE: usize = 8;

/// `options` that a careless printer would write otherwise than JavaScript does: numbers, keys that look like array indexes,
/// escapes, and text outside ASCII both as it is and escaped. `options` is echoed whole.
const OPTIONS: [&str; 8] = [
    r#"{"temperature":1.0,"tiny":1e-7,"big":1E21,"small":0.0000001,"zero":-0.0,"long":0.1000000000000000055}"#,
    r#"{"sync_mode":"loop","10":"ten","2":"two","01":"text","b":1,"1":{"9":0,"8":[]},"a":2}"#,
    r#"{"note":"quote \" slash \/ back \\ line \n tab \t bell \u0007 delete \u007f separator \u2028"}"#,
    r#"{"note":"caf\u00e9 \ud83d\ude00 </script> é 😀 ﷐","é":"ü"}"#,
    r#"{"exact":9007199254740993,"more":123456789012345678901234567890,"float":1.7976931348623157e308,"least":5e-324}"#,
    r#"{ "temperature" : 0.50 , "nested" : { "deep" : [ 1.50 , 2.0 , [ ] , { } , null , true ] } }"#,
    r#"{"__proto__x":1,"constructor":2,"toString":3,"":4,"4294967295":5,"4294967294":6}"#,
    r#"{"active_speaker_detection":{"auto_detect":true,"coordinates":[1.0,2.50]},"model_mode":"lips"}"#,
];

/// The end of a media URL, as it stands in JSON.
const PATHS: [&str; 4] =
    [r"/v.mp4?q=caf\u00e9&s=\ud83d\ude00", r"/v.mp4?x=é%20y&z={a}", r"/a/../v.mp4?n=1&quote=%22", r"\/v.mp4"];

/// The text of a create. Put together by hand: a serializer would tidy up what must arrive untidy.
fn create(i: usize, model: &str, media: &str, webhook: &str) -> String {
    let (options, path) = (OPTIONS[i % OPTIONS.len()], PATHS[i % PATHS.len()]);
    format!(
        r#"{{"model":"{model}","options":{options},"input":[{{"type":"video","url":"{media}{path}"}},
            {{"url":"https:\u002f\u002fmedia.example/a.wav","type":"audio","7":1.0}}],
            "webhookUrl":"{webhook}?i={i}","outputFileName":"video_{i}"}}"#
    )
}

/// As many of each kind as are wanted; gives the ids.
async fn create_all(api: &Api, media: &Receiver, webhook: &str) -> BTreeSet<String> {
    let (media, passed) = (media.url(""), "https://media.example".to_owned());
    let texts =
        (0..EACH).flat_map(|i| [create(i, "lipsync-2", &passed, webhook), create(i, "mesh-1", &media, webhook)]);
    let created = futures::stream::iter(texts)
        .map(|text| async move { id_of(&api.create_text(&text).await.expect(201)) })
        .buffer_unordered(AT_ONCE);
    created.collect().await
}

fn assert_all_verified(said: &[Value], ids: &BTreeSet<String>) {
    assert_eq!(said.len(), 2 * EACH, "one delivery each");
    for delivery in said {
        assert_eq!(delivery["verified"], true, "{delivery}");
        assert_eq!(delivery["attempt"], 1, "{delivery}");
    }
    let told: BTreeSet<String> = said.iter().map(id_of).collect();
    assert_eq!(&told, ids);
    let of = |status: &str| said.iter().filter(|delivery| delivery["status"] == status).count();
    assert_eq!((of("COMPLETED"), of("FAILED")), (EACH, EACH));
}

/// One receiver, started by its `run` with two secrets, before a real server; then five that somebody forged, then one event twice,
/// then what is too large to be a webhook.
async fn example(name: &str) {
    let receiver = Script::example(name, &format!("{SECRET_NEXT},{SECRET}")).await;
    let media = Receiver::start(None, |_| Reply::Status(404)).await;
    let server = Setup::new().start().await;
    let ids = create_all(&server.api(), &media, &receiver.url).await;
    assert_all_verified(&receiver.deliveries(2 * EACH).await, &ids);
    for (what, set, body) in forged() {
        assert_eq!(post(&receiver.url, &set, body).await, 400, "{name} is sent {what}");
    }
    let said = receiver.deliveries(2 * EACH + 5).await;
    assert!(said[2 * EACH..].iter().all(|one| one["verified"] == false && one["id"].is_null()), "{said:?}");
    for (attempt, secret) in [("1", SECRET), ("2", SECRET_NEXT)] {
        let mut set = signed(secret, now(), BODY);
        set.push(("Postsync-Attempt".to_owned(), attempt.to_owned()));
        assert_eq!(post(&receiver.url, &set, BODY).await, 200, "{name}, attempt {attempt}");
    }
    let said = receiver.deliveries(2 * EACH + 7).await;
    let twice: Vec<_> =
        said[2 * EACH + 5..].iter().map(|one| (&one["attempt"], &one["event"], &one["repeated"])).collect();
    let event = &json!("evt_twice");
    assert_eq!(twice, [(&json!(1), event, &json!(false)), (&json!(2), event, &json!(true))], "{name}");
    let large = format!(r#"{{"id":"1","status":"COMPLETED","note":"{}"}}"#, "x".repeat(LARGE_BYTES));
    let answer = sent(&receiver.url, &signed(SECRET, now(), &large), &large).await;
    assert!(answer.is_none_or(|status| status == 400 || status == 413), "{name} answers {answer:?}");
    assert_eq!(post(&receiver.url, &signed(SECRET, now(), BODY), BODY).await, 200, "{name}, after that");
}

/// More than any of them reads; axum's own limit is the largest.
const LARGE_BYTES: usize = 3 * 1_024 * 1_024;

/// The other one while a secret is changed.
const SECRET_NEXT: &str = "whsec_dGhlIG5leHQgc2VjcmV0LCB3aGljaCBpcyAzMiBiLg==";

/// The body of a webhook that no server has sent.
const BODY: &str = r#"{"id":"6533643b-aceb-4c40-967e-d9ba9baac39e","status":"COMPLETED","outputDuration":9.98}"#;
const CHANGED: &str = r#"{"id":"6533643b-aceb-4c40-967e-d9ba9baac39e","status":"COMPLETED","outputDuration":9.99}"#;

type Headers = Vec<(String, String)>;

fn signed(secret: &str, t_unix_s: i64, body: &str) -> Headers {
    let secret = Secret::new(secret).unwrap();
    let set = headers(Signers::one(&secret), "evt_twice", t_unix_s, body.as_bytes());
    set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

fn forged() -> [(&'static str, Headers, &'static str); 5] {
    const OTHER: &str = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgMzIgYi4=";
    let mut unsigned = signed(SECRET, now(), BODY);
    unsigned.retain(|(name, _)| name != "Sync-Signature");
    [
        ("what another secret signed", signed(OTHER, now(), BODY), BODY),
        ("a changed body", signed(SECRET, now(), BODY), CHANGED),
        ("what was signed an hour ago", signed(SECRET, now() - 3_600, BODY), BODY),
        ("no signature", unsigned, BODY),
        ("the signature of another body", signed(SECRET, now(), CHANGED), BODY),
    ]
}

async fn post(url: &str, set: &Headers, body: &str) -> u16 {
    sent(url, set, body).await.expect("an answer")
}

/// The status; none where the receiver cut the connection before the body was through.
async fn sent(url: &str, set: &Headers, body: &str) -> Option<u16> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
    let request = client.post(url).header("content-type", "application/json").body(body.to_owned());
    let request = set.iter().fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await;
    if let Err(error) = &answer {
        assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
    }
    answer.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn express_on_the_parsed_body_verifies_all_and_refuses_what_is_forged() {
    example("express").await;
}

#[tokio::test]
async fn express_on_the_raw_bytes_verifies_all_and_refuses_what_is_forged() {
    example("express-raw").await;
}

#[tokio::test]
async fn the_route_of_next_verifies_all_and_refuses_what_is_forged() {
    example("next").await;
    let said = script::own_test("next", "node", &["--test", "--test-reporter=tap"]).await;
    assert!(said.contains("# pass 4\n") && said.contains("# fail 0\n"), "{said}");
}

#[tokio::test]
async fn node_without_a_framework_verifies_all_and_refuses_what_is_forged() {
    example("node").await;
}

#[tokio::test]
async fn fastapi_verifies_all_and_refuses_what_is_forged() {
    example("fastapi").await;
}

#[tokio::test]
async fn flask_verifies_all_and_refuses_what_is_forged() {
    example("flask").await;
}

#[tokio::test]
async fn python_without_a_framework_verifies_all_and_refuses_what_is_forged() {
    example("python").await;
}

#[tokio::test]
async fn axum_with_the_extractor_verifies_all_and_refuses_what_is_forged() {
    example("axum").await;
}

#[tokio::test]
async fn go_verifies_all_and_refuses_what_is_forged() {
    if std::process::Command::new("go").arg("version").output().is_err() {
        eprintln!("left out: there is no Go here to compile examples/receivers/go with");
        return;
    }
    example("go").await;
}

#[tokio::test]
async fn over_https_with_an_authority_of_ones_own_every_webhook_is_verified() {
    let setup = Setup::new();
    let tls = Certificates::make(setup.home());
    let setup = setup
        .with("POSTSYNC_EGRESS_CA_FILE", tls.authority.to_str().unwrap())
        .with("POSTSYNC_EGRESS_ALLOW_HTTP", "false");
    // Its inputs are not there: that is what the failed ones fail of.
    let media = Receiver::start(Some(tls.acceptor.clone()), |_| Reply::Status(404)).await;
    let (express, python) = (Script::express(SECRET, &tls).await, Script::python(SECRET, &tls).await);
    let server = setup.start().await;
    let api = server.api();
    for receiver in [express, python] {
        let ids = create_all(&api, &media, &receiver.url).await;
        assert_all_verified(&receiver.deliveries(2 * EACH).await, &ids);
    }
    let asked = media.requests.all();
    assert_eq!(asked.len(), 2 * EACH, "each failed one was asked for");
    assert!(asked.iter().all(|request| request.line().starts_with("GET /") && request.line().is_ascii()));
}

#[tokio::test]
async fn a_receiver_that_can_not_start_says_why_in_a_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (variables, words) in [
        (&[("PORT", "0")][..], ["WEBHOOK_SECRET is missing", "whsec_"]),
        (&[("PORT", &port), ("WEBHOOK_SECRET", SECRET)], ["can't be listened on", &port]),
    ] {
        for said in script::complaints(variables).await {
            assert!(said.lines().count() == 1 && words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
        }
    }
}

#[tokio::test]
async fn what_is_larger_than_a_receiver_takes_is_cut_until_it_fits() {
    /// Express takes no larger body unless told so.
    const EXPRESS_BYTES_MAX: usize = 102_400;
    let setup = Setup::new();
    let tls = Certificates::make(setup.home());
    let express = Script::express(SECRET, &tls).await;
    let server = setup.with("POSTSYNC_EGRESS_CA_FILE", tls.authority.to_str().unwrap()).start().await;
    let api = server.api();
    let mut ids = BTreeSet::new();
    for (boxes, note) in [(6_000, 10), (10, 200_000), (6_000, 200_000), (0, 97_000)] {
        let mut body = passthrough(&express.url);
        let boxes = vec![[1.5, 2.5, 3.5, 4.5]; boxes];
        body["options"] = json!({
            "active_speaker_detection": {"auto_detect": false, "bounding_boxes": boxes},
            "note": "x".repeat(note),
        });
        ids.insert(api.create(&body).await);
    }
    let said = express.deliveries(ids.len()).await;
    assert!(said.iter().all(|delivery| delivery["verified"] == true), "{said:?}");
    assert_eq!(said.iter().map(id_of).collect::<BTreeSet<_>>(), ids);
    for id in &ids {
        let shown = api.get(&format!("/v2/generate/{id}")).await;
        assert!(shown.text.len() > EXPRESS_BYTES_MAX * 9 / 10 && shown.json()["options"].is_object(), "shown whole");
    }
}
