//! `POST /postsync/v1/upstream/{id}/{token}` where no upstream is configured: a door that is not there looks like any other
//! that is not one's own. What is heard through one that is there, the engine's scenarios and the end-to-end tests show.
use axum::body::Body;
use http::Method;

use crate::harness::{App, request};

#[tokio::test]
async fn a_door_that_is_not_there_is_a_404_whatever_is_said() {
    let app = App::start().await;
    let id = app.created("lipsync-2").await;
    for path in [format!("{id}/{}", "0".repeat(64)), format!("{id}/x"), "x/y".to_owned(), "%ff/%00".to_owned()] {
        let path = format!("/postsync/v1/upstream/{path}");
        for key in [None, Some(crate::harness::ADMIN)] {
            let answer = app.send(request(Method::POST, &path, key, Body::from(r#"{"id":"up-1"}"#))).await;
            assert_eq!(answer.refusal(), "404 generation_not_found -", "{path}");
        }
    }
}
