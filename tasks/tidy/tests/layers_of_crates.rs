//! Which crate may use which: rows from the bottom up, and every dependency explained.

use std::collections::{BTreeMap, BTreeSet};

use tensorferry_tidy::{files, read, report};
use toml::{Table, Value};

/// A crate and those of ours that it may use. A crate without a row fails the test.
const MAY_USE: &[(&str, &[&str])] = &[
    // The bottom: bytes, names, words.
    ("tensorferry-store", &[]),
    ("tensorferry-diagnostics", &[]),
    ("tensorferry-json", &[]),
    ("tensorferry-kernels", &[]),
    ("tensorferry-tensor", &["store"]),
    // Formats: bytes to plain values of the format's own vocabulary. No graphs, no layers.
    ("tensorferry-archive", &["store"]),
    ("tensorferry-hdf5", &["store"]),
    ("tensorferry-npy", &[]),
    ("tensorferry-tf-proto", &["store"]),
    ("tensorferry-tensor-bundle", &["store", "tf-proto"]),
    // TensorFlow.js' weights have its element types, so this one format knows tensors; and `front`
    // and `back` both report its errors, so it says once which problem each is.
    ("tensorferry-tfjs-files", &["diagnostics", "json", "store", "tensor"]),
    // The engine: the graph, what its ops mean, how it is run.
    ("tensorferry-ir", &["tensor"]),
    ("tensorferry-ops", &["ir", "kernels", "tensor"]),
    ("tensorferry-runtime", &["ir", "kernels", "ops", "tensor"]),
    ("tensorferry-passes", &["diagnostics", "ir", "ops", "tensor"]),
    // Models.
    ("tensorferry-layers", &["diagnostics", "ir", "json", "ops", "store", "tensor"]),
    (
        "tensorferry-front",
        &[
            "archive",
            "diagnostics",
            "hdf5",
            "ir",
            "json",
            "layers",
            "store",
            "tensor",
            "tensor-bundle",
            "tf-proto",
            "tfjs-files",
        ],
    ),
    (
        "tensorferry-back",
        &[
            "archive",
            "diagnostics",
            "hdf5",
            "ir",
            "json",
            "layers",
            "store",
            "tensor",
            "tensor-bundle",
            "tf-proto",
            "tfjs-files",
        ],
    ),
    // The façade.
    (
        "tensorferry",
        &[
            "archive",
            "back",
            "diagnostics",
            "front",
            "ir",
            "json",
            "layers",
            "npy",
            "ops",
            "passes",
            "runtime",
            "store",
            "tensor",
            "tfjs-files",
        ],
    ),
    // Faces and what only they use.
    ("tensorferry-disk", &["diagnostics", "store"]),
    ("tensorferry-hub", &["archive", "diagnostics"]),
    ("tensorferry-cli", &["", "diagnostics", "disk", "hub", "store", "tensor"]),
    ("tensorferry-npm", &["", "diagnostics", "store", "tensor"]),
    // Our own tools. The library of `conformance` has none of ours, so that anyone may use it.
    ("tensorferry-conformance", &[]),
    ("tensorferry-agreement", &["", "conformance", "diagnostics", "layers", "store", "tensor"]),
    ("tensorferry-graphs", &["ir", "tensor"]),
    ("tensorferry-op-checks", &["ir", "kernels", "ops", "tensor"]),
    (
        "tensorferry-hostile",
        &[
            "",
            "archive",
            "conformance",
            "diagnostics",
            "front",
            "graphs",
            "hdf5",
            "ir",
            "json",
            "ops",
            "passes",
            "runtime",
            "store",
            "tensor",
            "tensor-bundle",
            "tf-proto",
            "tfjs-files",
        ],
    ),
    ("tensorferry-tidy", &[]),
    ("tensorferry-fuzz", &["hostile"]),
    ("xtask", &[]),
];

struct Crate {
    file: String,
    name: String,
    manifest: Table,
}

