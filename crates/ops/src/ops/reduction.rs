//! Ops that make one element of many, along axes.

use tensorferry_ir::{Attr, Dim, Shape};
use tensorferry_kernels::Reduction;
use tensorferry_tensor::{Complex, DType};

use crate::def::case;
use crate::fast;
use crate::walk::{Odometer, strides};
use crate::wide::{Narrow, Real, Wide, view};
use crate::{
    Args, Backward, Case, Error, Fact, Fast, Gradient, Op, Result, Spec, Tolerance, Value,
};

register![Sum, Mean, Prod, Max, Min, All, Any, EuclideanNorm];

/// Axes as flags, negative ones counted from the end.
pub(crate) fn axis_flags(axes: &[i64], rank: usize) -> Result<Vec<bool>> {
    let mut flags = vec![false; rank];
    for one in axes {
        flags[axis(*one, rank)?] = true;
    }
    Ok(flags)
}

/// An axis, counted from the end when it is negative.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let from_end = axis.checked_add_unsigned(rank as u64).filter(|_| axis < 0).unwrap_or(axis);
    usize::try_from(from_end)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| Error::invalid(format!("there is no axis {axis} in {rank} dims")))
}

/// The shape without the axes that input 1 names.
pub(crate) fn reduced(inputs: &[Fact], keep_dims: bool) -> Result<Vec<Shape>> {
    let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
    let Some(axes) = inputs[1].ints() else {
        // The axes are unknown: only that as many dims stay is sure.
        return Ok(vec![if keep_dims { Shape::of_rank(dims.len()) } else { Shape::UNKNOWN }]);
    };
    let flags = axis_flags(&axes, dims.len())?;
    let kept =
        dims.iter().zip(flags).filter_map(|(dim, is_reduced)| match (is_reduced, keep_dims) {
            (false, _) => Some(*dim),
            (true, true) => Some(Dim::Known(1)),
            (true, false) => None,
        });
    Ok(vec![kept.collect::<Vec<_>>().into()])
}

/// A reduction of one tensor: its groups of elements, and the shape of the result.
pub(crate) struct Groups {
    pub(crate) shape: Vec<usize>,
    dtype: DType,
    starts: Vec<(usize, isize)>,
    offsets: Vec<usize>,
}

impl Groups {
    /// The groups of `x` along the axes in input 1.
    pub(crate) fn new(inputs: &Args, keep_dims: bool) -> Result<Self> {
        let x = inputs.tensor(0)?;
        let flags = axis_flags(&inputs.ints(1)?, x.rank())?;
        let all: Vec<(usize, isize)> = x.shape().iter().copied().zip(strides(x.shape())).collect();
        let side = |which: bool| -> Vec<(usize, isize)> {
            all.iter()
                .zip(&flags)
                .filter(|(_, flag)| **flag == which)
                .map(|(dim, _)| *dim)
                .collect()
        };
        let shape =
            x.shape().iter().zip(&flags).filter_map(|(dim, flag)| match (flag, keep_dims) {
                (false, _) => Some(*dim),
                (true, true) => Some(1),
                (true, false) => None,
            });
        let offsets = Odometer::new(side(true), 0).collect();
        Ok(Self { shape: shape.collect(), dtype: x.dtype(), starts: side(false), offsets })
    }

    /// `f` of each group.
    pub(crate) fn map<T: Copy, O>(&self, all: &[T], f: impl Fn(Group<'_, T>) -> O) -> Vec<O> {
        Odometer::new(self.starts.clone(), 0)
            .map(|start| f(Group { all, dtype: self.dtype, start, offsets: self.offsets.iter() }))
            .collect()
    }
}

/// The elements that become one.
pub(crate) struct Group<'a, T> {
    all: &'a [T],
    /// The type of the tensor, which is widened to `T`.
    dtype: DType,
    start: usize,
    offsets: std::slice::Iter<'a, usize>,
}

impl<T: Copy> Iterator for Group<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.offsets.next().map(|offset| self.all[self.start + offset])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.offsets.size_hint()
    }
}

impl<T: Copy> ExactSizeIterator for Group<'_, T> {}

