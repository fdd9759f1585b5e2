//! `Flatten`, `Reshape`, `Cropping2D` and the other layers of `keras.layers.reshaping`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs};
use crate::layers::shapes::{Dim, map_dim, map_spatial, one, pairs, product};
use crate::lower::convolve::{channels_back, channels_last};
use crate::lower::{Builder, Call, Lowered, Size, Tensor, Value, one as only};
use tensorferry_ir::Attr;

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef {
        class_name: "Flatten",
        lower: Some(lower_flatten),
        output_shapes: flattened,
        tfjs: Tfjs::ChecksInputs(flatten_check),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Reshape",
        lower: Some(lower_reshape),
        output_shapes: reshaped,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Permute",
        lower: Some(lower_permute),
        output_shapes: permuted,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "RepeatVector",
        lower: Some(lower_repeat_vector),
        output_shapes: |config, inputs| {
            let [batch, units] = inputs.first()?.as_slice() else { return None };
            one(vec![*batch, Some(config.size("n")?), *units])
        },
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Cropping1D",
        lower: Some(|c| lower_cropping(c, 1)),
        output_shapes: |config, inputs| cropped(config, inputs, 1),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Cropping2D",
        lower: Some(|c| lower_cropping(c, 2)),
        output_shapes: |config, inputs| cropped(config, inputs, 2),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Cropping3D",
        lower: Some(|c| lower_cropping(c, 3)),
        output_shapes: |config, inputs| cropped(config, inputs, 3),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "UpSampling1D",
        lower: Some(|c| lower_upsampling(c, 1)),
        output_shapes: |config, inputs| upsampled(config, inputs, 1),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "UpSampling2D",
        lower: Some(|c| lower_upsampling(c, 2)),
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
        lower: Some(|c| lower_upsampling(c, 3)),
        output_shapes: |config, inputs| upsampled(config, inputs, 3),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ZeroPadding1D",
        lower: Some(|c| lower_padding(c, 1)),
        output_shapes: |config, inputs| padded(config, inputs, 1),
        tfjs: Tfjs::Unknown,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ZeroPadding2D",
        lower: Some(|c| lower_padding(c, 2)),
        output_shapes: |config, inputs| padded(config, inputs, 2),
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "ZeroPadding3D",
        lower: Some(|c| lower_padding(c, 3)),
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

fn lower_flatten(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let mut x = c.x()?;
    let rank = c.rank(x)?;
    if rank < 2 {
        return only(c.expand(x, -1)?);
    }
    if c.is_channels_first() {
        x = channels_last(c, x, rank - 2)?;
    }
    let sizes = c.sizes(x)?;
    let (batch, rest) = sizes.split_first().ok_or("a scalar has no batch")?;
    let flat = c.product(rest)?;
    only(c.reshape(x, &[*batch, flat])?)
}

fn lower_reshape(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let target = c.config.ints("target_shape").ok_or("target_shape is broken")?;
    only(reshaped_to(c, x, &target)?)
}

/// All but the batch in another shape, one entry of which may be -1: what is left over.
pub(crate) fn reshaped_to(b: &mut Builder, x: Value, target: &[i64]) -> Lowered<Value> {
    let sizes = b.sizes(x)?;
    let (batch, rest) = sizes.split_first().ok_or("a scalar has no batch")?;
    let mut known = 1_usize;
    for dim in target.iter().filter(|dim| **dim != -1) {
        let dim = usize::try_from(*dim).map_err(|_| format!("target_shape has {dim}"))?;
        known = known.checked_mul(dim).ok_or("target_shape is too large")?;
    }
    let mut wanted = vec![*batch];
    for dim in target {
        wanted.push(match usize::try_from(*dim) {
            Ok(dim) => Size::Known(dim),
            Err(_) => left_over(b, rest, known)?,
        });
    }
    b.reshape(x, &wanted)
}

/// The product of sizes, divided by a number.
fn left_over(b: &mut Builder, sizes: &[Size], by: usize) -> Lowered<Size> {
    match b.product(sizes)? {
        Size::Known(all) => match all.checked_rem(by) {
            Some(0) => Ok(Size::Known(all / by)),
            _ => Err(format!("{all} elements do not fit target_shape")),
        },
        Size::Computed(all) => {
            let by = b.size_value(Size::Known(by));
            Ok(Size::Computed(b.binary("FloorDiv", all, by)?))
        }
    }
}

fn lower_permute(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let dims = c.config.sizes("dims", 1).ok_or("dims is broken")?;
    let dims = dims.into_iter().map(usize::try_from);
    let dims: Vec<usize> = dims.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let order: Vec<usize> = [0].into_iter().chain(dims).collect();
    only(c.transpose(x, &order)?)
}

fn lower_repeat_vector(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let n = c.config.int("n").ok_or("n is missing")?;
    let x = c.expand(x, 1)?;
    let times = c.ints(&[1, n, 1]);
    only(c.binary("Tile", x, times)?)
}

fn sizes_of(given: &[(u64, u64)]) -> Lowered<Vec<(usize, usize)>> {
    let size = |n: u64| usize::try_from(n).map_err(|e| e.to_string());
    given.iter().map(|(a, b)| Ok((size(*a)?, size(*b)?))).collect()
}

/// The first spatial axis.
fn first_axis(c: &Call<'_, '_>) -> usize {
    if c.is_channels_first() { 2 } else { 1 }
}

fn lower_cropping(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let mut y = c.x()?;
    let pairs = pairs(&c.config, "cropping", spatial).ok_or("cropping is broken")?;
    for (axis, (from, to)) in (first_axis(c)..).zip(sizes_of(&pairs)?) {
        // A cut that ends before the end is counted from the end.
        let to = if to == 0 { None } else { Some(-(to as i64)) };
        y = c.cut(y, axis, (from as i64, to, 1))?;
    }
    only(y)
}

fn lower_padding(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let pairs = pairs(&c.config, "padding", spatial).ok_or("padding is broken")?;
    let first = first_axis(c);
    let mut all = vec![(0, 0); c.rank(x)?];
    for (axis, pair) in (first..).zip(sizes_of(&pairs)?) {
        *all.get_mut(axis).ok_or("the input has too few axes")? = pair;
    }
    only(c.pad(x, &all, None)?)
}

fn lower_upsampling(c: &mut Call<'_, '_>, spatial: usize) -> Lowered<Vec<Tensor>> {
    let x = c.x()?;
    let sizes = c.config.sizes("size", spatial).ok_or("size is broken")?;
    let sizes = sizes.into_iter().map(usize::try_from);
    let sizes: Vec<usize> = sizes.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    match c.config.text("interpolation").unwrap_or("nearest") {
        "nearest" => {
            let mut y = x;
            for (axis, n) in (first_axis(c)..).zip(sizes) {
                y = repeated(c, y, axis, n)?;
            }
            only(y)
        }
        how => {
            let x = channels_last(c, x, spatial)?;
            let mut wanted = Vec::new();
            for (axis, n) in (1..).zip(sizes) {
                let size = c.size(x, axis)?;
                wanted.push(c.product(&[size, Size::Known(n)])?);
            }
            let y = resized(c, x, &wanted, how)?;
            only(channels_back(c, y, spatial)?)
        }
    }
}

/// Every element of an axis `n` times.
pub(crate) fn repeated(b: &mut Builder, x: Value, axis: usize, n: usize) -> Lowered<Value> {
    if n == 1 {
        return Ok(x);
    }
    let mut sizes = b.sizes(x)?;
    let rank = sizes.len();
    let apart = b.expand(x, axis as i64 + 1)?;
    let times: Vec<i64> = (0..=rank).map(|at| if at == axis + 1 { n as i64 } else { 1 }).collect();
    let times = b.ints(&times);
    let tiled = b.binary("Tile", apart, times)?;
    let size = *sizes.get(axis).ok_or("there is no such axis")?;
    let longer = b.product(&[size, Size::Known(n)])?;
    *sizes.get_mut(axis).ok_or("there is no such axis")? = longer;
    b.reshape(tiled, &sizes)
}

/// Images of another height and width, as `tf.image.resize` makes them without antialiasing.
pub(crate) fn resized(
    b: &mut Builder,
    x: Value,
    size: &[Size],
    interpolation: &str,
) -> Lowered<Value> {
    let centers = ("half_pixel_centers", Attr::Bool(true));
    let corners = ("align_corners", Attr::Bool(false));
    let wanted = b.shape_of_sizes(size)?;
    let dtype = b.dtype(x)?;
    let y = match interpolation {
        "nearest" => b.one("ResizeNearestNeighbor", &[x, wanted], &[corners, centers])?,
        "bilinear" => b.one("ResizeBilinear", &[x, wanted], &[corners, centers])?,
        "bicubic" => b.one("ResizeBicubic", &[x, wanted], &[corners, centers])?,
        "area" => b.one("ResizeArea", &[x, wanted], &[corners])?,
        "lanczos3" | "lanczos5" | "gaussian" | "mitchellcubic" => {
            scaled(b, x, wanted, interpolation, false)?
        }
        other => return Err(format!("interpolation={other} is not known")),
    };
    b.cast(y, dtype)
}

/// `ScaleAndTranslate` to a size, which samples with the kernel of that name.
pub(crate) fn scaled(
    b: &mut Builder,
    x: Value,
    wanted: Value,
    kernel: &str,
    antialias: bool,
) -> Lowered<Value> {
    use tensorferry_tensor::DType::Float32;
    let shape = b.shape(x)?;
    let is = b.cut(shape, 0, (1, Some(3), 1))?;
    let (is, to) = (b.cast(is, Float32)?, b.cast(wanted, Float32)?);
    let scale = b.div(to, is)?;
    let none = b.numbers(&[0.0, 0.0], &[2], Float32)?;
    let kernel = if kernel == "bilinear" { "triangle" } else { kernel };
    let kernel = if kernel == "bicubic" { "keyscubic" } else { kernel };
    let attrs = [("kernel_type", Attr::text(kernel)), ("antialias", Attr::Bool(antialias))];
    b.one("ScaleAndTranslate", &[x, wanted, scale, none], &attrs)
}
