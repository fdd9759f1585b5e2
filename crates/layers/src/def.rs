//! What a layer is: its weights, its sublayers, its output shape, and whether TensorFlow.js has it.

use serde_json::{Map, Value};

use crate::Config;
use crate::lower::{Lower, Masks, one};

/// Dims of one tensor, outermost (the batch) first; `None` is a dim that is not known.
pub type Shape = Vec<Option<u64>>;

/// One of a layer's own weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name in Keras and TensorFlow.js, such as `kernel`.
    pub name: String,
    /// False for statistics that training does not touch, such as `moving_mean`.
    pub trainable: bool,
    /// Its number among the layer's `vars` in `.keras` files, where that is not its place in the
    /// list (`SpectralNormalization` stores its layer's kernel first).
    pub index: Option<usize>,
    /// Its dims by the layer's config; a dim that follows from the input is not known. `None` when
    /// nothing is known. Set for whole trees only.
    pub dims: Option<Shape>,
}

/// A layer held by another one: a wrapper's layer, an RNN's cell, an attention's projections.
#[derive(Debug, Clone)]
pub struct Sublayer<'a> {
    /// The attribute that holds it in Keras, which is its folder in `.keras` files and SavedModels:
    /// `cell`, `forward_layer`, `query_dense`; `cells/lstm_cell` for an item of a list.
    pub attribute: String,
    /// Its class.
    pub class_name: &'a str,
    /// Its config; `None` for one that the outer layer makes by itself.
    pub config: Option<&'a Map<String, Value>>,
    /// The part it adds to a weight's name in Keras 2 HDF5 files, such as `lstm_cell`; `None` when
    /// it adds none (`TimeDistributed`).
    pub keras2_scope: Option<String>,
    /// The part it adds to a weight's name in TensorFlow.js, such as `forward_lstm`; `None` when it
    /// adds none (cells).
    pub tfjs_scope: Option<String>,
    /// Weights of a sublayer without config, such as an attention's projection.
    pub variables: Vec<Variable>,
}

/// Whether TensorFlow.js 4.22 loads and runs the layer as a layers model.
#[derive(Clone, Copy)]
pub enum Tfjs {
    /// Always.
    Loads,
    /// When the check agrees; its error says what TensorFlow.js lacks, as a phrase that follows the
    /// layer's name: `reset_after=true is not implemented`.
    Checks(fn(&Config<'_>) -> Result<(), String>),
    /// As `Checks`, with the shapes of the inputs, which may be empty (not known).
    ChecksInputs(fn(&Config<'_>, &[Shape]) -> Result<(), String>),
    /// It has no such class.
    Unknown,
}

/// The definition of one layer class.
pub struct LayerDef {
    /// Keras' class name, such as `Dense`.
    pub class_name: &'static str,
    /// Older or other names of the same class, such as `BatchNormalizationV1`.
    pub aliases: &'static [&'static str],
    /// The layer's own weights, in Keras' creation order.
    pub variables: fn(&Config<'_>) -> Vec<Variable>,
    /// The dims of one of its weights, as far as the config tells them; `None` when it does not.
    /// Weights in a file are held against it.
    pub dims: fn(&Config<'_>, &str) -> Option<Shape>,
    /// The layers it holds, in the order in which Keras tracks them.
    pub sublayers: for<'a> fn(&Config<'a>) -> Vec<Sublayer<'a>>,
    /// Output shapes for input shapes. `None` when they cannot be told (unknown rank, a config
    /// that is broken).
    pub output_shapes: fn(&Config<'_>, &[Shape]) -> Option<Vec<Shape>>,
    /// What it computes, as ops. `None` for what is never run, and for what only stands inside
    /// another layer (cells).
    pub lower: Option<Lower>,
    /// What becomes of the mask of its input.
    pub masks: Masks,
    /// Whether TensorFlow.js has it.
    pub tfjs: Tfjs,
    /// True when its config holds or names a program (`Lambda`). Such a program is never run nor
    /// loaded: the layer is named and refused.
    pub holds_program: bool,
}

impl Variable {
    /// A weight that training changes.
    pub fn trainable(name: &str) -> Self {
        Self { name: name.to_owned(), trainable: true, index: None, dims: None }
    }

    /// A weight that training does not change.
    pub fn fixed(name: &str) -> Self {
        Self { name: name.to_owned(), trainable: false, index: None, dims: None }
    }
}

impl LayerDef {
    /// Whether TensorFlow.js 4.22 loads and runs the layer with this config, which is the one that
    /// will be written: in Keras 2's spelling, after the dialect conversion. `inputs` may be empty
    /// when they are not known. This asks after the class and its own options; see
    /// [`crate::tfjs_problem`] for activations, initializers and dtypes too.
    ///
    /// # Errors
    /// What TensorFlow.js lacks, as a phrase that follows the layer's name.
    pub fn check_tfjs(&self, config: &Config<'_>, inputs: &[Shape]) -> Result<(), String> {
        match self.tfjs {
            Tfjs::Loads => Ok(()),
            Tfjs::Checks(check) => check(config),
            Tfjs::ChecksInputs(check) => check(config, inputs),
            Tfjs::Unknown if self.holds_program => {
                Err("it holds a program of its own, which is never run".to_owned())
            }
            Tfjs::Unknown => Err("TensorFlow.js has no such layer".to_owned()),
        }
    }

    /// A layer without weights that keeps the shape of its input and that TensorFlow.js has; the
    /// base for struct update syntax. It has no lowering.
    pub const SHAPE_KEEPING: LayerDef = LayerDef {
        class_name: "",
        aliases: &[],
        variables: |_| Vec::new(),
        dims: |_, _| None,
        sublayers: |_| Vec::new(),
        output_shapes: |_, inputs| Some(vec![inputs.first()?.clone()]),
        lower: None,
        masks: Masks::Drops,
        tfjs: Tfjs::Loads,
        holds_program: false,
    };

    /// A layer that gives what it gets when a model predicts.
    pub const INFERENCE_IDENTITY: LayerDef =
        LayerDef { lower: Some(|c| one(c.x()?)), masks: Masks::Passes, ..Self::SHAPE_KEEPING };
}
