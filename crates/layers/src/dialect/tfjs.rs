//! What TensorFlow.js 4.22 would refuse in a Keras 2 config although it can compute it.

use std::collections::HashSet;

use serde_json::{Value, json};
use tensorferry_diagnostics::Problems;

use super::calls::{Tensor, boundary};
use super::json::{Members, class_and_config, layer_name, layers_mut, text};
use super::names::Names;
use super::{Work, objects, operators};
use crate::def::Shape;
use crate::layers::tfjs::INITIALIZERS;
use crate::variables::is_model_class;

/// Whether an object has a mark of TensorFlow.js: it writes all of Glorot's, He's and LeCun's
/// initializers as the scheme behind them, with a distribution that Keras calls otherwise.
pub(super) fn is_marked(members: &Members) -> bool {
    let class_name = text(members, "class_name");
    let distribution = || members.get("config")?.get("distribution")?.as_str();
    class_name == "VarianceScaling" && distribution() == Some("normal")
        || class_name.starts_with("LeCun")
}

/// Repairs a whole model, in place.
pub(super) fn repair(model: &mut Value, work: &mut Work) -> Result<(), Problems> {
    if let Some(object) = model.as_object_mut() {
        repair_object(object, work)?;
    }
    Ok(())
}

fn repair_object(object: &mut Members, work: &mut Work) -> Result<(), Problems> {
    let class_name = text(object, "class_name").to_owned();
    if is_model_class(&class_name) {
        let Some(config) = object.get_mut("config") else { return Ok(()) };
        return repair_model(&class_name, config, work);
    }
    if let Some((class_name, config)) = class_and_config(object) {
        repair_config(&class_name, config, work)?;
    }
    replace_class(object, work);
    Ok(())
}

fn repair_model(class_name: &str, config: &mut Value, work: &mut Work) -> Result<(), Problems> {
    work.enter(config.get("name").and_then(Value::as_str).unwrap_or_default());
    if class_name == "Sequential" {
        repair_first_layer(config);
    }
    for layer in layers_mut(config).into_iter().flatten() {
        if let Some(object) = layer.as_object_mut() {
            repair_object(object, work)?;
        }
    }
    if let Some(members) = config.as_object_mut() {
        repair_subtractions(members, work);
        repair_ends(members, work)?;
    }
    work.leave();
    Ok(())
}

/// A `Sequential` whose first layer does not know its input's shape was built by calling it.
fn repair_first_layer(config: &mut Value) {
    let built = config.get("build_input_shape").filter(|shape| shape.is_array()).cloned();
    let Some(shape) = built else { return };
    let Some(first) = layers_mut(config).and_then(|layers| layers.first_mut()) else { return };
    let class_name = first.get("class_name").and_then(Value::as_str).unwrap_or_default();
    if class_name == "InputLayer" || is_model_class(class_name) {
        return;
    }
    let Some(members) = first.get_mut("config").and_then(Value::as_object_mut) else { return };
    if !members.contains_key("batch_input_shape") && !members.contains_key("input_shape") {
        members.insert("batch_input_shape".to_owned(), shape);
    }
}

/// Inputs and outputs by name, or a single one without its list.
fn repair_ends(config: &mut Members, work: &mut Work) -> Result<(), Problems> {
    for key in ["input_layers", "output_layers"] {
        let Some(ends) = config.get(key) else { continue };
        let is_list = |ends: &Value| {
            ends.as_array()
                .is_some_and(|ends| ends.iter().all(|end| end.get(0).is_some_and(Value::is_string)))
        };
        if is_list(ends) {
            continue;
        }
        let Some(tensors) = boundary(ends) else {
            return Err(work.broken("", format!("`{key}` of the model is broken")).into());
        };
        if ends.is_object() {
            work.changed("", format!("`{key}` is a list now; the keys of the dict are lost"));
        }
        let triples = tensors.iter().map(Tensor::triple).collect();
        config.insert(key.to_owned(), Value::Array(triples));
    }
    repair_repeated_outputs(config, work);
    Ok(())
}

/// A tensor that is two outputs: TensorFlow.js computes the first and gives `null` for the other.
fn repair_repeated_outputs(config: &mut Members, work: &mut Work) {
    let Some(outputs) = config.get("output_layers").and_then(boundary) else { return };
    let mut seen = HashSet::new();
    let repeated = |tensor: &Tensor| (tensor.layer.clone(), tensor.node, tensor.index);
    if outputs.iter().all(|tensor| seen.insert(repeated(tensor))) {
        return;
    }
    let Some(Value::Array(layers)) = config.get_mut("layers") else { return };
    let mut names = Names::of(layers);
    let mut seen = HashSet::new();
    let mut triples = Vec::with_capacity(outputs.len());
    for tensor in outputs {
        if seen.insert(repeated(&tensor)) {
            triples.push(tensor.triple());
            continue;
        }
        let name = names.fresh(format!("{}_copy", tensor.layer));
        let config = json!({"name": name, "trainable": true, "dtype": "float32",
            "activation": "linear"});
        layers.push(json!({"class_name": "Activation", "config": config, "name": name,
            "inbound_nodes": [[[tensor.layer, tensor.node, tensor.index, {}]]]}));
        work.changed(&name, "added: TensorFlow.js cannot give one tensor as two outputs");
        triples.push(json!([name, 0, 0]));
    }
    config.insert("output_layers".to_owned(), Value::Array(triples));
}

