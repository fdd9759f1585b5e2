//! Ops that bring rows of one number together.

use tensorferry_ir::{Dim, Shape};

use crate::def::case;
use crate::families::slice_join::index;
use crate::wide::{Narrow, Real};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![
    SegmentMax,
    SegmentMean,
    SegmentMin,
    SegmentProd,
    SegmentSum,
    UnsortedSegmentMax,
    UnsortedSegmentMin,
    UnsortedSegmentProd,
    UnsortedSegmentSum,
];

/// Rows and the groups that they belong to.
struct Segments {
    /// The group of each row; `None` for rows that are left out.
    ids: Vec<Option<usize>>,
    /// Elements of a row.
    len: usize,
    /// The shape of the result, groups first.
    shape: Vec<usize>,
}

impl Segments {
    /// Rows numbered in order, without gaps being needed.
    fn sorted(inputs: &Args) -> Result<Self> {
        let (x, ids) = (inputs.tensor(0)?, inputs.sizes(1)?);
        ensure!(inputs.tensor(1)?.rank() == 1, "the numbers of rows have 1 dim");
        let Some((rows, rest)) = x.shape().split_first() else { fail!("a scalar has no rows") };
        ensure!(*rows == ids.len(), "{rows} rows, {} numbers", ids.len());
        ensure!(ids.is_sorted(), "the numbers of rows are not in order");
        let n = ids.last().map_or(0, |last| last.saturating_add(1));
        let shape = [&[n], rest].concat();
        checked_len(&shape)?;
        let len = rest.iter().product();
        Ok(Self { ids: ids.into_iter().map(Some).collect(), len, shape })
    }

    /// Rows numbered in any order; those below 0 are left out.
    fn unsorted(inputs: &Args) -> Result<Self> {
        let (x, ids) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(
            x.shape().starts_with(ids.shape()),
            "rows {:?}, numbers {:?}",
            x.shape(),
            ids.shape()
        );
        let n = usize::try_from(inputs.int(2)?)
            .map_err(|_| Error::invalid("a negative number of groups"))?;
        let rest = &x.shape()[ids.rank()..];
        let shape = [&[n], rest].concat();
        checked_len(&shape)?;
        let group = |id: i64| if id < 0 { Ok(None) } else { index(id, n).map(Some) };
        let ids = inputs.ints(1)?.into_iter().map(group).collect::<Result<_>>()?;
        Ok(Self { ids, len: rest.iter().product(), shape })
    }

    /// What each group becomes, from `start` on; groups without rows are `empty`.
    fn run<T: Real>(&self, all: &[T], start: T, empty: T, f: impl Fn(T, T) -> T) -> Vec<T> {
        let n: usize = self.shape.iter().product();
        let mut out = vec![start; n];
        let counts = self.counts();
        for (row, id) in self.ids.iter().enumerate() {
            let Some(id) = id else { continue };
            let places = &mut out[id * self.len..][..self.len];
            let row = &all[row * self.len..][..self.len];
            places.iter_mut().zip(row).for_each(|(place, x)| *place = f(*place, *x));
        }
        for (group, _) in counts.iter().enumerate().filter(|(_, n)| **n == 0) {
            out[group * self.len..][..self.len].fill(empty);
        }
        out
    }

    /// How many rows each group has.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.shape[0]];
        self.ids.iter().flatten().for_each(|id| counts[*id] += 1);
        counts
    }
}

fn infer_sorted(inputs: &[Fact]) -> Vec<Shape> {
    let Some([_, rest @ ..]) = inputs[0].dims() else { return vec![Shape::UNKNOWN] };
    let last = inputs[1].ints().map(|ids| ids.last().map_or(0, |last| last.saturating_add(1)));
    let n = last.and_then(|n| usize::try_from(n).ok());
    vec![[&[n.map_or(Dim::Unknown, Dim::Known)], rest].concat().into()]
}

fn infer_unsorted(inputs: &[Fact]) -> Result<Vec<Shape>> {
    let (Some(x), Some(ids)) = (inputs[0].dims(), inputs[1].dims()) else {
        return Ok(vec![Shape::UNKNOWN]);
    };
    ensure!(ids.len() <= x.len(), "more dims of numbers than of rows");
    let n = inputs[2].int().and_then(|n| usize::try_from(n).ok());
    Ok(vec![[&[n.map_or(Dim::Unknown, Dim::Known)], &x[ids.len()..]].concat().into()])
}

fn largest<T: Real>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}

fn smallest<T: Real>(a: T, b: T) -> T {
    if b < a || b.is_nan() { b } else { a }
}

