//! The headers of registered endpoints at rest: sealed as signing secrets are, and for the same reason.
use postsync_core::endpoint::CustomHeaders;
use postsync_core::ids::{EndpointId, OrgId};
use postsync_engine::ports::StoreError;

use crate::vault::Vault;

impl Vault {
    /// Nonce, ciphertext, tag; `None` where there are none.
    pub(crate) fn seal_headers(
        &self,
        org: &OrgId,
        id: &EndpointId,
        headers: &CustomHeaders,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if headers.as_slice().is_empty() {
            return Ok(None);
        }
        let lines: Vec<String> = headers.as_slice().iter().map(|(name, value)| format!("{name}:{value}")).collect();
        self.seal_bound(&bound(org, id), lines.join("\n").as_bytes()).map(Some)
    }

    pub(crate) fn open_headers(
        &self,
        org: &OrgId,
        id: &EndpointId,
        key_id: &str,
        sealed: &[u8],
    ) -> Result<CustomHeaders, StoreError> {
        let unreadable = |why: &str| StoreError::Key(format!("the headers of endpoint {id} can't be read: {why}"));
        if key_id != self.key_id() {
            return Err(unreadable("they were written with another master key"));
        }
        let text = self.open_bound(&bound(org, id), sealed).ok_or_else(|| unreadable("the row was changed"))?;
        let text = String::from_utf8(text).map_err(|_| unreadable("they are not text"))?;
        // A name holds no colon, and neither of them a line's end.
        let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: Option<Vec<_>> = text.split('\n').map(pair).collect();
        headers.map(CustomHeaders::stored).ok_or_else(|| unreadable("they are no headers"))
    }
}

/// No organization's id and no endpoint's holds a zero byte: no part can run into another, and none into a secret's.
pub(crate) fn bound(org: &OrgId, id: &EndpointId) -> Vec<u8> {
    [b"\0headers\0", id.as_str().as_bytes(), b"\0", org.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    #[test]
    fn they_open_only_for_their_endpoint_and_under_their_key() {
        let [a, b] = [1, 2].map(|byte| Vault::new(&MasterKey::generate([byte; 32])).unwrap());
        let (org, id) = (OrgId::new("default"), EndpointId::registered(7));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = CustomHeaders::stored(vec![pair("X-Gateway", "geheim: a b"), pair("X-B", ":")]);
        let sealed = a.seal_headers(&org, &id, &headers).unwrap().unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"geheim"));
        assert_eq!(a.open_headers(&org, &id, a.key_id(), &sealed), Ok(headers));
        assert!(a.open_headers(&org, &EndpointId::registered(8), a.key_id(), &sealed).is_err());
        assert!(a.open_headers(&OrgId::new("other"), &id, a.key_id(), &sealed).is_err());
        assert!(a.open_headers(&org, &id, b.key_id(), &sealed).unwrap_err().to_string().contains("another master key"));
        assert!(b.open_headers(&org, &id, b.key_id(), &sealed).is_err());
        assert_eq!(a.seal_headers(&org, &id, &CustomHeaders::default()), Ok(None));
    }
}
