//! Running totals, places of extremes, and counts.

use std::cmp::Ordering;

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{Complex, DType, DenseTensor};

use crate::def::case;
use crate::families::matrices::Scalar;
use crate::families::reduction::axis;
use crate::walk::{Odometer, strides};
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![ArgMax, ArgMin, Bincount, Cumprod, Cumsum, DenseBincount, TopKV2];

/// Starts of the lines along `at`, and the stride along them.
pub(crate) fn lines(shape: &[usize], at: usize) -> (Odometer, usize) {
    let strides = strides(shape);
    let stride = strides[at].cast_unsigned();
    let mut dims: Vec<(usize, isize)> = shape.iter().copied().zip(strides).collect();
    dims.remove(at);
    (Odometer::new(dims, 0), stride)
}

/// Running results along an axis.
fn scan<T: Copy>(
    all: &mut [T],
    shape: &[usize],
    at: usize,
    (exclusive, reverse): (bool, bool),
    neutral: T,
    f: impl Fn(T, T) -> T,
) {
    let (starts, stride) = lines(shape, at);
    let n = shape[at];
    for start in starts {
        let mut total = neutral;
        for i in 0..n {
            let i = if reverse { n - 1 - i } else { i };
            let place = &mut all[start + i * stride];
            let next = f(total, *place);
            *place = if exclusive { total } else { next };
            total = next;
        }
    }
}

/// Running totals of one operation.
macro_rules! scans {
    ($($(#[doc = $doc:literal])+ $name:ident $neutral:literal, $case:expr,
        |$a:ident, $b:ident| $real:expr, $whole:expr;)*
    ) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The element itself is left out.
                    exclusive: bool = false,
                    /// From the last element to the first.
                    reverse: bool = false,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["x: T", "axis: Tidx"],
                    outputs: &["out: T"],
                    tolerance: Tolerance::SUM,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![x[0].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.tensor(0)?;
                    let at = axis(inputs.int(1)?, x.rank())?;
                    let flags = (self.exclusive, self.reverse);
                    let (dtype, shape) = (x.dtype(), x.shape());
                    Ok(vec![match view(x) {
                        Wide::F32(_) | Wide::F64(_) => {
                            let mut all = inputs.numbers(0)?;
                            let neutral = f64::from($neutral);
                            scan(&mut all, shape, at, flags, neutral, |$a: f64, $b: f64| $real);
                            f64::narrow(dtype, shape, all)
                        }
                        Wide::I64(all) => {
                            let mut all = all.into_owned();
                            scan(&mut all, shape, at, flags, $neutral, |$a: i64, $b: i64| $whole);
                            i64::narrow(dtype, shape, all)
                        }
                        Wide::U64(all) => {
                            let mut all = all.into_owned();
                            scan(&mut all, shape, at, flags, $neutral, |$a: u64, $b: u64| $whole);
                            u64::narrow(dtype, shape, all)
                        }
                        Wide::C128(all) => {
                            let mut all = all.into_owned();
                            let neutral = Complex::new(f64::from($neutral), 0.0);
                            let f = |$a: Complex<f64>, $b: Complex<f64>| $real;
                            scan(&mut all, shape, at, flags, neutral, f);
                            Complex::narrow(dtype, shape, all)
                        }
                        _ => return Err(crate::rows::refused(dtype)),
                    }.into()])
                }
            }
        )*
    };
}

scans! {
    /// Adds up the elements along an axis, keeping every partial sum.
    Cumsum 0, case("[1, 2, 3], int32 -1", "exclusive=true, reverse=true", "[5, 3, 0]"),
        |a, b| a + b, a.wrapping_add(b);

    /// Multiplies the elements along an axis, keeping every partial product.
    Cumprod 1, case("[1, 2, 3], int32 0", "", "[1, 2, 6]"), |a, b| a * b, a.wrapping_mul(b);
}

