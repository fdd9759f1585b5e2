//! `BatchNormalization` and the other layers of `keras.layers.normalization`.

use tensorferry_tensor::DType;

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::shapes::axis_of;
use crate::layers::weights::switched;
use crate::lower::{Builder, Call, Lowered, Masks, Size, Tensor, Value, one};

/// The family's definitions. `SpectralNormalization` is with the wrappers, `Normalization` with
/// the preprocessing layers.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "BatchNormalization",
        aliases: &["BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"],
        variables: batch_normalization,
        lower: Some(lower_batch_normalization),
        masks: Masks::Passes,
        tfjs: Tfjs::ChecksInputs(batch_normalization_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "LayerNormalization",
        variables: layer_normalization,
        lower: Some(lower_layer_normalization),
        masks: Masks::Passes,
        tfjs: Tfjs::Checks(|config| {
            if config.flag("rms_scaling", false) {
                return Err("rms_scaling=true is ignored by TensorFlow.js".to_owned());
            }
            Ok(())
        }),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "GroupNormalization",
        variables: |config| switched(config, &[("gamma", "scale"), ("beta", "center")]),
        lower: Some(lower_group_normalization),
        masks: Masks::Passes,
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "RMSNormalization",
        variables: |_| vec![Variable::trainable("scale")],
        lower: Some(lower_rms_normalization),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "UnitNormalization",
        lower: Some(lower_unit_normalization),
        masks: Masks::Passes,
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
];

fn batch_normalization(config: &Config<'_>) -> Vec<Variable> {
    let mut variables = switched(config, &[("gamma", "scale"), ("beta", "center")]);
    let mut fixed = vec!["moving_mean", "moving_variance"];
    if config.flag("renorm", false) {
        // Keras 2 calls the first `moving_stddev` and keeps it before the renorm ones, Keras 3
        // has none of them: there the option is gone.
        fixed.extend(["moving_stddev", "renorm_mean", "renorm_stddev"]);
    }
    variables.extend(fixed.into_iter().map(Variable::fixed));
    variables
}

/// TensorFlow.js repeats the statistics over the last axis, whatever `axis` says, on its CPU
/// backend; several axes are not known to it at all.
fn batch_normalization_check(config: &Config<'_>, inputs: &[Shape]) -> Result<(), String> {
    let axes = config.ints("axis").unwrap_or_else(|| vec![-1]);
    let [axis] = axes.as_slice() else {
        return Err(format!("axis={axes:?} is not implemented, only one axis is"));
    };
    let Some(input) = inputs.first() else { return Ok(()) };
    if input.len() > 4 {
        return Err(format!("an input of rank {} is not implemented", input.len()));
    }
    if axis_of(*axis, input.len()) != input.len().checked_sub(1) {
        return Err(format!("axis={axis} computes other values, only the last axis is right"));
    }
    Ok(())
}

fn layer_normalization(config: &Config<'_>) -> Vec<Variable> {
    if config.flag("rms_scaling", false) {
        return vec![Variable::trainable("gamma")];
    }
    switched(config, &[("gamma", "scale"), ("beta", "center")])
}

/// Halves are normalized in single precision, as Keras does it.
fn wide(c: &mut Call<'_, '_>) -> Lowered<(Value, DType)> {
    let (x, dtype) = (c.x()?, c.compute_dtype());
    let x = c.cast(x, dtype)?;
    let is_half = matches!(dtype, DType::Float16 | DType::BFloat16);
    let wide = if is_half { DType::Float32 } else { dtype };
    Ok((c.cast(x, wide)?, dtype))
}

/// A weight as `like`, in the shape that broadcasts along `axes` of it.
fn along(c: &mut Call<'_, '_>, name: &str, like: Value, axes: &[usize]) -> Lowered<Value> {
    let weight = c.weight(name)?;
    let dtype = c.dtype(like)?;
    let weight = c.cast(weight, dtype)?;
    let rank = c.rank(like)?;
    // Weights of the last axes broadcast as they are.
    if axes.iter().copied().eq(rank - axes.len().min(rank)..rank) {
        return Ok(weight);
    }
    let mut sizes = vec![Size::Known(1); rank];
    let own = c.dims(weight)?;
    for (nth, axis) in axes.iter().enumerate() {
        // Keras 2 stores statistics of several axes with the rank of the input.
        let at = if own.len() == rank { *axis } else { nth };
        let dim = own.get(at).and_then(|dim| dim.known()).ok_or("a weight has another rank")?;
        *sizes.get_mut(*axis).ok_or("there is no such axis")? = Size::Known(dim);
    }
    c.reshape(weight, &sizes)
}

fn axes_of(c: &Call<'_, '_>, x: Value) -> Lowered<Vec<usize>> {
    let axes = c.config.ints("axis").unwrap_or_else(|| vec![-1]);
    let mut axes: Vec<usize> = axes.iter().map(|axis| c.axis(x, *axis)).collect::<Lowered<_>>()?;
    axes.sort_unstable();
    Ok(axes)
}

