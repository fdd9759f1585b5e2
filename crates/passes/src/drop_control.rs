//! Drops control edges that wait for nothing.
//!
//! A control edge says "after". After a node without effect is any time, so only edges from nodes
//! with an effect mean something; a `NoOp` stands for those that it waits for.
//! Requires: nothing. Leaves: control edges from nodes with an effect alone,
//! in graphs without TensorFlow 1's control flow.

use std::collections::BTreeSet;

use tensorferry_ir::{Function, Graph, Model, NodeId};
use tensorferry_ops::{Effect, Registry};

/// What one node stands for as a control input can be so many nodes; more are left to a `NoOp`.
const SOURCES_MAX: usize = 64;

/// Drops them in every graph.
pub(crate) fn drop_control(model: &mut Model, ops: &Registry) {
    let functions = functions_with_effect(model, ops);
    let effects = Effects { ops, functions: &functions };
    drop_in(&mut model.graph, &effects);
    drop_in(&mut model.initializer, &effects);
    for function in model.functions.values_mut() {
        drop_in(&mut function.graph, &effects);
        let Function { control_results, graph, .. } = function;
        control_results.retain(|id| effects.has(graph, *id));
    }
}

/// What has an effect.
struct Effects<'a> {
    ops: &'a Registry,
    functions: &'a BTreeSet<String>,
}

impl Effects<'_> {
    /// True when a node does something beside giving outputs.
    fn has(&self, graph: &Graph, id: NodeId) -> bool {
        let node = graph.node(id);
        let calls = || {
            let mut called = node.attrs.values().flat_map(|attr| attr.functions());
            called.any(|function| self.functions.contains(&function.name))
        };
        match self.ops.find(&node.op) {
            // One more sample of chance is no effect that anyone could miss.
            Some(def) => match def.spec.effect {
                Effect::Pure | Effect::Random => !node.control.is_empty() && node.op == "NoOp",
                Effect::Control => calls(),
                Effect::Stateful => !is_handle(&node.op),
            },
            None => !is_handle(&node.op),
        }
    }
}

/// The functions in which a node has an effect, directly or in a function that it calls.
fn functions_with_effect(model: &Model, ops: &Registry) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    loop {
        let effects = Effects { ops, functions: &found };
        let has = |function: &&Function| {
            let graph = &function.graph;
            graph.ids().any(|id| graph.node(id).op != "NoOp" && effects.has(graph, id))
        };
        let all: BTreeSet<String> =
            model.functions.values().filter(has).map(|function| function.name.clone()).collect();
        if all.len() == found.len() {
            return all;
        }
        found = all;
    }
}

/// Ops that give a handle or read what it stands for: nobody has to wait for them.
fn is_handle(op: &str) -> bool {
    matches!(
        op,
        "VarHandleOp"
            | "ReadVariableOp"
            | "ResourceGather"
            | "ResourceGatherNd"
            | "VarIsInitializedOp"
            | "VariableShape"
            | "VariableV2"
            | "HashTableV2"
            | "HashTable"
            | "LookupTableFindV2"
            | "LookupTableFind"
            | "LookupTableSizeV2"
            | "LookupTableSize"
            | "LookupTableExportV2"
    )
}

fn drop_in(graph: &mut Graph, effects: &Effects<'_>) {
    // TensorFlow 1 ties constants to a branch or a turn of a loop by control edges.
    if graph.nodes().iter().any(|node| is_flow(&node.op)) {
        return;
    }
    let Ok(order) = graph.topological_order() else { return };
    for id in order {
        let mut sources = BTreeSet::new();
        for source in &graph.node(id).control {
            let node = graph.node(*source);
            let is_bundle = node.op == "NoOp" && node.control.len() <= SOURCES_MAX;
            match is_bundle {
                true => sources.extend(node.control.iter().copied()),
                false if effects.has(graph, *source) => drop(sources.insert(*source)),
                false => {}
            }
        }
        graph.node_mut(id).control = sources.into_iter().collect();
    }
}

/// TensorFlow 1's control flow.
pub(crate) fn is_flow(op: &str) -> bool {
    matches!(op, "Switch" | "RefSwitch" | "_SwitchN" | "Merge" | "RefMerge" | "Enter" | "RefEnter")
}
