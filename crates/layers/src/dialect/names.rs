//! Layer names that TensorFlow.js can tell apart.
//!
//! It names a weight by its layer and variable alone, whatever model holds the layer, and refuses
//! two equal names ("Duplicate weight name") and names of characters that tensors cannot have.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::json::{Members, layer_name, layers, layers_mut, text};
use super::{LayerRename, Work};
use crate::variables::is_model_class;
use crate::{Config, find};

/// Gives layers with weights names of their own, in place; the outer layers keep theirs.
pub(super) fn make_unique(model: &mut Value, work: &mut Work) {
    let Some(config) = model.get("config") else { return };
    let mut taken = Taken { is_shared: true, ..Taken::default() };
    taken.count(config);
    let mut path = Vec::new();
    if let Some(config) = model.get_mut("config") {
        rename_in(config, &mut path, &mut taken, work);
    }
}

/// Gives layers with a `/` in their name, which Keras 3 refuses, one without, in place.
pub(super) fn drop_slashes(model: &mut Value, work: &mut Work) {
    let Some(config) = model.get("config") else { return };
    let mut taken = Taken { is_shared: false, ..Taken::default() };
    taken.count(config);
    let mut path = Vec::new();
    if let Some(config) = model.get_mut("config") {
        rename_in(config, &mut path, &mut taken, work);
    }
}

/// Names in use, and new ones in time that does not grow with them.
#[derive(Default)]
pub(super) struct Names {
    all: HashSet<String>,
    /// The next number to try for a name.
    next: HashMap<String, u64>,
}

impl Names {
    /// Those of layers.
    pub(super) fn of(layers: &[Value]) -> Self {
        let all = layers.iter().map(|layer| layer_name(layer).to_owned()).collect();
        Self { all, next: HashMap::new() }
    }

    /// A name like `wanted` that is not in use, and is from now on.
    pub(super) fn fresh(&mut self, wanted: String) -> String {
        if self.all.insert(wanted.clone()) {
            return wanted;
        }
        let next = self.next.entry(wanted.clone()).or_insert(1);
        loop {
            let name = format!("{wanted}_{next}");
            *next += 1;
            if self.all.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// The names in use anywhere in the model.
#[derive(Default)]
struct Taken {
    /// Every name, so that a new one is new.
    names: Names,
    /// Names of layers with weights that were met.
    met: HashSet<String>,
    /// For TensorFlow.js, whose layers share one space of names; else for Keras.
    is_shared: bool,
}

impl Taken {
    fn count(&mut self, config: &Value) {
        for layer in layers(config) {
            self.names.all.insert(layer_name(layer).to_owned());
            if let Some(inner) = inner_model(layer) {
                self.count(inner);
            }
        }
    }

    /// The name as the target can take it.
    fn valid(&self, name: &str) -> String {
        if self.is_shared { valid_name(name) } else { name.replace('/', "_") }
    }
}

/// Renames a model's own layers first, so that the outer ones keep their names.
fn rename_in(config: &mut Value, path: &mut Vec<String>, taken: &mut Taken, work: &mut Work) {
    let prefix = path.last().cloned().unwrap_or_default();
    let mut renamed: Map<String, Value> = Map::new();
    for layer in layers_mut(config).into_iter().flatten() {
        let from = layer_name(layer).to_owned();
        let valid = taken.valid(&from);
        let is_clash = taken.is_shared && has_weights(layer) && !taken.met.insert(valid.clone());
        if valid == from && !is_clash {
            continue;
        }
        let wanted = if is_clash && !prefix.is_empty() {
            taken.valid(&format!("{prefix}_{valid}"))
        } else {
            valid
        };
        let to = taken.names.fresh(wanted);
        taken.met.insert(to.clone());
        set_name(layer, &to);
        let mut place = path.clone();
        place.push(from.clone());
        work.renames.push(LayerRename { path: place, from: from.clone(), to: to.clone() });
        renamed.insert(from, Value::String(to));
    }
    if !renamed.is_empty()
        && let Some(members) = config.as_object_mut()
    {
        redirect(members, &renamed);
    }
    let original: HashMap<&str, &String> =
        renamed.iter().filter_map(|(from, to)| Some((to.as_str()?, from))).collect();
    for layer in layers_mut(config).into_iter().flatten() {
        let name = layer_name(layer).to_owned();
        let before = original.get(name.as_str()).map_or(name, |from| (*from).clone());
        if let Some(inner) = inner_model_mut(layer) {
            path.push(before);
            rename_in(inner, path, taken, work);
            path.pop();
        }
    }
}

/// Points calls, inputs and outputs at the new names.
fn redirect(config: &mut Members, renamed: &Map<String, Value>) {
    for layer in config.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        let nodes = layer.get_mut("inbound_nodes");
        nodes.into_iter().for_each(|nodes| redirect_triples(nodes, renamed));
    }
    for key in ["input_layers", "output_layers"] {
        config.get_mut(key).into_iter().for_each(|ends| redirect_triples(ends, renamed));
    }
}

/// Everything of the form `[name, node, tensor, …]`, at any depth.
fn redirect_triples(value: &mut Value, renamed: &Map<String, Value>) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => {
                let is_triple = items.get(1).is_some_and(Value::is_u64);
                if is_triple
                    && let Some(Value::String(name)) = items.first()
                    && let Some(to) = renamed.get(name)
                    && let Some(first) = items.first_mut()
                {
                    *first = to.clone();
                }
                open.extend(items);
            }
            Value::Object(members) => open.extend(members.values_mut()),
            _ => {}
        }
    }
}

fn set_name(layer: &mut Value, name: &str) {
    let Some(object) = layer.as_object_mut() else { return };
    if object.contains_key("name") {
        object.insert("name".to_owned(), Value::String(name.to_owned()));
    }
    if let Some(config) = object.get_mut("config").and_then(Value::as_object_mut) {
        config.insert("name".to_owned(), Value::String(name.to_owned()));
    }
}

/// Whether the layer may have weights: unknown classes may.
fn has_weights(layer: &Value) -> bool {
    let class_name = layer.get("class_name").and_then(Value::as_str).unwrap_or_default();
    if class_name == "InputLayer" || is_model_class(class_name) || inner_model(layer).is_some() {
        return false;
    }
    let empty = Map::new();
    let config = layer.get("config").and_then(Value::as_object).unwrap_or(&empty);
    let view = Config::new(config);
    find(class_name)
        .is_none_or(|def| !(def.variables)(&view).is_empty() || !(def.sublayers)(&view).is_empty())
}

/// The config of a layer that is a model, or of a wrapper's model.
fn inner_model(layer: &Value) -> Option<&Value> {
    let object = layer.as_object()?;
    if is_model_class(text(object, "class_name")) {
        return object.get("config");
    }
    inner_model(object.get("config")?.get("layer")?)
}

fn inner_model_mut(layer: &mut Value) -> Option<&mut Value> {
    let object = layer.as_object_mut()?;
    if is_model_class(text(object, "class_name")) {
        return object.get_mut("config");
    }
    inner_model_mut(object.get_mut("config")?.get_mut("layer")?)
}

/// TensorFlow.js' tensor names: `[A-Za-z0-9][-A-Za-z0-9._/]*`.
fn valid_name(name: &str) -> String {
    let valid: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._/".contains(c) { c } else { '_' })
        .collect();
    match valid.chars().next() {
        Some(first) if first.is_ascii_alphanumeric() => valid,
        _ => format!("layer{valid}"),
    }
}
