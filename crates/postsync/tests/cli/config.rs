//! Settings: where they come from, what is masked, and that every mistake is told at once.
use serde_json::json;

use super::run::{Home, Ran};

const API_KEY: &str = "psk_this-must-not-be-seen";
const SECRET: &str = "whsec_this-must-not-be-seen-either";

#[test]
fn later_sources_win_and_say_who_they_are() {
    let home = Home::new();
    let file = "listen = '0.0.0.0:1'\npublic_url = 'https://lips.example.com'\n[delivery]\ntimeout = '20s'\n";
    std::fs::write(home.file("postsync.toml"), file).unwrap();
    let mut command = home.command(&["config", "show", "--json", "--data-dir", "elsewhere"]);
    let ran = Ran::of(command.env("POSTSYNC_LISTEN", "0.0.0.0:2").env("POSTSYNC_PUBLIC_URL", ""));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let settings = ran.json();
    for (name, value, from) in [
        ("listen", "0.0.0.0:2", "environment"),
        ("public_url", "https://lips.example.com", "file"),
        ("delivery.timeout", "20s", "file"),
        ("data_dir", "elsewhere", "flag"),
        ("shutdown.grace", "20s", "default"),
        ("models.lipsync-2", "builtin", "default"),
    ] {
        assert_eq!(settings[name], json!({"value": value, "from": from}), "{name}");
    }
    let text = home.done(&["config", "show"]).out;
    assert!(text.contains("POSTSYNC_MODELS_SYNC_3\n    # What makes it: builtin ("), "{text}");
    assert!(text.starts_with("# settings of a server that is started here, with this shell's variables"), "{text}");
    assert!(!home.file("elsewhere").exists(), "looking makes nothing");
}

#[test]
fn secrets_are_masked() {
    let home = Home::new();
    for arguments in [&["config", "show"][..], &["config", "show", "--json"]] {
        let mut command = home.command(arguments);
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        command.env("POSTSYNC_BOOTSTRAP_API_KEY", API_KEY).env("POSTSYNC_BOOTSTRAP_WEBHOOK_SECRET", SECRET);
        let ran = Ran::of(command.env("POSTSYNC_MASTER_KEY", key));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for secret in [API_KEY, SECRET, key] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{secret} in {ran:?}");
        }
        assert_eq!(ran.out.matches("(set, not shown)").count(), 3);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let home = Home::new();
    std::fs::write(home.file("postsync.toml"), "lisen = 'x'\n[media]\npixels_max = 'many'\n").unwrap();
    let mistakes = [
        ("POSTSYNC_LISTEN", "here"),
        ("POSTSYNC_PUBLIC_URL", "lips.example.com"),
        ("POSTSYNC_MASTER_KEY", "c2hvcnQ="),
        ("POSTSYNC_BOOTSTRAP_API_KEY", "short"),
        ("POSTSYNC_BOOTSTRAP_WEBHOOK_SECRET", "not-a-secret"),
        ("POSTSYNC_DELIVERY_SCHEDULE", "5s,1s"),
        ("POSTSYNC_DELIVERY_TIMEOUT", "2m"),
        ("POSTSYNC_EGRESS_ALLOW", "10.0.0.0/99,*.example.com"),
        ("POSTSYNC_EGRESS_ALLOW_HTTP", "yes"),
        ("POSTSYNC_LIMITS_CONCURRENCY", "-1"),
        ("POSTSYNC_LOG_LEVEL", "postsync=loud"),
        ("POSTSYNC_MODELS_LIPSYNC_2", "cloud"),
        ("POSTSYNC_MODELS_X", "builtin"),
    ];
    for arguments in [&["config", "show"][..], &["serve"], &["migrate"]] {
        let ran = Ran::of(home.command(arguments).envs(mistakes));
        let names: Vec<&str> =
            mistakes.iter().map(|(name, _)| *name).chain(["lisen", "POSTSYNC_MEDIA_PIXELS_MAX"]).collect();
        ran.refused(1, &[&names[..], &["16 mistake(s)", "10.0.0.0/99", "*.example.com"]].concat());
        for secret in ["c2hvcnQ=", "\"short\"", "not-a-secret"] {
            assert!(!ran.err.contains(secret), "{secret} in {}", ran.err);
        }
    }
    assert!(!home.file("postsync-data").exists(), "nothing is made before the settings are right");
}

#[test]
fn an_unknown_model_is_refused_with_those_that_there_are() {
    let home = Home::new();
    let ran = Ran::of(home.command(&["config", "show"]).env("POSTSYNC_MODELS_X", "builtin"));
    ran.refused(1, &["POSTSYNC_MODELS_X", "POSTSYNC_MODELS_LIPSYNC_1_9_0_BETA"]);
    let empty = Ran::of(home.command(&["config", "show"]).env("POSTSYNC_MODELS_X", ""));
    assert_eq!(empty.code, Some(0), "an empty value is unset: {}", empty.err);
}

#[test]
fn a_named_file_must_be_there() {
    let home = Home::new();
    home.run(&["config", "show", "--config", "none.toml"]).refused(1, &["none.toml"]);
    std::fs::write(home.file("broken.toml"), "listen = ").unwrap();
    let empty = Ran::of(home.command(&["config", "show"]).env("POSTSYNC_CONFIG", ""));
    assert_eq!(empty.code, Some(0), "an empty value is unset: {}", empty.err);
    home.run(&["config", "show", "--config", "broken.toml"]).refused(1, &["broken.toml", "TOML"]);
}
