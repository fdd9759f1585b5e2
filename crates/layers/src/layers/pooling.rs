//! `MaxPooling2D`, `GlobalAveragePooling1D` and the other layers of `keras.layers.pooling`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs};
use crate::layers::shapes::{is_channels_first, map_spatial, one, windows};
use crate::lower::convolve::{self, Sliding, channels_back, channels_last};
use crate::lower::{Call, Lowered, Tensor, Value, one as only};

const POOL_1D: LayerDef = LayerDef {
    output_shapes: |config, inputs| pooled(config, inputs, 1),
    tfjs: Tfjs::Checks(no_channels_first),
    ..LayerDef::SHAPE_KEEPING
};
const POOL_2D: LayerDef = LayerDef {
    output_shapes: |config, inputs| pooled(config, inputs, 2),
    ..LayerDef::SHAPE_KEEPING
};
const POOL_3D: LayerDef = LayerDef {
    output_shapes: |config, inputs| pooled(config, inputs, 3),
    ..LayerDef::SHAPE_KEEPING
};
const GLOBAL_1D: LayerDef = LayerDef {
    output_shapes: global,
    tfjs: Tfjs::Checks(|config| no_keepdims(config).and_then(|()| no_channels_first(config))),
    ..LayerDef::SHAPE_KEEPING
};
const GLOBAL_2D: LayerDef =
    LayerDef { output_shapes: global, tfjs: Tfjs::Checks(no_keepdims), ..LayerDef::SHAPE_KEEPING };
const GLOBAL_3D: LayerDef =
    LayerDef { output_shapes: global, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };
const ADAPTIVE: LayerDef =
    LayerDef { output_shapes: adaptive, tfjs: Tfjs::Unknown, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "MaxPooling1D",
        aliases: &["MaxPool1D"],
        lower: Some(|c| lower_pool(c, "Max", 1)),
        ..POOL_1D
    },
    LayerDef {
        class_name: "MaxPooling2D",
        aliases: &["MaxPool2D"],
        lower: Some(|c| lower_pool(c, "Max", 2)),
        ..POOL_2D
    },
    LayerDef {
        class_name: "MaxPooling3D",
        aliases: &["MaxPool3D"],
        lower: Some(|c| lower_pool(c, "Max", 3)),
        ..POOL_3D
    },
    LayerDef {
        class_name: "AveragePooling1D",
        aliases: &["AvgPool1D"],
        lower: Some(|c| lower_pool(c, "Avg", 1)),
        ..POOL_1D
    },
    LayerDef {
        class_name: "AveragePooling2D",
        aliases: &["AvgPool2D"],
        lower: Some(|c| lower_pool(c, "Avg", 2)),
        ..POOL_2D
    },
    LayerDef {
        class_name: "AveragePooling3D",
        aliases: &["AvgPool3D"],
        lower: Some(|c| lower_pool(c, "Avg", 3)),
        ..POOL_3D
    },
    LayerDef {
        class_name: "GlobalMaxPooling1D",
        aliases: &["GlobalMaxPool1D"],
        lower: Some(|c| lower_global(c, "Max")),
        ..GLOBAL_1D
    },
    LayerDef {
        class_name: "GlobalMaxPooling2D",
        aliases: &["GlobalMaxPool2D"],
        lower: Some(|c| lower_global(c, "Max")),
        ..GLOBAL_2D
    },
    LayerDef {
        class_name: "GlobalMaxPooling3D",
        aliases: &["GlobalMaxPool3D"],
        lower: Some(|c| lower_global(c, "Max")),
        ..GLOBAL_3D
    },
    LayerDef {
        class_name: "GlobalAveragePooling1D",
        aliases: &["GlobalAvgPool1D"],
        lower: Some(|c| lower_global(c, "Mean")),
        ..GLOBAL_1D
    },
    LayerDef {
        class_name: "GlobalAveragePooling2D",
        aliases: &["GlobalAvgPool2D"],
        lower: Some(|c| lower_global(c, "Mean")),
        ..GLOBAL_2D
    },
    LayerDef {
        class_name: "GlobalAveragePooling3D",
        aliases: &["GlobalAvgPool3D"],
        lower: Some(|c| lower_global(c, "Mean")),
        ..GLOBAL_3D
    },
    LayerDef {
        class_name: "AdaptiveAveragePooling1D",
        lower: Some(|c| lower_adaptive(c, "Mean", 1)),
        ..ADAPTIVE
    },
    LayerDef {
        class_name: "AdaptiveAveragePooling2D",
        lower: Some(|c| lower_adaptive(c, "Mean", 2)),
        ..ADAPTIVE
    },
    LayerDef {
        class_name: "AdaptiveAveragePooling3D",
        lower: Some(|c| lower_adaptive(c, "Mean", 3)),
        ..ADAPTIVE
    },
    LayerDef {
        class_name: "AdaptiveMaxPooling1D",
        lower: Some(|c| lower_adaptive(c, "Max", 1)),
        ..ADAPTIVE
    },
    LayerDef {
        class_name: "AdaptiveMaxPooling2D",
        lower: Some(|c| lower_adaptive(c, "Max", 2)),
        ..ADAPTIVE
    },
    LayerDef {
        class_name: "AdaptiveMaxPooling3D",
        lower: Some(|c| lower_adaptive(c, "Max", 3)),
        ..ADAPTIVE
    },
];

