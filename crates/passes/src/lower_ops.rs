//! Says what TensorFlow.js lacks in ops that it has.
//!
//! Each rewrite has its equation. Requires: what the equation needs to know of shapes and constants.
//! Leaves: the node's name on the last op. What cannot be said stays, for `check_ops` to name.

use tensorferry_ir::{Attr, Attrs, Edge, NodeId, Type};
use tensorferry_ops::Registry;
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::Chain;
use crate::editor::Editor;
use crate::{lower_math, lower_moves, lower_resize, lower_segments, lower_strings};

const NAME: &str = "lower_ops";

/// Lowers every op of a graph that has an equation here.
pub(crate) fn lower_ops(editor: &mut Editor<'_>, ops: &Registry) {
    for id in editor.order() {
        if editor.is_dead(id) {
            continue;
        }
        let done = match editor.node(id).op.as_str() {
            "Erfc" => erfc(editor, id),
            "Softsign" => softsign(editor, id),
            "LogicalXor" => xor(editor, id),
            "BatchMatMulV3" => rename(editor, id, "BatchMatMulV2"),
            "Inv" => rename(editor, id, "Reciprocal"),
            "Rint" => rename(editor, id, "Round"),
            "Mod" | "TruncateMod" => truncate_mod(editor, id),
            "Xdivy" => unless_zero(editor, id, "RealDiv", None),
            "MulNoNan" => mul_no_nan(editor, id),
            "Xlogy" => unless_zero(editor, id, "Mul", Some("Log")),
            "Xlog1py" => unless_zero(editor, id, "Mul", Some("Log1p")),
            "SpaceToDepth" => space_to_depth(editor, id),
            "Roll" => roll(editor, id),
            "Bucketize" => bucketize(editor, id),
            "InvertPermutation" => invert_permutation(editor, id),
            "TensorScatterAdd" => tensor_scatter_add(editor, id),
            "Conv2D" => groups(editor, id),
            _ => lower_math::lower(editor, id)
                .or_else(|| lower_segments::lower(editor, id))
                .or_else(|| lower_strings::lower(editor, id))
                .or_else(|| lower_resize::lower(editor, id, ops))
                .or_else(|| lower_moves::lower(editor, id, ops)),
        };
        if done.is_some() {
            editor.log.applied(NAME);
        }
    }
}

fn rename(editor: &mut Editor<'_>, id: NodeId, op: &str) -> Option<()> {
    let node = editor.node(id);
    let (inputs, mut attrs) = (node.inputs.clone(), node.attrs.clone());
    if node.op == "BatchMatMulV3" {
        // Both inputs and the output must have one type for the older op.
        let ty = attrs.get("Ta").cloned()?;
        let is_one = ["Tb", "Tout"].iter().all(|name| attrs.get(*name) == Some(&ty));
        if !is_one {
            return None;
        }
        attrs.retain(|name, _| !matches!(name.as_str(), "Ta" | "Tb" | "Tout"));
        attrs.insert("T".to_owned(), ty);
    }
    editor.set(id, op, &inputs, attrs);
    Some(())
}

/// `erfc(x) == 1 - erf(x)`: exact to the last bits of 1, as TensorFlow.js' own error function is.
fn erfc(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = editor.node(id).inputs[0];
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    let one = chain.number("one", ty, 1.0)?;
    let erf = chain.push("Erf", &[x], Chain::typed(ty));
    chain.finish("Sub", &[one, erf], Chain::typed(ty))
}

/// `softsign(x) == x / (1 + |x|)`.
fn softsign(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = editor.node(id).inputs[0];
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    let one = chain.number("one", ty, 1.0)?;
    let abs = chain.push("Abs", &[x], Chain::typed(ty));
    let sum = chain.push("AddV2", &[abs, one], Chain::typed(ty));
    chain.finish("RealDiv", &[x, sum], Chain::typed(ty))
}

/// `a ^ b == a != b` of truth values.
fn xor(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let inputs = editor.node(id).inputs.clone();
    editor.set(id, "NotEqual", &inputs, Chain::typed(DType::Bool.into()));
    Some(())
}

