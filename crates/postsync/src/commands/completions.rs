//! `postsync completions` and `postsync man`: made from the same description of the commands as `--help` is.
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;

const NAME: &str = "postsync";

const COMPLETIONS_HELP: &str = "\
Examples:
  For this shell, until it ends:
    source <(postsync completions bash)
  For each one from now on:
    postsync completions bash > ~/.local/share/bash-completion/completions/postsync
    postsync completions fish > ~/.config/fish/completions/postsync.fish
    postsync completions zsh > ~/.zfunc/_postsync      (with ~/.zfunc in fpath)";

const MAN_HELP: &str = "\
Examples:
  postsync man | man -l -
  postsync man --out ~/.local/share/man/man1";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct CompletionsArgs {
    /// Whose.
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = MAN_HELP)]
pub(crate) struct ManArgs {
    /// A page for each command into this folder, which is made where it is not there; else the first page goes to stdout.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    // Not straight to stdout: there it panics when nobody reads.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let Some(folder) = &args.out else {
        io::stdout().lock().write_all(&page(whole)?.1)?;
        return Ok(ExitCode::SUCCESS);
    };
    let written = fs::create_dir_all(folder).and_then(|()| write(&whole, folder));
    written.with_context(|| format!("the pages can't be written to {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A command's page, and those of its own commands.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    let (name, text) = page(command.clone())?;
    fs::write(folder.join(name), text)?;
    command.get_subcommands().filter(|own| !own.is_hide_set()).try_for_each(|own| write(own, folder))
}

/// A page and its name. The lines of examples must stay as they are typed: nothing is spread out to the margin, or hyphenated.
fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let man = clap_mangen::Man::new(command).source(concat!("postsync ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let text = text.replacen(".SH NAME", ".ad l\n.nh\n.SH NAME", 1).replacen(".SH EXTRA", ".SH NOTES", 1);
    Ok((man.get_filename(), text.into_bytes()))
}
