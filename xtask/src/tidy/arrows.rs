//! The arrows of the house: which crate may use which, and which outside crate belongs to one room only.
//!
//! Cargo.toml says what a crate uses; this says what it may use. Dev-dependencies are free: tests wire together what they like.

use serde_json::Value;

use super::Finding;

/// Each crate and the crates of this workspace that it may use. Adapters never use each other, or replacing one would break another.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("postsync-webhook", &[]),
    ("postsync-lipsync", &[]),
    ("postsync-core", &["postsync-webhook"]),
    ("postsync-engine", &["postsync-core"]),
    ("postsync-store", &["postsync-core", "postsync-engine"]),
    ("postsync-egress", &["postsync-core", "postsync-engine", "postsync-webhook"]),
    ("postsync-generators", &["postsync-core", "postsync-engine", "postsync-lipsync"]),
    ("postsync-media", &["postsync-core", "postsync-engine"]),
    ("postsync-api", &["postsync-core", "postsync-engine"]),
    ("postsync-dashboard", &["postsync-core", "postsync-engine"]),
    ("postsync-sim", &["postsync-core", "postsync-engine", "postsync-store", "postsync-webhook"]),
    (
        "postsync",
        &[
            "postsync-api",
            "postsync-core",
            "postsync-dashboard",
            "postsync-egress",
            "postsync-engine",
            "postsync-generators",
            "postsync-lipsync",
            "postsync-media",
            "postsync-store",
            "postsync-webhook",
        ],
    ),
    ("receiver-axum", &["postsync-webhook"]),
    ("xtask", &["postsync-webhook"]),
];

/// Outside crates that only some rooms may use, with the reason.
const ONLY_IN: [(&str, &[&str], &str); 5] = [
    ("rusqlite", &["postsync-store"], "all SQL lives in the store"),
    ("refinery", &["postsync-store"], "all SQL lives in the store"),
    ("axum", &["postsync-api", "postsync-dashboard", "postsync", "receiver-axum"], "routes live in api and dashboard"),
    ("reqwest", &["postsync", "xtask"], "the server's outgoing HTTP goes through egress, which vets addresses"),
    ("anyhow", &["postsync", "xtask"], "a library's errors are typed"),
];

/// Crates that stay pure, and what would end that.
const NEVER_IN: [(&str, &[&str]); 4] = [
    ("postsync-webhook", &["tokio", "reqwest", "hyper", "rand", "getrandom"]),
    ("postsync-core", &["tokio", "async-trait", "futures", "hyper", "rand", "getrandom", "tracing"]),
    ("postsync-lipsync", &["tokio", "async-trait", "hyper"]),
    ("postsync-engine", &["hyper", "rand", "getrandom"]),
];

/// Checks every dependency of every crate of the workspace, as `cargo metadata` names them.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let members: Vec<&str> =
        metadata["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let packages: Vec<&Value> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package["id"].as_str().is_some_and(|id| members.contains(&id)))
        .collect();
    if packages.is_empty() {
        return vec![Finding::error("cargo metadata", "No crate of the workspace is in it. Has its format changed?")];
    }
    packages.iter().flat_map(|package| check_package(package)).collect()
}

fn check_package(package: &Value) -> Vec<Finding> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, allowed)) = MAY_USE.iter().find(|row| row.0 == name) else {
        return vec![Finding::error(
            name,
            "This crate has no row in the table of arrows. Add it to xtask/src/tidy/arrows.rs and to ARCHITECTURE.md, or make it a module.",
        )];
    };
    package["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| {
            let used = dependency["name"].as_str()?;
            let ours = dependency["path"].is_string();
            if ours { against_the_arrow(name, used, allowed) } else { out_of_place(name, used) }
        })
        .collect()
}

fn against_the_arrow(name: &str, used: &str, allowed: &[&str]) -> Option<Finding> {
    if allowed.contains(&used) {
        return None;
    }
    let allowed = if allowed.is_empty() { "no other crate of the workspace".to_owned() } else { allowed.join(", ") };
    Some(Finding::error(
        name,
        format!(
            "It uses {used}, against the arrows; it may use {allowed}. Put a port into the engine, or the shared part into core."
        ),
    ))
}

fn out_of_place(name: &str, used: &str) -> Option<Finding> {
    if let Some((_, rooms, reason)) = ONLY_IN.iter().find(|row| row.0 == used)
        && !rooms.contains(&name)
    {
        let rooms = rooms.join(", ");
        return Some(Finding::error(name, format!("It uses {used}, which belongs into {rooms} only: {reason}.")));
    }
    let pure = NEVER_IN.iter().any(|row| row.0 == name && row.1.contains(&used));
    pure.then(|| {
        Finding::error(
            name,
            format!("It uses {used}, but this crate stays pure. Pass what it needs as a parameter or through a port."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, uses: &[(&str, bool, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = uses
            .iter()
            .map(|(name, ours, kind)| json!({"name": name, "kind": kind, "path": ours.then_some("/x")}))
            .collect();
        json!({"workspace_members": [name], "packages": [{"id": name, "name": name, "dependencies": dependencies}]})
    }

    fn complaints(name: &str, uses: &[(&str, bool, Option<&str>)]) -> Vec<String> {
        check(&package(name, uses)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn adapters_never_use_each_other() {
        let found = complaints("postsync-api", &[("postsync-engine", true, None), ("postsync-store", true, None)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("error: postsync-api: It uses postsync-store, against the arrows"), "{found:?}");
    }

    #[test]
    fn tests_wire_what_they_like_and_build_scripts_do_not() {
        assert!(
            complaints("postsync-api", &[("postsync-store", true, Some("dev")), ("anyhow", false, Some("dev"))])
                .is_empty()
        );
        assert_eq!(complaints("postsync-api", &[("postsync-store", true, Some("build"))]).len(), 1);
    }

    #[test]
    fn outside_crates_stay_in_their_rooms() {
        assert!(complaints("postsync-store", &[("rusqlite", false, None)]).is_empty());
        assert!(complaints("postsync-engine", &[("rusqlite", false, None)])[0].contains("all SQL lives in the store"));
        assert!(complaints("postsync-core", &[("tokio", false, None)])[0].contains("stays pure"));
        assert!(complaints("postsync-egress", &[("tokio", false, None)]).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert!(complaints("postsync-utils", &[])[0].contains("has no row"));
        assert!(check(&json!({}))[0].to_string().contains("format"));
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Each row uses only rows above it, so nothing can lead back.
        for (position, (name, uses)) in MAY_USE.iter().enumerate() {
            for used in *uses {
                assert!(MAY_USE[..position].iter().any(|row| row.0 == *used), "{name} uses {used}");
            }
        }
    }
}
