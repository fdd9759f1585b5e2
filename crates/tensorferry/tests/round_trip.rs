//! A small model through every format and back, built here and never stored.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tensorferry::{
    ConvertOptions, InspectOptions, OutputFormat, Patterns, QuantizeOptions, WeightFiles, check,
    convert, inspect, weight,
};
use tensorferry_hdf5::{Datatype, Value, Writer};
use tensorferry_store::{MemoryStore, SourceRef, Store};

/// Layers of several kinds: a nested model with batch norm, an LSTM with a cell, a plain layer.
fn config() -> Json {
    let dense = |name: &str, units: u32| {
        json!({"class_name": "Dense", "config": {"name": name, "trainable": true,
            "dtype": "float32", "units": units, "activation": "linear", "use_bias": true}})
    };
    json!({"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config":
            {"batch_input_shape": [null, 4, 3], "dtype": "float32", "sparse": false,
             "ragged": false, "name": "in"}},
        {"class_name": "LSTM", "config": {"name": "lstm", "trainable": true, "dtype": "float32",
            "units": 2, "activation": "tanh", "recurrent_activation": "sigmoid",
            "use_bias": true}},
        {"class_name": "Sequential", "config": {"name": "inner", "layers": [
            {"class_name": "InputLayer", "config":
                {"batch_input_shape": [null, 2], "dtype": "float32", "name": "in2"}},
            {"class_name": "BatchNormalization", "config": {"name": "bn", "trainable": true,
                "dtype": "float32", "axis": [1], "momentum": 0.99, "epsilon": 0.001}},
            dense("d", 3)]}},
        dense("out", 1),
    ]}})
}

/// A weight's name and shape.
type Named = (&'static str, &'static [u64]);

/// Group of the layer, its weights.
const WEIGHTS: &[(&str, &[Named])] = &[
    (
        "lstm",
        &[
            ("lstm/lstm_cell/kernel:0", &[3, 8]),
            ("lstm/lstm_cell/recurrent_kernel:0", &[2, 8]),
            ("lstm/lstm_cell/bias:0", &[8]),
        ],
    ),
    (
        "inner",
        &[
            ("bn/gamma:0", &[2]),
            ("bn/beta:0", &[2]),
            ("d/kernel:0", &[2, 3]),
            ("d/bias:0", &[3]),
            ("bn/moving_mean:0", &[2]),
            ("bn/moving_variance:0", &[2]),
        ],
    ),
    ("out", &[("out/kernel:0", &[3, 1]), ("out/bias:0", &[1])]),
];

/// Values that differ in every weight: the weight's number and the element's.
fn values(weight: usize, n: u64) -> SourceRef {
    let values = (0..n).flat_map(|i| (weight as f32 + i as f32 / 64.0).to_le_bytes());
    Arc::new(Bytes::from_iter(values))
}

fn keras_h5() -> Bytes {
    let mut writer = Writer::new();
    let root = writer.root();
    root.attr("keras_version", Value::Text("2.15.0".to_owned()));
    root.attr("backend", Value::Text("tensorflow".to_owned()));
    root.attr("model_config", Value::Text(config().to_string()));
    root.attr("training_config", Value::Text(json!({"loss": "mse"}).to_string()));
    let group = root.group("model_weights");
    let names: Vec<String> = WEIGHTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    group.string_list("layer_names", &names);
    let mut n = 0;
    for (layer, weights) in WEIGHTS {
        let layer = group.group(layer);
        let names: Vec<String> = weights.iter().map(|(name, _)| (*name).to_owned()).collect();
        layer.string_list("weight_names", &names);
        for (name, shape) in *weights {
            let float = Datatype::Float { size: 4, big_endian: false };
            layer.dataset(name, float, shape, values(n, shape.iter().product()));
            n += 1;
        }
    }
    tensorferry_store::collect(writer.finish().unwrap().as_ref()).unwrap()
}

/// The result of a conversion as a store of its own.
fn run(store: &dyn Store, options: &ConvertOptions) -> MemoryStore {
    let conversion = convert(store, options).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let single = conversion.package.is_single_file;
    conversion.package.write(&mut files).unwrap();
    assert_eq!(conversion.report.files.len(), files.len());
    if single {
        let (name, bytes) = files.remove(0);
        return MemoryStore::file(name, bytes);
    }
    files
        .into_iter()
        .fold(MemoryStore::folder("out"), |store, (name, bytes)| store.with(name, bytes))
}

fn to(output_format: OutputFormat) -> ConvertOptions {
    ConvertOptions { output_format: Some(output_format), ..ConvertOptions::default() }
}

/// Every weight's values, in the order of the table.
fn weights_of(store: &dyn Store) -> Vec<(String, Vec<f64>)> {
    let inspection = inspect(store, &InspectOptions::default()).unwrap();
    let mut all: Vec<_> = inspection
        .weights
        .iter()
        .map(|row| (row.name.clone(), weight(store, &row.name).unwrap().loaded.to_f64().unwrap()))
        .collect();
    // Formats differ in their order of layers; the values tell which weight is which.
    all.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap());
    all
}

