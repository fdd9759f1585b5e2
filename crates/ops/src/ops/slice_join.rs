//! Ops that take parts of tensors and put tensors together.

use tensorferry_ir::{Dim, Shape};
use tensorferry_tensor::{DenseTensor, Run, assemble};

use crate::def::case;
use crate::families::reduction::axis;
use crate::walk::{strides, walk};
use crate::{Args, Case, Error, Fact, Gradient, Op, Result, Spec, Value, checked_len};

register![
    Concat,
    ConcatV2,
    Gather,
    GatherNd,
    GatherV2,
    Pack,
    Reverse,
    ReverseV2,
    Slice,
    Split,
    SplitV,
    StridedSlice,
    Tile,
    Unpack,
    Roll,
    InvertPermutation,
];

/// Tensors after one another along an axis.
fn concatenated(all: &[&DenseTensor], along: i64) -> Result<Vec<Value>> {
    let Some(first) = all.first() else { fail!("there is nothing to concatenate") };
    ensure!(first.rank() > 0, "scalars cannot be concatenated");
    let at = axis(along, first.rank())?;
    let mut shape = first.shape().to_vec();
    shape[at] = 0;
    for one in all {
        let fits = one.rank() == first.rank()
            && one.dtype() == first.dtype()
            && one
                .shape()
                .iter()
                .zip(first.shape())
                .enumerate()
                .all(|(i, (a, b))| i == at || a == b);
        ensure!(fits, "shapes {:?} and {:?} do not go together", first.shape(), one.shape());
        shape[at] += one.shape()[at];
    }
    checked_len(&shape)?;
    let outer: usize = shape[..at].iter().product();
    let lens: Vec<usize> = all.iter().map(|one| one.shape()[at..].iter().product()).collect();
    let mut runs = (0..outer)
        .flat_map(|row| lens.iter().enumerate().map(move |(i, len)| Run::once(i, row * len, *len)));
    Ok(vec![assemble(&shape, all, &mut runs).into()])
}

fn infer_concat(all: &[Fact], along: Option<i64>) -> Result<Vec<Shape>> {
    let known = all.iter().find_map(|fact| fact.dims());
    let Some(dims) = known else { return Ok(vec![Shape::UNKNOWN]) };
    let Some(along) = along else { return Ok(vec![Shape::of_rank(dims.len())]) };
    let at = axis(along, dims.len())?;
    let mut out = vec![Dim::Unknown; dims.len()];
    out[at] = Dim::Known(0);
    for fact in all {
        let Some(dims) = fact.dims() else {
            out[at] = Dim::Unknown;
            continue;
        };
        ensure!(dims.len() == out.len(), "tensors of {} and {} dims", out.len(), dims.len());
        for (i, dim) in dims.iter().enumerate() {
            out[i] = match i == at {
                true => out[i].zip(*dim, usize::checked_add),
                false => out[i]
                    .merge(*dim)
                    .ok_or_else(|| Error::invalid(format!("dims {} and {dim}", out[i])))?,
            };
        }
    }
    Ok(vec![out.into()])
}

attrs! {
    /// Puts tensors after one another along an axis.
    struct ConcatV2 {}
}

impl Op for ConcatV2 {
    const SPEC: Spec = Spec {
        name: "ConcatV2",
        inputs: &["values: N*T", "axis: Tidx"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1], [2]], [[3, 4], [5, 6]], int32 1", "", "[[1, 3, 4], [2, 5, 6]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::concat);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let (axis, all) = inputs.split_last().ok_or_else(|| Error::invalid("no inputs"))?;
        infer_concat(all, axis.int())
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let last = inputs.len() - 1;
        concatenated(&inputs.tensors(0, last)?, inputs.int(last)?)
    }
}

attrs! {
    /// Puts tensors after one another along an axis, which comes first.
    struct Concat {}
}

