//! `cargo xtask bench`: builds what is measured and what measures it, and hands over. The program itself is in `bench/`.
use crate::workspace::{self, Workspace};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// What the program takes; --help lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    rest: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let build = |what: &[&str]| {
        let build = ["build", "--quiet", "--release", "--locked"];
        workspace::run(workspace::cargo().current_dir(&workspace.root).args(build).args(what))
    };
    build(&["-p", "xtask", "--bin", "bench"])?;
    let measures_another = args.rest.iter().any(|word| word.starts_with("--binary") || word == "--help");
    if !measures_another {
        build(&["-p", "postsync"])?;
        build(&["-p", "postsync-store", "--example", "backlog", "--example", "lists"])?;
    }
    let release = workspace.target_dir.join("release");
    let mut bench = std::process::Command::new(release.join("bench"));
    bench.arg("--root").arg(&workspace.root).arg("--binary").arg(release.join("postsync"));
    // What is said twice counts as it was said last.
    workspace::run(bench.args(&args.rest))
}
