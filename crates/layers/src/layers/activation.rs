//! `ReLU`, `PReLU`, `Softmax` and the other layers of `keras.layers.activations`.

use tensorferry_tensor::DType;

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::shapes::axis_of;
use crate::lower::{Builder, Call, Lowered, Masks, Tensor, Value, activations, one};

const ACTIVATION: LayerDef = LayerDef { masks: Masks::Passes, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    // Its function is checked with all other activations.
    LayerDef {
        class_name: "Activation",
        lower: Some(|c| {
            let x = c.x()?;
            one(c.activation("activation", x)?)
        }),
        ..ACTIVATION
    },
    LayerDef {
        class_name: "ReLU",
        lower: Some(lower_relu),
        tfjs: Tfjs::Checks(relu),
        ..ACTIVATION
    },
    LayerDef {
        class_name: "LeakyReLU",
        lower: Some(|c| {
            let slope = activations::number(&c.config, &["alpha", "negative_slope"], 0.3);
            let x = c.x()?;
            one(activations::leaky_relu(c, x, slope)?)
        }),
        ..ACTIVATION
    },
    LayerDef {
        class_name: "PReLU",
        variables: |_| vec![Variable::trainable("alpha")],
        lower: Some(lower_prelu),
        ..ACTIVATION
    },
    LayerDef {
        class_name: "ELU",
        lower: Some(|c| {
            let (alpha, x) = (activations::number(&c.config, &["alpha"], 1.0), c.x()?);
            one(activations::elu(c, x, alpha)?)
        }),
        tfjs: Tfjs::Checks(elu),
        ..ACTIVATION
    },
    LayerDef {
        class_name: "ThresholdedReLU",
        lower: Some(|c| {
            let (theta, x) = (activations::number(&c.config, &["theta"], 1.0), c.x()?);
            one(above(c, x, theta)?)
        }),
        ..ACTIVATION
    },
    LayerDef {
        class_name: "Softmax",
        lower: Some(lower_softmax),
        tfjs: Tfjs::ChecksInputs(softmax),
        ..ACTIVATION
    },
];

/// x where it is above a threshold, else 0.
fn above(b: &mut Builder, x: Value, threshold: f64) -> Lowered<Value> {
    let limit = b.like(x, threshold)?;
    let is_above = b.binary("Greater", x, limit)?;
    let dtype = b.dtype(x)?;
    let is_above = b.cast(is_above, dtype)?;
    b.mul(x, is_above)
}

/// x from the threshold up to the most, `negative_slope * (x - threshold)` below the threshold.
fn lower_relu(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let slope = activations::number(&c.config, &["negative_slope"], 0.0);
    let threshold = activations::number(&c.config, &["threshold"], 0.0);
    let most = c.config.number("max_value");
    one(relu_of(c, x, slope, threshold, most)?)
}

/// Keras' `relu` with all its options.
pub(crate) fn relu_of(
    b: &mut Builder,
    x: Value,
    slope: f64,
    threshold: f64,
    most: Option<f64>,
) -> Lowered<Value> {
    if slope != 0.0 && threshold == 0.0 && most.is_none() {
        return activations::leaky_relu(b, x, slope);
    }
    let mut y = match (threshold, most) {
        (0.0, Some(6.0)) => b.unary("Relu6", x)?,
        (0.0, _) => b.unary("Relu", x)?,
        _ => above(b, x, threshold)?,
    };
    if let Some(most) = most.filter(|most| threshold != 0.0 || *most != 6.0) {
        y = b.clip(y, 0.0, most)?;
    }
    if slope != 0.0 {
        let below = b.unary("Neg", x)?;
        let below = b.shift(below, threshold)?;
        let below = b.unary("Relu", below)?;
        let below = b.scale(below, slope)?;
        y = b.sub(y, below)?;
    }
    Ok(y)
}

fn lower_prelu(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, alpha) = (c.x()?, c.weight("alpha")?);
    let positive = c.unary("Relu", x)?;
    let negative = c.unary("Neg", x)?;
    let negative = c.unary("Relu", negative)?;
    let negative = c.mul(alpha, negative)?;
    one(c.sub(positive, negative)?)
}

fn lower_softmax(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let axes = c.config.ints("axis").unwrap_or_else(|| vec![-1]);
    let x = c.x()?;
    let mask = c.arguments.get(1, "mask").and_then(|mask| mask.tensors().first().copied());
    let mask = mask.map(|mask| mask.value).or_else(|| c.mask());
    let keras3 = c.is_keras3();
    one(masked_softmax(c, x, mask, &axes, keras3)?)
}

/// The softmax of what the mask leaves.
///
/// Keras 2 adds a large negative number to what is masked, so that of nothing but masked elements
/// all count alike; Keras 3 makes these 0.
pub(crate) fn masked_softmax(
    b: &mut Builder,
    x: Value,
    mask: Option<Value>,
    axes: &[i64],
    keras3: bool,
) -> Lowered<Value> {
    let Some(mask) = mask else { return activations::softmax(b, x, axes) };
    let dtype = b.dtype(x)?;
    let is_half = dtype == DType::Float16;
    if !keras3 {
        let mask = b.cast(mask, dtype)?;
        let one = b.like(x, 1.0)?;
        let hidden = b.sub(one, mask)?;
        let hidden = b.scale(hidden, if is_half { -65_504.0 } else { -1e9 })?;
        let x = b.add(x, hidden)?;
        return activations::softmax(b, x, axes);
    }
    let mask = b.cast(mask, DType::Bool)?;
    let low = b.like(x, if is_half { -3e4 } else { -1e9 })?;
    let x = b.select(mask, x, low)?;
    let y = activations::softmax(b, x, axes)?;
    let zero = b.like(y, 0.0)?;
    b.select(mask, y, zero)
}

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