impl Op for Concat {
    const SPEC: Spec = Spec {
        name: "Concat",
        inputs: &["concat_dim: int32", "values: N*T"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("int32 0, [1], [2, 3]", "", "[1, 2, 3]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_concat(&inputs[1..], inputs[0].int())
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        concatenated(&inputs.tensors(1, inputs.len())?, inputs.int(0)?)
    }
}

attrs! {
    /// Puts tensors of one shape beside one another along a new axis.
    struct Pack {
        /// The new axis.
        axis: i64 = 0,
    }
}

impl Op for Pack {
    const SPEC: Spec = Spec {
        name: "Pack",
        inputs: &["values: N*T"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[1, 2], [3, 4]", "", "[[1, 2], [3, 4]]"),
        case("[1, 2], [3, 4]", "axis=-1", "[[1, 3], [2, 4]]"),
    ];
    const GRAD: Option<Gradient<Self>> = Some(|op, g| crate::grads::pack(g, op.axis));

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let mut shape = Shape::UNKNOWN;
        for fact in inputs {
            let merged = shape.merge(&fact.shape);
            shape = merged.ok_or_else(|| Error::invalid("the inputs have unlike shapes"))?;
        }
        let Some(mut dims) = shape.0 else { return Ok(vec![Shape::UNKNOWN]) };
        dims.insert(axis(self.axis, dims.len() + 1)?, Dim::Known(inputs.len()));
        Ok(vec![dims.into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let all = inputs.tensors(0, inputs.len())?;
        let Some(first) = all.first() else { fail!("there is nothing to pack") };
        let is_like =
            |one: &&DenseTensor| one.shape() == first.shape() && one.dtype() == first.dtype();
        ensure!(all.iter().all(is_like), "the inputs have unlike shapes");
        let at = axis(self.axis, first.rank() + 1)?;
        let mut shape = first.shape().to_vec();
        let (outer, len): (usize, usize) =
            (shape[..at].iter().product(), shape[at..].iter().product());
        shape.insert(at, all.len());
        checked_len(&shape)?;
        let n = all.len();
        let mut runs = (0..outer).flat_map(|row| (0..n).map(move |i| Run::once(i, row * len, len)));
        Ok(vec![assemble(&shape, &all, &mut runs).into()])
    }
}

/// A part of `x` along one axis.
fn part(x: &DenseTensor, at: usize, start: usize, len: usize) -> DenseTensor {
    let mut shape = x.shape().to_vec();
    shape[at] = len;
    let strides = strides(x.shape());
    let start = start * strides[at].cast_unsigned();
    walk(x, &shape, shape.iter().copied().zip(strides).collect(), start)
}

attrs! {
    /// Takes an axis apart into as many tensors as it is long.
    struct Unpack {
        /// How many come out.
        num: i64,
        /// The axis.
        axis: i64 = 0,
    }
}

impl Op for Unpack {
    const SPEC: Spec = Spec {
        name: "Unpack",
        inputs: &["value: T"],
        outputs: &["output: num*T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2], [3, 4]]", "num=2, axis=1", "[1, 3], [2, 4]")];
    const GRAD: Option<Gradient<Self>> = Some(|op, g| crate::grads::unpack(g, op.axis));

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = usize::try_from(self.num).unwrap_or(0);
        let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN; n]) };
        let mut dims = dims.to_vec();
        let dim = dims.remove(axis(self.axis, dims.len())?);
        ensure!(dim.agrees(Dim::Known(n)), "an axis of length {dim} gives no {n} tensors");
        Ok(vec![dims.into(); n])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let at = axis(self.axis, x.rank())?;
        let n = x.shape()[at];
        ensure!(
            usize::try_from(self.num) == Ok(n),
            "an axis of length {n} gives no {} tensors",
            self.num
        );
        let mut shape = x.shape().to_vec();
        shape.remove(at);
        let one = |i| part(x, at, i, 1).reshaped(&shape).map(Value::from);
        (0..n).map(|i| one(i).ok_or_else(|| Error::invalid("shape"))).collect()
    }
}

