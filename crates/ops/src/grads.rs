//! Rules of gradients: what each is of, and which nodes compute it.

use tensorferry_ir::{Attr, Edge};
use tensorferry_tensor::DenseTensor;

use crate::{Backward, Result};

/// A gradient of each input; `None` for inputs that have none.
pub(crate) type Grads = Result<Vec<Option<Edge>>>;

/// A node without attributes.
fn op(g: &mut Backward<'_>, name: &str, inputs: &[Edge]) -> Edge {
    g.build.add(name, inputs, &[])
}

fn scalar(g: &mut Backward<'_>, n: i32) -> Edge {
    g.build.constant(DenseTensor::scalar(n))
}

/// Rules of functions of one number: x, y = f(x) and the gradient of y are named.
macro_rules! of_one {
    ($($(#[doc = $doc:literal])+ $name:ident |$g:ident, $x:ident, $y:ident, $dy:ident| $rule:expr;)*) => {
        $(
            $(#[doc = $doc])+
            pub(crate) fn $name<O>(_: &O, $g: &mut Backward<'_>) -> Grads {
                let ($x, $y, $dy) = ($g.inputs[0], $g.outputs[0], $g.dy()?);
                let _ = ($x, $y);
                Ok(vec![Some($rule)])
            }
        )*
    };
}

of_one! {
    /// dy · sign x
    abs |g, x, _y, dy| { let sign = op(g, "Sign", &[x]); op(g, "Mul", &[dy, sign]) };
    /// -dy · sin x
    cos |g, x, _y, dy| {
        let sin = op(g, "Sin", &[x]);
        let sin = op(g, "Neg", &[sin]);
        op(g, "Mul", &[dy, sin])
    };
    /// dy (y + 1) where x is negative
    elu |g, _x, y, dy| op(g, "EluGrad", &[dy, y]);
    /// dy · 2/√π · e^-x²
    erf |g, x, _y, dy| {
        let square = op(g, "Square", &[x]);
        let power = op(g, "Neg", &[square]);
        let bell = op(g, "Exp", &[power]);
        // π of the type of x: the angle whose cosine is -1.
        let one = op(g, "OnesLike", &[x]);
        let minus_one = op(g, "Neg", &[one]);
        let pi = op(g, "Acos", &[minus_one]);
        let root = op(g, "Rsqrt", &[pi]);
        let scale = op(g, "AddV2", &[root, root]);
        let slope = op(g, "Mul", &[scale, bell]);
        op(g, "Mul", &[dy, slope])
    };
    /// dy · y
    exp |g, _x, y, dy| op(g, "Mul", &[dy, y]);
    /// dy / x
    log |g, x, _y, dy| op(g, "RealDiv", &[dy, x]);
    /// dy / (1 + x)
    log1p |g, x, _y, dy| {
        let one = op(g, "OnesLike", &[x]);
        let next = op(g, "AddV2", &[one, x]);
        op(g, "RealDiv", &[dy, next])
    };
    /// dy - e^y Σ dy over the last axis
    log_softmax |g, _x, y, dy| {
        let last = g.build.ints(&[-1]);
        let sum = g.build.add("Sum", &[dy, last], &[("keep_dims", Attr::Bool(true))]);
        let part = op(g, "Exp", &[y]);
        let part = op(g, "Mul", &[part, sum]);
        op(g, "Sub", &[dy, part])
    };
    /// -dy
    neg |g, _x, _y, dy| op(g, "Neg", &[dy]);
    /// -dy · y²
    reciprocal |g, _x, y, dy| op(g, "ReciprocalGrad", &[y, dy]);
    /// dy where x is positive
    relu |g, _x, y, dy| op(g, "ReluGrad", &[dy, y]);
    /// dy where x is from 0 to 6
    relu6 |g, _x, y, dy| op(g, "Relu6Grad", &[dy, y]);
    /// -½ dy · y³
    rsqrt |g, _x, y, dy| op(g, "RsqrtGrad", &[y, dy]);
    /// as `elu`, scaled
    selu |g, _x, y, dy| op(g, "SeluGrad", &[dy, y]);
    /// dy · y (1 - y)
    sigmoid |g, _x, y, dy| op(g, "SigmoidGrad", &[y, dy]);
    /// dy · cos x
    sin |g, x, _y, dy| { let cos = op(g, "Cos", &[x]); op(g, "Mul", &[dy, cos]) };
    /// dy / (1 + e^-x)
    softplus |g, x, _y, dy| op(g, "SoftplusGrad", &[dy, x]);
    /// dy / (1 + |x|)²
    softsign |g, x, _y, dy| op(g, "SoftsignGrad", &[dy, x]);
    /// dy / 2y
    sqrt |g, _x, y, dy| op(g, "SqrtGrad", &[y, dy]);
    /// dy · 2x
    square |g, x, _y, dy| { let twice = op(g, "AddV2", &[x, x]); op(g, "Mul", &[dy, twice]) };
    /// dy (1 - y²)
    tanh |g, _x, y, dy| op(g, "TanhGrad", &[y, dy]);
}

/// What arrives at the two inputs, brought to one shape before: axes that were repeated are summed up.
fn unbroadcast(g: &mut Backward<'_>, inputs: [Edge; 2], sides: [Edge; 2]) -> [Edge; 2] {
    let shapes = inputs.map(|input| g.build.shape_of(input));
    let axes = op(g, "BroadcastGradientArgs", &shapes);
    let mut side = |output: u32, side: Edge, shape: Edge| {
        let sum = op(g, "Sum", &[side, Edge { node: axes.node, output }]);
        op(g, "Reshape", &[sum, shape])
    };
    [side(0, sides[0], shapes[0]), side(1, sides[1], shapes[1])]
}

/// Rules of functions of two numbers: a, b, z = f(a, b) and the gradient of z are named, and what
/// arrives at a and at b before axes are summed up.
macro_rules! of_two {
    ($($(#[doc = $doc:literal])+ $name:ident |$g:ident, $a:ident, $b:ident, $z:ident, $dz:ident| $rule:expr;)*) => {
        $(
            $(#[doc = $doc])+
            pub(crate) fn $name<O>(_: &O, $g: &mut Backward<'_>) -> Grads {
                let ($a, $b, $z, $dz) = ($g.inputs[0], $g.inputs[1], $g.outputs[0], $g.dy()?);
                let _ = $z;
                let sides: [Edge; 2] = $rule;
                Ok(unbroadcast($g, [$a, $b], sides).map(Some).to_vec())
            }
        )*
    };
}

/// The gradient for one of both inputs, zeros for the other.
fn chosen(g: &mut Backward<'_>, is_first: Edge, dz: Edge) -> [Edge; 2] {
    let zeros = op(g, "ZerosLike", &[dz]);
    [op(g, "SelectV2", &[is_first, dz, zeros]), op(g, "SelectV2", &[is_first, zeros, dz])]
}

of_two! {
    /// dz, dz
    add |g, _a, _b, _z, dz| [dz, dz];
    /// dz, -dz
    sub |g, _a, _b, _z, dz| [dz, op(g, "Neg", &[dz])];
    /// dz · b, dz · a
    mul |g, a, b, _z, dz| [op(g, "Mul", &[dz, b]), op(g, "Mul", &[dz, a])];
    /// dz / b, -dz · a / b / b
    div |g, a, b, _z, dz| {
        let first = op(g, "RealDiv", &[dz, b]);
        let minus = op(g, "Neg", &[a]);
        let ratio = op(g, "RealDiv", &[minus, b]);
        let ratio = op(g, "RealDiv", &[ratio, b]);
        [first, op(g, "Mul", &[dz, ratio])]
    };
    /// dz for the larger; for a where both are the same
    maximum |g, a, b, _z, dz| { let first = op(g, "GreaterEqual", &[a, b]); chosen(g, first, dz) };
    /// dz for the smaller; for a where both are the same
    minimum |g, a, b, _z, dz| { let first = op(g, "LessEqual", &[a, b]); chosen(g, first, dz) };
    /// dz · b a^(b-1), dz · z ln a where a is positive
    pow |g, a, b, z, dz| {
        let one = op(g, "OnesLike", &[b]);
        let less = op(g, "Sub", &[b, one]);
        let power = op(g, "Pow", &[a, less]);
        let slope = op(g, "Mul", &[b, power]);
        let zero = op(g, "ZerosLike", &[a]);
        let is_positive = op(g, "Greater", &[a, zero]);
        let ones = op(g, "OnesLike", &[a]);
        let safe = op(g, "SelectV2", &[is_positive, a, ones]);
        let log = op(g, "Log", &[safe]);
        let log = op(g, "Mul", &[z, log]);
        [op(g, "Mul", &[dz, slope]), op(g, "Mul", &[dz, log])]
    };
    /// 2 dz (a - b), and its opposite
    squared_difference |g, a, b, _z, dz| {
        let difference = op(g, "Sub", &[a, b]);
        let twice = op(g, "AddV2", &[difference, difference]);
        let first = op(g, "Mul", &[dz, twice]);
        [first, op(g, "Neg", &[first])]
    };
}

/// The summands of a sum each have its gradient.
pub(crate) fn add_n<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let dy = g.dy()?;
    Ok(vec![Some(dy); g.inputs.len()])
}

/// What is let through has the gradient, unless it is stopped on purpose.
pub(crate) fn identity<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    match g.op.as_str() {
        "StopGradient" => Ok(vec![None]),
        "PreventGradient" => Err(crate::Error::unsupported("a gradient is prevented here")),
        _ => Ok(vec![Some(g.dy()?)]),
    }
}

/// A choice passes the gradient to what was chosen.
pub(crate) fn select<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (condition, a, b, dz) = (g.inputs[0], g.inputs[1], g.inputs[2], g.dy()?);
    let zeros = op(g, "ZerosLike", &[dz]);
    let name = if g.op == "Select" { "Select" } else { "SelectV2" };
    let first = op(g, name, &[condition, dz, zeros]);
    let second = op(g, name, &[condition, zeros, dz]);
    let mut grads = vec![None];
    for (input, side) in [(a, first), (b, second)] {
        // The condition may have repeated both.
        let [summed, _] = unbroadcast(g, [input, dz], [side, dz]);
        grads.push(Some(summed));
    }
    Ok(grads)
}

/// The shape that a reduction of the input with its axes kept has.
fn kept_shape(g: &mut Backward<'_>) -> Edge {
    let (x, axes) = (g.inputs[0], g.inputs[1]);
    let ones = op(g, "OnesLike", &[x]);
    let kept = g.build.add("Sum", &[ones, axes], &[("keep_dims", Attr::Bool(true))]);
    g.build.shape_of(kept)
}

/// The largest or smallest elements share the gradient.
pub(crate) fn extreme<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (x, axes, y, dy) = (g.inputs[0], g.inputs[1], g.outputs[0], g.dy()?);
    let kept = kept_shape(g);
    let (y, dy) = (op(g, "Reshape", &[y, kept]), op(g, "Reshape", &[dy, kept]));
    let is_one = op(g, "Equal", &[x, y]);
    let (ones, zeros) = (op(g, "OnesLike", &[x]), op(g, "ZerosLike", &[x]));
    let marks = op(g, "SelectV2", &[is_one, ones, zeros]);
    let n = g.build.add("Sum", &[marks, axes], &[("keep_dims", Attr::Bool(true))]);
    let part = op(g, "RealDiv", &[marks, n]);
    Ok(vec![Some(op(g, "Mul", &[part, dy])), None])
}

/// The gradient in the shape of the input, for ops that only change the shape.
pub(crate) fn reshape<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (x, dy) = (g.inputs[0], g.dy()?);
    let shape = g.build.shape_of(x);
    let mut grads = vec![None; g.inputs.len()];
    grads[0] = Some(op(g, "Reshape", &[dy, shape]));
    Ok(grads)
}

/// Axes back in their order.
pub(crate) fn transpose<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (perm, dy) = (g.inputs[1], g.dy()?);
    let back = op(g, "InvertPermutation", &[perm]);
    Ok(vec![Some(op(g, "Transpose", &[dy, back])), None])
}

