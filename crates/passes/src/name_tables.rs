//! Gives the main graph tables of its own instead of handles that are fed.
//!
//! `Placeholder` of a handle that the initializer gives `== HashTableV2` of the same name: a table is
//! found by its name, in TensorFlow.js as in TensorFlow.
//! TensorFlow.js runs of an initializer with outputs what these need, and no handle needs what fills
//! the table; without outputs it runs all. Requires: the handle is a table's.
//! Leaves: no input that is a handle, no output of the initializer.

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Model, NodeId, SignatureTensor};

use crate::Log;

const NAME: &str = "name_tables";

/// True for ops that give the handle of a table.
pub(crate) fn is_table(op: &str) -> bool {
    op.starts_with("HashTable") || op.starts_with("MutableHashTable")
}

/// Names every table of a model.
///
/// # Errors
/// Each other resource that the main graph is given.
pub(crate) fn name_tables(model: &mut Model, log: &mut Log) -> Result<(), Problems> {
    let mut problems = Vec::new();
    let mut stays = Vec::new();
    for output in std::mem::take(&mut model.initializer_outputs) {
        let table = model.initializer.node(output.edge.node);
        if !is_table(&table.op) {
            problems.push(state(&table.name));
            stays.push(output);
            continue;
        }
        for node in takers(model, &output) {
            name_one(model, node, output.edge.node);
            log.applied(NAME);
        }
        for signature in model.signatures.values_mut() {
            signature.inputs.retain(|input| !is_for(input, &output));
        }
    }
    model.initializer_outputs = stays;
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn state(name: &str) -> Problem {
    Problem::unsupported(
        "the model keeps a state between calls, and graphs of TensorFlow.js do not",
    )
    .at(format!("node {name}"))
    .hint("build the layer with stateful=False")
}

/// True when the input takes the handle.
fn is_for(input: &SignatureTensor, handle: &SignatureTensor) -> bool {
    input.resource_id.is_some() && input.resource_id == handle.resource_id
}

/// The nodes that are fed with a handle.
fn takers(model: &Model, handle: &SignatureTensor) -> Vec<NodeId> {
    let inputs = model.signatures.values().flat_map(|signature| &signature.inputs);
    let mut nodes: Vec<NodeId> =
        inputs.filter(|input| is_for(input, handle)).map(|input| input.edge.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// Makes of the fed node the table of the initializer.
fn name_one(model: &mut Model, id: NodeId, table: NodeId) {
    let made = model.initializer.node(table).clone();
    let is_free = model.graph.find(&made.name).is_none_or(|found| found == id);
    let name = match is_free {
        true => made.name,
        // One name in both graphs, whatever each of them has.
        false => {
            let own = model.graph.free_name(&format!("{}_table", made.name));
            let name = model.initializer.free_name(&own);
            model.initializer.rename(table, &name);
            name
        }
    };
    model.graph.rename(id, &name);
    let node = model.graph.node_mut(id);
    (node.op, node.attrs) = (made.op, made.attrs);
}
