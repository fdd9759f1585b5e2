//! From Keras 3's config down to Keras 2's form, which TensorFlow.js shares.

use std::collections::HashMap;

use serde_json::{Value, json};
use tensorferry_diagnostics::{Problem, Problems};

use super::calls::{Argument, Call, Tensor, boundary, keras2_node};
use super::json::{Members, class_and_config, layer_name, text};
use super::names::Names;
use super::{Work, masks, objects, operators};
use crate::variables::is_model_class;

/// Who is going to read the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// TensorFlow.js 4.22.
    Tfjs,
    /// Keras 2.15, and Keras 3 through its reader for HDF5 files.
    Keras2,
}

/// Keys beside `config` that say how Keras 3 finds and rebuilds the class.
const OBJECT_KEYS: &[&str] =
    &["module", "registered_name", "build_config", "compile_config", "shared_object_id"];

/// Arguments of layers that Keras 2 does not have, each with the values at which leaving it away
/// changes nothing at inference. `None`: any value.
const NEW_KEYS: &[(&str, Option<&[Value]>)] = &[
    ("quantization_config", Some(&[Value::Null])),
    ("lora_rank", Some(&[Value::Null])),
    ("lora_alpha", Some(&[Value::Null])),
    ("rms_scaling", Some(&[Value::Bool(false), Value::Null])),
    ("use_gate", Some(&[Value::Bool(false), Value::Null])),
    ("sliding_window", Some(&[Value::Null])),
    ("pad_to_aspect_ratio", Some(&[Value::Bool(false), Value::Null])),
    ("antialias", Some(&[Value::Bool(false), Value::Null])),
    ("output_padding", Some(&[Value::Null])),
    ("autocast", None),
    ("optional", None),
    ("renorm", Some(&[Value::Bool(false), Value::Null])),
    ("renorm_clipping", None),
    ("renorm_momentum", None),
    ("synchronized", None),
    ("use_cudnn", None),
    ("value_range", None),
    ("gradient_accumulation_steps", None),
    ("oov_method", None),
    ("salt", Some(&[Value::Null])),
];

/// Whether an object has a mark that only Keras 3 makes.
pub(super) fn is_marked(members: &Members) -> bool {
    let class_name = text(members, "class_name");
    if class_name == "__keras_tensor__" || class_name.starts_with("DTypePolicy") {
        return true;
    }
    let is_input = class_name == "InputLayer";
    (is_input && members.get("config").is_some_and(|config| config.get("batch_shape").is_some()))
        || text(members, "module").starts_with("keras.src.")
            && !text(members, "module").starts_with("keras.src.engine")
}

/// Turns a whole Keras 3 model into Keras 2's form, in place.
pub(super) fn lower(model: &mut Value, target: Target, work: &mut Work) -> Result<(), Problems> {
    let has_masks = super::json::any_object(model, makes_masks);
    let mut lower = Lower { target, work, has_masks, problems: Vec::new() };
    if let Some(object) = model.as_object_mut() {
        lower.object(object);
    }
    match lower.problems.is_empty() {
        true => Ok(()),
        false => Err(Problems(lower.problems)),
    }
}

/// A walk over the model.
struct Lower<'w> {
    target: Target,
    work: &'w mut Work,
    /// Whether any layer of the model makes a mask.
    has_masks: bool,
    problems: Vec<Problem>,
}

/// How Keras 3 counts the calls of a nested model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nested {
    /// From one in `output_layers`, from zero elsewhere.
    Functional,
    /// From zero everywhere.
    Sequential,
}

