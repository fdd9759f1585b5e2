//! `Flatten`, `Reshape`, `Cropping2D` and the other layers of `keras.layers.reshaping`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs};
use crate::layers::shapes::{Dim, map_dim, map_spatial, one, pairs, product};

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "Flatten",
        output_shapes: flattened,
        tfjs: Tfjs::ChecksInputs(flatten_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef { class_name: "Reshape", output_shapes: reshaped, ..LayerDef::SHAPE_KEEPING },
    LayerDef { class_name: "Permute", output_shapes: permuted, ..LayerDef::SHAPE_KEEPING },
    LayerDef {
        class_name: "RepeatVector",
        output_shapes: |config, inputs| {
            let [batch, units] = inputs.first()?.as_slice() else { return None };
            one(vec![*batch, Some(config.size("n")?), *units])
        },
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Cropping1D",
        output_shapes: |config, inputs| cropped(config, inputs, 1),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Cropping2D",
        output_shapes: |config, inputs| cropped(config, inputs, 2),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Cropping3D",
        output_shapes: |config, inputs| cropped(config, inputs, 3),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "UpSampling1D",
        output_shapes: |config, inputs| upsampled(config, inputs, 1),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "UpSampling2D",
        output_shapes: |config, inputs| upsampled(config, inputs, 2),
        // Its bilinear sampling takes the pixels' corners, Keras takes their centers.
        tfjs: Tfjs::Checks(|config| match config.text("interpolation") {
            None | Some("nearest") => Ok(()),
            Some("bilinear") => Err("interpolation=bilinear computes other values".to_owned()),
            Some(other) => Err(format!("interpolation={other} is not implemented")),
        }),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "UpSampling3D",
        output_shapes: |config, inputs| upsampled(config, inputs, 3),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ZeroPadding1D",
        output_shapes: |config, inputs| padded(config, inputs, 1),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ZeroPadding2D",
        output_shapes: |config, inputs| padded(config, inputs, 2),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ZeroPadding3D",
        output_shapes: |config, inputs| padded(config, inputs, 3),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
];

fn flattened(_: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (batch, rest) = inputs.first()?.split_first()?;
    one(vec![*batch, product(rest)?])
}

fn flatten_check(_: &Config<'_>, inputs: &[Shape]) -> Result<(), String> {
    match inputs {
        [input] if input.len() < 3 => {
            Err(format!("an input of rank {} is not accepted, it must be 3 or more", input.len()))
        }
        [input] if input.iter().skip(1).any(Option::is_none) => {
            Err("an input whose dims are not all known is not accepted".to_owned())
        }
        _ => Ok(()),
    }
}

/// One entry of `target_shape` may be -1: what is left over.
fn reshaped(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (batch, rest) = inputs.first()?.split_first()?;
    let target = config.ints("target_shape")?;
    let mut known = target.iter().filter(|dim| **dim != -1);
    let known = known.try_fold(1_u64, |all, dim| all.checked_mul(u64::try_from(*dim).ok()?))?;
    let left = map_dim(product(rest)?, |all| {
        all.checked_rem(known).filter(|left| *left == 0)?;
        all.checked_div(known)
    });
    let mut shape = vec![*batch];
    for dim in target {
        shape.push(if dim == -1 { left? } else { u64::try_from(dim).ok() });
    }
    one(shape)
}

fn permuted(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let input = inputs.first()?;
    let dims = config.sizes("dims", 1)?;
    if dims.len() + 1 != input.len() {
        return None;
    }
    let mut shape = vec![*input.first()?];
    for dim in dims {
        shape.push(*input.get(usize::try_from(dim).ok().filter(|dim| *dim > 0)?)?);
    }
    one(shape)
}

fn cropped(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let pairs = pairs(config, "cropping", spatial)?;
    each_axis(config, inputs, &pairs, |dim, (a, b)| dim.checked_sub(a)?.checked_sub(b))
}

fn padded(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let pairs = pairs(config, "padding", spatial)?;
    each_axis(config, inputs, &pairs, |dim, (a, b)| dim.checked_add(a)?.checked_add(b))
}

fn upsampled(config: &Config<'_>, inputs: &[Shape], spatial: usize) -> Option<Vec<Shape>> {
    let sizes = config.sizes("size", spatial)?;
    each_axis(config, inputs, &sizes, u64::checked_mul)
}

fn each_axis<T: Copy>(
    config: &Config<'_>,
    inputs: &[Shape],
    of_axis: &[T],
    rule: impl Fn(u64, T) -> Option<u64>,
) -> Option<Vec<Shape>> {
    let on_axis = |axis: usize, dim: Dim| {
        let given = *of_axis.get(axis)?;
        map_dim(dim, |dim| rule(dim, given))
    };
    one(map_spatial(config, inputs.first()?, of_axis.len(), on_axis, Some)?)
}
