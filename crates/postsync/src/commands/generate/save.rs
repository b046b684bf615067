//! The video on its way here: under another name until it is whole, and on from where it was cut.
use std::fs::{File, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use indicatif::HumanBytes;
use reqwest::header::RANGE;
use reqwest::{Method, StatusCode};
use tokio::time::timeout;

use super::patience::Patience;
use super::sight::Meter;
use crate::commands::client::{Client, Failure};

/// How long a download may stand still.
const STILL_MAX: Duration = Duration::from_secs(60);

/// As any new file has it, less what the user's umask takes.
const MODE: u32 = 0o666;

/// Saves what is at the URL as `output`; `replaces` what is there.
pub(super) async fn to(
    client: &Client,
    url: &str,
    (output, replaces): (&Path, bool),
    patience: &mut Patience<'_>,
) -> anyhow::Result<()> {
    let shown = output.display();
    let folder = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".postsync-").suffix(".part").permissions(Permissions::from_mode(MODE));
    let mut part = builder.tempfile_in(folder).with_context(|| format!("{shown} can't be written"))?;
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let meter = patience.sight.bytes("saving", &name, 0);
    let mut at = 0;
    loop {
        let before = at;
        match rest(client, url, part.as_file_mut(), &mut at, &meter).await {
            Ok(()) => break,
            Err(failure) => {
                if at > before {
                    patience.over();
                }
                patience.bear(failure).await?;
            }
        }
    }
    part.as_file().sync_all().with_context(|| format!("{shown} can't be written"))?;
    let kept = if replaces { part.persist(output) } else { part.persist_noclobber(output) };
    kept.map_err(|error| error.error).with_context(|| format!("{shown} can't be written"))?;
    meter.done(&format!("saved {}", HumanBytes(at)));
    Ok(())
}

/// Fetches what is not here yet. `at`: so many bytes are.
async fn rest(client: &Client, url: &str, file: &mut File, at: &mut u64, meter: &Meter<'_>) -> Result<(), Failure> {
    let mut request = client.given_out(Method::GET, url).map_err(Failure::Lasting)?;
    if *at > 0 {
        request = request.header(RANGE, format!("bytes={at}-"));
    }
    let still = || Failure::Passing(anyhow!("the download stands still"));
    let mut answer = timeout(STILL_MAX, client.send(request)).await.map_err(|_| still())??;
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        *at = 0;
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(not_written)?;
    }
    let whole = answer.content_length().map(|rest| *at + rest);
    loop {
        let piece = timeout(STILL_MAX, answer.chunk()).await.map_err(|_| still())?;
        let Some(piece) = piece.map_err(|error| Failure::Passing(client.silent(&error)))? else { break };
        file.write_all(&piece).map_err(not_written)?;
        *at += piece.len() as u64;
        meter.bytes(*at, whole.unwrap_or(*at));
    }
    match whole {
        Some(whole) if whole != *at => Err(Failure::Passing(anyhow!("the download was cut"))),
        _ => Ok(()),
    }
}

fn not_written(error: std::io::Error) -> Failure {
    Failure::Lasting(anyhow::Error::new(error).context("the video can't be written"))
}
