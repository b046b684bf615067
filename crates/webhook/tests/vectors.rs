//! Known signatures, and every failure that a receiver can run into, provoked on purpose.

use std::time::Duration;

use postsync_webhook::{
    BodyEncoding, Direction, HeaderFault, Secret, Signers, StandardHeaders, TOLERANCE_DEFAULT, Verified, VerifyError,
    canonical, headers, sign_standard, sign_sync, verify_standard, verify_sync,
};
use serde_json::Value;

const T: i64 = 1_795_422_077;
const SECRET: &str = "whsec_8f14e45fceea167a5a36dedd4bea2543";
const COMPLETED: &str = r#"{"id":"6533643b-aceb-4c40-967e-d9ba9baac39e","createdAt":"2026-11-23T08:00:00.123Z","status":"COMPLETED","model":"lipsync-2","input":[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav"}],"segments":null,"webhookUrl":"https://app.example.com/webhook","options":{"sync_mode":"loop"},"outputUrl":"https://lips.example.com/v2/generations/6533643b-aceb-4c40-967e-d9ba9baac39e/result?token=a2b1466a-8795-478b-9ef2-47b5fdaf7d68","segmentOutputUrl":null,"outputDuration":9.98,"error":null,"error_code":null}"#;
const FAILED: &str = r#"{"id":"6533643b-aceb-4c40-967e-d9ba9baac39e","createdAt":"2026-11-23T08:00:00.123Z","status":"FAILED","model":"lipsync-2","input":[{"type":"video","url":"https://media.example.com/in.mp4"},{"type":"audio","url":"https://media.example.com/in.wav"}],"segments":null,"webhookUrl":"https://app.example.com/webhook","options":{"temperature":1},"outputUrl":null,"segmentOutputUrl":null,"outputDuration":null,"error":"Failed to validate input.","error_code":"generation_input_validation_failed"}"#;
const BATCH: &str = r#"{"id":"b-1","created_at":"2026-11-23T08:00:00.000Z","status":"COMPLETED","metrics":{"total_generations":20,"success_count":19,"failed_count":1,"pending_count":0},"webhookUrl":"https://app.example.com/batch","outputUrl":"https://lips.example.com/v2/batches/b-1/result"}"#;

fn secret() -> Secret {
    Secret::new(SECRET).expect("a signing secret")
}

/// Signs one body and checks another, as a receiver does that changed it.
fn check(signed: &[u8], found: &[u8]) -> Result<Verified, VerifyError> {
    let header = sign_sync(&secret(), T, signed);
    verify_sync(Some(header.as_bytes()), found, &[secret()], T + 1, TOLERANCE_DEFAULT)
}

#[test]
fn known_signatures() {
    for (body, hex) in [
        (COMPLETED, "ef226aeaab41a8229209a00ffffd41d123ffec351e24dfa568f6821bbe481fbb"),
        (FAILED, "1fbe3054a4b64ddac87bf5d28739b29cd18c854ce032e23dc4762ab2462562a6"),
        (BATCH, "2e573793b602e243949985a67f4e0851b8fd3366f4c18406983ca328a332612f"),
    ] {
        let header = sign_sync(&secret(), T, body.as_bytes());
        assert_eq!(header, format!("t={T},v1={hex}"));
        assert_eq!(canonical::reprint(body.as_bytes()).unwrap(), body.as_bytes(), "the body is canonical");
        assert_eq!(check(body.as_bytes(), body.as_bytes()), Ok(Verified { signed_at_unix_s: T, secret_index: 0 }));
    }
}

#[test]
fn a_body_that_was_printed_again_is_named_with_its_first_difference() {
    let printed = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let value: Value = serde_json::from_str(BATCH).unwrap();
    for (found, offset, cause) in [
        (BATCH.replace("\":", "\": "), 6, "white space"),
        (BATCH.replace(',', ", "), 12, "white space"),
        (printed(&value), 1, "white space"),
        (BATCH.replace(":20,", ":20.0,"), 106, "number"),
        (BATCH.replace('/', "\\/"), 182, "escaped"),
    ] {
        let Err(VerifyError::BodyReserialised { offset: at, signed, found: seen, cause: why }) =
            check(BATCH.as_bytes(), found.as_bytes())
        else {
            panic!("not seen as printed again: {found}");
        };
        assert_eq!(at, offset, "{found}");
        assert!(why.contains(cause), "{why}");
        assert!(BATCH.contains(&signed) && found.contains(&seen), "{signed} / {seen}");
    }
    let error = check(BATCH.as_bytes(), BATCH.replace("\":", "\": ").as_bytes()).unwrap_err();
    assert!(error.to_string().contains("at byte offset 6"), "{error}");
}

