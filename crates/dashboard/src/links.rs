//! Paths of our own pages, and the judgement whether one that came from outside is one.
use axum::http::Uri;

/// The longest that is taken back after a sign-in.
const NEXT_BYTES_MAX: usize = 512;

/// Where to go after a sign-in: what was asked for.
pub(crate) fn back_to(uri: &Uri) -> Option<String> {
    uri.path_and_query().map(|path| path.as_str().to_owned()).filter(|path| is_ours(path))
}

/// Whether a browser sent there stays with us: a path with one slash in front. `//host`, `/\host` and anything with a control
/// character, which a browser leaves out, lead elsewhere.
pub(crate) fn is_ours(path: &str) -> bool {
    let mut bytes = path.bytes();
    path.len() <= NEXT_BYTES_MAX
        && bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// A path with a query of these, those without a text left out.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_paths_are_gone_back_to() {
        for (path, ours) in [
            ("/", true),
            ("/generations?status=FAILED&after=1", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("\\/evil.example", false),
            ("https://evil.example", false),
            ("/\t/evil.example", false),
            ("/a\\b", false),
            ("", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_ours(path), ours, "{path}");
        }
        assert!(!is_ours(&format!("/{}", "x".repeat(NEXT_BYTES_MAX))));
    }

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(with_query("/a", &[("b", ""), ("c", "d&e=\"")]), "/a?c=d%26e%3D%22");
        assert_eq!(with_query("/a", &[("b", "")]), "/a");
    }
}
