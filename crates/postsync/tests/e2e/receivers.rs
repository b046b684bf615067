//! The receivers of the documentation verify what is sent: all of it, completed and failed, over HTTPS with an authority of
//! its own. Express on the parsed body, which only a fixed point of JavaScript's printing survives; Python on the raw bytes.
use std::collections::BTreeSet;

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::harness::api::{id_of, passthrough};
use crate::harness::{Api, Certificates, Receiver, Reply, SECRET, Script, Setup, script};

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

#[tokio::test]
async fn the_documented_receivers_verify_every_webhook() {
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
