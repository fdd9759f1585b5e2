//! The Keras files and SavedModel folders that we write from layers models.

use serde_json::Value;
use tensorferry::engine::{Engine, TensorSpec};
use tensorferry::{ConvertOptions, OutputFormat};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::Files;
use tensorferry_conformance::manifest::{Should, cases};

use crate::recorded::calls_of;
use crate::run::{convert, folder_store, options_of, saved_by_tfjs, store_of};

/// Models that keep a state between calls, which is refused.
const NO_SAVED_MODEL: [&str; 6] = [
    "k2_gru_stateful.h5.layers.savedmodel",
    "k2_lstm_stateful.h5.layers.savedmodel",
    "k3_gru_stateful.h5.layers.savedmodel",
    "k3_gru_stateful.keras.layers.savedmodel",
    "k3_lstm_stateful.h5.layers.savedmodel",
    "k3_lstm_stateful.keras.layers.savedmodel",
];

/// One file or folder, and the recorded calls that it must reproduce.
pub struct KerasFile {
    /// Its name, such as `k2_cnn.h5.layers.keras`.
    pub name: String,
    /// The bytes of a file, under an empty name; of a folder, those of its files.
    pub files: Files,
    /// The layers model that it was made from.
    pub layers: Files,
    /// The recorded calls, as `recorded::calls_of` has them.
    pub calls: Value,
}

impl KerasFile {
    /// Its hash, by which recorded results are matched.
    ///
    /// Of a SavedModel it is that of what Keras builds the model from: configs and values. The
    /// function beside them changes with every lowering; our own engine is what compares it.
    pub fn sha256(&self) -> String {
        let of_file = |(name, bytes): (&String, &Vec<u8>)| match name.as_str() {
            "" => fixtures::sha256(bytes),
            name => format!("{name} {}\n", fixtures::sha256(bytes)),
        };
        let recorded = self.files.iter().filter(|(name, _)| *name != "saved_model.pb");
        let all: Vec<String> = recorded.map(of_file).collect();
        match all.as_slice() {
            [one] => one.clone(),
            several => fixtures::sha256(several.concat().as_bytes()),
        }
    }

    /// True for a SavedModel.
    pub fn is_folder(&self) -> bool {
        self.files.len() > 1
    }
}

/// Each model as HDF5, as `.keras` and as a SavedModel: made from our own layers model of a Keras file, and from
/// what TensorFlow.js saved.
///
/// # Panics
/// When a layers model cannot be made a Keras file.
pub fn all() -> Vec<KerasFile> {
    let mut files = Vec::new();
    for case in cases() {
        let is_plain = case.id.ends_with(".layers") && !case.id.contains("weights.");
        if !is_plain || case.should != Should::Success || case.input_format.is_none() {
            continue;
        }
        let (Some(options), Some(input)) = (options_of(&case), case.input_path()) else { continue };
        // What TensorFlow.js cannot load never was a layers model to come back from.
        let Ok(layers) = convert(&store_of(&input), &options) else { continue };
        files.extend(all_formats(&case.id, &layers.files, &calls_of(&case)));
    }
    for saved in saved_by_tfjs() {
        files.extend(all_formats(&saved.id, &saved.files, &saved.calls));
    }
    assert!(files.len() > 100, "only {} files", files.len());
    files
}

fn all_formats(id: &str, layers: &Files, calls: &Value) -> Vec<KerasFile> {
    let formats = [
        (OutputFormat::Keras, "h5"),
        (OutputFormat::KerasKeras, "keras"),
        (OutputFormat::KerasSavedModel, "savedmodel"),
    ];
    let written = formats.into_iter().filter_map(|(format, suffix)| {
        let name = format!("{id}.{suffix}");
        let options = ConvertOptions { output_format: Some(format), ..ConvertOptions::default() };
        let is_refused = NO_SAVED_MODEL.contains(&name.as_str());
        let converted = match convert(&folder_store("model", layers.clone()), &options) {
            Ok(_) if is_refused => panic!("{name} was written"),
            Ok(converted) => converted,
            Err(_) if is_refused => return None,
            Err(problems) => panic!("{name}: {problems}"),
        };
        let mut files = converted.files;
        if format != OutputFormat::KerasSavedModel {
            let bytes = files.into_values().next().expect("one file was written");
            files = Files::from([(String::new(), bytes)]);
        }
        let mut calls = calls.clone();
        if format == OutputFormat::KerasSavedModel {
            // Python sorts the keywords of a function; the calls have the model's order.
            let engine = Engine::load(&folder_store("model", layers.clone()), &Default::default());
            let engine = engine.unwrap_or_else(|problems| panic!("{name}: {problems}"));
            let names = |list: &[TensorSpec]| -> Value {
                list.iter().map(|tensor| tensor.name.clone()).collect()
            };
            calls["inputs"] = names(engine.inputs());
            calls["outputs"] = names(engine.outputs());
        }
        Some(KerasFile { name, files, layers: layers.clone(), calls })
    });
    written.collect()
}
