//! Arithmetic between two tensors, element by element.

use crate::vector::vectorized;

/// An operation between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// b − a
    SubFrom,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// b / a
    DivInto,
    /// (a − b)²
    SquaredDifference,
    /// a, or a · b where a is negative
    Slope,
}

impl Binary {
    /// The operation with its operands exchanged, where there is one.
    pub fn swapped(self) -> Option<Self> {
        Some(match self {
            Self::Sub => Self::SubFrom,
            Self::SubFrom => Self::Sub,
            Self::Div => Self::DivInto,
            Self::DivInto => Self::Div,
            Self::Slope => return None,
            Self::Add | Self::Mul | Self::SquaredDifference => self,
        })
    }
}

/// Calls `$with` with the operation as a closure, so that each loop is compiled for one operation.
macro_rules! for_each_operation {
    ($op:expr, |$f:ident| $body:expr) => {
        match $op {
            Binary::Add => {
                let $f = |a: f32, b: f32| a + b;
                $body
            }
            Binary::Sub => {
                let $f = |a: f32, b: f32| a - b;
                $body
            }
            Binary::SubFrom => {
                let $f = |a: f32, b: f32| b - a;
                $body
            }
            Binary::Mul => {
                let $f = |a: f32, b: f32| a * b;
                $body
            }
            Binary::Div => {
                let $f = |a: f32, b: f32| a / b;
                $body
            }
            Binary::DivInto => {
                let $f = |a: f32, b: f32| b / a;
                $body
            }
            Binary::SquaredDifference => {
                let $f = |a: f32, b: f32| (a - b) * (a - b);
                $body
            }
            Binary::Slope => {
                let $f = |a: f32, b: f32| if a < 0.0 { a * b } else { a };
                $body
            }
        }
    };
}

#[inline(always)]
fn zip(xs: &mut [f32], ys: &[f32], f: impl Fn(f32, f32) -> f32) {
    xs.iter_mut().zip(ys).for_each(|(x, y)| *x = f(*x, *y));
}

/// `xs[i] = op(xs[i], ys[i])`
pub fn binary_same(op: Binary, xs: &mut [f32], ys: &[f32]) {
    for_each_operation!(op, |f| vectorized(|| zip(xs, ys, f)));
}

/// `xs[i] = op(xs[i], y)`
pub fn binary_scalar(op: Binary, xs: &mut [f32], y: f32) {
    for_each_operation!(op, |f| vectorized(|| xs.iter_mut().for_each(|x| *x = f(*x, y))));
}

/// `xs[i] = op(xs[i], ys[i % ys.len()])`: one number of `ys` per channel, channels being last.
pub fn binary_channels(op: Binary, xs: &mut [f32], ys: &[f32]) {
    for_each_operation!(op, |f| vectorized(|| xs
        .chunks_mut(ys.len().max(1))
        .for_each(|row| zip(row, ys, f))));
}

/// `xs[i] = xs[i] * scale[c] + offset[c]`, rounded twice, `c` being the channel.
pub fn scale_channels(xs: &mut [f32], scale: &[f32], offset: &[f32]) {
    vectorized(|| {
        for row in xs.chunks_mut(scale.len().max(1)) {
            let pairs = row.iter_mut().zip(scale.iter().zip(offset));
            pairs.for_each(|(x, (scale, offset))| *x = *x * scale + offset);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_what_they_say() {
        let xs: Vec<f32> = (0..1003).map(|i| (i as f32 - 500.0) / 7.0).collect();
        let ys: Vec<f32> = (0..1003).map(|i| (i * i % 97) as f32 + 0.5).collect();
        type Case = (Binary, fn(f32, f32) -> f32);
        let cases: [Case; 8] = [
            (Binary::Add, |a, b| a + b),
            (Binary::Sub, |a, b| a - b),
            (Binary::SubFrom, |a, b| b - a),
            (Binary::Mul, |a, b| a * b),
            (Binary::Div, |a, b| a / b),
            (Binary::DivInto, |a, b| b / a),
            (Binary::SquaredDifference, |a, b| (a - b) * (a - b)),
            (Binary::Slope, |a, b| if a < 0.0 { a * b } else { a }),
        ];
        for (op, f) in cases {
            let mut same = xs.clone();
            binary_same(op, &mut same, &ys);
            let mut scalar = xs.clone();
            binary_scalar(op, &mut scalar, 3.25);
            let mut channels = xs.clone();
            binary_channels(op, &mut channels, &ys[..17]);
            let mut back = xs.clone();
            match op.swapped() {
                Some(op) => binary_same(op, &mut back, &ys),
                None => binary_same(op, &mut back, &xs),
            }
            for i in 0..xs.len() {
                assert_eq!(same[i], f(xs[i], ys[i]), "{op:?}");
                assert_eq!(scalar[i], f(xs[i], 3.25), "{op:?}");
                assert_eq!(channels[i], f(xs[i], ys[i % 17]), "{op:?}");
                let first = if op.swapped().is_some() { ys[i] } else { xs[i] };
                assert_eq!(back[i], f(first, xs[i]), "{op:?} swapped");
            }
        }
        let mut scaled = xs.clone();
        scale_channels(&mut scaled, &ys[..17], &xs[..17]);
        let expected = |i: usize| xs[i] * ys[i % 17] + xs[i % 17];
        assert!((0..xs.len()).all(|i| scaled[i] == expected(i)));
    }
}