/// `mul_no_nan(x, y) == where(y == 0, 0, x * y)`.
fn mul_no_nan(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, y] = editor.node(id).inputs[..] else { return None };
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    let zero = chain.number("zero", ty, 0.0)?;
    let product = chain.push("Mul", &[x, y], Chain::typed(ty));
    let test = chain.push("Equal", &[y, zero], Chain::typed(ty));
    chain.finish("SelectV2", &[test, zero, product], Chain::typed(ty))
}

/// `xlogy(x, y) == where(x == 0, 0, x * log(y))`, `xdivy(x, y) == where(x == 0, 0, x / y)`.
fn unless_zero(editor: &mut Editor<'_>, id: NodeId, op: &str, log: Option<&str>) -> Option<()> {
    let [x, y] = editor.node(id).inputs[..] else { return None };
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    let zero = chain.number("zero", ty, 0.0)?;
    let y = log.map_or(y, |log| chain.push(log, &[y], Chain::typed(ty)));
    let value = chain.push(op, &[x, y], Chain::typed(ty));
    let test = chain.push("Equal", &[x, zero], Chain::typed(ty));
    chain.finish("SelectV2", &[test, zero, value], Chain::typed(ty))
}

/// `truncate_mod(x, y) == sign(x) * floor_mod(|x|, |y|)`: what TensorFlow.js calls `Mod` has the sign
/// of the divisor.
fn truncate_mod(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, y] = editor.node(id).inputs[..] else { return None };
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    if !ty.dtype()?.is_float() {
        return truncate_mod_of_ints(chain, x, y, ty);
    }
    let sign = chain.push("Sign", &[x], Chain::typed(ty));
    let abs_x = chain.push("Abs", &[x], Chain::typed(ty));
    let abs_y = chain.push("Abs", &[y], Chain::typed(ty));
    let rest = chain.push("FloorMod", &[abs_x, abs_y], Chain::typed(ty));
    chain.finish("Mul", &[sign, rest], Chain::typed(ty))
}

/// `truncate_mod(x, y) == r - where(r != 0 && (x < 0) != (y < 0), y, 0)` where `r == floor_mod(x, y)`:
/// no step overflows, as the size of the smallest number would.
fn truncate_mod_of_ints(mut chain: Chain<'_, '_>, x: Edge, y: Edge, ty: Type) -> Option<()> {
    let zero = chain.number("zero", ty, 0.0)?;
    let rest = chain.simple("FloorMod", &[x, y], ty);
    let is_rest = chain.simple("NotEqual", &[rest, zero], ty);
    let is_below = [x, y].map(|edge| chain.simple("Less", &[edge, zero], ty));
    let is_apart = chain.simple("NotEqual", &is_below, DType::Bool.into());
    let is_moved = chain.push("LogicalAnd", &[is_rest, is_apart], Default::default());
    let moved = chain.simple("Sub", &[rest, y], ty);
    chain.finish("SelectV2", &[is_moved, moved, rest], Chain::typed(ty))
}

/// `space_to_depth(x, b)[n, i, j, (di * b + dj) * c + k] == x[n, i * b + di, j * b + dj, k]`: a reshape
/// to `[n, h/b, b, w/b, b, c]`, a transpose to `[0, 1, 3, 2, 4, 5]` and a reshape. TensorFlow.js
/// transposes six axes.
fn space_to_depth(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let x = node.inputs[0];
    let block = node.attrs.get("block_size").and_then(Attr::as_int)?;
    let is_nhwc =
        matches!(node.attrs.get("data_format").and_then(Attr::as_text), None | Some("NHWC"));
    let dims = editor.dims(x)?;
    let known = |axis: usize| -> Option<i32> { i32::try_from(dims.get(axis)?.known()?).ok() };
    let (height, width, depth) = (known(1)?, known(2)?, known(3)?);
    let block = i32::try_from(block).ok().filter(|block| *block > 0)?;
    if !is_nhwc || height % block != 0 || width % block != 0 {
        return None;
    }
    let ty = editor.ty(x)?;
    let mut chain = Chain::new(editor, id);
    let (h, w) = (height / block, width / block);
    let apart = chain.ints("apart", vec![-1, h, block, w, block, depth]);
    let x = chain.push("Reshape", &[x, apart], Chain::typed(ty));
    let order = chain.ints("order", vec![0, 1, 3, 2, 4, 5]);
    let x = chain.push("Transpose", &[x, order], Chain::typed(ty));
    let whole = chain.ints("whole", vec![-1, h, w, block.checked_mul(block)?.checked_mul(depth)?]);
    chain.finish("Reshape", &[x, whole], Chain::typed(ty))
}

