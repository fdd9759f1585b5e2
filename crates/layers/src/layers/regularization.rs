//! `Dropout`, `GaussianNoise` and the other layers of `keras.layers.regularization`.
//!
//! They do nothing when a model predicts. Keras 3 keeps the state of their random generator
//! (`seed_generator/vars/0`), which is no weight.

use crate::def::{LayerDef, Tfjs};

const TRAINING_ONLY: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..LayerDef::INFERENCE_IDENTITY };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef { class_name: "Dropout", ..LayerDef::INFERENCE_IDENTITY },
    LayerDef { class_name: "SpatialDropout1D", ..LayerDef::INFERENCE_IDENTITY },
    LayerDef { class_name: "SpatialDropout2D", ..TRAINING_ONLY },
    LayerDef { class_name: "SpatialDropout3D", ..TRAINING_ONLY },
    LayerDef { class_name: "GaussianDropout", ..LayerDef::INFERENCE_IDENTITY },
    LayerDef { class_name: "GaussianNoise", ..LayerDef::INFERENCE_IDENTITY },
    LayerDef { class_name: "AlphaDropout", ..LayerDef::INFERENCE_IDENTITY },
    LayerDef { class_name: "ActivityRegularization", ..TRAINING_ONLY },
];