/// x inv + (beta - mean inv) with inv = gamma / sqrt(variance + epsilon).
fn lower_batch_normalization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = wide(c)?;
    let axes = axes_of(c, x)?;
    let epsilon = c.config.number("epsilon").unwrap_or(1e-3);
    let mean = along(c, "moving_mean", x, &axes)?;
    let variance = along(c, "moving_variance", x, &axes)?;
    let variance = c.shift(variance, epsilon)?;
    let mut inv = c.unary("Rsqrt", variance)?;
    if c.flag("scale", true) {
        let gamma = along(c, "gamma", x, &axes)?;
        inv = c.mul(inv, gamma)?;
    }
    let mut offset = c.mul(mean, inv)?;
    offset = match c.flag("center", true) {
        true => {
            let beta = along(c, "beta", x, &axes)?;
            c.sub(beta, offset)?
        }
        false => c.unary("Neg", offset)?,
    };
    let y = c.mul(x, inv)?;
    let y = c.add(y, offset)?;
    one(c.cast(y, dtype)?)
}

/// Mean and variance over axes, which stay with size 1.
pub(crate) fn moments(b: &mut Builder, x: Value, axes: &[usize]) -> Lowered<(Value, Value)> {
    let mean = b.reduce("Mean", x, axes, true)?;
    let squares = b.binary("SquaredDifference", x, mean)?;
    let variance = b.reduce("Mean", squares, axes, true)?;
    Ok((mean, variance))
}

/// (x - mean) / sqrt(variance + epsilon).
fn normalized(b: &mut Builder, x: Value, axes: &[usize], epsilon: f64) -> Lowered<Value> {
    let (mean, variance) = moments(b, x, axes)?;
    let variance = b.shift(variance, epsilon)?;
    let inv = b.unary("Rsqrt", variance)?;
    let centered = b.sub(x, mean)?;
    b.mul(centered, inv)
}

/// Times gamma, and beta, where the config has them.
fn scaled_and_centered(c: &mut Call<'_, '_>, mut y: Value, axes: &[usize]) -> Lowered<Value> {
    if c.flag("scale", true) {
        let gamma = along(c, "gamma", y, axes)?;
        y = c.mul(y, gamma)?;
    }
    if c.flag("center", true) {
        let beta = along(c, "beta", y, axes)?;
        y = c.add(y, beta)?;
    }
    Ok(y)
}

fn lower_layer_normalization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = wide(c)?;
    let axes = axes_of(c, x)?;
    let epsilon = c.config.number("epsilon").unwrap_or(1e-3);
    if c.flag("rms_scaling", false) {
        // x / sqrt(variance + epsilon): the mean is not taken off.
        let (_, variance) = moments(c, x, &axes)?;
        let variance = c.shift(variance, epsilon)?;
        let inv = c.unary("Rsqrt", variance)?;
        let gamma = along(c, "gamma", x, &axes)?;
        let y = c.mul(x, inv)?;
        let y = c.mul(y, gamma)?;
        return one(c.cast(y, dtype)?);
    }
    let y = normalized(c, x, &axes, epsilon)?;
    let y = scaled_and_centered(c, y, &axes)?;
    one(c.cast(y, dtype)?)
}

/// Each group of channels is normalized over all but the batch.
fn lower_group_normalization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = wide(c)?;
    let axis = *axes_of(c, x)?.first().ok_or("its axis is missing")?;
    let channels = c.known_dim(x, axis)?;
    let groups = match c.config.int("groups").unwrap_or(32) {
        -1 => channels,
        groups => usize::try_from(groups).map_err(|e| e.to_string())?,
    };
    if groups == 0 || !channels.is_multiple_of(groups) || axis == 0 {
        return Err(format!("groups={groups} does not divide {channels} channels"));
    }
    let sizes = c.sizes(x)?;
    let mut grouped = sizes.clone();
    grouped.splice(axis..=axis, [Size::Known(groups), Size::Known(channels / groups)]);
    let y = c.reshape(x, &grouped)?;
    let over: Vec<usize> = (1..grouped.len()).filter(|at| *at != axis).collect();
    let epsilon = c.config.number("epsilon").unwrap_or(1e-3);
    let y = normalized(c, y, &over, epsilon)?;
    let y = c.reshape(y, &sizes)?;
    let y = scaled_and_centered(c, y, &[axis])?;
    one(c.cast(y, dtype)?)
}

/// x scale / sqrt(mean(x^2) + epsilon).
fn lower_rms_normalization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (x, dtype) = wide(c)?;
    let axes = axes_of(c, x)?;
    let squares = c.mul(x, x)?;
    let mean = c.reduce("Mean", squares, &axes, true)?;
    let epsilon = c.config.number("epsilon").unwrap_or(1e-6);
    let mean = c.shift(mean, epsilon)?;
    let inv = c.unary("Rsqrt", mean)?;
    let y = c.mul(x, inv)?;
    let scale = along(c, "scale", x, &axes)?;
    let y = c.mul(y, scale)?;
    one(c.cast(y, dtype)?)
}

/// x / sqrt(sum(x^2)).
fn lower_unit_normalization(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let axes = axes_of(c, x)?;
    one(unit(c, x, &axes)?)
}

/// Of length 1 along axes. Keras keeps the square of the length above 1e-12.
pub(crate) fn unit(b: &mut Builder, x: Value, axes: &[usize]) -> Lowered<Value> {
    let squares = b.mul(x, x)?;
    let sum = b.reduce("Sum", squares, axes, true)?;
    let least = b.like(sum, 1e-12)?;
    let sum = b.binary("Maximum", sum, least)?;
    let inv = b.unary("Rsqrt", sum)?;
    b.mul(x, inv)
}
