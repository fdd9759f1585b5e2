//! What must hold of every graph, checked before anything trusts it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::{Edge, Function, Graph, Model, Node, OpTable};

/// The most functions that may be inside one another. TensorFlow's own models have a few; each
/// level takes stack when it runs.
pub const CALL_DEPTH_MAX: usize = 64;

/// Outputs of all nodes of a graph: so many for each node, and [`OUTPUTS_MIN`] beside them. A node of
/// a few bytes may say that it has any number.
const OUTPUTS_PER_NODE: usize = 16;

/// See [`OUTPUTS_PER_NODE`].
const OUTPUTS_MIN: usize = 1 << 17;

/// Something that a graph must not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Defect {
    /// The function, when it is not in the main graph.
    pub function: Option<String>,
    /// The node.
    pub node: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node `{}`", self.node)?;
        if let Some(function) = &self.function {
            write!(f, " of function `{function}`")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Everything that is wrong with `model`; empty when it may be run.
///
/// Names are unique, edges lead to outputs that exist, ops that `ops` knows have the inputs and
/// attributes that they need, cycles pass through `NextIteration`, functions that are called exist,
/// do not call themselves and are at most [`CALL_DEPTH_MAX`] deep.
pub fn verify(model: &Model, ops: &dyn OpTable) -> Vec<Defect> {
    let mut defects = Vec::new();
    let mut main = Check::new(model, ops, None, &model.graph);
    main.graph();
    defects.append(&mut main.defects);
    let mut initializer = Check::new(model, ops, None, &model.initializer);
    initializer.graph();
    defects.append(&mut initializer.defects);
    for (name, function) in &model.functions {
        let mut check = Check::new(model, ops, Some(name), &function.graph);
        check.graph();
        check.function(function);
        defects.append(&mut check.defects);
    }
    for (name, signature) in &model.signatures {
        for tensor in signature.inputs.iter().chain(&signature.outputs) {
            main.edge(&format!("{name}/{}", tensor.name), tensor.edge);
        }
    }
    defects.append(&mut main.defects);
    for tensor in &model.initializer_outputs {
        initializer.edge(&tensor.name, tensor.edge);
    }
    defects.append(&mut initializer.defects);
    calls(model, &mut defects);
    defects
}

struct Check<'a> {
    model: &'a Model,
    ops: &'a dyn OpTable,
    function: Option<&'a str>,
    graph: &'a Graph,
    /// How many outputs each node has; `None` where that is not known.
    n_outputs: Vec<Option<usize>>,
    defects: Vec<Defect>,
}

impl<'a> Check<'a> {
    fn new(
        model: &'a Model,
        ops: &'a dyn OpTable,
        function: Option<&'a str>,
        graph: &'a Graph,
    ) -> Self {
        let n_outputs = |node: &Node| {
            let known = ops.outputs(&node.op, &node.attrs, node.inputs.len())?;
            known.ok().map(|outputs| outputs.len())
        };
        let n_outputs = graph.nodes().iter().map(n_outputs).collect();
        Self { model, ops, function, graph, n_outputs, defects: Vec::new() }
    }

    fn add(&mut self, node: &str, what: impl Into<String>) {
        let function = self.function.map(str::to_owned);
        self.defects.push(Defect { function, node: node.to_owned(), what: what.into() });
    }

    fn graph(&mut self) {
        let n_max = OUTPUTS_MIN.saturating_add(OUTPUTS_PER_NODE.saturating_mul(self.graph.len()));
        let mut n_outputs = 0_usize;
        for id in self.graph.ids() {
            let node = self.graph.node(id);
            n_outputs = n_outputs.saturating_add(self.n_outputs[id.idx()].unwrap_or(0));
            if n_outputs > n_max {
                return self.add(&node.name, format!("with it there are over {n_max} outputs"));
            }
            if self.graph.find(&node.name) != Some(id) {
                self.add(&node.name, "another node has the same name");
            }
            self.node(node);
        }
        // With edges that lead nowhere there is no order to speak of.
        if self.defects.is_empty()
            && let Err(id) = self.graph.topological_order()
        {
            let node = self.graph.node(id);
            self.add(&node.name, "it depends on itself, through no loop of TensorFlow's");
        }
    }

    fn node(&mut self, node: &Node) {
        for edge in &node.inputs {
            self.edge(&node.name, *edge);
        }
        if node.control.iter().any(|id| id.idx() >= self.graph.len()) {
            self.add(&node.name, "a control input is not in the graph");
        }
        if let Err(what) = self.ops.check(node) {
            self.add(&node.name, what);
        }
        for function in node.attrs.values().flat_map(|attr| attr.functions()) {
            // An empty name stands for no function.
            if !function.name.is_empty() && !self.model.functions.contains_key(&function.name) {
                self.add(&node.name, format!("there is no function `{}`", function.name));
            }
        }
    }

    fn edge(&mut self, user: &str, edge: Edge) {
        let Some(source) = self.graph.nodes().get(edge.node.idx()) else {
            return self.add(user, "an input is not in the graph");
        };
        let Some(n_outputs) = self.n_outputs[edge.node.idx()] else { return };
        if edge.output as usize >= n_outputs {
            let what = format!(
                "it reads output {} of `{}`, a `{}` with {n_outputs} outputs",
                edge.output, source.name, source.op,
            );
            self.add(user, what);
        }
    }

    fn function(&mut self, function: &Function) {
        let nodes = function.argument_nodes();
        for (argument, node) in function.arguments.iter().zip(nodes) {
            if node.is_none() {
                self.add(&argument.name, "the argument has no node");
            }
        }
        for (result, edge) in &function.results {
            self.edge(&result.name, *edge);
        }
        if function.control_results.iter().any(|id| id.idx() >= self.graph.len()) {
            self.add(&function.name, "a control result is not in the graph");
        }
    }
}

/// Functions that call themselves, directly or not, and those that are too deep.
fn calls(model: &Model, defects: &mut Vec<Defect>) {
    let callees: BTreeMap<&str, Vec<&str>> =
        model.functions.iter().map(|(name, f)| (name.as_str(), callees(&f.graph))).collect();
    // How many functions are inside one another below each, itself included.
    let mut heights: HashMap<&str, usize> = HashMap::new();
    let mut add = |name: &str, what: String| {
        defects.push(Defect { function: None, node: name.to_owned(), what });
    };
    for name in callees.keys() {
        let mut path: Vec<(&str, usize)> = vec![(name, 0)];
        while let Some((current, at)) = path.pop() {
            let below = callees.get(current).map(Vec::as_slice).unwrap_or_default();
            let Some(next) = below.get(at).copied() else {
                let deepest = below.iter().filter_map(|callee| heights.get(callee)).max();
                let height = 1 + deepest.copied().unwrap_or(0);
                if height > CALL_DEPTH_MAX {
                    return add(current, format!("functions are over {CALL_DEPTH_MAX} deep"));
                }
                heights.insert(current, height);
                continue;
            };
            path.push((current, at + 1));
            if path.iter().any(|(open, _)| *open == next) {
                return add(next, format!("the function calls itself, through `{current}`"));
            }
            if !heights.contains_key(next) {
                path.push((next, 0));
            }
        }
    }
}

fn callees(graph: &Graph) -> Vec<&str> {
    let attrs = graph.nodes().iter().flat_map(|node| node.attrs.values());
    attrs.flat_map(|attr| attr.functions()).map(|function| function.name.as_str()).collect()
}