fn split(x: &DenseTensor, at: usize, sizes: &[usize]) -> Vec<Value> {
    let mut start = 0;
    let one = |len: &usize| {
        start += len;
        part(x, at, start - len, *len).into()
    };
    sizes.iter().map(one).collect()
}

attrs! {
    /// Cuts an axis into pieces of one length.
    struct Split {
        /// How many.
        num_split: i64,
    }
}

impl Op for Split {
    const SPEC: Spec = Spec {
        name: "Split",
        inputs: &["split_dim: int32", "value: T"],
        outputs: &["output: num_split*T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("int32 0, [1, 2, 3, 4]", "num_split=2", "[1, 2], [3, 4]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::split);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = usize::try_from(self.num_split).unwrap_or(0);
        let Some(dims) = inputs[1].dims() else { return Ok(vec![Shape::UNKNOWN; n]) };
        let mut dims = dims.to_vec();
        match inputs[0].int() {
            Some(at) => {
                let at = axis(at, dims.len())?;
                dims[at] = dims[at].map(|len| len.checked_div(n));
            }
            None => dims.fill(Dim::Unknown),
        }
        Ok(vec![dims.into(); n])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(1)?;
        let at = axis(inputs.int(0)?, x.rank())?;
        let n = usize::try_from(self.num_split).ok().filter(|n| *n > 0);
        let n = n.ok_or_else(|| Error::invalid(format!("`num_split` is {}", self.num_split)))?;
        let len = x.shape()[at];
        ensure!(len.is_multiple_of(n), "an axis of length {len} gives no {n} pieces of one length");
        Ok(split(x, at, &vec![len / n; n]))
    }
}

attrs! {
    /// Cuts an axis into pieces of given lengths; one may be -1, which is what is left.
    struct SplitV {
        /// How many.
        num_split: i64,
    }
}

