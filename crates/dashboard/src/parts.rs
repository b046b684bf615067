//! A form with a file, `multipart/form-data`, read whole within its bounds.
//!
//! Promise: a file's bytes stay as they came; a text field is UTF-8 with each line end as one `\n`, as browsers show it and not as they
//! send it. What is in no such form is refused with a sentence. Files of a create do not come this way: those are streams.
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use memchr::memmem::find;

use crate::problem::Problem;

/// How long one may take to come.
const FORM_MAX: Duration = Duration::from_secs(20);

/// Fields that are looked at.
const PARTS_MAX: usize = 16;

/// A boundary, as the standard bounds it.
const BOUNDARY_BYTES_MAX: usize = 70;

/// The parts of a form, each with its name.
#[derive(Debug, Default)]
pub(crate) struct Parts(Vec<Part>);

#[derive(Debug)]
struct Part {
    name: String,
    /// Whether it has the name of a file; an empty one is a field in which none was chosen.
    is_file: bool,
    bytes: Bytes,
}

impl Parts {
    /// Reads a request of at most so many bytes.
    pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = boundary(kind).ok_or_else(|| Problem::bad("This form is sent as multipart/form-data."))?;
        let whole = Limited::new(request.into_body(), bytes_max).collect();
        let whole = tokio::time::timeout(FORM_MAX, whole).await;
        let whole = whole.map_err(|_| Problem::bad("The form stopped coming."))?;
        let whole = whole.map_err(|_| Problem::bad("The form is too large, or did not arrive whole."))?;
        Self::split(&whole.to_bytes(), &boundary).ok_or_else(|| Problem::bad("The form is not whole."))
    }

    /// `None` where it is not in its form.
    fn split(whole: &Bytes, boundary: &str) -> Option<Self> {
        let line = format!("\r\n--{boundary}");
        let mut parts = Vec::new();
        let mut rest = whole.slice(whole.strip_prefix(&line.as_bytes()[2..]).map(|_| line.len() - 2)?..);
        while !rest.starts_with(b"--") {
            let head_end = find(&rest, b"\r\n\r\n")?;
            let head = rest.slice(rest.strip_prefix(b"\r\n").map(|_| 2)?.min(head_end)..head_end);
            // A body may be empty: the line end that closes the head is then also the one in front of the boundary.
            let end = head_end + 2 + find(&rest[head_end + 2..], line.as_bytes())?;
            let body = rest.slice((head_end + 4).min(end)..end);
            rest = rest.slice(end + line.len()..);
            parts.push(Part::of(&head, body)?);
            if parts.len() > PARTS_MAX {
                return None;
            }
        }
        Some(Self(parts))
    }

    /// A text as it was typed; empty where there is none. `None` where it is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let Some(part) = self.0.iter().find(|part| part.name == name && !part.is_file) else {
            return Some(String::new());
        };
        std::str::from_utf8(&part.bytes).ok().map(|text| text.replace("\r\n", "\n"))
    }

    /// The file that was chosen.
    pub(crate) fn file(&self, name: &str) -> Option<Bytes> {
        self.0.iter().find(|part| part.name == name && part.is_file).map(|part| part.bytes.clone())
    }
}

impl Part {
    fn of(head: &[u8], bytes: Bytes) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let is_disposition = |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition:");
        let line = head.split("\r\n").find(is_disposition)?;
        let (_, name) = line.split_once("; name=\"")?;
        Some(Self { name: name.split('"').next()?.to_owned(), is_file: line.contains("; filename="), bytes })
    }
}

/// What stands between the parts.
fn boundary(kind: &str) -> Option<String> {
    let (essence, parameters) = kind.split_once(';')?;
    let is_form = essence.trim().eq_ignore_ascii_case("multipart/form-data");
    let (_, boundary) = parameters.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    (is_form && (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())).then(|| boundary.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<Parts> {
        Parts::split(&Bytes::from(text.to_owned()), "x")
    }

    const HEAD: &str = "Content-Disposition: form-data; name=\"a\"";

    #[test]
    fn a_browsers_form_is_read_as_it_was_typed() {
        let file =
            "Content-Disposition: form-data; name=\"file\"; filename=\"b.json\"\r\nContent-Type: application/json";
        let parts =
            split(&format!("--x\r\n{HEAD}\r\n\r\n1\r\n2\r\n\r\n--x\r\n{file}\r\n\r\n1\r\n2\r\n\r\n--x--\r\n")).unwrap();
        assert_eq!(parts.text("a").unwrap(), "1\n2\n");
        assert_eq!(parts.file("file").unwrap(), "1\r\n2\r\n", "byte for byte");
        assert_eq!((parts.text("file").unwrap(), parts.file("a")), (String::new(), None));
        let parts = split(&format!("--x\r\n{HEAD}\r\n\r\n\r\n--x--")).unwrap();
        assert_eq!(parts.text("a").unwrap(), "");
    }

    #[test]
    fn what_is_in_no_such_form_is_refused() {
        for text in [
            "",
            "--",
            "--x",
            "--x\r\n",
            "--xx--",
            "--y\r\n\r\n\r\n--y--",
            "--x\r\n\r\n\r\n--x--",
            &format!("--x\r\n{HEAD}\r\n\r\n1"),
            &format!("--x\r\n{HEAD}\r\n--x--"),
            &format!("--x{}--", format!("\r\n{HEAD}\r\n\r\n\r\n--x").repeat(PARTS_MAX + 1)),
            "--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--",
        ] {
            assert!(split(text).is_none(), "{text:?}");
        }
        let invalid = format!("--x\r\n{HEAD}\r\n\r\n\u{e9}\r\n--x--").into_bytes();
        let at = invalid.iter().position(|byte| *byte == 0xc3).unwrap();
        let invalid = Bytes::from([&invalid[..at], &invalid[at + 1..]].concat());
        assert_eq!(Parts::split(&invalid, "x").unwrap().text("a"), None);
    }

    #[test]
    fn a_boundary_is_bounded() {
        assert_eq!(boundary("multipart/form-data; boundary=\"ab\"").as_deref(), Some("ab"));
        assert_eq!(boundary("Multipart/Form-Data;charset=utf-8; boundary=ab").as_deref(), Some("ab"));
        let long = format!("multipart/form-data; boundary={}", "x".repeat(BOUNDARY_BYTES_MAX + 1));
        for kind in ["", "text/plain; boundary=a", "multipart/form-data", "multipart/form-data; boundary=", &long] {
            assert_eq!(boundary(kind), None, "{kind}");
        }
    }
}
