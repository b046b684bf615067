//! `postsync doctor`: looks at everything a server needs, says what is wrong and what to do. Exit code 1 where something is.
use std::process::{Command, ExitCode};

use postsync_egress::Egress;
use postsync_engine::ports::{Clock as _, Store as _};
use postsync_generators::media_child::NEEDED;

use super::{StoreArgs, block_on};
use crate::data;
use crate::out::say;
use crate::settings::Settings;
use crate::wiring;
use crate::world::SystemClock;

/// Less than this and uploads will soon be refused.
const DISK_BYTES_MIN: u64 = 1 << 30;

/// A clock before this was never set: signatures would be refused as too old.
const CLOCK_MIN_UNIX_S: i64 = 1_767_225_600;

/// What is looked for on the system.
const TOOLS: [&str; 2] = ["ffmpeg", "ffprobe"];

/// One finding: whether it is right, and a line about it. `None` is a note.
type Finding = (Option<bool>, String);

pub(crate) fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let settings = args.settings()?;
    let findings = block_on(async { Ok(look(&settings).await) })?;
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
    findings.push(database(settings).await);
    findings.push(disk(settings));
    findings.push(clock());
    findings.push(egress(settings));
    findings.extend(media_child(settings).await);
    findings
}

fn tool(name: &str) -> Finding {
    match Command::new(name).arg("-version").output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            (Some(true), text.lines().next().unwrap_or(name).to_owned())
        }
        _ => (Some(false), format!("{name} is not there: apt-get install ffmpeg (the built-in model needs it)")),
    }
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

async fn database(settings: &Settings) -> Finding {
    match data::open(settings).await {
        Ok(opened) => match opened.store.check().await {
            Ok(()) => (Some(true), format!("database {}", opened.folder.database().display())),
            Err(error) => (Some(false), format!("database: {error}")),
        },
        Err(error) => (Some(false), format!("database: {error:#}")),
    }
}

fn disk(settings: &Settings) -> Finding {
    match rustix::fs::statvfs(&settings.data_dir) {
        Ok(stat) => {
            let free = stat.f_bavail * stat.f_frsize;
            let line = format!("{} MB free in {}", free / 1_000_000, settings.data_dir.display());
            (Some(free >= DISK_BYTES_MIN), line)
        }
        Err(error) => (Some(false), format!("{}: {error}", settings.data_dir.display())),
    }
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
    match postsync_generators::limits_in_force(&wiring::builtin_settings(settings), &settings.data_dir).await {
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
