//! Converts the fixtures into a folder for `tests-js`: the models, and `index.json` with what Keras predicted.
//!
//! Usage: `js_cases FOLDER`. `cargo xtask test` calls it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tensorferry::{ConvertOptions, InputFormat, OutputFormat, WeightFiles};
use tensorferry_conformance::layers_model::Files;
use tensorferry_conformance::manifest::{Case, Should, cases, source_cases};
use tensorferry_diagnostics::{Kind, Problems};

use tensorferry_agreement::graphs;
use tensorferry_agreement::recorded::calls_of;
use tensorferry_agreement::run::{
    SavedByTfjs, convert, folder_store, options_of, saved_by_tfjs, store_of,
};

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).expect("usage: js_cases FOLDER");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old folder can be removed");
    }
    fs::create_dir_all(&folder).expect("the folder can be made");
    let mut entries = Vec::new();
    for case in cases() {
        entries.extend(layers_entry(&folder, &case));
        entries.extend(graph_entry(&folder, &case));
        entries.extend(layers_as_graph(&folder, &case));
    }
    entries.extend(source_cases().iter().filter_map(|case| tensorflow_entry(&folder, case)));
    entries.extend(saved_by_tfjs().into_iter().map(|saved| saved_entry(&folder, saved)));
    let index = serde_json::to_vec(&json!({ "cases": entries })).expect("it is JSON");
    fs::write(folder.join("index.json"), index).expect("the folder can be written");
}

/// A layers model that the library converts, or refuses because TensorFlow.js cannot run it.
fn layers_entry(folder: &Path, case: &Case) -> Option<Value> {
    let to_layers = case.output_format.as_deref() == Some("tfjs_layers_model");
    if !to_layers || case.should == Should::Error || case.id.starts_with("cli.") {
        return None;
    }
    let options = options_of(case)?;
    let store = store_of(&case.input_path()?);
    let (files, expect, reason) = match convert(&store, &options) {
        Ok(converted) => (converted.files, "same", String::new()),
        Err(problems) if is_unloadable(&problems) => {
            let options = ConvertOptions { allow_unloadable_layers: true, ..options };
            let converted = convert(&store, &options).ok()?;
            (converted.files, "refused", problems.to_string())
        }
        // `tests/reference` says whether that is right.
        Err(_) => return None,
    };
    if !has_topology(&files) {
        return None;
    }
    write(&folder.join(&case.id), &files);
    Some(entry(case, "layers", expect, reason))
}

/// A graph model, its weights cut into other files.
fn graph_entry(folder: &Path, case: &Case) -> Option<Value> {
    let is_golden = case.output_format.as_deref() == Some("tfjs_graph_model")
        && case.golden().join("model.json").is_file();
    let works = case.tfjs.as_ref().is_some_and(|v| v.status == "same" || v.status == "quantized");
    if !is_golden || !works {
        return None;
    }
    let options = ConvertOptions {
        input_format: Some(InputFormat::TfjsGraphModel),
        weight_files: WeightFiles::Shards(300),
        ..ConvertOptions::default()
    };
    let converted = convert(&store_of(&case.golden()), &options)
        .unwrap_or_else(|problems| panic!("{}: {problems}", case.id));
    write(&folder.join(&case.id), &converted.files);
    Some(entry(case, "graph", "same", String::new()))
}

/// A SavedModel, frozen graph or hub module that the library converts to a graph model.
fn tensorflow_entry(folder: &Path, case: &Case) -> Option<Value> {
    let options = graphs::options_of(case).filter(|_| !case.quantized)?;
    if options.graph.skip_op_check || case.no_io {
        return None;
    }
    let converted = convert(&store_of(&case.input_path()?), &options).ok()?;
    made_graph(folder, case, &converted.files, &format!("{}.made", case.id))
}

/// A Keras model that the library converts to a graph model, also where TensorFlow.js lacks layers.
fn layers_as_graph(folder: &Path, case: &Case) -> Option<Value> {
    let is_plain = case.output_format.as_deref() == Some("tfjs_layers_model")
        && !case.quantized
        && !case.id.starts_with("cli.");
    let options = options_of(case).filter(|_| is_plain)?;
    let options = ConvertOptions { output_format: Some(OutputFormat::TfjsGraphModel), ..options };
    let converted = convert(&store_of(&case.input_path()?), &options).ok()?;
    made_graph(folder, case, &converted.files, &format!("{}.as_graph", case.id))
}

fn made_graph(folder: &Path, case: &Case, files: &Files, id: &str) -> Option<Value> {
    let calls = case.calls();
    let arrays = calls.iter().flat_map(|call| call.inputs.iter().chain(&call.outputs));
    // The tests in JavaScript compare no complex numbers.
    if calls.is_empty() || arrays.into_iter().any(|array| array.dtype.starts_with("complex")) {
        return None;
    }
    write(&folder.join(id), files);
    let why = graphs::TFJS_DIFFERS.iter().find(|(differing, _)| *differing == id);
    let (expect, reason) = why.map_or(("same", ""), |(_, reason)| ("different", *reason));
    let mut entry = completed(calls_of(case), id, "graph", expect, reason.to_owned());
    if entry.get("tolerance").is_none() {
        entry["tolerance"] =
            json!(case.tolerance.map_or(1e-4, |tolerance| tolerance.rtol.max(1e-4)));
    }
    Some(entry)
}

/// A model that TensorFlow.js saved, its weights cut into other files.
fn saved_entry(folder: &Path, saved: SavedByTfjs) -> Value {
    let options =
        ConvertOptions { weight_files: WeightFiles::Shards(100), ..ConvertOptions::default() };
    let converted = convert(&folder_store("model", saved.files), &options)
        .unwrap_or_else(|problems| panic!("{}: {problems}", saved.id));
    write(&folder.join(&saved.id), &converted.files);
    completed(saved.calls, &saved.id, "layers", "same", String::new())
}

fn is_unloadable(problems: &Problems) -> bool {
    problems.0.iter().all(|problem| problem.kind == Kind::Unsupported)
}

fn has_topology(files: &Files) -> bool {
    files
        .get("model.json")
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
        .is_some_and(|json| !json["modelTopology"].is_null())
}

fn write(folder: &Path, files: &Files) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a joined path has a parent"))
            .and_then(|()| fs::write(&path, bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn entry(case: &Case, kind: &str, expect: &str, reason: String) -> Value {
    completed(calls_of(case), &case.id, kind, expect, reason)
}

fn completed(mut calls: Value, id: &str, kind: &str, expect: &str, reason: String) -> Value {
    calls["id"] = json!(id);
    calls["dir"] = json!(id);
    calls["kind"] = json!(kind);
    calls["expect"] = json!(expect);
    calls["reason"] = json!(reason);
    calls
}
