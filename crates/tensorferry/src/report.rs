//! What a conversion did, in the user's words.

use std::collections::BTreeMap;

use serde::Serialize;
use tensorferry_diagnostics::Problem;

use crate::engine::Verification;

/// The closing report of a conversion.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What the input was found to be, such as `Keras 3.15.1 model (.keras)`.
    pub input: String,
    /// What was produced, such as `TensorFlow.js layers model`.
    pub output: String,
    /// What went over unchanged, one line each.
    pub kept: Vec<String>,
    /// What was rewritten, and why, one line each.
    pub changed: Vec<String>,
    /// What was left out, and why, one line each.
    pub dropped: Vec<String>,
    /// Things the user should look at.
    pub warnings: Vec<Problem>,
    /// Error figures of each quantized weight.
    pub quantization: Vec<WeightLoss>,
    /// Number of weights written.
    pub n_weights: usize,
    /// Bytes of the input's files that were read.
    pub input_bytes: u64,
    /// Name and length of every file of the output.
    pub files: Vec<(String, u64)>,
    /// Bytes of all files of the output.
    pub output_bytes: u64,
    /// What each pass over the graph did, in order, when that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<PassReport>,
    /// How far the result is from the input when both are run; a face that compared them says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The call that loads the result, such as `tf.loadLayersModel('PATH/model.json')`; `PATH` stands
    /// for where a face writes it.
    pub load_with: String,
}

/// What one pass over a graph did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassReport {
    /// The pass.
    pub pass: String,
    /// Nodes of all graphs before it.
    pub n_nodes_before: usize,
    /// Nodes of all graphs behind it.
    pub n_nodes_after: usize,
    /// How often each of its rewrites was applied.
    pub applied: BTreeMap<String, usize>,
    /// What it would not do although it looked likely.
    pub refused: Vec<RefusedRewrite>,
}

/// A rewrite that looked likely and was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRewrite {
    /// The rewrite.
    pub rewrite: String,
    /// The node that it would have changed.
    pub node: String,
    /// Why not.
    pub reason: String,
}

/// How far one weight moved when it was quantized.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightLoss {
    /// The weight's name.
    pub name: String,
    /// The stored type: `float16`, `uint8` or `uint16`.
    pub dtype: String,
    /// Largest absolute difference after dequantization.
    pub max_abs_error: f64,
    /// Root mean square difference after dequantization.
    pub rms_error: f64,
}
