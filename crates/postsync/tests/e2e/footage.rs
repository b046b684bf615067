//! Files as users send them, well-formed and not, made by ffmpeg or by hand when a test wants them.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::repository;

/// Eight hours.
const LONG_S: u32 = 8 * 60 * 60;

/// Makes files in a folder.
pub(crate) struct Footage(pub(crate) PathBuf);

impl Footage {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    /// A second of a small portrait, as a video without sound.
    pub(crate) fn portrait(&self) -> PathBuf {
        let filter = ["-vf", "scale=256:256", "-pix_fmt", "yuv420p", "-c:v", "libx264"];
        self.made("portrait.mp4", &[&["-loop", "1", "-i", &sample_path(), "-t", "1", "-r", "12"], &filter[..]].concat())
    }

    /// A second of speech.
    pub(crate) fn speech(&self) -> PathBuf {
        self.write("speech.wav", &crate::harness::speech::speech(0))
    }

    /// An mp4 with sound and nothing to see.
    pub(crate) fn only_sound(&self) -> PathBuf {
        let speech = self.speech();
        self.made("only-sound.mp4", &["-i", speech.to_str().unwrap(), "-c:a", "aac"])
    }

    /// The first half of an mp4 whose table of contents stands at its end.
    pub(crate) fn truncated(&self) -> PathBuf {
        let whole = fs::read(self.portrait()).unwrap();
        self.write("truncated.mp4", &whole[..whole.len() / 2])
    }

    /// A video that lasts eight hours, in a few hundred kilobytes.
    pub(crate) fn long_video(&self) -> PathBuf {
        let length = LONG_S.to_string();
        let pictures = ["-f", "lavfi", "-i", "color=s=64x64:r=1", "-t", &length];
        self.made("long.mp4", &[&pictures[..], &["-c:v", "libx264", "-preset", "ultrafast"]].concat())
    }

    /// Eight hours of sound at one sample a second.
    pub(crate) fn long_speech(&self) -> PathBuf {
        let mut wav = Vec::from(*b"RIFF");
        wav.extend((LONG_S + 36).to_le_bytes());
        wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        // Samples a second, bytes a second, bytes and bits of a sample.
        wav.extend(b"\x01\0\0\0\x01\0\0\0\x01\0\x08\0data");
        wav.extend(LONG_S.to_le_bytes());
        wav.resize(wav.len() + LONG_S as usize, 0x80);
        self.write("long.wav", &wav)
    }

    /// A picture of 100 megapixels in 12 kilobytes.
    pub(crate) fn huge_picture(&self) -> PathBuf {
        let source = ["-f", "lavfi", "-i", "color=s=10000x10000:r=1,format=monob", "-frames:v", "1"];
        self.made("huge.png", &source)
    }

    /// A picture of the lipsync tests: the cat `chelsea.jpg`, the cup `coffee.jpg`.
    pub(crate) fn picture(&self, name: &str) -> PathBuf {
        repository().join("crates/lipsync/tests/fixtures").join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn made(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.0.join(name);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y"]).args(arguments).arg(&path).stdin(Stdio::null());
        let output = ffmpeg.output().expect("ffmpeg is there");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

pub(crate) fn sample_path() -> String {
    repository().join("crates/lipsync/samples/astronaut.png").to_str().unwrap().to_owned()
}
