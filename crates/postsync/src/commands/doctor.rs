//! `postsync doctor`: looks at everything a server needs, says what is wrong and what to do. Exit code 1 where something is.
mod privacy;

use std::process::{Command, ExitCode};

use postsync_egress::Egress;
use postsync_engine::ports::{Clock as _, Store as _};
use postsync_generators::media_child::NEEDED;

use super::{StoreArgs, block_on};
use crate::data;
use crate::out::say;
use crate::settings::{self, Settings, UNKNOWN_VARIABLE};
use crate::wiring;
use crate::world::SystemClock;

/// So many times what must stay free should be: less, and generations will soon be refused.
const FREE_TIMES_MIN: u64 = 2;

/// A clock before this was never set: signatures would be refused as too old.
const CLOCK_MIN_UNIX_S: i64 = 1_767_225_600;

/// The oldest ffmpeg that has all that the built-in model asks of it.
const VERSION_MIN: (u32, u32) = (5, 1);

/// What is looked for on the system.
const TOOLS: [&str; 2] = ["ffmpeg", "ffprobe"];

/// One finding: whether it is right, and a line about it. `None` is a note.
type Finding = (Option<bool>, String);

pub(crate) fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let values = args.values()?;
    let settings = args.settings()?;
    let mut findings = vec![(None, settings::OF_THIS_SHELL.to_owned())];
    findings.extend(block_on(async { Ok(look(&settings).await) })?);
    let unknown = values.unknown_variables.iter();
    findings.extend(unknown.map(|variable| (None, format!("{variable}: {UNKNOWN_VARIABLE}"))));
    for (right, line) in &findings {
        let mark = match right {
            Some(true) => "ok  ",
            Some(false) => "BAD ",
            None => "note",
        };
        say!("{mark}  {line}")?;
    }
    let bad = findings.iter().filter(|(right, _)| *right == Some(false)).count();
    say!("{}", if bad == 0 { "all right".to_owned() } else { format!("{bad} to mend") })?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<Finding> = TOOLS.into_iter().map(tool).collect();
    findings.push(encoder());
    findings.push(speaker());
    findings.push(database(settings).await);
    findings.extend(privacy::look(&settings.data_dir));
    findings.push(disk(settings));
    findings.extend(media(settings));
    findings.push(clock());
    findings.push(egress(settings));
    findings.extend(media_child(settings).await);
    findings
}

fn tool(name: &str) -> Finding {
    match Command::new(name).arg("-version").output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let line = text.lines().next().unwrap_or(name);
            match version(line) {
                Some(found) if found < VERSION_MIN => {
                    let (major, minor) = VERSION_MIN;
                    (Some(false), format!("{line}: the built-in model needs {major}.{minor} or newer"))
                }
                _ => (Some(true), line.to_owned()),
            }
        }
        _ => (Some(false), format!("{name} is not there: apt-get install ffmpeg (the built-in model needs it)")),
    }
}

/// `ffmpeg version 5.1.6-0+deb12u1 Copyright ...`, also with an `n` before it; a build of the development branch has no
/// number, and is taken for new.
fn version(line: &str) -> Option<(u32, u32)> {
    let word = line.split_whitespace().skip_while(|word| *word != "version").nth(1)?;
    let mut numbers = word.trim_start_matches('n').split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

fn encoder() -> Finding {
    let output = Command::new("ffmpeg").args(["-v", "quiet", "-encoders"]).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    let has = text.contains("libx264") && text.contains(" aac ");
    (
        Some(has),
        if has {
            "ffmpeg encodes h264 and aac".to_owned()
        } else {
            "ffmpeg lacks libx264 or aac: install Debian's ffmpeg".to_owned()
        },
    )
}

/// Only text input needs it.
fn speaker() -> Finding {
    match Command::new("espeak-ng").arg("--version").output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let line = text.lines().next().unwrap_or("espeak-ng");
            (Some(true), line.split("  ").next().unwrap_or(line).to_owned())
        }
        _ => (
            None,
            "espeak-ng is not there, so inputs of type text can't be spoken: apt-get install espeak-ng".to_owned(),
        ),
    }
}

