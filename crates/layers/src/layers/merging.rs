//! `Add`, `Concatenate`, `Dot` and the other layers of `keras.layers.merging`.

use tensorferry_tensor::DType;

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs};
use crate::layers::normalization::unit;
use crate::layers::shapes::{axis_of, broadcast, one};
use crate::lower::{Call, Lowered, Masks, Size, Tensor, Value};

const ELEMENTWISE: LayerDef =
    LayerDef { output_shapes: elementwise_shapes, masks: Masks::Own, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) static LAYERS: &[LayerDef] = &[
    LayerDef { class_name: "Add", lower: Some(|c| lower_merge(c, "AddV2")), ..ELEMENTWISE },
    LayerDef {
        class_name: "Subtract",
        lower: Some(|c| lower_merge(c, "Sub")),
        tfjs: Tfjs::Unknown,
        ..ELEMENTWISE
    },
    LayerDef { class_name: "Multiply", lower: Some(|c| lower_merge(c, "Mul")), ..ELEMENTWISE },
    LayerDef { class_name: "Average", lower: Some(lower_average), ..ELEMENTWISE },
    LayerDef { class_name: "Maximum", lower: Some(|c| lower_merge(c, "Maximum")), ..ELEMENTWISE },
    LayerDef { class_name: "Minimum", lower: Some(|c| lower_merge(c, "Minimum")), ..ELEMENTWISE },
    LayerDef {
        class_name: "Concatenate",
        output_shapes: concatenated,
        lower: Some(lower_concatenate),
        masks: Masks::Own,
        ..LayerDef::SHAPE_KEEPING
    },
    LayerDef {
        class_name: "Dot",
        output_shapes: dot,
        lower: Some(lower_dot),
        tfjs: Tfjs::ChecksInputs(|_, inputs| match inputs.iter().map(Vec::len).max() {
            Some(rank) if rank > 3 => Err(format!("inputs of rank {rank} are not implemented")),
            _ => Ok(()),
        }),
        ..LayerDef::SHAPE_KEEPING
    },
];

/// Keras aligns inputs of different rank behind the batch: `[b, 5, 4]` with `[b, 4]` is
/// `[b, 5, 4]`.
pub(crate) fn elementwise_shapes(_: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (first, others) = inputs.split_first()?;
    let mut batch = *first.first()?;
    let mut rest = first.get(1..)?.to_vec();
    for other in others {
        batch = batch.or(*other.first()?);
        rest = broadcast(&rest, other.get(1..)?)?;
    }
    one(std::iter::once(batch).chain(rest).collect())
}

fn concatenated(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let (first, others) = inputs.split_first()?;
    let axis = axis_of(config.int("axis").unwrap_or(-1), first.len())?;
    let mut shape = first.clone();
    for other in others {
        if other.len() != shape.len() {
            return None;
        }
        for (at, (dim, more)) in shape.iter_mut().zip(other).enumerate() {
            *dim = match (*dim, *more) {
                (Some(dim), Some(more)) if at == axis => Some(dim.checked_add(more)?),
                _ if at == axis => None,
                (dim, more) => dim.or(more),
            };
        }
    }
    one(shape)
}

fn dot(config: &Config<'_>, inputs: &[Shape]) -> Option<Vec<Shape>> {
    let [a, b] = inputs else { return None };
    let axes = config.ints("axes")?;
    let (of_a, of_b) = match axes.as_slice() {
        [both] => (*both, *both),
        [of_a, of_b] => (*of_a, *of_b),
        _ => return None,
    };
    let (of_a, of_b) = (axis_of(of_a, a.len())?, axis_of(of_b, b.len())?);
    let without = |shape: &Shape, from: usize, axis: usize| -> Vec<Option<u64>> {
        let kept = shape.iter().enumerate().skip(from).filter(|(at, _)| *at != axis);
        kept.map(|(_, dim)| *dim).collect()
    };
    let mut shape = without(a, 0, of_a);
    shape.extend(without(b, 1, of_b));
    if shape.len() == 1 {
        shape.push(Some(1));
    }
    one(shape)
}

/// The inputs with new axes behind the batch until all have the same rank.
fn aligned(c: &mut Call<'_, '_>) -> Lowered<Vec<Value>> {
    let mut values: Vec<Value> = c.inputs.iter().map(|input| input.value).collect();
    let ranks: Vec<usize> = values.iter().map(|v| c.rank(*v)).collect::<Lowered<_>>()?;
    let most = ranks.iter().copied().max().unwrap_or(0);
    for (value, rank) in values.iter_mut().zip(ranks) {
        for _ in rank..most {
            *value = c.expand(*value, 1)?;
        }
    }
    let dtypes: Vec<DType> = values.iter().map(|v| c.dtype(*v)).collect::<Lowered<_>>()?;
    // Keras 3 promotes; Keras 2 refuses types that differ.
    if let Some(wide) = dtypes.iter().copied().find(|dtype| dtype.is_float()) {
        for value in &mut values {
            *value = c.cast(*value, wide)?;
        }
    }
    Ok(values)
}

fn lower_merge(c: &mut Call<'_, '_>, op: &str) -> Lowered<Vec<Tensor>> {
    let values = aligned(c)?;
    let (first, others) = values.split_first().ok_or("it is called without inputs")?;
    let value = others.iter().try_fold(*first, |sum, other| c.binary(op, sum, *other))?;
    let mask = merged_mask(c)?;
    Ok(vec![Tensor { value, mask }])
}

