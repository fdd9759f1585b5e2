//! Moving elements: every rearrangement is a walk with a stride per axis.

use tensorferry_tensor::{DenseTensor, Run, assemble};

/// Distance between neighbours along each axis of a row-major tensor.
pub(crate) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1_isize;
    for (stride, dim) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.saturating_mul((*dim).max(1).cast_signed());
    }
    strides
}

/// The indexes that an odometer over `dims` (length, stride) passes, from `start` on.
pub(crate) struct Odometer {
    dims: Vec<(usize, isize)>,
    counts: Vec<usize>,
    at: isize,
    left: usize,
}

impl Odometer {
    pub(crate) fn new(dims: Vec<(usize, isize)>, start: usize) -> Self {
        // A shape with a zero has no elements, however large its other dims are.
        let left = match dims.iter().any(|(len, _)| *len == 0) {
            true => 0,
            false => dims.iter().fold(1, |n: usize, (len, _)| n.saturating_mul(*len)),
        };
        Self { counts: vec![0; dims.len()], dims, at: start.cast_signed(), left }
    }
}

impl Iterator for Odometer {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let now = self.at.cast_unsigned();
        for (count, (len, stride)) in self.counts.iter_mut().zip(&self.dims).rev() {
            *count += 1;
            self.at += stride;
            if *count < *len {
                break;
            }
            self.at -= stride * (*len).cast_signed();
            *count = 0;
        }
        Some(now)
    }
}

/// A tensor of `shape` whose elements are those of `x` met on a walk: per axis of the walk a length
/// and a stride, outermost first. The walk has as many elements as `shape` and stays inside `x`.
pub(crate) fn walk(
    x: &DenseTensor,
    shape: &[usize],
    mut dims: Vec<(usize, isize)>,
    start: usize,
) -> DenseTensor {
    dims.retain(|(len, _)| *len != 1);
    // What lies together is copied together.
    let mut len = 1_usize;
    while let Some((n, stride)) = dims.last().copied() {
        if stride != len.cast_signed() {
            break;
        }
        len *= n;
        dims.pop();
    }
    let mut repeat = 1;
    if let Some((n, 0)) = dims.last().copied() {
        repeat = n;
        dims.pop();
    }
    let starts = Odometer::new(dims, start);
    let is_empty = len == 0 || repeat == 0;
    let mut runs =
        starts.map(|start| Run { source: 0, start, len, repeat }).take_while(|_| !is_empty);
    assemble(shape, &[x], &mut runs)
}

/// `x` with its axes in another order.
pub(crate) fn transposed(x: &DenseTensor, permutation: &[usize]) -> DenseTensor {
    let strides = strides(x.shape());
    let shape: Vec<usize> = permutation.iter().map(|axis| x.shape()[*axis]).collect();
    let dims = permutation.iter().map(|axis| (x.shape()[*axis], strides[*axis])).collect();
    walk(x, &shape, dims, 0)
}

/// `x` repeated along axes of length 1, and along new outer axes; `shape` must allow it.
pub(crate) fn broadcast_to(x: &DenseTensor, shape: &[usize]) -> DenseTensor {
    let new = shape.len() - x.rank();
    let strides = strides(x.shape());
    let dims = shape.iter().enumerate().map(|(i, len)| match i.checked_sub(new) {
        Some(axis) if x.shape()[axis] != 1 => (*len, strides[axis]),
        _ => (*len, 0),
    });
    walk(x, shape, dims.collect(), 0)
}
