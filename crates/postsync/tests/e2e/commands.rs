//! `keys`, `orgs` and `secret` beside a running server, which honours what they did within a second or two.
use serde_json::{Value, json};

use crate::harness::api::{id_of, passthrough};
use crate::harness::receiver::Request;
use crate::harness::server::KEY;
use crate::harness::{Api, Receiver, SECRET, Server, Setup, poll};

const IMPORTED: &str = "whsec_any-text-that-came-from-elsewhere";

async fn status_becomes(api: &Api, status: u16) {
    poll(&format!("the key gets {status}"), async || (api.get("/v2/generations").await.status == status).then_some(()))
        .await;
}

/// The id of the key of that name.
async fn key_id(setup: &Setup, organization: &str, name: &str) -> String {
    let listed = setup.printed(&["keys", "list", "--org", organization, "--json"]).await;
    let keys: Vec<Value> = serde_json::from_str(&listed).unwrap();
    id_of(keys.iter().find(|key| key["name"] == name).unwrap_or_else(|| panic!("{name} in {listed}")))
}

#[tokio::test]
async fn keys_made_and_revoked_beside_the_server_count() {
    let setup = Setup::new();
    let server = setup.start().await;
    let key = setup.printed(&["keys", "create", "--name", "ci", "--scope", "read"]).await;
    assert!(!key.contains(char::is_whitespace), "only the key is printed: {key:?}");
    let api = server.api().with_key(&key);
    status_becomes(&api, 200).await;
    let refused = api.create_text(&passthrough("https://app.example/hook").to_string()).await;
    assert_eq!(refused.status, 403, "a key that may only read: {refused:?}");

    setup.printed(&["keys", "revoke", &key_id(&setup, "default", "ci").await]).await;
    status_becomes(&api, 401).await;
    assert_eq!(server.api().get("/v2/generations").await.status, 200, "the others still work");
}

#[tokio::test]
async fn a_revoked_bootstrap_key_stays_revoked() {
    let setup = Setup::new();
    let server = setup.start().await;
    let other = setup.printed(&["keys", "create", "--name", "other", "--scope", "admin"]).await;
    setup.printed(&["keys", "revoke", &key_id(&setup, "default", "bootstrap").await]).await;
    status_becomes(&server.api(), 401).await;
    let server = server.stop().await.start().await;
    assert_eq!(server.api().get("/v2/generations").await.status, 401, "the variable still names {KEY}");
    assert_eq!(server.api().with_key(&other).get("/v2/generations").await.status, 200);
}

#[tokio::test]
async fn organizations_made_beside_the_server_are_apart() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new();
    let server = setup.start().await;
    let org = setup.printed(&["orgs", "create", "Second Film"]).await;
    assert!(!org.contains(char::is_whitespace), "only the id is printed: {org:?}");
    assert!(setup.printed(&["orgs", "list"]).await.contains(&org));
    let key = setup.printed(&["keys", "create", "--name", "theirs", "--org", &org]).await;
    let theirs = server.api().with_key(&key);
    status_becomes(&theirs, 200).await;

    let id = theirs.create(&passthrough(&receiver.url("/hook"))).await;
    theirs.delivery_in(&id, &["delivered"]).await;
    assert_eq!(server.api().get(&format!("/v2/generate/{id}")).await.status, 404, "not ours");
    assert!(server.api().deliveries("").await.is_empty());
    let request = receiver.requests.count("the webhook", 1).await.remove(0);
    assert!(!verified(&setup, SECRET, &request).await, "not with the secret of another organization");
    let secret = setup.printed(&["secret", "show", "--org", &org]).await;
    assert!(verified(&setup, &secret, &request).await);
}

