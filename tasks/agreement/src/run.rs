//! Running one of the oracle's cases through the library, in memory.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tensorferry::{
    ConvertOptions, InputFormat, OutputFormat, Patterns, QuantizeOptions, Report, WeightFiles,
};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::{Files, files_of};
use tensorferry_conformance::manifest::Case;
use tensorferry_diagnostics::Problems;
use tensorferry_store::MemoryStore;

/// What a conversion gave.
pub struct Converted {
    /// The files that it would write.
    pub files: Files,
    /// What it says of itself.
    pub report: Report,
}

/// What the arguments of a case ask for. `None` for arguments that only the command line can
/// judge; those cases are the command line's own tests.
pub fn options_of(case: &Case) -> Option<ConvertOptions> {
    let mut options = ConvertOptions {
        input_format: input_format(case.input_format.as_deref()?),
        output_format: case.output_format.as_deref().and_then(output_format),
        ..ConvertOptions::default()
    };
    let given = |name: &str| case.args.iter().any(|arg| arg.starts_with(name));
    if given("--quantization_bytes") && given("--quantize_") {
        return None;
    }
    let mut positionals = 0;
    for argument in &case.args {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        match name {
            "--input_format" | "--output_format" => {}
            "--quantize_float16" => options.quantize.float16 = Some(patterns(value)),
            "--quantize_uint8" => options.quantize.uint8 = Some(patterns(value)),
            "--quantize_uint16" => options.quantize.uint16 = Some(patterns(value)),
            "--quantization_bytes" => options.quantize = by_bytes(value?)?,
            "--split_weights_by_layer" => options.split_weights_by_layer = true,
            "--weight_shard_size_bytes" => {
                options.weight_files = WeightFiles::Shards(value?.parse().ok().filter(|n| *n > 0)?);
            }
            "--metadata" => {
                for item in value?.split(',') {
                    let (key, path) = item.split_once(':')?;
                    options.metadata.insert(key.to_owned(), metadata_file(path)?);
                }
            }
            _ if name.starts_with('-') => return None,
            _ => positionals += 1,
        }
    }
    let clear_quantization = [&options.quantize.float16, &options.quantize.uint8]
        .into_iter()
        .chain([&options.quantize.uint16])
        .filter(|one| matches!(one, Some(Patterns::AllOthers)))
        .count();
    (positionals == 2 && clear_quantization <= 1).then_some(options)
}

/// The contents of the metadata files beside the input, as the oracle made them.
fn metadata_file(path: &str) -> Option<Value> {
    let text = match path {
        "in/labels.json" => r#"["cat", "dog", "bird", "fish", "other"]"#,
        "in/info.json" => r#"{"author": "oracle", "year": 2024}"#,
        _ => return None,
    };
    Some(serde_json::from_str(text).expect("it is JSON"))
}

fn patterns(value: Option<&str>) -> Patterns {
    match value {
        None => Patterns::AllOthers,
        Some(list) => Patterns::Globs(list.split(',').map(str::to_owned).collect()),
    }
}

fn by_bytes(value: &str) -> Option<QuantizeOptions> {
    let mut quantize = QuantizeOptions::default();
    match value {
        "1" => quantize.uint8 = Some(Patterns::AllOthers),
        "2" => quantize.uint16 = Some(Patterns::AllOthers),
        _ => return None,
    }
    Some(quantize)
}

fn input_format(name: &str) -> Option<InputFormat> {
    Some(match name {
        "keras" => InputFormat::Keras,
        "keras_keras" => InputFormat::KerasKeras,
        "keras_saved_model" => InputFormat::KerasSavedModel,
        "tfjs_layers_model" => InputFormat::TfjsLayersModel,
        _ => return None,
    })
}

fn output_format(name: &str) -> Option<OutputFormat> {
    Some(match name {
        "tfjs_layers_model" => OutputFormat::TfjsLayersModel,
        "tfjs_graph_model" => OutputFormat::TfjsGraphModel,
        "keras" => OutputFormat::Keras,
        "keras_keras" => OutputFormat::KerasKeras,
        "keras_saved_model" => OutputFormat::KerasSavedModel,
        _ => return None,
    })
}

/// A model that TensorFlow.js itself saved.
pub struct SavedByTfjs {
    /// Its name, such as `tfjs-saved.cnn`.
    pub id: String,
    /// `model.json` and its shard.
    pub files: Files,
    /// The recorded calls, as `recorded::calls_of` has them.
    pub calls: Value,
}

/// Every model that TensorFlow.js itself saved.
pub fn saved_by_tfjs() -> Vec<SavedByTfjs> {
    let folder = fixtures::root().join("tfjs-saved");
    let mut models: Vec<SavedByTfjs> = fs::read_dir(folder)
        .expect("the fixtures hold tfjs-saved")
        .map(|entry| {
            let path = entry.expect("the folder can be listed").path();
            let mut files = files_of(&path);
            let calls = files.remove("calls.json").expect("every model has its calls");
            let calls = serde_json::from_slice(&calls).expect("it is JSON");
            let name = path.file_name().expect("a listed path has a name").to_string_lossy();
            SavedByTfjs { id: format!("tfjs-saved.{name}"), files, calls }
        })
        .collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(!models.is_empty(), "TensorFlow.js saved no model");
    models
}

/// A file or a folder in memory, under its own name. A folder with a `model.json` is pointed at it.
pub fn store_of(path: &Path) -> MemoryStore {
    let name = path.file_name().expect("an input has a name").to_string_lossy().into_owned();
    if path.is_file() {
        return MemoryStore::file(name, fs::read(path).expect("the fixture is there"));
    }
    folder_store(&name, files_of(path))
}

/// Files in memory as a folder.
pub fn folder_store(name: &str, files: Files) -> MemoryStore {
    let has_model_json = files.contains_key("model.json");
    let store = files
        .into_iter()
        .fold(MemoryStore::folder(name), |store, (name, bytes)| store.with(name, bytes));
    if has_model_json { store.pointing_at("model.json") } else { store }
}

/// Converts what is in the store.
pub fn convert(store: &MemoryStore, options: &ConvertOptions) -> Result<Converted, Problems> {
    let converted = tensorferry::convert(store, options)?;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    converted.package.write(&mut files).expect("the parts have the lengths that they state");
    Ok(Converted { files: files.into_iter().collect(), report: converted.report })
}