fn repair_config(class_name: &str, config: &mut Members, work: &mut Work) -> Result<(), Problems> {
    let name = text(config, "name").to_owned();
    for key in ["layer", "backward_layer", "cell"] {
        if let Some(inner) = config.get_mut(key).and_then(Value::as_object_mut) {
            repair_object(inner, work)?;
        }
    }
    for cell in config.get_mut("cells").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(inner) = cell.as_object_mut() {
            repair_object(inner, work)?;
        }
    }
    if class_name == "SeparableConv2D" {
        for part in ["initializer", "regularizer", "constraint"] {
            config.shift_remove(&format!("kernel_{part}"));
        }
    }
    if class_name == "Bidirectional" && objects::is_mirrored(config) {
        // TensorFlow.js makes the backward layer itself, from the forward one.
        config.shift_remove("backward_layer");
    }
    repair_dtype(class_name, &name, config, work);
    repair_parts(&name, config, work);
    Ok(())
}

/// TensorFlow.js has no float16 or float64 tensors; the weights are float32 there anyway.
fn repair_dtype(class_name: &str, name: &str, config: &mut Members, work: &mut Work) {
    let Some(Value::String(dtype)) = config.get_mut("dtype") else { return };
    if matches!(dtype.as_str(), "float16" | "bfloat16" | "float64") {
        if class_name != "InputLayer" {
            work.changed(name, format!("computed in float32 instead of {dtype}"));
        }
        "float32".clone_into(dtype);
    }
}

/// Activations, initializers, regularizers and constraints.
fn repair_parts(name: &str, config: &mut Members, work: &mut Work) {
    let mut notes = Vec::new();
    for (key, value) in config.iter_mut() {
        if key.ends_with("_initializer") {
            notes.extend(repair_initializer(key, value));
        } else if key == "activity_regularizer" && !value.is_null() {
            // The layer would throw when it is called. Only training looks at it.
            *value = Value::Null;
            notes.push(format!("{key} removed: TensorFlow.js cannot run it; it acts in training"));
        } else if key.ends_with("_regularizer") {
            notes.extend(repair_regularizer(key, value));
        } else if key.ends_with("_constraint") {
            notes.extend(repair_constraint(key, value));
        } else if key.ends_with("activation") && value.as_str() == Some("silu") {
            *value = json!("swish");
        }
    }
    notes.into_iter().for_each(|note| work.changed(name, note));
}

fn repair_initializer(key: &str, value: &mut Value) -> Option<String> {
    let object = value.as_object_mut()?;
    let class_name = text(object, "class_name").to_owned();
    let spelt = match class_name.as_str() {
        "LecunNormal" => "LeCunNormal",
        "LecunUniform" => "LeCunUniform",
        "OrthogonalInitializer" => "Orthogonal",
        "IdentityInitializer" => "Identity",
        known if INITIALIZERS.contains(&known) => return None,
        _ => "Zeros",
    };
    object.insert("class_name".to_owned(), json!(spelt));
    if spelt != "Zeros" {
        return None;
    }
    object.insert("config".to_owned(), json!({}));
    // The stored weights replace the initial ones.
    Some(format!(
        "{key} {class_name} is Zeros now: TensorFlow.js lacks it; only new weights differ"
    ))
}

fn repair_regularizer(key: &str, value: &mut Value) -> Option<String> {
    let object = value.as_object_mut()?;
    let class_name = text(object, "class_name").to_owned();
    let factor = |key: &str| {
        let config = object.get("config").and_then(|config| config.get(key));
        config.cloned().unwrap_or(json!(0.01))
    };
    let config = match class_name.as_str() {
        "L1L2" => return None,
        "L1" => json!({"l1": factor("l1"), "l2": 0.0}),
        "L2" => json!({"l1": 0.0, "l2": factor("l2")}),
        _ => {
            *value = Value::Null;
            return Some(format!("{key} {class_name} removed: TensorFlow.js lacks it"));
        }
    };
    object.insert("class_name".to_owned(), json!("L1L2"));
    object.insert("config".to_owned(), config);
    None
}

/// TensorFlow.js forces the constraint on the stored weights as it loads them, where Keras leaves
/// them alone until the next step of training.
fn repair_constraint(key: &str, value: &mut Value) -> Option<String> {
    let class_name = text(value.as_object()?, "class_name").to_owned();
    *value = Value::Null;
    Some(format!("{key} {class_name} removed: it would change the weights on loading"))
}

