//! The audit over `kill -9`: a generation and who asked for it are there together, or neither is.
use serde_json::{Value, json};

use crate::harness::api::passthrough;
use crate::harness::{Receiver, Setup};

#[tokio::test]
async fn who_asked_is_on_disk_as_soon_as_the_generation_is() {
    let receiver = Receiver::friendly().await;
    let setup = Setup::new();
    let body = passthrough(&receiver.url("/hook")).to_string();
    for (moment, count) in [("create written", 0), ("create committed", 1)] {
        let dying = setup.clone().with("DIE_AT_MOMENT", moment).start().await;
        let _ = dying.api().try_create_keyed(&body, "k").await;
        dying.ended().await;
        let server = setup.start().await;
        let generations = server.api().get("/v2/generations").await.expect(200);
        let audit = server.api().get("/postsync/v1/audit").await.expect(200);
        let ids = |list: &Value, name: &str| -> Vec<Value> {
            list.as_array().unwrap().iter().map(|item| item[name].clone()).collect()
        };
        assert_eq!(ids(&audit["items"], "generationId"), ids(&generations, "id"), "{moment}");
        assert_eq!(audit["items"].as_array().unwrap().len(), count, "{moment}");
        for item in audit["items"].as_array().unwrap() {
            assert_eq!((&item["address"], item["keyId"].is_string()), (&json!("127.0.0.1"), true));
        }
        server.stop().await;
    }
}