#[tokio::test]
async fn an_organizations_plan_changed_beside_the_server_counts() {
    let setup = Setup::new();
    let server = setup.start().await;
    let shown = async || {
        let account = server.api().get("/v2/account").await.expect(200);
        (account["plan"].clone(), account["limits"]["concurrency"].clone())
    };
    assert_eq!(shown().await, (Value::Null, Value::Null));
    setup.printed(&["orgs", "set", "default", "--plan", "growth"]).await;
    poll("the plan counts", async || (shown().await == (json!("growth"), json!(6))).then_some(())).await;
    setup.printed(&["orgs", "set", "default", "--concurrency", "2"]).await;
    poll("the figure counts", async || (shown().await == (json!("growth"), json!(2))).then_some(())).await;
}

#[tokio::test]
async fn an_imported_secret_signs_and_stays() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new();
    let server = setup.start().await;
    let first = webhook(&server, &receiver).await;
    assert!(verified(&setup, SECRET, &first).await && first.head.contains("Webhook-Signature"));

    setup.printed(&["secret", "import", IMPORTED]).await;
    assert_eq!(setup.printed(&["secret", "show"]).await, IMPORTED);
    let signed = poll("a webhook is signed with the imported secret", async || {
        let request = webhook(&server, &receiver).await;
        verified(&setup, IMPORTED, &request).await.then_some(request)
    })
    .await;
    assert!(!signed.head.contains("Webhook-Signature"), "it is no base64: {}", signed.head);

    let server = server.stop().await.start().await;
    let request = webhook(&server, &receiver).await;
    assert!(verified(&setup, IMPORTED, &request).await, "the bootstrap variable does not bring the old one back");
}

#[tokio::test]
async fn a_body_is_compared_with_the_bytes_on_record() {
    let setup = Setup::new();
    let receiver = Receiver::friendly().await;
    let server = setup.start().await;
    let request = webhook(&server, &receiver).await;
    let event = request.header("webhook-id");
    let told = compared(&setup, event, &request, &request.body).await;
    assert_eq!(told.0, Some(0));
    assert!(
        told.1.ends_with(&format!(
            "with the secret of organization default. The body is that of {event}, byte for byte.\n"
        )),
        "{told:?}"
    );
    let changed = String::from_utf8(request.body.clone()).unwrap().replace("COMPLETED", "COMPLETeD");
    let told = compared(&setup, event, &request, changed.as_bytes()).await;
    assert_eq!(told.0, Some(1));
    assert!(told.1.contains("content was changed") && told.1.contains("the first difference is at byte"), "{told:?}");
    setup.printed(&["secret", "import", IMPORTED]).await;
    let (code, told) = compared(&setup, event, &request, &request.body).await;
    assert!(code == Some(1) && told.contains("with another secret than the 1 that were tried"), "{told}");
    assert!(told.contains("byte for byte") && !told.contains("changed"), "the body is right: {told}");
    assert_eq!(compared(&setup, "evt_0000000000000", &request, b"").await.0, Some(2));
    assert_eq!(compared(&setup, "7", &request, b"").await.0, Some(2));
}

/// What `postsync verify --event` says, without a secret.
async fn compared(setup: &Setup, event: &str, request: &Request, body: &[u8]) -> (Option<i32>, String) {
    let file = setup.home().join("body");
    std::fs::write(&file, body).unwrap();
    let mut command = setup.command(&["verify", "--signature", request.header("Sync-Signature"), "--event", event]);
    let output = command.stdin(std::fs::File::open(&file).unwrap()).output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// A new generation's webhook.
async fn webhook(server: &Server, receiver: &Receiver) -> Request {
    let id = server.api().create(&passthrough(&receiver.url("/hook"))).await;
    receiver.requests.first("the webhook", |request| request.json()["id"] == id.as_str()).await
}

/// What `postsync verify` says: exit code 0 or 1.
async fn verified(setup: &Setup, secret: &str, request: &Request) -> bool {
    let body = setup.home().join("body");
    std::fs::write(&body, &request.body).unwrap();
    let signature = request.header("Sync-Signature");
    let mut command = setup.command(&["verify", "--signature", signature, "--secret", secret]);
    let output = command.stdin(std::fs::File::open(&body).unwrap()).output().await.unwrap();
    match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        _ => panic!("{output:?}"),
    }
}
