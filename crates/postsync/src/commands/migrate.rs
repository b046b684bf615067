//! `postsync migrate`: brings the database to this version. `serve` does the same; this is for who wants it apart.
use std::process::ExitCode;

use super::{StoreArgs, block_on, open_or_make};

pub(crate) fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    let settings = args.settings()?;
    block_on(async {
        let opened = open_or_make(&settings).await?;
        eprintln!("{} is at the version of this postsync.", opened.folder.database().display());
        Ok(ExitCode::SUCCESS)
    })
}
