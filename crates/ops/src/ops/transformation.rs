//! Ops that change types and shapes and leave the elements.

use tensorferry_ir::{Attr, Dim, Shape};
use tensorferry_tensor::{Complex, DType, DenseTensor, Run, assemble};

use crate::broadcast::broadcast_shapes;
use crate::def::case;
use crate::families::reduction::axis;
use crate::walk::{broadcast_to, transposed, walk};
use crate::wide::{Narrow, Wide, view};
use crate::{Args, Case, Error, Fact, Gradient, Op, Result, Spec, Value, checked_len};

register![
    BatchToSpaceND,
    BroadcastArgs,
    BroadcastGradientArgs,
    BroadcastTo,
    Cast,
    DepthToSpace,
    EnsureShape,
    ExpandDims,
    MirrorPad,
    Pad,
    PadV2,
    Reshape,
    SpaceToBatchND,
    SpaceToDepth,
    Squeeze,
    Transpose,
];

fn misfit(shape: &[usize]) -> Error {
    Error::invalid(format!("the elements do not fill the shape {shape:?}"))
}

/// The same elements under another shape.
fn reshaped(x: DenseTensor, shape: &[usize]) -> Result<Vec<Value>> {
    Ok(vec![x.reshaped(shape).ok_or_else(|| misfit(shape))?.into()])
}

attrs! {
    /// Turns elements into another type: numbers lose what does not fit, as in C.
    struct Cast {
        /// The type that comes out.
        DstT: DType,
        /// The type that goes in.
        SrcT: Option<DType>,
    }
}

impl Op for Cast {
    const SPEC: Spec =
        Spec { name: "Cast", inputs: &["x: SrcT"], outputs: &["y: DstT"], ..Spec::PURE };
    const CASES: &'static [Case] = &[
        case("[1.7, -1.7]", "DstT=int32", "int32[1, -1]"),
        case("int32[300, -1]", "DstT=uint8", "uint8[44, 255]"),
        case("bool[true, false]", "DstT=float32", "[1, 0]"),
        case("[0, 0.5]", "DstT=bool", "bool[false, true]"),
        case("[1.5]", "DstT=complex64", "complex64[(1.5, 0)]"),
    ];
    const GRAD: Option<Gradient<Self>> = Some(|op, g| {
        let Some(from) = op.SrcT else {
            return Err(Error::unsupported("the type of the input is not stated"));
        };
        let dy = g.dy()?;
        Ok(vec![Some(g.build.add("Cast", &[dy], &[("DstT", Attr::Type(from.into()))]))])
    });

    fn infer(&self, x: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![x[0].shape.clone()])
    }

    fn known_elements(&self, x: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
        let is_dim = matches!(self.DstT, DType::Int32 | DType::Int64);
        is_dim.then(|| x[0].elements.clone()).flatten().map(|all| vec![all])
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        if x.dtype() == self.DstT {
            return Ok(vec![x.into()]);
        }
        let shape = x.shape().to_vec();
        Ok(vec![cast(&x, self.DstT, &shape)?.into()])
    }
}

