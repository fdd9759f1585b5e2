//! `Conv2D`, `DepthwiseConv2D` and the other layers of `keras.layers.convolutional`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs, Variable};
use crate::layers::core::floating;
use crate::layers::shapes::{Window, is_channels_first, map_dim, map_spatial, one, windows};
use crate::layers::weights::{conv_dims, depthwise_dims, kernel_and_bias, switched};
use crate::lower::convolve::{self, Sliding, channels_back, channels_last};
use crate::lower::{Call, Lowered, Tensor, Value, one as only};

const CONV: LayerDef = LayerDef { variables: kernel_and_bias, ..LayerDef::SHAPE_KEEPING };
const DEPTHWISE: LayerDef = LayerDef {
    variables: |config| {
        let kernel = [Variable::trainable("depthwise_kernel")];
        kernel.into_iter().chain(switched(config, &[("bias", "use_bias")])).collect()
    },
    ..LayerDef::SHAPE_KEEPING
};
const SEPARABLE: LayerDef = LayerDef {
    variables: |config| {
        let kernels = ["depthwise_kernel", "pointwise_kernel"].map(Variable::trainable);
        kernels.into_iter().chain(switched(config, &[("bias", "use_bias")])).collect()
    },
    ..LayerDef::SHAPE_KEEPING
};

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "Conv1D",
        dims: |config, name| conv_dims(config, name, 1, false),
        aliases: &["Convolution1D"],
        output_shapes: |config, inputs| convolved(config, inputs, 1),
        lower: Some(|c| lower_conv(c, 1)),
        tfjs: Tfjs::Checks(conv1d_check),
        ..CONV
    },
    LayerDef {
        class_name: "Conv2D",
        dims: |config, name| conv_dims(config, name, 2, false),
        aliases: &["Convolution2D"],
        output_shapes: |config, inputs| convolved(config, inputs, 2),
        lower: Some(|c| lower_conv(c, 2)),
        tfjs: Tfjs::ChecksInputs(|config, inputs| conv_check(config, inputs, 2)),
        ..CONV
    },
    LayerDef {
        class_name: "Conv3D",
        dims: |config, name| conv_dims(config, name, 3, false),
        aliases: &["Convolution3D"],
        output_shapes: |config, inputs| convolved(config, inputs, 3),
        lower: Some(|c| lower_conv(c, 3)),
        tfjs: Tfjs::ChecksInputs(|config, inputs| conv_check(config, inputs, 3)),
        ..CONV
    },
    LayerDef {
        class_name: "Conv1DTranspose",
        dims: |config, name| conv_dims(config, name, 1, true),
        aliases: &["Convolution1DTranspose"],
        output_shapes: |config, inputs| spread(config, inputs, 1),
        lower: Some(|c| lower_transpose(c, 1)),
        tfjs: Tfjs::Unknown,
        ..CONV
    },
    LayerDef {
        class_name: "Conv2DTranspose",
        dims: |config, name| conv_dims(config, name, 2, true),
        aliases: &["Convolution2DTranspose"],
        output_shapes: |config, inputs| spread(config, inputs, 2),
        lower: Some(|c| lower_transpose(c, 2)),
        tfjs: Tfjs::Checks(transpose_check),
        ..CONV
    },
    LayerDef {
        class_name: "Conv3DTranspose",
        dims: |config, name| conv_dims(config, name, 3, true),
        aliases: &["Convolution3DTranspose"],
        output_shapes: |config, inputs| spread(config, inputs, 3),
        lower: Some(|c| lower_transpose(c, 3)),
        tfjs: Tfjs::Checks(transpose_check),
        ..CONV
    },
    LayerDef {
        class_name: "DepthwiseConv1D",
        dims: |config, name| depthwise_dims(config, name, 1),
        output_shapes: |config, inputs| depthwise(config, inputs, 1),
        lower: Some(|c| lower_depthwise(c, 1)),
        tfjs: Tfjs::Unknown,
        ..DEPTHWISE
    },
    LayerDef {
        class_name: "DepthwiseConv2D",
        dims: |config, name| depthwise_dims(config, name, 2),
        output_shapes: |config, inputs| depthwise(config, inputs, 2),
        lower: Some(|c| lower_depthwise(c, 2)),
        tfjs: Tfjs::Checks(no_dilation),
        ..DEPTHWISE
    },
    LayerDef {
        class_name: "SeparableConv1D",
        dims: |config, name| depthwise_dims(config, name, 1),
        aliases: &["SeparableConvolution1D"],
        output_shapes: |config, inputs| convolved(config, inputs, 1),
        lower: Some(|c| lower_separable(c, 1)),
        tfjs: Tfjs::Unknown,
        ..SEPARABLE
    },
    LayerDef {
        class_name: "SeparableConv2D",
        dims: |config, name| depthwise_dims(config, name, 2),
        aliases: &["SeparableConvolution2D"],
        output_shapes: |config, inputs| convolved(config, inputs, 2),
        lower: Some(|c| lower_separable(c, 2)),
        tfjs: Tfjs::Checks(separable_check),
        ..SEPARABLE
    },
];

/// The bias, the activation, and the channels where the config has them.
pub(crate) fn finished(c: &mut Call<'_, '_>, y: Value, spatial: usize) -> Lowered<Vec<Tensor>> {
    let mut y = y;
    if c.flag("use_bias", true) {
        let bias = c.weight("bias")?;
        y = c.bias_add(y, bias)?;
    }
    // The activation sees the layout of the config: `softmax` takes the last axis of that.
    let y = channels_back(c, y, spatial)?;
    only(c.activation("activation", y)?)
}