impl Op for SplitV {
    const SPEC: Spec = Spec {
        name: "SplitV",
        inputs: &["value: T", "size_splits: Tlen", "split_dim: int32"],
        outputs: &["output: num_split*T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[1, 2, 3, 4], int32[1, -1], int32 0", "num_split=2", "[1], [2, 3, 4]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::split_v);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = usize::try_from(self.num_split).unwrap_or(0);
        let (Some(dims), Some(at)) = (inputs[0].dims(), inputs[2].int()) else {
            return Ok(vec![Shape::UNKNOWN; n]);
        };
        let at = axis(at, dims.len())?;
        let sizes = inputs[1].ints().filter(|sizes| sizes.len() == n).unwrap_or(vec![-1; n]);
        let one = |size: i64| {
            let mut dims = dims.to_vec();
            dims[at] = usize::try_from(size).map_or(Dim::Unknown, Dim::Known);
            dims.into()
        };
        Ok(sizes.into_iter().map(one).collect())
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let at = axis(inputs.int(2)?, x.rank())?;
        let given = inputs.ints(1)?;
        let len = x.shape()[at];
        let sum =
            given.iter().filter_map(|n| usize::try_from(*n).ok()).fold(0, usize::saturating_add);
        let n_open = given.iter().filter(|n| **n < 0).count();
        let rest = len.checked_sub(sum).filter(|rest| n_open == 1 || (n_open == 0 && *rest == 0));
        let rest =
            rest.ok_or_else(|| Error::invalid(format!("pieces {given:?} of an axis of {len}")))?;
        ensure!(usize::try_from(self.num_split) == Ok(given.len()), "{} pieces", given.len());
        let sizes: Vec<usize> = given.iter().map(|n| usize::try_from(*n).unwrap_or(rest)).collect();
        Ok(split(x, at, &sizes))
    }
}

attrs! {
    /// A part of a tensor: where it begins and how long it is along each axis, -1 being the rest.
    struct Slice {}
}

impl Op for Slice {
    const SPEC: Spec = Spec {
        name: "Slice",
        inputs: &["input: T", "begin: Index", "size: Index"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2, 3], [4, 5, 6]], int32[1, 0], int32[1, -1]", "", "[[4, 5, 6]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::slice);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let rank = inputs[0].rank().or(inputs[1].as_shape().rank()).or(inputs[2].as_shape().rank());
        let Some(rank) = rank else { return Ok(vec![Shape::UNKNOWN]) };
        let Some(sizes) = inputs[2].ints().filter(|s| s.len() == rank) else {
            return Ok(vec![Shape::of_rank(rank)]);
        };
        let begin = inputs[1].ints();
        let dims = sizes.iter().enumerate().map(|(i, size)| match usize::try_from(*size) {
            Ok(size) => Dim::Known(size),
            Err(_) => {
                let start = begin.as_ref().and_then(|b| usize::try_from(*b.get(i)?).ok());
                let dim = inputs[0].dims().and_then(|dims| dims.get(i).copied());
                match (dim, start) {
                    (Some(dim), Some(start)) => dim.map(|n| n.checked_sub(start)),
                    _ => Dim::Unknown,
                }
            }
        });
        Ok(vec![dims.collect::<Vec<_>>().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, begin, sizes) = (inputs.tensor(0)?, inputs.sizes(1)?, inputs.ints(2)?);
        let rank = x.rank();
        ensure!(begin.len() == rank && sizes.len() == rank, "a part of {rank} axes");
        let strides = strides(x.shape());
        let (mut shape, mut start) = (Vec::new(), 0);
        for (i, dim) in x.shape().iter().enumerate() {
            let left = dim.checked_sub(begin[i]);
            let size = left.and_then(|left| match sizes[i] {
                -1 => Some(left),
                size => usize::try_from(size).ok().filter(|size| *size <= left),
            });
            let what = || format!("{} elements from {} of an axis of {dim}", sizes[i], begin[i]);
            shape.push(size.ok_or_else(|| Error::invalid(what()))?);
            start += begin[i] * strides[i].cast_unsigned();
        }
        let dims = shape.iter().copied().zip(strides).collect();
        Ok(vec![walk(x, &shape, dims, start).into()])
    }
}

attrs! {
    /// A part of a tensor, as Python's `x[a:b:c, ..., None, i]`. Masks have one bit per entry.
    struct StridedSlice {
        /// Entries whose beginning is left out.
        begin_mask: i64 = 0,
        /// Entries whose end is left out.
        end_mask: i64 = 0,
        /// The entry that stands for all axes not named.
        ellipsis_mask: i64 = 0,
        /// Entries that make a new axis of length 1.
        new_axis_mask: i64 = 0,
        /// Entries that take one element and drop the axis.
        shrink_axis_mask: i64 = 0,
    }
}

/// One axis of the input under a strided slice.
struct Cut {
    start: usize,
    stride: i64,
    len: usize,
}

/// What comes out, axis by axis.
enum Piece {
    /// An axis of length 1.
    New,
    /// A cut of the input's next axis.
    Keep(Cut),
    /// One element of the input's next axis.
    Drop(Cut),
}

impl StridedSlice {
    fn has(mask: i64, i: usize) -> bool {
        i < 63 && mask & (1 << i) != 0
    }

    /// The pieces for a tensor of these dims.
    fn pieces(
        &self,
        dims: &[usize],
        begin: &[i64],
        end: &[i64],
        step: &[i64],
    ) -> Result<Vec<Piece>> {
        let n = begin.len();
        ensure!(
            end.len() == n && step.len() == n,
            "entries of {n}, {} and {}",
            end.len(),
            step.len()
        );
        let is_ellipsis = |i: &usize| Self::has(self.ellipsis_mask, *i);
        let first_ellipsis = (0..n).find(is_ellipsis);
        let is_new = |i: usize| Self::has(self.new_axis_mask, i) && first_ellipsis != Some(i);
        let n_named = (0..n).filter(|i| !is_new(*i) && first_ellipsis != Some(*i)).count();
        let n_rest = dims.len().checked_sub(n_named);
        let n_rest = n_rest
            .ok_or_else(|| Error::invalid(format!("{n_named} entries for {} axes", dims.len())))?;
        let whole = |len: usize| Piece::Keep(Cut { start: 0, stride: 1, len });
        let mut pieces = Vec::new();
        let mut at = 0;
        for i in 0..n {
            if first_ellipsis == Some(i) {
                pieces.extend(dims[at..at + n_rest].iter().map(|len| whole(*len)));
                at += n_rest;
            } else if is_new(i) {
                pieces.push(Piece::New);
            } else {
                pieces.push(self.cut(i, dims[at], begin[i], end[i], step[i])?);
                at += 1;
            }
        }
        pieces.extend(dims[at..].iter().map(|len| whole(*len)));
        Ok(pieces)
    }