/// `x` as elements of type `to`.
fn cast(x: &DenseTensor, to: DType, shape: &[usize]) -> Result<DenseTensor> {
    fn each<T: Copy, U>(all: &[T], f: impl Fn(T) -> U) -> Vec<U> {
        all.iter().map(|x| f(*x)).collect()
    }
    Ok(match view(x) {
        Wide::F32(all) => from_f64(each(&all, f64::from), to, shape)?,
        Wide::F64(all) => from_f64(all.into_owned(), to, shape)?,
        Wide::I64(all) => match kind(to) {
            Target::Float if to == DType::Float64 => {
                f64::narrow(to, shape, each(&all, |x| x as f64))
            }
            Target::Float => f32::narrow(to, shape, each(&all, |x| x as f32)),
            Target::Whole => i64::narrow(to, shape, all.into_owned()),
            Target::Complex => {
                Complex::narrow(to, shape, each(&all, |x| Complex::new(x as f64, 0.0)))
            }
            Target::Bool => DenseTensor::new(shape, each(&all, |x| x != 0)),
            Target::Text => return Err(no_cast(x.dtype(), to)),
        },
        Wide::U64(all) => match kind(to) {
            Target::Float if to == DType::Float64 => {
                f64::narrow(to, shape, each(&all, |x| x as f64))
            }
            Target::Float => f32::narrow(to, shape, each(&all, |x| x as f32)),
            Target::Whole => u64::narrow(to, shape, all.into_owned()),
            Target::Complex => {
                Complex::narrow(to, shape, each(&all, |x| Complex::new(x as f64, 0.0)))
            }
            Target::Bool => DenseTensor::new(shape, each(&all, |x| x != 0)),
            Target::Text => return Err(no_cast(x.dtype(), to)),
        },
        // A complex number loses its imaginary part.
        Wide::C128(all) => match kind(to) {
            Target::Complex => Complex::narrow(to, shape, all.into_owned()),
            _ => from_f64(each(&all, |z| z.re), to, shape)?,
        },
        Wide::Bool(all) => from_f64(each(&all, |x| f64::from(u8::from(x))), to, shape)?,
        Wide::Text(_) => return Err(no_cast(x.dtype(), to)),
    })
}

enum Target {
    Float,
    Whole,
    Complex,
    Bool,
    Text,
}

fn kind(dtype: DType) -> Target {
    match dtype {
        DType::Bool => Target::Bool,
        DType::String => Target::Text,
        DType::Complex64 | DType::Complex128 => Target::Complex,
        other if other.is_float() => Target::Float,
        _ => Target::Whole,
    }
}

fn no_cast(from: DType, to: DType) -> Error {
    Error::unsupported(format!("{from} cannot be cast to {to}"))
}

fn from_f64(all: Vec<f64>, to: DType, shape: &[usize]) -> Result<DenseTensor> {
    Ok(match kind(to) {
        Target::Float => f64::narrow(to, shape, all),
        Target::Complex => {
            let all = all.into_iter().map(|x| Complex::new(x, 0.0)).collect();
            Complex::narrow(to, shape, all)
        }
        Target::Bool => {
            DenseTensor::new(shape, all.into_iter().map(|x| x != 0.0).collect::<Vec<_>>())
        }
        Target::Whole => whole_from_f64(all, to, shape),
        Target::Text => return Err(no_cast(DType::Float64, to)),
    })
}

/// Truncated; what the type cannot hold is, as on x86, the lowest number of 32 or 64 bits, whose low
/// bits smaller types keep.
fn whole_from_f64(all: Vec<f64>, to: DType, shape: &[usize]) -> DenseTensor {
    if to == DType::UInt64 {
        return u64::narrow(to, shape, all.into_iter().map(|x| x as u64).collect());
    }
    let is_wide = matches!(to, DType::Int64 | DType::UInt32);
    let lowest = if is_wide { i64::MIN } else { i64::from(i32::MIN) };
    let highest = if is_wide { 9.223_372_036_854_775e18 } else { f64::from(i32::MAX) };
    let whole = |x: f64| {
        let is_inside = x.trunc() >= lowest as f64 && x.trunc() <= highest;
        if is_inside { x as i64 } else { lowest }
    };
    i64::narrow(to, shape, all.into_iter().map(whole).collect())
}

attrs! {
    /// Gives the elements another shape; one dim may be -1, which is what is left.
    struct Reshape {}
}

/// The shape that `-1` and the number of elements make.
fn resolved(n: usize, shape: &[i64]) -> Result<Vec<usize>> {
    let known = shape
        .iter()
        .filter(|dim| **dim >= 0)
        .try_fold(1_usize, |n, dim| n.checked_mul(usize::try_from(*dim).ok()?));
    let known = known.ok_or_else(|| Error::invalid(format!("the shape {shape:?} is too large")))?;
    let open = shape.iter().filter(|dim| **dim == -1).count();
    ensure!(open <= 1 && shape.iter().all(|dim| *dim >= -1), "{shape:?} is no shape");
    let rest = n.checked_div(known).unwrap_or(0);
    ensure!(
        (open == 1 && rest * known == n) || (open == 0 && known == n),
        "{n} elements do not fill the shape {shape:?}"
    );
    Ok(shape.iter().map(|dim| usize::try_from(*dim).unwrap_or(rest)).collect())
}

