//! The tree of a model's weights, and the name of each weight in every format.
//!
//! Keras 3 and SavedModels store weights along the tree of objects (`layers/lstm/cell/vars/0`),
//! Keras 2 HDF5 files along name scopes (`lstm/lstm_cell/kernel:0`), TensorFlow.js under the
//! layer's name (`lstm/kernel`). The tree here knows all three, so a weight is bound to its layer
//! and variable once and can be written under any of the names.

use serde_json::{Map, Value};

use crate::Config;
use crate::def::{LayerDef, Shape, Sublayer, Variable};
use crate::layers::find;
use crate::layers::operators::is_operator;

/// Layers are nested no deeper than this in any real model; a config can nest them without end.
pub(crate) const NESTING_MAX: usize = 64;

/// How a node's name takes part in the names of its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A layer of a model: weights are named from here on, whatever holds the model.
    Layer,
    /// A part of a layer: adds these segments (`None`: nothing).
    Part {
        /// In Keras 2 HDF5 files.
        keras2: Option<String>,
        /// In TensorFlow.js.
        tfjs: Option<String>,
    },
}

/// A layer (or a model, or a part of a layer) with its weights.
#[derive(Debug, Clone)]
pub struct VarNode {
    /// The Keras layer name; for a part of a layer the attribute's name.
    pub name: String,
    /// The class.
    pub class_name: String,
    /// The path from the parent in Keras 3's object tree: `layers/dense_1`, `cell`.
    pub attribute: String,
    /// Part of the name.
    pub scope: Scope,
    /// False when the layer is frozen: its weights count as not trainable.
    pub trainable: bool,
    /// The node's own weights.
    pub variables: Vec<Variable>,
    /// The nodes inside.
    pub children: Vec<VarNode>,
    /// True for a class that we have no definition of.
    pub is_unknown: bool,
}

/// One weight of a model, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The name of the model's own layer that holds it, first of all.
    pub layer: String,
    /// Names of the layers that hold it, from the model's own down through nested models.
    pub layer_path: Vec<String>,
    /// The name in TensorFlow.js: `<layer>/<scopes>/<variable>`.
    pub tfjs_name: String,
    /// The name in a Keras 2 HDF5 file, without the `:0`.
    pub keras2_name: String,
    /// The object's path in Keras 3's tree, such as `layers/lstm/cell`.
    pub object_path: String,
    /// Which of the object's variables it is (`vars/0`).
    pub index: usize,
    /// The variable's own name.
    pub variable: String,
    /// True when training changes it.
    pub trainable: bool,
    /// Its dims, as far as the layer's config tells them.
    pub dims: Option<Shape>,
}

impl VarNode {
    /// The tree of a whole model, from its `{"class_name", "config"}` object. Layers of unknown
    /// classes become nodes without weights.
    pub fn of_model(class_name: &str, config: &Map<String, Value>) -> Self {
        let mut root = model_node(class_name, config, 0);
        root.attribute = String::new();
        root
    }

    /// True when a class in here has no definition.
    pub fn has_unknown(&self) -> bool {
        self.is_unknown || self.children.iter().any(VarNode::has_unknown)
    }

    /// All weights: within each of the model's own layers first those that are trained, then the
    /// others, which is the order of Keras' `layer.weights` and of its HDF5 files.
    pub fn leaves(&self) -> Vec<Leaf> {
        let mut all = Vec::new();
        for layer in &self.children {
            let at = Place { layer: &layer.name, ..Place::default() };
            let mut leaves = Vec::new();
            collect(layer, &at, true, &mut leaves);
            // Stable: the order within both halves is that of the tree.
            leaves.sort_by_key(|leaf: &Leaf| !leaf.trainable);
            all.extend(leaves);
        }
        all
    }
}

/// Class names of models, as opposed to layers.
pub fn is_model_class(class_name: &str) -> bool {
    matches!(class_name, "Sequential" | "Functional" | "Model" | "LayersModel")
}

#[derive(Default, Clone)]
struct Place<'a> {
    layer: &'a str,
    tfjs: Vec<&'a str>,
    keras2: Vec<&'a str>,
    object: Vec<&'a str>,
    layers: Vec<&'a str>,
}

