//! Where elements are: those that are true, unique, in order, among the largest.

use std::collections::HashMap;

use bytes::Bytes;
use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DType, DenseTensor, Run, Storage, assemble};

use crate::def::case;
use crate::families::reduction::axis;
use crate::families::slice_join::gathered;
use crate::walk::transposed;
use crate::wide::{Narrow, Real, Wide, view};
use crate::{Args, Case, Error, Fact, Op, Result, Spec, Tolerance, Value, checked_len};

register![
    Bucketize,
    HistogramFixedWidth,
    InTopK,
    InTopKV2,
    ListDiff,
    LowerBound,
    NthElement,
    Unique,
    UniqueV2,
    UniqueWithCounts,
    UniqueWithCountsV2,
    UpperBound,
    Where,
];

fn to_i64(all: impl IntoIterator<Item = usize>) -> Vec<i64> {
    all.into_iter().map(|i| i.cast_signed() as i64).collect()
}

fn places(dtype: DType, all: Vec<usize>) -> Value {
    let n = all.len();
    i64::narrow(dtype, &[n], to_i64(all)).into()
}

attrs! {
    /// The indices of all elements that are neither false nor 0, one row each, in order.
    struct Where {}
}

impl Op for Where {
    const SPEC: Spec =
        Spec { name: "Where", inputs: &["input: T"], outputs: &["index: int64"], ..Spec::PURE };
    const CASES: &'static [Case] = &[
        case("bool[[true, false], [false, true]]", "", "int64[[0, 0], [1, 1]]"),
        case("[0, 2, nan]", "", "int64[[1], [2]]"),
    ];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        let rank = x[0].rank().map_or(Dim::Unknown, Dim::Known);
        Ok(vec![vec![Dim::Unknown, rank].into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let is_set: Vec<bool> = match view(x) {
            Wide::Bool(all) => all.into_owned(),
            Wide::C128(all) => all.iter().map(|z| z.re != 0.0 || z.im != 0.0).collect(),
            Wide::Text(_) => return Err(crate::rows::refused(x.dtype())),
            _ => each_real!(x, |all| all.iter().map(|x| *x != Default::default()).collect()),
        };
        let mut rows = Vec::new();
        for flat in is_set.iter().enumerate().filter_map(|(i, is_set)| is_set.then_some(i)) {
            let start = rows.len();
            let mut rest = flat;
            for len in x.shape().iter().rev() {
                rows.push((rest % len).cast_signed() as i64);
                rest /= len;
            }
            rows[start..].reverse();
        }
        let n = is_set.iter().filter(|is_set| **is_set).count();
        Ok(vec![DenseTensor::new(&[n, x.rank()], rows).into()])
    }
}

/// A key per element, the same for elements that are equal; `None` for NaN, which equals nothing.
fn keys(x: &DenseTensor) -> Result<Vec<Option<Bytes>>> {
    if let Storage::String(all) = x.storage() {
        return Ok(all.iter().cloned().map(Some).collect());
    }
    let key = |bytes: &[u8]| Some(Bytes::copy_from_slice(bytes));
    Ok(match view(x) {
        Wide::Bool(all) => all.iter().map(|x| key(&[u8::from(*x)])).collect(),
        Wide::I64(all) => all.iter().map(|x| key(&x.to_le_bytes())).collect(),
        Wide::U64(all) => all.iter().map(|x| key(&x.to_le_bytes())).collect(),
        Wide::F32(_) | Wide::F64(_) => {
            let all = x.to_f64().unwrap_or_default();
            // Both zeros are one number.
            let one = |x: f64| if x.is_nan() { None } else { key(&(x + 0.0).to_le_bytes()) };
            all.into_iter().map(one).collect()
        }
        _ => return Err(crate::rows::refused(x.dtype())),
    })
}

/// Which of the keys are the first of their kind, which of those each is, and how many there are.
struct Kinds {
    firsts: Vec<usize>,
    kind: Vec<usize>,
    counts: Vec<usize>,
}

impl Kinds {
    fn new(keys: impl IntoIterator<Item = Option<Bytes>>) -> Self {
        let mut known: HashMap<Bytes, usize> = HashMap::new();
        let mut all = Self { firsts: Vec::new(), kind: Vec::new(), counts: Vec::new() };
        for (i, key) in keys.into_iter().enumerate() {
            let next = all.firsts.len();
            let kind = key.map_or(next, |key| *known.entry(key).or_insert(next));
            if kind == next {
                all.firsts.push(i);
                all.counts.push(0);
            }
            all.counts[kind] += 1;
            all.kind.push(kind);
        }
        all
    }
}

