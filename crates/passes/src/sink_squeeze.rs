//! Moves what is done to each element before the `Squeeze` that follows a convolution.
//!
//! `op(Squeeze(x), c) == Squeeze(op(x, c))` for ops on single elements and a `c` with no dims or one
//! for the last axis, which stays. A `Conv1D` of Keras is such a convolution.
//! Requires: the last axis is not squeezed, `c` is constant, nothing else reads what lies between.
//! Leaves: convolution, op, `Squeeze`; the first two can be fused then.

use tensorferry_ir::{Attr, Edge, NodeId, Shape};
use tensorferry_ops::Fact;

use crate::editor::Editor;

const NAME: &str = "sink_squeeze";

/// Moves every op that can be moved.
pub(crate) fn sink_squeeze(editor: &mut Editor<'_>) {
    for id in editor.order() {
        let op = editor.node(id).op.as_str();
        let is_wanted = matches!(
            op,
            "BiasAdd"
                | "Mul"
                | "Add"
                | "AddV2"
                | "Sub"
                | "Relu"
                | "Relu6"
                | "Elu"
                | "Sigmoid"
                | "LeakyRelu"
        );
        if is_wanted && !editor.is_dead(id) && sink(editor, id).is_some() {
            editor.log.applied(NAME);
        }
    }
}

fn sink(editor: &mut Editor<'_>, id: NodeId) -> Option<()> {
    let inputs = editor.node(id).inputs.clone();
    let at = inputs.iter().position(|edge| editor.op(*edge) == "Squeeze")?;
    let squeeze = inputs[at];
    if !editor.is_sole(squeeze) || !others_fit(editor, &inputs, at) {
        return None;
    }
    let node = editor.node(squeeze.node);
    let axes: Vec<i64> = node
        .attrs
        .get("squeeze_dims")
        .and_then(Attr::as_list)?
        .iter()
        .map(Attr::as_int)
        .collect::<Option<_>>()?;
    let x = node.inputs[0];
    let follows = matches!(
        editor.op(x),
        "Conv2D" | "DepthwiseConv2dNative" | "Mul" | "Add" | "AddV2" | "Sub" | "BiasAdd"
    );
    // Without axes every axis of length 1 goes, the last one too.
    let keeps_last = !axes.is_empty() && axes.iter().all(|axis| *axis != 3 && *axis != -1);
    if !follows || !keeps_last || editor.dims(x)?.len() != 4 {
        return None;
    }
    let (op, attrs) = (editor.node(id).op.clone(), editor.node(id).attrs.clone());
    let squeeze_attrs = node_attrs(editor, squeeze);
    let name = format!("{}/inner", editor.node(id).name);
    let mut inner = inputs;
    inner[at] = x;
    let made = editor.push(&name, &op, &inner, attrs);
    if let Some(fact) = editor.fact(x).cloned() {
        editor.know(made.into(), Fact::new(fact.ty, Shape(fact.shape.0)));
    }
    editor.set(id, "Squeeze", &[made.into()], squeeze_attrs);
    Some(())
}

fn node_attrs(editor: &Editor<'_>, edge: Edge) -> tensorferry_ir::Attrs {
    editor.node(edge.node).attrs.clone()
}

fn others_fit(editor: &Editor<'_>, inputs: &[Edge], at: usize) -> bool {
    let others = inputs.iter().enumerate().filter(|(i, _)| *i != at);
    others.into_iter().all(|(_, edge)| editor.constant(*edge).is_some_and(|c| c.shape().len() <= 1))
}