/// Layers that TensorFlow.js computes under another class.
fn replace_class(layer: &mut Members, work: &mut Work) {
    let class_name = text(layer, "class_name").to_owned();
    let Some(config) = layer.get("config").and_then(Value::as_object) else { return };
    let name = text(config, "name").to_owned();
    let replaced = match class_name.as_str() {
        "ReLU" => leaky_or_thresholded(config),
        "GlobalAveragePooling1D"
        | "GlobalAveragePooling2D"
        | "GlobalMaxPooling1D"
        | "GlobalMaxPooling2D"
            if config.get("keepdims") == Some(&Value::Bool(true)) =>
        {
            pool_over_all(&class_name, config, work.inputs.get(&work.path(), &name))
        }
        "Activation" if text(config, "activation") == "leaky_relu" => {
            // Keras' function has this slope, its layer another.
            Some(("LeakyReLU", json!({"alpha": 0.2})))
        }
        _ => None,
    };
    let Some((new_class, own)) = replaced else { return };
    let mut config = config.clone();
    for key in ["activation", "keepdims", "max_value", "negative_slope", "threshold"] {
        config.shift_remove(key);
    }
    if let Value::Object(own) = own {
        config.extend(own);
    }
    layer.insert("class_name".to_owned(), json!(new_class));
    layer.insert("config".to_owned(), Value::Object(config));
    work.changed(&name, format!("is the layer {new_class} now, which computes the same"));
}

/// A global pooling that keeps its dims is a pooling over all there is, where that is known.
fn pool_over_all(
    class_name: &str,
    config: &Members,
    inputs: &[Shape],
) -> Option<(&'static str, Value)> {
    let [input] = inputs else { return None };
    let is_last = config.get("data_format").is_none_or(|format| format == "channels_last");
    let places = input.get(1..input.len().checked_sub(1)?).filter(|_| is_last)?;
    let size: Option<Vec<u64>> = places.iter().copied().collect();
    let size = size?;
    let class_name = match (class_name, size.len()) {
        ("GlobalAveragePooling1D", 1) => "AveragePooling1D",
        ("GlobalAveragePooling2D", 2) => "AveragePooling2D",
        ("GlobalMaxPooling1D", 1) => "MaxPooling1D",
        ("GlobalMaxPooling2D", 2) => "MaxPooling2D",
        _ => return None,
    };
    let own = json!({"pool_size": size, "padding": "valid", "strides": size});
    Some((class_name, own))
}

/// TensorFlow.js' `ReLU` looks at `max_value` alone.
fn leaky_or_thresholded(config: &Members) -> Option<(&'static str, Value)> {
    let number = |key: &str| config.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let is_open = config.get("max_value").is_none_or(Value::is_null);
    match (number("negative_slope"), number("threshold"), is_open) {
        (slope, 0.0, true) if slope != 0.0 => {
            Some(("LeakyReLU", json!({"alpha": config.get("negative_slope")})))
        }
        (0.0, threshold, true) if threshold != 0.0 => {
            Some(("ThresholdedReLU", json!({"theta": config.get("threshold")})))
        }
        _ => None,
    }
}

/// `Subtract` is `Add` of the negated second input: the same numbers, bit by bit.
fn repair_subtractions(model: &mut Members, work: &mut Work) {
    let Some(Value::Array(layers)) = model.get_mut("layers") else { return };
    let is_subtraction =
        |layer: &Value| layer.get("class_name").and_then(Value::as_str) == Some("Subtract");
    if !layers.iter().any(is_subtraction) {
        return;
    }
    let mut names = Names::of(layers);
    let mut out = Vec::with_capacity(layers.len());
    for mut layer in std::mem::take(layers) {
        if is_subtraction(&layer) && has_simple_pairs(&layer) {
            let name = layer_name(&layer).to_owned();
            for entry in second_inputs(&mut layer) {
                let Some(tensor) = Tensor::from_triple(entry) else { continue };
                let helper = names.fresh(format!("{name}_negated"));
                out.push(operators::negation(&helper, &tensor));
                *entry = json!([helper, 0, 0, {}]);
            }
            if let Some(object) = layer.as_object_mut() {
                object.insert("class_name".to_owned(), json!("Add"));
            }
            work.changed(&name, "is the layer Add of the negated second input now");
        }
        out.push(layer);
    }
    *layers = out;
}

fn has_simple_pairs(layer: &Value) -> bool {
    let nodes = layer.get("inbound_nodes").and_then(Value::as_array);
    nodes.is_some_and(|nodes| {
        nodes.iter().all(|node| node.as_array().is_some_and(|pair| pair.len() == 2))
    })
}

fn second_inputs(layer: &mut Value) -> impl Iterator<Item = &mut Value> {
    let nodes = layer.get_mut("inbound_nodes").and_then(Value::as_array_mut);
    nodes.into_iter().flatten().filter_map(|node| node.get_mut(1))
}