fn lower_conv(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let sliding = Sliding::of(c, "kernel_size", spatial)?;
    let x = floating(c)?;
    let x = channels_last(c, x, spatial)?;
    let kernel = c.weight("kernel")?;
    let y = convolve::conv(c, x, kernel, &sliding)?;
    finished(c, y, spatial)
}

fn lower_depthwise(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let sliding = Sliding::of(c, "kernel_size", spatial)?;
    let x = floating(c)?;
    let x = channels_last(c, x, spatial)?;
    let kernel = c.weight("depthwise_kernel")?;
    let y = convolve::depthwise(c, x, kernel, &sliding)?;
    finished(c, y, spatial)
}

fn lower_separable(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let sliding = Sliding::of(c, "kernel_size", spatial)?;
    let x = floating(c)?;
    let x = channels_last(c, x, spatial)?;
    let kernel = c.weight("depthwise_kernel")?;
    let y = convolve::depthwise(c, x, kernel, &sliding)?;
    let point = Window { size: 1, stride: 1, dilation: 1 };
    let pointwise = Sliding { windows: vec![point; spatial], padding: "VALID", is_causal: false };
    let kernel = c.weight("pointwise_kernel")?;
    let y = convolve::conv(c, y, kernel, &pointwise)?;
    finished(c, y, spatial)
}

fn lower_transpose(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let sliding = Sliding::of(c, "kernel_size", spatial)?;
    let extra = match c.config.get("output_padding") {
        Some(_) => {
            let extra = c.config.sizes("output_padding", spatial);
            Some(extra.ok_or("output_padding is broken")?)
        }
        None => None,
    };
    let x = floating(c)?;
    let x = channels_last(c, x, spatial)?;
    let kernel = c.weight("kernel")?;
    let y = convolve::conv_transpose(c, x, kernel, &sliding, extra.as_deref())?;
    finished(c, y, spatial)
}

/// Output of a convolution with `filters` and `kernel_size` over `spatial` axes.
pub(crate) fn convolved(
    config: &Config<'_>,
    inputs: &[Shape],
    spatial: usize,
) -> Option<Vec<Shape>> {
    let windows = windows(config, "kernel_size", spatial)?;
    let padding = config.text("padding").unwrap_or("valid");
    let filters = config.size("filters")?;
    let slide = |axis: usize, dim| windows.get(axis)?.slide(dim, padding);
    one(map_spatial(config, inputs.first()?, spatial, slide, |_| Some(Some(filters)))?)
}

fn depthwise(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let windows = windows(config, "kernel_size", spatial)?;
    let padding = config.text("padding").unwrap_or("valid");
    let multiplier = config.size("depth_multiplier").unwrap_or(1);
    let slide = |axis: usize, dim| windows.get(axis)?.slide(dim, padding);
    let channels = |dim| map_dim(dim, |dim: u64| dim.checked_mul(multiplier));
    one(map_spatial(config, inputs.first()?, spatial, slide, channels)?)
}

fn spread(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let windows = windows(config, "kernel_size", spatial)?;
    let padding = config.text("padding").unwrap_or("valid");
    let extra = match config.get("output_padding") {
        Some(_) => Some(config.sizes("output_padding", spatial)?),
        None => None,
    };
    let filters = config.size("filters")?;
    let lengthen = |axis: usize, dim| {
        let extra = match &extra {
            Some(extra) => Some(*extra.get(axis)?),
            None => None,
        };
        windows.get(axis)?.spread(dim, padding, extra)
    };
    one(map_spatial(config, inputs.first()?, spatial, lengthen, |_| Some(Some(filters)))?)
}

fn conv1d_check(config: &Config<'_>) -> Result<(), String> {
    if config.text("padding") == Some("causal") {
        return Err("padding=causal is not implemented".to_owned());
    }
    // It moves the channels to the end and never back.
    if is_channels_first(config) {
        return Err("data_format=channels_first computes other values".to_owned());
    }
    one_group(config)
}

fn conv_check(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Result<(), String> {
    match inputs.first() {
        Some(input) if input.len() != spatial + 2 => Err(format!(
            "an input of rank {} is not accepted, it must be {}",
            input.len(),
            spatial + 2
        )),
        _ => one_group(config),
    }
}

fn one_group(config: &Config<'_>) -> Result<(), String> {
    match config.size("groups") {
        Some(groups) if groups != 1 => Err(format!("groups={groups} is not implemented")),
        _ => Ok(()),
    }
}

fn transpose_check(config: &Config<'_>) -> Result<(), String> {
    if config.get("output_padding").is_some() {
        return Err("output_padding is ignored by TensorFlow.js".to_owned());
    }
    no_dilation(config)
}

fn no_dilation(config: &Config<'_>) -> Result<(), String> {
    match config.ints("dilation_rate") {
        Some(rates) if rates.iter().any(|rate| *rate != 1) => {
            Err(format!("dilation_rate={rates:?} is ignored by TensorFlow.js"))
        }
        _ => Ok(()),
    }
}

fn separable_check(config: &Config<'_>) -> Result<(), String> {
    let keys = ["kernel_initializer", "kernel_regularizer", "kernel_constraint"];
    if let Some(key) = keys.into_iter().find(|key| config.get(key).is_some()) {
        return Err(format!("the key `{key}` is not accepted, leave it out"));
    }
    // The bias is added before the channels are moved back.
    if is_channels_first(config) {
        return Err("data_format=channels_first computes other values".to_owned());
    }
    Ok(())
}