impl Op for Reshape {
    const SPEC: Spec = Spec {
        name: "Reshape",
        inputs: &["tensor: T", "shape: Tshape"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2, 3, 4], int32[2, -1]", "", "[[1, 2], [3, 4]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::reshape);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        match (inputs[1].ints(), inputs[0].shape.n_elements()) {
            (Some(shape), Some(n)) => Ok(vec![Shape::of(&resolved(n, &shape)?)]),
            _ => Ok(vec![inputs[1].as_shape()]),
        }
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let shape = inputs.ints(1)?;
        let x = inputs.take(0)?;
        let shape = resolved(x.len(), &shape)?;
        reshaped(x, &shape)
    }
}

attrs! {
    /// Puts in an axis of length 1.
    struct ExpandDims {}
}

impl Op for ExpandDims {
    const SPEC: Spec = Spec {
        name: "ExpandDims",
        inputs: &["input: T", "dim: Tdim"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2], int32 -1", "", "[[1], [2]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::reshape);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
        let Some(at) = inputs[1].int() else { return Ok(vec![Shape::of_rank(dims.len() + 1)]) };
        let mut dims = dims.to_vec();
        dims.insert(axis(at, dims.len() + 1)?, Dim::Known(1));
        Ok(vec![dims.into()])
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let at = inputs.int(1)?;
        let x = inputs.take(0)?;
        let mut shape = x.shape().to_vec();
        shape.insert(axis(at, shape.len() + 1)?, 1);
        reshaped(x, &shape)
    }
}

attrs! {
    /// Takes out axes of length 1: those given, or all.
    struct Squeeze {
        /// The axes; none stands for all of length 1.
        squeeze_dims: Vec<i64> = Vec::new(),
    }
}

impl Op for Squeeze {
    const SPEC: Spec = Spec {
        name: "Squeeze",
        inputs: &["input: T"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[[[1], [2]]]", "", "[1, 2]"),
        case("[[[1], [2]]]", "squeeze_dims=[-1]", "[[1, 2]]"),
    ];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::reshape);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
        if self.squeeze_dims.is_empty() && dims.contains(&Dim::Unknown) {
            return Ok(vec![Shape::UNKNOWN]);
        }
        let flags = crate::families::reduction::axis_flags(&self.squeeze_dims, dims.len())?;
        let is_out = |(dim, flag): (&Dim, &bool)| match self.squeeze_dims.is_empty() {
            true => *dim == Dim::Known(1),
            false => *flag,
        };
        let mut kept = Vec::new();
        for (dim, flag) in dims.iter().zip(&flags) {
            match is_out((dim, flag)) {
                true => ensure!(dim.agrees(Dim::Known(1)), "an axis of length {dim} stays"),
                false => kept.push(*dim),
            }
        }
        Ok(vec![kept.into()])
    }

    fn eval(&self, mut inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.take(0)?;
        let shape = self.infer(&[Fact::new(x.dtype(), Shape::of(x.shape()))])?;
        let shape = shape.first().and_then(Shape::known).unwrap_or_default();
        reshaped(x, &shape)
    }
}

attrs! {
    /// Puts the axes in another order.
    struct Transpose {}
}

/// A permutation of `rank` axes.
fn permutation(all: &[i64], rank: usize) -> Result<Vec<usize>> {
    let order: Vec<usize> = all.iter().map(|one| axis(*one, rank)).collect::<Result<_>>()?;
    let mut seen = vec![false; rank];
    order.iter().for_each(|axis| seen[*axis] = true);
    ensure!(order.len() == rank && seen.iter().all(|x| *x), "{all:?} is no order of {rank} axes");
    Ok(order)
}

