//! The part of a GraphDef that some nodes need.

use std::collections::{BTreeSet, HashMap, HashSet};

use tensorferry_tf_proto::tensorflow::{
    AttrValue, FunctionDef, FunctionDefLibrary, GraphDef, NodeDef, attr_value,
};

/// Nodes and functions of a GraphDef by name.
pub(super) struct Index<'a> {
    pub(super) nodes: HashMap<&'a str, &'a NodeDef>,
    pub(super) functions: HashMap<&'a str, &'a FunctionDef>,
}

/// The node that an input such as `^node` or `node:1` comes from.
pub(super) fn node_of(input: &str) -> &str {
    let input = input.strip_prefix('^').unwrap_or(input);
    input.split(':').next().unwrap_or_default()
}

/// The number behind the last colon of `node:1` or `node:output:1`; 0 when there is none.
pub(super) fn output_of(input: &str) -> usize {
    input.rsplit_once(':').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

impl<'a> Index<'a> {
    pub(super) fn new(graph: &'a GraphDef) -> Self {
        let functions = graph.library.iter().flat_map(|library| &library.function);
        let name = |function: &'a FunctionDef| {
            Some((function.signature.as_ref()?.name.as_str(), function))
        };
        Self {
            nodes: graph.node.iter().map(|node| (node.name.as_str(), node)).collect(),
            functions: functions.filter_map(name).collect(),
        }
    }

    /// The function that a node calls, when it is a call.
    pub(super) fn callee(&self, node: &NodeDef) -> Option<&'a FunctionDef> {
        match node.attr.get("f").and_then(|attr| attr.value.as_ref()) {
            Some(attr_value::Value::Func(f)) if node.op.ends_with("PartitionedCall") => {
                self.functions.get(f.name.as_str()).copied()
            }
            _ => self.functions.get(node.op.as_str()).copied(),
        }
    }

    /// `roots`, everything that they depend on, and the functions that those nodes call.
    pub(super) fn needed(&self, graph: &GraphDef, roots: &[&str]) -> GraphDef {
        let mut found: HashSet<&str> = HashSet::new();
        let mut open: Vec<&str> = roots.to_vec();
        while let Some(name) = open.pop() {
            if let Some(node) = self.nodes.get(name).filter(|node| found.insert(&node.name)) {
                open.extend(node.input.iter().map(|input| node_of(input)));
            }
        }
        let node: Vec<NodeDef> =
            graph.node.iter().filter(|node| found.contains(node.name.as_str())).cloned().collect();
        let functions = self.functions_of(&node);
        let all = graph.library.iter().flat_map(|library| &library.function);
        let is_called = |function: &&FunctionDef| {
            function.signature.as_ref().is_some_and(|s| functions.contains(&s.name))
        };
        let function = all.filter(is_called).cloned().collect();
        let library = FunctionDefLibrary { function, ..FunctionDefLibrary::default() };
        GraphDef { node, library: Some(library), ..GraphDef::default() }
    }

    /// The functions that nodes name, directly or not.
    fn functions_of(&self, nodes: &[NodeDef]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<String> = nodes.iter().flat_map(|node| self.named(node)).collect();
        while let Some(name) = open.pop() {
            let Some(function) = self.functions.get(name.as_str()) else { continue };
            if found.insert(name) {
                open.extend(function.node_def.iter().flat_map(|node| self.named(node)));
            }
        }
        found
    }

    fn named(&self, node: &NodeDef) -> Vec<String> {
        let mut names = Vec::new();
        if self.functions.contains_key(node.op.as_str()) {
            names.push(node.op.clone());
        }
        node.attr.values().for_each(|attr| collect(attr, &mut names));
        names
    }
}

/// Functions named in an attribute. Prost bounds how deep messages are.
fn collect(attr: &AttrValue, names: &mut Vec<String>) {
    let mut add = |function: &tensorferry_tf_proto::tensorflow::NameAttrList| {
        names.push(function.name.clone());
        function.attr.values().for_each(|attr| collect(attr, names));
    };
    match &attr.value {
        Some(attr_value::Value::Func(function)) => add(function),
        Some(attr_value::Value::List(list)) => list.func.iter().for_each(add),
        _ => {}
    }
}
