//! Arrows between crates point inward, and some things are in one place only.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The crates by layer. A crate may depend on those of lower layers only.
const LAYERS: &[&[&str]] = &[
    &["kulkul-model", "kulkul-pattern", "kulkul-sandbox", "kulkul-listener", "kulkul-outbound", "kulkul-xml"],
    &[
        "kulkul-transform",
        "kulkul-catalog",
        "kulkul-store",
        "kulkul-instance",
        "kulkul-push-signature",
        "kulkul-schedule",
    ],
    &["kulkul-push"],
    &["kulkul-store-sqlite", "kulkul-access", "kulkul-delivery"],
    &["kulkul-bus", "kulkul-client", "kulkul-connection", "kulkul-queue"],
    &["kulkul-function", "kulkul-objects", "kulkul-source"],
    &["kulkul-trigger", "kulkul-deploy"],
    &["kulkul-api"],
    &["kulkul", "kulkul-bench", "kulkul-fuzz"],
];

/// Libraries that only some crates may use.
const RESERVED: &[(&str, &[&str])] =
    &[("rusqlite", &["kulkul-store-sqlite"]), ("zip", &["kulkul-function", "kulkul-deploy", "kulkul-bench"])];

/// The crates of the workspace with what they are built from, development dependencies left out.
fn crates() -> BTreeMap<String, Vec<String>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            (name(package), dependencies.filter(|d| d["kind"].is_null()).map(name).collect())
        })
        .collect()
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

#[test]
fn arrows_point_inward() {
    for (name, dependencies) in crates().iter().filter(|(name, _)| name.starts_with("kulkul")) {
        let layer = layer_of(name).unwrap_or_else(|| panic!("{name} has no layer"));
        for dependency in dependencies.iter().filter(|dependency| dependency.starts_with("kulkul")) {
            let below = layer_of(dependency).is_some_and(|below| below < layer);
            assert!(below, "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_code_map_names_every_crate_once() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let text = std::fs::read_to_string(file).unwrap();
    let map = text.split("\n## Code map\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    // The program itself is there by its folder.
    let mut named: Vec<&str> = rows.map(|(name, _)| name).filter(|name| !name.contains('/')).collect();
    named.sort_unstable();
    let all = crates();
    let libraries = all.keys().filter_map(|name| name.strip_prefix("kulkul-"));
    let libraries: Vec<&str> = libraries.filter(|name| !["bench", "fuzz"].contains(name)).collect();
    assert_eq!(named, libraries);
}

#[test]
fn some_libraries_are_used_in_one_place_only() {
    for (name, dependencies) in crates() {
        for (library, users) in RESERVED {
            let uses = dependencies.iter().any(|dependency| dependency == library);
            assert!(!uses || users.contains(&name.as_str()), "{name} must not use {library}");
        }
    }
}
