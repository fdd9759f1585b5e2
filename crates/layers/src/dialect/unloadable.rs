//! The layers of a model that TensorFlow.js 4.22 does not load, or computes otherwise than Keras.

use serde_json::{Map, Value};

use super::Converted;
use super::inputs::InputShapes;
use super::json::{Members, text};
use crate::def::Shape;
use crate::find;
use crate::layers::tfjs::problem;
use crate::variables::is_model_class;

/// The remedy that always is one.
pub(super) const GRAPH_MODEL: &str =
    "convert it to a graph model: --output_format=tfjs_graph_model";

/// The remedy for everything that somebody can write in JavaScript.
const REGISTER: &str = "register a class of that name in JavaScript \
    (tf.serialization.registerClass) and convert with --allow-unloadable-layers";

/// One layer that TensorFlow.js cannot load or compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unloadable {
    /// The nested models that hold it, outermost first.
    pub path: Vec<String>,
    /// The layer's name; for the layer inside a wrapper, the wrapper's.
    pub layer: String,
    /// Its class.
    pub class_name: String,
    /// What is missing, as a phrase: `reset_after=true is not implemented`.
    pub reason: String,
    /// What the user can do.
    pub remedy: String,
}

/// Everything in a model for TensorFlow.js (the result of [`to_tfjs`](super::to_tfjs)) that it does
/// not load, in the order of the model; first what the conversion itself found.
pub fn unloadable(converted: &Converted) -> Vec<Unloadable> {
    let inputs = InputShapes::of(&converted.model);
    let mut search = Search { path: Vec::new(), found: converted.blockers.clone(), inputs };
    let class_name = converted.model.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let is_model = is_model_class(class_name);
    if !is_model {
        let reason = "it is a model class of its own".to_owned();
        search.add("", class_name, reason, REGISTER);
    }
    if let Some(config) = converted.model.get("config") {
        search.model(config);
    }
    search.found
}

struct Search {
    path: Vec<String>,
    found: Vec<Unloadable>,
    inputs: InputShapes,
}

impl Search {
    fn model(&mut self, config: &Value) {
        for layer in super::json::layers(config) {
            if let Some(object) = layer.as_object() {
                let name = super::json::layer_name(layer);
                self.layer(name, object, true);
            }
        }
    }

    /// A layer, or the one inside a wrapper, which goes by the wrapper's name.
    fn layer(&mut self, name: &str, object: &Members, is_own: bool) {
        let class_name = text(object, "class_name");
        if is_model_class(class_name) {
            self.path.push(name.to_owned());
            object.get("config").into_iter().for_each(|config| self.model(config));
            self.path.pop();
            return;
        }
        let empty = Map::new();
        let config = object.get("config").and_then(Value::as_object).unwrap_or(&empty);
        let told = self.found.len();
        // The inner layer of a wrapper is called with something else.
        let inputs = if is_own { self.inputs.get(&self.path, name).to_vec() } else { Vec::new() };
        self.own(name, class_name, config, &inputs);
        if self.found.len() > told {
            // A wrapper's check has looked at what it holds.
            return;
        }
        for key in ["layer", "cell"] {
            if let Some(inner) = config.get(key).and_then(Value::as_object) {
                self.layer(name, inner, false);
            }
        }
        for cell in config.get("cells").and_then(Value::as_array).into_iter().flatten() {
            cell.as_object().into_iter().for_each(|inner| self.layer(name, inner, false));
        }
    }

    fn own(&mut self, name: &str, class_name: &str, config: &Members, inputs: &[Shape]) {
        if class_name.starts_with("keras.ops>") {
            // The conversion has said why.
            return;
        }
        if let Some((reason, remedy)) = never(class_name) {
            self.add(name, class_name, reason.to_owned(), remedy);
            return;
        }
        if class_name.contains('>') {
            self.add(name, class_name, "it is a custom layer".to_owned(), REGISTER);
            return;
        }
        if let Some(reason) = problem(class_name, config, inputs) {
            let remedy = match find(class_name) {
                Some(_) => remedy_for(class_name, config),
                None => REGISTER,
            };
            self.add(name, class_name, reason, remedy);
        }
    }

    fn add(&mut self, name: &str, class_name: &str, reason: String, remedy: &str) {
        let found = Unloadable {
            path: self.path.clone(),
            layer: name.to_owned(),
            class_name: class_name.to_owned(),
            reason,
            remedy: remedy.to_owned(),
        };
        // One thing wrong is told once, also when the conversion has already noted it.
        let is_told =
            |other: &Unloadable| other.layer == found.layer && other.reason == found.reason;
        if !self.found.iter().rev().take(8).any(is_told) {
            self.found.push(found);
        }
    }
}

/// Classes that hold Python code or operators.
fn never(class_name: &str) -> Option<(&'static str, &'static str)> {
    match class_name {
        "Lambda" => Some((
            "it holds Python code, which is never run",
            "write it with layers that Keras has",
        )),
        "TFOpLambda" | "SlicingOpLambda" | "TensorFlowOpLayer" | "ClassMethod"
        | "InstanceMethod" | "InstanceProperty" => {
            Some(("it is a TensorFlow operator and not a layer", GRAPH_MODEL))
        }
        _ => None,
    }
}

fn remedy_for(class_name: &str, config: &Members) -> &'static str {
    let is_reset_after = config.get("reset_after").and_then(Value::as_bool) == Some(true);
    if class_name.starts_with("GRU") && is_reset_after {
        return "convert it to a graph model: --output_format=tfjs_graph_model, or train again with \
                reset_after=False";
    }
    GRAPH_MODEL
}

/// Whether a layer of the class holds Python code.
pub(super) fn is_code(class_name: &str) -> bool {
    class_name == "Lambda"
}