fn lower_average(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let n = c.inputs.len() as f64;
    let sum = lower_merge(c, "AddV2")?;
    let Some(Tensor { value, mask }) = sum.first().copied() else { return Ok(sum) };
    let n = c.like(value, n)?;
    Ok(vec![Tensor { value: c.div(value, n)?, mask }])
}

/// Keras 2: true where all masks are. Keras 3: where any is, and only when all inputs have one.
fn merged_mask(c: &mut Call<'_, '_>) -> Lowered<Option<Value>> {
    let masks: Vec<Value> = c.inputs.iter().filter_map(|input| input.mask).collect();
    let op = match c.is_keras3() {
        true if masks.len() < c.inputs.len() => return Ok(None),
        true => "LogicalOr",
        false => "LogicalAnd",
    };
    let Some((first, others)) = masks.split_first() else { return Ok(None) };
    others.iter().try_fold(*first, |all, mask| c.binary(op, all, *mask)).map(Some)
}

fn lower_concatenate(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let first = c.x()?;
    let axis = c.axis(first, c.config.int("axis").unwrap_or(-1))?;
    let mut values: Vec<Value> = c.inputs.iter().map(|input| input.value).collect();
    let dtypes: Vec<DType> = values.iter().map(|v| c.dtype(*v)).collect::<Lowered<_>>()?;
    if let Some(wide) = dtypes.iter().copied().find(|dtype| dtype.is_float()) {
        for value in &mut values {
            *value = c.cast(*value, wide)?;
        }
    }
    let value = c.concat(&values, axis as i64)?;
    let mask = concatenated_mask(c, axis)?;
    Ok(vec![Tensor { value, mask }])
}

/// The masks with as many axes as their inputs, joined along the same axis; then over the last axis
/// all must be true (Keras 2) or any (Keras 3).
fn concatenated_mask(c: &mut Call<'_, '_>, axis: usize) -> Lowered<Option<Value>> {
    if c.inputs.iter().all(|input| input.mask.is_none()) {
        return Ok(None);
    }
    let mut masks = Vec::new();
    for input in c.inputs.clone() {
        let rank = c.rank(input.value)?;
        let sizes = c.sizes(input.value)?;
        let Some(mut mask) = input.mask else {
            let zeros = c.filled(&sizes, 1.0, DType::Float32)?;
            masks.push(c.cast(zeros, DType::Bool)?);
            continue;
        };
        if c.rank(mask)? < rank {
            mask = c.expand(mask, -1)?;
            // Joined along another axis than the last, Keras 2's has size 1 there: all of them.
            if c.is_keras3() || axis + 1 == rank || c.inputs.iter().any(|i| i.mask.is_none()) {
                let shape = c.shape_of_sizes(&sizes)?;
                mask = c.binary("BroadcastTo", mask, shape)?;
            }
        }
        masks.push(mask);
    }
    let all = c.concat(&masks, axis as i64)?;
    let last = c.axis(all, -1)?;
    let op = if c.is_keras3() { "Any" } else { "All" };
    c.reduce(op, all, &[last], false).map(Some)
}

/// Sums over one axis of each input, batch by batch.
fn lower_dot(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let (mut a, mut b) = (c.input(0)?, c.input(1)?);
    let axes = c.config.ints("axes").ok_or("axes is missing")?;
    let (of_a, of_b) = match axes.as_slice() {
        [both] => (*both, *both),
        [of_a, of_b] => (*of_a, *of_b),
        _ => return Err("axes is broken".to_owned()),
    };
    let (of_a, of_b) = (c.axis(a, of_a)?, c.axis(b, of_b)?);
    if c.flag("normalize", false) {
        (a, b) = (unit(c, a, &[of_a])?, unit(c, b, &[of_b])?);
    }
    let (rank_a, rank_b) = (c.rank(a)?, c.rank(b)?);
    let rest = |rank: usize, axis: usize| (1..rank).filter(move |at| *at != axis);
    let order_a: Vec<usize> = [0].into_iter().chain(rest(rank_a, of_a)).chain([of_a]).collect();
    let order_b: Vec<usize> = [0, of_b].into_iter().chain(rest(rank_b, of_b)).collect();
    let (a, b) = (c.transpose(a, &order_a)?, c.transpose(b, &order_b)?);
    let (sizes_a, sizes_b) = (c.sizes(a)?, c.sizes(b)?);
    let free_a = sizes_a.get(1..rank_a - 1).unwrap_or_default().to_vec();
    let free_b = sizes_b.get(2..).unwrap_or_default().to_vec();
    let (batch, k) = (sizes_a[0], sizes_a[rank_a - 1]);
    let (rows, columns) = (c.product(&free_a)?, c.product(&free_b)?);
    let a = c.reshape(a, &[batch, rows, k])?;
    let b = c.reshape(b, &[batch, k, columns])?;
    let y = c.batch_mat_mul((a, false), (b, false))?;
    let mut sizes: Vec<Size> = [batch].into_iter().chain(free_a).chain(free_b).collect();
    if sizes.len() == 1 {
        sizes.push(Size::Known(1));
    }
    crate::lower::one(c.reshape(y, &sizes)?)
}
