//! Runs a pass over every graph of a model that is executed for each call.

use tensorferry_ir::Shape;
use tensorferry_ir::{Edge, Model, NodeId};
use tensorferry_ops::{Fact, Registry};

use crate::Log;
use crate::editor::Editor;
use crate::facts::{self, Facts};
use crate::prune::prune;

/// Gives an editor of each graph to `pass`; what it left without readers is pruned.
pub(crate) fn each_graph(
    model: &mut Model,
    ops: &Registry,
    log: &mut Log,
    pass: &mut dyn FnMut(&mut Editor<'_>),
) {
    let facts = facts::of(model, &model.graph, &facts::fed(model), ops);
    let signatures = model.signatures.values();
    let tensors = signatures.flat_map(|s| s.inputs.iter().chain(&s.outputs));
    let results: Vec<NodeId> = tensors.map(|tensor| tensor.edge.node).collect();
    pass(&mut Editor::new(&mut model.graph, &results, facts, log));
    let names: Vec<String> = model.functions.keys().cloned().collect();
    for name in names {
        let Some(mut function) = model.functions.remove(&name) else { continue };
        let nodes = function.argument_nodes();
        let fed: Facts = nodes
            .iter()
            .zip(&function.arguments)
            .filter_map(|(node, argument)| {
                Some((Edge::from((*node)?), Fact::new(argument.ty, Shape::UNKNOWN)))
            })
            .collect();
        let facts = facts::of(model, &function.graph, &fed, ops);
        let results: Vec<NodeId> = function
            .results
            .iter()
            .map(|(_, edge)| edge.node)
            .chain(function.control_results.iter().copied())
            .chain(nodes.into_iter().flatten())
            .collect();
        pass(&mut Editor::new(&mut function.graph, &results, facts, log));
        model.functions.insert(name, function);
    }
    prune(model);
}
