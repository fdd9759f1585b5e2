//! Puts the bodies of called functions in the place of their calls.
//!
//! Requires: no function calls itself, which the verifier has seen to.
//! Leaves: no `PartitionedCall`; functions only where `If`, `While` and `Case` hold them.

use std::cell::Cell;
use std::collections::BTreeMap;

use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_ir::{
    Attr, Edge, EdgeMap, FuncRef, Function, Graph, Model, Node, NodeId, Parameter,
};
use tensorferry_ir::{Signature, SignatureTensor};
use tensorferry_ops::{Effect, Registry};

/// The most nodes that inlining makes in all, for each node that there is, and [`NODES_MIN`] beside
/// them: calls of calls may stand for any number.
const NODES_PER_NODE: usize = 64;

/// See [`NODES_PER_NODE`].
const NODES_MIN: usize = 20_000;

/// No more, however many there are.
const NODES_MAX: usize = 4_000_000;

/// Inlines in every graph of `model`, and renames the inputs of a signature to the arguments of the
/// function that it wraps, as TensorFlow's own converter calls them.
pub(crate) fn inline_calls(model: &mut Model, ops: &Registry) -> Result<(), Problem> {
    let functions = std::mem::take(&mut model.functions);
    let n_nodes: usize = functions.values().map(|function| function.graph.len()).sum();
    let n_nodes = n_nodes + model.graph.len() + model.initializer.len();
    let n_max = NODES_MIN.saturating_add(NODES_PER_NODE.saturating_mul(n_nodes)).min(NODES_MAX);
    let n_left = &Cell::new(n_max);
    let wrapper = model.signatures.values().next().and_then(|s| wrapper(&model.graph, s));
    let mut inliner = Inliner::new(&functions, ops, n_left);
    inliner.transparent = wrapper;
    let map = inliner.body(&model.graph, &Scope::default())?;
    for signature in model.signatures.values_mut() {
        let sides = signature.inputs.iter_mut().chain(&mut signature.outputs);
        for tensor in sides {
            tensor.edge = map.edge(tensor.edge)?;
        }
    }
    let graph = std::mem::replace(&mut model.graph, inliner.out);
    if let Some(call) = wrapper {
        name_inputs(model, &graph, call, &map, &functions)?;
    }
    let mut inliner = Inliner::new(&functions, ops, n_left);
    let map = inliner.body(&model.initializer, &Scope::default())?;
    model.initializer = inliner.out;
    for tensor in &mut model.initializer_outputs {
        tensor.edge = map.edge(tensor.edge)?;
    }
    model.functions = held(model, &functions, ops, n_left)?;
    Ok(())
}

/// The functions that nodes still name, directly or not, with what they call inlined.
fn held(
    model: &Model,
    functions: &BTreeMap<String, Function>,
    ops: &Registry,
    n_left: &Cell<usize>,
) -> Result<BTreeMap<String, Function>, Problem> {
    let mut inlined = BTreeMap::new();
    let mut open = named(&model.graph);
    open.extend(named(&model.initializer));
    while let Some(name) = open.pop() {
        let Some(function) = functions.get(&name).filter(|_| !inlined.contains_key(&name)) else {
            continue;
        };
        let function = Inliner::new(functions, ops, n_left).function(function)?;
        open.extend(named(&function.graph));
        inlined.insert(name, function);
    }
    Ok(inlined)
}

/// The functions that a graph's nodes name.
fn named(graph: &Graph) -> Vec<String> {
    let attrs = graph.nodes().iter().flat_map(|node| node.attrs.values());
    attrs.flat_map(|attr| attr.functions()).map(|function| function.name.clone()).collect()
}

/// The call that a signature's outputs all come from.
fn wrapper(graph: &Graph, signature: &Signature) -> Option<NodeId> {
    let first = signature.outputs.first()?.edge.node;
    let is_call = graph.node(first).op.ends_with("PartitionedCall");
    (is_call && signature.outputs.iter().all(|output| output.edge.node == first)).then_some(first)
}

