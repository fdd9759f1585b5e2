//! `Dropout`, `GaussianNoise` and the other layers of `keras.layers.regularization`.
//!
//! They do nothing when a model predicts. Keras 3 keeps the state of their random generator
//! (`seed_generator/vars/0`), which is no weight.

use crate::def::{LayerDef, Tfjs};

const TRAINING_ONLY: LayerDef = LayerDef { tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef { class_name: "Dropout", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "SpatialDropout1D", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "SpatialDropout2D", ..TRAINING_ONLY },
    LayerDef { class_name: "SpatialDropout3D", ..TRAINING_ONLY },
    LayerDef { class_name: "GaussianDropout", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "GaussianNoise", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "AlphaDropout", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "ActivityRegularization", ..TRAINING_ONLY },
];