/// `roll(x, s, a) == concat(x[n - s:], x[:n - s])` along the axis, for constant shift and axis and a
/// known dim; one axis after the other.
fn roll(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, shift, axis] = editor.node(id).inputs[..] else { return None };
    let shifts = editor.fact(shift)?.ints()?;
    let axes = editor.fact(axis)?.ints()?;
    let dims = editor.dims(x)?;
    let ty = editor.ty(x)?;
    let rank = i64::try_from(dims.len()).ok()?;
    let mut steps = Vec::new();
    for (shift, axis) in shifts.iter().zip(&axes) {
        let axis = usize::try_from(if *axis < 0 { axis + rank } else { *axis }).ok()?;
        let n = i64::try_from(dims.get(axis)?.known()?).ok().filter(|n| *n > 0)?;
        steps.push((axis, shift.rem_euclid(n), n));
    }
    let mut chain = Chain::new(editor, id);
    let mut value = x;
    for (axis, shift, n) in steps {
        let part = |chain: &mut Chain<'_, '_>, value: Edge, from: i64, len: i64| -> Option<Edge> {
            let at = |n: i64, other: i32| -> Option<Vec<i32>> {
                let n = i32::try_from(n).ok()?;
                Some((0..dims.len()).map(|i| if i == axis { n } else { other }).collect())
            };
            let begin = chain.ints("begin", at(from, 0)?);
            let size = chain.ints("size", at(len, -1)?);
            Some(chain.push("Slice", &[value, begin, size], Chain::typed(ty)))
        };
        let end = part(&mut chain, value, n - shift, shift)?;
        let start = part(&mut chain, value, 0, n - shift)?;
        let at = chain.constant("axis", DenseTensor::scalar(i32::try_from(axis).ok()?));
        let mut attrs = Chain::typed(ty);
        attrs.insert("N".to_owned(), Attr::Int(2));
        attrs.insert("Tidx".to_owned(), Attr::Type(DType::Int32.into()));
        value = chain.push("ConcatV2", &[end, start, at], attrs);
    }
    chain.finish("Identity", &[value], Chain::typed(ty))
}

/// `bucketize(x, b) == sum over b of (x >= b)`.
fn bucketize(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let x = node.inputs[0];
    let bounds: Vec<f32> = node
        .attrs
        .get("boundaries")?
        .as_list()?
        .iter()
        .map(|attr| if let Attr::Float(bound) = attr { Some(*bound) } else { None })
        .collect::<Option<_>>()?;
    if bounds.is_empty() {
        return None;
    }
    let ty = editor.ty(x)?;
    let float: Type = DType::Float32.into();
    let int: Type = DType::Int32.into();
    let mut chain = Chain::new(editor, id);
    let cast = |from: Type, to: Type| -> Attrs {
        [("SrcT".to_owned(), Attr::Type(from)), ("DstT".to_owned(), Attr::Type(to))].into()
    };
    let x = if ty == float { x } else { chain.push("Cast", &[x], cast(ty, float)) };
    let mut dim = Chain::typed(float);
    dim.insert("Tdim".to_owned(), Attr::Type(int));
    let last = chain.constant("last", DenseTensor::scalar(-1_i32));
    let x = chain.push("ExpandDims", &[x, last], dim);
    let bounds = chain.constant("boundaries", DenseTensor::vector(bounds));
    let test = chain.push("GreaterEqual", &[x, bounds], Chain::typed(float));
    let ones = chain.push("Cast", &[test], cast(DType::Bool.into(), int));
    let mut attrs = Chain::typed(int);
    attrs.insert("keep_dims".to_owned(), Attr::Bool(false));
    attrs.insert("Tidx".to_owned(), Attr::Type(int));
    let axis = chain.ints("axis", vec![-1]);
    chain.finish("Sum", &[ones, axis], attrs)
}