/// The place of the first extreme along an axis.
macro_rules! extremes {
    ($($(#[doc = $doc:literal])+ $name:ident $case:expr, |$a:ident, $b:ident| $is_better:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of the places.
                    output_type: DType = DType::Int64,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["input: T", "dimension: Tidx"],
                    outputs: &["output: output_type"],
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
                    let Some(dims) = x[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
                    ensure!(!dims.is_empty(), "a scalar has no axis");
                    let Some(at) = x[1].int() else { return Ok(vec![Shape::of_rank(dims.len() - 1)]) };
                    let mut dims = dims.to_vec();
                    dims.remove(axis(at, dims.len())?);
                    Ok(vec![dims.into()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let x = inputs.tensor(0)?;
                    let at = axis(inputs.int(1)?, x.rank())?;
                    ensure!(x.shape()[at] > 0, "there is nothing to choose from");
                    fn places<T: Copy>(
                        all: &[T],
                        shape: &[usize],
                        at: usize,
                        is_better: fn(T, T) -> bool,
                    ) -> Vec<i64> {
                        let (starts, stride) = lines(shape, at);
                        let place = |start: usize| {
                            let mut best = 0;
                            for i in 1..shape[at] {
                                if is_better(all[start + i * stride], all[start + best * stride]) {
                                    best = i;
                                }
                            }
                            best.cast_signed() as i64
                        };
                        starts.map(place).collect()
                    }
                    let out = match view(x) {
                        Wide::F32(all) => places(&all, x.shape(), at, |$a: f32, $b: f32| $is_better),
                        Wide::F64(all) => places(&all, x.shape(), at, |$a: f64, $b: f64| $is_better),
                        Wide::I64(all) => places(&all, x.shape(), at, |$a: i64, $b: i64| $is_better),
                        Wide::U64(all) => places(&all, x.shape(), at, |$a: u64, $b: u64| $is_better),
                        Wide::Bool(all) => {
                            let all: Vec<u64> = all.iter().map(|x| u64::from(*x)).collect();
                            places(&all, x.shape(), at, |$a: u64, $b: u64| $is_better)
                        }
                        _ => return Err(crate::rows::refused(x.dtype())),
                    };
                    let mut shape = x.shape().to_vec();
                    shape.remove(at);
                    Ok(vec![i64::narrow(self.output_type, &shape, out).into()])
                }
            }
        )*
    };
}

extremes! {
    /// Where the largest element is along an axis; the first of several.
    ArgMax case("[[1, 3, 3], [9, 2, 4]], int32 1", "", "int64[1, 0]"), |a, b| a > b;

    /// Where the smallest element is along an axis; the first of several.
    ArgMin case("[[1, 3, 1], [9, 2, 4]], int32 1", "output_type=int32", "int32[0, 1]"), |a, b| a < b;
}

attrs! {
    /// The largest elements of each row and where they are, largest first; of equals the first.
    struct TopKV2 {
        /// They come largest first; they always do.
        sorted: bool = true,
        /// The type of the places.
        index_type: DType = DType::Int32,
    }
}

impl Op for TopKV2 {
    const SPEC: Spec = Spec {
        name: "TopKV2",
        inputs: &["input: T", "k: Tk"],
        outputs: &["values: T", "indices: index_type"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 5, 3]], int32 2", "", "[[5, 3]], int32[[1, 2]]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let Some([outer @ .., _]) = x[0].dims() else { return Ok(vec![Shape::UNKNOWN; 2]) };
        let k = x[1].int().and_then(|k| usize::try_from(k).ok());
        let shape: Shape = [outer, &[k.map_or(Dim::Unknown, Dim::Known)]].concat().into();
        Ok(vec![shape.clone(), shape])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let k = usize::try_from(inputs.int(1)?).map_err(|_| Error::invalid("`k` is negative"))?;
        let Some((len, outer)) = x.shape().split_last() else { fail!("a scalar has no rows") };
        ensure!(k <= *len, "{k} of {len} elements");
        let places = match view(x) {
            Wide::F32(all) => largest(&all, *len, k, f32::total_cmp),
            Wide::F64(all) => largest(&all, *len, k, f64::total_cmp),
            Wide::I64(all) => largest(&all, *len, k, Ord::cmp),
            Wide::U64(all) => largest(&all, *len, k, Ord::cmp),
            _ => return Err(crate::rows::refused(x.dtype())),
        };
        let shape = [outer, &[k]].concat();
        let per_row = k.max(1);
        let mut runs = places
            .iter()
            .enumerate()
            .map(|(i, place)| tensorferry_tensor::Run::once(0, i / per_row * len + place, 1));
        let values = tensorferry_tensor::assemble(&shape, &[x], &mut runs);
        let places = places.into_iter().map(|i| i.cast_signed() as i64).collect();
        Ok(vec![values.into(), i64::narrow(self.index_type, &shape, places).into()])
    }
}

/// Where the `k` largest elements of each row of `len` are; of equals the first.
fn largest<T>(all: &[T], len: usize, k: usize, order: fn(&T, &T) -> Ordering) -> Vec<usize> {
    let mut places = Vec::new();
    for row in all.chunks_exact(len.max(1)) {
        let mut all: Vec<usize> = (0..len).collect();
        all.sort_by(|a, b| order(&row[*b], &row[*a]).then(a.cmp(b)));
        places.extend_from_slice(&all[..k]);
    }
    places
}

attrs! {
    /// How often each number occurs, weighted if there are weights.
    struct Bincount {}
}

impl Op for Bincount {
    const SPEC: Spec = Spec {
        name: "Bincount",
        inputs: &["arr: int32", "size: int32", "weights: T"],
        outputs: &["bins: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("int32[1, 1, 2, 9], int32 3, <0>[]", "", "[0, 2, 1]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let n = x[1].int().and_then(|n| usize::try_from(n).ok());
        Ok(vec![Shape::vector(n.map_or(Dim::Unknown, Dim::Known))])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let size = inputs.sizes(1)?.first().copied().unwrap_or(0);
        let all = inputs.sizes(0)?;
        counted(&[1, all.len()], &all, size, inputs.tensor(2)?, false, &[checked_len(&[size])?])
    }
}

attrs! {
    /// How often each number occurs, in all or in each row, weighted if there are weights.
    struct DenseBincount {
        /// 1 where a number occurs, however often.
        binary_output: bool = false,
    }
}

impl Op for DenseBincount {
    const SPEC: Spec = Spec {
        name: "DenseBincount",
        inputs: &["input: Tidx", "size: Tidx", "weights: T"],
        outputs: &["output: T"],
        tolerance: Tolerance::SUM,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("int32[1, 1, 2], int32 3, <0>[]", "binary_output=true", "[0, 1, 1]"),
        case("int32[[0], [1]], int32 2, [[5], [7]]", "", "[[5, 0], [0, 7]]"),
    ];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let n = x[1].int().and_then(|n| usize::try_from(n).ok());
        let Some(dims) = x[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
        let mut dims = dims.to_vec();
        dims.pop();
        dims.push(n.map_or(Dim::Unknown, Dim::Known));
        Ok(vec![dims.into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let size = inputs.sizes(1)?.first().copied().unwrap_or(0);
        let (rows, shape) = match *x.shape() {
            [n] => ([1, n], vec![size]),
            [m, n] => ([m, n], vec![m, size]),
            _ => fail!("numbers in {} dims, expected 1 or 2", x.rank()),
        };
        checked_len(&shape)?;
        counted(&rows, &inputs.sizes(0)?, size, inputs.tensor(2)?, self.binary_output, &shape)
    }
}

fn counted(
    rows: &[usize; 2],
    all: &[usize],
    size: usize,
    weights: &DenseTensor,
    is_binary: bool,
    shape: &[usize],
) -> Result<Vec<Value>> {
    fn count<T: Scalar + Narrow>(
        rows: &[usize; 2],
        all: &[usize],
        size: usize,
        (given, one): (&[T], T),
        is_binary: bool,
    ) -> Vec<T> {
        let mut out = vec![T::default(); rows[0] * size];
        for (i, bin) in all.iter().enumerate().filter(|(_, bin)| **bin < size) {
            let place = &mut out[i / rows[1].max(1) * size + bin];
            let weight = given.get(i).copied().unwrap_or(one);
            *place = if is_binary { one } else { place.plus_product(weight, one) };
        }
        out
    }
    ensure!(
        weights.is_empty() || weights.len() == all.len(),
        "{} weights of {} numbers",
        weights.len(),
        all.len()
    );
    let dtype = weights.dtype();
    Ok(vec![
        match view(weights) {
            Wide::F32(w) => f32::narrow(dtype, shape, count(rows, all, size, (&w, 1.0), is_binary)),
            Wide::F64(w) => f64::narrow(dtype, shape, count(rows, all, size, (&w, 1.0), is_binary)),
            Wide::I64(w) => i64::narrow(dtype, shape, count(rows, all, size, (&w, 1), is_binary)),
            Wide::U64(w) => u64::narrow(dtype, shape, count(rows, all, size, (&w, 1), is_binary)),
            _ => return Err(crate::rows::refused(dtype)),
        }
        .into(),
    ])
}