impl Lower<'_> {
    /// A layer or a model, whatever holds it.
    fn object(&mut self, object: &mut Members) {
        let module = text(object, "module").to_owned();
        let registered = text(object, "registered_name").to_owned();
        if !module.is_empty() && !module.starts_with("keras") && !registered.is_empty() {
            object.insert("class_name".to_owned(), Value::String(registered));
        }
        for key in OBJECT_KEYS {
            object.shift_remove(*key);
        }
        let Some((class_name, config)) = class_and_config(object) else { return };
        if is_model_class(&class_name) {
            self.model(&class_name, config);
        } else {
            self.config(&class_name, config);
        }
    }

    fn model(&mut self, class_name: &str, config: &mut Members) {
        if let Some(dtype) = config.get_mut("dtype") {
            objects::lower_dtype(dtype);
        }
        let mut layers = match config.get_mut("layers") {
            Some(Value::Array(layers)) => std::mem::take(layers),
            _ => return,
        };
        self.work.enter(text(config, "name"));
        if class_name == "Sequential" {
            self.sequential(config, &mut layers);
        } else {
            self.graph(config, &mut layers);
        }
        self.work.leave();
        config.insert("layers".to_owned(), Value::Array(layers));
    }

    /// TensorFlow.js and Keras 2 want the first layer to know its input's shape.
    fn sequential(&mut self, config: &mut Members, layers: &mut Vec<Value>) {
        for layer in layers.iter_mut().filter_map(Value::as_object_mut) {
            self.object(layer);
        }
        let built = config.shift_remove("build_input_shape");
        config.shift_remove("dtype");
        let is_open = layers.first().is_some_and(|first| {
            let class_name = first.get("class_name").and_then(Value::as_str).unwrap_or_default();
            let has_shape = |key| first.get("config").is_some_and(|c| c.get(key).is_some());
            class_name != "InputLayer"
                && !is_model_class(class_name)
                && !has_shape("batch_input_shape")
        });
        if let Some(Value::Array(shape)) = built
            && is_open
        {
            let name = format!("{}_input", text(config, "name"));
            let config = json!({"batch_input_shape": shape, "dtype": "float32",
                "sparse": false, "ragged": false, "name": name});
            layers.insert(0, json!({"class_name": "InputLayer", "config": config}));
        }
    }

    fn graph(&mut self, config: &mut Members, layers: &mut Vec<Value>) {
        let nested: HashMap<String, Nested> = layers.iter().filter_map(nested_kind).collect();
        let mut calls: Vec<Vec<Call>> = Vec::with_capacity(layers.len());
        for layer in layers.iter() {
            calls.push(self.calls_of(layer, &nested));
        }
        masks::drop_implied(config, layers, &mut calls);
        let mut names = Names::of(layers);
        let mut lowered = Vec::with_capacity(layers.len());
        for (layer, calls) in std::mem::take(layers).into_iter().zip(calls) {
            self.graph_layer(layer, calls, &mut names, &mut lowered);
        }
        *layers = lowered;
        for key in ["input_layers", "output_layers"] {
            if let Some(ends) = config.get(key) {
                let Some(tensors) = boundary(ends) else {
                    let problem = self.work.broken("", format!("`{key}` of the model is broken"));
                    self.problems.push(problem);
                    continue;
                };
                if ends.is_object() {
                    let what = format!("`{key}` is a list now; the keys of the dict are lost");
                    self.work.changed("", what);
                }
                let triples = tensors.into_iter().map(|mut tensor| {
                    if nested.get(&tensor.layer) == Some(&Nested::Sequential) {
                        tensor.node = tensor.node.saturating_add(1);
                    }
                    tensor.triple()
                });
                let triples = Value::Array(triples.collect());
                config.insert(key.to_owned(), triples);
            }
        }
    }

    /// A layer's calls, with the calls of nested models counted from one.
    fn calls_of(&mut self, layer: &Value, nested: &HashMap<String, Nested>) -> Vec<Call> {
        let nodes = layer.get("inbound_nodes").and_then(Value::as_array);
        let mut calls = Vec::new();
        for node in nodes.map_or(&[][..], Vec::as_slice) {
            let call = Call::read(node).or_else(|| legacy_call(node));
            let Some(mut call) = call else {
                let what = "`inbound_nodes` holds something that is no call";
                self.problems.push(self.work.broken(layer_name(layer), what));
                continue;
            };
            if node.is_object() {
                call.edit(|tensor| {
                    if nested.contains_key(&tensor.layer) {
                        tensor.node = tensor.node.saturating_add(1);
                    }
                });
            }
            calls.push(call);
        }
        calls
    }

    fn graph_layer(
        &mut self,
        mut layer: Value,
        mut calls: Vec<Call>,
        names: &mut Names,
        out: &mut Vec<Value>,
    ) {
        let Some(object) = layer.as_object_mut() else {
            out.push(layer);
            return;
        };
        if operators::is_operator(object) {
            let name = text(object, "name").to_owned();
            match operators::to_layer(object, &mut calls, names, out) {
                Ok(what) => self.work.changed(&name, what),
                Err(reason) => {
                    let class_name = text(object, "class_name").to_owned();
                    self.work.blocked(&name, &class_name, reason);
                    // Marks it: an operator `Add` must not be taken for the layer `Add`.
                    let marked = format!("keras.ops>{class_name}");
                    object.insert("class_name".to_owned(), Value::String(marked));
                }
            }
        }
        self.object(object);
        let class_name = text(object, "class_name").to_owned();
        let name = layer_name(&layer).to_owned();
        let nodes = calls.into_iter().map(|call| self.node(&class_name, &name, call)).collect();
        if let Some(object) = layer.as_object_mut() {
            object.insert("inbound_nodes".to_owned(), Value::Array(nodes));
        }
        out.push(layer);
    }

    /// One call in Keras 2's notation: the inputs, and the keyword arguments that say something.
    fn node(&mut self, class_name: &str, name: &str, call: Call) -> Value {
        let Call { args, mut kwargs } = call;
        let names = argument_names(class_name);
        let mut tensors: Vec<Tensor> = Vec::new();
        for (at, argument) in args.into_iter().enumerate() {
            let mut found = Vec::new();
            argument.tensors(&mut found);
            if at == 0 || names.is_empty() && !found.is_empty() {
                tensors.extend(found.into_iter().cloned());
            } else {
                let key = names.get(at).map_or_else(|| format!("arg_{at}"), |k| (*k).to_owned());
                kwargs.push((key, argument));
            }
        }
        let mut out = Members::new();
        for (key, argument) in kwargs {
            if argument.is_null() || key == "training" && !self.keeps_training(name, &argument) {
                continue;
            }
            let is_input = tensors.is_empty() && (key == "inputs" || key == "sequences");
            if is_input || key == "initial_state" && is_recurrent(class_name) {
                let mut found = Vec::new();
                argument.tensors(&mut found);
                tensors.extend(found.into_iter().cloned());
                continue;
            }
            if key == "mask" && argument.holds_tensors() && self.target == Target::Tfjs {
                let reason = "it is given a mask that is computed elsewhere in the model";
                self.work.blocked(name, class_name, reason);
            }
            out.insert(key, argument.to_keras2());
        }
        keras2_node(&tensors, &out)
    }

    /// Keras notes `training=False` and, for some layers, a `True` without effect; TensorFlow.js
    /// decides by itself.
    fn keeps_training(&mut self, name: &str, argument: &Argument) -> bool {
        let is_on = matches!(argument, Argument::Value(Value::Bool(true)));
        if is_on && self.target == Target::Tfjs {
            let what = "called with training=true, which TensorFlow.js ignores in predict()";
            self.work.changed(name, what);
        }
        is_on && self.target == Target::Keras2
    }

    /// A layer's own config.
    fn config(&mut self, class_name: &str, config: &mut Members) {
        let name = text(config, "name").to_owned();
        if let Some(shape) = config.shift_remove("batch_shape") {
            config.shift_insert(0, "batch_input_shape".to_owned(), shape);
        }
        if let Some(dtype) = config.get_mut("dtype") {
            let policy = objects::lower_dtype(dtype);
            if let Some(what) = objects::policy_change(&policy, self.target) {
                *dtype = json!(what.dtype);
                self.work.changed(&name, what.what);
            }
        }
        self.drop_new_keys(class_name, &name, config);
        let keys: Vec<String> = config.keys().cloned().collect();
        for key in keys {
            let Some(value) = config.get_mut(&key) else { continue };
            match key.as_str() {
                "layer" | "backward_layer" | "cell" => {
                    if let Some(inner) = value.as_object_mut() {
                        self.object(inner);
                    }
                }
                "cells" => {
                    for cell in value.as_array_mut().into_iter().flatten() {
                        cell.as_object_mut().into_iter().for_each(|inner| self.object(inner));
                    }
                }
                "activation" | "recurrent_activation" => {
                    self.activation(class_name, &name, value);
                }
                _ => objects::lower_nested(value),
            }
        }
        rename_arguments(class_name, config);
    }

    fn activation(&mut self, class_name: &str, name: &str, value: &mut Value) {
        objects::lower_activation(value);
        if value.as_str() == Some("hard_sigmoid") {
            // Keras 3: relu6(x + 3) / 6. Keras 2 and TensorFlow.js: clip(0.2 x + 0.5, 0, 1).
            let reason = "Keras 3's hard_sigmoid is relu6(x + 3) / 6; here it is clip(0.2 x + 0.5)";
            match self.target {
                Target::Tfjs => self.work.blocked(name, class_name, reason),
                Target::Keras2 => self.work.changed(name, reason),
            }
        }
    }

    fn drop_new_keys(&mut self, class_name: &str, name: &str, config: &mut Members) {
        for (key, harmless) in NEW_KEYS {
            // Keras 2 has it in transposed convolutions.
            let is_known = *key == "output_padding" && class_name.ends_with("Transpose");
            let Some(value) = config.get(*key).filter(|_| !is_known) else { continue };
            if harmless.is_some_and(|values| !values.contains(value)) {
                let reason = format!("{key}={value} is known to Keras 3 alone");
                self.work.blocked(name, class_name, reason);
            }
            config.shift_remove(*key);
        }
        let has_no_seed = ["LSTM", "GRU", "ConvLSTM", "Attention", "SimpleRNN"]
            .iter()
            .any(|part| class_name.contains(part));
        if has_no_seed {
            config.shift_remove("seed");
        }
        if !self.has_masks {
            // Keras 3 sets it in every Bidirectional.
            config.shift_remove("zero_output_for_mask");
        }
        for key in objects::keys_unknown_to_keras2(class_name) {
            config.shift_remove(*key);
        }
    }
}