/// Copies are summed up.
pub(crate) fn broadcast_to<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (x, dy) = (g.inputs[0], g.dy()?);
    let [dx, _] = unbroadcast(g, [x, dy], [dy, dy]);
    Ok(vec![Some(dx), None])
}

/// An axis of a tensor, counted from the first.
fn axis_of(g: &mut Backward<'_>, x: Edge, axis: Edge) -> Edge {
    let axis = g.build.add(
        "Cast",
        &[axis],
        &[("DstT", Attr::Type(tensorferry_tensor::DType::Int32.into()))],
    );
    let rank = op(g, "Rank", &[x]);
    op(g, "FloorMod", &[axis, rank])
}

/// Each input has its part; the axis is the last input.
pub(crate) fn concat<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let dy = g.dy()?;
    let Some((axis, parts)) = g.inputs.clone().split_last().map(|(a, all)| (*a, all.to_vec()))
    else {
        return Ok(Vec::new());
    };
    let along = axis_of(g, parts[0], axis);
    let zero = scalar(g, 0);
    let mut lens = Vec::new();
    for part in &parts {
        let shape = g.build.shape_of(*part);
        lens.push(op(g, "GatherV2", &[shape, along, zero]));
    }
    let n = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let lens = g.build.add("Pack", &lens, &[("N", Attr::Int(n))]);
    let pieces = g.build.add("SplitV", &[dy, lens, along], &[("num_split", Attr::Int(n))]);
    let piece = |i: usize| Edge { node: pieces.node, output: u32::try_from(i).unwrap_or(u32::MAX) };
    Ok((0..parts.len()).map(|i| Some(piece(i))).chain([None]).collect())
}

