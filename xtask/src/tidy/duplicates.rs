//! Crates that come in two versions or more: printed, so that a new one is seen. What is not to be had otherwise passes.

use std::collections::BTreeMap;

use serde_json::Value;

/// One line with all duplicates; `None` if there are none.
pub(super) fn note(metadata: &Value) -> Option<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array()? {
        if let (Some(name), Some(version)) = (package["name"].as_str(), package["version"].as_str()) {
            versions.entry(name).or_default().push(version);
        }
    }
    let duplicates: Vec<String> = versions
        .iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| format!("{name} {}", versions.join("+")))
        .collect();
    (!duplicates.is_empty())
        .then(|| format!("note: {} crate(s) in several versions: {}", duplicates.len(), duplicates.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_what_comes_twice() {
        let metadata = json!({"packages": [
            {"name": "a", "version": "1.0.0"}, {"name": "b", "version": "1.0.0"}, {"name": "a", "version": "2.0.0"},
        ]});
        assert_eq!(note(&metadata).unwrap(), "note: 1 crate(s) in several versions: a 1.0.0+2.0.0");
        assert_eq!(note(&json!({"packages": [{"name": "a", "version": "1.0.0"}]})), None);
    }
}
