//! A host of media: serves files under names of the test's choice, and redirects where it should not.
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

/// `GET /redirect/to-private` leads to an address that is not public.
const PRIVATE: &str = "http://10.0.0.1/in.mp4";

type Files = Arc<HashMap<&'static str, Vec<u8>>>;

/// Serves until the test's runtime ends.
pub(super) async fn serve(files: HashMap<&'static str, Vec<u8>>) -> SocketAddr {
    let router = Router::new()
        .route("/redirect/to-private", get(|| async { (StatusCode::FOUND, [("location", PRIVATE)]) }))
        .route("/{name}", get(file))
        .with_state(Arc::new(files));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A video by its header, whatever it is.
async fn file(State(files): State<Files>, Path(name): Path<String>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "video/mp4".parse().unwrap());
    match files.get(name.as_str()) {
        Some(bytes) => (headers, bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
