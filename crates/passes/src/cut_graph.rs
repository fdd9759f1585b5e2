//! Makes other tensors of a graph its inputs and outputs.
//!
//! Requires: names that the graph has, before or after calls are inlined; an input's type must be
//! known. Leaves: a `Placeholder` in the place of each input, called as the node was, and a
//! signature in the order of the lists.

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::{Attr, Dim, Edge, Graph, Model, Node, NodeId, OpTable, Shape};
use tensorferry_ir::{Signature, SignatureTensor, Type};
use tensorferry_ops::{Fact, Registry};

use crate::facts::{self, Facts};
use crate::prune::needed;
use crate::{Log, Options};

/// Names that are proposed for one that is not there.
const PROPOSED_MAX: usize = 6;

/// A signature whose outputs are what was found before calls were inlined; it sorts behind all.
const EARLY: &str = "\u{10ffff}";

/// What was found before calls were inlined, by its place in that signature.
#[derive(Default)]
pub(crate) struct Early {
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
}

/// Notes what is there before calls are inlined: nodes of calls have
/// names then, inputs those of the stored graph, and what is inside of calls has none yet.
pub(crate) fn find_early(model: &mut Model, options: &Options, ops: &Registry) -> Early {
    let Some(signature) = model.signatures.values().next() else { return Early::default() };
    let graph = &model.graph;
    let mut noted = Signature::default();
    let mut add = |name: &String, own: &[SignatureTensor]| {
        let own = own.iter().find(|tensor| tensor.name == name.trim()).map(|tensor| tensor.edge);
        let edge = find(graph, name, ops).or(own)?;
        noted.outputs.push(output(name, edge));
        Some(noted.outputs.len() - 1)
    };
    let inputs = options.inputs.iter().map(|name| add(name, &signature.inputs)).collect();
    let outputs = options.outputs.iter().map(|name| add(name, &signature.outputs)).collect();
    model.signatures.insert(EARLY.to_owned(), noted);
    Early { inputs, outputs }
}

/// Cuts the graph, whose calls are inlined now.
pub(crate) fn cut_graph(
    model: &mut Model,
    options: &Options,
    early: &Early,
    ops: &Registry,
    log: &mut Log,
) -> Result<(), Problems> {
    let noted = model.signatures.remove(EARLY).unwrap_or_default().outputs;
    let Some(name) = model.signatures.keys().next().cloned() else { return Ok(()) };
    let mut problems = Vec::new();
    let mut all = |wanted: &[String], early: &[Option<usize>], flag: &str| {
        let mut found = Vec::new();
        for (wanted, early) in wanted.iter().zip(early) {
            let edge = early.and_then(|at| Some(noted.get(at)?.edge));
            match edge.or_else(|| find(&model.graph, wanted, ops)) {
                Some(edge) => found.push((wanted.clone(), edge)),
                None => problems.push(missing(&model.graph, wanted, flag)),
            }
        }
        found
    };
    let outputs = all(&options.outputs, &early.outputs, "--output_node_names");
    let inputs = all(&options.inputs, &early.inputs, "--input_node_names");
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    if let Some(signature) = model.signatures.get_mut(&name).filter(|_| !outputs.is_empty()) {
        signature.outputs = outputs.iter().map(|(name, edge)| output(name, *edge)).collect();
    }
    if inputs.is_empty() { Ok(()) } else { cut_inputs(model, &name, &inputs, log, ops) }
}

/// A tensor that the caller names; its type and shape are found out when all is in place.
fn output(name: &str, edge: Edge) -> SignatureTensor {
    SignatureTensor {
        name: name.trim().to_owned(),
        edge,
        ty: Type::Other(0),
        shape: Shape::UNKNOWN,
        resource_id: None,
    }
}

/// `node` or `node:1`.
fn find(graph: &Graph, text: &str, ops: &Registry) -> Option<Edge> {
    let text = text.trim();
    let (name, output) = match text.rsplit_once(':') {
        Some((name, output)) => (name, output.parse::<u32>().ok()?),
        None => (text, 0),
    };
    let node = graph.find(name)?;
    let found = graph.node(node);
    let is_there = match ops.outputs(&found.op, &found.attrs, found.inputs.len()) {
        Some(Ok(outputs)) => usize::try_from(output).is_ok_and(|output| output < outputs.len()),
        _ => true,
    };
    is_there.then_some(Edge { node, output })
}