/// Calls the placeholders as the wrapped function calls its arguments.
fn name_inputs(
    model: &mut Model,
    before: &Graph,
    call: NodeId,
    map: &Mapping,
    functions: &BTreeMap<String, Function>,
) -> Result<(), Problem> {
    let Some(function) = callee(before.node(call), functions) else { return Ok(()) };
    for (argument, edge) in function.arguments.iter().zip(&before.node(call).inputs) {
        let id = map.edge(*edge)?.node;
        let is_input = |tensor: &SignatureTensor| tensor.edge.node == id;
        let is_fed = model.signatures.values().any(|s| s.inputs.iter().any(is_input));
        if is_fed && model.graph.find(&argument.name).is_none() {
            model.graph.rename(id, &argument.name);
        }
    }
    Ok(())
}

/// The function that a node calls at once, when it is a call.
fn callee<'a>(node: &Node, functions: &'a BTreeMap<String, Function>) -> Option<&'a Function> {
    match node.attrs.get("f") {
        Some(Attr::Func(FuncRef { name, .. })) if node.op.ends_with("PartitionedCall") => {
            functions.get(name)
        }
        // TensorFlow 1 calls a function by a node whose op has its name.
        _ => functions.get(&node.op),
    }
}

/// Where a body is put.
#[derive(Default)]
struct Scope {
    /// In front of every name.
    prefix: String,
    /// What the arguments stand for; none are replaced when a function keeps its own.
    arguments: Option<Vec<Edge>>,
    /// What effects inside must wait for.
    control: Vec<NodeId>,
}

/// Where nodes went.
#[derive(Default)]
struct Mapping {
    /// Of arguments and calls, which leave no node.
    edges: EdgeMap<Edge>,
    /// Of all others, whose outputs keep their numbers.
    nodes: Vec<Option<NodeId>>,
    /// The new nodes that stand for "after this node".
    after: Vec<Vec<NodeId>>,
}

impl Mapping {
    fn find(&self, edge: Edge) -> Option<Edge> {
        let moved = |node| Edge { node, output: edge.output };
        self.edges.get(&edge).copied().or_else(|| self.nodes[edge.node.idx()].map(moved))
    }

    /// A call may say that it has more outputs than the function has results.
    fn edge(&self, edge: Edge) -> Result<Edge, Problem> {
        let missing = || {
            let what = format!("output {} is read of a call that does not give it", edge.output);
            Problem::input(what)
        };
        self.find(edge).ok_or_else(missing)
    }
}

struct Inliner<'a> {
    functions: &'a BTreeMap<String, Function>,
    ops: &'a Registry,
    out: Graph,
    /// The call whose body gets no prefix.
    transparent: Option<NodeId>,
    /// Nodes that may still be made.
    n_left: &'a Cell<usize>,
}

impl<'a> Inliner<'a> {
    fn new(
        functions: &'a BTreeMap<String, Function>,
        ops: &'a Registry,
        n_left: &'a Cell<usize>,
    ) -> Self {
        Self { functions, ops, out: Graph::default(), transparent: None, n_left }
    }

    fn function(mut self, function: &Function) -> Result<Function, Problem> {
        let map = self.body(&function.graph, &Scope::default())?;
        let at = |result: &(Parameter, Edge)| Ok((result.0.clone(), map.edge(result.1)?));
        let results = function.results.iter().map(at);
        let after = |id: &NodeId| map.after[id.idx()].clone();
        Ok(Function {
            results: results.collect::<Result<_, Problem>>()?,
            control_results: function.control_results.iter().flat_map(after).collect(),
            graph: self.out,
            name: function.name.clone(),
            arguments: function.arguments.clone(),
            is_stateful: function.is_stateful,
            attrs: function.attrs.clone(),
        })
    }