#[test]
fn a_model_comes_back_bit_by_bit_from_every_format() {
    let source = MemoryStore::file("m.h5", keras_h5());
    let original = weights_of(&source);
    assert_eq!(original.len(), 11);
    let tfjs = run(&source, &to(OutputFormat::TfjsLayersModel));
    check(&tfjs).unwrap();
    let expected: Vec<&str> = original.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(weights_of(&tfjs).iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), expected);
    for format in [OutputFormat::Keras, OutputFormat::KerasKeras, OutputFormat::KerasSavedModel] {
        let keras = run(&tfjs, &to(format));
        check(&keras).unwrap();
        let back = run(&keras, &to(OutputFormat::TfjsLayersModel));
        let values = |store: &MemoryStore| {
            weights_of(store).into_iter().map(|(_, values)| values).collect::<Vec<_>>()
        };
        assert_eq!(values(&keras), values(&source), "{format:?}");
        assert_eq!(values(&back), values(&source), "{format:?}");
    }
}

#[test]
fn a_weight_that_does_not_fit_its_config_is_named() {
    let tfjs = run(&MemoryStore::file("m.h5", keras_h5()), &to(OutputFormat::TfjsLayersModel));
    let json = tensorferry_store::read_all(tfjs.open("model.json").unwrap().as_ref()).unwrap();
    let text = String::from_utf8(json.to_vec()).unwrap();
    let wrong = text.replacen(r#""units": 2"#, r#""units": 5"#, 1);
    assert_ne!(text, wrong);
    let tfjs = tfjs.with("model.json", wrong.into_bytes());
    let problems = convert(&tfjs, &to(OutputFormat::Keras)).err().unwrap().to_string();
    for part in ["lstm_cell/kernel", "[?, 20]", "[3, 8]", "recurrent_kernel", "[5, 20]", "[2, 8]"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}

#[test]
fn the_layer_table_is_keras_own() {
    let inspection =
        inspect(&MemoryStore::file("m.h5", keras_h5()), &InspectOptions::default()).unwrap();
    let model = inspection.model.unwrap();
    let rows: Vec<_> =
        model.layers.iter().map(|row| (row.name.as_str(), row.n_params, row.depth)).collect();
    assert!(rows.contains(&("lstm", 48, 0)), "{rows:?}");
    assert!(rows.contains(&("inner", 17, 0)), "{rows:?}");
    assert!(rows.contains(&("bn", 8, 1)), "{rows:?}");
    assert_eq!((model.n_params, model.n_trainable, model.n_non_trainable), (69, 65, 4));
    let lstm = model.layers.iter().find(|row| row.name == "lstm").unwrap();
    assert_eq!(lstm.output_shapes, [[None, Some(2)]]);
    assert!(lstm.unloadable.is_none());
}

#[test]
fn a_rewrite_keeps_codes_and_metadata() {
    let source = MemoryStore::file("m.h5", keras_h5());
    let quantized = run(
        &source,
        &ConvertOptions {
            quantize: QuantizeOptions {
                uint8: Some(Patterns::AllOthers),
                min_elements: Some(6),
                ..QuantizeOptions::default()
            },
            metadata: [("a".to_owned(), json!({"b": 1}))].into_iter().collect(),
            ..ConvertOptions::default()
        },
    );
    let small =
        ConvertOptions { weight_files: WeightFiles::Shards(7), ..ConvertOptions::default() };
    let cut = run(&quantized, &small);
    let whole = run(
        &cut,
        &ConvertOptions { weight_files: WeightFiles::Single, ..ConvertOptions::default() },
    );
    assert_eq!(weights_of(&quantized), weights_of(&whole));
    let bytes = |store: &MemoryStore, name: &str| {
        tensorferry_store::read_all(store.open(name).unwrap().as_ref()).unwrap()
    };
    assert_eq!(bytes(&quantized, "model.json"), bytes(&whole, "model.json"));
    assert!(cut.open("group1-shard2of2.bin").is_err(), "there are more than two shards");
    let floats = ConvertOptions {
        quantize: QuantizeOptions { dequantize: true, ..QuantizeOptions::default() },
        ..ConvertOptions::default()
    };
    let rows = inspect(&run(&whole, &floats), &InspectOptions::default()).unwrap().weights;
    assert!(rows.iter().all(|row| row.quantization.is_none()));
    let rows = inspect(&whole, &InspectOptions::default()).unwrap().weights;
    // Matrices of six elements and more: lstm's two, d's one.
    assert_eq!(rows.iter().filter(|row| row.quantization.is_some()).count(), 3);
}

#[test]
fn names_with_hashes_are_those_of_the_files() {
    let source = MemoryStore::file("m.h5", keras_h5());
    let hashed = run(&source, &ConvertOptions { hashed_names: true, ..ConvertOptions::default() });
    check(&hashed).unwrap();
    let names: Vec<String> = hashed.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(names.iter().any(|name| name.starts_with("group1-shard1of1-")), "{names:?}");
    let again = run(&hashed, &ConvertOptions::default());
    let names: Vec<String> = again.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["group1-shard1of1.bin", "model.json"]);
}

#[test]
fn what_is_left_out_is_said() {
    let mut layers = config();
    layers["config"]["layers"][1] = json!({"class_name": "Lambda", "config": {"name": "code",
        "function": ["4wEAAAA=", null, null], "function_type": "lambda"}});
    let mut writer = Writer::new();
    writer.root().attr("model_config", Value::Text(layers.to_string()));
    writer.root().attr("keras_version", Value::Text("2.15.0".to_owned()));
    writer.root().group("model_weights");
    let bytes = tensorferry_store::collect(writer.finish().unwrap().as_ref()).unwrap();
    let problems =
        convert(&MemoryStore::file("m.h5", bytes), &ConvertOptions::default()).err().unwrap();
    let text = problems.to_string();
    assert!(text.contains("inner"), "a layer without its weights is named: {text}");
}