/// The gradients of all outputs; zeros for those that nobody used.
fn all_grads(g: &mut Backward<'_>) -> Vec<Edge> {
    let pairs: Vec<(Edge, Option<Edge>)> =
        g.outputs.iter().copied().zip(g.grads.iter().copied()).collect();
    let one = |(y, dy): (Edge, Option<Edge>)| dy.unwrap_or_else(|| op(g, "ZerosLike", &[y]));
    pairs.into_iter().map(one).collect()
}

/// The pieces of a split put together; `axis` is the input that names the axis.
fn joined(g: &mut Backward<'_>, value: usize, axis: usize) -> Grads {
    let along = g.inputs[axis];
    let mut parts = all_grads(g);
    let n = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    parts.push(along);
    let dx = g.build.add("ConcatV2", &parts, &[("N", Attr::Int(n))]);
    let mut grads = vec![None; g.inputs.len()];
    grads[value] = Some(dx);
    Ok(grads)
}

/// The pieces put together.
pub(crate) fn split<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    joined(g, 1, 0)
}

/// The pieces put together.
pub(crate) fn split_v<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    joined(g, 0, 2)
}

/// Rows apart.
pub(crate) fn pack(g: &mut Backward<'_>, axis: i64) -> Grads {
    let dy = g.dy()?;
    let n = g.inputs.len();
    let attrs = [("axis", Attr::Int(axis)), ("num", Attr::Int(i64::try_from(n).unwrap_or(0)))];
    let rows = g.build.add("Unpack", &[dy], &attrs);
    let row = |i: usize| Edge { node: rows.node, output: u32::try_from(i).unwrap_or(u32::MAX) };
    Ok((0..n).map(|i| Some(row(i))).collect())
}

