//! A main graph, the functions that it calls, and the names by which it is called.

use std::collections::BTreeMap;

use crate::{Attrs, Edge, Graph, NodeId, Shape, Type};

/// A graph with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// What runs for each call.
    pub graph: Graph,
    /// What runs once before the first call: it fills tables.
    pub initializer: Graph,
    /// What the nodes of all graphs call, by name.
    pub functions: BTreeMap<String, Function>,
    /// How the main graph is called, by name; mostly one, `serving_default`.
    pub signatures: BTreeMap<String, Signature>,
    /// Handles that the initializer graph makes for inputs of the main graph.
    pub initializer_outputs: Vec<SignatureTensor>,
}

/// A graph with arguments and results.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Function {
    /// Its name in the library.
    pub name: String,
    /// What it takes. Argument `i` is the node of op `_Arg` whose attribute `index` is `i`.
    pub arguments: Vec<Parameter>,
    /// What it gives, in order.
    pub results: Vec<(Parameter, Edge)>,
    /// Nodes that run although no result needs them.
    pub control_results: Vec<NodeId>,
    /// Running it has an effect beside its results.
    pub is_stateful: bool,
    /// Attributes of the function itself.
    pub attrs: Attrs,
    /// Its nodes.
    pub graph: Graph,
}

impl Function {
    /// The node of each argument.
    pub fn argument_nodes(&self) -> Vec<Option<NodeId>> {
        let mut nodes = vec![None; self.arguments.len()];
        for id in self.graph.ids() {
            let node = self.graph.node(id);
            let index = node.attrs.get("index").and_then(|attr| attr.as_int());
            let index = index.filter(|_| node.op == "_Arg").and_then(|i| usize::try_from(i).ok());
            if let Some(place) = index.and_then(|i| nodes.get_mut(i)) {
                *place = Some(id);
            }
        }
        nodes
    }
}

/// An argument or a result of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// Named inputs and outputs, in the order in which they are declared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signature {
    /// What is fed: each is a node without inputs, mostly a `Placeholder`.
    pub inputs: Vec<SignatureTensor>,
    /// What comes out.
    pub outputs: Vec<SignatureTensor>,
}

/// One input or output of a signature.
#[derive(Debug, Clone, PartialEq)]
pub struct SignatureTensor {
    /// The name by which a caller knows it.
    pub name: String,
    /// Where it is in the graph.
    pub edge: Edge,
    /// Its type.
    pub ty: Type,
    /// Its shape, as declared.
    pub shape: Shape,
    /// Ties a handle that the initializer graph makes to the input that takes it.
    pub resource_id: Option<i64>,
}
