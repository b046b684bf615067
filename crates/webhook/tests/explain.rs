//! What is told of every mistake, and what else is told by whoever knows other secrets and the bytes that were sent.

use std::time::Duration;

use postsync_webhook::{
    Explanation, Known, OnRecord, Question, Secret, SignedText, TOLERANCE_DEFAULT, VerifyError, explain, sign_sync,
    verify_sync,
};

const T: i64 = 1_795_422_077;
const SENT: &str =
    r#"{"id":"g-1","createdAt":"2026-11-23T08:00:00.123Z","status":"COMPLETED","segments":null,"outputDuration":9.98}"#;

fn secret(byte: u8) -> Secret {
    Secret::generate([byte; 32])
}

fn known(name: Option<&str>, byte: u8) -> Known {
    Known { name: name.map(str::to_owned), secret: secret(byte) }
}

struct Case {
    header: String,
    body: String,
    secrets: Vec<Known>,
    others: Vec<Known>,
    on_record: Option<&'static str>,
}

impl Case {
    /// Signed right, and come as it was sent.
    fn right() -> Self {
        let header = sign_sync(&secret(1), T, SENT.as_bytes());
        Self { header, body: SENT.to_owned(), secrets: vec![known(None, 1)], others: vec![], on_record: None }
    }

    fn explained(&self) -> Explanation {
        let explained = explain(&Question {
            header: Some(self.header.as_bytes()),
            body: self.body.as_bytes(),
            secrets: &self.secrets,
            others: &self.others,
            on_record: self.on_record.map(|body| OnRecord { id: "evt_1", body: body.as_bytes() }),
            now_unix_s: T,
            tolerance: TOLERANCE_DEFAULT,
        });
        let line = explained.in_one_line();
        for known in self.secrets.iter().chain(&self.others) {
            assert!(!line.contains(known.secret.expose()), "no answer holds a secret: {line}");
        }
        assert!(!line.contains('\n'), "{line:?}");
        explained
    }

    fn is_told(&self, words: &[&str]) {
        let explained = self.explained();
        assert!(!explained.verified, "{explained:?}");
        for word in words {
            assert!(explained.in_one_line().contains(word), "{word:?} in {explained:?}");
        }
    }
}

#[test]
fn what_is_right_is_said_with_the_secrets_name() {
    let unnamed = Case::right().explained();
    assert!(unnamed.verified && unnamed.mends.is_empty());
    assert_eq!(unnamed.message, format!("verified: signed at {T} (Unix time) with this secret."));
    let named = [known(Some("the secret of organization default"), 2), known(Some("the secret of endpoint ep_1"), 1)];
    let named = Case { secrets: named.to_vec(), ..Case::right() }.explained();
    assert!(named.verified && named.message.contains("with the secret of endpoint ep_1"), "{named:?}");
    let recorded = Case { on_record: Some(SENT), ..Case::right() }.explained();
    assert!(recorded.message.ends_with("The body is that of evt_1, byte for byte."), "{recorded:?}");
}

#[test]
fn each_mistake_comes_with_how_it_is_mended() {
    let sent = SENT.as_bytes();
    let signed_by = |secret: &Secret| sign_sync(secret, T, sent);
    let spaced = SENT.replace("\":", "\": ");
    let upper = Case::right().header.to_uppercase().replace("T=", "t=").replace("V1=", "v1=");
    for (case, words) in [
        (
            Case { body: spaced, ..Case::right() },
            &[
                "first difference is at byte offset 6",
                "express.raw",
                "request.text()",
                "request.body()",
                "get_data",
                "io.ReadAll",
                "Bytes",
            ][..],
        ),
        (Case { body: format!("{SENT}\n"), ..Case::right() }, &["white space after the body", "get_data"]),
        (Case { body: String::new(), ..Case::right() }, &["empty", "express.raw"]),
        (
            Case { header: Case::right().header.replace("v1=", "s="), ..Case::right() },
            &["called \"s\"", "Written in its form, the signature is right", "digest('hex')"],
        ),
        (Case { header: upper, ..Case::right() }, &["upper-case", "the signature is right", "hexdigest"]),
        (
            Case { header: format!("t={T}"), ..Case::right() },
            &["cut the value at the comma", "req.get('Sync-Signature')"],
        ),
        (
            Case { header: signed_by(&Secret::new(format!("{}_", secret(1).expose())).unwrap()), ..Case::right() },
            &["another secret"],
        ),
    ] {
        case.is_told(words);
    }
}

#[test]
fn a_header_out_of_its_form_does_not_hide_a_second_mistake() {
    let header = Case::right().header.replace("v1=", "s=");
    let twice = Case { header, body: format!("{SENT}\n"), ..Case::right() };
    twice.is_told(&["called \"s\"", "That is not all", "white space after the body", "express.raw"]);
}

