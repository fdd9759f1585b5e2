//! `docs/coverage.md`: which formats, layers and ops are read, written, run and agreed upon, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use serde_json::Value;
use tensorferry_agreement::run::{convert, options_of, saved_by_tfjs, store_of};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::files_of;
use tensorferry_conformance::manifest::{Case, cases};
use tensorferry_conformance::results;
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
    ops(&mut text);
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
        "## Layers\n\nOne row for each definition in `crates/layers`.\n\n\
         - infer, native: it lowers to ops, which infer shapes and are computed.\n\
         - Keras agrees: in how many recorded models it is that compute Keras' numbers natively; wasm: in \
         how many in WebAssembly (`tests-js/engine.test.mjs`).\n\
         - gradient: how many of the kinds of ops that it becomes have one; constants and arguments are not \
         counted.\n\
         - TensorFlow.js: whether it has the layer; \"some\" depends on the configuration, and the report \
         says why. TF.js agrees: conversions with the layer that TensorFlow.js loads and predicts Keras' \
         numbers with, of all with the layer.\n\n\
         Why a class has no model, and which models are refused: [layers](layers.md).\n\n\
         | layer | infer | native | wasm | gradient | Keras agrees | TensorFlow.js | TF.js agrees |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
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
    let results = results::read("layers-results.json");
    for def in all() {
        let has = match def.tfjs {
            Tfjs::Loads => "yes",
            Tfjs::Checks(_) | Tfjs::ChecksInputs(_) => "some",
            Tfjs::Unknown => "no",
        };
        let (n, n_same) = counts.get(def.class_name).copied().unwrap_or_default();
        let result = &results[def.class_name];
        let lowers = match def.lower {
            Some(_) => "yes",
            None if def.class_name.ends_with("Cell") || def.class_name == "StackedRNNCells" => {
                "inside"
            }
            None => "no",
        };
        writeln!(
            text,
            "| {} | {lowers} | {lowers} | {} | {} of {} | {} | {has} | {n_same} of {n} |",
            def.class_name,
            result["wasm_models"],
            result["ops_with_gradient"],
            result["ops"],
            result["models"],
        )
        .expect("a String takes it");
    }
}

fn ops(text: &mut String) {
    text.push_str(
        "\n## Ops\n\nOne row for each definition in `crates/ops`; what it does is in [ops](ops.md). All \
         infer and are computed natively.\n\n\
         - TensorFlow agrees: recorded inputs on which the op gives what TensorFlow's kernel gives, and \
         graphs with it that compute TensorFlow's numbers. wasm: the same in WebAssembly \
         (`tests-js/ops.test.mjs`, `tests-js/engine.test.mjs`).\n\
         - gradient: it has one, which is checked against finite differences and TensorFlow.\n\
         - TF.js agrees: graphs with it that TensorFlow.js 4.22 gives TensorFlow's numbers for.\n\n\
         | op | wasm | gradient | TensorFlow agrees | TF.js agrees |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    let (native, wasm) = (results::read("ops-results.json"), results::wasm());
    for (op, result) in native.as_object().into_iter().flatten() {
        let names: Vec<&str> =
            result["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let in_wasm: u64 = names.iter().filter_map(|name| wasm["ops"][*name].as_u64()).sum();
        let gradient = if result["gradient"] == true { "yes" } else { "" };
        let of = |cases: u64, graphs: &Value| format!("{cases} + {graphs}");
        let cases = result["cases"].as_u64().unwrap_or(0);
        writeln!(
            text,
            "| `{op}` | {} | {gradient} | {} | {} |",
            of(in_wasm, &result["wasm_graphs"]),
            of(cases, &result["graphs"]),
            result["tfjs_graphs"],
        )
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