/// Rows together.
pub(crate) fn unpack(g: &mut Backward<'_>, axis: i64) -> Grads {
    let rows = all_grads(g);
    let n = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let attrs = [("axis", Attr::Int(axis)), ("N", Attr::Int(n))];
    Ok(vec![Some(g.build.add("Pack", &rows, &attrs))])
}

/// `begin` and `end` as the columns of paddings.
fn columns(g: &mut Backward<'_>, begin: Edge, end: Edge) -> Edge {
    g.build.add("Pack", &[begin, end], &[("N", Attr::Int(2)), ("axis", Attr::Int(1))])
}

fn to_int32(g: &mut Backward<'_>, x: Edge) -> Edge {
    g.build.add("Cast", &[x], &[("DstT", Attr::Type(tensorferry_tensor::DType::Int32.into()))])
}

/// What is inside of the border.
pub(crate) fn pad<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (x, paddings, dy) = (g.inputs[0], g.inputs[1], g.dy()?);
    let shape = g.build.shape_of(x);
    let paddings = to_int32(g, paddings);
    let (zero, one) = (scalar(g, 0), scalar(g, 1));
    let before = op(g, "GatherV2", &[paddings, zero, one]);
    let mut grads = vec![None; g.inputs.len()];
    grads[0] = Some(op(g, "Slice", &[dy, before, shape]));
    Ok(grads)
}

