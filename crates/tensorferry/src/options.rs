//! What a caller can ask of a conversion.

use serde_json::{Map, Value};

/// What the input is said to be. Without it the input's own bytes decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// `keras`: HDF5, a whole model or weights only.
    Keras,
    /// `keras_keras`: the `.keras` archive.
    KerasKeras,
    /// `keras_saved_model`: a SavedModel folder that Keras 2 wrote.
    KerasSavedModel,
    /// `tf_saved_model`: any SavedModel folder.
    TfSavedModel,
    /// `tf_frozen_model`: a frozen GraphDef.
    TfFrozenModel,
    /// `tf_hub`: a TensorFlow Hub handle or folder.
    TfHub,
    /// `tfjs_layers_model`: `model.json` with a Keras topology.
    TfjsLayersModel,
    /// `tfjs_graph_model`: `model.json` with a TensorFlow graph.
    TfjsGraphModel,
}

/// What to produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// `tfjs_layers_model`: for `tf.loadLayersModel`.
    TfjsLayersModel,
    /// `tfjs_graph_model`: for `tf.loadGraphModel`.
    TfjsGraphModel,
    /// `keras`: one HDF5 file.
    Keras,
    /// `keras_keras`: one `.keras` file.
    KerasKeras,
    /// `keras_saved_model`: a SavedModel folder.
    KerasSavedModel,
}

/// Which weights a quantization applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patterns {
    /// Every weight that no other list names.
    AllOthers,
    /// Weights whose name matches one of these globs (Python's `fnmatch`, case-sensitive).
    Globs(Vec<String>),
}

/// How float32 weights are stored in fewer bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantizeOptions {
    /// IEEE half precision.
    pub float16: Option<Patterns>,
    /// 8-bit affine codes.
    pub uint8: Option<Patterns>,
    /// 16-bit affine codes.
    pub uint16: Option<Patterns>,
    /// Tensors with fewer elements, and those with one dim when this is set, stay float32.
    pub min_elements: Option<u64>,
    /// Store weights that come quantized as float32 (`tfjs_*` inputs keep their codes otherwise).
    pub dequantize: bool,
}

/// How weights are laid out in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightFiles {
    /// Cut every this many bytes (the reference's default is 4 MiB).
    Shards(u64),
    /// Exactly one file of any size.
    Single,
}

/// Everything a conversion can be told. `Default` is what the reference does by default.
#[derive(Debug, Clone)]
pub struct ConvertOptions {
    /// Overrides the look at the input's bytes.
    pub input_format: Option<InputFormat>,
    /// Chosen by the input when absent.
    pub output_format: Option<OutputFormat>,
    /// Quantization of weights.
    pub quantize: QuantizeOptions,
    /// Layout of weight files.
    pub weight_files: WeightFiles,
    /// One manifest group per layer instead of one for all (layers models).
    pub split_weights_by_layer: bool,
    /// Values stored under `userDefinedMetadata`.
    pub metadata: Map<String, Value>,
    /// Write layers that TensorFlow.js cannot load instead of refusing.
    pub allow_unloadable_layers: bool,
    /// Saturate values that do not fit the target type instead of refusing.
    pub clamp: bool,
    /// SavedModel inputs: which signature; `None` picks the only or the default one.
    pub signature_name: Option<String>,
    /// SavedModel inputs: the tag set of the meta graph.
    pub saved_model_tags: Vec<String>,
    /// Put the content hash into shard names and sizes and hashes into `model.json`.
    pub hashed_names: bool,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            input_format: None,
            output_format: None,
            quantize: QuantizeOptions::default(),
            weight_files: WeightFiles::Shards(4 << 20),
            split_weights_by_layer: false,
            metadata: Map::new(),
            allow_unloadable_layers: false,
            clamp: false,
            signature_name: None,
            saved_model_tags: vec!["serve".to_owned()],
            hashed_names: false,
        }
    }
}
