//! What kind of file is this? Decided by its first bytes, never by its name.
//!
//! ffmpeg would guess too, but its guesses include playlists and lists of other files (HLS, ffconcat), and for a file called `x.jpg` the
//! `image2` reader, which expands `%` in names. We name the reader instead, out of this short list.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// Containers that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// mp4, mov, m4a.
    Mov,
    /// mkv, webm.
    Matroska,
    Avi,
    Png,
    Jpeg,
    Webp,
    Wav,
    Mp3,
    /// Bare AAC (ADTS).
    Aac,
    Flac,
    Ogg,
}

/// All readers that a child may use, by ffmpeg's names.
pub(crate) const FORMATS: &str = "mov,matroska,webm,avi,png_pipe,jpeg_pipe,webp_pipe,wav,mp3,aac,flac,ogg";

impl Container {
    /// ffmpeg's name of the reader.
    pub(crate) fn demuxer(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::Avi => "avi",
            Self::Png => "png_pipe",
            Self::Jpeg => "jpeg_pipe",
            Self::Webp => "webp_pipe",
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
        }
    }

    /// A single picture.
    pub(crate) fn is_still(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Webp)
    }
}

const HEAD_BYTES: usize = 1024;

/// The container of the file at `path`; `None` if it is not one of ours (or empty).
pub(crate) fn sniff(path: &Path) -> io::Result<Option<Container>> {
    let mut file = File::open(path)?;
    let mut head = read_head(&mut file)?;
    if let Some(after) = id3_end(&head) {
        // An ID3 tag says nothing about what follows it; mp3 unless the bytes behind it say otherwise.
        file.seek(SeekFrom::Start(after))?;
        head = read_head(&mut file)?;
        return Ok(recognise(&head).or(Some(Container::Mp3)));
    }
    Ok(recognise(&head))
}

fn read_head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Where an ID3v2 tag at the start of the file ends.
fn id3_end(head: &[u8]) -> Option<u64> {
    let size = head.strip_prefix(b"ID3")?.get(3..7)?;
    let bytes = size.iter().fold(0u64, |n, b| (n << 7) | u64::from(b & 0x7f));
    Some(bytes + 10)
}

fn recognise(head: &[u8]) -> Option<Container> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|h| h.starts_with(magic));
    let riff = |kind: &[u8]| (at(0, b"RIFF") || at(0, b"RF64")) && at(8, kind);
    let boxes: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];
    Some(match head {
        _ if boxes.iter().any(|b| at(4, b)) => Container::Mov,
        _ if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) => Container::Matroska,
        _ if riff(b"AVI ") => Container::Avi,
        _ if riff(b"WAVE") => Container::Wav,
        _ if riff(b"WEBP") => Container::Webp,
        _ if at(0, b"\x89PNG\r\n\x1a\n") => Container::Png,
        _ if at(0, &[0xff, 0xd8, 0xff]) => Container::Jpeg,
        _ if at(0, b"fLaC") => Container::Flac,
        _ if at(0, b"OggS") => Container::Ogg,
        // Eleven set bits start an MPEG audio frame; layer bits of zero make it ADTS.
        [0xff, b, ..] if b & 0xf6 == 0xf0 => Container::Aac,
        [0xff, b, ..] if b & 0xe0 == 0xe0 && b & 0x06 != 0 => Container::Mp3,
        // Encoders pad the start of an mp3 with zeros.
        [0, rest @ ..] => match rest.iter().position(|b| *b != 0).map(|i| &rest[i..]) {
            Some([0xff, b, ..]) if b & 0xe0 == 0xe0 && b & 0x06 != 0 => Container::Mp3,
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let cases: [(&[u8], Option<Container>); 12] = [
            (b"\0\0\0\x20ftypisom", Some(Container::Mov)),
            (b"\x1a\x45\xdf\xa3....", Some(Container::Matroska)),
            (b"RIFF....WAVEfmt ", Some(Container::Wav)),
            (b"RIFF....AVI LIST", Some(Container::Avi)),
            (b"RIFF....WEBPVP8 ", Some(Container::Webp)),
            (b"\x89PNG\r\n\x1a\n....", Some(Container::Png)),
            (b"\xff\xd8\xff\xe0", Some(Container::Jpeg)),
            (b"\xff\xfb\x90\x00", Some(Container::Mp3)),
            (b"\xff\xf1\x50\x80", Some(Container::Aac)),
            (b"#EXTM3U\n#EXT-X-VERSION:3\n", None),
            (b"ffconcat version 1.0\nfile x\n", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(recognise(head), expected, "{head:?}");
        }
        assert_eq!(id3_end(b"ID3\x04\0\0\0\0\x02\x01"), Some(267));
    }
}