/// Reductions that differ by a formula over the elements of a group; floats are taken in double
/// precision and rounded once.
macro_rules! reductions {
    ($($(#[doc = $doc:literal])+
        $name:ident $tolerance:expr, $indices:literal, [$($input:literal => $output:literal),+] {
            $($kind:ident: |$group:ident| $formula:expr),+ $(,)?
        } $(grad $grad:path)? $(, fast $fast:ident)?;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The axes stay, with length 1.
                    keep_dims: bool = false,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &[concat!("input: ", $indices), "reduction_indices: Tidx"],
                    outputs: &[concat!("output: ", $indices)],
                    tolerance: $tolerance,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$(case($input, "", $output)),+];
                $(const GRAD: Option<Gradient<Self>> = Some($grad);)?
                $(const FAST: &'static [Fast<Self>] = &[Fast {
                    name: "vectors",
                    prepare: |op, inputs| {
                        fast::reduction(Reduction::$fast, op.keep_dims, inputs)
                    },
                }];)?

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    reduced(inputs, self.keep_dims)
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.tensor(0)?;
                    let groups = Groups::new(&inputs, self.keep_dims)?;
                    let wide = view(x);
                    $(reductions!(@$kind wide, x, groups, |$group| $formula);)+
                    Err(crate::rows::refused(x.dtype()))
                }
            }
        )*
    };
    (@real $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        if let Wide::F32(all) = &$wide {
            let out = $groups.map(all, |group| -> f64 {
                let $group = group.map(f64::from);
                $f
            });
            return Ok(vec![f64::narrow($x.dtype(), &$groups.shape, out).into()]);
        }
        reductions!(@arm F64, f64, $wide, $x, $groups, |$group| $f);
    };
    (@int $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        reductions!(@arm I64, i64, $wide, $x, $groups, |$group| $f);
        reductions!(@arm U64, u64, $wide, $x, $groups, |$group| $f);
    };
    (@signed $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        reductions!(@arm I64, i64, $wide, $x, $groups, |$group| $f);
    };
    (@unsigned $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        reductions!(@arm U64, u64, $wide, $x, $groups, |$group| $f);
    };
    (@complex $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        reductions!(@arm C128, Complex<f64>, $wide, $x, $groups, |$group| $f);
    };
    (@bool $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        reductions!(@arm Bool, bool, $wide, $x, $groups, |$group| $f);
    };
    (@arm $variant:ident, $ty:ty, $wide:ident, $x:ident, $groups:ident, |$group:ident| $f:expr) => {
        if let Wide::$variant(all) = &$wide {
            let out: Vec<$ty> = $groups.map(all, |mut group| {
                let $group = &mut group;
                $f
            });
            return Ok(vec![<$ty as Narrow>::narrow($x.dtype(), &$groups.shape, out).into()]);
        }
    };
}

