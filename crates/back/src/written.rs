//! What a writer is told, and what it gives.

use serde_json::{Map, Value};
use tensorferry_diagnostics::Problem;
use tensorferry_layers::Converted;
use tensorferry_store::Package;
use tensorferry_tfjs_files::{QuantizeRules, WeightFiles};

/// How TensorFlow.js artifacts are written.
#[derive(Debug, Clone)]
pub struct TfjsOptions {
    /// Which weights are quantized.
    pub quantize: QuantizeRules,
    /// Weights that come quantized are stored as float32.
    pub dequantize: bool,
    /// Layout of the weight files.
    pub weight_files: WeightFiles,
    /// One manifest group for each layer that has weights.
    pub split_weights_by_layer: bool,
    /// What goes under `userDefinedMetadata`, over what the model brings.
    pub metadata: Map<String, Value>,
    /// Saturate values that do not fit instead of refusing.
    pub clamp: bool,
    /// Write layers that TensorFlow.js cannot load.
    pub allow_unloadable_layers: bool,
    /// Put the hash of its content into each weight file's name.
    pub hashed_names: bool,
    /// What `convertedBy` says.
    pub converted_by: String,
}

/// A finished conversion.
#[derive(Default)]
pub struct Written {
    /// The files.
    pub package: Package,
    /// What went over unchanged.
    pub kept: Vec<String>,
    /// What was rewritten.
    pub changed: Vec<String>,
    /// What was left out.
    pub dropped: Vec<String>,
    /// What the user should look at.
    pub warnings: Vec<Problem>,
    /// How far each quantized weight moved.
    pub losses: Vec<WeightLoss>,
    /// Number of weights.
    pub n_weights: usize,
}

impl Written {
    /// Notes what the other dialect took beyond spelling.
    pub(crate) fn note_changes(&mut self, converted: &Converted) {
        self.changed.extend(converted.changes.iter().map(|change| match change.layer.is_empty() {
            true => change.what.clone(),
            false => format!("{}: {}", change.layer, change.what),
        }));
    }
}

/// How far one weight moved when it was quantized.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightLoss {
    /// Its name.
    pub name: String,
    /// `float16`, `uint8` or `uint16`.
    pub dtype: String,
    /// Largest absolute difference once loaded.
    pub max_abs: f64,
    /// Root mean square difference once loaded.
    pub rms: f64,
}