#[test]
fn another_owners_secret_is_named() {
    let header = sign_sync(&secret(2), T, SENT.as_bytes());
    let others =
        vec![known(Some("the secret of organization default"), 3), known(Some("the secret of endpoint ep_7"), 2)];
    let case = Case { header, others, ..Case::right() };
    case.is_told(&["another secret than the one that it was checked with: the secret of endpoint ep_7"]);
    let spaced = Case { body: SENT.replace("\":", "\": "), ..case };
    spaced.is_told(&["the secret of endpoint ep_7", "Beside that", "first difference", "express.raw"]);
    let rewritten = Case { body: r#"{"id":"g-1"}"#.to_owned(), on_record: Some(SENT), ..spaced };
    rewritten.is_told(&["the secret of endpoint ep_7", "Compared with the bytes of evt_1"]);
    let wide = format!("{{\"id\":\"{}\"}}", "x".repeat(1_500_000));
    let of_wide = sign_sync(&secret(2), T, wide.as_bytes());
    let wide = Case { header: of_wide, body: wide, on_record: None, others: rewritten.others.clone(), ..Case::right() };
    wide.is_told(&["the secret of endpoint ep_7"]);
    let large = Case { body: format!("{{\"id\":\"{}\"}}", "x".repeat(5_000_000)), ..rewritten };
    large.is_told(&["the secret of endpoint ep_7"]);
}

#[test]
fn the_bytes_on_record_say_what_became_of_the_body() {
    let sorted = r#"{"createdAt":"2026-11-23T08:00:00.123Z","id":"g-1","outputDuration":9.98,"segments":null,"status":"COMPLETED"}"#;
    let other = SENT.replace("g-1", "g-2");
    let lost = SENT.replace("\"segments\":null,", "\"extra\":1,").replace("COMPLETED", "FAILED");
    for (body, words) in [
        (sorted, &["right for evt_1", "members in another order", "byte offset 2"][..]),
        (other.as_str(), &["the body of another event"]),
        (lost.as_str(), &["lost: segments", "new: extra", "changed: status"]),
        (&SENT[..30], &["cut after 30 of"]),
        ("[object Object]", &["not JSON any more"]),
        ("", &["it is empty"]),
        ("[]", &["another JSON"]),
    ] {
        Case { body: body.to_owned(), on_record: Some(SENT), ..Case::right() }.is_told(words);
    }
    // Nobody has the bytes: the order alone gives it away.
    Case { body: sorted.to_owned(), ..Case::right() }.is_told(&["alphabetical order", "Go"]);
    let foreign = Case { secrets: vec![known(None, 9)], on_record: Some(SENT), ..Case::right() };
    foreign.is_told(&["another secret than the 1 that were tried", "byte for byte"]);
}

#[test]
fn a_check_that_computes_it_otherwise_is_named() {
    let body = SENT.as_bytes();
    let t = T.to_string();
    let mac = |key: &[u8], parts: &[&[u8]]| {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        hex::encode(mac.finalize().into_bytes())
    };
    let plain = |parts: &[&[u8]]| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(parts.concat()))
    };
    let secret = secret(1);
    let (key, t) = (secret.sync_key(), t.as_bytes());
    let otherwise = |how| VerifyError::SignedOtherwise { how };
    let padded = |around| VerifyError::SecretPadded { around };
    let with = |before: &[u8], after: &[u8]| mac(&[before, key, after].concat(), &[t, b".", body]);
    for (hex, expected) in [
        (mac(key, &[body]), otherwise(SignedText::BodyAlone)),
        (mac(key, &[t, body]), otherwise(SignedText::OtherSeparator)),
        (mac(key, &[t, b":", body]), otherwise(SignedText::OtherSeparator)),
        (mac(key, &[b"t=", t, b".", body]), otherwise(SignedText::FieldIncluded)),
        (mac(key, &[body, b".", t]), otherwise(SignedText::OtherOrder)),
        (mac(key, &[t, b"000.", body]), otherwise(SignedText::Milliseconds)),
        (plain(&[key, t, b".", body]), otherwise(SignedText::PlainHash)),
        (plain(&[t, b".", body, key]), otherwise(SignedText::PlainHash)),
        (with(b"", b"\n"), padded("a line end")),
        (with(b"\"", b"\""), padded("quotation marks")),
        (mac(&secret.standard_key().unwrap(), &[t, b".", body]), VerifyError::SecretDecoded),
    ] {
        let header = format!("t={T},v1={hex}");
        let error =
            verify_sync(Some(header.as_bytes()), body, std::slice::from_ref(&secret), T, Duration::MAX).unwrap_err();
        assert_eq!(error, expected);
        Case { header, ..Case::right() }.is_told(&[&error.to_string(), "To mend it: Node: "]);
    }
}
