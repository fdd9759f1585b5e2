//! Finds leaky activations that are spelt with simpler ops.
//!
//! `max(x, 0) + k * min(x, 0) == Prelu(x, k)`, where `max(x, 0)` is `Relu(x)` or `Maximum(x, 0)`, and
//! `min(x, 0)` is `Minimum(x, 0)` or `-Relu(-x)`; also `Select(x > 0, x, k * x)`.
//! Requires: `k` is a constant that does not make the result larger than `x`.
//! Leaves: one `Prelu`, called as the last node was.

use tensorferry_ir::{Attr, Attrs, Edge, NodeId};
use tensorferry_tensor::{DType, DenseTensor};

use crate::editor::Editor;

const NAME: &str = "find_prelu";

/// Rewrites every one.
pub(crate) fn find_prelu(editor: &mut Editor<'_>) {
    for id in editor.order() {
        let done = match editor.node(id).op.as_str() {
            "Add" | "AddV2" => sum(editor, id, 1.0),
            "Sub" => sum(editor, id, -1.0),
            "Select" | "SelectV2" => select(editor, id),
            _ => None,
        };
        if done.is_some() {
            editor.log.applied(NAME);
        }
    }
}

fn is_zero(editor: &Editor<'_>, edge: Edge) -> bool {
    let value = editor.fact(edge).and_then(|fact| fact.value.as_ref()?.to_f64());
    value.is_some_and(|all| all[..] == [0.0])
}

/// `x` of `max(x, 0)`.
fn positive(editor: &Editor<'_>, edge: Edge) -> Option<Edge> {
    let node = editor.node(edge.node);
    match (node.op.as_str(), &node.inputs[..]) {
        ("Relu", [x]) => Some(*x),
        ("Maximum", [x, zero]) if is_zero(editor, *zero) => Some(*x),
        ("Maximum", [zero, x]) if is_zero(editor, *zero) => Some(*x),
        _ => None,
    }
}

/// `x` and sign of `sign * min(x, 0)`.
fn negative(editor: &Editor<'_>, edge: Edge) -> Option<(Edge, f64)> {
    let node = editor.node(edge.node);
    match (node.op.as_str(), &node.inputs[..]) {
        ("Minimum", [x, zero]) if is_zero(editor, *zero) => Some((*x, 1.0)),
        ("Minimum", [zero, x]) if is_zero(editor, *zero) => Some((*x, 1.0)),
        ("Relu", [inner]) if editor.op(*inner) == "Neg" => {
            Some((editor.node(inner.node).inputs[0], -1.0))
        }
        _ => None,
    }
}

/// `max(x, 0) + sign * c * min(x, 0)`, in either order where the sign allows it.
fn sum(editor: &mut Editor<'_>, id: NodeId, sign: f64) -> Option<()> {
    let [a, b] = editor.node(id).inputs[..] else { return None };
    let orders = if sign > 0.0 { vec![(a, b), (b, a)] } else { vec![(a, b)] };
    for (left, right) in orders {
        let Some(x) = positive(editor, left) else { continue };
        let Some((same, factor, c)) = scaled(editor, right) else { continue };
        if same == x {
            return prelu(editor, id, x, c, sign * factor);
        }
    }
    None
}

/// `x`, sign and `c` of `c * sign * min(x, 0)`.
fn scaled(editor: &Editor<'_>, edge: Edge) -> Option<(Edge, f64, Edge)> {
    let node = editor.node(edge.node);
    let [a, b] = node.inputs[..] else { return None };
    if node.op != "Mul" {
        return None;
    }
    for (c, inner) in [(a, b), (b, a)] {
        if editor.constant(c).is_some()
            && let Some((x, sign)) = negative(editor, inner)
        {
            return Some((x, sign, c));
        }
    }
    None
}

/// `Select(x > 0, x, c * x)`; at 0 both are 0.
fn select(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let [condition, then, other] = editor.node(id).inputs[..] else { return None };
    let test = editor.node(condition.node);
    let is_test = matches!(test.op.as_str(), "Greater" | "GreaterEqual")
        && test.inputs[0] == then
        && is_zero(editor, test.inputs[1]);
    let product = editor.node(other.node);
    if !is_test || product.op != "Mul" {
        return None;
    }
    let [a, b] = product.inputs[..] else { return None };
    let c = if a == then { b } else { a };
    let is_product = (a == then || b == then) && editor.constant(c).is_some();
    is_product.then(|| prelu(editor, id, then, c, 1.0))?
}

fn prelu(editor: &mut Editor<'_>, id: NodeId, x: Edge, c: Edge, sign: f64) -> Option<()> {
    let (rank, dims) = (editor.dims(x)?.len(), editor.constant(c)?.shape());
    // One slope for all, or one for each channel: what broadcasts to nothing larger than `x`.
    let outer = dims.split_last().map_or(&[][..], |(_, outer)| outer);
    let is_inside = dims.len() <= rank && outer.iter().all(|dim| *dim == 1);
    let own = editor.dims(x)?.last().copied();
    let last = dims.last().copied().unwrap_or(1);
    let fits = last == 1 || own.and_then(|dim| dim.known()).is_some_and(|dim| dim as u64 == last);
    if !is_inside || !fits || dims.is_empty() || editor.ty(x)? != DType::Float32.into() {
        return None;
    }
    let slopes = editor.floats(c)?;
    let slopes = if sign < 0.0 {
        let negated: Vec<f32> = slopes.as_slice::<f32>()?.iter().map(|slope| -slope).collect();
        let name = format!("{}/alpha", editor.node(id).name);
        editor.push_constant(&name, DenseTensor::new(slopes.shape(), negated))
    } else {
        c
    };
    let attrs: Attrs = [("T".to_owned(), Attr::Type(DType::Float32.into()))].into();
    editor.set(id, "Prelu", &[x, slopes], attrs);
    Some(())
}
