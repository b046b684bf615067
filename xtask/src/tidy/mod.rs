//! `cargo xtask tidy`: what no compiler checks. Each finding is one line that says where, what, and what to do.
//!
//! Checks are pure functions from text to findings, so that their tests need no files; this module reads the files. Warnings are printed
//! and pass; errors fail.

mod anchors;
mod arrows;
pub(crate) mod blocks;
mod book;
mod changelog;
mod duplicates;
mod links;
mod paths;
mod sources;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Something that is not as the house has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    /// The file or crate, with a line number where there is one.
    place: String,
    /// What is wrong and what to do, as sentences.
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Warning,
    Error,
}

impl Finding {
    fn error(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place: place.into(), what: what.into() }
    }

    fn warning(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {}", self.place, self.what)
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = arrows::check(&workspace.metadata);
    findings.extend(changelog::check(std::fs::read_to_string(workspace.root.join("CHANGELOG.md")).ok().as_deref()));
    let files = workspace.files()?;
    findings
        .extend(book::check(&files, std::fs::read_to_string(workspace.root.join("docs/SUMMARY.md")).ok().as_deref()));
    for file in &files {
        findings.extend(check_file(workspace, file));
    }
    for finding in &findings {
        println!("{finding}");
    }
    if let Some(note) = duplicates::note(&workspace.metadata) {
        println!("{note}");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors > 0 {
        bail!("{errors} finding(s) to put right");
    }
    println!("tidy: {} files, nothing to put right", files.len());
    Ok(())
}

fn check_file(workspace: &Workspace, file: &Path) -> Vec<Finding> {
    // What is not text (a model, a picture) has neither lines nor links.
    let Ok(text) = std::fs::read_to_string(workspace.root.join(file)) else { return Vec::new() };
    let mut findings = paths::check(file, &text);
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => findings.extend(sources::check(file, &text)),
        Some("md") => {
            let read = |target: &Path| std::fs::read_to_string(workspace.root.join(target)).ok();
            findings.extend(links::check(file, &text, |target| workspace.root.join(target).exists()));
            if file.starts_with("docs") {
                findings.extend(book::check_chapter(file, &text));
            }
            findings.extend(anchors::check(file, &text, read));
            findings.extend(blocks::check(file, &text, read));
        }
        _ => {}
    }
    findings
}
