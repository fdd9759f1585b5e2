//! Nodes and the edges between them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::{Attr, Attrs};

/// Index of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index as a place in [`Graph::nodes`].
    pub fn idx(self) -> usize {
        self.0 as usize
    }
}

/// One output of a node: where a data edge begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// The node.
    pub node: NodeId,
    /// Which of its outputs.
    pub output: u32,
}

/// What is known of nodes.
pub type NodeMap<V> = HashMap<NodeId, V, BuildHasherDefault<IndexHasher>>;

/// What is known of outputs.
pub type EdgeMap<V> = HashMap<Edge, V, BuildHasherDefault<IndexHasher>>;

/// Hashes indexes of nodes and outputs. Nobody outside chooses them: they count up from 0, so that
/// mixing them well is enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, n: u32) {
        // An odd number near 2^64 / golden ratio; maps use the high and the low bits.
        let mixed = (self.0.rotate_left(32) ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl From<NodeId> for Edge {
    /// The node's first output.
    fn from(node: NodeId) -> Self {
        Self { node, output: 0 }
    }
}

/// One node. TensorFlow's `device` is not kept: we place nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unique in its graph.
    pub name: String,
    /// What it computes, in TensorFlow's words.
    pub op: String,
    /// Data inputs, in the op's order.
    pub inputs: Vec<Edge>,
    /// Nodes that must have run before.
    pub control: Vec<NodeId>,
    /// The attributes as stored; defaults may be missing.
    pub attrs: Attrs,
}

impl Node {
    /// A node without inputs and attributes.
    pub fn new(name: impl Into<String>, op: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: op.into(),
            inputs: Vec::new(),
            control: Vec::new(),
            attrs: Attrs::new(),
        }
    }

    /// The same with data inputs.
    #[must_use]
    pub fn inputs(mut self, inputs: &[Edge]) -> Self {
        self.inputs = inputs.to_vec();
        self
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn attr(mut self, name: &str, value: Attr) -> Self {
        self.attrs.insert(name.to_owned(), value);
        self
    }
}

/// Nodes in any order: an edge may point forward.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    by_name: HashMap<String, NodeId>,
}

impl Graph {
    /// The nodes, by index.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True when there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every index.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(|i| NodeId(u32::try_from(i).expect("`push` counts in u32")))
    }

    /// The node at `id`.
    ///
    /// # Panics
    /// When the index is of another graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.idx()]
    }

    /// The node at `id`, to be changed; its name stays (see [`Graph::rename`]).
    ///
    /// # Panics
    /// When the index is of another graph.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.idx()]
    }

    /// The node of that name; the first when there are several, which the verifier refuses.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// Adds a node.
    ///
    /// # Panics
    /// With the 2^32nd node; no file can be read that has so many.
    pub fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        self.by_name.entry(node.name.clone()).or_insert(id);
        self.nodes.push(node);
        id
    }

    /// Gives a node another name. Edges are indexes and stay.
    pub fn rename(&mut self, id: NodeId, name: &str) {
        let node = &mut self.nodes[id.idx()];
        if self.by_name.get(&node.name) == Some(&id) {
            self.by_name.remove(&node.name);
        }
        name.clone_into(&mut node.name);
        self.by_name.entry(name.to_owned()).or_insert(id);
    }

    /// `stem`, or `stem_1`, `stem_2` … whichever is free first.
    pub fn free_name(&self, stem: &str) -> String {
        if !self.by_name.contains_key(stem) {
            return stem.to_owned();
        }
        let mut i = 1_usize;
        loop {
            let name = format!("{stem}_{i}");
            if !self.by_name.contains_key(&name) {
                return name;
            }
            i += 1;
        }
    }

    /// Who reads each node's outputs: indexes of nodes, one entry per data or control edge.
    pub fn users(&self) -> Vec<Vec<NodeId>> {
        let mut users = vec![Vec::new(); self.len()];
        for id in self.ids() {
            let node = self.node(id);
            let sources = node.inputs.iter().map(|edge| edge.node).chain(node.control.clone());
            sources.for_each(|source| {
                if let Some(list) = users.get_mut(source.idx()) {
                    list.push(id);
                }
            });
        }
        users
    }

    /// Every node after those it depends on, the edges out of `NextIteration` left out.
    ///
    /// # Errors
    /// A node of a cycle.
    pub fn topological_order(&self) -> Result<Vec<NodeId>, NodeId> {
        let is_back = |source: NodeId| self.node(source).op.ends_with("NextIteration");
        let mut n_waiting: Vec<usize> = self
            .nodes
            .iter()
            .map(|node| {
                let sources = node.inputs.iter().map(|e| e.node).chain(node.control.clone());
                sources.filter(|source| !is_back(*source)).count()
            })
            .collect();
        let users = self.users();
        let mut order: Vec<NodeId> = self.ids().filter(|id| n_waiting[id.idx()] == 0).collect();
        let mut at = 0;
        while let Some(id) = order.get(at).copied() {
            at += 1;
            if is_back(id) {
                continue;
            }
            for user in &users[id.idx()] {
                n_waiting[user.idx()] -= 1;
                if n_waiting[user.idx()] == 0 {
                    order.push(*user);
                }
            }
        }
        match self.ids().find(|id| n_waiting[id.idx()] > 0) {
            Some(id) => Err(id),
            None => Ok(order),
        }
    }
}
