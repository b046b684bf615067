//! `postsync serve`: the server, until SIGTERM or Ctrl-C.
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::data;
use crate::logging;
use crate::settings;
use crate::wiring::Server;

#[derive(Debug, Args)]
#[command(
    after_help = "With no configuration it makes its data folder, database, master key and first API key, and says where.\n\
Every setting has a variable POSTSYNC_<SECTION>_<NAME>; `postsync config show` lists them with what they are for."
)]
pub(crate) struct ServeArgs {
    /// Configuration file [default: postsync.toml where it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port of the API [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Data folder [default: ./postsync-data].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let flags = [("listen", args.listen.clone()), ("data_dir", args.data_dir.clone())];
    let values = settings::read(args.config.as_deref(), &flags)?;
    let settings = settings::judge(&values)?;
    logging::start(&settings.log_level)?;
    for variable in &values.unknown_variables {
        tracing::warn!(variable, "{}", settings::UNKNOWN_VARIABLE);
    }
    data::make_files_private();
    #[cfg(debug_assertions)]
    crate::moments::arm()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        // Before the start: a SIGTERM that comes during recovery must not kill half of it.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = Server::start(&settings).await?;
        tracing::info!(
            listen = %server.address,
            public_url = server.public_url,
            data = %server.folder.path().display(),
            "postsync {} takes requests", env!("CARGO_PKG_VERSION")
        );
        server
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    })
}
