//! Activation functions, by name or as the object that Keras stores.

use serde_json::{Map, Value as Json};

use super::builder::PARTS_MAX;
use super::{Builder, Call, Lowered, Value};
use crate::Config;

/// Applies the function that the config names under `key`.
pub(super) fn apply(call: &mut Call<'_, '_>, key: &str, x: Value) -> Lowered<Value> {
    let keras3 = call.is_keras3();
    match call.config.get(key) {
        None => Ok(x),
        Some(Json::String(name)) => named(call, name, x, keras3),
        Some(Json::Object(object)) => match object.get("config") {
            // Keras 3's object for a function.
            Some(Json::String(name)) => named(call, name, x, keras3),
            _ if crate::layers::find(text(object, "class_name")).is_some() => {
                call.call_other(object, x)
            }
            _ => named(call, text(object, "class_name"), x, keras3),
        },
        Some(_) => Err(format!("{key} is not one of Keras' own functions")),
    }
}

fn text<'a>(object: &'a Map<String, Json>, key: &str) -> &'a str {
    object.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// The activation of that name, with its default options.
pub(crate) fn named(b: &mut Builder, name: &str, x: Value, keras3: bool) -> Lowered<Value> {
    let op = match name {
        "linear" | "" => return Ok(x),
        "relu" | "ReLU" => "Relu",
        "relu6" => "Relu6",
        "elu" => "Elu",
        "selu" => "Selu",
        "sigmoid" => "Sigmoid",
        "tanh" => "Tanh",
        "softplus" => "Softplus",
        "softsign" => "Softsign",
        "exponential" => "Exp",
        _ => return composed(b, name, x, keras3),
    };
    b.unary(op, x)
}

fn composed(b: &mut Builder, name: &str, x: Value, keras3: bool) -> Lowered<Value> {
    match name {
        // Keras 3: relu6(x + 3) / 6. Keras 2 and TensorFlow.js: clip(0.2 x + 0.5, 0, 1).
        "hard_sigmoid" | "hardSigmoid" if keras3 => hard_sigmoid(b, x),
        "hard_sigmoid" | "hardSigmoid" => {
            let y = b.scale(x, 0.2)?;
            let y = b.shift(y, 0.5)?;
            b.clip(y, 0.0, 1.0)
        }
        "swish" | "silu" => {
            let gate = b.unary("Sigmoid", x)?;
            b.mul(x, gate)
        }
        "hard_silu" | "hard_swish" => {
            let gate = hard_sigmoid(b, x)?;
            b.mul(x, gate)
        }
        "mish" => {
            let y = b.unary("Softplus", x)?;
            let y = b.unary("Tanh", y)?;
            b.mul(x, y)
        }
        "gelu" => gelu(b, x, false),
        "gelu_new" | "geluNew" => gelu(b, x, true),
        "softmax" => softmax(b, x, &[-1]),
        "log_softmax" | "logSoftmax" => log_softmax(b, x, -1),
        "leaky_relu" => leaky_relu(b, x, 0.2),
        "celu" => celu(b, x, 1.0),
        "glu" => glu(b, x, -1),
        "log_sigmoid" => {
            let y = b.unary("Neg", x)?;
            let y = b.unary("Softplus", y)?;
            b.unary("Neg", y)
        }
        "hard_tanh" => b.clip(x, -1.0, 1.0),
        "tanh_shrink" => {
            let y = b.unary("Tanh", x)?;
            b.sub(x, y)
        }
        "soft_shrink" => soft_shrink(b, x, 0.5),
        "hard_shrink" => hard_shrink(b, x, 0.5),
        "threshold" => Err("activation=threshold has no value to compare with".to_owned()),
        "squareplus" => squareplus(b, x, 4.0),
        "sparse_plus" => sparse_plus(b, x),
        "sparse_sigmoid" => {
            let y = b.shift(x, 1.0)?;
            let y = b.scale(y, 0.5)?;
            b.clip(y, 0.0, 1.0)
        }
        "sparsemax" => sparsemax(b, x),
        _ => Err(format!("activation={name} is not known")),
    }
}

