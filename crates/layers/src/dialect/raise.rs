//! Up to what Keras itself loads: the config of an HDF5 file and that of a `.keras` file.
//!
//! Both come out in Keras 2's form, which Keras 3 reads as well, with the few places in which the
//! two would disagree written so that they do not.

use std::collections::HashMap;

use serde_json::{Value, json};
use tensorferry_diagnostics::Problems;

use super::json::{Members, class_and_config, layer_name, layers_mut, text};
use super::{Dialect, Work, objects, unloadable};
use crate::variables::is_model_class;

/// Makes the config of an HDF5 file of a model in Keras 2's form, in place.
pub(super) fn for_hdf5(model: &mut Value, from: Dialect, work: &mut Work) -> Result<(), Problems> {
    if let Some(object) = model.as_object_mut() {
        Raise { from, work }.object(object);
    }
    Ok(())
}

/// Makes the config of a `.keras` file, in place. That of Keras 3 stays what it is.
pub(super) fn for_zip(model: &mut Value, from: Dialect, work: &mut Work) -> Result<(), Problems> {
    if from == Dialect::Keras3 {
        return Ok(());
    }
    for_hdf5(model, from, work)?;
    super::json::edit_objects(model, name_module);
    Ok(())
}

/// Says where each class is to be found, as `.keras` files do.
fn name_module(object: &mut Members) {
    if !object.contains_key("class_name") || !object.contains_key("config") {
        return;
    }
    let class_name = text(object, "class_name").to_owned();
    let module = match class_name.as_str() {
        _ if object.contains_key("module") => return,
        "Sequential" => "keras",
        "Functional" | "LayersModel" | "Model" => {
            // The two Kerases keep `Functional` in different modules and `Model` in the same.
            object.insert("class_name".to_owned(), json!("Model"));
            "keras"
        }
        _ if class_name.contains('>') => {
            object.insert("registered_name".to_owned(), json!(class_name));
            "custom"
        }
        _ => "keras.layers",
    };
    object.insert("module".to_owned(), json!(module));
    object.entry("registered_name".to_owned()).or_insert(Value::Null);
}

struct Raise<'w> {
    from: Dialect,
    work: &'w mut Work,
}

