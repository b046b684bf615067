//! Whatever the bytes are, the crate answers and does not panic; and what was signed verifies.

use std::time::Duration;

use postsync_webhook::{
    Known, OnRecord, Question, Secret, StandardHeaders, canonical, explain, sign_standard, sign_sync, verify_standard,
    verify_sync,
};
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        // Near misses reach deeper than noise does.
        "(t|v1|s|T)?=?[0-9]{0,20}[, \n]?(v1|t|v0)?[=,]?[0-9a-fA-F]{0,66}[, \n]?".prop_map(String::into_bytes),
        "t=[0-9]{1,12},v1=[0-9a-f]{64}".prop_map(String::into_bytes),
        "(v1,[A-Za-z0-9+/]{43}= ?){1,3}".prop_map(String::into_bytes),
        r#"[\[{]("[a-z0-9\\u]{0,6}"[:,])?[-0-9.eE]{0,8}[\]}]"#.prop_map(String::into_bytes),
        "\\PC{0,80}".prop_map(String::into_bytes),
    ]
}

fn secret() -> impl Strategy<Value = Secret> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(Secret::generate),
        "\\PC{1,60}".prop_filter_map("not a secret", |rest| Secret::new(format!("whsec_{rest}")).ok()),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic(
        header in prop::option::of(bytes()),
        id in prop::option::of(bytes()),
        timestamp in prop::option::of(bytes()),
        body in bytes(),
        secrets in prop::collection::vec(secret(), 0..3),
        now in any::<i64>(),
        tolerance in any::<u64>(),
    ) {
        let tolerance = Duration::from_secs(tolerance);
        if let Err(error) = verify_sync(header.as_deref(), &body, &secrets, now, tolerance) {
            prop_assert!(!error.to_string().is_empty());
        }
        let set = StandardHeaders { id: id.as_deref(), timestamp: timestamp.as_deref(), signature: header.as_deref() };
        if let Err(error) = verify_standard(set, &body, &secrets, now, tolerance) {
            prop_assert!(!error.to_string().is_empty());
        }
        let _ = canonical::reprint(&body);
    }

    #[test]
    fn no_question_panics(
        header in prop::option::of(bytes()),
        body in bytes(),
        sent in prop::option::of(bytes()),
        secrets in prop::collection::vec(secret(), 0..3),
        others in prop::collection::vec(secret(), 0..3),
        now_unix_s in any::<i64>(),
    ) {
        let known = |secrets: Vec<Secret>| -> Vec<Known> {
            secrets.into_iter().map(|secret| Known { name: None, secret }).collect()
        };
        let (secrets, others) = (known(secrets), known(others));
        let explained = explain(&Question {
            header: header.as_deref(),
            body: &body,
            secrets: &secrets,
            others: &others,
            on_record: sent.as_deref().map(|body| OnRecord { id: "evt_1", body }),
            now_unix_s,
            tolerance: Duration::from_secs(300),
        });
        prop_assert!(!explained.verified && !explained.in_one_line().is_empty());
    }

    #[test]
    fn no_string_panics_as_a_secret(given in "\\PC{0,80}|whsec_.{0,80}") {
        if let Ok(secret) = Secret::new(given.clone()) {
            prop_assert_eq!(secret.expose(), given);
            prop_assert!(!secret.masked().is_empty());
            let _ = secret.standard_key();
        }
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_else(
        secret in secret(),
        body in bytes(),
        t in 0_i64..100_000_000_000,
        flip in any::<prop::sample::Index>(),
    ) {
        let header = sign_sync(&secret, t, &body);
        let secrets = std::slice::from_ref(&secret);
        prop_assert!(verify_sync(Some(header.as_bytes()), &body, secrets, t, Duration::ZERO).is_ok());
        if let Some(signature) = sign_standard(&secret, "evt_1", t, &body) {
            let timestamp = t.to_string();
            let set = StandardHeaders {
                id: Some(b"evt_1"),
                timestamp: Some(timestamp.as_bytes()),
                signature: Some(signature.as_bytes()),
            };
            prop_assert!(verify_standard(set, &body, secrets, t, Duration::ZERO).is_ok());
        }
        let mut altered = body.clone();
        if !altered.is_empty() {
            let at = flip.index(altered.len());
            altered[at] ^= 1;
            prop_assert!(verify_sync(Some(header.as_bytes()), &altered, secrets, t, Duration::ZERO).is_err());
        }
    }

    #[test]
    fn canonical_bytes_are_a_fixed_point(body in bytes()) {
        if let Ok(once) = canonical::reprint(&body) {
            prop_assert_eq!(canonical::reprint(&once).unwrap(), once);
        }
    }
}