async fn database(settings: &Settings) -> Finding {
    if !data::has_database(settings) {
        let folder = data::whole_path(settings);
        return (None, format!("no database yet in {}; `postsync serve` makes it", folder.display()));
    }
    match data::open(settings).await {
        Ok(opened) => match opened.store.check().await {
            Ok(()) => (Some(true), format!("database {}", opened.folder.database().display())),
            Err(error) => (Some(false), format!("database: {error}")),
        },
        Err(error) => (Some(false), format!("database: {error:#}")),
    }
}

fn disk(settings: &Settings) -> Finding {
    let wanted = data::whole_path(settings);
    // Before the first start the folder is not there, and will be on the disk of the one above it.
    let folder = wanted.ancestors().find(|path| path.exists()).unwrap_or(&wanted);
    match rustix::fs::statvfs(folder) {
        Ok(stat) => {
            let (free, wanted) =
                (stat.f_bavail * stat.f_frsize, settings.budget.wanted_bytes(stat.f_blocks * stat.f_frsize));
            let line = format!("{} MB free in {}", free / 1_000_000, folder.display());
            let kept = format!("storage.free_bytes_min keeps {} MB free", wanted / 1_000_000);
            if free < wanted {
                (Some(false), format!("{line}: {kept}, so no generation is taken"))
            } else if free < wanted.saturating_mul(FREE_TIMES_MIN) {
                (None, format!("{line}: {kept}, so no generation will be taken soon"))
            } else {
                (Some(true), line)
            }
        }
        Err(error) => (Some(false), format!("{}: {error}", folder.display())),
    }
}

/// Only where there is a limit to hold it against: all files are looked at.
fn media(settings: &Settings) -> Option<Finding> {
    let most = Some(settings.budget.media_bytes_max).filter(|most| *most > 0)?;
    Some(match postsync_media::kept_bytes(&settings.data_dir) {
        Ok(bytes) => {
            let line = format!("videos and uploads take {} of {} MB", bytes / 1_000_000, most / 1_000_000);
            let full = bytes >= most;
            let why = if full { " (storage.media_bytes_max), so no generation is taken" } else { "" };
            (Some(!full), format!("{line}{why}"))
        }
        Err(error) => (Some(false), format!("{}: {error}", settings.data_dir.display())),
    })
}

fn clock() -> Finding {
    let now = SystemClock.now();
    let set = now.unix_s() >= CLOCK_MIN_UNIX_S;
    (
        Some(set),
        if set { format!("clock says {now}") } else { format!("clock says {now}: set it, or signatures are refused") },
    )
}

fn egress(settings: &Settings) -> Finding {
    let http = if settings.rules.allow_http { ", http allowed" } else { "" };
    match Egress::new(wiring::egress_settings(settings)) {
        Ok(_) => {
            (Some(true), format!("egress: {} opened addresses{http}; resolver configured", settings.rules.allow.len()))
        }
        Err(error) => (Some(false), format!("egress: {error}")),
    }
}

/// A limit that this kernel does not know is a note, not a fault: the others hold. What the child needs is no limit.
async fn media_child(settings: &Settings) -> Vec<Finding> {
    // Tried where it will work, or before there is a data folder, in one that goes again.
    let elsewhere = if settings.data_dir.is_dir() { None } else { tempfile::tempdir().ok() };
    let folder = elsewhere.as_ref().map_or(settings.data_dir.as_path(), tempfile::TempDir::path);
    match postsync_generators::limits_in_force(&wiring::builtin_settings(settings), folder).await {
        Ok(limits) => limits.into_iter().map(|(name, holds)| limit(&name, holds)).collect(),
        Err(error) => vec![(Some(false), format!("media process: {error}"))],
    }
}

fn limit(name: &str, holds: bool) -> Finding {
    if holds {
        (Some(true), format!("media process: {name}"))
    } else if NEEDED.contains(&name) {
        (Some(false), format!("media process: {name} does NOT hold, and the built-in model needs it"))
    } else {
        (None, format!("media process: {name} does NOT hold here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_printed() {
        for (line, found) in [
            ("ffmpeg version 5.1.6-0+deb12u1 Copyright (c) 2000-2024", Some((5, 1))),
            ("ffprobe version 4.4.2-0ubuntu0.22.04.1 Copyright", Some((4, 4))),
            ("ffmpeg version n7.1 Copyright", Some((7, 1))),
            ("ffmpeg version 8 Copyright", Some((8, 0))),
            ("ffmpeg version N-109468-gd39b34123d Copyright", None),
            ("something else", None),
        ] {
            assert_eq!(version(line), found, "{line}");
        }
    }
}