impl Op for Transpose {
    const SPEC: Spec = Spec {
        name: "Transpose",
        inputs: &["x: T", "perm: Tperm"],
        outputs: &["y: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1, 2, 3]], int32[1, 0]", "", "[[1], [2], [3]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::transpose);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        match (inputs[0].dims(), inputs[1].ints()) {
            (Some(dims), Some(order)) => {
                let order = permutation(&order, dims.len())?;
                Ok(vec![order.iter().map(|axis| dims[*axis]).collect::<Vec<_>>().into()])
            }
            (Some(dims), None) => Ok(vec![Shape::of_rank(dims.len())]),
            _ => Ok(vec![inputs[1].as_shape().rank().map_or(Shape::UNKNOWN, Shape::of_rank)]),
        }
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let order = permutation(&inputs.ints(1)?, x.rank())?;
        Ok(vec![transposed(x, &order).into()])
    }
}

attrs! {
    /// Repeats axes of length 1, and the whole along new outer axes.
    struct BroadcastTo {}
}

impl Op for BroadcastTo {
    const SPEC: Spec = Spec {
        name: "BroadcastTo",
        inputs: &["input: T", "shape: Tidx"],
        outputs: &["output: T"],
        moves: true,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[[1], [2]], int32[2, 2]", "", "[[1, 1], [2, 2]]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::broadcast_to);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[1].as_shape()])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, shape) = (inputs.tensor(0)?, inputs.sizes(1)?);
        checked_len(&shape)?;
        let both = broadcast_shapes(&Shape::of(x.shape()), &Shape::of(&shape))?;
        ensure!(both == Shape::of(&shape), "{:?} cannot become {shape:?}", x.shape());
        Ok(vec![broadcast_to(x, &shape).into()])
    }
}

attrs! {
    /// The shape that two shapes are brought to.
    struct BroadcastArgs {}
}

