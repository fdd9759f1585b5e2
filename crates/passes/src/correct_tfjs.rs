//! Goes around ops that TensorFlow.js has and computes otherwise than TensorFlow.
//!
//! Each rewrite says in which other ops the same is right in both. Requires: what the rewrite needs
//! to know of shapes and constants. Leaves: the node's name on the last op.

use tensorferry_ir::{Attr, Edge, NodeId, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::chain::{Chain, cast};
use crate::editor::Editor;
use crate::lower_strings::small_pattern;

const NAME: &str = "correct_tfjs";

/// Rewrites every such op of a graph.
pub(crate) fn correct_tfjs(editor: &mut Editor<'_>) {
    for id in editor.order() {
        if editor.is_dead(id) {
            continue;
        }
        let done = match editor.node(id).op.as_str() {
            "LookupTableFind" | "LookupTableFindV2" => lookup(editor, id),
            "EnsureShape" => ensure_shape(editor, id),
            "StaticRegexReplace" => small_pattern(editor, id),
            "MatrixBandPart" => band_part(editor, id),
            "OneHot" => one_hot(editor, id),
            "Mean" => mean(editor, id),
            "Select" => select(editor, id),
            "Einsum" => einsum(editor, id),
            "BatchMatMul" | "BatchMatMulV2" => batches(editor, id),
            _ => None,
        };
        if done.is_some() {
            editor.log.applied(NAME);
        }
    }
}

/// TensorFlow.js gives found values as a list: `find(k) == reshape(find(k), shape(k))`.
fn lookup(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let keys = *node.inputs.get(1)?;
    let (op, inputs, attrs) = (node.op.clone(), node.inputs.clone(), node.attrs.clone());
    let dims = editor.dims(keys);
    let is_list = dims.as_ref().is_some_and(|dims| dims.len() == 1);
    if is_list {
        return None;
    }
    let ty = attrs.get("Tout").and_then(Attr::as_type)?;
    let key_type = attrs.get("Tin").and_then(Attr::as_type)?;
    let mut chain = Chain::new(editor, id);
    let found = chain.push(&op, &inputs, attrs);
    let n_unknown = dims.iter().flatten().filter(|dim| dim.known().is_none()).count();
    let shape = match dims {
        Some(dims) if n_unknown <= 1 => {
            let dim =
                |dim: &tensorferry_ir::Dim| dim.known().map_or(Some(-1), |n| i32::try_from(n).ok());
            let shape = dims.iter().map(dim).collect::<Option<Vec<i32>>>()?;
            chain.ints("shape", shape)
        }
        _ => {
            let mut attrs = Chain::typed(key_type);
            attrs.insert("out_type".to_owned(), Attr::Type(DType::Int32.into()));
            chain.push("Shape", &[keys], attrs)
        }
    };
    let mut attrs = Chain::typed(ty);
    attrs.insert("Tshape".to_owned(), Attr::Type(DType::Int32.into()));
    chain.finish("Reshape", &[found, shape], attrs)
}

/// `EnsureShape(x) == x`: it only watches, and TensorFlow.js does not read its attribute.
fn ensure_shape(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = editor.node(id).inputs[0];
    let ty = editor.node(id).attrs.get("T").and_then(Attr::as_type)?;
    editor.set(id, "Identity", &[x], Chain::typed(ty));
    Some(())
}

/// `band_part(x, l, u)[.., i, j] == where(i - j <= l && j - i <= u, x, 0)`, a negative width being
/// any: the condition is a constant. Requires the last two dims and both widths.
fn band_part(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, lower, upper] = editor.node(id).inputs[..] else { return None };
    let (lower, upper) = (editor.fact(lower)?.int()?, editor.fact(upper)?.int()?);
    let dims = editor.dims(x)?;
    let [.., rows, columns] = dims[..] else { return None };
    let (rows, columns) = (rows.known()?, columns.known()?);
    if rows.checked_mul(columns)? > BAND_MAX {
        return None;
    }
    let ty = editor.ty(x)?;
    let is_inside = |i: usize, j: usize| {
        let apart = i64::try_from(i).unwrap_or(0) - i64::try_from(j).unwrap_or(0);
        (lower < 0 || apart <= lower) && (upper < 0 || -apart <= upper)
    };
    let band: Vec<bool> =
        (0..rows * columns).map(|at| is_inside(at / columns, at % columns)).collect();
    let mut chain = Chain::new(editor, id);
    let zero = match ty.dtype()? {
        DType::Bool => chain.constant("zero", DenseTensor::scalar(false)),
        _ => chain.number("zero", ty, 0.0)?,
    };
    let band = chain.constant("band", DenseTensor::new(&[rows, columns], band));
    chain.finish("SelectV2", &[band, x, zero], Chain::typed(ty))
}

/// A condition of more elements is larger than what it saves.
const BAND_MAX: usize = 1 << 22;

/// TensorFlow.js always puts the new axis last: `one_hot(i, axis) == transpose(one_hot(i, -1))`.
fn one_hot(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let axis = node.attrs.get("axis").and_then(Attr::as_int).unwrap_or(-1);
    let rank = i32::try_from(editor.dims(node.inputs[0])?.len()).ok()?;
    let axis = i32::try_from(axis).ok().filter(|axis| *axis >= 0 && *axis < rank)?;
    let (inputs, mut attrs) = (node.inputs.clone(), node.attrs.clone());
    let ty = attrs.get("T").and_then(Attr::as_type)?;
    attrs.insert("axis".to_owned(), Attr::Int(-1));
    let mut chain = Chain::new(editor, id);
    let last = chain.push("OneHot", &inputs, attrs);
    let order: Vec<i32> = (0..axis).chain([rank]).chain(axis..rank).collect();
    let order = chain.ints("order", order);
    let mut attrs = Chain::typed(ty);
    attrs.insert("Tperm".to_owned(), Attr::Type(DType::Int32.into()));
    chain.finish("Transpose", &[last, order], attrs)
}

