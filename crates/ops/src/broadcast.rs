//! Broadcasting: axes of length 1 are repeated, missing outer axes are added.

use tensorferry_ir::{Dim, Shape};

use crate::walk::{Odometer, strides};
use crate::{Error, Result};

/// Two shapes brought to one.
pub(crate) struct Broadcast {
    /// The shape of the result.
    pub(crate) shape: Vec<usize>,
    a: Vec<(usize, isize)>,
    b: Vec<(usize, isize)>,
}

impl Broadcast {
    pub(crate) fn new(a: &[usize], b: &[usize]) -> Result<Self> {
        let known = broadcast_shapes(&Shape::of(a), &Shape::of(b))?.known();
        let shape = known.ok_or_else(|| Error::invalid("dims are unknown"))?;
        crate::checked_len(&shape)?;
        let side = |from: &[usize]| {
            let new = shape.len() - from.len();
            let strides = strides(from);
            let dim = |(i, len): (usize, &usize)| match i.checked_sub(new) {
                Some(axis) if from[axis] != 1 => (*len, strides[axis]),
                _ => (*len, 0),
            };
            shape.iter().enumerate().map(dim).collect::<Vec<_>>()
        };
        let (a, b) = (side(a), side(b));
        Ok(Self { shape, a, b })
    }

    /// `f` of every pair of elements.
    pub(crate) fn map<A: Copy, B: Copy, O>(
        &self,
        a: &[A],
        b: &[B],
        f: impl Fn(A, B) -> O,
    ) -> Vec<O> {
        let n = tensorferry_tensor::dense_len(&self.shape).unwrap_or(0);
        if a.len() == n && b.len() == n {
            return a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect();
        }
        if let ([b], true) = (b, a.len() == n) {
            return a.iter().map(|a| f(*a, *b)).collect();
        }
        if let ([a], true) = (a, b.len() == n) {
            return b.iter().map(|b| f(*a, *b)).collect();
        }
        let mut out = Vec::with_capacity(n);
        let (Some((len, step_a)), Some((_, step_b))) = (self.a.last(), self.b.last()) else {
            return out;
        };
        let outer = self.a.len() - 1;
        let rows_a = Odometer::new(self.a[..outer].to_vec(), 0);
        let rows_b = Odometer::new(self.b[..outer].to_vec(), 0);
        for (a_at, b_at) in rows_a.zip(rows_b) {
            match (step_a, step_b) {
                (1, 1) => {
                    let pairs = a[a_at..a_at + len].iter().zip(&b[b_at..b_at + len]);
                    out.extend(pairs.map(|(a, b)| f(*a, *b)));
                }
                (_, 0) => out.extend(a[a_at..a_at + len].iter().map(|a| f(*a, b[b_at]))),
                (_, _) => out.extend(b[b_at..b_at + len].iter().map(|b| f(a[a_at], *b))),
            }
        }
        out
    }
}

/// The shape of two shapes brought to one.
///
/// # Errors
/// When they do not go together.
pub(crate) fn broadcast_shapes(a: &Shape, b: &Shape) -> Result<Shape> {
    let (Some(a), Some(b)) = (a.dims(), b.dims()) else { return Ok(Shape::UNKNOWN) };
    let rank = a.len().max(b.len());
    let at = |dims: &[Dim], i: usize| match (i + dims.len()).checked_sub(rank) {
        Some(axis) => dims[axis],
        None => Dim::Known(1),
    };
    let dims = (0..rank).map(|i| match (at(a, i), at(b, i)) {
        (x, y) if x == y => Ok(x),
        (Dim::Known(1), other) | (other, Dim::Known(1)) => Ok(other),
        (Dim::Unknown, known) | (known, Dim::Unknown) => Ok(known),
        (x, y) => Err(Error::invalid(format!(
            "shapes {} and {} do not go together: {x} and {y}",
            Shape::from(a.to_vec()),
            Shape::from(b.to_vec())
        ))),
    });
    Ok(dims.collect::<Result<Vec<_>>>()?.into())
}
