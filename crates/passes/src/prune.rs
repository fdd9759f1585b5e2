//! Leaves out what no output needs.
//!
//! Requires: nothing. Leaves: nodes in an order in which every node follows its inputs, the fed
//! ones, and functions that something calls.

use std::collections::BTreeSet;

use tensorferry_ir::{Edge, Graph, Model, Node, NodeId, NodeMap};

/// Prunes every graph of a model. Inputs of signatures stay although nobody reads them: callers
/// feed them.
pub(crate) fn prune(model: &mut Model) {
    let signatures = model.signatures.values();
    let tensors = signatures.flat_map(|s| s.inputs.iter().chain(&s.outputs));
    let roots: Vec<NodeId> = tensors.map(|tensor| tensor.edge.node).collect();
    let map = compact(&mut model.graph, &roots);
    for signature in model.signatures.values_mut() {
        let sides = signature.inputs.iter_mut().chain(&mut signature.outputs);
        sides.for_each(|tensor| tensor.edge = moved(&map, tensor.edge));
    }
    for function in model.functions.values_mut() {
        let arguments = function.argument_nodes().into_iter().flatten();
        let results = function.results.iter().map(|(_, edge)| edge.node);
        let roots: Vec<NodeId> =
            arguments.chain(results).chain(function.control_results.iter().copied()).collect();
        let map = compact(&mut function.graph, &roots);
        function.results.iter_mut().for_each(|(_, edge)| *edge = moved(&map, *edge));
        function.control_results.iter_mut().for_each(|id| *id = map[id]);
    }
    let called = called(model);
    model.functions.retain(|name, _| called.contains(name));
}

fn moved(map: &NodeMap<NodeId>, edge: Edge) -> Edge {
    Edge { node: map[&edge.node], output: edge.output }
}

/// The functions that the main graph and the initializer call, directly or not.
fn called(model: &Model) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![&model.graph, &model.initializer];
    while let Some(graph) = open.pop() {
        let attrs = graph.nodes().iter().flat_map(|node| node.attrs.values());
        for callee in attrs.flat_map(|attr| attr.functions()) {
            let Some(function) = model.functions.get(&callee.name) else { continue };
            if found.insert(callee.name.clone()) {
                open.push(&function.graph);
            }
        }
    }
    found
}

/// The nodes that `roots` need.
pub(crate) fn needed(graph: &Graph, roots: &[NodeId], with_control: bool) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    let mut open = roots.to_vec();
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut needed[id.idx()], true) {
            continue;
        }
        let node = graph.node(id);
        open.extend(node.inputs.iter().map(|edge| edge.node));
        if with_control {
            open.extend(&node.control);
        }
    }
    needed
}

/// Leaves the nodes that `roots` need, each behind its inputs; says where each went.
pub(crate) fn compact(graph: &mut Graph, roots: &[NodeId]) -> NodeMap<NodeId> {
    let needed = needed(graph, roots, true);
    // A graph with a cycle is refused by the verifier; here it only has to come out whole.
    let order = graph.topological_order().unwrap_or_else(|_| graph.ids().collect());
    let kept: Vec<NodeId> = order.into_iter().filter(|id| needed[id.idx()]).collect();
    if kept.len() == graph.len() && graph.ids().eq(kept.iter().copied()) {
        return kept.iter().map(|id| (*id, *id)).collect();
    }
    let mut out = Graph::default();
    let mut map = NodeMap::with_capacity_and_hasher(kept.len(), Default::default());
    for id in &kept {
        let node = graph.node_mut(*id);
        let mut new = Node::new(std::mem::take(&mut node.name), std::mem::take(&mut node.op));
        new.attrs = std::mem::take(&mut node.attrs);
        map.insert(*id, out.push(new));
    }
    for id in &kept {
        let node = graph.node_mut(*id);
        let mut inputs = std::mem::take(&mut node.inputs);
        inputs.iter_mut().for_each(|edge| *edge = moved(&map, *edge));
        let mut control = std::mem::take(&mut node.control);
        control.iter_mut().for_each(|id| *id = map[id]);
        let new = out.node_mut(map[id]);
        (new.inputs, new.control) = (inputs, control);
    }
    *graph = out;
    map
}
