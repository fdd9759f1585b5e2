//! What is inside a file, ready to be printed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tensorferry_diagnostics::Problem;
use tensorferry_tensor::Tensor;

/// What `inspect` tells of an input.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Inspection {
    /// What the input is, such as `Keras 3.15.1 model (.keras)`.
    pub kind: String,
    /// Versions and names found in the file: `keras_version`, `generatedBy`, `date_saved`, …
    pub facts: BTreeMap<String, String>,
    /// The layers, when the input has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSummary>,
    /// Loss, optimizer, metrics as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_config: Option<Value>,
    /// Signatures of SavedModels and graph models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// The graph, when the input has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphSummary>,
    /// All weights, in file order.
    pub weights: Vec<WeightRow>,
    /// Files stored beside the weights (vocabularies, …).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Things the user should look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
}

/// The layer table, as Keras' `summary()` prints it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ModelSummary {
    /// The model's name.
    pub name: String,
    /// `Sequential`, `Functional`, …
    pub class_name: String,
    /// One row a layer, inner layers of nested models after their model.
    pub layers: Vec<LayerRow>,
    /// Number of elements of all weights.
    pub n_params: u64,
    /// Of these, trained ones.
    pub n_trainable: u64,
    /// Of these, others (batch norm's statistics, frozen layers).
    pub n_non_trainable: u64,
}

/// One layer.
#[derive(Debug, Clone, Serialize)]
pub struct LayerRow {
    /// The layer's name.
    pub name: String,
    /// The layer's class.
    pub class_name: String,
    /// Output shapes, `None` for an unknown dim; empty when the shape cannot be told.
    pub output_shapes: Vec<Vec<Option<u64>>>,
    /// Number of elements of the layer's weights.
    pub n_params: u64,
    /// The layers its inputs come from, in order.
    pub connected_to: Vec<Connection>,
    /// 0 for a layer of the model itself, 1 for one inside a nested model, …
    pub depth: usize,
    /// What TensorFlow.js would say on loading it; `None` when it loads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unloadable: Option<String>,
}

/// Where an input of a layer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Name of the layer.
    pub layer: String,
    /// Which call of the layer.
    pub node: usize,
    /// Which output of that call.
    pub tensor: usize,
}

/// One signature.
#[derive(Debug, Clone, Serialize)]
pub struct Signature {
    /// Its key, such as `serving_default`; empty for a graph model's only one.
    pub name: String,
    /// Inputs, in the declared order.
    pub inputs: Vec<SignatureTensor>,
    /// Outputs, in the declared order.
    pub outputs: Vec<SignatureTensor>,
}

/// One input or output of a signature.
#[derive(Debug, Clone, Serialize)]
pub struct SignatureTensor {
    /// Its key.
    pub name: String,
    /// The graph's tensor, such as `x:0`.
    pub tensor: String,
    /// The element type, such as `float32`.
    pub dtype: String,
    /// The dims; `None` for unknown rank, inner `None` for an unknown dim.
    pub shape: Option<Vec<Option<u64>>>,
}

/// Counts of a graph.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GraphSummary {
    /// Nodes of the main graph.
    pub n_nodes: usize,
    /// Functions in the library.
    pub n_functions: usize,
    /// Nodes by op, functions included.
    pub ops: BTreeMap<String, usize>,
}

/// One weight.
#[derive(Debug, Clone, Serialize)]
pub struct WeightRow {
    /// Its name in the file.
    pub name: String,
    /// The element type it has after loading.
    pub dtype: String,
    /// Its dims.
    pub shape: Vec<u64>,
    /// The file that holds it, where it is stored plainly in one (the first one, when cut).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// First byte and length in that file (or in its group of shards).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_range: Option<(u64, u64)>,
    /// How it is stored, when quantized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<StoredQuantization>,
    /// Smallest finite value, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest finite value, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Mean of the finite values, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Number of NaN and infinite values, when asked for and not zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_non_finite: Option<u64>,
}

/// The quantization a manifest states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredQuantization {
    /// `float16`, `uint8` or `uint16`.
    pub dtype: String,
    /// Step between two codes (affine only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Value of code 0 (affine only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
}

/// One weight with its data, for printing values and bytes.
#[derive(Debug, Clone)]
pub struct WeightView {
    /// Its row in the table.
    pub row: WeightRow,
    /// The values after loading (dequantized, byte-swapped, widened as TensorFlow.js would).
    pub loaded: Tensor,
    /// The bytes as they are stored, under their stored type (`uint8` codes, `float16`, …).
    pub stored: Tensor,
}
