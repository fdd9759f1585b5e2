//! Gradients: nodes added to a graph that compute how its outputs change with its inputs.

use std::collections::HashMap;

use tensorferry_ir::{Attr, Attrs, Constant, Edge, Graph, Node, NodeId};
use tensorferry_tensor::{DType, DenseTensor};

use crate::{Error, Registry, Result};

/// Adds nodes to a graph.
#[derive(Debug)]
pub struct Builder<'a> {
    /// The graph.
    pub graph: &'a mut Graph,
    /// What the names of added nodes begin with.
    stem: String,
}

impl<'a> Builder<'a> {
    /// Adds to `graph` nodes whose names begin with `stem`.
    pub fn new(graph: &'a mut Graph, stem: impl Into<String>) -> Self {
        Self { graph, stem: stem.into() }
    }

    /// A node; the edge is its first output.
    pub fn add(&mut self, op: &str, inputs: &[Edge], attrs: &[(&str, Attr)]) -> Edge {
        let attrs = attrs.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone()));
        self.add_like(op, inputs, attrs.collect())
    }

    /// A node with attributes as another one has them.
    pub fn add_like(&mut self, op: &str, inputs: &[Edge], attrs: Attrs) -> Edge {
        let name = self.graph.free_name(&format!("{}/{op}", self.stem));
        let mut node = Node::new(name, op).inputs(inputs);
        node.attrs = attrs;
        self.graph.push(node).into()
    }

    /// A constant.
    pub fn constant(&mut self, value: DenseTensor) -> Edge {
        let dtype = Attr::Type(value.dtype().into());
        let value = Attr::Tensor(Constant::Dense(value));
        self.add("Const", &[], &[("dtype", dtype), ("value", value)])
    }

    /// A vector of `int32`.
    pub fn ints(&mut self, all: &[i32]) -> Edge {
        self.constant(DenseTensor::vector(all.to_vec()))
    }

    /// The shape of a tensor, as `int32`.
    pub fn shape_of(&mut self, x: Edge) -> Edge {
        self.add("Shape", &[x], &[("out_type", Attr::Type(DType::Int32.into()))])
    }
}

/// What an op's gradient is built from.
#[derive(Debug)]
pub struct Backward<'a> {
    /// The name of the op, which may be one of several.
    pub op: String,
    /// Adds the nodes.
    pub build: Builder<'a>,
    /// The node's inputs.
    pub inputs: Vec<Edge>,
    /// The node's outputs.
    pub outputs: Vec<Edge>,
    /// The gradient of each output; `None` where none arrives.
    pub grads: Vec<Option<Edge>>,
}

impl Backward<'_> {
    /// The gradient of the first output.
    ///
    /// # Errors
    /// When none arrives: only another output is used.
    pub fn dy(&self) -> Result<Edge> {
        let first = self.grads.first().copied().flatten();
        first.ok_or_else(|| Error::unsupported("only the first output has a gradient"))
    }
}

/// Adds to `graph` the gradient of the sum of `ys` by each of `xs`; `None` where `ys` do not depend
/// on it.
///
/// # Errors
/// When an op on the way has no gradient, or the graph has a cycle.
pub fn gradients(
    graph: &mut Graph,
    ops: &Registry,
    ys: &[Edge],
    xs: &[Edge],
) -> Result<Vec<Option<Edge>>> {
    let order = graph
        .topological_order()
        .map_err(|id| Error::unsupported(format!("node `{}` is in a loop", graph.node(id).name)))?;
    let mut depends = vec![false; graph.len()];
    for edge in xs {
        depends[edge.node.idx()] = true;
    }
    for id in &order {
        let is_after = graph.node(*id).inputs.iter().any(|edge| depends[edge.node.idx()]);
        depends[id.idx()] |= is_after;
    }
    let mut parts: HashMap<Edge, Vec<Edge>> = HashMap::new();
    for y in ys {
        let one = Builder::new(graph, "gradients").add("OnesLike", &[*y], &[]);
        parts.entry(*y).or_default().push(one);
    }
    for id in order.into_iter().rev().filter(|id| depends[id.idx()]) {
        if xs.iter().any(|edge| edge.node == id) {
            continue;
        }
        node_gradients(graph, ops, id, &mut parts)?;
    }
    let mut builder = Builder::new(graph, "gradients");
    Ok(xs.iter().map(|x| total(&mut builder, &parts, *x)).collect())
}

fn node_gradients(
    graph: &mut Graph,
    ops: &Registry,
    id: NodeId,
    parts: &mut HashMap<Edge, Vec<Edge>>,
) -> Result<()> {
    let node = graph.node(id).clone();
    let instance = ops.instance(&node)?;
    let outputs: Vec<Edge> = (0..instance.n_outputs())
        .map(|i| Edge { node: id, output: u32::try_from(i).unwrap_or(u32::MAX) })
        .collect();
    let mut build = Builder::new(graph, format!("gradients/{}", node.name));
    let grads: Vec<Option<Edge>> =
        outputs.iter().map(|edge| total(&mut build, parts, *edge)).collect();
    if grads.iter().all(Option::is_none) {
        return Ok(());
    }
    let mut backward =
        Backward { op: node.op.clone(), build, inputs: node.inputs.clone(), outputs, grads };
    let of_inputs = instance.op().grad(&mut backward).ok_or_else(|| {
        Error::unsupported(format!("the op `{}` of node `{}` has no gradient", node.op, node.name))
    })??;
    for (input, grad) in node.inputs.iter().zip(of_inputs) {
        if let Some(grad) = grad {
            parts.entry(*input).or_default().push(grad);
        }
    }
    Ok(())
}

/// The sum of all gradients that arrive at an edge.
fn total(build: &mut Builder<'_>, parts: &HashMap<Edge, Vec<Edge>>, edge: Edge) -> Option<Edge> {
    match parts.get(&edge)?.as_slice() {
        [] => None,
        [one] => Some(*one),
        all => {
            let n = i64::try_from(all.len()).unwrap_or(i64::MAX);
            Some(build.add("AddN", all, &[("N", Attr::Int(n))]))
        }
    }
}
