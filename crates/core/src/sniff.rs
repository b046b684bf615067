//! What a file is, judged by its first bytes: never by its name or by what a client or a server says it is.
//!
//! Owns the allow-list: only what stands in this table is taken as an upload, or served with a type of its own. A type
//! that a browser could run (HTML, SVG) is not in it, so that nobody's upload becomes a page on our origin.
//!
//! Does not look inside: an mp4 that holds only sound reads as video, and a file that begins like a video may still be
//! damaged. That is the decoder's to find out, in its own process.
use crate::asset::AssetKind;

/// How many of a file's first bytes [`sniff`] wants. Fewer are fine where the file is shorter.
pub const SNIFF_BYTES: usize = 4_096;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// A type from the allow-list, else `application/octet-stream`.
    pub content_type: &'static str,
    /// `None` for what is not on the list: refused as an upload, served as an attachment only.
    pub kind: Option<AssetKind>,
}

impl Sniffed {
    /// What is not on the list.
    pub const UNKNOWN: Self = Self { content_type: "application/octet-stream", kind: None };

    /// The short name of the format, as an asset shows it.
    #[must_use]
    pub fn format(&self) -> Option<&'static str> {
        let short = match self.content_type {
            "video/mp4" => "mp4",
            "video/quicktime" => "mov",
            "video/webm" => "webm",
            "video/x-matroska" => "mkv",
            "video/x-msvideo" => "avi",
            "video/ogg" | "audio/ogg" => "ogg",
            "audio/wav" => "wav",
            "audio/mpeg" => "mp3",
            "audio/mp4" => "m4a",
            "audio/aac" => "aac",
            "audio/flac" => "flac",
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/webp" => "webp",
            _ => return None,
        };
        Some(short)
    }

    const fn audio(content_type: &'static str) -> Self {
        Self { content_type, kind: Some(AssetKind::Audio) }
    }

    const fn video(content_type: &'static str) -> Self {
        Self { content_type, kind: Some(AssetKind::Video) }
    }

    const fn image(content_type: &'static str) -> Self {
        Self { content_type, kind: Some(AssetKind::Image) }
    }
}

/// Judges a file by its first [`SNIFF_BYTES`] bytes.
#[must_use]
pub fn sniff(head: &[u8]) -> Sniffed {
    let head = &head[..head.len().min(SNIFF_BYTES)];
    by_magic(head)
        .or_else(|| riff(head))
        .or_else(|| iso_media(head))
        .or_else(|| ebml(head))
        .or_else(|| ogg(head))
        // Last, because a frame sync is only eleven or twelve bits: everything with a real magic number goes first.
        .or_else(|| aac(head))
        .or_else(|| mp3(head))
        .unwrap_or(Sniffed::UNKNOWN)
}

fn by_magic(head: &[u8]) -> Option<Sniffed> {
    const MAGIC: [(&[u8], Sniffed); 4] = [
        (b"\x89PNG\r\n\x1a\n", Sniffed::image("image/png")),
        (b"\xff\xd8\xff", Sniffed::image("image/jpeg")),
        (b"fLaC", Sniffed::audio("audio/flac")),
        (b"ID3", Sniffed::audio("audio/mpeg")),
    ];
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, sniffed)| *sniffed)
}

/// RIFF and its 64-bit kin: the format's name stands behind the size.
fn riff(head: &[u8]) -> Option<Sniffed> {
    match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => Some(Sniffed::audio("audio/wav")),
        (b"RIFF", b"WEBP") => Some(Sniffed::image("image/webp")),
        (b"RIFF", b"AVI ") => Some(Sniffed::video("video/x-msvideo")),
        _ => None,
    }
}

/// MP4, QuickTime and M4A share one container; the brands of its first box tell them apart.
fn iso_media(head: &[u8]) -> Option<Sniffed> {
    let name = head.get(4..8)?;
    // QuickTime files older than brands begin with one of these boxes.
    if matches!(name, b"moov" | b"mdat" | b"wide" | b"pnot") {
        return Some(Sniffed::video("video/quicktime"));
    }
    if name != b"ftyp" {
        return None;
    }
    let size = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let boxed = head.get(8..size.clamp(8, head.len()))?;
    let major = boxed.get(..4)?;
    // Behind the major brand stands its version, then the compatible brands. The major one decides where it is known.
    std::iter::once(major).chain(boxed.get(8..).unwrap_or_default().chunks_exact(4)).find_map(brand)
}

fn brand(brand: &[u8]) -> Option<Sniffed> {
    match brand {
        b"M4A " | b"M4B " | b"M4P " | b"F4A " => Some(Sniffed::audio("audio/mp4")),
        b"qt  " => Some(Sniffed::video("video/quicktime")),
        b"isom" | b"avc1" | b"dash" | b"M4V " | b"M4VH" | b"M4VP" | b"F4V " | b"MSNV" | b"mmp4" | b"XAVC" | b"NDSC" => {
            Some(Sniffed::video("video/mp4"))
        }
        [b'i', b's', b'o', b'0'..=b'9' | b'a'..=b'c'] | [b'm', b'p', b'4', b'1' | b'2'] | [b'3', b'g', ..] => {
            Some(Sniffed::video("video/mp4"))
        }
        // The stills in this container (avif, heic) are not on the list: what decodes them here is too young.
        _ => None,
    }
}

