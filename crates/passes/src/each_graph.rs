//! Runs a pass over every graph of a model that is executed for each call.

use std::collections::BTreeMap;

use tensorferry_ir::Shape;
use tensorferry_ir::{Edge, Function, Model, NodeId};
use tensorferry_ops::{Fact, Registry};

use crate::Log;
use crate::editor::Editor;
use crate::facts::{self, Facts};
use crate::prune::prune;

/// What is known of the graphs of a model, kept from pass to pass while nothing changes them.
#[derive(Default)]
pub(crate) struct Known {
    main: Option<Facts>,
    functions: BTreeMap<String, Facts>,
}

/// Gives an editor of each graph to `pass`; what it left without readers is pruned.
pub(crate) fn each_graph(
    model: &mut Model,
    ops: &Registry,
    log: &mut Log,
    known: &mut Known,
    pass: &mut dyn FnMut(&mut Editor<'_>),
) {
    let before = std::mem::take(known);
    let mut is_changed = false;
    let facts = match before.main {
        Some(facts) => facts,
        None => facts::of(model, &model.graph, &facts::fed(model), ops),
    };
    let signatures = model.signatures.values();
    let tensors = signatures.flat_map(|s| s.inputs.iter().chain(&s.outputs));
    let results: Vec<NodeId> = tensors.map(|tensor| tensor.edge.node).collect();
    let mut editor = Editor::new(&mut model.graph, &results, facts, log);
    pass(&mut editor);
    known.main = editor.into_facts();
    is_changed |= known.main.is_none();
    let names: Vec<String> = model.functions.keys().cloned().collect();
    let mut before = before.functions;
    for name in names {
        let Some(mut function) = model.functions.remove(&name) else { continue };
        let nodes = function.argument_nodes();
        let facts = match before.remove(&name) {
            Some(facts) => facts,
            None => facts_of(model, &function, &nodes, ops),
        };
        let results: Vec<NodeId> = function
            .results
            .iter()
            .map(|(_, edge)| edge.node)
            .chain(function.control_results.iter().copied())
            .chain(nodes.into_iter().flatten())
            .collect();
        let mut editor = Editor::new(&mut function.graph, &results, facts, log);
        pass(&mut editor);
        match editor.into_facts() {
            Some(facts) => drop(known.functions.insert(name.clone(), facts)),
            None => is_changed = true,
        }
        model.functions.insert(name, function);
    }
    if is_changed {
        // Pruning moves nodes, and what functions give may be known otherwise now.
        *known = Known::default();
        prune(model);
    }
}

/// What is known of a function of `model`, which is not among the model's for now.
fn facts_of(
    model: &Model,
    function: &Function,
    arguments: &[Option<NodeId>],
    ops: &Registry,
) -> Facts {
    let pairs = arguments.iter().zip(&function.arguments);
    let fed = pairs.filter_map(|(node, argument)| {
        Some((Edge::from((*node)?), Fact::new(argument.ty, Shape::UNKNOWN)))
    });
    facts::of(model, &function.graph, &fed.collect(), ops)
}
