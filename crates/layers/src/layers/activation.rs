//! `ReLU`, `PReLU`, `Softmax` and the other layers of `keras.layers.activations`.

use crate::Config;
use crate::def::{LayerDef, Tfjs, Variable};

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    // Its function is checked with all other activations.
    LayerDef { class_name: "Activation", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "ReLU", tfjs: Tfjs::Checks(relu), ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "LeakyReLU", ..LayerDef::SHAPE_KEEPING },
    LayerDef {
        class_name: "PReLU",
        variables: |_| vec![Variable::trainable("alpha")],
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef { class_name: "ELU", tfjs: Tfjs::Checks(elu), ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "ThresholdedReLU", ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "Softmax", ..LayerDef::SHAPE_KEEPING },
];

// TensorFlow.js reads `max_value` only and computes other values without a word.
fn relu(config: &Config<'_>) -> Result<(), String> {
    for key in ["negative_slope", "threshold"] {
        match config.number(key) {
            Some(value) if value != 0.0 => {
                return Err(format!("{key}={value} is ignored by TensorFlow.js"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn elu(config: &Config<'_>) -> Result<(), String> {
    match config.number("alpha") {
        Some(alpha) if alpha != 1.0 => Err(format!("alpha={alpha} is not implemented")),
        _ => Ok(()),
    }
}
