//! Lets readers of a node that passes its input on read the input.
//!
//! `Identity(x) == x`. Requires: no control edge leads to the node; outputs of the model stay what they
//! are. Leaves: the node without readers, for `prune`.

use tensorferry_ir::{Edge, Graph, Model};

use crate::Log;

const NAME: &str = "remove_identity";

/// Removes them in every graph.
pub(crate) fn remove_identity(model: &mut Model, log: &mut Log) {
    remove_in(&mut model.graph, log);
    remove_in(&mut model.initializer, log);
    for function in model.functions.values_mut() {
        remove_in(&mut function.graph, log);
        for (_, edge) in &mut function.results {
            *edge = source(&function.graph, *edge);
        }
    }
}

fn passes_on(op: &str) -> bool {
    matches!(op, "Identity" | "IdentityN" | "Snapshot" | "StopGradient" | "PreventGradient")
}

/// Where the value of `edge` is computed.
pub(crate) fn source(graph: &Graph, mut edge: Edge) -> Edge {
    // No chain is longer than the graph; a cycle of these is refused by the verifier.
    for _ in 0..graph.len() {
        let node = graph.node(edge.node);
        let is_tied = !node.control.is_empty();
        let input = node.inputs.get(edge.output as usize);
        match input.filter(|_| passes_on(&node.op) && !is_tied) {
            Some(input) => edge = *input,
            None => break,
        }
    }
    edge
}

fn remove_in(graph: &mut Graph, log: &mut Log) {
    for id in graph.ids() {
        let inputs = graph.node(id).inputs.clone();
        for (i, edge) in inputs.into_iter().enumerate() {
            let from = source(graph, edge);
            if from != edge {
                graph.node_mut(id).inputs[i] = from;
                log.applied(NAME);
            }
        }
    }
}
