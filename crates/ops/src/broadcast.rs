//! Broadcasting: axes of length 1 are repeated, missing outer axes are added.

use tensorferry_ir::{Dim, Shape};

use crate::walk::{Odometer, strides};
use crate::{Error, Result};

/// Pairs of elements at even distances.
struct Row {
    /// Where the first pair is.
    a: usize,
    b: usize,
    len: usize,
    /// Distance from pair to pair.
    steps: (usize, usize),
}

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
        let mut out = Vec::with_capacity(n);
        // A formula is compiled once for each place that calls it, and there are hundreds: rows of
        // neighbours are where time is spent, and everything else shares one loop.
        for row in self.rows((a.len(), b.len()), n) {
            let (a, b) = (&a[row.a..], &b[row.b..]);
            if row.steps == (1, 1) {
                let pairs = a[..row.len].iter().zip(&b[..row.len]);
                out.extend(pairs.map(|(a, b)| f(*a, *b)));
            } else {
                let (step_a, step_b) = row.steps;
                out.extend((0..row.len).map(|i| f(a[i * step_a], b[i * step_b])));
            }
        }
        out
    }

    /// Rows of the result whose pairs lie at even distances, the longest that are found easily.
    fn rows(&self, (len_a, len_b): (usize, usize), n: usize) -> Box<dyn Iterator<Item = Row>> {
        let whole = |steps| Box::new(std::iter::once(Row { a: 0, b: 0, len: n, steps }));
        match (len_a, len_b) {
            _ if n == 0 => return Box::new(std::iter::empty()),
            _ if len_a == n && len_b == n => return whole((1, 1)),
            (_, 1) if len_a == n => return whole((1, 0)),
            (1, _) if len_b == n => return whole((0, 1)),
            _ => {}
        }
        let (Some((len, step_a)), Some((_, step_b))) = (self.a.last(), self.b.last()) else {
            return Box::new(std::iter::empty());
        };
        // Steps of the innermost axis are 0 or 1.
        let steps = (step_a.unsigned_abs(), step_b.unsigned_abs());
        let outer = self.a.len() - 1;
        let rows_a = Odometer::new(self.a[..outer].to_vec(), 0);
        let rows_b = Odometer::new(self.b[..outer].to_vec(), 0);
        let len = *len;
        Box::new(rows_a.zip(rows_b).map(move |(a, b)| Row { a, b, len, steps }))
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