/// A key per slice along an axis: the keys of its elements, each with its length.
fn slice_keys(x: &DenseTensor, at: usize) -> Result<Vec<Option<Bytes>>> {
    let order: Vec<usize> =
        [at].into_iter().chain((0..x.rank()).filter(|axis| *axis != at)).collect();
    let all = keys(&transposed(x, &order))?;
    let n = x.shape()[at];
    let len = all.len().checked_div(n).unwrap_or(0);
    let slice = |i: usize| -> Option<Bytes> {
        let mut joined = Vec::new();
        for key in &all[i * len..(i + 1) * len] {
            let key = key.as_ref()?;
            joined.extend_from_slice(&key.len().to_le_bytes());
            joined.extend_from_slice(key);
        }
        Some(joined.into())
    };
    Ok((0..n).map(slice).collect())
}

/// The unique slices along an axis, which of them each slice is, and how often each is there.
fn unique(x: &DenseTensor, axes: &[i64], out_idx: DType) -> Result<Vec<Value>> {
    let at = match axes {
        [] => {
            ensure!(x.rank() == 1, "an axis is needed for {} dims", x.rank());
            0
        }
        [at] => axis(*at, x.rank())?,
        _ => fail!("{} axes, expected one", axes.len()),
    };
    let kinds = Kinds::new(slice_keys(x, at)?);
    let firsts = DenseTensor::vector(to_i64(kinds.firsts));
    let mut outputs = gathered(x, &firsts, at.cast_signed() as i64, 0)?;
    outputs.push(places(out_idx, kinds.kind));
    outputs.push(places(out_idx, kinds.counts));
    Ok(outputs)
}

fn infer_unique(x: &Fact, axes: &[i64], has_axis: bool) -> Result<[Shape; 3]> {
    let any = Shape::of_rank(1);
    let Some(dims) = x.dims() else { return Ok([Shape::UNKNOWN, any.clone(), any]) };
    if has_axis && axes.is_empty() && dims.len() != 1 {
        return Ok([Shape::of_rank(dims.len()), any.clone(), any]);
    }
    let at = axis(axes.first().copied().unwrap_or(0), dims.len())?;
    let mut out = dims.to_vec();
    out[at] = Dim::Unknown;
    Ok([out.into(), Shape::vector(dims[at]), any])
}

/// The versions of `Unique`.
macro_rules! uniques {
    ($($(#[doc = $doc:literal])+ $name:ident [$($axis:literal)?] $outputs:expr, $case:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of places and counts.
                    out_idx: DType = DType::Int32,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["x: T", $($axis)?],
                    outputs: $outputs,
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    let axes = match inputs.get(1) {
                        None => Vec::new(),
                        Some(axes) => match axes.ints() {
                            Some(axes) => axes,
                            None => {
                                let x = inputs[0].rank().map_or(Shape::UNKNOWN, Shape::of_rank);
                                let mut all = vec![x, Shape::of_rank(1), Shape::of_rank(1)];
                                all.truncate(Self::SPEC.outputs.len());
                                return Ok(all);
                            }
                        },
                    };
                    let mut all = infer_unique(&inputs[0], &axes, inputs.len() > 1)?.to_vec();
                    all.truncate(Self::SPEC.outputs.len());
                    Ok(all)
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let axes = if inputs.len() > 1 { inputs.ints(1)? } else { Vec::new() };
                    let mut all = unique(inputs.tensor(0)?, &axes, self.out_idx)?;
                    all.truncate(Self::SPEC.outputs.len());
                    Ok(all)
                }
            }
        )*
    };
}

uniques! {
    /// The elements without repetition, in order of their first, and which of them each element is.
    Unique [] &["y: T", "idx: out_idx"], case("[3, 1, 3]", "", "[3, 1], int32[0, 1, 0]");

    /// Slices along an axis without repetition, and which of them each slice is.
    UniqueV2 ["axis: Taxis"] &["y: T", "idx: out_idx"],
        case("[[1, 2], [1, 2], [3, 4]], int32[0]", "", "[[1, 2], [3, 4]], int32[0, 0, 1]");

    /// `Unique`, and how often each element is there.
    UniqueWithCounts [] &["y: T", "idx: out_idx", "count: out_idx"],
        case("[3, 1, 3]", "", "[3, 1], int32[0, 1, 0], int32[2, 1]");

    /// `UniqueV2`, and how often each slice is there.
    UniqueWithCountsV2 ["axis: Taxis"] &["y: T", "idx: out_idx", "count: out_idx"],
        case("[3, 1, 3], int32[]", "", "[3, 1], int32[0, 1, 0], int32[2, 1]");
}

attrs! {
    /// The elements that are not in another list, and where they were.
    struct ListDiff {
        /// The type of the places.
        out_idx: DType = DType::Int32,
    }
}

