//! Rust sources: how long a file may grow, and the header that every module has.
//!
//! Length is counted without the tests at the end of the file: they may be as long as they need to be.

use std::path::Path;

use super::Finding;

/// From here a file deserves a second look.
const LINES_WARN: usize = 500;

/// From here nobody reads a file as a whole any more.
const LINES_MAX: usize = 800;

pub(super) fn check(file: &Path, text: &str) -> Vec<Finding> {
    if !is_source(file) || is_test(file) {
        return Vec::new();
    }
    let place = file.display().to_string();
    let mut findings = Vec::new();
    if !has_header(text) {
        findings.push(Finding::error(
            &place,
            "The module has no `//!` header. Say what it owns, what it promises, what it does not do and how it fails.",
        ));
    }
    let lines = lines_without_tests(text);
    if lines > LINES_MAX {
        let what =
            format!("{lines} lines without tests, at most {LINES_MAX} pass. Split it along what changes together.");
        findings.push(Finding::error(place, what));
    } else if lines > LINES_WARN {
        let what = format!("{lines} lines without tests; above {LINES_WARN} look whether it is two things.");
        findings.push(Finding::warning(place, what));
    }
    findings
}

/// Files below some `src`; integration tests, examples and fuzz targets explain themselves by their names.
fn is_source(file: &Path) -> bool {
    (file.starts_with("crates") || file.starts_with("xtask")) && file.components().any(|part| part.as_os_str() == "src")
}

/// Modules of tests in files of their own: their names say what they are.
fn is_test(file: &Path) -> bool {
    let is_tests = |name: &std::ffi::OsStr| name == "tests" || name == "tests.rs";
    file.components().any(|part| is_tests(part.as_os_str()))
}

fn has_header(text: &str) -> bool {
    text.lines()
        .take_while(|line| line.is_empty() || line.starts_with("#![") || line.starts_with("//"))
        .any(|line| line.starts_with("//! ") || line.starts_with("#![doc"))
}

fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {"));
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(file: &str, text: &str) -> Vec<String> {
        check(Path::new(file), text).iter().map(ToString::to_string).collect()
    }

    fn code(lines: usize) -> String {
        format!("//! A header.\n{}", "fn f() {}\n".repeat(lines - 1))
    }

    #[test]
    fn a_module_says_what_it_is() {
        for text in ["//! A header.\n", "#![doc = include_str!(\"../README.md\")]\n", "#![warn(x)]\n\n//! A header.\n"]
        {
            assert!(complaints("crates/a/src/b.rs", text).is_empty(), "{text}");
        }
        for text in ["", "use a;\n//! Late.\n", "// Not a doc comment.\n", "//!\n"] {
            assert!(complaints("crates/a/src/b.rs", text)[0].contains("no `//!` header"), "{text}");
        }
        assert!(complaints("crates/a/tests/b.rs", "").is_empty());
        assert!(complaints("tools/src/b.rs", "").is_empty());
    }

    #[test]
    fn a_file_that_grows_is_warned_about_then_refused() {
        assert!(complaints("crates/a/src/b.rs", &code(500)).is_empty());
        assert!(complaints("crates/a/src/b.rs", &code(501))[0].starts_with("warning: crates/a/src/b.rs: 501 lines"));
        assert!(complaints("xtask/src/b.rs", &code(800))[0].starts_with("warning"));
        assert!(complaints("xtask/src/b.rs", &code(801))[0].starts_with("error"));
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", code(100), "// x\n".repeat(900));
        assert!(complaints("crates/a/src/b.rs", &text).is_empty());
        assert!(complaints("crates/a/src/b/tests.rs", &"fn f() {}\n".repeat(900)).is_empty());
        let early = format!("//! A header.\n#[cfg(test)]\nuse x;\n{}", code(900));
        assert_eq!(complaints("crates/a/src/b.rs", &early).len(), 1);
    }
}