fn crates() -> Vec<Crate> {
    let crates: Vec<Crate> = files()
        .into_iter()
        .filter(|file| file.ends_with("/Cargo.toml"))
        .map(|file| {
            let manifest: Table = read(&file).parse().expect("Cargo reads the same file");
            let name = manifest["package"]["name"].as_str().expect("a name is text").to_owned();
            Crate { file, name, manifest }
        })
        .collect();
    assert!(crates.len() >= 15, "only {} crates found", crates.len());
    crates
}

fn dependencies<'a>(table: &'a Table, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let direct = table.get(kind).and_then(Value::as_table);
    let targets = table.get("target").and_then(Value::as_table);
    let of_targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(|target| target.get(kind)?.as_table());
    direct.into_iter().chain(of_targets).flatten().map(|(name, value)| (&**name, value)).collect()
}

#[test]
fn every_crate_uses_only_crates_below_it() {
    let mut findings = Vec::new();
    for Crate { file, name, manifest } in crates() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(row, _)| *row == name) else {
            findings.push(format!("{file}: `{name}` has no row in MAY_USE"));
            continue;
        };
        for used in dependencies(&manifest, "dependencies").keys() {
            let Some(short) = used.strip_prefix("tensorferry") else { continue };
            if !allowed.contains(&short.trim_start_matches('-')) {
                findings.push(format!("{file}: `{name}` may not use `{used}`"));
            }
        }
    }
    report("crates use only crates of lower rows", &findings);
}

#[test]
fn every_row_is_a_crate() {
    let names: BTreeSet<String> = crates().into_iter().map(|one| one.name).collect();
    // The fuzz targets lie outside the workspace and may come later than this table.
    let gone: Vec<String> = MAY_USE
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .filter(|name| name != "tensorferry-fuzz" && !names.contains(name))
        .collect();
    report("rows of MAY_USE without a crate", &gone);
}

#[test]
fn versions_are_stated_once() {
    let mut findings = Vec::new();
    for Crate { file, name, manifest } in crates() {
        if name == "tensorferry-fuzz" {
            continue;
        }
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (used, value) in dependencies(&manifest, kind) {
                if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                    findings.push(format!("{file}: `{used}` does not say `workspace = true`"));
                }
            }
        }
    }
    report("versions stand in the root's Cargo.toml", &findings);
}

#[test]
fn every_dependency_has_its_reason_and_its_user() {
    let root: Table = read("Cargo.toml").parse().expect("Cargo reads the same file");
    let declared: BTreeSet<String> = root["workspace"]["dependencies"]
        .as_table()
        .expect("a table")
        .iter()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.clone())
        .collect();
    let explained: BTreeSet<String> = read("docs/dependencies.md")
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    let used: BTreeSet<String> = crates()
        .iter()
        .flat_map(|one| {
            ["dependencies", "dev-dependencies", "build-dependencies"].map(|kind| {
                dependencies(&one.manifest, kind).into_keys().map(str::to_owned).collect::<Vec<_>>()
            })
        })
        .flatten()
        .collect();
    let mut findings = Vec::new();
    for name in declared.difference(&explained) {
        findings.push(format!("docs/dependencies.md has no line for `{name}`"));
    }
    for name in explained.difference(&declared) {
        findings.push(format!("docs/dependencies.md explains `{name}`, which is not declared"));
    }
    for name in declared.difference(&used) {
        findings.push(format!("`{name}` is declared in Cargo.toml and used by no crate"));
    }
    report("every dependency has a reason and a user", &findings);
}

#[test]
fn format_crates_forbid_unsafe_code() {
    let formats: Vec<String> = files()
        .into_iter()
        .filter(|file| file.starts_with("formats/") && file.ends_with("/src/lib.rs"))
        .collect();
    assert!(formats.len() >= 6, "only {} format crates found", formats.len());
    let without: Vec<String> = formats
        .into_iter()
        .filter(|file| !read(file).contains("#![forbid(unsafe_code)]"))
        .collect();
    report("format crates have `#![forbid(unsafe_code)]`", &without);
}
