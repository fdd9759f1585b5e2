//! Operators that move elements and change shapes.

use serde_json::Value as Json;
use tensorferry_tensor::DType;

use super::lower::{axes, constant, first, ints, longs, option};
use crate::layers::reshaping::repeated;
use crate::lower::{Argument, Call, Lowered, Size, Tensor, Value, one};

/// All tensors of the first argument, brought to one type.
fn tensors(c: &mut Call<'_, '_>) -> Lowered<Vec<Value>> {
    let first = c.arguments.args.first().or_else(|| c.arguments.named("values"));
    let all = first.map(Argument::tensors).unwrap_or_default();
    let mut values: Vec<Value> = all.into_iter().map(|tensor| tensor.value).collect();
    let dtypes: Vec<DType> = values.iter().map(|v| c.dtype(*v)).collect::<Lowered<_>>()?;
    if let Some(wide) = dtypes.iter().copied().find(|dtype| dtype.is_float()) {
        for value in &mut values {
            *value = c.cast(*value, wide)?;
        }
    }
    Ok(values)
}

fn only_axis(c: &Call<'_, '_>, default: i64) -> Lowered<i64> {
    Ok(ints(c, &["axis"])?.and_then(|axes| axes.first().copied()).unwrap_or(default))
}

pub(super) fn lower_concatenate(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let values = tensors(c)?;
    let first = *values.first().ok_or("it is called without tensors")?;
    let axis = only_axis(c, if c.is_keras3() { -1 } else { 0 })?;
    let axis = c.axis(first, axis)?;
    one(c.concat(&values, axis as i64)?)
}

pub(super) fn lower_stack(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (values, axis) = (tensors(c)?, only_axis(c, 0)?);
    one(c.pack(&values, axis)?)
}

pub(super) fn lower_unstack(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let axis = c.axis(x, only_axis(c, 0)?)?;
    let n = c.known_dim(x, axis)?;
    Ok(c.unpack(x, n, axis as i64)?.into_iter().map(Tensor::from).collect())
}

pub(super) fn lower_split(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let axis = c.axis(x, only_axis(c, 0)?)?;
    let parts = option(c, &["indices_or_sections", "num_or_size_splits"]);
    let parts = parts.ok_or("its parts are not stated")?;
    if let Some(n) = parts.as_u64() {
        let n = usize::try_from(n).map_err(|e| e.to_string())?;
        return Ok(c.split(x, n, axis as i64)?.into_iter().map(Tensor::from).collect());
    }
    let ends = parts.as_array().map(|all| all.iter().map(Json::as_i64).collect::<Option<Vec<_>>>());
    let mut ends = ends.flatten().ok_or("its parts are not integers")?;
    if !c.is_keras3() {
        // TensorFlow states sizes, NumPy the places between.
        let mut sum = 0_i64;
        for end in &mut ends {
            sum = sum.checked_add(*end).ok_or("its parts are too large")?;
            *end = sum;
        }
        ends.pop();
    }
    let mut outputs = Vec::new();
    let mut from = 0;
    for end in ends.into_iter().map(Some).chain([None]) {
        outputs.push(c.cut(x, axis, (from, end, 1))?.into());
        from = end.unwrap_or(from);
    }
    Ok(outputs)
}

/// The whole tensor in another shape, one entry of which may be -1.
pub(super) fn lower_reshape(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let shape = ints(c, &["newshape", "shape"])?.ok_or("its shape is not stated")?;
    let shape = c.ints(&shape);
    one(c.binary("Reshape", x, shape)?)
}

pub(super) fn lower_ravel(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let shape = c.ints(&[-1]);
    one(c.binary("Reshape", x, shape)?)
}

pub(super) fn lower_transpose(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let order = match ints(c, &["axes", "perm"])? {
        Some(axes) => axes.into_iter().map(|axis| c.axis(x, axis)).collect::<Lowered<_>>()?,
        None => (0..c.rank(x)?).rev().collect::<Vec<usize>>(),
    };
    one(c.transpose(x, &order)?)
}

pub(super) fn lower_swapaxes(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let axis = |key: &str| -> Lowered<usize> {
        let axis = ints(c, &[key])?.and_then(|all| all.first().copied());
        c.axis(x, axis.ok_or("its axes are not stated")?)
    };
    let (a, b) = (axis("axis1")?, axis("axis2")?);
    let mut order: Vec<usize> = (0..c.rank(x)?).collect();
    order.swap(a, b);
    one(c.transpose(x, &order)?)
}

pub(super) fn lower_moveaxis(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let list = |key: &str| -> Lowered<Vec<usize>> {
        let all = ints(c, &[key])?.ok_or("its axes are not stated")?;
        all.into_iter().map(|axis| c.axis(x, axis)).collect()
    };
    let (from, to) = (list("source")?, list("destination")?);
    let mut order: Vec<usize> = (0..c.rank(x)?).filter(|axis| !from.contains(axis)).collect();
    let mut moves: Vec<(usize, usize)> = to.into_iter().zip(from).collect();
    moves.sort_unstable();
    for (to, from) in moves {
        order.insert(to.min(order.len()), from);
    }
    one(c.transpose(x, &order)?)
}

pub(super) fn lower_squeeze(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let axes = ints(c, &["axis"])?.unwrap_or_default();
    one(c.one("Squeeze", &[x], &[("squeeze_dims", tensorferry_ir::Attr::ints(&axes))])?)
}

pub(super) fn lower_expand_dims(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let mut x = first(c)?;
    let axes = ints(c, &["axis"])?.ok_or("its axis is not stated")?;
    let rank = i64::try_from(c.rank(x)? + axes.len()).map_err(|e| e.to_string())?;
    let from_start = |axis: i64| if axis < 0 { axis.saturating_add(rank) } else { axis };
    let mut axes: Vec<i64> = axes.into_iter().map(from_start).collect();
    axes.sort_unstable();
    for axis in axes {
        x = c.expand(x, axis)?;
    }
    one(x)
}

