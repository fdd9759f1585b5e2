//! Real Keras has loaded exactly the Keras files that we write, and predicted the same; what we
//! read back is what was written.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tensorferry::engine::{Engine, EngineOptions, VerifyOptions, verify};
use tensorferry::{ConvertOptions, InputFormat, OutputFormat};
use tensorferry_agreement::keras_files;
use tensorferry_agreement::run::{convert, folder_store};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::Files;

/// Largest allowed difference from the recorded outputs, relative to values above one.
const TOLERANCE: f64 = 1e-5;

/// Keras 3 changed this function: relu6(x + 3) / 6 where Keras 2 and TensorFlow.js compute
/// clip(0.2 x + 0.5). No name in Keras 3 means the old one, so that it computes other values from
/// the original files too.
const HARD_SIGMOID: &str = "`hard_sigmoid` is another function in Keras 3";

/// Models that one Keras loads and that compute something else there, with the reason.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("k2_activations.h5.layers", "keras3", HARD_SIGMOID),
    ("k2_conv_lstm2d.h5.layers", "keras3", HARD_SIGMOID),
    ("k2_gru_opts.h5.layers", "keras3", HARD_SIGMOID),
    ("k2_lstm_opts.h5.layers", "keras3", HARD_SIGMOID),
    ("tfjs-saved.recurrent", "keras3", HARD_SIGMOID),
];

/// Keras 3 reads the list of axes in an old config as one axis.
const AXES: &str = "Keras 3 takes several axes of LayerNormalization from `.keras` files only";

/// The initial state of an RNN is an argument of the call; the two say it in ways of their own.
const INITIAL_STATE: &str = "no form of a call with `initial_state` is read by both";

/// Files that one Keras does not load, with the reason; the other one does.
const UNREADABLE: &[(&str, &str, &str)] = &[
    ("k2_layernorm.h5.layers.h5", "keras3", AXES),
    ("k3_layernorm.h5.layers.h5", "keras3", AXES),
    ("k3_layernorm.keras.layers.h5", "keras3", AXES),
    ("k2_lstm_return_state.h5.layers.h5", "keras3", INITIAL_STATE),
    ("k3_lstm_return_state.h5.layers.h5", "keras3", INITIAL_STATE),
    ("k3_lstm_return_state.keras.layers.h5", "keras3", INITIAL_STATE),
    ("k2_lstm_return_state.h5.layers.keras", "keras2", INITIAL_STATE),
    ("k3_lstm_return_state.h5.layers.keras", "keras2", INITIAL_STATE),
    ("k3_lstm_return_state.keras.layers.keras", "keras2", INITIAL_STATE),
];

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

/// The layers of a SavedModel that we wrote, and the function in it, against the model that it was
/// made from.
#[test]
fn our_engine_runs_the_saved_models_that_we_write() {
    let mut findings = Vec::new();
    let mut n = 0;
    for file in keras_files::all().iter().filter(|file| file.is_folder()) {
        n += 1;
        if let Err(what) = read_back(file) {
            findings.push(format!("{}: {what}", file.name));
        }
    }
    assert!(n > 200, "only {n} folders");
    assert!(findings.is_empty(), "{} of {n}:\n  {}", findings.len(), findings.join("\n  "));
}

fn read_back(file: &keras_files::KerasFile) -> Result<(), String> {
    let engine = |files: &Files| {
        Engine::load(&folder_store("m", files.clone()), &EngineOptions::default())
            .map_err(|problems| problems.to_string())
    };
    let options = VerifyOptions { runs: 1, tolerance: 1e-6, ..VerifyOptions::default() };
    let compare = |mut made: Engine| -> Result<(), String> {
        let mut source = engine(&file.layers)?;
        let found = verify(&mut source, &mut made, &options).map_err(|e| e.to_string())?;
        if found.agrees() { Ok(()) } else { Err(format!("{:?}", found.outputs)) }
    };
    let layers = engine(&file.files)?;
    if !layers.kind().starts_with("Keras") {
        return Err(format!("read as {}", layers.kind()));
    }
    compare(layers).map_err(|what| format!("its layers: {what}"))?;
    let mut options = ConvertOptions {
        input_format: Some(InputFormat::TfSavedModel),
        output_format: Some(OutputFormat::TfjsGraphModel),
        ..ConvertOptions::default()
    };
    (options.graph.verify, options.graph.skip_op_check) = (false, true);
    let graph = convert(&folder_store("m", file.files.clone()), &options);
    let graph = graph.map_err(|problems| problems.to_string())?;
    compare(engine(&graph.files)?).map_err(|what| format!("its function: {what}"))
}

fn judge(file: &keras_files::KerasFile, keras: &str, result: &Value) -> Option<String> {
    let allowed = file.calls["tolerance"].as_f64().unwrap_or(TOLERANCE);
    let difference = result["max_difference"].as_f64();
    // A SavedModel's function computes the same everywhere.
    let model = file.name.strip_suffix(".h5").or(file.name.strip_suffix(".keras"));
    let is_listed = DIFFERENT.iter().any(|(name, by, _)| Some(*name) == model && *by == keras);
    let is_unreadable = UNREADABLE.iter().any(|(name, by, _)| *name == file.name && *by == keras);
    let is_right = match difference {
        Some(apart) => !is_unreadable && (apart <= allowed) != is_listed,
        None => is_unreadable && result["error"].is_string(),
    };
    (!is_right)
        .then(|| format!("{} in {keras}: {result}, listed as different: {is_listed}", file.name))
}
