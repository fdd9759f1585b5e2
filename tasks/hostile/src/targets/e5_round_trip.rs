//! E5: a layers model to `.h5` and `.keras` and back: the weights are the same, bit by bit.

use bytes::Bytes;
use serde_json::{Value, json};
use tensorferry::{ConvertOptions, OutputFormat, WeightFiles};
use tensorferry_store::{BlobRef, MemoryStore, Store, StoreError, collect};
use tensorferry_tfjs_files::{ModelJson, read_weights};

use crate::choices::Choices;
use crate::convert;
use crate::files::folder;

/// A model of some layers with any bits as weights, there and back.
pub fn e5_round_trip(data: &[u8]) {
    let mut choices = Choices::new(data);
    let shard_size = 1 + choices.below(64);
    let (model_json, shard) = model(&mut choices);
    let original = MemoryStore::folder("model")
        .with("model.json", model_json)
        .with("weights.bin", shard)
        .pointing_at("model.json");
    let expected = weights(&original);
    for format in [OutputFormat::Keras, OutputFormat::KerasKeras] {
        let options = ConvertOptions { output_format: Some(format), ..ConvertOptions::default() };
        let there = convert::run(&original, 1 << 16, &options)
            .unwrap_or_else(|e| panic!("not converted to {format:?}: {e}"));
        let [(_, bytes)] = &there[..] else { panic!("not one file: {}", there.len()) };
        let name = if format == OutputFormat::Keras { "model.h5" } else { "model.keras" };
        let options = ConvertOptions {
            weight_files: WeightFiles::Shards(shard_size),
            allow_unloadable_layers: true,
            ..ConvertOptions::default()
        };
        let store = MemoryStore::file(name, bytes.clone());
        let back = convert::run(&store, bytes.len() as u64, &options)
            .unwrap_or_else(|e| panic!("not converted back from {format:?}: {e}"));
        let found = weights(&folder(&back));
        assert_eq!(found, expected, "through {format:?}");
    }
}

/// Shape and bytes of every weight, by name.
fn weights(store: &dyn Store) -> Vec<(String, Vec<u64>, Bytes)> {
    let read = |name: &str| -> Result<BlobRef, StoreError> { store.open(name) };
    let json = read("model.json").expect("every result has one");
    let json = tensorferry_store::read_all(json.as_ref()).expect("it is in memory");
    let json = ModelJson::parse(&json, &tensorferry_json::Limits::default()).expect("we wrote it");
    let weights = read_weights(&json.weights_manifest, &read).expect("we wrote it");
    let mut all: Vec<_> = weights
        .iter()
        .map(|weight| {
            let bytes = collect(weight.stored.data().as_ref()).expect("it is in memory");
            (weight.name().to_owned(), weight.entry.shape.clone(), bytes)
        })
        .collect();
    all.sort();
    all
}

struct Layers {
    configs: Vec<Value>,
    weights: Vec<Value>,
    byte_len: u64,
}

impl Layers {
    fn push(&mut self, class: &str, config: Value, weights: &[(&str, &[u64])]) {
        let name = format!("l{}", self.configs.len());
        let mut config = config;
        config["name"] = name.clone().into();
        config["dtype"] = "float32".into();
        config["trainable"] = true.into();
        if self.configs.is_empty() {
            config["batch_input_shape"] = json!([null, 8, 3]);
        }
        self.configs.push(json!({"class_name": class, "config": config}));
        for (weight, shape) in weights {
            self.byte_len += 4 * shape.iter().product::<u64>();
            let entry =
                json!({"name": format!("{name}/{weight}"), "shape": shape, "dtype": "float32"});
            self.weights.push(entry);
        }
    }
}

/// A `model.json` and its weights.
fn model(choices: &mut Choices<'_>) -> (String, Vec<u8>) {
    let mut layers = Layers { configs: Vec::new(), weights: Vec::new(), byte_len: 0 };
    let mut width = 3;
    for _ in 0..=choices.below(4) {
        let units = 1 + choices.below(4);
        let use_bias = choices.byte() & 1 == 0;
        match choices.below(4) {
            0 => {
                let config = json!({"axis": [2], "momentum": 0.99, "epsilon": 0.001, "center": true, "scale": true});
                let shape = [width];
                let names = ["gamma", "beta", "moving_mean", "moving_variance"];
                layers.push("BatchNormalization", config, &names.map(|name| (name, &shape[..])));
            }
            1 => {
                let config = json!({
                    "filters": units, "kernel_size": [2], "strides": [1], "padding": "same",
                    "data_format": "channels_last", "dilation_rate": [1], "activation": "relu",
                    "use_bias": use_bias,
                });
                let all = [("kernel", &[2, width, units][..]), ("bias", &[units])];
                layers.push("Conv1D", config, &all[..1 + usize::from(use_bias)]);
                width = units;
            }
            2 => layers.push("Dropout", json!({"rate": 0.5}), &[]),
            _ => {
                let config = json!({"units": units, "activation": "linear", "use_bias": use_bias});
                let all = [("kernel", &[width, units][..]), ("bias", &[units])];
                layers.push("Dense", config, &all[..1 + usize::from(use_bias)]);
                width = units;
            }
        }
    }
    let paths: &[&str] = if layers.byte_len == 0 { &[] } else { &["weights.bin"] };
    let json = json!({
        "format": "layers-model",
        "modelTopology": {
            "keras_version": "2.15.0", "backend": "tensorflow",
            "model_config": crate::keras::sequential(layers.configs),
        },
        "weightsManifest": [{"paths": paths, "weights": layers.weights}],
    });
    let shard = (0..layers.byte_len).map(|_| choices.byte()).collect();
    (json.to_string(), shard)
}