/// Matroska and WebM: an EBML header whose `DocType` element says which.
fn ebml(head: &[u8]) -> Option<Sniffed> {
    const DOC_TYPE: u32 = 0x4282;
    let mut rest = head.strip_prefix(b"\x1a\x45\xdf\xa3")?;
    let size = vint(&mut rest)?;
    rest = &rest[..rest.len().min(size)];
    while !rest.is_empty() {
        let id = element_id(&mut rest)?;
        let size = vint(&mut rest)?;
        let data = rest.get(..size)?;
        rest = &rest[size..];
        if id == DOC_TYPE {
            return match data.split(|byte| *byte == 0).next()? {
                b"webm" => Some(Sniffed::video("video/webm")),
                b"matroska" => Some(Sniffed::video("video/x-matroska")),
                _ => None,
            };
        }
    }
    None
}

/// A variable-length number: the place of its first one bit says how many bytes it takes.
fn vint(rest: &mut &[u8]) -> Option<usize> {
    let first = *rest.first()?;
    let extra = first.leading_zeros() as usize;
    if extra > 7 || rest.len() <= extra {
        return None;
    }
    let head = u64::from(first) & (0x7f >> extra);
    let number = rest[1..=extra].iter().fold(head, |number, byte| (number << 8) | u64::from(*byte));
    *rest = &rest[extra + 1..];
    usize::try_from(number).ok()
}

/// An element's id: the same form, its marker bit kept, at most four bytes.
fn element_id(rest: &mut &[u8]) -> Option<u32> {
    let extra = rest.first()?.leading_zeros() as usize;
    if extra > 3 || rest.len() <= extra {
        return None;
    }
    let id = rest[..=extra].iter().fold(0, |id, byte| (id << 8) | u32::from(*byte));
    *rest = &rest[extra + 1..];
    Some(id)
}

/// Ogg: the first page carries the first stream's codec header.
fn ogg(head: &[u8]) -> Option<Sniffed> {
    if !head.starts_with(b"OggS") {
        return None;
    }
    let segments = usize::from(*head.get(26)?);
    let packet = head.get(27 + segments..)?;
    Some(if packet.starts_with(b"\x80theora") { Sniffed::video("video/ogg") } else { Sniffed::audio("audio/ogg") })
}

/// AAC in ADTS frames. A second frame must follow where it can be seen: twelve bits alone turn up in any noise.
fn aac(head: &[u8]) -> Option<Sniffed> {
    let length = adts_frame_bytes(head)?;
    let followed = head.get(length..).is_none_or(|next| next.len() < 7 || adts_frame_bytes(next).is_some());
    followed.then_some(Sniffed::audio("audio/aac"))
}

fn adts_frame_bytes(head: &[u8]) -> Option<usize> {
    let frame = head.get(..7)?;
    let rate = (frame[2] >> 2) & 0x0f;
    let length = usize::from(frame[3] & 0x03) << 11 | usize::from(frame[4]) << 3 | usize::from(frame[5] >> 5);
    (frame[0] == 0xff && frame[1] & 0xf6 == 0xf0 && rate <= 12 && length > 7).then_some(length)
}

/// MPEG layer III without an ID3 tag, again with a second frame where it can be seen.
fn mp3(head: &[u8]) -> Option<Sniffed> {
    let length = mp3_frame_bytes(head)?;
    let followed = head.get(length..).is_none_or(|next| next.len() < 4 || mp3_frame_bytes(next).is_some());
    followed.then_some(Sniffed::audio("audio/mpeg"))
}