impl Raise<'_> {
    fn object(&mut self, object: &mut Members) {
        let class_name = text(object, "class_name").to_owned();
        object.shift_remove("build_config");
        object.shift_remove("compile_config");
        if is_model_class(&class_name) {
            if let Some(config) = object.get_mut("config") {
                self.model(&class_name, config);
            }
            if class_name == "LayersModel" {
                object.insert("class_name".to_owned(), json!("Functional"));
            }
        } else if let Some((class_name, config)) = class_and_config(object) {
            self.config(&class_name, config);
        }
    }

    fn model(&mut self, class_name: &str, config: &mut Value) {
        if let Value::Array(layers) = config {
            *config = json!({"name": "sequential", "layers": std::mem::take(layers)});
        }
        self.work.enter(config.get("name").and_then(Value::as_str).unwrap_or_default());
        if class_name == "Sequential" {
            give_input_layer(config);
        }
        for layer in layers_mut(config).into_iter().flatten() {
            layer.as_object_mut().into_iter().for_each(|object| self.object(object));
        }
        if class_name != "Sequential"
            && let Some(members) = config.as_object_mut()
        {
            meet_both_counts(members);
        }
        self.work.leave();
    }

    fn config(&mut self, class_name: &str, config: &mut Members) {
        let name = text(config, "name").to_owned();
        if class_name != "InputLayer" {
            config.shift_remove("batch_input_shape");
        }
        if let Some(dtype) = config.get_mut("dtype") {
            objects::lower_dtype(dtype);
        }
        for key in ["layer", "backward_layer", "cell"] {
            if let Some(inner) = config.get_mut(key).and_then(Value::as_object_mut) {
                self.inner(inner);
            }
        }
        for cell in config.get_mut("cells").and_then(Value::as_array_mut).into_iter().flatten() {
            cell.as_object_mut().into_iter().for_each(|inner| self.inner(inner));
        }
        for (key, value) in config.iter_mut() {
            let module = match key.rsplit('_').next() {
                Some("initializer") => "keras.initializers",
                Some("regularizer") => "keras.regularizers",
                Some("constraint") => "keras.constraints",
                _ => continue,
            };
            if let Some(object) = value.as_object_mut() {
                respell(object);
                place_in(object, module);
            }
        }
        self.differences(class_name, &name, config);
    }

    /// A wrapper's layer: Keras 3 looks its class up by the module.
    fn inner(&mut self, inner: &mut Members) {
        self.object(inner);
        let class_name = text(inner, "class_name");
        if !is_model_class(class_name) && !class_name.contains('>') {
            place_in(inner, "keras.layers");
        }
    }

    /// What a config says that Keras 2 and Keras 3 take otherwise.
    fn differences(&mut self, class_name: &str, name: &str, config: &mut Members) {
        if self.from == Dialect::Tfjs && class_name.starts_with("GRU") {
            // TensorFlow.js has no other; both Kerases take a missing one for true.
            config.entry("reset_after".to_owned()).or_insert(json!(false));
        }
        if config.get("time_major") == Some(&Value::Bool(false)) {
            config.shift_remove("time_major");
        }
        let axes = config.get("axis").and_then(Value::as_array);
        match axes.map(Vec::as_slice) {
            Some([axis]) => {
                let axis = axis.clone();
                config.insert("axis".to_owned(), axis);
            }
            Some([_, _, ..]) => {
                let what = "Keras 3 does not read a list of axes from HDF5 files; Keras 2 does";
                self.work.changed(name, what);
            }
            _ => {}
        }
        let is_hard = |key: &str| text(config, key) == "hard_sigmoid";
        if self.from != Dialect::Keras3
            && (is_hard("activation") || is_hard("recurrent_activation"))
        {
            let what = "hard_sigmoid is relu6(x + 3) / 6 in Keras 3 and clip(0.2 x + 0.5) before";
            self.work.changed(name, what);
        }
        if unloadable::is_code(class_name) {
            self.work.changed(name, "holds Python code, which is carried along and never run");
        }
    }
}

/// TensorFlow.js spells two initializers otherwise.
fn respell(object: &mut Members) {
    let spelt = match text(object, "class_name") {
        "LeCunNormal" => "LecunNormal",
        "LeCunUniform" => "LecunUniform",
        _ => return,
    };
    object.insert("class_name".to_owned(), json!(spelt));
}

fn place_in(object: &mut Members, module: &str) {
    if object.contains_key("module") || text(object, "class_name").contains('>') {
        return;
    }
    object.insert("module".to_owned(), json!(module));
    object.insert("registered_name".to_owned(), Value::Null);
}

/// Keras 3 takes a `batch_input_shape` on another layer for a shape without the batch.
fn give_input_layer(config: &mut Value) {
    let Some(layers) = layers_mut(config) else { return };
    let Some(first) = layers.first() else { return };
    let class_name = first.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let own = |key: &str| first.get("config").and_then(|own| own.get(key)).cloned();
    if class_name == "InputLayer" || is_model_class(class_name) {
        return;
    }
    let name = format!("{}_input", layer_name(first));
    let is_index = class_name == "Embedding";
    let dtype = own("dtype").filter(|dtype| dtype.is_string() && !is_index);
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
    let mut nested: HashMap<String, ()> = HashMap::new();
    for layer in layers.iter_mut() {
        let class_name = layer.get("class_name").and_then(Value::as_str).unwrap_or_default();
        if is_model_class(class_name) {
            nested.insert(layer_name(layer).to_owned(), ());
            let nodes = layer.get_mut("inbound_nodes").and_then(Value::as_array_mut);
            if let Some(nodes) = nodes {
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

/// Call `n`, counted from one, is number `2 n - 1` now.
fn renumber(value: &mut Value, nested: &HashMap<String, ()>) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => {
                let is_nested =
                    items.first().and_then(Value::as_str).is_some_and(|n| nested.contains_key(n));
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
