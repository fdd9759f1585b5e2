//! A Keras model as it was read, whatever file it came from.

use serde_json::{Map, Value};
use tensorferry_store::SourceRef;
use tensorferry_tensor::Tensor;

use crate::bind::{BoundWeight, StoredWeight};
use crate::config::Config;
use crate::dialect::Dialect;
use crate::layers::all;
use crate::variables::{VarNode, to_snake_case};

/// Config, weights bound to it, and what else the file held.
#[derive(Clone)]
pub struct LayersModel {
    /// Whose conventions `topology` follows.
    pub dialect: Dialect,
    /// `{"class_name": …, "config": …}`, as stored.
    pub topology: Value,
    /// The Keras (or TensorFlow.js) version that wrote the model.
    pub keras_version: Option<String>,
    /// `tensorflow`, `jax`, `torch`, `tensor_flow.js`.
    pub backend: Option<String>,
    /// Loss, optimizer and metrics in Keras' form.
    pub training_config: Option<Value>,
    /// Weights, in the order of [`VarNode::leaves`].
    pub weights: Vec<BoundWeight>,
    /// Optimizer state, by name; only TensorFlow.js stores it so that it can be loaded again.
    pub optimizer: Vec<(String, Tensor)>,
    /// `userDefinedMetadata`.
    pub metadata: Map<String, Value>,
    /// Vocabularies and other files, by path.
    pub assets: Vec<(String, SourceRef)>,
}

/// Weights without a model: what `save_weights` writes.
#[derive(Debug, Clone, Default)]
pub struct WeightsOnly {
    /// Name and weight, in the file's order; each layer's weights follow one another.
    pub weights: Vec<LayerWeight>,
    /// The Keras version, where the file says it.
    pub keras_version: Option<String>,
}

/// A weight of a file without a model.
#[derive(Debug, Clone)]
pub struct LayerWeight {
    /// The layer's name.
    pub layer: String,
    /// The weight; its name includes the layer's.
    pub weight: StoredWeight,
}

impl LayersModel {
    /// `Sequential`, `Functional`, …
    pub fn class_name(&self) -> &str {
        self.topology.get("class_name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The members of `topology.config`; empty when it has none.
    pub fn config(&self) -> &Map<String, Value> {
        static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
        let config = self.topology.get("config").and_then(Value::as_object);
        config.unwrap_or_else(|| EMPTY.get_or_init(Map::new))
    }

    /// The tree of the model's weights.
    pub fn tree(&self) -> VarNode {
        VarNode::of_model(self.class_name(), self.config())
    }
}

impl WeightsOnly {
    /// Adds a weight of `layer`.
    pub fn push(&mut self, layer: String, weight: StoredWeight) {
        self.weights.push(LayerWeight { layer, weight });
    }
}

/// Names of the `n` variables of an object in a folder such as `dense_1` of a `.weights.h5`, where
/// no config tells them: those of the class by default, when there are as many. Empty otherwise.
pub fn default_variables(folder: &str, n: usize) -> Vec<String> {
    let empty = Map::new();
    let counted = folder.rsplit_once('_').filter(|(_, digits)| digits.parse::<u32>().is_ok());
    let names = [Some(folder), counted.map(|(class, _)| class)];
    let def = names
        .into_iter()
        .flatten()
        .find_map(|name| all().find(|def| to_snake_case(def.class_name) == name));
    let variables = def.map_or_else(Vec::new, |def| (def.variables)(&Config::new(&empty)));
    match variables.len() == n {
        true => variables.into_iter().map(|variable| variable.name).collect(),
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_its_class_and_the_variables() {
        assert_eq!(default_variables("dense", 2), ["kernel", "bias"]);
        assert_eq!(default_variables("dense_12", 2), ["kernel", "bias"]);
        assert_eq!(default_variables("dense", 1), Vec::<String>::new());
        assert_eq!(default_variables("my_thing", 1), Vec::<String>::new());
        assert_eq!(default_variables("lstm_cell", 3), ["kernel", "recurrent_kernel", "bias"]);
    }
}
