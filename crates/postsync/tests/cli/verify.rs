//! `postsync verify`: 0 verified, 1 not, 2 usage, and a sentence that says what is wrong.
use std::time::{SystemTime, UNIX_EPOCH};

use postsync_webhook::{Secret, sign_sync};
use serde_json::json;

use super::run::{Home, Ran};

const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";
const BODY: &[u8] = br#"{"id":"1","status":"COMPLETED"}"#;

fn signature(age_s: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    sign_sync(&Secret::new(SECRET).unwrap(), i64::try_from(now).unwrap() - age_s, BODY)
}

fn verify(signature: &str, more: &[&str], body: &[u8]) -> Ran {
    let arguments = ["verify", "--signature", signature];
    Home::new().fed(&[&arguments[..], more].concat(), body)
}

fn not_verified(ran: &Ran, word: &str) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.starts_with("not verified: ") && ran.out.contains(word), "{word:?} in {ran:?}");
}

#[test]
fn what_is_right_is_verified() {
    let ran = verify(&signature(0), &["--secret", SECRET], BODY);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.line().starts_with("verified"), "{ran:?}");
    let ran = verify(&signature(0), &["--secret", SECRET, "--json"], BODY);
    assert_eq!((ran.code, &ran.json()["verified"]), (Some(0), &json!(true)));
    let home = Home::new();
    std::fs::write(home.file("body"), BODY).unwrap();
    let mut command = home.command(&["verify", "--signature", &signature(0)]);
    command.env("POSTSYNC_WEBHOOK_SECRET", SECRET).stdin(std::fs::File::open(home.file("body")).unwrap());
    assert_eq!(Ran::of(&mut command).code, Some(0), "the secret of the environment");
}

#[test]
fn several_secrets_may_be_given() {
    let both = format!("whsec_other, {SECRET}");
    for given in [&["--secret", &both][..], &["--secret", "whsec_other", "--secret", SECRET]] {
        let ran = verify(&signature(0), given, BODY);
        assert_eq!(ran.code, Some(0), "{given:?}: {ran:?}");
    }
    not_verified(&verify(&signature(0), &["--secret", "whsec_a,whsec_b"], BODY), "secret");
    let home = Home::new();
    std::fs::write(home.file("body"), BODY).unwrap();
    let mut command = home.command(&["verify", "--signature", &signature(0)]);
    command.env("POSTSYNC_WEBHOOK_SECRET", &both).stdin(std::fs::File::open(home.file("body")).unwrap());
    assert_eq!(Ran::of(&mut command).code, Some(0), "both in the environment");
}

#[test]
fn what_is_wrong_is_told() {
    let secret = ["--secret", SECRET];
    not_verified(&verify("", &secret, BODY), "missing");
    not_verified(&verify("v1=abc", &secret, BODY), "malformed");
    not_verified(&verify(&signature(0), &["--secret", "whsec_other"], BODY), "another secret");
    not_verified(&verify(&signature(0), &secret, br#"{"id":"2","status":"COMPLETED"}"#), "content was changed");
    not_verified(&verify(&signature(0), &secret, br#"{"id": "1", "status": "COMPLETED"}"#), "parsed and printed again");
    not_verified(&verify(&signature(0), &secret, &[BODY, b"\n"].concat()), "white space after the body");
    not_verified(&verify(&signature(0), &secret, b""), "empty");
    let ran = verify("", &["--secret", SECRET, "--json"], BODY);
    assert_eq!((ran.code, &ran.json()["verified"]), (Some(1), &json!(false)));
}

#[test]
fn the_tolerance_is_kept() {
    let secret = ["--secret", SECRET];
    not_verified(&verify(&signature(600), &secret, BODY), "old");
    for tolerance in ["1h", "none"] {
        let ran = verify(&signature(600), &[&secret[..], &["--tolerance", tolerance]].concat(), BODY);
        assert_eq!(ran.code, Some(0), "{tolerance}: {ran:?}");
    }
}

#[test]
fn usage_mistakes_are_2() {
    let home = Home::new();
    home.fed(&["verify", "--secret", SECRET], BODY).refused(2, &["--signature"]);
    let words = ["--secret", "POSTSYNC_WEBHOOK_SECRET", "postsync secret show", "--event"];
    verify(&signature(0), &[], BODY).refused(2, &words);
    verify(&signature(0), &["--secret", "not-a-secret"], BODY).refused(2, &["whsec_"]);
    verify(&signature(0), &["--secret", SECRET, "--tolerance", "soon"], BODY).refused(2, &["--tolerance", "soon"]);
}
