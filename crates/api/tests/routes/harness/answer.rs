//! What came back.
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn read(response: Response, head_only: bool) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Self { status: parts.status.as_u16(), headers: parts.headers, body };
        assert!(answer.headers.contains_key("x-request-id"));
        if answer.status >= 400 && !head_only {
            answer.is_a_proper_error();
        }
        answer
    }

    fn is_a_proper_error(&self) {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        let body = self.json();
        assert!(body.is_object(), "{body}");
        assert_eq!(body["statusCode"], self.status, "{body}");
        let message = body["message"].as_str().unwrap();
        assert!(!message.is_empty() && message.is_ascii() && message.len() < 600, "{message}");
        if self.status != 401 {
            for key in ["error", "errorCode", "suggestion", "requestId"] {
                assert!(body[key].is_string(), "{key} is missing: {body}");
            }
            assert_eq!(Some(body["requestId"].as_str().unwrap()), self.header("x-request-id"));
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// `400 generation_input_validation_failed input[0].url`
    pub(crate) fn refusal(&self) -> String {
        let body = self.json();
        let field = body.get("field").and_then(Value::as_str).unwrap_or("-");
        format!("{} {} {field}", self.status, body["errorCode"].as_str().unwrap_or("-"))
    }
}
