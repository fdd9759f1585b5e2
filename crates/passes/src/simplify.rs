//! Leaves out ops that change nothing.
//!
//! `x * 1 == x`, `x + 0 == x`, `x - 0 == x`, `x / 1 == x`, `Cast(x, its own type) == x`,
//! `Reshape(x, its own shape) == x`, `Reshape(Reshape(x, a), b) == Reshape(x, b)`,
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
