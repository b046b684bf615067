//! The first bytes of a file that must be of a kind: judged as soon as they are here, so that a page of words in place of a video
//! is not stored.
use postsync_core::asset::AssetKind;
use postsync_core::sniff::{SNIFF_BYTES, sniff};

pub(super) struct Start {
    wanted: Option<AssetKind>,
    bytes: Vec<u8>,
}

impl Start {
    /// Of a file that must be that; `None`: whatever it is.
    pub(super) fn new(wanted: Option<AssetKind>) -> Self {
        Self { wanted, bytes: Vec::new() }
    }

    /// `false` once it is known to be something else.
    pub(super) fn takes(&mut self, data: &[u8]) -> bool {
        let missing = SNIFF_BYTES - self.bytes.len();
        if self.wanted.is_none() || missing == 0 {
            return true;
        }
        self.bytes.extend_from_slice(&data[..data.len().min(missing)]);
        self.bytes.len() < SNIFF_BYTES || self.fits()
    }

    /// Whether the file is of that kind, if this is all that there is of it.
    pub(super) fn fits(&self) -> bool {
        self.wanted.is_none() || sniff(&self.bytes).kind == self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42";

    #[test]
    fn it_is_judged_once_enough_is_here() {
        let mut page = Start::new(Some(AssetKind::Video));
        assert!(page.takes(b"<!doctype html>") && !page.fits(), "short as it is");
        assert!(page.takes(&[b' '; SNIFF_BYTES - 16]) && !page.takes(b"x"), "and as soon as it is long");

        let mut video = Start::new(Some(AssetKind::Video));
        assert!(!video.fits(), "an empty file is none");
        for byte in MP4 {
            assert!(video.takes(&[*byte]));
        }
        assert!(video.fits() && video.takes(&[0; 2 * SNIFF_BYTES]) && video.takes(&[0; 9]) && video.fits());
        assert_eq!(video.bytes.len(), SNIFF_BYTES);
        assert!(!Start::new(Some(AssetKind::Image)).takes(&[MP4, &[0; SNIFF_BYTES]].concat()));
    }

    #[test]
    fn whatever_it_is_is_fine_where_nothing_is_wanted() {
        let mut any = Start::new(None);
        assert!(any.takes(b"anything") && any.fits() && any.bytes.is_empty());
    }
}
