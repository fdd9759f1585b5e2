//! States the attributes that are left out because they have their default.
//!
//! SavedModels are stored without them, and TensorFlow.js does not know TensorFlow's defaults.
//! Requires: the op is known. Leaves: every attribute that the op has.

use tensorferry_ir::{Graph, Model};
use tensorferry_ops::Registry;

/// States them in every graph.
pub(crate) fn state_defaults(model: &mut Model, ops: &Registry) {
    state_in(&mut model.graph, ops);
    state_in(&mut model.initializer, ops);
    for function in model.functions.values_mut() {
        state_in(&mut function.graph, ops);
    }
}

fn state_in(graph: &mut Graph, ops: &Registry) {
    for id in graph.ids() {
        let node = graph.node_mut(id);
        let Some(def) = ops.find(&node.op) else { continue };
        for spec in (def.attrs)() {
            if let Some(default) = spec.default {
                node.attrs.entry(spec.name.to_owned()).or_insert(default);
            }
        }
    }
}
