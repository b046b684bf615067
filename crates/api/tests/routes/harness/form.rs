//! Forms as the SDKs put them on the wire.
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request};

use super::{ADMIN, request};

const BOUNDARY: &str = "----formdata-undici-0123456789";

#[derive(Default)]
pub(crate) struct Form(Vec<u8>, Option<&'static str>);

impl Form {
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.0.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        self.0.extend(value.bytes());
        self.0.extend(b"\r\n");
        self
    }

    /// As the Node SDK sends a stream: a content type that says nothing.
    pub(crate) fn file(mut self, name: &str, file_name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        self.0.extend(head.bytes());
        self.0.extend(bytes);
        self.0.extend(b"\r\n");
        self
    }

    /// The same with another boundary.
    pub(crate) fn bounded_by(self, boundary: &'static str) -> Self {
        Self(replaced(&self.0, BOUNDARY.as_bytes(), boundary.as_bytes()), Some(boundary))
    }

    /// Chunked, without a Content-Length.
    pub(crate) fn post(self) -> Request<Body> {
        let boundary = self.1.unwrap_or(BOUNDARY);
        let end = format!("--{boundary}--\r\n");
        let bytes = [self.0, end.into_bytes()].concat();
        Self::post_bytes(&bytes, boundary)
    }

    /// Without its end, as when a client goes away.
    pub(crate) fn post_cut(self) -> Request<Body> {
        Self::post_bytes(&self.0, BOUNDARY)
    }

    fn post_bytes(bytes: &[u8], boundary: &str) -> Request<Body> {
        let chunks: Vec<_> = bytes.chunks(1_000).map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c))).collect();
        let mut request =
            request(Method::POST, "/v2/generate", Some(ADMIN), Body::from_stream(futures::stream::iter(chunks)));
        let content_type = format!("multipart/form-data; boundary={boundary}").parse().unwrap();
        request.headers_mut().insert("content-type", content_type);
        request
    }
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        out.extend(&rest[..at]);
        out.extend(new);
        rest = &rest[at + old.len()..];
    }
    out.extend(rest);
    out
}