#[test]
fn a_changed_end_of_the_body_is_named() {
    let body = BATCH.as_bytes();
    let newline = [body, b"\n"].concat();
    let windows = [body, b"\r\n"].concat();
    assert_eq!(check(body, &newline), Err(VerifyError::NewlineAdded { bytes: 1 }));
    assert_eq!(check(body, &windows), Err(VerifyError::NewlineAdded { bytes: 2 }));
    assert_eq!(check(&newline, body), Err(VerifyError::BodyTrimmed));
    assert_eq!(check(&windows, body), Err(VerifyError::BodyTrimmed));
    assert_eq!(check(body, b""), Err(VerifyError::BodyEmpty));
    assert_eq!(check(body, &body[..40]), Err(VerifyError::BodyIncomplete { bytes: 40 }));
    assert_eq!(check(body, b"[object Object]"), Err(VerifyError::BodyNotJson { line: 1, column: 2 }));
}

#[test]
fn a_wrapped_body_is_named() {
    let body = r#"{"id":"1","text":"é"}"#;
    let latin1: String = body.bytes().map(char::from).collect();
    for (found, how) in [
        (serde_json::to_string(body).unwrap(), BodyEncoding::JsonString),
        (format!("\u{feff}{body}"), BodyEncoding::ByteOrderMark),
        ("eyJpZCI6IjEiLCJ0ZXh0Ijoiw6kifQ==".to_owned(), BodyEncoding::Base64),
        (latin1, BodyEncoding::Latin1),
    ] {
        assert_eq!(check(body.as_bytes(), found.as_bytes()), Err(VerifyError::BodyEncoded { how }), "{found}");
    }
}

#[test]
fn a_secret_that_was_used_in_another_way_is_named() {
    let body = BATCH.as_bytes();
    let header = |key: &[u8]| {
        // Sync's form under a key of our choice: the signature of another scheme, brought into the other form.
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(format!("{T}.").as_bytes());
        mac.update(body);
        format!("t={T},v1={}", hex::encode(mac.finalize().into_bytes()))
    };
    let verify = |header: String| verify_sync(Some(header.as_bytes()), body, &[secret()], T, TOLERANCE_DEFAULT);
    let decoded = secret().standard_key().unwrap();
    assert_eq!(verify(header(&decoded)), Err(VerifyError::SecretDecoded));
    assert_eq!(verify(header(b"8f14e45fceea167a5a36dedd4bea2543")), Err(VerifyError::SecretPrefixCut));
    assert_eq!(verify(header(b"whsec_other")), Err(VerifyError::OtherSecret { tried: 1 }));
    assert!(verify(header(SECRET.as_bytes())).is_ok());
}

#[test]
fn content_that_was_changed_is_not_taken_for_damage() {
    let forged = BATCH.replace("b-1", "b-2");
    assert_eq!(check(BATCH.as_bytes(), forged.as_bytes()), Err(VerifyError::OtherSecret { tried: 1 }));
}

#[test]
fn the_time_is_judged_only_for_a_genuine_webhook() {
    let header = sign_sync(&secret(), T, b"{}");
    let at = |now, tolerance| verify_sync(Some(header.as_bytes()), b"{}", &[secret()], now, tolerance);
    assert!(at(T + 300, TOLERANCE_DEFAULT).is_ok());
    assert!(at(T - 300, TOLERANCE_DEFAULT).is_ok());
    assert_eq!(
        at(T + 301, TOLERANCE_DEFAULT),
        Err(VerifyError::TimestampOutsideTolerance { skew_s: 301, direction: Direction::Past, tolerance_s: 300 })
    );
    assert_eq!(
        at(T - 301, TOLERANCE_DEFAULT),
        Err(VerifyError::TimestampOutsideTolerance { skew_s: 301, direction: Direction::Future, tolerance_s: 300 })
    );
    assert!(at(i64::MIN, Duration::MAX).is_ok());
    let forged = sign_sync(&Secret::generate([9; 32]), T, b"{}");
    assert_eq!(
        verify_sync(Some(forged.as_bytes()), b"{}", &[secret()], T + 301, TOLERANCE_DEFAULT),
        Err(VerifyError::OtherSecret { tried: 1 })
    );
}

