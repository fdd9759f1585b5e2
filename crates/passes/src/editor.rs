//! Changes to one graph that keep in step who reads what.

use std::collections::HashSet;

use tensorferry_ir::{
    Attr, Attrs, Constant, Dim, Edge, EdgeMap, Graph, Node, NodeId, NodeMap, Type,
};
use tensorferry_ops::Fact;
use tensorferry_tensor::{DType, DenseTensor};

use crate::Log;
use crate::facts::Facts;
use crate::freeze_variables::constant;

/// One graph while passes change it.
pub(crate) struct Editor<'a> {
    graph: &'a mut Graph,
    /// Who reads each output: one entry per input.
    uses: EdgeMap<Vec<NodeId>>,
    /// How many inputs read any output of a node.
    n_uses: NodeMap<usize>,
    /// Nodes that stay what they are: outputs, and those that others wait for.
    pinned: HashSet<NodeId>,
    facts: Facts,
    is_changed: bool,
    pub(crate) log: &'a mut Log,
}

impl<'a> Editor<'a> {
    /// An editor of `graph`; `results` are what comes out of it.
    pub(crate) fn new(
        graph: &'a mut Graph,
        results: &[NodeId],
        facts: Facts,
        log: &'a mut Log,
    ) -> Self {
        let mut uses: EdgeMap<Vec<NodeId>> = EdgeMap::default();
        let mut n_uses: NodeMap<usize> = NodeMap::default();
        let mut pinned: HashSet<NodeId> = results.iter().copied().collect();
        for id in graph.ids() {
            let node = graph.node(id);
            for edge in &node.inputs {
                uses.entry(*edge).or_default().push(id);
                *n_uses.entry(edge.node).or_default() += 1;
            }
            pinned.extend(&node.control);
        }
        Self { graph, uses, n_uses, pinned, facts, is_changed: false, log }
    }

    /// What is known of the graph, when nothing was changed.
    pub(crate) fn into_facts(self) -> Option<Facts> {
        (!self.is_changed).then_some(self.facts)
    }

    /// Every node, each behind its inputs.
    pub(crate) fn order(&self) -> Vec<NodeId> {
        self.graph.topological_order().unwrap_or_default()
    }

