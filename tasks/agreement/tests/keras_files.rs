//! Real Keras has loaded exactly the Keras files that we write, and predicted the same.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tensorferry_agreement::keras_files;
use tensorferry_conformance::fixtures;

/// Largest allowed difference from the recorded outputs, relative to values above one.
const TOLERANCE: f64 = 1e-5;

/// Files that one Keras does not load, each with the reason, which is the start of its message.
const REFUSED: &[(&str, &str, &str)] = &[];

#[test]
fn real_keras_loads_what_we_write() {
    let text = fs::read(fixtures::packed().join("keras-load-results.json"))
        .expect("`cargo xtask oracle-check` has stored its results");
    let results: Value = serde_json::from_slice(&text).expect("the results are JSON");
    let mut findings = Vec::new();
    let mut written = BTreeSet::new();
    for file in keras_files::all() {
        let stored = &results["files"][&file.name];
        if stored["sha256"].as_str() != Some(&file.sha256()) {
            findings.push(format!("{}: the stored result is about other bytes", file.name));
        }
        for keras in ["keras2", "keras3"] {
            findings.extend(judge(&file, keras, &stored[keras]));
        }
        written.insert(file.name);
    }
    for name in results["files"].as_object().expect("an object").keys() {
        if !written.contains(name) {
            findings.push(format!("{name}: has a stored result and is not written any more"));
        }
    }
    assert!(
        findings.is_empty(),
        "{} findings (run `cargo xtask oracle-check`):\n  {}",
        findings.len(),
        findings.join("\n  ")
    );
}

fn judge(file: &keras_files::KerasFile, keras: &str, result: &Value) -> Option<String> {
    let excuse = REFUSED.iter().find(|(name, by, _)| *name == file.name && *by == keras);
    if let Some((_, _, reason)) = excuse {
        let said = result["error"].as_str().is_some_and(|error| error.starts_with(reason));
        return (!said).then(|| format!("{} in {keras}: not refused with `{reason}`", file.name));
    }
    let allowed = file.calls["tolerance"].as_f64().unwrap_or(TOLERANCE);
    let agrees = result["max_difference"].as_f64().is_some_and(|apart| apart <= allowed);
    (!agrees).then(|| format!("{} in {keras}: {result}", file.name))
}
