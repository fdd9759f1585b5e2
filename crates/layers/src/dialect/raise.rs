//! Up to what Keras itself loads: the config of an HDF5 file and that of a `.keras` file.
//!
//! Both come out in Keras 2's form, which Keras 3 reads as well, with the few places in which the
//! two would disagree written so that they do not.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::calls::{Tensor, keras3_node};
use super::common::{self, File};
use super::json::{Members, layer_name, layers_mut, text};
use super::{Dialect, Work};
use crate::variables::is_model_class;

/// Makes the config of a Keras file of a model in Keras 2's form, in place.
pub(super) fn to_file(model: &mut Value, from: Dialect, file: File, work: &mut Work) {
    if let Some(object) = model.as_object_mut() {
        Raise { from, file, work }.object(object);
        if file == File::Zip {
            place(object);
        }
    }
}

struct Raise<'w> {
    from: Dialect,
    file: File,
    work: &'w mut Work,
}

impl Raise<'_> {
    fn object(&mut self, object: &mut Members) {
        // Keras 2 notes its own modules inside `Sequential`; Keras 3 has moved them.
        for key in ["module", "registered_name", "build_config", "compile_config"] {
            object.shift_remove(key);
        }
        let class_name = text(object, "class_name").to_owned();
        if is_model_class(&class_name) {
            if let Some(config) = object.get_mut("config") {
                self.model(&class_name, config);
            }
            if class_name == "LayersModel" {
                object.insert("class_name".to_owned(), json!("Functional"));
            }
            return;
        }
        if let Some(config) = object.get_mut("config").and_then(Value::as_object_mut) {
            self.config(&class_name, config);
        }
        common::agree(object, self.from, self.file, self.work);
    }

    fn model(&mut self, class_name: &str, config: &mut Value) {
        if let Value::Array(layers) = config {
            *config = json!({"name": "sequential", "layers": std::mem::take(layers)});
        }
        self.work.enter(config.get("name").and_then(Value::as_str).unwrap_or_default());
        if class_name == "Sequential" {
            give_input_layer(config);
        }
        for layer in layers_mut(config).into_iter().flatten().filter_map(Value::as_object_mut) {
            self.object(layer);
            if self.file == File::Zip {
                place(layer);
            }
        }
        if class_name != "Sequential"
            && let Some(members) = config.as_object_mut()
        {
            meet_both_counts(members);
            self.calls(members);
            unwrap_single_ends(members);
        }
        self.work.leave();
    }

    fn config(&mut self, class_name: &str, config: &mut Members) {
        if class_name != "InputLayer" {
            config.shift_remove("batch_input_shape");
        }
        common::name_dtype(config);
        for key in ["layer", "backward_layer", "cell"] {
            if let Some(inner) = config.get_mut(key).and_then(Value::as_object_mut) {
                self.object(inner);
                place(inner);
            }
        }
        for cell in config.get_mut("cells").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(inner) = cell.as_object_mut() {
                self.object(inner);
                place(inner);
            }
        }
        config.iter_mut().for_each(|(key, value)| common::place_part(key, value));
    }

    /// Calls that only one of the two reads: an RNN with its state among the inputs, and tensors
    /// among the keyword arguments.
    fn calls(&mut self, config: &mut Members) {
        let layers = config.get_mut("layers").and_then(Value::as_array_mut);
        for layer in layers.into_iter().flatten() {
            let class_name = text_of(layer, "class_name").to_owned();
            let name = layer_name(layer).to_owned();
            let nodes = layer.get_mut("inbound_nodes").and_then(Value::as_array_mut);
            let mut is_special = false;
            for node in nodes.into_iter().flatten() {
                let Some(raised) = special_call(&class_name, node) else { continue };
                is_special = true;
                if self.file == File::Zip {
                    *node = raised;
                }
            }
            if is_special && class_name != "MultiHeadAttention" {
                let what = match self.file {
                    File::Hdf5 => "Keras 3 does not read this call from HDF5 files; Keras 2 does",
                    File::Zip => "Keras 2 does not read this call from this file; Keras 3 does",
                };
                self.work.changed(&name, what);
            }
        }
    }
}

fn text_of<'a>(layer: &'a Value, key: &str) -> &'a str {
    layer.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Says where a layer's class is to be found, as `.keras` files and wrappers do.
