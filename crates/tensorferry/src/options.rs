//! What a caller can ask of a conversion.

use serde_json::{Map, Value};
use tensorferry_tfjs_files::{Patterns, WeightFiles};

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

impl InputFormat {
    const ALL: [Self; 8] = [
        Self::Keras,
        Self::KerasKeras,
        Self::KerasSavedModel,
        Self::TfSavedModel,
        Self::TfFrozenModel,
        Self::TfHub,
        Self::TfjsLayersModel,
        Self::TfjsGraphModel,
    ];

    /// The format that `--input_format` calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The name that `--input_format` has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::KerasKeras => "keras_keras",
            Self::KerasSavedModel => "keras_saved_model",
            Self::TfSavedModel => "tf_saved_model",
            Self::TfFrozenModel => "tf_frozen_model",
            Self::TfHub => "tf_hub",
            Self::TfjsLayersModel => "tfjs_layers_model",
            Self::TfjsGraphModel => "tfjs_graph_model",
        }
    }
}

impl OutputFormat {
    const ALL: [Self; 5] = [
        Self::TfjsLayersModel,
        Self::TfjsGraphModel,
        Self::Keras,
        Self::KerasKeras,
        Self::KerasSavedModel,
    ];

    /// The format that `--output_format` calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The name that `--output_format` has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TfjsLayersModel => "tfjs_layers_model",
            Self::TfjsGraphModel => "tfjs_graph_model",
            Self::Keras => "keras",
            Self::KerasKeras => "keras_keras",
            Self::KerasSavedModel => "keras_saved_model",
        }
    }

    /// What it is called in a report.
    pub fn title(self) -> &'static str {
        match self {
            Self::TfjsLayersModel => "TensorFlow.js layers model",
            Self::TfjsGraphModel => "TensorFlow.js graph model",
            Self::Keras => "Keras model (HDF5)",
            Self::KerasKeras => "Keras model (.keras)",
            Self::KerasSavedModel => "Keras SavedModel",
        }
    }

    /// The call that loads it; `PATH` stands for where it was written.
    pub fn load_with(self) -> &'static str {
        match self {
            Self::TfjsLayersModel => "tf.loadLayersModel('PATH/model.json')",
            Self::TfjsGraphModel => "tf.loadGraphModel('PATH/model.json')",
            Self::Keras | Self::KerasKeras | Self::KerasSavedModel => {
                "keras.models.load_model('PATH')"
            }
        }
    }
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

impl QuantizeOptions {
    /// True when every weight keeps its value.
    pub fn is_lossless(&self) -> bool {
        self.float16.is_none() && self.uint8.is_none() && self.uint16.is_none()
    }
}

/// What concerns graphs of ops alone.
#[derive(Debug, Clone)]
pub struct GraphOptions {
    /// Nodes or tensors that are the outputs, in place of the signature's. Frozen graphs need them.
    pub output_node_names: Vec<String>,
    /// Nodes or tensors that are the inputs, in place of the signature's: what lies before them is
    /// left out.
    pub input_node_names: Vec<String>,
    /// Keep `If` and `While`; without it they become the ops of TensorFlow 1, which TensorFlow.js
    /// runs less reliably.
    pub control_flow_v2: bool,
    /// Write ops that TensorFlow.js does not run instead of refusing.
    pub skip_op_check: bool,
    /// Leave out `Assert`, `Print`, `CheckNumerics`.
    pub strip_debug_ops: bool,
    /// Write the outputs' names so that TensorFlow.js gives an object.
    pub structured_outputs: bool,
    /// Run the graph before and after on seeded inputs, and write nothing when the outputs differ.
    pub verify: bool,
    /// The most bytes that all nodes' outputs may take in a run of that comparison; a graph that
    /// takes more is not compared, which the report says.
    pub verify_bytes: u64,
    /// Report what each pass did, and what it would not do although it looked likely.
    pub explain: bool,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            output_node_names: Vec::new(),
            input_node_names: Vec::new(),
            control_flow_v2: true,
            skip_op_check: false,
            strip_debug_ops: true,
            structured_outputs: false,
            verify: true,
            verify_bytes: 2 << 30,
            explain: false,
        }
    }
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
    /// Graphs of ops.
    pub graph: GraphOptions,
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
            graph: GraphOptions::default(),
        }
    }
}
