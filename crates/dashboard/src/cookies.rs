//! The two cookies: of a session, and of the form that begins one.
use axum::http::{HeaderMap, HeaderValue, header};

use crate::sessions::AGE_MAX;

/// Of whoever is signed in.
pub(crate) const SESSION: &str = "postsync_session";

/// Of a sign-in form: what is sent back must say the same. So nobody can sign a stranger's browser in.
pub(crate) const FORM: &str = "postsync_form";

/// How long a sign-in form may lie open.
const FORM_SECONDS: u64 = 60 * 60;

/// A cookie's text is ours; anything longer is not.
const BYTES_MAX: usize = 128;

/// What a browser sent under that name. Where it sent several, the first one.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str, https: bool) -> Option<&'a str> {
    let name = full_name(name, https);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value).filter(|value| value.len() <= BYTES_MAX)
}

/// `Set-Cookie` for a text of ours, in hex; the empty text takes it away.
pub(crate) fn set(name: &str, text: &str, https: bool) -> HeaderValue {
    let seconds = match name {
        _ if text.is_empty() => 0,
        SESSION => AGE_MAX.as_secs(),
        _ => FORM_SECONDS,
    };
    let secure = if https { "; Secure" } else { "" };
    let name = full_name(name, https);
    let cookie = format!("{name}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

/// Over TLS no other host of the domain can set one of that name.
fn full_name(name: &str, https: bool) -> String {
    if https { format!("__Host-{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_and_no_other() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; postsync_session=one;postsync_session=two"));
        assert_eq!(read(&headers, SESSION, false), Some("one"));
        assert_eq!(read(&headers, SESSION, true), None, "over TLS only a name that nobody else can set counts");
        assert_eq!(read(&headers, FORM, false), None);
        headers.clear();
        let long = format!("postsync_session={}", "x".repeat(BYTES_MAX + 1));
        headers.append(header::COOKIE, HeaderValue::from_str(&long).unwrap());
        assert_eq!(read(&headers, SESSION, false), None);
    }

    #[test]
    fn is_kept_from_scripts_and_from_other_sites() {
        let cookie = set(SESSION, "ab", true);
        let cookie = cookie.to_str().unwrap();
        assert_eq!(cookie, "__Host-postsync_session=ab; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure");
        assert!(set(SESSION, "", false).to_str().unwrap().contains("=; Path=/; Max-Age=0;"));
    }
}