fn mp3_frame_bytes(head: &[u8]) -> Option<usize> {
    const KBPS_1: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const KBPS_2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const HZ_1: [usize; 3] = [44_100, 48_000, 32_000];
    let frame = head.get(..4)?;
    let (version, layer) = ((frame[1] >> 3) & 3, (frame[1] >> 1) & 3);
    if frame[0] != 0xff || frame[1] & 0xe0 != 0xe0 || version == 1 || layer != 1 {
        return None;
    }
    let (kbps, divisor, samples_8) = match version {
        3 => (KBPS_1, 1, 144),
        2 => (KBPS_2, 2, 72),
        _ => (KBPS_2, 4, 72),
    };
    let kbps = *kbps.get(usize::from(frame[2] >> 4))?;
    let hz = HZ_1.get(usize::from((frame[2] >> 2) & 3))? / divisor;
    let padding = usize::from((frame[2] >> 1) & 1);
    (kbps > 0).then_some(samples_8 * kbps * 1_000 / hz + padding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
        let size = u32::try_from(16 + 4 * compatible.len()).unwrap();
        let mut file = [&size.to_be_bytes()[..], b"ftyp", major, &[0; 4]].concat();
        compatible.iter().for_each(|brand| file.extend_from_slice(*brand));
        file.extend_from_slice(b"\0\0\0\x08free");
        file
    }

    fn ebml_head(doc_type: &[u8]) -> Vec<u8> {
        let inner = [b"\x42\x86\x81\x01\x42\x82".as_slice(), &[0x80 | u8::try_from(doc_type.len()).unwrap()], doc_type];
        let inner = inner.concat();
        [b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0".as_slice(), &[u8::try_from(inner.len()).unwrap()], &inner].concat()
    }

    fn ogg_page(packet: &[u8]) -> Vec<u8> {
        let mut page = b"OggS".to_vec();
        page.resize(26, 0);
        page.extend([1, u8::try_from(packet.len()).unwrap()]);
        page.extend(packet);
        page
    }

    #[test]
    fn knows_what_is_on_the_list() {
        let table: Vec<(Vec<u8>, &str, Option<AssetKind>)> = vec![
            (ftyp(b"isom", &[b"iso2", b"mp41"]), "video/mp4", Some(AssetKind::Video)),
            (ftyp(b"zzzz", &[b"mp42"]), "video/mp4", Some(AssetKind::Video)),
            (ftyp(b"3gp5", &[]), "video/mp4", Some(AssetKind::Video)),
            (ftyp(b"qt  ", &[]), "video/quicktime", Some(AssetKind::Video)),
            (ftyp(b"M4A ", &[b"mp42", b"isom"]), "audio/mp4", Some(AssetKind::Audio)),
            (b"\0\0\0\x08wide\0\0\0\0mdat".to_vec(), "video/quicktime", Some(AssetKind::Video)),
            (ebml_head(b"webm"), "video/webm", Some(AssetKind::Video)),
            (ebml_head(b"matroska"), "video/x-matroska", Some(AssetKind::Video)),
            (b"RIFF\x10\0\0\0AVI LIST".to_vec(), "video/x-msvideo", Some(AssetKind::Video)),
            (b"RIFF\x10\0\0\0WAVEfmt ".to_vec(), "audio/wav", Some(AssetKind::Audio)),
            (b"RIFF\x10\0\0\0WEBPVP8 ".to_vec(), "image/webp", Some(AssetKind::Image)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(), "image/jpeg", Some(AssetKind::Image)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "image/png", Some(AssetKind::Image)),
            (b"ID3\x04\0\0\0\0\0\0".to_vec(), "audio/mpeg", Some(AssetKind::Audio)),
            (b"fLaC\0\0\0\x22".to_vec(), "audio/flac", Some(AssetKind::Audio)),
            (ogg_page(b"\x01vorbis"), "audio/ogg", Some(AssetKind::Audio)),
            (ogg_page(b"OpusHead"), "audio/ogg", Some(AssetKind::Audio)),
            (ogg_page(b"\x80theora"), "video/ogg", Some(AssetKind::Video)),
        ];
        for (file, content_type, kind) in table {
            assert_eq!(sniff(&file), Sniffed { content_type, kind }, "{:?}", String::from_utf8_lossy(&file));
        }
    }

    #[test]
    fn a_frame_sync_counts_only_with_a_second_one() {
        // 128 kbit/s at 44.1 kHz: 417 bytes a frame.
        let mut mp3 = vec![0; 1_000];
        mp3[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(sniff(&mp3), Sniffed::UNKNOWN, "no second frame");
        mp3[417..421].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(sniff(&mp3).content_type, "audio/mpeg");

        // 100 bytes a frame: 100 = 0b000_0110_0100.
        let header = [0xff, 0xf1, 0x50, 0x80, 0x0c, 0x9f, 0xfc];
        let mut aac = vec![0; 300];
        aac[..7].copy_from_slice(&header);
        assert_eq!(sniff(&aac), Sniffed::UNKNOWN, "no second frame");
        aac[100..107].copy_from_slice(&header);
        assert_eq!(sniff(&aac).content_type, "audio/aac");
    }

    #[test]
    fn what_a_browser_could_run_is_not_on_the_list() {
        for file in [
            b"<!doctype html><script>".as_slice(),
            b"<svg xmlns='http://www.w3.org/2000/svg'>",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd",
            b"ffconcat version 1.0",
            b"%PDF-1.7",
            b"GIF89a",
            b"\xff\xfeh\0t\0m\0l\0",
            b"PK\x03\x04",
            b"",
            b"\0",
        ] {
            assert_eq!(sniff(file), Sniffed::UNKNOWN, "{:?}", String::from_utf8_lossy(file));
        }
        assert_eq!(sniff(&ftyp(b"avif", &[b"mif1", b"miaf"])), Sniffed::UNKNOWN);
        assert_eq!(sniff(&ebml_head(b"html")), Sniffed::UNKNOWN);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), magic in 0usize..6) {
            let magics: [&[u8]; 6] = [b"", b"\x1a\x45\xdf\xa3", b"OggS", b"RIFF", b"\0\0\0\x20ftyp", b"\xff\xfb"];
            let _ = sniff(&[magics[magic], &bytes].concat());
        }
    }
}