#[test]
fn missing_and_malformed_headers_are_named() {
    assert_eq!(
        verify_sync(None, b"{}", &[secret()], T, TOLERANCE_DEFAULT),
        Err(VerifyError::MissingHeader { name: "Sync-Signature" })
    );
    assert_eq!(
        verify_sync(Some(b"t=1"), b"{}", &[secret()], T, TOLERANCE_DEFAULT),
        Err(VerifyError::MalformedHeader { name: "Sync-Signature", why: HeaderFault::CutAtComma })
    );
    let header = sign_sync(&secret(), T, b"{}");
    assert_eq!(verify_sync(Some(header.as_bytes()), b"{}", &[], T, TOLERANCE_DEFAULT), Err(VerifyError::NoSecret));
}

#[test]
fn during_a_rotation_either_secret_fits() {
    let (old, new) = (secret(), Secret::generate([2; 32]));
    let secrets = [old, new.clone()];
    let header = sign_sync(&new, T, b"{}");
    let verified = verify_sync(Some(header.as_bytes()), b"{}", &secrets, T, TOLERANCE_DEFAULT).unwrap();
    assert_eq!(verified.secret_index, 1);
}

#[test]
fn the_standard_set_round_trips_and_explains_itself() {
    let secrets = [Secret::generate([1; 32]), Secret::generate([2; 32])];
    let body = BATCH.as_bytes();
    let signers = Signers { next: Some(&secrets[1]), ..Signers::one(&secrets[0]) };
    let sent = headers(signers, "evt_1", T, body);
    let value = |name: &str| sent.iter().find(|header| header.0 == name).map(|header| header.1.as_bytes());
    let set = StandardHeaders {
        id: value("Webhook-Id"),
        timestamp: value("Webhook-Timestamp"),
        signature: value("Webhook-Signature"),
    };
    let verify = |set, body: &[u8], secrets: &[Secret]| verify_standard(set, body, secrets, T, TOLERANCE_DEFAULT);
    assert!(verify(set, body, &secrets[1..]).is_ok());
    assert!(verify(set, body, &secrets[..1]).is_ok());
    let spaced = BATCH.replace("\":", "\": ");
    assert!(matches!(verify(set, spaced.as_bytes(), &secrets), Err(VerifyError::BodyReserialised { offset: 6, .. })));
    assert_eq!(verify(set, body, &[secret()]), Err(VerifyError::OtherSecret { tried: 1 }));
    let imported = Secret::new("whsec_not-base64").unwrap();
    assert_eq!(verify(set, body, &[imported]), Err(VerifyError::SecretNotStandard));
    for (broken, name) in [
        (StandardHeaders { id: None, ..set }, "Webhook-Id"),
        (StandardHeaders { timestamp: None, ..set }, "Webhook-Timestamp"),
        (StandardHeaders { signature: None, ..set }, "Webhook-Signature"),
    ] {
        assert_eq!(verify(broken, body, &secrets), Err(VerifyError::MissingHeader { name }));
    }
    let other_id = StandardHeaders { id: Some(b"evt_2"), ..set };
    assert_eq!(verify(other_id, body, &secrets), Err(VerifyError::OtherSecret { tried: 2 }));
    let one = sign_standard(&secrets[0], "evt_1", T, body).unwrap();
    let late = StandardHeaders { signature: Some(one.as_bytes()), ..set };
    assert!(matches!(
        verify_standard(late, body, &secrets, T + 301, TOLERANCE_DEFAULT),
        Err(VerifyError::TimestampOutsideTolerance { skew_s: 301, .. })
    ));
}
