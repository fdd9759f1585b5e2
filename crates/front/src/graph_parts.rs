//! Nodes and functions whose inputs are still names, made into a graph.

use std::collections::HashMap;

use tensorferry_diagnostics::Problem;
use tensorferry_ir::{Attr, Attrs, Edge, Function, Graph, Node, NodeId, OpTable, Parameter, Type};

/// A node as files have it.
pub(crate) struct NamedNode {
    pub(crate) name: String,
    pub(crate) op: String,
    /// `node`, `node:1`, `^node`; in functions `node:output:0` too.
    pub(crate) inputs: Vec<String>,
    pub(crate) attrs: Attrs,
}

/// A function as files have it.
pub(crate) struct NamedFunction {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Parameter>,
    pub(crate) results: Vec<Parameter>,
    pub(crate) nodes: Vec<NamedNode>,
    /// Where each result comes from, by the result's name.
    pub(crate) ret: HashMap<String, String>,
    /// Nodes that run although no result needs them.
    pub(crate) control: Vec<String>,
    pub(crate) is_stateful: bool,
    pub(crate) attrs: Attrs,
}

/// The graph of a file's nodes.
///
/// # Errors
/// An input that no node has.
pub(crate) fn graph(nodes: Vec<NamedNode>, ops: &dyn OpTable) -> Result<Graph, Problem> {
    resolve(Graph::default(), nodes, ops)
}

/// The function of a file.
///
/// # Errors
/// An input or a result that no node has.
pub(crate) fn function(function: NamedFunction, ops: &dyn OpTable) -> Result<Function, Problem> {
    let mut graph = Graph::default();
    for (i, argument) in (0_i64..).zip(&function.arguments) {
        let node = Node::new(argument.name.clone(), "_Arg")
            .attr("T", Attr::Type(argument.ty))
            .attr("index", Attr::Int(i));
        graph.push(node);
    }
    let at = |problem: Problem| problem.at(format!("function {}", function.name));
    let graph = resolve(graph, function.nodes, ops).map_err(at)?;
    let mut results = Vec::new();
    for result in function.results {
        let source = function.ret.get(&result.name);
        let missing = || at(Problem::input(format!("the result `{}` has no source", result.name)));
        let edge = edge(&graph, source.ok_or_else(missing)?, ops).map_err(at)?;
        results.push((result, edge));
    }
    let control = function.control.iter().map(|name| node(&graph, name).map_err(at));
    Ok(Function {
        control_results: control.collect::<Result<_, _>>()?,
        name: function.name.clone(),
        arguments: function.arguments,
        results,
        is_stateful: function.is_stateful,
        attrs: function.attrs,
        graph,
    })
}

fn resolve(mut graph: Graph, nodes: Vec<NamedNode>, ops: &dyn OpTable) -> Result<Graph, Problem> {
    let mut inputs: Vec<(NodeId, Vec<String>)> = Vec::with_capacity(nodes.len());
    let mut counts = Vec::with_capacity(nodes.len());
    for named in nodes {
        counts.push(named.inputs.iter().filter(|input| !input.starts_with('^')).count());
        let mut node = Node::new(named.name, named.op);
        node.attrs = named.attrs;
        inputs.push((graph.push(node), named.inputs));
    }
    // How many outputs an op has may depend on how many inputs it has: those come first, as
    // edges that lead to themselves until all are resolved.
    for ((id, _), n) in inputs.iter().zip(counts) {
        graph.node_mut(*id).inputs = vec![Edge::from(*id); n];
    }
    for (id, names) in inputs {
        let at = |problem: Problem| problem.at(format!("node {}", graph.node(id).name));
        let (mut data, mut control) = (Vec::new(), Vec::new());
        for name in &names {
            match name.strip_prefix('^') {
                Some(name) => control.push(node(&graph, name).map_err(at)?),
                None => data.push(edge(&graph, name, ops).map_err(at)?),
            }
        }
        let node = graph.node_mut(id);
        (node.inputs, node.control) = (data, control);
    }
    Ok(graph)
}

fn node(graph: &Graph, name: &str) -> Result<NodeId, Problem> {
    let found = graph.find(name);
    found.ok_or_else(|| Problem::input(format!("there is no node `{name}`")))
}

/// `node`, `node:1`, or `node:output:0` with the output's name.
pub(crate) fn edge(graph: &Graph, text: &str, ops: &dyn OpTable) -> Result<Edge, Problem> {
    let wrong = || Problem::input(format!("`{text}` is no output of a node"));
    let mut parts = text.split(':');
    let id = node(graph, parts.next().unwrap_or_default())?;
    let rest: Vec<&str> = parts.collect();
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let output = match rest[..] {
        [] => 0,
        [output] => number(output)?,
        [name, index] => {
            let index = number(index)?;
            let node = graph.node(id);
            match ops.outputs(&node.op, &node.attrs, node.inputs.len()) {
                Some(Ok(outputs)) => {
                    let place = outputs.place(name, index as usize).ok_or_else(wrong)?;
                    u32::try_from(place).map_err(|_| wrong())?
                }
                // Of an op that nobody knows only this much can be said; it cannot run anyway.
                _ => index,
            }
        }
        _ => return Err(wrong()),
    };
    Ok(Edge { node: id, output })
}

/// A parameter of a function whose type is the number `ty` of `types.proto`.
pub(crate) fn parameter(name: &str, ty: i32) -> Parameter {
    Parameter { name: name.to_owned(), ty: Type::from_proto(ty) }
}