/// Whether an object is a layer that makes a mask, or a call that is given one.
fn makes_masks(object: &Members) -> bool {
    let is_set = |key: &str| object.get("config").and_then(|c| c.get(key)) == Some(&json!(true));
    match text(object, "class_name") {
        "Masking" => true,
        "Embedding" => is_set("mask_zero"),
        _ => object.get("mask").is_some_and(|mask| !mask.is_null()),
    }
}

/// The name and kind of a layer that is a model.
fn nested_kind(layer: &Value) -> Option<(String, Nested)> {
    let class_name = layer.get("class_name")?.as_str()?;
    let kind = match class_name {
        "Sequential" => Nested::Sequential,
        _ if is_model_class(class_name) => Nested::Functional,
        _ => return None,
    };
    Some((layer_name(layer).to_owned(), kind))
}

/// A call in Keras 2's notation, which Keras 3 reads too.
fn legacy_call(node: &Value) -> Option<Call> {
    let entries = node.as_array()?;
    let tensors: Option<Vec<Argument>> =
        entries.iter().map(|entry| Tensor::from_triple(entry).map(Argument::Tensor)).collect();
    let kwargs = entries.last().and_then(|entry| entry.get(3)).and_then(Value::as_object);
    let kwargs = kwargs.into_iter().flatten();
    Some(Call {
        args: vec![Argument::List(tensors?)],
        kwargs: kwargs.map(|(k, v)| (k.clone(), Argument::Value(v.clone()))).collect(),
    })
}

