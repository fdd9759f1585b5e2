//! Leaves out ops that change nothing.
//!
//! `x * 1 == x`, `x + 0 == x`, `x - 0 == x`, `x / 1 == x`, `Cast(x, its own type) == x`,
//! `Reshape(x, its own shape) == x`, `Reshape(Reshape(x, a), b) == Reshape(x, b)`,
//! `x ^ 1 == x`, `x ^ 2 == Square(x)`, `x ^ .5 == Sqrt(x)`, `x ^ -.5 == Rsqrt(x)`,
//! `x ^ -1 == Reciprocal(x)`, `MatMul(x, Transpose(y)) == MatMul(x, y, transpose_b)`,
//! `Transpose(x, identity) == x`, `Transpose(Transpose(x, p), q) == Transpose(x, p[q])`.
//! Requires: the constant has no dims, or has no more than `x` and all are 1; shapes that are known.
//! Leaves: readers of the node read `x`.

use tensorferry_ir::{Attr, Attrs, Dim, Edge, NodeId, Type};
use tensorferry_tensor::DenseTensor;

use crate::editor::Editor;

const NAME: &str = "simplify";

/// Simplifies a graph.
pub(crate) fn simplify(editor: &mut Editor<'_>) {
    for id in editor.order() {
        if editor.is_dead(id) {
            continue;
        }
        let done = match editor.node(id).op.as_str() {
            "Mul" => neutral(editor, id, 1.0, true),
            "Add" | "AddV2" => neutral(editor, id, 0.0, true),
            "Sub" => neutral(editor, id, 0.0, false),
            "RealDiv" | "Div" => neutral(editor, id, 1.0, false),
            "Cast" => cast(editor, id),
            "Reshape" => reshape(editor, id),
            "Transpose" => transpose(editor, id),
            "Pow" => power(editor, id),
            "MatMul" => product(editor, id, ["transpose_a", "transpose_b"]),
            "BatchMatMul" | "BatchMatMulV2" => product(editor, id, ["adj_x", "adj_y"]),
            _ => None,
        };
        if done.is_some() {
            editor.log.applied(NAME);
        }
    }
}

/// Lets readers of a node read `x` instead.
fn pass_on(editor: &mut Editor<'_>, id: NodeId, x: Edge) -> Option<()> {
    let edge = Edge::from(id);
    if editor.n_uses(edge) == 0 || !editor.node(id).control.is_empty() {
        return None;
    }
    editor.replace(edge, x);
    Some(())
}

fn neutral(editor: &mut Editor<'_>, id: NodeId, value: f64, is_commutative: bool) -> Option<()> {
    let [a, b] = editor.node(id).inputs[..] else { return None };
    let (x, c) = if editor.constant(b).is_some() {
        (a, b)
    } else if is_commutative && editor.constant(a).is_some() {
        (b, a)
    } else {
        return None;
    };
    let dims = editor.constant(c)?.shape();
    let rank = editor.dims(x).map(|dims| dims.len());
    let keeps_shape = dims.is_empty()
        || rank.is_some_and(|n| dims.len() <= n && dims.iter().all(|dim| *dim == 1));
    if !keeps_shape || editor.fact(c)?.value.as_ref()?.to_f64()?[..] != [value] {
        return None;
    }
    pass_on(editor, id, x)
}

fn cast(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let x = editor.node(id).inputs[0];
    let to: Type = editor.node(id).attrs.get("DstT").and_then(Attr::as_type)?;
    (editor.ty(x)? == to).then(|| pass_on(editor, id, x))?
}

fn reshape(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, shape] = editor.node(id).inputs[..] else { return None };
    let (before, after) = (editor.dims(x), editor.dims(id.into()));
    if let (Some(before), Some(after)) = (before, after) {
        // With one dim unknown in the same place the others fix it.
        let n_unknown = before.iter().filter(|dim| **dim == Dim::Unknown).count();
        if before == after && n_unknown <= 1 {
            return pass_on(editor, id, x);
        }
    }
    // A 0 in the new shape would copy a dim of the inner one.
    let numbers = editor.fact(shape)?.ints()?;
    if editor.op(x) == "Reshape" && !numbers.contains(&0) && x.output == 0 {
        let inner = editor.node(x.node).inputs[0];
        let attrs = editor.node(id).attrs.clone();
        editor.set(id, "Reshape", &[inner, shape], attrs);
        return Some(());
    }
    None
}

