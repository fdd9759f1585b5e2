//! What one layer's config says where Keras 2 and Keras 3 would read it differently.

use serde_json::{Value, json};

use super::json::{Members, text};
use super::{Dialect, Work, objects, unloadable};

/// Which file the config is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// HDF5: for Keras 2, and for Keras 3 where one config can serve both.
    Hdf5,
    /// `.keras`: for Keras 3, and for Keras 2 where one config can serve both.
    Zip,
}

/// The options of `RNN` itself.
const RNN_KEYS: &[&str] = &[
    "name",
    "trainable",
    "dtype",
    "cell",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "time_major",
    "zero_output_for_mask",
];

/// Edits a layer's class and config, in place; tells what remains different.
pub(super) fn agree(layer: &mut Members, from: Dialect, file: File, work: &mut Work) {
    let class_name = text(layer, "class_name").to_owned();
    if class_name == "ThresholdedReLU" {
        thresholded(layer);
    }
    let Some(config) = layer.get_mut("config").and_then(Value::as_object_mut) else { return };
    let name = text(config, "name").to_owned();
    if from == Dialect::Tfjs && class_name.starts_with("GRU") {
        // TensorFlow.js has no other; both Kerases take a missing one for true.
        config.entry("reset_after".to_owned()).or_insert(json!(false));
    }
    if class_name == "RNN" && config.contains_key("cell") {
        // TensorFlow.js notes the cell's options here as well.
        config.retain(|key, _| RNN_KEYS.contains(&key.as_str()));
    }
    drop_defaults(&class_name, file, config);
    axis(&name, file, config, work);
    notes(&class_name, &name, from, file, config, work);
}

/// Keras 3 has dropped the layer; `ReLU` has its option in both.
fn thresholded(layer: &mut Members) {
    let Some(config) = layer.get_mut("config").and_then(Value::as_object_mut) else { return };
    let theta = config.shift_remove("theta").unwrap_or(json!(1.0));
    config.insert("threshold".to_owned(), theta);
    layer.insert("class_name".to_owned(), json!("ReLU"));
}

/// Options that one of the two refuses, at the value that both take when they are not there.
fn drop_defaults(class_name: &str, file: File, config: &mut Members) {
    let mut drop_if = |key: &str, default: &Value| {
        if config.get(key) == Some(default) {
            config.shift_remove(key);
        }
    };
    drop_if("time_major", &json!(false));
    drop_if("input_length", &Value::Null);
    drop_if("implementation", &Value::Null);
    if class_name.ends_with("Attention") {
        drop_if("score_mode", &json!("dot"));
    }
    let has_no_groups = ["Transpose", "Depthwise", "Separable", "ConvLSTM"];
    if has_no_groups.iter().any(|part| class_name.contains(part)) {
        drop_if("groups", &json!(1));
    }
    let unused: &[&str] = match class_name {
        "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D" => {
            &["trainable", "noise_shape"]
        }
        "Discretization" => &["trainable"],
        // Theirs follows from what they look up; Keras 3 writes the one of the policy.
        "StringLookup" | "IntegerLookup" | "TextVectorization" => &["dtype"],
        "DepthwiseConv1D" | "DepthwiseConv2D" | "SeparableConv1D" | "SeparableConv2D" => {
            &["kernel_initializer", "kernel_regularizer", "kernel_constraint"]
        }
        // Keras 2 needs them to build the layer, Keras 3 refuses them.
        "MultiHeadAttention" if file == File::Zip => &["query_shape", "key_shape", "value_shape"],
        _ => &[],
    };
    unused.iter().for_each(|key| drop(config.shift_remove(*key)));
}

/// Keras 3 reads one axis as a number, and none as a list, from HDF5 files.
fn axis(name: &str, file: File, config: &mut Members, work: &mut Work) {
    let axes = config.get("axis").and_then(Value::as_array);
    match axes.map(Vec::as_slice) {
        Some([axis]) => {
            let axis = axis.clone();
            config.insert("axis".to_owned(), axis);
        }
        Some([_, _, ..]) if file == File::Hdf5 => {
            work.changed(name, "Keras 3 does not read a list of axes from HDF5 files");
        }
        _ => {}
    }
}

fn notes(
    class_name: &str,
    name: &str,
    from: Dialect,
    file: File,
    config: &Members,
    work: &mut Work,
) {
    let is_hard = |key: &str| text(config, key) == "hard_sigmoid";
    if from != Dialect::Keras3 && (is_hard("activation") || is_hard("recurrent_activation")) {
        let what = "hard_sigmoid is relu6(x + 3) / 6 in Keras 3 and clip(0.2 x + 0.5) before";
        work.changed(name, what);
    }
    if class_name == "MultiHeadAttention" {
        work.changed(
            name,
            match file {
                File::Hdf5 => "Keras 3 does not read the layer from HDF5 files of Keras 2's form",
                File::Zip => "Keras 2 does not read the layer from .keras files of Keras 3's form",
            },
        );
    }
    if is_gone(class_name) {
        work.changed(name, format!("Keras 3 has no {class_name}"));
    }
    if unloadable::is_code(class_name) {
        work.changed(name, "holds Python code, which is carried along and never run");
    }
}

/// Layers of Keras 2 that Keras 3 has dropped.
fn is_gone(class_name: &str) -> bool {
    matches!(
        class_name,
        "LocallyConnected1D"
            | "LocallyConnected2D"
            | "RandomHeight"
            | "RandomWidth"
            | "TFOpLambda"
            | "SlicingOpLambda"
    )
}

/// Makes an initializer, a regularizer or a constraint one that both find.
pub(super) fn place_part(key: &str, value: &mut Value) {
    let module = match key.rsplit('_').next() {
        Some("initializer") => "keras.initializers",
        Some("regularizer") => "keras.regularizers",
        Some("constraint") => "keras.constraints",
        _ => return,
    };
    let Some(object) = value.as_object_mut() else { return };
    // TensorFlow.js and the first Keras 3 spell some initializers otherwise.
    let spelt = match text(object, "class_name") {
        "LeCunNormal" => "LecunNormal",
        "LeCunUniform" => "LecunUniform",
        "OrthogonalInitializer" => "Orthogonal",
        "IdentityInitializer" => "Identity",
        other => other,
    };
    let spelt = spelt.to_owned();
    if !spelt.contains('>') {
        object.insert("module".to_owned(), json!(module));
        object.insert("registered_name".to_owned(), Value::Null);
    }
    object.insert("class_name".to_owned(), json!(spelt));
}

/// The dtype as a name, which both take for the policy of that name.
pub(super) fn name_dtype(config: &mut Members) {
    if let Some(dtype) = config.get_mut("dtype") {
        objects::lower_dtype(dtype);
    }
}