    /// Copies a graph, calls replaced by what they call.
    fn body(&mut self, graph: &Graph, scope: &Scope) -> Result<Mapping, Problem> {
        let order = graph.topological_order().map_err(|id| {
            let name = &graph.node(id).name;
            Problem::input("it depends on itself").at(format!("node {name}"))
        })?;
        let mut map = Mapping {
            edges: EdgeMap::default(),
            nodes: vec![None; graph.len()],
            after: vec![Vec::new(); graph.len()],
        };
        // Inputs that come from the end of a loop, which is not there yet.
        let mut backward: Vec<(NodeId, usize, Edge)> = Vec::new();
        for id in order {
            let node = graph.node(id);
            let argument = node.attrs.get("index").and_then(Attr::as_int);
            let argument = argument.filter(|_| node.op == "_Arg");
            if let (Some(arguments), Some(i)) = (&scope.arguments, argument) {
                let edge = usize::try_from(i).ok().and_then(|i| arguments.get(i));
                let edge = edge.ok_or_else(|| {
                    Problem::input("an argument is missing").at(format!("node {}", node.name))
                })?;
                map.edges.insert(id.into(), *edge);
                continue;
            }
            if let Some(function) = callee(node, self.functions) {
                self.call(graph, id, function, scope, &mut map)?;
                continue;
            }
            let new = self.copy(node, scope, &map)?;
            for (i, edge) in node.inputs.iter().enumerate() {
                match map.find(*edge) {
                    Some(mapped) => self.out.node_mut(new).inputs.push(mapped),
                    None => {
                        self.out.node_mut(new).inputs.push(new.into());
                        backward.push((new, i, *edge));
                    }
                }
            }
            map.after[id.idx()] = vec![new];
            map.nodes[id.idx()] = Some(new);
        }
        for (node, input, edge) in backward {
            let at = |problem: Problem| problem.at(format!("node {}", self.out.node(node).name));
            let edge = map.edge(edge).map_err(at)?;
            self.out.node_mut(node).inputs[input] = edge;
        }
        Ok(map)
    }

    fn copy(&mut self, node: &Node, scope: &Scope, map: &Mapping) -> Result<NodeId, Problem> {
        let Some(left) = self.n_left.get().checked_sub(1) else {
            let what = "functions inside functions make too many nodes";
            return Err(Problem::new(Kind::Limit, what).at(format!("node {}", node.name)));
        };
        self.n_left.set(left);
        let name = self.out.free_name(&format!("{}{}", scope.prefix, node.name));
        let mut new = Node::new(name, node.op.clone());
        new.attrs = node.attrs.clone();
        new.control = node.control.iter().flat_map(|id| map.after[id.idx()].clone()).collect();
        let effect = self.ops.find(&node.op).map_or(Effect::Stateful, |def| def.spec.effect);
        if effect != Effect::Pure {
            new.control.extend(&scope.control);
        }
        new.control.sort();
        new.control.dedup();
        Ok(self.out.push(new))
    }

    fn call(
        &mut self,
        graph: &Graph,
        id: NodeId,
        function: &Function,
        scope: &Scope,
        map: &mut Mapping,
    ) -> Result<(), Problem> {
        let node = graph.node(id);
        let is_transparent = self.transparent == Some(id) && scope.arguments.is_none();
        let mut control: Vec<NodeId> =
            node.control.iter().flat_map(|id| map.after[id.idx()].clone()).collect();
        control.extend(&scope.control);
        let arguments: Result<_, Problem> =
            node.inputs.iter().map(|edge| map.edge(*edge)).collect();
        let at = |problem: Problem| problem.at(format!("node {}", node.name));
        let inner = Scope {
            prefix: match is_transparent {
                true => scope.prefix.clone(),
                false => format!("{}{}/", scope.prefix, node.name),
            },
            arguments: Some(arguments.map_err(at)?),
            control: control.clone(),
        };
        let body = self.body(&function.graph, &inner)?;
        for (output, (_, edge)) in (0_u32..).zip(&function.results) {
            map.edges.insert(Edge { node: id, output }, body.edge(*edge).map_err(at)?);
        }
        // Who waits for the call waits for its effects and for what it waited for.
        control.extend(function.control_results.iter().flat_map(|id| body.after[id.idx()].clone()));
        control.sort();
        control.dedup();
        map.after[id.idx()] = control;
        Ok(())
    }
}