/// relu6(x + 3) / 6.
pub(crate) fn hard_sigmoid(b: &mut Builder, x: Value) -> Lowered<Value> {
    let y = b.shift(x, 3.0)?;
    let y = b.unary("Relu6", y)?;
    let six = b.like(y, 6.0)?;
    b.div(y, six)
}

/// x Phi(x), or its approximation by tanh.
pub(crate) fn gelu(b: &mut Builder, x: Value, is_approximate: bool) -> Lowered<Value> {
    let inner = if is_approximate {
        // tanh(sqrt(2 / pi) (x + 0.044715 x^3))
        let square = b.mul(x, x)?;
        let cube = b.mul(square, x)?;
        let cube = b.scale(cube, 0.044_715)?;
        let sum = b.add(x, cube)?;
        let scaled = b.scale(sum, std::f64::consts::FRAC_2_PI.sqrt())?;
        b.unary("Tanh", scaled)?
    } else {
        let scaled = b.scale(x, std::f64::consts::FRAC_1_SQRT_2)?;
        b.unary("Erf", scaled)?
    };
    let sum = b.shift(inner, 1.0)?;
    let half = b.scale(x, 0.5)?;
    b.mul(half, sum)
}

/// Along one axis or several.
pub(crate) fn softmax(b: &mut Builder, x: Value, axes: &[i64]) -> Lowered<Value> {
    let rank = b.rank(x)?;
    let axes: Vec<usize> = axes.iter().map(|axis| b.axis(x, *axis)).collect::<Lowered<_>>()?;
    if axes == [rank.saturating_sub(1)] {
        return b.unary("Softmax", x);
    }
    // exp(x - max) / sum(exp(x - max))
    let most = b.reduce("Max", x, &axes, true)?;
    let y = b.sub(x, most)?;
    let y = b.unary("Exp", y)?;
    let sum = b.reduce("Sum", y, &axes, true)?;
    b.div(y, sum)
}

/// ln softmax(x).
pub(crate) fn log_softmax(b: &mut Builder, x: Value, axis: i64) -> Lowered<Value> {
    let at = b.axis(x, axis)?;
    if at + 1 == b.rank(x)? {
        return b.unary("LogSoftmax", x);
    }
    let most = b.reduce("Max", x, &[at], true)?;
    let y = b.sub(x, most)?;
    let e = b.unary("Exp", y)?;
    let sum = b.reduce("Sum", e, &[at], true)?;
    let sum = b.unary("Log", sum)?;
    b.sub(y, sum)
}

/// x, and a part of it where it is negative.
pub(crate) fn leaky_relu(b: &mut Builder, x: Value, slope: f64) -> Lowered<Value> {
    #[expect(clippy::cast_possible_truncation, reason = "the attribute has single precision")]
    let slope = slope as f32;
    b.one("LeakyRelu", &[x], &[("alpha", tensorferry_ir::Attr::Float(slope))])
}

/// x, and alpha (e^x - 1) where it is negative.
pub(crate) fn elu(b: &mut Builder, x: Value, alpha: f64) -> Lowered<Value> {
    let y = b.unary("Elu", x)?;
    if alpha == 1.0 {
        return Ok(y);
    }
    let scaled = b.scale(y, alpha)?;
    let zero = b.like(x, 0.0)?;
    let is_positive = b.binary("Greater", x, zero)?;
    b.select(is_positive, x, scaled)
}

/// max(x, 0) + min(0, alpha (e^(x / alpha) - 1)).
pub(crate) fn celu(b: &mut Builder, x: Value, alpha: f64) -> Lowered<Value> {
    let zero = b.like(x, 0.0)?;
    let positive = b.binary("Maximum", x, zero)?;
    let y = b.scale(x, alpha.recip())?;
    let y = b.unary("Expm1", y)?;
    let y = b.scale(y, alpha)?;
    let negative = b.binary("Minimum", y, zero)?;
    b.add(positive, negative)
}

