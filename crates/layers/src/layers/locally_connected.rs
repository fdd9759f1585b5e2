//! `LocallyConnected1D` and `LocallyConnected2D` of Keras 2.

use crate::def::{LayerDef, Tfjs};
use crate::layers::convolutional::convolved;
use crate::layers::weights::kernel_and_bias;

const LOCALLY_CONNECTED: LayerDef =
    LayerDef { variables: kernel_and_bias, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "LocallyConnected1D",
        output_shapes: |config, inputs| convolved(config, inputs, 1),
        ..LOCALLY_CONNECTED
    },
    LayerDef {
        class_name: "LocallyConnected2D",
        output_shapes: |config, inputs| convolved(config, inputs, 2),
        ..LOCALLY_CONNECTED
    },
];
