//! `ReLU`, `PReLU`, `Softmax` and the other layers of `keras.layers.activations`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::shapes::axis_of;

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
    LayerDef {
        class_name: "Softmax",
        tfjs: Tfjs::ChecksInputs(softmax),
        ..LayerDef::SHAPE_KEEPING
    },
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

fn softmax(config: &Config<'_>, inputs: &[Shape]) -> Result<(), String> {
    // Several axes at once take another way, which works.
    let axes = config.ints("axis").unwrap_or_else(|| vec![-1]);
    let ([axis], [input, ..]) = (axes.as_slice(), inputs) else { return Ok(()) };
    if axis_of(*axis, input.len()) != input.len().checked_sub(1) {
        return Err(format!("axis={axis} is not implemented, only the last axis is"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tfjs_problem;

    #[test]
    fn softmax_is_known_along_the_last_axis_or_several() {
        let input = [vec![None, Some(4), Some(3)]];
        let cases = [(json!(-1), true), (json!(2), true), (json!(1), false), (json!([1, 2]), true)];
        for (axis, loads) in cases {
            let config = json!({"axis": axis});
            let found = tfjs_problem("Softmax", config.as_object().unwrap(), &input);
            assert_eq!(found.is_none(), loads, "{axis}");
        }
    }
}