/// A name that is not there, and those that may have been meant.
fn missing(graph: &Graph, wanted: &str, flag: &str) -> Problem {
    let wanted = wanted.trim();
    let own = wanted.split(':').next().unwrap_or_default();
    let last = own.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let names = || graph.nodes().iter().map(|node| node.name.as_str());
    let mut proposed: Vec<&str> = names()
        .filter(|name| !last.is_empty() && name.to_ascii_lowercase().contains(&last))
        .take(PROPOSED_MAX)
        .collect();
    let like = match proposed.is_empty() {
        true => {
            let ids = graph.ids().map(|id| graph.node(id));
            let is_op = |node: &&Node| !matches!(node.op.as_str(), "Const" | "NoOp");
            proposed = ids.filter(is_op).map(|node| node.name.as_str()).collect();
            proposed = proposed.into_iter().rev().take(PROPOSED_MAX).collect();
            "its last nodes"
        }
        false => "nodes called so",
    };
    Problem::usage(format!("the graph has no node `{own}`, or no such output of it"))
        .at(flag)
        .hint(format!("{like}: {}", proposed.join(", ")))
}

fn cut_inputs(
    model: &mut Model,
    signature: &str,
    wanted: &[(String, Edge)],
    log: &mut Log,
    ops: &Registry,
) -> Result<(), Problems> {
    let facts = facts::of(model, &model.graph, &facts::fed(model), ops);
    let mut inputs: Vec<SignatureTensor> = Vec::new();
    let mut problems = Vec::new();
    for (name, edge) in wanted {
        let known = model.signatures[signature].inputs.iter().find(|input| input.edge == *edge);
        match (known, fact_of(&facts, &model.graph, *edge)) {
            (Some(known), _) => inputs.push(known.clone()),
            (None, Some(fact)) => inputs.push(placeholder(model, name, *edge, &fact)),
            (None, None) => problems.push(
                Problem::unsupported(format!("the type of `{name}` is not known"))
                    .at("--input_node_names"),
            ),
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    keep_needed(model, signature, inputs, log);
    Ok(())
}

/// Type and shape of a tensor; of a node that cannot be understood what its attributes say.
fn fact_of(facts: &Facts, graph: &Graph, edge: Edge) -> Option<Fact> {
    const TYPES: [&str; 6] = ["dtype", "DstT", "out_type", "output_type", "Tout", "T"];
    if let Some(fact) = facts.get(&edge) {
        return Some(fact.clone());
    }
    let attrs = &graph.node(edge.node).attrs;
    let ty = TYPES.iter().find_map(|name| attrs.get(*name).and_then(Attr::as_type))?;
    Some(Fact::new(ty, Shape::UNKNOWN))
}

/// Puts a placeholder where `edge` is read.
fn placeholder(model: &mut Model, wanted: &str, edge: Edge, fact: &Fact) -> SignatureTensor {
    let graph = &mut model.graph;
    let own = graph.node(edge.node).name.clone();
    let name = match edge.output {
        0 => {
            let other = graph.free_name(&format!("{own}/cut"));
            graph.rename(edge.node, &other);
            own
        }
        output => graph.free_name(&format!("{own}_{output}")),
    };
    let dims = fact.dims().map(|dims| {
        dims.iter().map(|dim| dim.known().map_or(Dim::Unknown, Dim::Known)).collect::<Vec<_>>()
    });
    let shape = dims.map_or(Shape::UNKNOWN, Shape::from);
    let node = Node::new(name, "Placeholder")
        .attr("dtype", Attr::Type(fact.ty))
        .attr("shape", Attr::Shape(shape.clone()));
    let id = graph.push(node);
    let moved = |other: &mut Edge| {
        if *other == edge {
            *other = id.into();
        }
    };
    for reader in graph.ids() {
        graph.node_mut(reader).inputs.iter_mut().for_each(moved);
    }
    let sides = model.signatures.values_mut().flat_map(|s| &mut s.outputs);
    sides.for_each(|tensor| moved(&mut tensor.edge));
    SignatureTensor {
        name: wanted.trim().to_owned(),
        edge: id.into(),
        ty: fact.ty,
        shape,
        resource_id: None,
    }
}

/// Makes `inputs` the signature's, with those of its own that the outputs need all the same.
fn keep_needed(model: &mut Model, name: &str, mut inputs: Vec<SignatureTensor>, log: &mut Log) {
    let Some(signature) = model.signatures.get_mut(name) else { return };
    let roots: Vec<NodeId> = signature.outputs.iter().map(|output| output.edge.node).collect();
    let needed = needed(&model.graph, &roots, false);
    for own in &signature.inputs {
        if inputs.iter().any(|input| input.edge == own.edge) {
            continue;
        }
        match needed[own.edge.node.idx()] {
            true => {
                let what = format!("the outputs need the input `{}` too; it stays one", own.name);
                log.warnings.push(Problem::usage(what).at("--input_node_names"));
                inputs.push(own.clone());
            }
            false => log.dropped.push(format!("input `{}`: nothing needs it any more", own.name)),
        }
    }
    signature.inputs = inputs;
}
