//! What the process says while it runs: text on a terminal, JSON lines otherwise; always on stderr.
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Libraries that tell at `info` what only their developers want to know. A level that names one of them goes before this.
const QUIETER: &str = "refinery_core=warn";

/// Starts logging. Called once; a second call changes nothing.
///
/// # Errors
/// When the filter can't be read.
pub(crate) fn start(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIETER},{level}"))
        .map_err(|error| anyhow::anyhow!("log.level (POSTSYNC_LOG_LEVEL): {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().with_ansi(false).try_init()
    };
    Ok(())
}
