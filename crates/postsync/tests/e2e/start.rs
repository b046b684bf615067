//! The start: with nothing configured everything is made; with the wrong key, or beside another server, it is refused.
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::api::passthrough;
use crate::harness::server::KEY;
use crate::harness::{Api, Receiver, Setup};

/// Base64 of 32 bytes, twice.
const KEYS: [&str; 2] =
    ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo="];

#[tokio::test]
async fn a_start_with_no_configuration_makes_everything() {
    // The port only, so that tests do not meet on 8080.
    let setup = Setup::bare().with("POSTSYNC_LISTEN", "127.0.0.1:0");
    let server = setup.start().await;
    let log = server.log.all().join("\n");
    for (name, mode) in [("first-api-key", 0o600), ("master.key", 0o600), ("", 0o700)] {
        let made = setup.data().join(name).metadata().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(made.permissions().mode() & 0o777, mode, "{name:?}");
    }
    let key = std::fs::read_to_string(setup.data().join("first-api-key")).unwrap();
    let key = key.trim();
    assert!(log.contains("first-api-key") && !log.contains(key), "the log says where it is, not what it is: {log}");

    let api = Api::new(server.address, key);
    api.get("/v2/generations").await.expect(200);
    assert_eq!(api.get("/healthz").await.status, 200);
    assert_eq!(api.get("/readyz").await.status, 200);
    assert_eq!(api.with_key("another-key").get("/v2/generations").await.status, 401);

    let server = server.stop().await.start().await;
    let again = std::fs::read_to_string(setup.data().join("first-api-key")).unwrap();
    assert_eq!(again.trim(), key, "the second start makes no second first key");
    Api::new(server.address, key).get("/v2/generations").await.expect(200);
}

#[tokio::test]
async fn a_taken_port_is_told_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let setup = Setup::bare().with("POSTSYNC_LISTEN", &address);
    let said = setup.refused().await;
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
    assert!(!setup.data().exists(), "nothing was made, and no key of which nobody would have been told");
    drop(taken);
    setup.start().await;
    assert!(setup.data().join("first-api-key").exists());
}

#[tokio::test]
async fn files_are_private_in_a_folder_that_is_not() {
    let setup = Setup::bare().with("POSTSYNC_LISTEN", "127.0.0.1:0");
    std::fs::create_dir(setup.data()).unwrap();
    std::fs::set_permissions(setup.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _server = setup.start().await;
    let mut names = Vec::new();
    for entry in setup.data().read_dir().unwrap().map(Result::unwrap) {
        names.push(entry.file_name().into_string().unwrap());
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
    }
    for name in ["postsync.db", "postsync.db-wal", "postsync.db-shm", "postsync.db.lock", "media", "token.key"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_meant_is_warned_of() {
    let setup = Setup::new().with("POSTSYNC_LISEN", "127.0.0.1:1").with_open_files_max(2_000);
    let server = setup.start().await;
    let log = server.log.all().join("\n");
    assert!(log.contains("POSTSYNC_LISEN") && log.contains("no setting has this variable"), "{log}");
    assert!(log.contains("delivery.in_flight_max") && log.contains("2000"), "{log}");
}

#[tokio::test]
async fn a_lost_or_wrong_master_key_is_refused() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new();
    let server = setup.start().await;
    server.api().create(&passthrough(&receiver.url("/hook"))).await;
    server.stop().await;

    let file = setup.data().join("master.key");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let said = setup.refused().await;
    assert!(said.contains("master key"), "{said}");
    assert!(!file.exists(), "a new one beside the old database would lose every secret");

    std::fs::write(&file, KEYS[0]).unwrap();
    let said = setup.refused().await;
    assert!(said.contains("master key") && !said.contains(KEYS[0]), "{said}");
    std::fs::write(&file, &kept).unwrap();
    setup.start().await.api().get("/v2/generations").await.expect(200);
}

#[tokio::test]
async fn a_wrong_master_key_in_the_environment_is_refused() {
    let setup = Setup::new().with("POSTSYNC_MASTER_KEY", KEYS[0]);
    setup.start().await.stop().await;
    assert!(!setup.data().join("master.key").exists(), "the key is the operator's");
    for wrong in [KEYS[1], "not base64", "c2hvcnQ="] {
        let said = setup.clone().with("POSTSYNC_MASTER_KEY", wrong).refused().await;
        assert!(said.to_lowercase().contains("master key") && !said.contains(wrong), "{said}");
    }
    setup.start().await.stop().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let setup = Setup::new();
    let server = setup.start().await;
    let said = setup.clone().with("POSTSYNC_LISTEN", "127.0.0.1:0").refused().await;
    assert!(said.contains("another"), "it says why: {said}");
    server.api().get("/v2/generations").await.expect(200);
    // The lock of a dead server holds nobody up.
    let setup = server.kill().await;
    setup.start().await.api().get("/v2/generations").await.expect(200);
}

#[tokio::test]
async fn every_mistake_is_told_at_once_and_no_secret_with_it() {
    let setup = Setup::new()
        .with("POSTSYNC_DELIVERY_SCHEDULE", "5s,1s")
        .with("POSTSYNC_EGRESS_ALLOW_HTTP", "yes")
        .with("POSTSYNC_MODELS_LIPSYNC_99", "builtin");
    let said = setup.refused().await;
    for word in ["POSTSYNC_DELIVERY_SCHEDULE", "POSTSYNC_EGRESS_ALLOW_HTTP", "POSTSYNC_MODELS_LIPSYNC_99"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!said.contains(KEY), "{said}");
    assert!(!setup.data().exists(), "nothing is made before the settings are right");
}
