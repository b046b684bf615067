//! Looks into a file, in a media child of its own: how long, how large, a small picture.
//!
//! Promise: as of a generation: it ends within [`LOOK_TIME_MAX`], nothing of its process group is left, and what the child
//! reports is bounded. The file itself is only read.
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use postsync_core::asset::AssetKind;
use postsync_core::sniff::{SNIFF_BYTES, Sniffed, sniff};
use postsync_engine::ports::{Contents, ProbeError, Prober};
use rustix::fs::OFlags;
use tokio::time::timeout;

use super::process::Process;
use super::session::{EXIT_GRACE, Session, Trouble};
use super::{BuiltinSettings, fresh, order_line, tools, verdict};
use crate::order::{Look, Looked, Said, Work};

/// A probe and one picture.
const LOOK_TIME_MAX: Duration = Duration::from_secs(120);

/// A small picture is smaller than that, or it is none.
const THUMBNAIL_BYTES_MAX: u64 = 1024 * 1024;

const THUMBNAIL: &str = "thumbnail";

/// The folder that the child may write in, in the one that was given.
const CHILD_FOLDER: &str = "look";

/// Looks into media files.
#[derive(Clone, Debug)]
pub struct MediaProber {
    settings: BuiltinSettings,
}

impl MediaProber {
    /// One with the settings of the built-in generator: the program, the tools, the limits of the child. What is too long to be
    /// made is not too long to be looked at.
    #[must_use]
    pub fn new(mut settings: BuiltinSettings) -> Self {
        settings.limits.duration_max_s = f64::MAX;
        Self { settings }
    }

    async fn ask(&self, file: &Path, folder: &Path) -> Result<Looked, ProbeError> {
        let failed = |why: &str| ProbeError(why.to_owned());
        let look = Look {
            file: std::path::absolute(file).map_err(|error| failed(&error.to_string()))?,
            thumbnail: THUMBNAIL.to_owned(),
            limits: self.settings.limits.clone(),
            tools: tools(&self.settings),
        };
        let started = fresh(folder).and_then(|()| Process::spawn(&self.settings.program, folder));
        let (process, pipes) = started.map_err(|error| failed(&super::not_started(&error)))?;
        let mut session = Session::new(pipes, LOOK_TIME_MAX);
        let order = order_line(self.settings.child.clone(), Work::Look(look));
        let heard = timeout(LOOK_TIME_MAX, session.talk(&order, |_| ())).await;
        let said = matches!(heard, Ok(Ok(_)));
        let status = process.end_within(if said { EXIT_GRACE } else { Duration::ZERO }).await;
        match heard {
            Ok(Ok(Said::Looked(looked))) => Ok(looked),
            Ok(Ok(Said::Failed { error_code, error })) => Err(ProbeError(verdict::failure(&error_code, &error).error)),
            Ok(Ok(_)) => Err(failed("The media process answered another question.")),
            Ok(Err(Trouble::Misbehaved(sentence))) => Err(failed(sentence)),
            Ok(Err(Trouble::HungUp)) => {
                let complaints = session.complaints().await;
                tracing::warn!(complaints, "the media child did not look into a file");
                Err(ProbeError(verdict::cause_of_death(status)))
            }
            Err(_) => Err(failed("Looking into the file took too long.")),
        }
    }
}

#[async_trait]
impl Prober for MediaProber {
    async fn probe(&self, file: &Path, folder: &Path) -> Result<Contents, ProbeError> {
        let head = head_of(file.to_owned()).await?;
        let sniffed = sniff(&head);
        if sniffed == Sniffed::UNKNOWN {
            return Err(ProbeError("It is none of the formats that are taken.".to_owned()));
        }
        let child_folder = folder.join(CHILD_FOLDER);
        let looked = self.ask(file, &child_folder).await?;
        let thumbnail = match looked.has_thumbnail {
            true => taken(child_folder.join(THUMBNAIL), folder.join(THUMBNAIL)).await,
            false => None,
        };
        let seen = |pixels: u32| (pixels > 0).then_some(pixels);
        let kind = match (looked.still, looked.width > 0) {
            (true, _) => AssetKind::Image,
            (false, true) => AssetKind::Video,
            (false, false) => AssetKind::Audio,
        };
        Ok(Contents {
            kind: Some(kind),
            format: sniffed.format().map(str::to_owned),
            duration_ms: (looked.duration_ms > 0).then_some(looked.duration_ms),
            width: seen(looked.width),
            height: seen(looked.height),
            thumbnail,
        })
    }
}

async fn head_of(file: PathBuf) -> Result<Vec<u8>, ProbeError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut head = Vec::new();
        File::open(file)?.take(SNIFF_BYTES as u64).read_to_end(&mut head).map(|_| head)
    });
    let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.map_err(|error| ProbeError(format!("It could not be read: {}.", error.kind())))
}

/// A copy of what the child left, where no child can write, if it is a small JPEG. A picture that is none is no reason to
/// believe nothing else.
async fn taken(from: PathBuf, to: PathBuf) -> Option<PathBuf> {
    let taken = tokio::task::spawn_blocking(move || {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(from).ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() || about.nlink() != 1 || about.len() > THUMBNAIL_BYTES_MAX {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(THUMBNAIL_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        if sniff(&bytes).content_type != "image/jpeg" {
            return None;
        }
        std::fs::write(&to, &bytes).ok().map(|()| to)
    });
    taken.await.ok().flatten()
}