/// The names of a layer's call arguments, for those that may get more than one by position.
fn argument_names(class_name: &str) -> &'static [&'static str] {
    match class_name {
        "MultiHeadAttention" | "GroupQueryAttention" | "GroupedQueryAttention" => {
            &["query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask"]
        }
        _ if is_recurrent(class_name) => &["sequences", "initial_state", "mask", "training"],
        _ => &[],
    }
}

/// Layers that take states beside their input.
pub(super) fn is_recurrent(class_name: &str) -> bool {
    matches!(class_name, "RNN" | "SimpleRNN" | "GRU" | "LSTM" | "Bidirectional")
        || class_name.starts_with("ConvLSTM")
}

/// Keras 2's names of arguments, and its names of a wrapper's layers.
fn rename_arguments(class_name: &str, config: &mut Members) {
    match class_name {
        "LeakyReLU" => {
            if let Some(slope) = config.shift_remove("negative_slope") {
                config.insert("alpha".to_owned(), slope);
            }
        }
        "Bidirectional" => {
            // Keras 3 stores the two layers as it renamed them.
            for (key, prefix) in [("layer", "forward_"), ("backward_layer", "backward_")] {
                let inner = config.get_mut(key).and_then(|layer| layer.get_mut("config"));
                if let Some(Value::String(name)) = inner.and_then(|inner| inner.get_mut("name"))
                    && let Some(given) = name.strip_prefix(prefix)
                {
                    *name = given.to_owned();
                }
            }
            if objects::is_mirrored(config) {
                config.shift_remove("backward_layer");
            }
        }
        _ => {}
    }
}
