//! Has espeak-ng speak, inside of the limits.
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use postsync_core::error_code::{GENERATION_INFRA_SERVICE_UNAVAILABLE, GENERATION_PIPELINE_FAILED};

use super::report::{complain, milliseconds};
use crate::order::{Said, Speak};

/// RIFF, its format of 16 bytes, and the head of its data: as espeak-ng writes it.
const HEAD_BYTES: usize = 44;

/// Where the bytes of a second are told.
const BYTE_RATE_AT: usize = 28;

pub(super) fn speak(speak: &Speak, folder: &Path) -> Said {
    let output = folder.join(&speak.output);
    match run(speak, &output) {
        Ok(true) => match duration_s(&output) {
            Ok(seconds) => Said::Done { duration_ms: milliseconds(seconds) },
            Err(error) => failed(&format!("What was spoken can't be read: {}.", error.kind())),
        },
        Ok(false) => failed("The text could not be spoken: espeak-ng refused it."),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Said::Failed {
            error_code: GENERATION_INFRA_SERVICE_UNAVAILABLE.as_str().into(),
            error: "This server can't speak text: espeak-ng is not installed.".into(),
        },
        Err(error) => failed(&format!("The text could not be spoken: {}.", error.kind())),
    }
}

fn failed(error: &str) -> Said {
    Said::Failed { error_code: GENERATION_PIPELINE_FAILED.as_str().into(), error: error.into() }
}

/// The script goes in by its stdin: as an argument it could be an option.
fn run(speak: &Speak, output: &Path) -> io::Result<bool> {
    let mut espeak = Command::new(&speak.tool);
    espeak.args(["-v", &speak.voice, "-b", "1", "--stdin", "-w"]).arg(output);
    let mut child = espeak.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read to the end says why when it ends.
        let _ = stdin.write_all(plain(&speak.script).as_bytes());
    }
    let ended = child.wait_with_output()?;
    complain(&String::from_utf8_lossy(&ended.stderr));
    Ok(ended.status.success())
}

/// Control characters are nothing that can be said; some of them are commands.
fn plain(script: &str) -> String {
    script.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

fn duration_s(file: &Path) -> io::Result<f64> {
    let bytes = std::fs::metadata(file)?.len();
    let mut head = [0; HEAD_BYTES];
    File::open(file)?.read_exact(&mut head)?;
    let mut rate = [0; 4];
    rate.copy_from_slice(&head[BYTE_RATE_AT..BYTE_RATE_AT + 4]);
    let rate = u32::from_le_bytes(rate).max(1);
    Ok(bytes.saturating_sub(HEAD_BYTES as u64) as f64 / f64::from(rate))
}
