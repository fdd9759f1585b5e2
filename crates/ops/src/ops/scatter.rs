//! Ops that put slices in places that are named by index.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{Complex, DenseTensor, Run, assemble};

use crate::def::case;
use crate::families::slice_join::index;
use crate::walk::strides;
use crate::wide::{Narrow, Real, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![
    DynamicPartition,
    DynamicStitch,
    ScatterNd,
    TensorScatterAdd,
    TensorScatterMax,
    TensorScatterMin,
    TensorScatterSub,
    TensorScatterUpdate,
];

/// Slices of a tensor that rows of indices name.
struct Slices {
    /// Where each begins.
    starts: Vec<usize>,
    /// How long each is.
    len: usize,
}

impl Slices {
    /// `updates` has the shape that the slices have together.
    fn new(indices: &DenseTensor, updates: &DenseTensor, shape: &[usize]) -> Result<Self> {
        let Some((k, outer)) = indices.shape().split_last() else {
            fail!("the indices are a scalar")
        };
        ensure!(*k <= shape.len(), "indices of {k} axes, and there are {}", shape.len());
        let expected = [outer, &shape[*k..]].concat();
        ensure!(
            updates.shape() == expected,
            "updates of shape {:?}, expected {expected:?}",
            updates.shape()
        );
        let all = indices.to_i64().ok_or_else(|| Error::invalid("the indices are no integers"))?;
        let strides = strides(shape);
        let n: usize = outer.iter().product();
        let start = |row: usize| -> Result<usize> {
            let mut start = 0;
            for (i, one) in all[row * k..(row + 1) * k].iter().enumerate() {
                start += index(*one, shape[i])? * strides[i].cast_unsigned();
            }
            Ok(start)
        };
        let starts = (0..n).map(start).collect::<Result<_>>()?;
        Ok(Self { starts, len: shape[*k..].iter().product() })
    }

    /// Combines `all`, slice by slice in order, with the updates.
    fn update<T: Copy>(&self, all: &mut [T], updates: &[T], f: impl Fn(T, T) -> T) {
        for (i, start) in self.starts.iter().enumerate() {
            let updates = &updates[i * self.len..][..self.len];
            let places = &mut all[*start..*start + self.len];
            places.iter_mut().zip(updates).for_each(|(place, x)| *place = f(*place, *x));
        }
    }
}

attrs! {
    /// Zeros, with slices added at indices.
    struct ScatterNd {}
}

impl Op for ScatterNd {
    const SPEC: Spec = Spec {
        name: "ScatterNd",
        inputs: &["indices: Tindices", "updates: T", "shape: Tindices"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("int32[[1], [3], [1]], [5, 6, 7], int32[4]", "", "[0, 12, 0, 6]"),
        case("int32[[1]], [[1, 2]], int32[2, 2]", "", "[[0, 0], [1, 2]]"),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[2].as_shape()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (indices, updates, shape) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.sizes(2)?);
        let n = checked_len(&shape)?;
        let slices = Slices::new(indices, updates, &shape)?;
        let dtype = updates.dtype();
        Ok(vec![
            match view(updates) {
                Wide::Bool(updates) => {
                    let mut all = vec![false; n];
                    slices.update(&mut all, &updates, |a, b| a || b);
                    DenseTensor::new(&shape, all)
                }
                Wide::C128(updates) => {
                    let mut all = vec![Complex::default(); n];
                    slices.update(&mut all, &updates, |a, b| a + b);
                    Complex::narrow(dtype, &shape, all)
                }
                Wide::Text(_) => return Err(crate::rows::refused(dtype)),
                _ => each_real!(updates, |updates| {
                    let mut all = vec![Default::default(); n];
                    slices.update(&mut all, &updates, Real::plus);
                    Narrow::narrow(dtype, &shape, all)
                }),
            }
            .into(),
        ])
    }
}

attrs! {
    /// A tensor with other slices at indices; of several for one place the last counts.
    struct TensorScatterUpdate {}
}

impl Op for TensorScatterUpdate {
    const SPEC: Spec = Spec {
        name: "TensorScatterUpdate",
        inputs: &["tensor: T", "indices: Tindices", "updates: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2], [3, 4]], int32[[1]], [[8, 9]]", "", "[[1, 2], [8, 9]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, updates) = (inputs.tensor(0)?, inputs.tensor(2)?);
        ensure!(x.dtype() == updates.dtype(), "{} into {}", updates.dtype(), x.dtype());
        let slices = Slices::new(inputs.tensor(1)?, updates, x.shape())?;
        if slices.len == 0 {
            return Ok(vec![x.clone().into()]);
        }
        let mut sources: Vec<Option<usize>> = vec![None; x.len() / slices.len];
        for (i, start) in slices.starts.iter().enumerate() {
            sources[start / slices.len] = Some(i);
        }
        let len = slices.len;
        let mut runs = sources.iter().enumerate().map(|(place, source)| match source {
            Some(i) => Run::once(1, i * len, len),
            None => Run::once(0, place * len, len),
        });
        Ok(vec![assemble(x.shape(), &[x, updates], &mut runs).into()])
    }
}

/// Ops that combine slices at indices with others.
macro_rules! scatters {
    ($($(#[doc = $doc:literal])+ $name:ident $case:expr,
        |$a:ident, $b:ident| $real:expr $(, complex $complex:expr)?;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {}
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["tensor: T", "indices: Tindices", "updates: T"],
                    outputs: &["output: T"],
                    tolerance: Tolerance::SUM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![inputs[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (x, updates) = (inputs.tensor(0)?, inputs.tensor(2)?);
                    let slices = Slices::new(inputs.tensor(1)?, updates, x.shape())?;
                    $(if let (Wide::C128(all), Wide::C128(updates)) = (view(x), view(updates)) {
                        let mut all = all.into_owned();
                        let f = |$a: Complex<f64>, $b: Complex<f64>| $complex;
                        slices.update(&mut all, &updates, f);
                        return Ok(vec![Complex::narrow(x.dtype(), x.shape(), all).into()]);
                    })?
                    fn combined<T: Real>($a: T, $b: T) -> T {
                        $real
                    }
                    Ok(vec![both_real!(x, updates, |all, updates| {
                        let mut all = all.into_owned();
                        slices.update(&mut all, &updates, combined);
                        Narrow::narrow(x.dtype(), x.shape(), all)
                    }).into()])
                }
            }
        )*
    };
}

scatters! {
    /// A tensor with slices added at indices.
    TensorScatterAdd case("[1, 2], int32[[1], [1]], [10, 20]", "", "[1, 32]"),
        |a, b| a.plus(b), complex a + b;

    /// A tensor with slices subtracted at indices.
    TensorScatterSub case("[1, 2], int32[[1], [1]], [10, 20]", "", "[1, -28]"),
        |a, b| a.minus(b), complex a - b;

    /// A tensor, at indices no less than other slices.
    TensorScatterMax case("[1, 2], int32[[0], [1]], [10, 0]", "", "[10, 2]"),
        |a, b| if b > a || b.is_nan() { b } else { a };

    /// A tensor, at indices no more than other slices.
    TensorScatterMin case("[1, 2], int32[[0], [1]], [10, 0]", "", "[1, 0]"),
        |a, b| if b < a || b.is_nan() { b } else { a };
}

attrs! {
    /// Sorts slices into several tensors by number.
    struct DynamicPartition {
        /// How many tensors come out.
        num_partitions: i64,
    }
}

impl Op for DynamicPartition {
    const SPEC: Spec = Spec {
        name: "DynamicPartition",
        inputs: &["data: T", "partitions: int32"],
        outputs: &["outputs: num_partitions*T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[1, 2, 3], int32[0, 1, 0]", "num_partitions=2", "[1, 3], [2]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = usize::try_from(self.num_partitions).unwrap_or(0);
        let (Some(x), Some(ids)) = (inputs[0].dims(), inputs[1].dims()) else {
            return Ok(vec![Shape::UNKNOWN; n]);
        };
        ensure!(ids.len() <= x.len(), "more dims of numbers than of slices");
        let dims = [&[Dim::Unknown], &x[ids.len()..]].concat();
        Ok(vec![dims.into(); n])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, ids) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(
            x.shape().starts_with(ids.shape()),
            "slices of {:?}, numbers {:?}",
            x.shape(),
            ids.shape()
        );
        let n = usize::try_from(self.num_partitions).unwrap_or(0);
        let mut rows = vec![Vec::new(); n];
        for (row, id) in inputs.ints(1)?.into_iter().enumerate() {
            rows[index(id, n)?].push(row);
        }
        let rest = &x.shape()[ids.rank()..];
        let len: usize = rest.iter().product();
        let part = |rows: Vec<usize>| {
            let shape = [&[rows.len()], rest].concat();
            let mut runs = rows.iter().map(|row| Run::once(0, row * len, len));
            assemble(&shape, &[x], &mut runs).into()
        };
        Ok(rows.into_iter().map(part).collect())
    }
}

attrs! {
    /// Puts slices of several tensors into one, in places that are named by number; of several for
    /// one place the last counts.
    struct DynamicStitch {
        /// How many tensors there are.
        N: i64,
    }
}

impl Op for DynamicStitch {
    const SPEC: Spec = Spec {
        name: "DynamicStitch",
        aliases: &["ParallelDynamicStitch"],
        inputs: &["indices: N*int32", "data: N*T"],
        outputs: &["merged: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("int32[0, 2], int32[1], [1, 3], [2]", "N=2", "[1, 2, 3]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = inputs.len() / 2;
        let rest = inputs[..n]
            .iter()
            .zip(&inputs[n..])
            .find_map(|(ids, data)| Some(data.dims()?.get(ids.rank()?..)?.to_vec()));
        let Some(rest) = rest else { return Ok(vec![Shape::UNKNOWN]) };
        Ok(vec![[vec![Dim::Unknown], rest].concat().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let n = inputs.len() / 2;
        let data = inputs.tensors(n, 2 * n)?;
        let Some(first) = data.first() else { fail!("there is nothing to put together") };
        let rest = first.shape().get(inputs.tensor(0)?.rank()..).unwrap_or_default().to_vec();
        let mut places: Vec<Option<(usize, usize)>> = Vec::new();
        for (i, one) in data.iter().enumerate() {
            let ids = inputs.tensor(i)?;
            let expected = [ids.shape(), &rest].concat();
            ensure!(
                one.shape() == expected && one.dtype() == first.dtype(),
                "slices of shape {:?}, expected {expected:?}",
                one.shape()
            );
            for (row, id) in inputs.sizes(i)?.into_iter().enumerate() {
                if id >= places.len() {
                    checked_len(&[&[id.saturating_add(1)], &rest[..]].concat())?;
                    checked_len(&[id.saturating_add(1)])?;
                    places.resize(id + 1, None);
                }
                places[id] = Some((i, row));
            }
        }
        let len: usize = rest.iter().product();
        let shape = [&[places.len()], &rest[..]].concat();
        let zeros = DenseTensor::zeros(first.dtype(), &[len]);
        let zeros = zeros.ok_or_else(|| Error::limit("the slices are too large"))?;
        let mut sources = data.clone();
        sources.push(&zeros);
        // TensorFlow leaves places that nothing names as memory has them.
        let mut runs = places.iter().map(|place| match place {
            Some((i, row)) => Run::once(*i, row * len, len),
            None => Run::once(n, 0, len),
        });
        Ok(vec![assemble(&shape, &sources, &mut runs).into()])
    }
}