    /// A node.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.graph.node(id)
    }

    /// What is known of a value.
    pub(crate) fn fact(&self, edge: Edge) -> Option<&Fact> {
        self.facts.get(&edge)
    }

    /// The type of a value.
    pub(crate) fn ty(&self, edge: Edge) -> Option<Type> {
        self.fact(edge).map(|fact| fact.ty)
    }

    /// The dims of a value, when their number is known.
    pub(crate) fn dims(&self, edge: Edge) -> Option<Vec<Dim>> {
        self.fact(edge)?.dims().map(<[Dim]>::to_vec)
    }

    /// The op of the node that `edge` comes from.
    pub(crate) fn op(&self, edge: Edge) -> &str {
        &self.graph.node(edge.node).op
    }

    /// The constant that `edge` is.
    pub(crate) fn constant(&self, edge: Edge) -> Option<&Constant> {
        let node = self.graph.node(edge.node);
        match node.attrs.get("value") {
            Some(Attr::Tensor(value)) if node.op == "Const" => Some(value),
            _ => None,
        }
    }

    /// The numbers of the constant that `edge` is, in float32.
    pub(crate) fn floats(&self, edge: Edge) -> Option<DenseTensor> {
        let value = self.constant(edge)?;
        (value.dtype() == DType::Float32).then(|| value.dense().ok()).flatten()
    }

    /// True when one input alone reads the node, all its outputs together, and nothing needs it
    /// to stay.
    pub(crate) fn is_sole(&self, edge: Edge) -> bool {
        !self.pinned.contains(&edge.node)
            && self.graph.node(edge.node).control.is_empty()
            && self.n_uses_of(edge.node) == 1
            && self.n_uses(edge) == 1
    }

    /// What stands in the way of a rewrite that would take the node of `edge` away, noted as a
    /// refusal of `rewrite` at `id`.
    pub(crate) fn is_held(&mut self, rewrite: &'static str, id: NodeId, edge: Edge) -> bool {
        if self.is_sole(edge) {
            return false;
        }
        let node = self.graph.node(edge.node);
        let reason = match () {
            () if self.pinned.contains(&edge.node) => "is an output, or something waits for it",
            () if !node.control.is_empty() => "waits for other nodes",
            () => "is read by other nodes too",
        };
        let reason = format!("`{}` {reason}", node.name);
        let name = self.graph.node(id).name.clone();
        self.log.refused(rewrite, &name, reason);
        true
    }

    /// True when a node must stay what it is, because it is an output or others wait for it.
    pub(crate) fn is_result(&self, id: NodeId) -> bool {
        self.pinned.contains(&id)
    }

    /// How many inputs read a value.
    pub(crate) fn n_uses(&self, edge: Edge) -> usize {
        self.uses.get(&edge).map_or(0, Vec::len)
    }

    fn n_uses_of(&self, id: NodeId) -> usize {
        self.n_uses.get(&id).copied().unwrap_or(0)
    }

    fn add_uses(&mut self, id: NodeId, inputs: &[Edge]) {
        for edge in inputs {
            self.uses.entry(*edge).or_default().push(id);
            *self.n_uses.entry(edge.node).or_default() += 1;
        }
    }

    /// True when nobody reads a node and nothing needs it to stay.
    pub(crate) fn is_dead(&self, id: NodeId) -> bool {
        !self.pinned.contains(&id) && self.graph.node(id).op != "_Arg" && self.n_uses_of(id) == 0
    }

    /// Makes another op of a node; its name and the readers of its first output stay.
    pub(crate) fn set(&mut self, id: NodeId, op: &str, inputs: &[Edge], attrs: Attrs) {
        self.is_changed = true;
        self.add_uses(id, inputs);
        let node = self.graph.node_mut(id);
        op.clone_into(&mut node.op);
        let before = std::mem::replace(&mut node.inputs, inputs.to_vec());
        node.attrs = attrs;
        before.iter().for_each(|edge| self.forget(*edge, id));
    }

    /// Takes one use away; a node without uses gives up its own inputs.
    fn forget(&mut self, edge: Edge, user: NodeId) {
        let mut open = vec![(edge, user)];
        while let Some((edge, user)) = open.pop() {
            if let Some(users) = self.uses.get_mut(&edge)
                && let Some(at) = users.iter().position(|id| *id == user)
            {
                users.swap_remove(at);
                self.n_uses.entry(edge.node).and_modify(|n| *n -= 1);
            }
            if self.is_dead(edge.node) {
                let inputs = self.graph.node(edge.node).inputs.clone();
                open.extend(inputs.into_iter().map(|input| (input, edge.node)));
            }
        }
    }

    /// Lets every reader of `from` read `to`; outputs of the graph stay what they are.
    pub(crate) fn replace(&mut self, from: Edge, to: Edge) {
        for user in self.uses.get(&from).cloned().unwrap_or_default() {
            let node = self.graph.node_mut(user);
            let mut inputs = node.inputs.clone();
            inputs.iter_mut().filter(|edge| **edge == from).for_each(|edge| *edge = to);
            let (op, attrs) = (std::mem::take(&mut node.op), std::mem::take(&mut node.attrs));
            self.set(user, &op, &inputs, attrs);
        }
    }

    /// A new node.
    pub(crate) fn push(&mut self, name: &str, op: &str, inputs: &[Edge], attrs: Attrs) -> NodeId {
        self.is_changed = true;
        let mut node = Node::new(self.graph.free_name(name), op).inputs(inputs);
        node.attrs = attrs;
        let id = self.graph.push(node);
        self.add_uses(id, inputs);
        id
    }

    /// A new constant.
    pub(crate) fn push_constant(&mut self, name: &str, value: DenseTensor) -> Edge {
        let fact = Fact::of(&value);
        let id = self.push(name, "Const", &[], constant(Constant::Dense(value)));
        self.facts.insert(id.into(), fact);
        id.into()
    }

    /// States what is known of a value that a rewrite made.
    pub(crate) fn know(&mut self, edge: Edge, fact: Fact) {
        self.facts.insert(edge, fact);
    }
}