/// Zeros around.
pub(crate) fn slice<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (x, begin, y, dy) = (g.inputs[0], g.inputs[1], g.outputs[0], g.dy()?);
    let (shape, own) = (g.build.shape_of(x), g.build.shape_of(y));
    let begin = to_int32(g, begin);
    let rest = op(g, "Sub", &[shape, begin]);
    let rest = op(g, "Sub", &[rest, own]);
    let paddings = columns(g, begin, rest);
    Ok(vec![Some(op(g, "Pad", &[dy, paddings])), None, None])
}

/// Copies are summed up: each axis becomes one of copies and one of its own.
pub(crate) fn tile<O>(_: &O, g: &mut Backward<'_>) -> Grads {
    let (x, multiples, dy) = (g.inputs[0], g.inputs[1], g.dy()?);
    let shape = g.build.shape_of(x);
    let multiples = to_int32(g, multiples);
    let both = columns(g, multiples, shape);
    let flat = g.build.ints(&[-1]);
    let both = op(g, "Reshape", &[both, flat]);
    let split = op(g, "Reshape", &[dy, both]);
    let (zero, two) = (scalar(g, 0), scalar(g, 2));
    let n = op(g, "Size", &[both]);
    let axes = op(g, "Range", &[zero, n, two]);
    let sum = op(g, "Sum", &[split, axes]);
    Ok(vec![Some(op(g, "Reshape", &[sum, shape])), None])
}

/// Rows of the gradient are added up at the rows that they were taken from. `batch` leading axes are
/// gathered each by itself; `along` is the axis, the first one where it is not given.
pub(crate) fn gather(g: &mut Backward<'_>, along: Option<Edge>, batch: i64) -> Grads {
    let (x, indices, dy) = (g.inputs[0], g.inputs[1], g.dy()?);
    let (shape, indices) = (g.build.shape_of(x), to_int32(g, indices));
    let first = scalar(g, 0);
    let along = along.unwrap_or(first);
    let along = axis_of(g, x, along);
    let rank = op(g, "Rank", &[indices]);
    let batch = scalar(g, i32::try_from(batch).unwrap_or(0));
    // Counted from the end where it is negative, of the axes of the indices and one more.
    let one = scalar(g, 1);
    let over = op(g, "AddV2", &[rank, one]);
    let batch = op(g, "FloorMod", &[batch, over]);
    let flat = g.build.ints(&[-1]);
    let minus_one = scalar(g, -1);
    // Numbers of elements of the batch, outside of the axis, along it, and inside.
    let product = |g: &mut Backward<'_>, begin: Edge, end: Edge| {
        let axes = op(g, "Range", &[begin, end, one]);
        let dims = op(g, "GatherV2", &[shape, axes, first]);
        op(g, "Prod", &[dims, first])
    };
    let n_batch = product(g, first, batch);
    let n_outer = product(g, batch, along);
    let next = op(g, "AddV2", &[along, one]);
    let n_rows = product(g, along, next);
    let rank = op(g, "Rank", &[x]);
    let n_inner = product(g, next, rank);
    let n_indices = op(g, "Size", &[indices]);
    let n_indices = {
        let safe = op(g, "Maximum", &[n_batch, one]);
        op(g, "FloorDiv", &[n_indices, safe])
    };
    let pack = |g: &mut Backward<'_>, all: &[Edge]| {
        let n = i64::try_from(all.len()).unwrap_or(0);
        g.build.add("Pack", all, &[("N", Attr::Int(n))])
    };
    // The axis of the indices right behind the batch, which both become rows.
    let to = pack(g, &[n_batch, n_outer, n_indices, n_inner]);
    let parts = op(g, "Reshape", &[dy, to]);
    let swap = g.build.ints(&[0, 2, 1, 3]);
    let rows = op(g, "Transpose", &[parts, swap]);
    let all = op(g, "Mul", &[n_batch, n_indices]);
    let to = pack(g, &[all, n_outer, n_inner]);
    let rows = op(g, "Reshape", &[rows, to]);
    let to = pack(g, &[n_batch, n_indices]);
    let places = op(g, "Reshape", &[indices, to]);
    let batches = op(g, "Range", &[first, n_batch, one]);
    let starts = op(g, "Mul", &[batches, n_rows]);
    let starts = op(g, "ExpandDims", &[starts, minus_one]);
    let places = op(g, "AddV2", &[places, starts]);
    let places = op(g, "Reshape", &[places, flat]);
    let n = op(g, "Mul", &[n_batch, n_rows]);
    let sums = op(g, "UnsortedSegmentSum", &[rows, places, n]);
    let to = pack(g, &[n_batch, n_rows, n_outer, n_inner]);
    let sums = op(g, "Reshape", &[sums, to]);
    let sums = op(g, "Transpose", &[sums, swap]);
    let mut grads = vec![None; g.inputs.len()];
    grads[0] = Some(op(g, "Reshape", &[sums, shape]));
    Ok(grads)
}

