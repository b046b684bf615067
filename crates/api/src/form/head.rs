//! The head of a part: its name and, for files, the name that the client gave. The part's content type is not looked at:
//! the Node SDK sends `application/octet-stream` for everything.

/// The longest file name that is kept, in characters. It is for people only.
const FILE_NAME_CHARS_MAX: usize = 255;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    pub(super) name: Option<String>,
    pub(super) file_name: Option<String>,
}

/// Reads the header lines of a part.
pub(super) fn read(head: &[u8]) -> PartHead {
    let text = String::from_utf8_lossy(head);
    let disposition = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    disposition.map(parameters).unwrap_or_default()
}

fn parameters(disposition: &str) -> PartHead {
    let mut head = PartHead::default();
    let mut rest = disposition.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, value, after)) = parameter(rest) {
        match name.to_ascii_lowercase().as_str() {
            "name" => head.name = Some(value),
            "filename" => head.file_name = Some(file_name(&value)),
            _ => {}
        }
        rest = after;
    }
    head
}

/// The next `name=value` or `name="value"`, and what follows it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start_matches([';', ' ', '\t']);
    let (name, value) = text.split_once('=')?;
    let Some(quoted) = value.trim_start().strip_prefix('"') else {
        let (value, after) = value.split_once(';').unwrap_or((value, ""));
        return Some((name.trim(), value.trim().to_owned(), after));
    };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((name.trim(), out, &quoted[at + 1..])),
            // Only a quote is ever escaped by clients; a lone backslash is a Windows path.
            '\\' if quoted[at + 1..].starts_with('"') => {
                out.push('"');
                chars.next();
            }
            other => out.push(other),
        }
    }
    Some((name.trim(), out, ""))
}

/// Without folders and control characters, not too long: it is shown, and nothing else is done with it.
fn file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(FILE_NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(head: &str) -> (Option<String>, Option<String>) {
        let head = read(head.as_bytes());
        (head.name, head.file_name)
    }

    #[test]
    fn reads_what_clients_send() {
        for (line, name, file) in [
            ("Content-Disposition: form-data; name=\"model\"", Some("model"), None),
            ("content-disposition:form-data;name=model", Some("model"), None),
            (
                "X: y\r\nContent-Disposition: form-data; name=\"video\"; filename=\"a b.mp4\"\r\nContent-Type: x",
                Some("video"),
                Some("a b.mp4"),
            ),
            (
                "Content-Disposition: form-data; filename=\"x;name=\\\"y\"; name=\"video\"",
                Some("video"),
                Some("x;name=\"y"),
            ),
            (
                "Content-Disposition: form-data; name=\"video\"; filename=\"C:\\temp\\in.mp4\"",
                Some("video"),
                Some("in.mp4"),
            ),
            (
                "Content-Disposition: form-data; name=\"video\"; filename=\"../../etc/passwd\"",
                Some("video"),
                Some("passwd"),
            ),
            ("Content-Disposition: form-data; name=\"video\"; filename=\"\"", Some("video"), Some("")),
            ("Content-Disposition: form-data; name=\"open", Some("open"), None),
            ("Content-Disposition: form-data", None, None),
            ("Content-Type: text/plain", None, None),
            ("", None, None),
        ] {
            assert_eq!(named(line), (name.map(str::to_owned), file.map(str::to_owned)), "{line}");
        }
        assert!(read(b"Content-Disposition: form-data; name=\"\xff\"").name.is_some());
    }
}