impl Op for BroadcastArgs {
    const SPEC: Spec = Spec {
        name: "BroadcastArgs",
        inputs: &["s0: T", "s1: T"],
        outputs: &["r0: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("int32[2, 1], int32[3]", "", "int32[2, 3]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let n = |fact: &Fact| fact.dims().and_then(|dims| dims.first().copied()?.known());
        let n = n(&inputs[0]).zip(n(&inputs[1])).map(|(a, b)| a.max(b));
        Ok(vec![n.map_or(Shape::of_rank(1), Shape::vector)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = (inputs.sizes(0)?, inputs.sizes(1)?);
        let both = broadcast_shapes(&Shape::of(&a), &Shape::of(&b))?.known().unwrap_or_default();
        let all: Vec<i64> = both.iter().map(|dim| dim.cast_signed() as i64).collect();
        Ok(vec![i64::narrow(inputs.tensor(0)?.dtype(), &[all.len()], all).into()])
    }
}

attrs! {
    /// The axes along which each of two shapes is repeated when both are brought to one.
    struct BroadcastGradientArgs {}
}

impl Op for BroadcastGradientArgs {
    const SPEC: Spec = Spec {
        name: "BroadcastGradientArgs",
        inputs: &["s0: T", "s1: T"],
        outputs: &["r0: T", "r1: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("int32[2, 1], int32[3]", "", "int32[1], int32[0]")];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![Shape::of_rank(1), Shape::of_rank(1)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (a, b) = (inputs.sizes(0)?, inputs.sizes(1)?);
        let both = broadcast_shapes(&Shape::of(&a), &Shape::of(&b))?.known().unwrap_or_default();
        let dtype = inputs.tensor(0)?.dtype();
        let axes = |from: &[usize]| -> Value {
            let new = both.len() - from.len();
            // Summing over an axis of length 1 changes nothing; TensorFlow names it all the same.
            let is_repeated = |i: &usize| match i.checked_sub(new) {
                Some(axis) => from[axis] == 1 && a != b,
                None => true,
            };
            let all: Vec<i64> =
                (0..both.len()).filter(is_repeated).map(|i| i.cast_signed() as i64).collect();
            i64::narrow(dtype, &[all.len()], all).into()
        };
        Ok(vec![axes(&a), axes(&b)])
    }
}

attrs! {
    /// Gives its input, whose shape must be the one stated.
    struct EnsureShape {
        /// The shape; unknown dims may be anything.
        shape: Shape,
    }
}

impl Op for EnsureShape {
    const SPEC: Spec =
        Spec { name: "EnsureShape", inputs: &["input: T"], outputs: &["output: T"], ..Spec::PURE };
    const CASES: &'static [Case] = &[case("[[1, 2]]", "shape=<?,2>", "[[1, 2]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let merged = inputs[0].shape.merge(&self.shape);
        let what = || format!("a tensor of shape {}, expected {}", inputs[0].shape, self.shape);
        Ok(vec![merged.ok_or_else(|| Error::invalid(what()))?])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        self.infer(&[Fact::new(inputs.value(0)?.ty(), Shape::of(inputs.value(0)?.shape()))])?;
        Ok(inputs.into_values())
    }
}

/// Pairs (before, after) per axis, from a matrix `[rank, 2]`.
fn pairs(inputs: &Args, i: usize, rank: usize) -> Result<Vec<(usize, usize)>> {
    let all = inputs.sizes(i)?;
    ensure!(all.len() == 2 * rank, "{} paddings for {rank} axes", all.len());
    Ok(all.chunks(2).map(|pair| (pair[0], pair[1])).collect())
}

fn infer_pad(inputs: &[Fact]) -> Result<Vec<Shape>> {
    let Some(dims) = inputs[0].dims() else { return Ok(vec![Shape::UNKNOWN]) };
    let Some(pads) = inputs[1].ints() else { return Ok(vec![Shape::of_rank(dims.len())]) };
    ensure!(pads.len() == 2 * dims.len(), "{} paddings for {} axes", pads.len(), dims.len());
    let dims = dims.iter().zip(pads.chunks(2)).map(|(dim, pad)| {
        dim.map(|n| {
            let more = usize::try_from(pad[0]).ok()?.checked_add(usize::try_from(pad[1]).ok()?)?;
            n.checked_add(more)
        })
    });
    Ok(vec![dims.collect::<Vec<_>>().into()])
}

/// `x` with other elements around: `source` says where along each axis an index of the result comes
/// from, `None` standing for the fill.
fn padded(
    x: &DenseTensor,
    fill: &DenseTensor,
    pads: &[(usize, usize)],
    source: impl Fn(usize, usize) -> Option<usize>,
) -> Result<DenseTensor> {
    let sum = |(n, (before, after)): (&usize, &(usize, usize))| {
        n.checked_add(*before).and_then(|n| n.checked_add(*after))
    };
    let shape: Option<Vec<usize>> = x.shape().iter().zip(pads).map(sum).collect();
    let shape = shape.ok_or_else(|| Error::limit("the paddings are too large"))?;
    let n = checked_len(&shape)?;
    let strides = crate::walk::strides(x.shape());
    let maps: Vec<Vec<Option<usize>>> = shape
        .iter()
        .enumerate()
        .map(|(i, len)| (0..*len).map(|at| source(i, at)).collect())
        .collect();
    let mut index = vec![0_usize; shape.len()];
    let mut runs = (0..n).map(|_| {
        let start =
            index.iter().zip(&maps).zip(&strides).try_fold(0, |sum, ((at, map), stride)| {
                Some(sum + map[*at]? * stride.cast_unsigned())
            });
        for (at, len) in index.iter_mut().zip(&shape).rev() {
            *at += 1;
            if *at < *len {
                break;
            }
            *at = 0;
        }
        start.map_or(Run::once(1, 0, 1), |start| Run::once(0, start, 1))
    });
    Ok(assemble(&shape, &[x, fill], &mut runs))
}

fn pad(inputs: &Args, fill: &DenseTensor) -> Result<Vec<Value>> {
    let x = inputs.tensor(0)?;
    ensure!(fill.dtype() == x.dtype() && fill.len() == 1, "the fill is not one {}", x.dtype());
    let pads = pairs(inputs, 1, x.rank())?;
    let source = |i: usize, at: usize| at.checked_sub(pads[i].0).filter(|at| *at < x.shape()[i]);
    Ok(vec![padded(x, fill, &pads, source)?.into()])
}

attrs! {
    /// Puts zeros around.
    struct Pad {}
}

impl Op for Pad {
    const SPEC: Spec = Spec {
        name: "Pad",
        inputs: &["input: T", "paddings: Tpaddings"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2], int32[[1, 2]]", "", "[0, 1, 2, 0, 0]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::pad);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_pad(inputs)
    }

    fn border(&self, inputs: &[Fact]) -> Option<crate::Border> {
        crate::Border::of(inputs.get(1)?)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let zero = DenseTensor::zeros(inputs.tensor(0)?.dtype(), &[]);
        pad(&inputs, &zero.ok_or_else(|| Error::limit("no memory"))?)
    }
}

attrs! {
    /// Puts copies of a value around.
    struct PadV2 {}
}

impl Op for PadV2 {
    const SPEC: Spec = Spec {
        name: "PadV2",
        inputs: &["input: T", "paddings: Tpaddings", "constant_values: T"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[case("[1, 2], int32[[1, 0]], 9", "", "[9, 1, 2]")];
    const GRAD: Option<Gradient<Self>> = Some(crate::grads::pad);

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_pad(inputs)
    }

    fn border(&self, inputs: &[Fact]) -> Option<crate::Border> {
        let is_zero = crate::fast::constant(inputs.get(2)?)? == [0.0];
        is_zero.then(|| crate::Border::of(&inputs[1]))?
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        pad(&inputs, inputs.tensor(2)?)
    }
}

attrs! {
    /// Puts the tensor's own elements around, as in a mirror.
    struct MirrorPad {
        /// `REFLECT` leaves the outermost element out, `SYMMETRIC` repeats it.
        mode: String,
    }
}

impl Op for MirrorPad {
    const SPEC: Spec = Spec {
        name: "MirrorPad",
        inputs: &["input: T", "paddings: Tpaddings"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[
        case("[1, 2, 3], int32[[2, 1]]", "mode=\"REFLECT\"", "[3, 2, 1, 2, 3, 2]"),
        case("[1, 2, 3], int32[[2, 1]]", "mode=\"SYMMETRIC\"", "[2, 1, 1, 2, 3, 3]"),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        infer_pad(inputs)
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let pads = pairs(&inputs, 1, x.rank())?;
        let skip = usize::from(self.mode == "REFLECT");
        for (n, (before, after)) in x.shape().iter().zip(&pads) {
            let most = n.saturating_sub(skip);
            ensure!(
                *before <= most && *after <= most,
                "{n} elements have no mirror of {before}, {after}"
            );
        }
        let source = |i: usize, at: usize| {
            let (before, n) = (pads[i].0, x.shape()[i]);
            let mirrored = match at.checked_sub(before) {
                None => before - at - 1 + skip,
                Some(at) if at < n => at,
                Some(at) => (2 * n - 1 - skip).checked_sub(at)?,
            };
            Some(mirrored)
        };
        Ok(vec![padded(x, x, &pads, source)?.into()])
    }
}

attrs! {
    /// Cuts images into blocks and lays each block's pixels behind one another, as channels.
    struct SpaceToDepth {
        /// Length and width of a block.
        block_size: i64,
        /// `NHWC` or `NCHW`.
        data_format: String = "NHWC".to_owned(),
    }
}

attrs! {
    /// Lays channels out as blocks of pixels: the inverse of `SpaceToDepth`.
    struct DepthToSpace {
        /// Length and width of a block.
        block_size: i64,
        /// `NHWC` or `NCHW`.
        data_format: String = "NHWC".to_owned(),
    }
}

fn block(size: i64, data_format: &str) -> Result<usize> {
    ensure!(data_format != "NCHW_VECT_C", "the format {data_format} is for other devices");
    usize::try_from(size)
        .ok()
        .filter(|size| (1..1 << 20).contains(size))
        .ok_or_else(|| Error::invalid(format!("{size} is no size of a block")))
}

/// `[n, h, w, c]` of known or unknown dims, from either format.
fn nhwc(fact: &Fact, data_format: &str) -> Result<[Dim; 4]> {
    let unknown = [Dim::Unknown; 4];
    let dims = fact.dims().unwrap_or(&unknown);
    let &[a, b, c, d] = dims else { fail!("images have 4 dims, not {}", dims.len()) };
    Ok(if data_format == "NCHW" { [a, c, d, b] } else { [a, b, c, d] })
}

fn from_nhwc([n, h, w, c]: [Dim; 4], data_format: &str) -> Shape {
    let dims = if data_format == "NCHW" { [n, c, h, w] } else { [n, h, w, c] };
    dims.to_vec().into()
}

fn exact(n: usize, by: usize) -> Option<usize> {
    n.is_multiple_of(by).then(|| n / by)
}

/// Reshapes, reorders, reshapes again, between the formats.
fn blocks(
    x: &DenseTensor,
    data_format: &str,
    split: impl Fn([usize; 4]) -> Option<([usize; 6], [usize; 6], [usize; 4])>,
) -> Result<Vec<Value>> {
    ensure!(x.rank() == 4, "images have 4 dims, not {}", x.rank());
    let is_first = data_format == "NCHW";
    let x = if is_first { transposed(x, &[0, 2, 3, 1]) } else { x.clone() };
    let &[n, h, w, c] = x.shape() else { fail!("images have 4 dims") };
    let parts = split([n, h, w, c]).ok_or_else(|| Error::invalid("the blocks do not fit"))?;
    let (apart, order, shape) = parts;
    let x = x.reshaped(&apart).ok_or_else(|| misfit(&apart))?;
    let y = transposed(&x, &order).reshaped(&shape).ok_or_else(|| misfit(&shape))?;
    Ok(vec![if is_first { transposed(&y, &[0, 3, 1, 2]) } else { y }.into()])
}

impl Op for SpaceToDepth {
    const SPEC: Spec =
        Spec { name: "SpaceToDepth", inputs: &["input: T"], outputs: &["output: T"], ..Spec::PURE };
    const CASES: &'static [Case] =
        &[case("[[[[1], [2]], [[3], [4]]]]", "block_size=2", "[[[[1, 2, 3, 4]]]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let b = block(self.block_size, &self.data_format)?;
        let [n, h, w, c] = nhwc(&inputs[0], &self.data_format)?;
        let out =
            [n, h.map(|h| exact(h, b)), w.map(|w| exact(w, b)), c.map(|c| c.checked_mul(b * b))];
        Ok(vec![from_nhwc(out, &self.data_format)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let b = block(self.block_size, &self.data_format)?;
        blocks(inputs.tensor(0)?, &self.data_format, |[n, h, w, c]| {
            let (h, w) = (exact(h, b)?, exact(w, b)?);
            Some(([n, h, b, w, b, c], [0, 1, 3, 2, 4, 5], [n, h, w, c.checked_mul(b * b)?]))
        })
    }
}

impl Op for DepthToSpace {
    const SPEC: Spec =
        Spec { name: "DepthToSpace", inputs: &["input: T"], outputs: &["output: T"], ..Spec::PURE };
    const CASES: &'static [Case] = &[
        case("[[[[1, 2, 3, 4]]]]", "block_size=2", "[[[[1], [2]], [[3], [4]]]]"),
        case(
            "[[[[1]], [[2]], [[3]], [[4]]]]",
            "block_size=2, data_format=\"NCHW\"",
            "[[[[1, 2], [3, 4]]]]",
        ),
    ];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        let b = block(self.block_size, &self.data_format)?;
        let [n, h, w, c] = nhwc(&inputs[0], &self.data_format)?;
        let by = |dim: Dim| dim.map(|n| n.checked_mul(b));
        let out = [n, by(h), by(w), c.map(|c| exact(c, b * b))];
        Ok(vec![from_nhwc(out, &self.data_format)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let b = block(self.block_size, &self.data_format)?;
        blocks(inputs.tensor(0)?, &self.data_format, |[n, h, w, c]| {
            let c = exact(c, b * b)?;
            let shape = [n, h.checked_mul(b)?, w.checked_mul(b)?, c];
            Some(([n, h, w, b, b, c], [0, 1, 3, 2, 4, 5], shape))
        })
    }
}

attrs! {
    /// Pads the axes after the first and moves blocks of them into the first.
    struct SpaceToBatchND {}
}

attrs! {
    /// Moves parts of the first axis back into blocks of the next ones, and crops them.
    struct BatchToSpaceND {}
}

impl Op for SpaceToBatchND {
    const SPEC: Spec = Spec {
        name: "SpaceToBatchND",
        inputs: &["input: T", "block_shape: Tblock_shape", "paddings: Tpaddings"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 2, 3]], int32[2], int32[[0, 1]]", "", "[[1, 3], [2, 0]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].rank().map_or(Shape::UNKNOWN, Shape::of_rank)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, blocks) = (inputs.tensor(0)?, inputs.sizes(1)?);
        let m = blocks.len();
        ensure!(x.rank() > m && !blocks.contains(&0), "blocks {blocks:?} of {} axes", x.rank());
        let mut pads = vec![(0, 0)];
        pads.extend(pairs(&inputs, 2, m)?);
        pads.resize(x.rank(), (0, 0));
        let zero = DenseTensor::zeros(x.dtype(), &[]).ok_or_else(|| Error::limit("no memory"))?;
        let source =
            |i: usize, at: usize| at.checked_sub(pads[i].0).filter(|at| *at < x.shape()[i]);
        let x = padded(x, &zero, &pads, source)?;
        let mut apart = vec![x.shape()[0]];
        for (len, block) in x.shape()[1..=m].iter().zip(&blocks) {
            let n = exact(*len, *block);
            apart.extend([n.ok_or_else(|| Error::invalid("the blocks do not fit"))?, *block]);
        }
        apart.extend(&x.shape()[m + 1..]);
        let order: Vec<usize> = (0..m)
            .map(|i| 2 + 2 * i)
            .chain([0])
            .chain((0..m).map(|i| 1 + 2 * i))
            .chain(2 * m + 1..apart.len())
            .collect();
        let mut shape = vec![blocks.iter().product::<usize>() * x.shape()[0]];
        shape.extend((0..m).map(|i| apart[1 + 2 * i]));
        shape.extend(&x.shape()[m + 1..]);
        let x = x.reshaped(&apart).ok_or_else(|| misfit(&apart))?;
        reshaped(transposed(&x, &order), &shape)
    }
}

impl Op for BatchToSpaceND {
    const SPEC: Spec = Spec {
        name: "BatchToSpaceND",
        inputs: &["input: T", "block_shape: Tblock_shape", "crops: Tcrops"],
        outputs: &["output: T"],
        ..Spec::PURE
    };
    const CASES: &'static [Case] =
        &[case("[[1, 3], [2, 0]], int32[2], int32[[0, 1]]", "", "[[1, 2, 3]]")];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(vec![inputs[0].rank().map_or(Shape::UNKNOWN, Shape::of_rank)])
    }

    fn eval(&self, inputs: Args) -> Result<Vec<Value>> {
        let (x, blocks) = (inputs.tensor(0)?, inputs.sizes(1)?);
        let m = blocks.len();
        ensure!(x.rank() > m && !blocks.contains(&0), "blocks {blocks:?} of {} axes", x.rank());
        let crops = pairs(&inputs, 2, m)?;
        let all = checked_len(&blocks)?;
        let batch =
            exact(x.shape()[0], all).ok_or_else(|| Error::invalid("the blocks do not fit"))?;
        let mut apart = blocks.clone();
        apart.push(batch);
        apart.extend(&x.shape()[1..]);
        let mut order = vec![m];
        (0..m).for_each(|i| order.extend([m + 1 + i, i]));
        order.extend(2 * m + 1..apart.len());
        let mut shape = vec![batch];
        shape.extend((0..m).map(|i| x.shape()[1 + i] * blocks[i]));
        shape.extend(&x.shape()[m + 1..]);
        let rest = x.clone().reshaped(&apart).ok_or_else(|| misfit(&apart))?;
        let whole = transposed(&rest, &order).reshaped(&shape).ok_or_else(|| misfit(&shape))?;
        let strides = crate::walk::strides(whole.shape());
        let mut start = 0;
        for (i, (before, after)) in crops.iter().enumerate() {
            let left = shape[i + 1].checked_sub(*before).and_then(|n| n.checked_sub(*after));
            shape[i + 1] = left.ok_or_else(|| Error::invalid("more is cropped than is there"))?;
            start += before * strides[i + 1].cast_unsigned();
        }
        let dims = shape.iter().copied().zip(strides).collect();
        Ok(vec![walk(&whole, &shape, dims, start).into()])
    }
}
