//! What the process says while it runs: text on a terminal, JSON lines otherwise; always on stderr.
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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

/// Judges a filter. A word alone must be a level: the filter takes any other for a module, and `warning` or `verbose` would
/// log nothing at all.
///
/// # Errors
/// Why not, in a sentence.
pub(crate) fn check(level: &str) -> Result<(), String> {
    EnvFilter::try_new(level).map_err(|error| error.to_string())?;
    let is_level = |word: &str| word.parse::<usize>().is_err() && word.parse::<LevelFilter>().is_ok();
    let directives = level.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let mut bare = directives.filter(|directive| !directive.contains(['=', '[']));
    match bare.find(|word| !is_level(word)) {
        Some(word) => Err(format!("{word:?} is none of off, error, warn, info, debug, trace, nor module=level")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_word_is_a_level() {
        for right in ["off", "error", "warn", "info", "DEBUG", "trace", "info,postsync_engine=debug", "[span]=trace"] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for (wrong, word) in
            [("warning", "warning"), ("info,verbose", "verbose"), ("3", "3"), ("postsync_engine", "module=level")]
        {
            let told = check(wrong).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
        assert!(check("postsync=loud").is_err());
    }
}
