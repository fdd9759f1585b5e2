//! Computes what can be computed now.
//!
//! `op(constants) == constant`. Requires: no effect, no control edge, and a result that is small or
//! no larger than what it is made of. Leaves: a `Const` called as the node was.
//! Folding is evaluation: the ops' own `eval` is the only implementation.

use tensorferry_ir::{Constant, Edge, NodeId};
use tensorferry_ops::{Fact, NoContext, Registry, Value};
use tensorferry_tensor::DenseTensor;

use crate::editor::Editor;
use crate::facts::of_constant;
use crate::freeze_variables::constant;

const NAME: &str = "fold_constants";

/// Results of so many bytes may be larger than what they are made of.
const SMALL: usize = 4096;

/// Folds a graph, inputs first, so that what was folded folds what reads it.
pub(crate) fn fold_constants(editor: &mut Editor<'_>, ops: &Registry) {
    for id in editor.order() {
        if !editor.is_dead(id) && fold(editor, id, ops).is_some() {
            editor.log.applied(NAME);
        }
    }
}

fn fold(editor: &mut Editor<'_>, id: NodeId, ops: &Registry) -> Option<()> {
    let node = editor.node(id);
    // What has a default may be fed all the same.
    let is_fed = matches!(node.op.as_str(), "_Arg" | "PlaceholderWithDefault");
    if node.inputs.is_empty() || !node.control.is_empty() || is_fed {
        return None;
    }
    let instance = ops.instance(node).ok().filter(|instance| instance.is_pure())?;
    let values = known(editor, id, instance.n_outputs()).or_else(|| {
        let inputs: Vec<&Constant> =
            node.inputs.iter().map(|edge| editor.constant(*edge)).collect::<Option<_>>()?;
        // What was folded just now says more of the shapes than what was known before.
        let facts: Vec<Fact> = node
            .inputs
            .iter()
            .map(|edge| editor.fact(*edge).cloned().or_else(|| of_constant(editor.node(edge.node))))
            .collect::<Option<_>>()?;
        let inferred = instance.infer(&facts, &mut NoContext::default()).ok()?;
        let input_bytes: u64 = inputs.iter().map(|value| byte_len(value)).sum();
        let limit = usize::try_from(input_bytes).ok()?.max(SMALL);
        if !is_small(&inferred, limit) {
            return None;
        }
        let inputs: Vec<Value> =
            inputs.into_iter().map(|c| c.dense().ok().map(Value::from)).collect::<Option<_>>()?;
        // What fails here fails again when it runs, if it runs.
        let values = instance.eval(inputs, &mut NoContext::default()).ok()?;
        let values: Vec<DenseTensor> =
            values.iter().map(|value| value.tensor().cloned()).collect::<Option<_>>()?;
        (values.iter().map(DenseTensor::byte_len).sum::<usize>() <= limit).then_some(values)
    })?;
    let name = editor.node(id).name.clone();
    match values.len() {
        1 => {
            let value = values.into_iter().next()?;
            editor.know(id.into(), Fact::of(&value));
            editor.set(id, "Const", &[], constant(Constant::Dense(value)));
        }
        _ => {
            for (output, value) in (0_u32..).zip(values) {
                let edge = Edge { node: id, output };
                if editor.n_uses(edge) > 0 {
                    let made = editor.push_constant(&format!("{name}/{output}"), value);
                    editor.replace(edge, made);
                }
            }
        }
    }
    Some(())
}

fn byte_len(value: &Constant) -> u64 {
    let size = value.dtype().byte_size().unwrap_or(16) as u64;
    value.shape().iter().fold(size, |n, dim| n.saturating_mul(*dim))
}

/// Outputs that follow from shapes alone.
fn known(editor: &Editor<'_>, id: NodeId, n_outputs: usize) -> Option<Vec<DenseTensor>> {
    let edges = (0_u32..).take(n_outputs).map(|output| Edge { node: id, output });
    let values = edges.map(|edge| editor.fact(edge)?.value.clone());
    values.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty())
}

/// Before anything is computed: a few numbers may ask for gigabytes.
fn is_small(inferred: &[Fact], limit: usize) -> bool {
    let lens = inferred.iter().map(|fact| {
        let size = fact.ty.dtype()?.byte_size().unwrap_or(16);
        fact.shape.n_elements()?.checked_mul(size)
    });
    lens.sum::<Option<usize>>().is_some_and(|total| total <= limit)
}
