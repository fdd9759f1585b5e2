//! `Add`, `Concatenate`, `Dot` and the other layers of `keras.layers.merging`.

use crate::Config;
use crate::def::{LayerDef, Shape, Tfjs};
use crate::layers::shapes::{axis_of, broadcast, one};

const ELEMENTWISE: LayerDef =
    LayerDef { output_shapes: elementwise_shapes, ..LayerDef::SHAPE_KEEPING };

/// The family's definitions.
pub(crate) const LAYERS: &[LayerDef] = &[
    LayerDef { class_name: "Add", ..ELEMENTWISE },
    LayerDef { class_name: "Subtract", tfjs: Tfjs::Unknown, ..ELEMENTWISE },
    LayerDef { class_name: "Multiply", ..ELEMENTWISE },
    LayerDef { class_name: "Average", ..ELEMENTWISE },
    LayerDef { class_name: "Maximum", ..ELEMENTWISE },
    LayerDef { class_name: "Minimum", ..ELEMENTWISE },
    LayerDef { class_name: "Concatenate", output_shapes: concatenated, ..LayerDef::SHAPE_KEEPING },
    LayerDef {
        class_name: "Dot",
        output_shapes: dot,
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