fn collect<'a>(node: &'a VarNode, at: &Place<'a>, trainable: bool, out: &mut Vec<Leaf>) {
    let trainable = trainable && node.trainable;
    let mut here = at.clone();
    here.object.push(&node.attribute);
    match &node.scope {
        Scope::Layer => {
            here.layers.push(&node.name);
            (here.tfjs, here.keras2) = (vec![&*node.name], vec![&*node.name]);
        }
        Scope::Part { keras2, tfjs } => {
            here.tfjs.extend(tfjs.as_deref());
            here.keras2.extend(keras2.as_deref());
        }
    }
    for (index, variable) in node.variables.iter().enumerate() {
        let join = |parts: &[&str]| format!("{}/{}", parts.join("/"), variable.name);
        out.push(Leaf {
            layer: here.layer.to_owned(),
            layer_path: here.layers.iter().map(|name| (*name).to_owned()).collect(),
            tfjs_name: join(&here.tfjs),
            keras2_name: join(&here.keras2),
            object_path: here.object.join("/"),
            index: variable.index.unwrap_or(index),
            variable: variable.name.clone(),
            trainable: trainable && variable.trainable,
            dims: variable.dims.clone(),
        });
    }
    for child in &node.children {
        collect(child, &here, trainable, out);
    }
}

fn model_node(class_name: &str, config: &Map<String, Value>, depth: usize) -> VarNode {
    let name = config.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut counts = SnakeCounter::default();
    let layers = config.get("layers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let children = layers.iter().filter_map(|layer| {
        let class_name = layer.get("class_name")?.as_str()?;
        let inner = layer.get("config")?.as_object()?;
        // Keras 3 does not count operators among the layers, and they have no weights.
        if layer.as_object().is_some_and(is_operator) {
            return None;
        }
        // A Sequential counts its InputLayer among its layers only when it is asked to store it,
        // which Keras does not do.
        let is_hidden = config.get("input_layers").is_none() && class_name == "InputLayer";
        let attribute =
            if is_hidden { String::new() } else { format!("layers/{}", counts.next(class_name)) };
        let name = layer_name(layer, inner);
        Some(layer_node(name, class_name, Some(inner), attribute, Scope::Layer, depth + 1))
    });
    VarNode {
        name: name.to_owned(),
        class_name: class_name.to_owned(),
        attribute: String::new(),
        scope: Scope::Layer,
        trainable: config.get("trainable").and_then(Value::as_bool).unwrap_or(true),
        variables: Vec::new(),
        children: if depth < NESTING_MAX { children.collect() } else { Vec::new() },
        is_unknown: false,
    }
}

/// A layer's name: in its config, or beside it for models that TF.js and old Keras wrote.
pub(crate) fn layer_name<'a>(layer: &'a Value, config: &'a Map<String, Value>) -> &'a str {
    let own = config.get("name").and_then(Value::as_str);
    own.or_else(|| layer.get("name").and_then(Value::as_str)).unwrap_or_default()
}

fn layer_node(
    name: &str,
    class_name: &str,
    config: Option<&Map<String, Value>>,
    attribute: String,
    scope: Scope,
    depth: usize,
) -> VarNode {
    let empty = Map::new();
    let config = config.unwrap_or(&empty);
    if is_model_class(class_name) {
        let node = model_node(class_name, config, depth);
        return VarNode { name: name.to_owned(), attribute, scope, ..node };
    }
    let view = Config::new(config);
    let def = find(class_name).filter(|_| depth < NESTING_MAX);
    let sublayers = def.map_or_else(Vec::new, |def| (def.sublayers)(&view));
    VarNode {
        name: name.to_owned(),
        class_name: class_name.to_owned(),
        attribute,
        scope,
        trainable: view.flag("trainable", true),
        variables: def.map_or_else(Vec::new, |def| with_dims(def, &view)),
        children: sublayers.into_iter().map(|sub| sublayer_node(sub, depth + 1)).collect(),
        is_unknown: def.is_none(),
    }
}

fn with_dims(def: &LayerDef, config: &Config<'_>) -> Vec<Variable> {
    let mut variables = (def.variables)(config);
    for variable in &mut variables {
        variable.dims = (def.dims)(config, &variable.name);
    }
    variables
}

fn sublayer_node(sub: Sublayer<'_>, depth: usize) -> VarNode {
    let scope = Scope::Part { keras2: sub.keras2_scope, tfjs: sub.tfjs_scope };
    let own_name = sub.config.and_then(|config| config.get("name")).and_then(Value::as_str);
    let name = own_name.unwrap_or(&sub.attribute).to_owned();
    let mut node = layer_node(&name, sub.class_name, sub.config, sub.attribute, scope, depth);
    if !sub.variables.is_empty() {
        (node.variables, node.is_unknown) = (sub.variables, false);
    }
    node
}

/// Counts classes in a container: `dense`, `dense_1`, … (Keras' `saving_lib`).
#[derive(Default)]
struct SnakeCounter(std::collections::HashMap<String, usize>);

