//! The Keras files that we write from layers models.

use serde_json::Value;
use tensorferry::{ConvertOptions, OutputFormat};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::Files;
use tensorferry_conformance::manifest::{Should, cases};

use crate::recorded::calls_of;
use crate::run::{convert, folder_store, options_of, saved_by_tfjs, store_of};

/// One file, and the recorded calls that it must reproduce.
pub struct KerasFile {
    /// Its name, such as `k2_cnn.h5.layers.keras`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The recorded calls, as `recorded::calls_of` has them.
    pub calls: Value,
}

impl KerasFile {
    /// Its hash, by which recorded results are matched.
    pub fn sha256(&self) -> String {
        fixtures::sha256(&self.bytes)
    }
}

/// Each model as HDF5 and as `.keras`: made from our own layers model of a Keras file, and from
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
        files.extend(both_formats(&case.id, &layers.files, &calls_of(&case)));
    }
    for saved in saved_by_tfjs() {
        files.extend(both_formats(&saved.id, &saved.files, &saved.calls));
    }
    assert!(files.len() > 100, "only {} files", files.len());
    files
}

fn both_formats(id: &str, layers: &Files, calls: &Value) -> [KerasFile; 2] {
    [(OutputFormat::Keras, "h5"), (OutputFormat::KerasKeras, "keras")].map(|(format, suffix)| {
        let name = format!("{id}.{suffix}");
        let options = ConvertOptions { output_format: Some(format), ..ConvertOptions::default() };
        let converted = convert(&folder_store("model", layers.clone()), &options)
            .unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let bytes = converted.files.into_values().next().expect("one file was written");
        KerasFile { name, bytes, calls: calls.clone() }
    })
}