fn transpose(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, perm] = editor.node(id).inputs[..] else { return None };
    let perm = permutation(editor, perm)?;
    if perm.iter().enumerate().all(|(i, axis)| i == *axis) {
        return pass_on(editor, id, x);
    }
    if editor.op(x) != "Transpose" || !editor.is_sole(x) {
        return None;
    }
    let inner = editor.node(x.node).inputs.clone();
    let first = permutation(editor, inner[1])?;
    let both: Vec<i32> = perm
        .iter()
        .map(|axis| first.get(*axis).and_then(|axis| i32::try_from(*axis).ok()))
        .collect::<Option<_>>()?;
    if both.iter().enumerate().all(|(i, axis)| i32::try_from(i) == Ok(*axis)) {
        return pass_on(editor, id, inner[0]);
    }
    let name = format!("{}/perm", editor.node(id).name);
    let mut attrs: Attrs = editor.node(id).attrs.clone();
    let ty = tensorferry_tensor::DType::Int32;
    attrs.insert("Tperm".to_owned(), Attr::Type(ty.into()));
    let both = editor.push_constant(&name, DenseTensor::vector(both));
    editor.set(id, "Transpose", &[inner[0], both], attrs);
    Some(())
}

/// Requires: one exponent for all.
fn power(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [x, exponent] = editor.node(id).inputs[..] else { return None };
    let rank = editor.dims(x)?.len();
    let dims = editor.constant(exponent)?.shape();
    let [value] = editor.fact(exponent)?.value.as_ref()?.to_f64()?[..] else { return None };
    let ty = editor.ty(x)?;
    if dims.len() > rank {
        return None;
    }
    let is_float = ty.dtype()?.is_float();
    let op = match value {
        1.0 => return pass_on(editor, id, x),
        2.0 => "Square",
        0.5 if is_float => "Sqrt",
        -0.5 if is_float => "Rsqrt",
        -1.0 if is_float => "Reciprocal",
        _ => return None,
    };
    let attrs = [("T".to_owned(), Attr::Type(ty))].into();
    editor.set(id, op, &[x], attrs);
    Some(())
}

/// Requires: real numbers, and a transpose of the last two axes alone.
fn product(editor: &mut Editor<'_>, id: NodeId, flags: [&str; 2]) -> Option<()> {
    let node = editor.node(id);
    let (op, mut inputs, mut attrs) = (node.op.clone(), node.inputs.clone(), node.attrs.clone());
    let is_real = editor.ty(*inputs.first()?)?.dtype().is_some_and(|dtype| dtype.is_float());
    let mut is_changed = false;
    for (edge, flag) in inputs.iter_mut().zip(flags) {
        let inner = editor.node(edge.node);
        let [x, perm] = inner.inputs[..] else { continue };
        if inner.op != "Transpose" || !is_real {
            continue;
        }
        let Some(perm) = permutation(editor, perm) else { continue };
        let swapped = |i: usize| match perm.len() - i {
            1 => i.wrapping_sub(1),
            2 => i + 1,
            _ => i,
        };
        if perm.len() < 2 || !perm.iter().enumerate().all(|(i, axis)| *axis == swapped(i)) {
            continue;
        }
        let is_set = attrs.get(flag) == Some(&Attr::Bool(true));
        attrs.insert(flag.to_owned(), Attr::Bool(!is_set));
        (*edge, is_changed) = (x, true);
    }
    is_changed.then(|| editor.set(id, &op, &inputs, attrs))
}

fn permutation(editor: &Editor<'_>, edge: Edge) -> Option<Vec<usize>> {
    let rank = editor.fact(edge)?.shape.n_elements()?;
    let axes = editor.fact(edge)?.ints()?;
    axes.into_iter()
        .map(|axis| {
            let axis = if axis < 0 { axis + i64::try_from(rank).ok()? } else { axis };
            usize::try_from(axis).ok().filter(|axis| *axis < rank)
        })
        .collect()
}
