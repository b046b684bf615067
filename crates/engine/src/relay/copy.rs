//! The upstream's video, copied to us: its URL is never given out. What is no video is not taken for one.
use std::path::PathBuf;

use postsync_core::asset::AssetKind;
use postsync_core::error_code::{GENERATION_INFRA_STORAGE_ERROR, GENERATION_PIPELINE_FAILED};
use postsync_core::generation::Failure;
use postsync_core::outcome::SendError;
use postsync_core::relay::{Trouble, passes};

use super::Relays;
use crate::ports::{FetchError, FetchFailure, FetchRequest, Job, Trust};

/// The file's name in the job's folder.
const OUTPUT: &str = "output";

pub(super) async fn here(relays: &Relays, job: &Job, url: String) -> Result<PathBuf, Trouble> {
    let to = job.folder.join(OUTPUT);
    let bytes_max = relays.settings.output_bytes_max;
    let request =
        FetchRequest { url, to: to.clone(), bytes_max, trust: Trust::Configured, kind: Some(AssetKind::Video) };
    relays.ports.fetch.fetch(request).await.map_err(|error| trouble(&error))?;
    Ok(to)
}

fn trouble(error: &FetchError) -> Trouble {
    let why = error.message.trim_end_matches('.');
    let passing = || Trouble::Passing { why: format!("its video: {why}"), retry_after: None };
    let failed = |code, text: String| Failure::new(code, &text);
    match error.failure {
        FetchFailure::TooLarge => {
            Trouble::Refused(failed(GENERATION_PIPELINE_FAILED, format!("The upstream's video was not taken: {why}.")))
        }
        // The operator's to mend, and borne for a while: a disk that was full has room again.
        FetchFailure::Storage => Trouble::Operators(Failure::of(GENERATION_INFRA_STORAGE_ERROR)),
        FetchFailure::Remote(SendError::AddressNotAllowed) => Trouble::Refused(failed(
            GENERATION_PIPELINE_FAILED,
            format!("The upstream's video lies where this server may not fetch: {why}; its operator must open that."),
        )),
        FetchFailure::Answered(status) if passes(status) => passing(),
        FetchFailure::Answered(_) | FetchFailure::OfAnotherKind | FetchFailure::Remote(SendError::Redirect) => {
            Trouble::Garbled(format!("its video can't be fetched: {why}"))
        }
        FetchFailure::Remote(_) => passing(),
    }
}
