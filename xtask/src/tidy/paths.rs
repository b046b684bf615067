//! Paths that exist on one machine only: in a file of the repository they mislead everyone else.

use std::path::Path;

use super::Finding;

/// Folders of somebody's machine, in two pieces so that this file does not find itself.
const LOCAL: [(&str, &str); 4] = [("/wo", "rk/"), ("/fa", "rm/"), ("/Us", "ers/"), (".lib", "rary/")];

pub(super) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let words: Vec<String> = LOCAL.iter().map(|(start, end)| format!("{start}{end}")).collect();
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(word.as_str())) {
            let place = format!("{}:{}", file.display(), number + 1);
            let what =
                format!("`{word}` is a path of one machine. Use a path relative to the repository, or leave it out.");
            findings.push(Finding::error(place, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        for (start, end) in LOCAL {
            let found = check(Path::new("docs/a.md"), &format!("fine\nsee {start}{end}x\n"));
            assert_eq!(found.len(), 1);
            assert!(found[0].to_string().starts_with("error: docs/a.md:2: "), "{}", found[0]);
        }
        assert!(check(Path::new("a"), "the work/life balance; a library; workers/1").is_empty());
    }
}