/// The first half along an axis, gated by the second.
pub(crate) fn glu(b: &mut Builder, x: Value, axis: i64) -> Lowered<Value> {
    let axis = i64::try_from(b.axis(x, axis)?).map_err(|e| e.to_string())?;
    let halves = b.split(x, 2, axis)?;
    let [a, gate] = halves.as_slice() else { return Err("it has no two halves".to_owned()) };
    let gate = b.unary("Sigmoid", *gate)?;
    b.mul(*a, gate)
}

/// x + t below -t, x - t above t, 0 between.
pub(crate) fn soft_shrink(b: &mut Builder, x: Value, threshold: f64) -> Lowered<Value> {
    let above = b.shift(x, -threshold)?;
    let above = b.unary("Relu", above)?;
    let below = b.shift(x, threshold)?;
    let zero = b.like(x, 0.0)?;
    let below = b.binary("Minimum", below, zero)?;
    b.add(above, below)
}

/// 0 where |x| is no more than the threshold.
pub(crate) fn hard_shrink(b: &mut Builder, x: Value, threshold: f64) -> Lowered<Value> {
    let size = b.unary("Abs", x)?;
    let limit = b.like(x, threshold)?;
    let is_large = b.binary("Greater", size, limit)?;
    let zero = b.like(x, 0.0)?;
    b.select(is_large, x, zero)
}

/// (x + sqrt(x^2 + b)) / 2.
pub(crate) fn squareplus(b: &mut Builder, x: Value, constant: f64) -> Lowered<Value> {
    let y = b.mul(x, x)?;
    let y = b.shift(y, constant)?;
    let y = b.unary("Sqrt", y)?;
    let y = b.add(x, y)?;
    b.scale(y, 0.5)
}

/// 0 up to -1, (x + 1)^2 / 4 up to 1, then x.
pub(crate) fn sparse_plus(b: &mut Builder, x: Value) -> Lowered<Value> {
    let y = b.shift(x, 1.0)?;
    let y = b.mul(y, y)?;
    let y = b.scale(y, 0.25)?;
    let (low, high) = (b.like(x, -1.0)?, b.like(x, 1.0)?);
    let is_low = b.binary("LessEqual", x, low)?;
    let is_high = b.binary("GreaterEqual", x, high)?;
    let zero = b.like(x, 0.0)?;
    let y = b.select(is_high, x, y)?;
    b.select(is_low, zero, y)
}

/// max(x - tau, 0) along the last axis. Keras' tau is its own: (sum of the sums z_1..k - 1) / n over
/// those k for which z_k > (sum of z_1..k - 1) / k, n of them, z being x in falling order.
pub(crate) fn sparsemax(b: &mut Builder, x: Value) -> Lowered<Value> {
    let last = b.rank(x)?.checked_sub(1).ok_or("a scalar has no axis")?;
    let n = b.known_dim(x, last)?;
    if n > PARTS_MAX {
        return Err(format!("sparsemax of {n} elements is not run"));
    }
    let k = b.int(n as i64);
    let sorted = b.one("TopKV2", &[x, k], &[("sorted", tensorferry_ir::Attr::Bool(true))])?;
    let axis = b.int(last as i64);
    let sums = b.binary("Cumsum", sorted, axis)?;
    let dtype = b.dtype(x)?;
    let counts: Vec<f64> = (1..=n).map(|i| i as f64).collect();
    let counts = b.numbers(&counts, &[n], dtype)?;
    let limit = b.shift(sums, -1.0)?;
    let limit = b.div(limit, counts)?;
    let is_in = b.binary("Greater", sorted, limit)?;
    let zero = b.like(x, 0.0)?;
    let sums = b.select(is_in, sums, zero)?;
    let sum = b.reduce("Sum", sums, &[last], true)?;
    let is_in = b.cast(is_in, dtype)?;
    let size = b.reduce("Sum", is_in, &[last], true)?;
    let tau = b.shift(sum, -1.0)?;
    let tau = b.div(tau, size)?;
    let y = b.sub(x, tau)?;
    b.unary("Relu", y)
}

/// Options of an activation layer in its config, with their defaults.
pub(crate) fn number(config: &Config<'_>, keys: &[&str], default: f64) -> f64 {
    keys.iter().find_map(|key| config.number(key)).unwrap_or(default)
}