impl Op for ListDiff {
    const SPEC: Spec = Spec {
        name: "ListDiff",
        inputs: &["x: T", "y: T"],
        outputs: &["out: T", "idx: out_idx"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2, 3, 2], [1, 3]", "", "[2, 2], int32[1, 3]")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::of_rank(1), Shape::of_rank(1)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
        ensure!(x.rank() == 1 && y.rank() == 1, "lists have 1 dim");
        ensure!(x.dtype() == y.dtype(), "lists of {} and {}", x.dtype(), y.dtype());
        let other: std::collections::HashSet<Bytes> = keys(y)?.into_iter().flatten().collect();
        let is_kept = |key: &Option<Bytes>| !key.as_ref().is_some_and(|key| other.contains(key));
        let kept: Vec<usize> =
            keys(x)?.iter().enumerate().filter_map(|(i, key)| is_kept(key).then_some(i)).collect();
        let mut runs = kept.iter().map(|i| Run::once(0, *i, 1));
        let out = assemble(&[kept.len()], &[x], &mut runs);
        Ok(vec![out.into(), places(self.out_idx, kept)])
    }
}

/// Searches in sorted rows.
macro_rules! bounds {
    ($($(#[doc = $doc:literal])+ $name:ident $case:expr, |$x:ident, $value:ident| $is_before:expr;)*) => {
        $(
            attrs! {
                $(#[doc = $doc])+
                struct $name {
                    /// The type of the places.
                    out_type: DType = DType::Int32,
                }
            }

            impl Op for $name {
                const SPEC: Spec = Spec {
                    name: stringify!($name),
                    inputs: &["sorted_inputs: T", "values: T"],
                    outputs: &["output: out_type"],
                    ..Spec::PURE
                };
                const CASES: &'static [Case] = &[$case];

                fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
                    Ok(vec![inputs[1].shape.clone()])
                }

                fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
                    let (x, values) = (inputs.tensor(0)?, inputs.tensor(1)?);
                    let (&[rows, n], &[m, per_row]) = (x.shape(), values.shape()) else {
                        fail!("rows have 2 dims, not {} and {}", x.rank(), values.rank())
                    };
                    ensure!(rows == m, "{rows} rows to search in, {m} to search for");
                    fn find<T: Real>(sorted: &[T], $value: T) -> usize {
                        sorted.partition_point(|$x| $is_before)
                    }
                    let out: Vec<usize> = both_real!(x, values, |x, values| {
                        let row = |i: usize| &x[i / per_row.max(1) * n..][..n];
                        values.iter().enumerate().map(|(i, value)| find(row(i), *value)).collect()
                    });
                    Ok(vec![i64::narrow(self.out_type, values.shape(), to_i64(out)).into()])
                }
            }
        )*
    };
}

bounds! {
    /// In each row, before which element each value could be put in, the first such place.
    LowerBound case("[[1, 3, 3, 5]], [[3, 0]]", "", "int32[[1, 0]]"), |x, value| *x < value;

    /// In each row, before which element each value could be put in, the last such place.
    UpperBound case("[[1, 3, 3, 5]], [[3, 9]]", "", "int32[[3, 4]]"), |x, value| *x <= value;
}

attrs! {
    /// Between which two of some limits each number lies; a number on a limit is above it.
    struct Bucketize {
        /// The limits, smallest first.
        boundaries: Vec<f32>,
    }
}

impl Op for Bucketize {
    const SPEC: Spec = Spec {
        name: "Bucketize",
        inputs: &["input: T"],
        outputs: &["output: int32"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[-5, 0, 99]", "boundaries=[0.0, 10.0]", "int32[0, 1, 2]")];

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        ensure!(self.boundaries.is_sorted(), "the limits are not in order");
        Ok(vec![x[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        ensure!(self.boundaries.is_sorted(), "the limits are not in order");
        let x = inputs.tensor(0)?;
        let bucket = |x: f64| self.boundaries.partition_point(|limit| f64::from(*limit) <= x);
        let out = match view(x) {
            Wide::F32(_) | Wide::F64(_) => inputs.numbers(0)?.into_iter().map(bucket).collect(),
            // Limits are single precision, and so are integers where they are compared with them.
            Wide::I64(all) => all.iter().map(|x| bucket(f64::from(*x as f32))).collect::<Vec<_>>(),
            _ => return Err(crate::rows::refused(x.dtype())),
        };
        Ok(vec![i64::narrow(DType::Int32, x.shape(), to_i64(out)).into()])
    }
}

attrs! {
    /// How many numbers fall into each of some parts of one width; those outside count with the outermost.
    struct HistogramFixedWidth {
        /// The type of the counts.
        dtype: DType = DType::Int32,
    }
}

impl Op for HistogramFixedWidth {
    const SPEC: Spec = Spec {
        name: "HistogramFixedWidth",
        inputs: &["values: T", "value_range: T", "nbins: int32"],
        outputs: &["out: dtype"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[-1, 0, 1.5, 2, 5], [0, 2], int32 2", "", "int32[2, 3]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = inputs[2].int().and_then(|n| usize::try_from(n).ok());
        Ok(vec![Shape::vector(n.map_or(Dim::Unknown, Dim::Known))])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let n = usize::try_from(inputs.int(2)?).ok().filter(|n| *n > 0);
        let n = checked_len(&[n.ok_or_else(|| Error::invalid("there is no part"))?])?;
        let range = inputs.numbers(1)?;
        let &[low, high] = &range[..] else { fail!("the range has {} limits", range.len()) };
        ensure!(low < high, "the range is from {low} to {high}");
        let step = (high - low) / n as f64;
        let mut counts = vec![0_i64; n];
        for x in inputs.numbers(0)? {
            let part = ((x.max(low) - low) / step) as usize;
            counts[part.min(n - 1)] += 1;
        }
        Ok(vec![i64::narrow(self.dtype, &[n], counts).into()])
    }
}

/// Whether fewer than `k` numbers of each row are larger than the one at the target. No number that
/// is not finite can be judged.
fn in_top(inputs: &Args, k: i64) -> Result<Vec<Value>> {
    let (x, targets) = (inputs.tensor(0)?, inputs.ints(1)?);
    let &[rows, n] = x.shape() else { fail!("predictions have 2 dims, not {}", x.rank()) };
    ensure!(rows == targets.len(), "{rows} rows, {} targets", targets.len());
    let all = inputs.numbers(0)?;
    ensure!(all.len() == rows * n, "predictions are no numbers");
    let is_in = |(i, target): (usize, i64)| {
        let row = &all[i * n..][..n];
        let target = usize::try_from(target).ok().and_then(|at| row.get(at));
        target.is_some_and(|target| {
            let n_larger = row.iter().filter(|x| *x > target).count();
            row.iter().all(|x| x.is_finite()) && (n_larger.cast_signed() as i64) < k
        })
    };
    let out: Vec<bool> = targets.into_iter().enumerate().map(is_in).collect();
    Ok(vec![DenseTensor::vector(out).into()])
}

attrs! {
    /// Whether the prediction at each target is among the `k` largest of its row.
    struct InTopK {
        /// How many are looked at.
        k: i64,
    }
}

impl Op for InTopK {
    const SPEC: Spec = Spec {
        name: "InTopK",
        inputs: &["predictions: float32", "targets: T"],
        outputs: &["precision: bool"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 5, 3], [4, 2, 1]], int32[2, 2]", "k=2", "bool[true, false]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[1].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        in_top(&inputs, self.k)
    }
}

attrs! {
    /// Whether the prediction at each target is among the `k` largest of its row; `k` is an input.
    struct InTopKV2 {}
}

impl Op for InTopKV2 {
    const SPEC: Spec = Spec {
        name: "InTopKV2",
        inputs: &["predictions: float32", "targets: T", "k: T"],
        outputs: &["precision: bool"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 5, 3], [4, 2, 1]], int32[2, 2], int32 2", "", "bool[true, false]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[1].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        in_top(&inputs, inputs.int(2)?)
    }
}

attrs! {
    /// The element of each row that would be at a place if the row were in order.
    struct NthElement {
        /// The largest comes first.
        reverse: bool = false,
    }
}

impl Op for NthElement {
    const SPEC: Spec = Spec {
        name: "NthElement",
        inputs: &["input: T", "n: int32"],
        outputs: &["values: T"],
        tolerance: Tolerance::Exact,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[3, 1, 2], [9, 7, 8]], int32 1", "", "[2, 8]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        match inputs[0].dims() {
            Some([outer @ .., _]) => Ok(vec![outer.to_vec().into()]),
            Some([]) => fail!("a scalar has no rows"),
            None => Ok(vec![Shape::UNKNOWN]),
        }
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let Some((len, outer)) = x.shape().split_last() else { fail!("a scalar has no rows") };
        let n = crate::families::slice_join::index(inputs.int(1)?, *len)?;
        let n = if self.reverse { len - 1 - n } else { n };
        fn nth<T: Real>(row: &[T], n: usize) -> T {
            let mut row = row.to_vec();
            // NaN has no place of its own.
            row.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            row[n]
        }
        Ok(vec![
            each_real!(x, |all| {
                let rows = all.chunks_exact(*len);
                Narrow::narrow(x.dtype(), outer, rows.map(|row| nth(row, n)).collect())
            })
            .into(),
        ])
    }
}