    fn cut(&self, i: usize, len: usize, begin: i64, end: i64, step: i64) -> Result<Piece> {
        ensure!(step != 0 && step != i64::MIN, "a step of {step}");
        let n = len.cast_signed() as i64;
        let from_end = |x: i64| if x < 0 { x.saturating_add(n) } else { x };
        if Self::has(self.shrink_axis_mask, i) {
            let start = from_end(begin);
            ensure!((0..n).contains(&start), "there is no index {begin} in an axis of {n}");
            let start = usize::try_from(start).unwrap_or(0);
            return Ok(Piece::Drop(Cut { start, stride: 1, len: 1 }));
        }
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let edge = |mask: i64, given: i64, whole: i64| match Self::has(mask, i) {
            true => whole,
            false => from_end(given).clamp(low, high),
        };
        let start = edge(self.begin_mask, begin, if step > 0 { low } else { high });
        let stop = edge(self.end_mask, end, if step > 0 { high } else { low });
        let distance = if step > 0 { stop - start } else { start - stop };
        let count = if distance > 0 { (distance - 1) / step.abs() + 1 } else { 0 };
        let len = usize::try_from(count).unwrap_or(0);
        let start = if len == 0 { 0 } else { usize::try_from(start).unwrap_or(0) };
        Ok(Piece::Keep(Cut { start, stride: step, len }))
    }
}

impl Op for StridedSlice {
    const SPEC: Spec = Spec {
        name: "StridedSlice",
        inputs: &["input: T", "begin: Index", "end: Index", "strides: Index"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[1, 2, 3, 4], int32[-1], int32[0], int32[-2]", "", "[4, 2]"),
        case(
            "[[1, 2], [3, 4]], int32[0, 1], int32[0, 2], int32[1, 1]",
            "begin_mask=1, end_mask=1, shrink_axis_mask=2",
            "[2, 4]",
        ),
        case(
            "[1, 2], int32[0, 0], int32[0, 0], int32[1, 1]",
            "ellipsis_mask=1, new_axis_mask=2",
            "[[1], [2]]",
        ),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let entries = (inputs[1].ints(), inputs[2].ints(), inputs[3].ints());
        let (Some(begin), Some(end), Some(step)) = entries else { return Ok(vec![Shape::UNKNOWN]) };
        let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
        // An unknown dim is cut as if it were long; what comes out of it stays unknown unless one
        // element was taken.
        const LONG: usize = usize::MAX >> 2;
        let lens: Vec<usize> = dims.iter().map(|dim| dim.known().unwrap_or(LONG)).collect();
        let mut at = 0;
        let mut out = Vec::new();
        for piece in self.pieces(&lens, &begin, &end, &step)? {
            match piece {
                Piece::New => out.push(Dim::Known(1)),
                Piece::Drop(_) => at += 1,
                Piece::Keep(cut) => {
                    out.push(dims[at].map(|_| Some(cut.len)));
                    at += 1;
                }
            }
        }
        Ok(vec![out.into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let pieces =
            self.pieces(x.shape(), &inputs.ints(1)?, &inputs.ints(2)?, &inputs.ints(3)?)?;
        let strides = strides(x.shape());
        let (mut shape, mut dims, mut start, mut at) = (Vec::new(), Vec::new(), 0, 0);
        for piece in pieces {
            match piece {
                Piece::New => shape.push(1),
                Piece::Keep(cut) => {
                    let stride = isize::try_from(cut.stride).unwrap_or(isize::MAX);
                    shape.push(cut.len);
                    dims.push((cut.len, stride.saturating_mul(strides[at])));
                    start += cut.start * strides[at].cast_unsigned();
                    at += 1;
                }
                Piece::Drop(cut) => {
                    start += cut.start * strides[at].cast_unsigned();
                    at += 1;
                }
            }
        }
        Ok(vec![walk(x, &shape, dims, start).into()])
    }
}

/// `x` with the flagged axes turned around.
fn reversed(x: &DenseTensor, flags: &[bool]) -> Vec<Value> {
    let mut start = 0;
    let strides = strides(x.shape());
    let dims = x.shape().iter().zip(strides).zip(flags).map(|((len, stride), flag)| {
        if !flag || *len == 0 {
            return (*len, stride);
        }
        start += (len - 1) * stride.cast_unsigned();
        (*len, -stride)
    });
    let dims = dims.collect();
    vec![walk(x, x.shape(), dims, start).into()]
}

attrs! {
    /// Turns axes around.
    struct ReverseV2 {}
}

impl Op for ReverseV2 {
    const SPEC: Spec = Spec {
        name: "ReverseV2",
        inputs: &["tensor: T", "axis: Tidx"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2], [3, 4]], int32[-1]", "", "[[2, 1], [4, 3]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let flags = crate::families::reduction::axis_flags(&inputs.ints(1)?, x.rank())?;
        Ok(reversed(x, &flags))
    }
}

attrs! {
    /// Turns axes around, with a flag for each.
    struct Reverse {}
}

impl Op for Reverse {
    const SPEC: Spec = Spec {
        name: "Reverse",
        inputs: &["tensor: T", "dims: bool"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2], [3, 4]], bool[true, false]", "", "[[3, 4], [1, 2]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, flags) = (inputs.tensor(0)?, inputs.slice::<bool>(1)?);
        ensure!(flags.len() == x.rank(), "{} flags for {} axes", flags.len(), x.rank());
        Ok(reversed(x, flags))
    }
}

attrs! {
    /// Repeats the whole along each axis.
    struct Tile {}
}

impl Op for Tile {
    const SPEC: Spec = Spec {
        name: "Tile",
        inputs: &["input: T", "multiples: Tmultiples"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2]], int32[2, 2]", "", "[[1, 2, 1, 2], [1, 2, 1, 2]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::tile);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let Some(dims) = inputs[0].dims() else {
            return Ok(vec![inputs[1].as_shape().rank().map_or(Shape::UNKNOWN, Shape::of_rank)]);
        };
        let Some(times) = inputs[1].ints() else { return Ok(vec![Shape::of_rank(dims.len())]) };
        ensure!(times.len() == dims.len(), "{} repeats for {} axes", times.len(), dims.len());
        let dim = |(dim, n): (&Dim, i64)| dim.map(|d| d.checked_mul(usize::try_from(n).ok()?));
        Ok(vec![dims.iter().zip(times).map(dim).collect::<Vec<_>>().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, times) = (inputs.tensor(0)?, inputs.sizes(1)?);
        ensure!(times.len() == x.rank(), "{} repeats for {} axes", times.len(), x.rank());
        let shape = x.shape().iter().zip(&times).map(|(len, n)| len.checked_mul(*n));
        let shape: Option<Vec<usize>> = shape.collect();
        let shape = shape.ok_or_else(|| Error::limit("the repeats are too many"))?;
        checked_len(&shape)?;
        let axes = x.shape().iter().zip(strides(x.shape())).zip(&times);
        let dims = axes.flat_map(|((len, stride), n)| [(*n, 0), (*len, stride)]).collect();
        Ok(vec![walk(x, &shape, dims, 0).into()])
    }
}

/// Index `i` of an axis of `n`.
pub(crate) fn index(i: i64, n: usize) -> Result<usize> {
    let found = usize::try_from(i).ok().filter(|i| *i < n);
    found.ok_or_else(|| Error::invalid(format!("the index {i} is not in [0, {n})")))
}

pub(crate) fn gathered(
    x: &DenseTensor,
    indices: &DenseTensor,
    along: i64,
    batch_dims: i64,
) -> Result<Vec<Value>> {
    let batch = axis(batch_dims, indices.rank() + 1)?;
    let at = axis(along, x.rank())?;
    ensure!(
        batch <= at && x.shape()[..batch] == indices.shape()[..batch],
        "the batches have unlike shapes"
    );
    let all = indices.to_i64().ok_or_else(|| Error::invalid("the indices are no integers"))?;
    let n = x.shape()[at];
    let all: Vec<usize> = all.into_iter().map(|i| index(i, n)).collect::<Result<_>>()?;
    let shape = [&x.shape()[..at], &indices.shape()[batch..], &x.shape()[at + 1..]].concat();
    checked_len(&shape)?;
    let n_batches: usize = x.shape()[..batch].iter().product();
    let outer: usize = x.shape()[batch..at].iter().product();
    let len: usize = x.shape()[at + 1..].iter().product();
    let per_batch = all.len().checked_div(n_batches).unwrap_or(0);
    let all = &all;
    let mut runs = (0..n_batches).flat_map(|b| {
        (0..outer).flat_map(move |row| {
            all[b * per_batch..(b + 1) * per_batch]
                .iter()
                .map(move |i| Run::once(0, ((b * outer + row) * n + i) * len, len))
        })
    });
    Ok(vec![assemble(&shape, &[x], &mut runs).into()])
}

attrs! {
    /// Takes slices along an axis, by index. An index out of range is an error.
    struct GatherV2 {
        /// So many outer axes are the same in both inputs.
        batch_dims: i64 = 0,
    }
}

impl Op for GatherV2 {
    const SPEC: Spec = Spec {
        name: "GatherV2",
        inputs: &["params: Tparams", "indices: Tindices", "axis: Taxis"],
        outputs: &["output: Tparams"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[[1, 2], [3, 4]], int32[1, 1, 0], int32 0", "", "[[3, 4], [3, 4], [1, 2]]"),
        case("[[1, 2], [3, 4]], int32[[1], [0]], int32 1", "batch_dims=1", "[[2], [3]]"),
    ];
    const GRAD: Option<Gradient<Self>> =
        Some(|op, g| crate::grads::gather(g, Some(g.inputs[2]), op.batch_dims));

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let (Some(x), Some(indices), Some(along)) =
            (inputs[0].dims(), inputs[1].dims(), inputs[2].int())
        else {
            return Ok(vec![Shape::UNKNOWN]);
        };
        let at = axis(along, x.len())?;
        let batch = axis(self.batch_dims, indices.len() + 1)?;
        ensure!(batch <= at, "`batch_dims` {batch} is after the axis {at}");
        Ok(vec![[&x[..at], &indices[batch..], &x[at + 1..]].concat().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, indices) = (inputs.tensor(0)?, inputs.tensor(1)?);
        gathered(x, indices, inputs.int(2)?, self.batch_dims)
    }
}

attrs! {
    /// Takes rows by index.
    struct Gather {}
}

impl Op for Gather {
    const SPEC: Spec = Spec {
        name: "Gather",
        inputs: &["params: Tparams", "indices: Tindices"],
        outputs: &["output: Tparams"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2, 3], int32[2, 0]", "", "[3, 1]")];
    const GRAD: Option<Gradient<Self>> = Some(|_, g| crate::grads::gather(g, None, 0));

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let (Some(x), Some(indices)) = (inputs[0].dims(), inputs[1].dims()) else {
            return Ok(vec![Shape::UNKNOWN]);
        };
        ensure!(!x.is_empty(), "a scalar has no rows");
        Ok(vec![[indices, &x[1..]].concat().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        gathered(inputs.tensor(0)?, inputs.tensor(1)?, 0, 0)
    }
}

attrs! {
    /// Takes slices by indices of several axes: the last axis of the indices has one for each.
    struct GatherNd {}
}

impl Op for GatherNd {
    const SPEC: Spec = Spec {
        name: "GatherNd",
        inputs: &["params: Tparams", "indices: Tindices"],
        outputs: &["output: Tparams"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2], [3, 4]], int32[[1, 0], [0, 1]]", "", "[3, 2]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let (Some(x), Some([outer @ .., Dim::Known(k)])) = (inputs[0].dims(), inputs[1].dims())
        else {
            return Ok(vec![Shape::UNKNOWN]);
        };
        ensure!(*k <= x.len(), "indices of {k} axes, and there are {}", x.len());
        Ok(vec![[outer, &x[*k..]].concat().into()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, indices) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let Some((k, outer)) = indices.shape().split_last() else {
            fail!("the indices are a scalar")
        };
        ensure!(*k <= x.rank(), "indices of {k} axes, and there are {}", x.rank());
        let strides = strides(x.shape());
        let shape = [outer, &x.shape()[*k..]].concat();
        checked_len(&shape)?;
        let n: usize = outer.iter().product();
        let len: usize = x.shape()[*k..].iter().product();
        let all = inputs.ints(1)?;
        let start = |row: usize| -> Result<Run> {
            let mut start = 0;
            for (i, one) in all[row * k..(row + 1) * k].iter().enumerate() {
                start += index(*one, x.shape()[i])? * strides[i].cast_unsigned();
            }
            Ok(Run::once(0, start, len))
        };
        let runs: Vec<Run> = (0..n).map(start).collect::<Result<_>>()?;
        Ok(vec![assemble(&shape, &[x], &mut runs.into_iter()).into()])
    }
}

attrs! {
    /// Moves elements along axes, those that fall out at the end coming in at the beginning.
    struct Roll {}
}

impl Op for Roll {
    const SPEC: Spec = Spec {
        name: "Roll",
        inputs: &["input: T", "shift: Tshift", "axis: Taxis"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2, 3], int32[1], int32[0]", "", "[3, 1, 2]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let mut x = inputs.tensor(0)?.clone();
        let (shifts, axes) = (inputs.ints(1)?, inputs.ints(2)?);
        ensure!(shifts.len() == axes.len(), "{} shifts of {} axes", shifts.len(), axes.len());
        for (shift, along) in shifts.into_iter().zip(axes) {
            let at = axis(along, x.rank())?;
            let n = x.shape()[at];
            if n == 0 {
                continue;
            }
            let shift = usize::try_from(shift.rem_euclid(n.cast_signed() as i64)).unwrap_or(0);
            let (end, start) = (part(&x, at, n - shift, shift), part(&x, at, 0, n - shift));
            let joined = concatenated(&[&end, &start], at.cast_signed() as i64)?;
            if let Some(Value::Tensor(joined)) = joined.into_iter().next() {
                x = joined;
            }
        }
        Ok(vec![x.into()])
    }
}

attrs! {
    /// The permutation that undoes a permutation.
    struct InvertPermutation {}
}

impl Op for InvertPermutation {
    const SPEC: Spec =
        Spec { name: "InvertPermutation", inputs: &["x: T"], outputs: &["y: T"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("int32[2, 0, 1]", "", "int32[1, 2, 0]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].shape.clone()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, all) = (inputs.tensor(0)?, inputs.ints(0)?);
        let mut out = vec![-1_i64; all.len()];
        for (i, one) in (0_i64..).zip(&all) {
            out[index(*one, all.len())?] = i;
        }
        ensure!(!out.contains(&-1), "{all:?} is no permutation");
        Ok(vec![crate::wide::Narrow::narrow(x.dtype(), x.shape(), out).into()])
    }
}
