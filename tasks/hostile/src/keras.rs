//! Small Keras models, made here: the seeds of the fuzzer and the bodies of hostile files.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tensorferry_hdf5::{Datatype, Value as Attribute, Writer};
use tensorferry_store::{SourceRef, collect};

use crate::raw_hdf5::{
    Message, RawHdf5, contiguous, dataspace, float32, group, hard, names_attribute, text_attribute,
};
use crate::raw_zip::{RawEntry, archive};

/// Little-endian float32.
pub const FLOAT32: Datatype = Datatype::Float { size: 4, big_endian: false };

/// A `Sequential` of one `Dense(1)` named `d` on two inputs; `change` may spoil its layer.
pub fn dense_config(change: impl FnOnce(&mut Value)) -> Value {
    let mut layer = json!({
        "class_name": "Dense",
        "config": {
            "name": "d", "trainable": true, "batch_input_shape": [null, 2], "dtype": "float32",
            "units": 1, "activation": "linear", "use_bias": true,
            "kernel_initializer": {"class_name": "Zeros", "config": {}},
            "bias_initializer": {"class_name": "Zeros", "config": {}},
            "kernel_regularizer": null, "bias_regularizer": null, "activity_regularizer": null,
            "kernel_constraint": null, "bias_constraint": null,
        },
    });
    change(&mut layer);
    sequential(vec![layer])
}

/// A `Sequential` of these layers.
pub fn sequential(layers: Vec<Value>) -> Value {
    json!({"class_name": "Sequential", "config": {"name": "s", "layers": layers}})
}

/// A Keras 2 file of this config, with a kernel of 1 and 2 and a bias of 3.
pub fn h5(config: &str) -> Vec<u8> {
    h5_with(config, |file| {
        let data: Vec<u8> = [1_f32, 2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let at = file.put(&data);
        let kernel = file.object(&[dataspace(&[2, 1]), float32(), contiguous(at, 8)]);
        hard("kernel:0", kernel)
    })
}

/// A Keras 2 file of this config whose kernel is behind the link that `kernel` makes.
pub fn h5_with(config: &str, kernel: impl FnOnce(&mut RawHdf5) -> Message) -> Vec<u8> {
    h5_whole(config, &[], kernel)
}

/// The same with more messages in the root's header.
pub fn h5_whole(
    config: &str,
    more: &[Message],
    kernel: impl FnOnce(&mut RawHdf5) -> Message,
) -> Vec<u8> {
    h5_layer(config, more, |file| {
        let at = file.put(&3_f32.to_le_bytes());
        let bias = file.object(&[dataspace(&[1]), float32(), contiguous(at, 4)]);
        let kernel = kernel(file);
        let mut inner = group();
        inner.extend([kernel, hard("bias:0", bias)]);
        let inner = file.object(&inner);
        let mut layer = group();
        layer.push(names_attribute("weight_names", &["d/kernel:0", "d/bias:0"]));
        layer.push(hard("d", inner));
        hard("d", file.object(&layer))
    })
}

/// A Keras 2 file whose only layer is behind the link that `layer` makes.
pub fn h5_layer(
    config: &str,
    more: &[Message],
    layer: impl FnOnce(&mut RawHdf5) -> Message,
) -> Vec<u8> {
    let mut file = RawHdf5::default();
    let layer = layer(&mut file);
    let mut weights = group();
    weights.extend([names_attribute("layer_names", &["d"]), layer]);
    let weights = file.object(&weights);
    let mut root = group();
    root.extend([
        text_attribute("keras_version", "2.15.0"),
        text_attribute("backend", "tensorflow"),
        text_attribute("model_config", config),
        hard("model_weights", weights),
    ]);
    root.extend(more.iter().cloned());
    let root = file.object(&root);
    file.finish(root)
}

/// The weight file in a `.keras` archive of [`dense_config`].
pub fn keras_weights() -> Vec<u8> {
    let mut writer = Writer::new();
    let vars = writer.root().group("layers/dense/vars");
    vars.attr("name", Attribute::Text("d".into()));
    vars.dataset("0", FLOAT32, &[2, 1], floats(&[1.0, 2.0]));
    vars.dataset("1", FLOAT32, &[1], floats(&[3.0]));
    let source = writer.finish().expect("a well-formed tree");
    collect(source.as_ref()).expect("it is in memory").to_vec()
}

/// float32 values as bytes.
pub fn floats(values: &[f32]) -> SourceRef {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Arc::new(Bytes::from(bytes))
}

/// The members of a `.keras` archive of this config.
pub fn keras_members(config: &Value) -> Vec<RawEntry> {
    let metadata = r#"{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}"#;
    vec![
        RawEntry::stored("metadata.json", metadata.as_bytes()),
        RawEntry::deflated("config.json", config.to_string().as_bytes()),
        RawEntry::stored("model.weights.h5", &keras_weights()),
    ]
}

/// The config of [`dense_config`] as Keras 3 writes it.
pub fn dense_config_v3(change: impl FnOnce(&mut Value)) -> Value {
    let mut layer = json!({
        "module": "keras.layers", "class_name": "Dense",
        "config": {
            "name": "d", "trainable": true, "units": 1, "activation": "linear", "use_bias": true,
            "dtype": {"module": "keras", "class_name": "DTypePolicy",
                "config": {"name": "float32"}, "registered_name": null},
            "kernel_initializer": null, "bias_initializer": null,
        },
        "registered_name": null, "build_config": {"input_shape": [null, 2]},
    });
    change(&mut layer);
    let input = json!({
        "module": "keras.layers", "class_name": "InputLayer",
        "config": {"batch_shape": [null, 2], "dtype": "float32", "sparse": false, "name": "i"},
        "registered_name": null,
    });
    let mut config = sequential(vec![input, layer]);
    config["module"] = "keras".into();
    config["registered_name"] = Value::Null;
    config["build_config"] = json!({"input_shape": [null, 2]});
    config
}

/// A well-formed `.keras` archive.
pub fn keras() -> Vec<u8> {
    archive(&keras_members(&dense_config_v3(|_| ())))
}

/// A `model.json` of [`dense_config`] whose weights lie in `paths`.
pub fn model_json(paths: &[&str]) -> Value {
    json!({
        "format": "layers-model", "generatedBy": "keras v2.15.0", "convertedBy": "a test",
        "modelTopology": {
            "keras_version": "2.15.0", "backend": "tensorflow",
            "model_config": dense_config(|_| ()),
        },
        "weightsManifest": [{"paths": paths, "weights": [
            {"name": "d/kernel", "shape": [2, 1], "dtype": "float32"},
            {"name": "d/bias", "shape": [1], "dtype": "float32"},
        ]}],
    })
}

/// The bytes of its weights.
pub fn shard() -> Vec<u8> {
    [1_f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect()
}
