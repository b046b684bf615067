//! The change log: it exists and has a place for what is not released yet.

use super::Finding;

pub(super) fn check(text: Option<&str>) -> Option<Finding> {
    let Some(text) = text else {
        return Some(Finding::error("CHANGELOG.md", "It does not exist. Write it, with a section `## Unreleased`."));
    };
    let unreleased = text.lines().any(|line| matches!(line.trim_end(), "## Unreleased" | "## [Unreleased]"));
    (!unreleased).then(|| {
        Finding::error(
            "CHANGELOG.md",
            "It has no section `## Unreleased`. Add one on top: every change is noted in its own commit.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_a_section_for_what_is_not_released() {
        assert_eq!(check(Some("# Changes\n\n## Unreleased\n\n- x\n")), None);
        assert_eq!(check(Some("# Changes\n\n## [Unreleased]\n")), None);
        assert!(check(Some("# Changes\n\n## 0.1.0\n")).is_some());
        assert!(check(Some("Unreleased\n")).is_some());
        assert!(check(None).is_some());
    }
}