fn lower_pool(c: &mut Call<'_, '_>, kind: &str, spatial: usize) -> Lowered<Vec<Tensor>> {
    let sliding = Sliding::of(c, "pool_size", spatial)?;
    let x = c.x()?;
    let x = channels_last(c, x, spatial)?;
    let y = convolve::pool(c, kind, x, &sliding)?;
    only(channels_back(c, y, spatial)?)
}

/// Steps that are masked do not count for the mean of a sequence.
fn lower_global(c: &mut Call<'_, '_>, op: &str) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let rank = c.rank(x)?;
    let first = if c.is_channels_first() { 2 } else { 1 };
    let spatial = rank.checked_sub(2).ok_or("the input has no spatial axes")?;
    let axes: Vec<usize> = (first..first + spatial).collect();
    let keep = c.flag("keepdims", false);
    match c.mask() {
        Some(mask) if op == "Mean" && spatial == 1 => only(masked_mean(c, x, mask, first, keep)?),
        _ => only(c.reduce(op, x, &axes, keep)?),
    }
}

/// sum(x mask) / sum(mask)
fn masked_mean(
    c: &mut Call<'_, '_>,
    x: Value,
    mask: Value,
    steps: usize,
    keep: bool,
) -> Lowered<Value> {
    let dtype = c.dtype(x)?;
    let mask = c.cast(mask, dtype)?;
    let mask = c.expand(mask, if steps == 1 { 2 } else { 1 })?;
    let kept = c.mul(x, mask)?;
    let sum = c.reduce("Sum", kept, &[steps], keep)?;
    let n = c.reduce("Sum", mask, &[steps], keep)?;
    c.div(sum, n)
}

/// Each output is over its share of the input: from `floor(i L / n)` to `ceil((i + 1) L / n)`.
fn lower_adaptive(c: &mut Call<'_, '_>, op: &str, spatial: usize) -> Lowered<Vec<Tensor>> {
    let sizes = c.config.sizes("output_size", spatial).filter(|sizes| sizes.len() == spatial);
    let sizes = sizes.ok_or("output_size is broken")?;
    let x = c.x()?;
    let mut y = channels_last(c, x, spatial)?;
    for (axis, n) in (1..).zip(sizes) {
        let length = c.known_dim(y, axis)? as u64;
        if n == 0 || n > length.max(1) << 20 {
            return Err(format!("output_size={n} for an axis of {length}"));
        }
        let mut parts = Vec::new();
        for i in 0..n {
            let (from, to) = (i * length / n, ((i + 1) * length).div_ceil(n));
            let part = c.cut(y, axis, (from as i64, Some(to as i64), 1))?;
            parts.push(c.reduce(op, part, &[axis], true)?);
        }
        y = c.concat(&parts, axis as i64)?;
    }
    only(channels_back(c, y, spatial)?)
}

fn pooled(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let windows = windows(config, "pool_size", spatial)?;
    let padding = config.text("padding").unwrap_or("valid");
    let slide = |axis: usize, dim| windows.get(axis)?.slide(dim, padding);
    one(map_spatial(config, inputs.first()?, spatial, slide, Some)?)
}

fn global(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let spatial = input.len().checked_sub(2).filter(|spatial| (1..=3).contains(spatial))?;
    if config.flag("keepdims", false) {
        return one(map_spatial(config, input, spatial, |_, _| Some(Some(1)), Some)?);
    }
    let channels = if is_channels_first(config) { input.get(1)? } else { input.last()? };
    one(vec![*input.first()?, *channels])
}

fn adaptive(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let sizes = config.sizes("output_size", 1)?;
    let resize = |axis: usize, _| sizes.get(axis).map(|size| Some(*size));
    one(map_spatial(config, inputs.first()?, sizes.len(), resize, Some)?)
}

fn no_channels_first(config: &Config<'_>) -> Result<(), String> {
    if is_channels_first(config) {
        return Err("data_format=channels_first is ignored by TensorFlow.js".to_owned());
    }
    Ok(())
}

fn no_keepdims(config: &Config<'_>) -> Result<(), String> {
    if config.flag("keepdims", false) {
        return Err("keepdims=true is ignored by TensorFlow.js".to_owned());
    }
    Ok(())
}