/// `invert(p)[p[i]] == i`: a scatter of the numbers from 0 on.
fn invert_permutation(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let p = editor.node(id).inputs[0];
    let n = editor.fact(p)?.shape.n_elements()?;
    let ty = editor.ty(p)?;
    if ty != DType::Int32.into() {
        return None;
    }
    let n = i32::try_from(n).ok()?;
    let mut chain = Chain::new(editor, id);
    let numbers = chain.ints("numbers", (0..n).collect());
    let shape = chain.ints("shape", vec![n]);
    let mut dim = Chain::typed(ty);
    dim.insert("Tdim".to_owned(), Attr::Type(ty));
    let last = chain.constant("last", DenseTensor::scalar(-1_i32));
    let rows = chain.push("ExpandDims", &[p, last], dim);
    let mut attrs = Chain::typed(ty);
    attrs.insert("Tindices".to_owned(), Attr::Type(ty));
    chain.finish("ScatterNd", &[rows, numbers, shape], attrs)
}

/// `tensor_scatter_add(x, i, u) == x + scatter(i, u)`. Requires the shape of `x`.
fn tensor_scatter_add(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, indices, updates] = editor.node(id).inputs[..] else { return None };
    let dims = editor.dims(x)?;
    let shape: Vec<i32> =
        dims.iter().map(|dim| i32::try_from(dim.known()?).ok()).collect::<Option<_>>()?;
    let (ty, index_type) = (editor.ty(x)?, editor.ty(indices)?);
    if index_type != DType::Int32.into() {
        return None;
    }
    let mut chain = Chain::new(editor, id);
    let shape = chain.ints("shape", shape);
    let mut attrs = Chain::typed(ty);
    attrs.insert("Tindices".to_owned(), Attr::Type(index_type));
    let sum = chain.push("ScatterNd", &[indices, updates, shape], attrs);
    chain.finish("AddV2", &[x, sum], Chain::typed(ty))
}

/// A convolution in groups is one convolution for each part of the channels, side by side.
fn groups(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let [x, filter] = node.inputs[..] else { return None };
    if node.attrs.get("data_format").and_then(Attr::as_text) == Some("NCHW") {
        return None;
    }
    let depth = editor.dims(x)?.get(3)?.known()?;
    let filter_dims = editor.fact(filter)?.shape.known()?;
    let [_, _, per_group, n_out] = filter_dims[..] else { return None };
    if per_group == 0 || depth == per_group || depth % per_group != 0 {
        return None;
    }
    let n_groups = depth / per_group;
    if n_groups > GROUPS_MAX || n_out % n_groups != 0 {
        return None;
    }
    let (ty, attrs) = (editor.ty(x)?, node.attrs.clone());
    let n = i64::try_from(n_groups).ok()?;
    let mut chain = Chain::new(editor, id);
    let axis = chain.constant("axis", DenseTensor::scalar(3_i32));
    let mut split = Chain::typed(ty);
    split.insert("num_split".to_owned(), Attr::Int(n));
    let inputs = chain.push("Split", &[axis, x], split.clone());
    let filters = chain.push("Split", &[axis, filter], split);
    let part = |edge: Edge, output: u32| Edge { node: edge.node, output };
    let mut parts = Vec::with_capacity(n_groups + 1);
    for output in 0..u32::try_from(n_groups).ok()? {
        let pair = [part(inputs, output), part(filters, output)];
        let made = chain.push("Conv2D", &pair, attrs.clone());
        parts.push(made);
    }
    parts.push(axis);
    let mut concat = Chain::typed(ty);
    concat.insert("N".to_owned(), Attr::Int(n));
    concat.insert("Tidx".to_owned(), Attr::Type(DType::Int32.into()));
    chain.finish("ConcatV2", &parts, concat)
}

/// More groups than this make a graph that nobody wants.
const GROUPS_MAX: usize = 64;