pub(super) fn lower_broadcast_to(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let shape = ints(c, &["shape"])?.ok_or("its shape is not stated")?;
    if shape.iter().any(|dim| *dim < 0) {
        return Err("its shape is not known".to_owned());
    }
    let shape = c.ints(&shape);
    one(c.binary("BroadcastTo", x, shape)?)
}

pub(super) fn lower_tile(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let mut x = first(c)?;
    let mut times = ints(c, &["repeats", "multiples"])?.ok_or("its repeats are not stated")?;
    let rank = c.rank(x)?;
    while times.len() < rank {
        times.insert(0, 1);
    }
    for _ in rank..times.len() {
        x = c.expand(x, 0)?;
    }
    let times = c.ints(&times);
    one(c.binary("Tile", x, times)?)
}

pub(super) fn lower_repeat(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let mut x = first(c)?;
    let times = ints(c, &["repeats"])?.ok_or("its repeats are not stated")?;
    let [times] = times.as_slice() else {
        return Err("a number of repeats for each element is not run".to_owned());
    };
    let times = usize::try_from(*times).map_err(|e| e.to_string())?;
    let axis = match ints(c, &["axis"])?.and_then(|axes| axes.first().copied()) {
        Some(axis) => c.axis(x, axis)?,
        None => {
            let all = c.ints(&[-1]);
            x = c.binary("Reshape", x, all)?;
            0
        }
    };
    one(repeated(c, x, axis, times)?)
}

pub(super) fn lower_flip(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let axes = axes(c, x)?;
    let axes: Vec<i64> = axes.into_iter().map(|axis| axis as i64).collect();
    let axes = c.ints(&axes);
    one(c.binary("ReverseV2", x, axes)?)
}

pub(super) fn lower_roll(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let shift = ints(c, &["shift"])?.ok_or("its shift is not stated")?;
    let axes = ints(c, &["axis"])?.ok_or("rolling all elements is not run")?;
    let axes: Vec<i64> =
        axes.into_iter().map(|axis| Ok(c.axis(x, axis)? as i64)).collect::<Lowered<_>>()?;
    let (shift, axes) = (c.ints(&shift), c.ints(&axes));
    one(c.one("Roll", &[x, shift, axes], &[])?)
}

pub(super) fn lower_pad(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let rank = c.rank(x)?;
    let pair = |value: &Json| match value {
        Json::Array(two) => match two.as_slice() {
            [a, b] => Some((a.as_u64()?, b.as_u64()?)),
            _ => None,
        },
        single => Some((single.as_u64()?, single.as_u64()?)),
    };
    let given = option(c, &["pad_width"]).ok_or("its padding is not stated")?;
    let pairs: Option<Vec<(u64, u64)>> = match &given {
        Json::Array(items) if items.iter().all(Json::is_array) => items.iter().map(pair).collect(),
        other => pair(other).map(|pair| vec![pair; rank]),
    };
    let mut pairs = pairs.ok_or("its padding is broken")?;
    if pairs.len() == 1 {
        pairs = vec![pairs[0]; rank];
    }
    let size = |n: u64| usize::try_from(n).map_err(|e| e.to_string());
    let pairs: Vec<(usize, usize)> =
        pairs.into_iter().map(|(a, b)| Ok((size(a)?, size(b)?))).collect::<Lowered<_>>()?;
    let mode = option(c, &["mode"]);
    match mode.as_ref().and_then(Json::as_str).unwrap_or("constant") {
        "constant" => {
            let with = option(c, &["constant_values"]).and_then(|value| value.as_f64());
            one(c.pad(x, &pairs, with)?)
        }
        mode @ ("reflect" | "symmetric") => {
            let all: Vec<f64> = pairs.iter().flat_map(|(a, b)| [*a as f64, *b as f64]).collect();
            let pairs = c.numbers(&all, &[pairs.len(), 2], DType::Int32)?;
            let mode = ("mode", tensorferry_ir::Attr::text(&mode.to_ascii_uppercase()));
            one(c.one("MirrorPad", &[x, pairs], &[mode])?)
        }
        other => Err(format!("mode={other} is not known")),
    }
}

/// Slices at indices, which count from the end when negative.
pub(super) fn lower_take(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let mut x = first(c)?;
    let indices = c.arguments.get(1, "indices").cloned().ok_or("its indices are missing")?;
    let mut indices = match indices.tensors().first() {
        Some(tensor) => tensor.value,
        None => constant(c, &indices, DType::Int32)?,
    };
    if !matches!(c.dtype(indices)?, DType::Int32 | DType::Int64) {
        indices = c.cast(indices, DType::Int32)?;
    }
    let axis = match ints(c, &["axis"])?.and_then(|axes| axes.first().copied()) {
        Some(axis) => c.axis(x, axis)?,
        None => {
            let all = longs(c, &[-1]);
            x = c.binary("Reshape", x, all)?;
            0
        }
    };
    let zero = c.like(indices, 0.0)?;
    let n = c.size(x, axis)?;
    let n = match n {
        Size::Known(n) => c.like(indices, n as f64)?,
        Size::Computed(n) => {
            let dtype = c.dtype(indices)?;
            c.cast(n, dtype)?
        }
    };
    let is_negative = c.binary("Less", indices, zero)?;
    let from_end = c.add(indices, n)?;
    let indices = c.select(is_negative, from_end, indices)?;
    one(c.gather(x, indices, axis as i64)?)
}
