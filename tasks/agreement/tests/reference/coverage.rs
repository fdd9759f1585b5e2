//! `docs/coverage.md`: which formats and layers are read, written, loaded and agreed upon, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use serde_json::Value;
use tensorferry_agreement::run::{convert, options_of, saved_by_tfjs, store_of};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::files_of;
use tensorferry_conformance::manifest::{Case, cases};
use tensorferry_layers::{Tfjs, all, find};

use crate::Verdict;

/// The document, from the verdicts on layers models.
pub(crate) fn document(verdicts: &BTreeMap<String, (Case, Verdict)>) -> String {
    let loads: BTreeSet<&str> = verdicts
        .iter()
        .filter(|(_, (case, _))| loads_in_tfjs(case))
        .map(|(id, _)| id.as_str())
        .collect();
    let mut text = String::from(
        "# What is supported, counted\n\nWritten by the tests of `tasks/agreement`; do not edit \
         (`BLESS=1 cargo test` rewrites it).\n\n",
    );
    formats(&mut text, verdicts, &loads);
    layers(&mut text, verdicts, &loads);
    text
}

/// True when the library converts the case without being told to write what TensorFlow.js cannot
/// load. `tests-js` loads all of these and compares predictions, and checks that the others fail.
fn loads_in_tfjs(case: &Case) -> bool {
    let options = options_of(case).expect("the case was converted");
    let input = case.input_path().expect("the case has an input");
    convert(&store_of(&input), &options).is_ok()
}

fn formats(
    text: &mut String,
    verdicts: &BTreeMap<String, (Case, Verdict)>,
    loads: &BTreeSet<&str>,
) {
    text.push_str(
        "## Formats\n\nRead: conversions of such a file into a layers model (for graph models: into a \
         graph model), of those that should succeed. TensorFlow.js: of these, the ones that official \
         TensorFlow.js 4.22 loads, in Node and in Chromium, with Keras's predictions; the others hold \
         layers that it does not have and are refused by name. Written: files made from layers models. \
         Keras 2, Keras 3: of these, the ones that the real thing loads and predicts the same with.\n\n\
         | format | read | TensorFlow.js | written | Keras 2 | Keras 3 |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    let rows: [(&str, &str, &[&str]); 5] = [
        ("HDF5 (`.h5`)", ".h5", &["keras"]),
        ("`.keras`", ".keras", &["keras_keras"]),
        ("Keras SavedModel", ".savedmodel", &["keras_saved_model"]),
        ("weights only (HDF5)", "", &["weights"]),
        ("TensorFlow.js layers model", "", &["tfjs_layers_model"]),
    ];
    for (title, suffix, kinds) in rows {
        let of_kind: Vec<_> = verdicts
            .iter()
            .filter(|(_, (case, verdict))| {
                kinds.contains(&kind_of(case)) && *verdict != Verdict::Refused
            })
            .collect();
        let n_read = of_kind.iter().filter(|(_, (_, v))| !matches!(v, Verdict::Wrong(_))).count();
        let n_loads = of_kind.iter().filter(|(id, _)| loads.contains(id.as_str())).count();
        let in_tfjs = if kinds == ["weights"] { "–".to_owned() } else { n_loads.to_string() };
        let written = written(suffix);
        writeln!(text, "| {title} | {n_read} of {} | {in_tfjs} | {written} |", of_kind.len())
            .expect("a String takes it");
    }
    let n_graphs = cases()
        .iter()
        .filter(|case| case.output_format.as_deref() == Some("tfjs_graph_model"))
        .filter(|case| case.golden().join("model.json").is_file())
        .count();
    let n_saved = saved_by_tfjs().len();
    writeln!(
        text,
        "| TensorFlow.js graph model | {n_graphs} of {n_graphs} | {n_graphs} | {n_graphs} | – | – |"
    )
    .expect("a String takes it");
    writeln!(
        text,
        "\n{n_saved} more layers models were saved by TensorFlow.js itself. What each test checks: \
         `tasks/agreement/tests/`, `tests-js/`.\n"
    )
    .expect("a String takes it");
}

fn kind_of(case: &Case) -> &str {
    let is_weights = case.input.as_deref().is_some_and(|input| input.contains("weights."));
    if is_weights { "weights" } else { case.input_format.as_deref().unwrap_or_default() }
}

/// Counts of Keras files with this suffix: written, loaded by Keras 2, loaded by Keras 3.
fn written(suffix: &str) -> String {
    if suffix.is_empty() {
        return "– | – | –".to_owned();
    }
    let stored = fs::read(fixtures::packed().join("keras-load-results.json")).unwrap_or_default();
    let stored: Value = serde_json::from_slice(&stored).unwrap_or_default();
    let files: Vec<&Value> = stored["files"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.ends_with(suffix))
        .map(|(_, result)| result)
        .collect();
    let agree = |keras: &str| {
        let max = |file: &&&Value| file[keras]["max_difference"].as_f64().unwrap_or(f64::INFINITY);
        files.iter().filter(|file| max(file) <= 1.0 / 1024.0).count()
    };
    format!("{} | {} | {}", files.len(), agree("keras2"), agree("keras3"))
}

fn layers(text: &mut String, verdicts: &BTreeMap<String, (Case, Verdict)>, loads: &BTreeSet<&str>) {
    text.push_str(
        "## Layers\n\nOne row for each definition in `crates/layers`. TensorFlow.js: whether it has the \
         layer; \"some\" depends on the configuration, and the report says why. Fixtures: conversions of \
         models that hold the layer. Same: of these, the ones that TensorFlow.js loads and predicts the \
         same with.\n\n| layer | TensorFlow.js | fixtures | same |\n| --- | --- | --- | --- |\n",
    );
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (id, (case, verdict)) in verdicts {
        if matches!(verdict, Verdict::Agrees(_)) {
            for class in classes_of(case) {
                let (n, n_same) = counts.entry(class).or_default();
                *n += 1;
                *n_same += usize::from(loads.contains(id.as_str()));
            }
        }
    }
    for def in all() {
        let has = match def.tfjs {
            Tfjs::Loads => "yes",
            Tfjs::Checks(_) | Tfjs::ChecksInputs(_) => "some",
            Tfjs::Unknown => "no",
        };
        let (n, n_same) = counts.get(def.class_name).copied().unwrap_or_default();
        writeln!(text, "| {} | {has} | {n} | {n_same} |", def.class_name)
            .expect("a String takes it");
    }
}

/// The built-in classes in the reference's copy of the model.
fn classes_of(case: &Case) -> BTreeSet<&'static str> {
    fn walk(value: &Value, found: &mut BTreeSet<&'static str>) {
        match value {
            Value::Object(object) => {
                let class = object.get("class_name").and_then(Value::as_str);
                found.extend(class.and_then(find).map(|def| def.class_name));
                object.values().for_each(|value| walk(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    if let Some(json) = files_of(&case.golden()).get("model.json") {
        let json: Value = serde_json::from_slice(json).unwrap_or_default();
        walk(&json["modelTopology"]["model_config"], &mut found);
    }
    found
}