/// Ops whose rows are numbered in order.
macro_rules! sorted {
    ($($(#[doc = $doc:literal])+ $name:ident $output:literal,
        |$dtype:ident| $start:expr, $empty:expr, $f:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["data: T", "segment_ids: Tindices"],
                    outputs: &["output: T"],
                    tolerance: Tolerance::SUM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] =
                    &[case("[[1, 2], [3, 5], [7, 8]], int32[0, 0, 2]", "", $output)];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(infer_sorted(inputs))
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (x, segments) = (inputs.tensor(0)?, Segments::sorted(&inputs)?);
                    fn run<T: Real>(all: &[T], segments: &Segments, $dtype: tensorferry_tensor::DType) -> Vec<T> {
                        let _ = $dtype;
                        segments.run(all, $start, $empty, $f)
                    }
                    let dtype = x.dtype();
                    Ok(vec![each_real!(x, |all| {
                        Narrow::narrow(dtype, &segments.shape, run(&all, &segments, dtype))
                    }).into()])
                }
            }
        )*
    };
}

sorted! {
    /// Adds up rows of one number; numbers are in order.
    SegmentSum "[[4, 7], [0, 0], [7, 8]]", |dtype| T::default(), T::default(), T::plus;

    /// Multiplies rows of one number; numbers are in order.
    SegmentProd "[[3, 10], [1, 1], [7, 8]]", |dtype| T::ONE, T::ONE, T::times;

    /// The largest of rows of one number; numbers are in order.
    SegmentMax "[[3, 5], [0, 0], [7, 8]]", |dtype| T::lowest(dtype), T::default(), largest;

    /// The smallest of rows of one number; numbers are in order.
    SegmentMin "[[1, 2], [0, 0], [7, 8]]", |dtype| T::highest(dtype), T::default(), smallest;
}

attrs! {
    /// The mean of rows of one number; numbers are in order.
    struct SegmentMean {}
}

impl Op for SegmentMean {
    const SPEC: Spec = Spec {
        name: "SegmentMean",
        inputs: &["data: T", "segment_ids: Tindices"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 3, 7], int32[0, 0, 2]", "", "[2, 0, 7]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(infer_sorted(inputs))
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, segments) = (inputs.tensor(0)?, Segments::sorted(&inputs)?);
        let counts = segments.counts();
        Ok(vec![
            each_real!(x, |all| {
                let zero = Default::default();
                let mut out = segments.run(&all, zero, zero, Real::plus);
                for (row, n) in out.chunks_exact_mut(segments.len.max(1)).zip(&counts) {
                    row.iter_mut().for_each(|x| *x = x.over((*n).max(1)));
                }
                Narrow::narrow(x.dtype(), &segments.shape, out)
            })
            .into(),
        ])
    }
}

/// Ops whose rows are numbered in any order.
macro_rules! unsorted {
    ($($(#[doc = $doc:literal])+ $name:ident $output:literal, |$dtype:ident| $start:expr, $f:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["data: T", "segment_ids: Tindices", "num_segments: Tnumsegments"],
                    outputs: &["output: T"],
                    tolerance: Tolerance::SUM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] =
                    &[case("int32[[1, 2], [3, 4], [5, 6]], int32[1, -1, 1], int32 2", "", $output)];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    infer_unsorted(inputs)
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (x, segments) = (inputs.tensor(0)?, Segments::unsorted(&inputs)?);
                    fn run<T: Real>(all: &[T], segments: &Segments, $dtype: tensorferry_tensor::DType) -> Vec<T> {
                        let _ = $dtype;
                        let start = $start;
                        segments.run(all, start, start, $f)
                    }
                    let dtype = x.dtype();
                    Ok(vec![each_real!(x, |all| {
                        Narrow::narrow(dtype, &segments.shape, run(&all, &segments, dtype))
                    }).into()])
                }
            }
        )*
    };
}

unsorted! {
    /// Adds up rows by number: row `i` of the result is the sum of the rows numbered `i`. Rows with a
    /// negative number are left out.
    UnsortedSegmentSum "int32[[0, 0], [6, 8]]", |dtype| T::default(), T::plus;

    /// Multiplies rows by number.
    UnsortedSegmentProd "int32[[1, 1], [5, 12]]", |dtype| T::ONE, T::times;

    /// The largest of rows by number; the lowest number where there is none.
    UnsortedSegmentMax "int32[[-2147483648, -2147483648], [5, 6]]", |dtype| T::lowest(dtype), largest;

    /// The smallest of rows by number; the highest number where there is none.
    UnsortedSegmentMin "int32[[2147483647, 2147483647], [1, 2]]", |dtype| T::highest(dtype), smallest;
}
