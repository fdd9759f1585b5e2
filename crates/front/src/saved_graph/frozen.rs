//! A frozen GraphDef: a graph whose variables are constants already.

use std::collections::HashSet;

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Attr, Graph, Model, OpTable, Shape, Signature, SignatureTensor, Type};
use tensorferry_store::Store;
use tensorferry_tensor::DType;
use tensorferry_tf_proto::tensorflow::GraphDef;

use super::meta_graph::tensor;
use super::needed::{Index, node_of};
use super::{GraphRequest, SavedGraph};
use crate::graph_def::read_graph_def;
use crate::messages;

/// The name of the signature of a graph that has none.
pub(super) const SIGNATURE: &str = "serving_default";

/// Reads the GraphDef in the file `name`. What it takes are its placeholders; what it gives are the
/// requested outputs, nodes or tensors.
///
/// # Errors
/// No GraphDef, an output that is not in it.
pub fn read_frozen_graph(
    store: &dyn Store,
    name: &str,
    request: &GraphRequest,
    ops: &dyn OpTable,
) -> Result<SavedGraph, Problems> {
    let in_file = |problem: Problem| problem.in_file(name);
    if request.outputs.is_empty() && !request.guess_outputs {
        return Err(Problem::usage("a frozen graph does not say what its outputs are")
            .in_file(name)
            .hint("name them: --output_node_names=NODE[,NODE…]")
            .into());
    }
    let graph = messages::graph_def(store, name)?;
    let index = Index::new(&graph);
    let outputs: Vec<String> = match request.outputs.is_empty() {
        true => ends(&graph).into_iter().map(str::to_owned).collect(),
        false => request.outputs.clone(),
    };
    if outputs.is_empty() {
        return Err(in_file(Problem::input("the graph has no node that gives something")).into());
    }
    let missing: Vec<Problem> = outputs
        .iter()
        .filter(|output| !index.nodes.contains_key(node_of(output.trim())))
        .map(|output| no_node(output.trim(), &graph).in_file(name))
        .collect();
    if !missing.is_empty() {
        return Err(Problems(missing));
    }
    let roots: Vec<&str> = outputs.iter().map(|output| node_of(output.trim())).collect();
    let mut model: Model = read_graph_def(&index.needed(&graph, &roots), ops).map_err(in_file)?;
    let outputs: Result<Vec<SignatureTensor>, Problem> =
        outputs.iter().map(|output| tensor(output, &model.graph, ops)).collect();
    let signature =
        Signature { inputs: placeholders(&model.graph), outputs: outputs.map_err(in_file)? };
    model.signatures.insert(SIGNATURE.to_owned(), signature);
    Ok(SavedGraph {
        model,
        signature: SIGNATURE.to_owned(),
        tf_version: None,
        warnings: Vec::new(),
    })
}

/// The nodes that no other one reads and that may give something.
fn ends(graph: &GraphDef) -> Vec<&str> {
    let is_read: HashSet<&str> =
        graph.node.iter().flat_map(|node| &node.input).map(|input| node_of(input)).collect();
    // Neither what only does something nor a constant that is left over.
    let gives = |op: &str| !matches!(op, "NoOp" | "Assert" | "Print" | "PrintV2" | "Const");
    let ends = graph.node.iter().filter(|node| gives(&node.op)).map(|node| node.name.as_str());
    ends.filter(|name| !is_read.contains(name)).collect()
}

fn no_node(output: &str, graph: &GraphDef) -> Problem {
    let mut ends = ends(graph);
    ends.truncate(8);
    Problem::usage(format!("the graph has no node `{}`", node_of(output)))
        .at("--output_node_names")
        .hint(format!("nodes that no other one reads: {}", ends.join(", ")))
}

/// The nodes that a caller feeds.
pub(super) fn placeholders(graph: &Graph) -> Vec<SignatureTensor> {
    // One with a default can be fed by its name, and need not be.
    let is_input = |op: &str| matches!(op, "Placeholder" | "PlaceholderV2");
    let ids = graph.ids().filter(|id| is_input(&graph.node(*id).op));
    ids.map(|id| {
        let node = graph.node(id);
        let shape = match node.attrs.get("shape") {
            Some(Attr::Shape(shape)) => shape.clone(),
            _ => Shape::UNKNOWN,
        };
        SignatureTensor {
            name: node.name.clone(),
            edge: id.into(),
            ty: node
                .attrs
                .get("dtype")
                .and_then(Attr::as_type)
                .unwrap_or(Type::Data(DType::Float32)),
            shape,
            resource_id: None,
        }
    })
    .collect()
}