reductions! {
    /// Adds up the elements along the given axes.
    Sum Tolerance::SUM, "T", ["[[1, 2], [3, 4]], int32[0]" => "[4, 6]", "[1, 2], int32[]" => "[1, 2]"] {
        real: |all| all.sum(),
        int: |all| all.reduce(|sum, x| sum.wrapping_add(x)).unwrap_or(0),
        complex: |all| all.fold(Complex::default(), |sum, x| sum + x),
    } grad sum_grad, fast Sum;

    /// The mean of the elements along the given axes; integers are divided toward zero.
    Mean Tolerance::SUM, "T", ["[[1, 2], [3, 5]], int32[1]" => "[1.5, 4]", "int32[1, 2], int32[0]" => "int32 1"] {
        real: |all| {
            let n = all.len() as f64;
            all.sum::<f64>() / n
        },
        signed: |all| {
            let n = all.len().max(1).cast_signed() as i64;
            all.fold(0_i64, |sum, x| sum.wrapping_add(x)) / n
        },
        unsigned: |all| {
            let n = all.len().max(1) as u64;
            all.fold(0_u64, |sum, x| sum.wrapping_add(x)) / n
        },
        complex: |all| {
            let n = Complex::new(all.len() as f64, 0.0);
            all.fold(Complex::default(), |sum, x| sum + x) / n
        },
    } grad mean_grad, fast Mean;

    /// Multiplies the elements along the given axes.
    Prod Tolerance::SUM, "T", ["[[1, 2], [3, 4]], int32[0]" => "[3, 8]"] {
        real: |all| all.product(),
        int: |all| all.reduce(|product, x| product.wrapping_mul(x)).unwrap_or(1),
        complex: |all| all.fold(Complex::new(1.0, 0.0), |product, x| product * x),
    };

    /// The largest element along the given axes; NaN if there is one, the lowest number if there is
    /// no element.
    Max Tolerance::Exact, "T", ["[[1, 5], [3, 4]], int32[-1]" => "[5, 4]", "<0>[], int32[0]" => "-inf"] {
        real: |all| all.fold(f64::NEG_INFINITY, |m, x| if m > x || m.is_nan() { m } else { x }),
        int: |all| {
            let lowest = Real::lowest(all.dtype);
            all.max().unwrap_or(lowest)
        },
    } grad crate::grads::extreme, fast Max;

    /// The smallest element along the given axes; NaN if there is one, the highest number if there
    /// is no element.
    Min Tolerance::Exact, "T", ["[[1, 5], [3, 4]], int32[-1]" => "[1, 3]", "[1, nan], int32[0]" => "nan"] {
        real: |all| all.fold(f64::INFINITY, |m, x| if m < x || m.is_nan() { m } else { x }),
        int: |all| {
            let highest = Real::highest(all.dtype);
            all.min().unwrap_or(highest)
        },
    } grad crate::grads::extreme;

    /// Whether all elements along the given axes are true.
    All Tolerance::Exact, "bool", ["bool[[true, false], [true, true]], int32[1]" => "bool[false, true]"] {
        bool: |all| all.all(|x| x),
    };

    /// Whether any element along the given axes is true.
    Any Tolerance::Exact, "bool", ["bool[[true, false], [false, false]], int32[1]" => "bool[true, false]"] {
        bool: |all| all.any(|x| x),
    };

    /// The root of the sum of squares along the given axes.
    EuclideanNorm Tolerance::SUM, "T", ["[3, 4], int32[0]" => "5"] {
        real: |all| all.map(|x| x * x).sum::<f64>().sqrt(),
        signed: |all| all.map(|x| x as f64 * x as f64).sum::<f64>().sqrt() as i64,
        complex: |all| {
            Complex::new(all.map(|z| z.re * z.re + z.im * z.im).sum::<f64>().sqrt(), 0.0)
        },
    };
}

/// The gradient of the result brought back to the input's shape: axes of length 1, then repeated.
fn spread(g: &mut Backward<'_>, axes: tensorferry_ir::Edge) -> Result<tensorferry_ir::Edge> {
    let (x, dy) = (g.inputs[0], g.dy()?);
    let shape = g.build.shape_of(x);
    // A sum of ones with the axes kept has the shape that the gradient needs.
    let ones = g.build.add("OnesLike", &[x], &[]);
    let kept = g.build.add("Sum", &[ones, axes], &[("keep_dims", Attr::Bool(true))]);
    let kept = g.build.shape_of(kept);
    let dy = g.build.add("Reshape", &[dy, kept], &[]);
    Ok(g.build.add("BroadcastTo", &[dy, shape], &[]))
}

fn sum_grad(_: &Sum, g: &mut Backward<'_>) -> Result<Vec<Option<tensorferry_ir::Edge>>> {
    let axes = g.inputs[1];
    Ok(vec![Some(spread(g, axes)?), None])
}

fn mean_grad(_: &Mean, g: &mut Backward<'_>) -> Result<Vec<Option<tensorferry_ir::Edge>>> {
    let axes = g.inputs[1];
    let spread = spread(g, axes)?;
    // Elements in a group: a sum of ones again.
    let ones = g.build.add("OnesLike", &[g.inputs[0]], &[]);
    let n = g.build.add("Sum", &[ones, axes], &[("keep_dims", Attr::Bool(true))]);
    Ok(vec![Some(g.build.add("RealDiv", &[spread, n], &[])), None])
}
