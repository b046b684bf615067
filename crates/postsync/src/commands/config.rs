//! `postsync config show`: every setting in force, with who said it.
use std::process::ExitCode;

use clap::Subcommand;

use super::StoreArgs;
use crate::out::say;
use crate::settings::{self, keys};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in force, where each comes from, and what it is for. Secrets are masked.
    #[command(after_help = settings::ASKS_NO_SERVER)]
    Show {
        /// As JSON, one object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
}

pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let ConfigCommand::Show { json, store } = command;
    let values = store.values()?;
    let rows: Vec<(String, String, &str)> =
        values.iter().map(|(name, text, origin)| (name.to_owned(), shown(name, text), origin.as_str())).collect();
    if *json {
        let object: serde_json::Map<String, serde_json::Value> = rows
            .into_iter()
            .map(|(name, value, origin)| (name, serde_json::json!({"value": value, "from": origin})))
            .collect();
        say!("{}", serde_json::to_string_pretty(&object)?)?;
    } else {
        say!("# {}", settings::OF_THIS_SHELL)?;
        for (name, value, origin) in rows {
            say!("{name} = {value:?}  # {origin}; {}", keys::variable(&name))?;
            if let Some(help) = keys::help(&name) {
                say!("    # {help}")?;
            }
        }
    }
    // Told last, so that it stands at the end of a long list.
    settings::judge(&values)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(name: &str, text: &str) -> String {
    let secret = keys::KEYS.iter().any(|key| key.name == name && key.secret);
    if secret && !text.is_empty() { "(set, not shown)".to_owned() } else { text.to_owned() }
}