/// The product of gradient and other matrix, each transposed where that is needed; batches that were
/// repeated are summed up.
pub(crate) fn batch_matmul(g: &mut Backward<'_>, adj_x: bool, adj_y: bool) -> Grads {
    let (x, y, dz) = (g.inputs[0], g.inputs[1], g.dy()?);
    let mut product = |a: Edge, b: Edge, adj_a: bool, adj_b: bool| {
        let attrs = [("adj_x", Attr::Bool(adj_a)), ("adj_y", Attr::Bool(adj_b))];
        g.build.add("BatchMatMulV2", &[a, b], &attrs)
    };
    let dx = if adj_x { product(y, dz, adj_y, true) } else { product(dz, y, false, !adj_y) };
    let dy = if adj_y { product(dz, x, true, adj_x) } else { product(x, dz, !adj_x, false) };
    let shapes = [x, y].map(|input| g.build.shape_of(input));
    let batches = shapes.map(|shape| {
        let n = op(g, "Size", &[shape]);
        let (zero, one, two) = (scalar(g, 0), scalar(g, 1), scalar(g, 2));
        let n = op(g, "Sub", &[n, two]);
        let axes = op(g, "Range", &[zero, n, one]);
        op(g, "GatherV2", &[shape, axes, zero])
    });
    let axes = op(g, "BroadcastGradientArgs", &batches);
    let mut side = |output: u32, part: Edge, shape: Edge| {
        let sum = op(g, "Sum", &[part, Edge { node: axes.node, output }]);
        Some(op(g, "Reshape", &[sum, shape]))
    };
    Ok(vec![side(0, dx, shapes[0]), side(1, dy, shapes[1])])
}

/// Of batch normalization, by the op that computes all three. Where the batch's own statistics were
/// used they are outputs 3 and 4, else the inputs.
pub(crate) fn batch_norm(g: &mut Backward<'_>, attrs: &[(&str, Attr)], is_training: bool) -> Grads {
    let (x, scale, dy) = (g.inputs[0], g.inputs[1], g.dy()?);
    let (mean, variance) =
        if is_training { (g.outputs[3], g.outputs[4]) } else { (g.inputs[3], g.inputs[4]) };
    let all = g.build.add("FusedBatchNormGradV3", &[dy, x, scale, mean, variance, mean], attrs);
    let output = |i: u32| Some(Edge { node: all.node, output: i });
    Ok(vec![output(0), output(1), output(2), None, None])
}