/// The mean of whole numbers is a whole number, rounded toward zero; in TensorFlow.js it is not.
fn mean(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, axes] = editor.node(id).inputs[..] else { return None };
    let ty = editor.ty(x)?;
    if !matches!(ty.dtype()?, DType::Int32 | DType::Int64) {
        return None;
    }
    let mut attrs = editor.node(id).attrs.clone();
    let float: Type = DType::Float32.into();
    attrs.insert("T".to_owned(), Attr::Type(float));
    let mut chain = Chain::new(editor, id);
    let x = chain.push("Cast", &[x], cast(ty, float));
    let mean = chain.push("Mean", &[x, axes], attrs);
    chain.finish("Cast", &[mean], cast(float, ty))
}

/// A condition with one dim chooses whole rows; TensorFlow.js brings it to the last axis.
fn select(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [condition, then, other] = editor.node(id).inputs[..] else { return None };
    let rank = editor.dims(then)?.len();
    if editor.dims(condition)?.len() != 1 || rank < 2 {
        return None;
    }
    let ty = editor.ty(then)?;
    let mut chain = Chain::new(editor, id);
    let mut shape = vec![1_i32; rank];
    shape[0] = -1;
    let shape = chain.ints("shape", shape);
    let mut attrs = Chain::typed(DType::Bool.into());
    attrs.insert("Tshape".to_owned(), Attr::Type(DType::Int32.into()));
    let rows = chain.push("Reshape", &[condition, shape], attrs);
    chain.finish("SelectV2", &[rows, then, other], Chain::typed(ty))
}

/// Gives the axes of an ellipsis letters, which TensorFlow.js needs. Requires the ranks, and
/// ellipses that stand for the same number of axes everywhere.
fn einsum(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let node = editor.node(id);
    let equation = node.attrs.get("equation").and_then(Attr::as_text)?.to_owned();
    if !equation.contains("...") {
        return None;
    }
    let (left, right) = equation.split_once("->")?;
    let mut n_axes = None;
    for (part, edge) in left.split(',').zip(&node.inputs) {
        if let Some((before, after)) = part.split_once("...") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
            let n = editor.dims(*edge)?.len().checked_sub(letters(before) + letters(after))?;
            if n_axes.is_some_and(|known| known != n) {
                return None;
            }
            n_axes = Some(n);
        }
    }
    let free: String = ('a'..='z').filter(|c| !equation.contains(*c)).take(n_axes?).collect();
    if free.chars().count() < n_axes? {
        return None;
    }
    let equation = format!("{}->{}", left.replace("...", &free), right.replace("...", &free));
    let (inputs, mut attrs) = (node.inputs.clone(), node.attrs.clone());
    attrs.insert("equation".to_owned(), Attr::text(&equation));
    editor.set(id, "Einsum", &inputs, attrs);
    Some(())
}

/// Stacks of matrices are brought to one shape before they are multiplied: TensorFlow.js repeats
/// whole stacks of one alone. Requires every dim.
fn batches(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [a, b] = editor.node(id).inputs[..] else { return None };
    let known = |edge: Edge| editor.fact(edge)?.shape.known();
    let (a_dims, b_dims) = (known(a)?, known(b)?);
    let (a_stack, a_matrix) = a_dims.split_at_checked(a_dims.len().checked_sub(2)?)?;
    let (b_stack, b_matrix) = b_dims.split_at_checked(b_dims.len().checked_sub(2)?)?;
    if a_stack == b_stack || a_stack.is_empty() || b_stack.is_empty() {
        return None;
    }
    let rank = a_stack.len().max(b_stack.len());
    let at = |stack: &[usize], i: usize| {
        (i + stack.len()).checked_sub(rank).map_or(1, |place| stack[place])
    };
    let stack: Vec<usize> = (0..rank)
        .map(|i| (at(a_stack, i), at(b_stack, i)))
        .map(|(x, y)| if x == 1 { y } else { x })
        .collect();
    let to = |matrix: &[usize]| -> Option<Vec<i32>> {
        stack.iter().chain(matrix).map(|dim| i32::try_from(*dim).ok()).collect()
    };
    let (a_to, b_to) = (to(a_matrix)?, to(b_matrix)?);
    let (ty, attrs) = (editor.ty(a)?, editor.node(id).attrs.clone());
    let (a_fits, b_fits) = (a_stack == stack, b_stack == stack);
    let mut chain = Chain::new(editor, id);
    let mut widen = |edge: Edge, fits: bool, shape: Vec<i32>| {
        if fits {
            return edge;
        }
        let shape = chain.ints("shape", shape);
        let mut attrs = Chain::typed(ty);
        attrs.insert("Tidx".to_owned(), Attr::Type(DType::Int32.into()));
        chain.push("BroadcastTo", &[edge, shape], attrs)
    };
    let a = widen(a, a_fits, a_to);
    let b = widen(b, b_fits, b_to);
    chain.finish("BatchMatMulV2", &[a, b], attrs)
}