fn place(object: &mut Members) {
    let class_name = text(object, "class_name").to_owned();
    let mut registered = Value::Null;
    let module = match class_name.as_str() {
        "Sequential" => "keras",
        "Functional" | "LayersModel" | "Model" => {
            // The two Kerases keep `Functional` in different modules and `Model` in the same.
            object.insert("class_name".to_owned(), json!("Model"));
            "keras"
        }
        custom if custom.contains('>') => {
            registered = json!(custom);
            "custom"
        }
        _ => "keras.layers",
    };
    object.insert("module".to_owned(), json!(module));
    object.insert("registered_name".to_owned(), registered);
}

/// Keras 3's notation of a call that it does not read in Keras 2's.
fn special_call(class_name: &str, node: &Value) -> Option<Value> {
    let entries = node.as_array()?;
    let tensors: Option<Vec<Tensor>> = entries.iter().map(Tensor::from_triple).collect();
    let mut tensors = tensors?;
    let empty = Members::new();
    let kwargs = entries.last()?.get(3).and_then(Value::as_object).unwrap_or(&empty);
    let is_recurrent = super::keras3::is_recurrent(class_name);
    let has_tensors = kwargs.values().any(|value| Tensor::from_triple(value).is_some());
    let has_states = is_recurrent && tensors.len() > 1;
    if !has_tensors && !has_states {
        return None;
    }
    let states = if is_recurrent { tensors.split_off(1) } else { Vec::new() };
    Some(keras3_node(&tensors, &states, kwargs))
}

/// Keras 3 takes a `batch_input_shape` on another layer for a shape without the batch.
fn give_input_layer(config: &mut Value) {
    let Some(first) = layers_mut(config).and_then(|layers| layers.first()) else { return };
    let class_name = text_of(first, "class_name").to_owned();
    if class_name == "InputLayer" || is_model_class(&class_name) {
        return;
    }
    let own = |key: &str| first.get("config").and_then(|own| own.get(key)).cloned();
    let name = format!("{}_input", layer_name(first));
    let dtype = own("dtype").filter(|dtype| dtype.is_string() && class_name != "Embedding");
    let shape = own("batch_input_shape");
    let shape = shape.or_else(|| config.get("build_input_shape").cloned());
    let (Some(shape), Some(layers)) = (shape.filter(Value::is_array), layers_mut(config)) else {
        return;
    };
    let config = json!({"batch_input_shape": shape, "dtype": dtype.unwrap_or(json!("float32")),
        "sparse": false, "ragged": false, "name": name});
    layers.insert(0, json!({"class_name": "InputLayer", "config": config}));
}

/// Writes each call of a nested model twice.
///
/// Keras 2 counts a nested model's calls from one, and Keras 3 from zero (but, for a `Functional`,
/// from one in `output_layers`). With calls `a a b b`, number 1 is `a` for the one and the second
/// `a` for the other, and number 3 is `b` for both. Calls that nothing uses are never computed.
fn meet_both_counts(config: &mut Members) {
    let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) else { return };
    let mut nested = HashSet::new();
    for layer in layers.iter_mut() {
        if is_model_class(text_of(layer, "class_name")) {
            nested.insert(layer_name(layer).to_owned());
            if let Some(Value::Array(nodes)) = layer.get_mut("inbound_nodes") {
                *nodes = nodes.drain(..).flat_map(|node| [node.clone(), node]).collect();
            }
        }
    }
    if nested.is_empty() {
        return;
    }
    for layer in layers.iter_mut() {
        layer.get_mut("inbound_nodes").into_iter().for_each(|nodes| renumber(nodes, &nested));
    }
    for key in ["input_layers", "output_layers"] {
        config.get_mut(key).into_iter().for_each(|ends| renumber(ends, &nested));
    }
}

/// For Keras 3 a list of one output is a list when the model is called.
fn unwrap_single_ends(config: &mut Members) {
    for key in ["input_layers", "output_layers"] {
        if let Some(Value::Array(ends)) = config.get_mut(key)
            && let [Value::Array(only)] = ends.as_mut_slice()
        {
            *ends = std::mem::take(only);
        }
    }
}

/// Call `n`, counted from one, is number `2 n - 1` now.
fn renumber(value: &mut Value, nested: &HashSet<String>) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => {
                let is_nested =
                    items.first().and_then(Value::as_str).is_some_and(|name| nested.contains(name));
                if is_nested && let Some(node) = items.get_mut(1) {
                    let number = node.as_u64().unwrap_or(0).saturating_mul(2).saturating_sub(1);
                    *node = json!(number);
                }
                open.extend(items);
            }
            Value::Object(members) => open.extend(members.values_mut()),
            _ => {}
        }
    }
}