impl SnakeCounter {
    fn next(&mut self, class_name: &str) -> String {
        // The object's class has another name than the config gives it.
        let snake = to_snake_case(match class_name {
            "Model" | "LayersModel" => "Functional",
            "GroupQueryAttention" => "GroupedQueryAttention",
            other => other,
        });
        let n = self.0.entry(snake.clone()).or_default();
        let name = if *n == 0 { snake } else { format!("{snake}_{n}") };
        *n += 1;
        name
    }
}

/// Keras' `to_snake_case`: `Conv2DTranspose` is `conv2d_transpose`, `ReLU` is `re_lu`.
///
/// Two rules, in this order: an underscore before a capital that starts a lower-case run, and
/// between a lower-case letter or digit and a capital; all after non-word characters are dropped.
pub fn to_snake_case(class_name: &str) -> String {
    let chars: Vec<char> =
        class_name.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut first = String::new();
    for (i, c) in chars.iter().enumerate() {
        let starts_word = c.is_ascii_uppercase()
            && chars.get(i + 1).is_some_and(|next| next.is_ascii_lowercase());
        if i > 0 && starts_word {
            first.push('_');
        }
        first.push(*c);
    }
    let mut snake = String::new();
    let mut before: Option<char> = None;
    for c in first.chars() {
        if c.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase()) {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
        before = Some(c);
    }
    snake
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn snake_case_is_keras_own() {
        for (class_name, snake) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("ReLU", "re_lu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("PReLU", "p_re_lu"),
            ("ELU", "elu"),
            ("LSTM", "lstm"),
            ("GRUCell", "gru_cell"),
            ("SimpleRNN", "simple_rnn"),
            ("ConvLSTM2D", "conv_lstm2d"),
            ("StackedRNNCells", "stacked_rnn_cells"),
            ("MultiHeadAttention", "multi_head_attention"),
            ("GlobalMaxPooling2D", "global_max_pooling2d"),
        ] {
            assert_eq!(to_snake_case(class_name), snake);
        }
    }

    #[test]
    fn a_weight_has_its_name_in_every_format() {
        let model = json!({"name": "outer", "input_layers": [], "layers": [
            {"class_name": "InputLayer", "config": {"name": "in"}},
            {"class_name": "Sequential", "config": {"name": "encoder", "layers": [
                {"class_name": "InputLayer", "config": {"name": "in2"}},
                {"class_name": "BatchNormalization", "config": {"name": "bn"}},
                {"class_name": "Dense", "config": {"name": "e1"}},
            ]}},
            {"class_name": "Bidirectional", "config": {"name": "bi", "layer":
                {"class_name": "LSTM", "config": {"name": "forward_l", "use_bias": false}}}},
        ]});
        let tree = VarNode::of_model("Functional", model.as_object().unwrap());
        let names: Vec<_> = tree
            .leaves()
            .into_iter()
            .map(|l| (l.tfjs_name, l.keras2_name, format!("{}/vars/{}", l.object_path, l.index)))
            .collect();
        let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            names,
            [
                row("bn/gamma", "bn/gamma", "layers/sequential/layers/batch_normalization/vars/0"),
                row("bn/beta", "bn/beta", "layers/sequential/layers/batch_normalization/vars/1"),
                row("e1/kernel", "e1/kernel", "layers/sequential/layers/dense/vars/0"),
                row("e1/bias", "e1/bias", "layers/sequential/layers/dense/vars/1"),
                row(
                    "bn/moving_mean",
                    "bn/moving_mean",
                    "layers/sequential/layers/batch_normalization/vars/2"
                ),
                row(
                    "bn/moving_variance",
                    "bn/moving_variance",
                    "layers/sequential/layers/batch_normalization/vars/3"
                ),
                row(
                    "bi/forward_l/kernel",
                    "bi/forward_l/lstm_cell/kernel",
                    "layers/bidirectional/forward_layer/cell/vars/0"
                ),
                row(
                    "bi/forward_l/recurrent_kernel",
                    "bi/forward_l/lstm_cell/recurrent_kernel",
                    "layers/bidirectional/forward_layer/cell/vars/1"
                ),
                row(
                    "bi/backward_l/kernel",
                    "bi/backward_l/lstm_cell/kernel",
                    "layers/bidirectional/backward_layer/cell/vars/0"
                ),
                row(
                    "bi/backward_l/recurrent_kernel",
                    "bi/backward_l/lstm_cell/recurrent_kernel",
                    "layers/bidirectional/backward_layer/cell/vars/1"
                ),
            ]
        );
    }
}
