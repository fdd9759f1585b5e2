//! Puts the values of variables in the place of their handles.
//!
//! `ReadVariableOp(handle) == value` while nobody assigns. The node of a variable becomes a `Const`
//! with its value, and everything that passed the handle on passes the value on: loops, branches and
//! their functions take a tensor where they took a resource.
//! Requires: no variable that is read is assigned. Leaves: no variable.

use std::collections::BTreeMap;

use tensorferry_diagnostics::{Problem, Problems};
use tensorferry_ir::ASSET_ATTR;
use tensorferry_ir::{
    Attr, Constant, Edge, EdgeMap, Function, Graph, Model, Node, NodeId, Type, VALUE_ATTR,
};
use tensorferry_tensor::DenseTensor;

use crate::Log;
use crate::prune::needed;

/// Freezes the main graph and the initializer with the functions that they call.
pub(crate) fn freeze_variables(model: &mut Model, log: &mut Log) -> Result<(), Problems> {
    let mut freezer = Freezer {
        functions: &mut model.functions,
        made: BTreeMap::new(),
        problems: Vec::new(),
        log,
        variables: Vec::new(),
        assigned: BTreeMap::new(),
        read: Vec::new(),
    };
    let signatures = model.signatures.values();
    let outputs: Vec<NodeId> =
        signatures.flat_map(|s| &s.outputs).map(|output| output.edge.node).collect();
    let is_needed = needed(&model.graph, &outputs, false);
    freezer.top(&mut model.graph, &is_needed);
    // What runs once at the start may set a variable, such as the path of an asset.
    let none = vec![false; model.initializer.len()];
    freezer.top(&mut model.initializer, &none);
    freezer.finish()
}

/// What an edge that was a handle is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Frozen {
    ty: Type,
    /// Which variable.
    variable: usize,
    /// TensorFlow 1's kind, which is read without an op that reads.
    is_ref: bool,
}

type Changed = EdgeMap<Frozen>;

/// A function, and which of its arguments are values of what types.
type Call = (String, Vec<(usize, Type)>);

/// The function made for a call, and what its results are.
type Made = (String, Vec<Option<Frozen>>);

struct Freezer<'a> {
    functions: &'a mut BTreeMap<String, Function>,
    /// Functions made for arguments that are values now, by name and arguments.
    made: BTreeMap<Call, Made>,
    problems: Vec<Problem>,
    log: &'a mut Log,
    /// Names of variables.
    variables: Vec<String>,
    /// Variables that are assigned, and by which node.
    assigned: BTreeMap<usize, String>,
    read: Vec<usize>,
}

/// Ops that give a handle on and say its type in `T`.
fn passes_on(op: &str) -> bool {
    matches!(
        op,
        "Identity" | "Switch" | "Merge" | "Enter" | "Exit" | "NextIteration" | "DisableCopyOnRead"
    )
}

fn assigns(op: &str) -> bool {
    op.starts_with("Assign")
        || op.starts_with("ResourceScatter")
        || op.starts_with("Scatter")
        || op.starts_with("ResourceStridedSliceAssign")
        || op.starts_with("ResourceApply")
        || matches!(op, "RngReadAndSkip" | "StatefulUniform" | "StatefulStandardNormalV2")
}

impl Freezer<'_> {
    /// A graph that has variables' own nodes.
    fn top(&mut self, graph: &mut Graph, is_needed: &[bool]) {
        let mut changed = Changed::default();
        for id in graph.ids() {
            let node = graph.node_mut(id);
            let (Some(Attr::Tensor(value)), ty) =
                (node.attrs.remove(VALUE_ATTR), node.attrs.get("dtype").cloned())
            else {
                continue;
            };
            let ty = ty.as_ref().and_then(Attr::as_type).unwrap_or(Type::Data(value.dtype()));
            let asset = node.attrs.remove(ASSET_ATTR);
            let is_ref = node.op != "VarHandleOp";
            node.op = "Const".to_owned();
            node.attrs = constant(value);
            node.attrs.extend(asset.map(|asset| (ASSET_ATTR.to_owned(), asset)));
            node.control.clear();
            changed.insert(id.into(), Frozen { ty, variable: self.variables.len(), is_ref });
            self.variables.push(node.name.clone());
        }
        self.graph(graph, &mut changed, is_needed);
    }

    fn graph(&mut self, graph: &mut Graph, changed: &mut Changed, is_needed: &[bool]) {
        let Ok(order) = graph.topological_order() else { return };
        for id in order {
            let inputs: Vec<Option<Frozen>> =
                graph.node(id).inputs.iter().map(|edge| changed.get(edge).copied()).collect();
            if inputs.iter().any(Option::is_some) {
                let is_needed = is_needed.get(id.idx()).copied().unwrap_or(true);
                self.node(graph, id, &inputs, changed, is_needed);
            }
        }
        for id in graph.ids() {
            let node = graph.node(id);
            if matches!(node.op.as_str(), "VarHandleOp" | "VariableV2" | "Variable")
                && is_needed.get(id.idx()).copied().unwrap_or(true)
            {
                let what = format!("the checkpoint has no value for the variable `{}`", node.name);
                self.problems.push(Problem::input(what));
            }
        }
    }

    fn node(
        &mut self,
        graph: &mut Graph,
        id: NodeId,
        inputs: &[Option<Frozen>],
        changed: &mut Changed,
        is_needed: bool,
    ) {
        let node = graph.node(id);
        let first = inputs.iter().flatten().next().copied();
        let Some(frozen) = first else { return };
        let op = node.op.clone();
        if frozen.is_ref {
            return self.reference(graph, id, frozen, changed, is_needed);
        }
        match op.as_str() {
            "ReadVariableOp" => {
                let node = graph.node_mut(id);
                node.op = "Identity".to_owned();
                node.attrs.clear();
                node.attrs.insert("T".to_owned(), Attr::Type(frozen.ty));
                if is_needed {
                    self.read.push(frozen.variable);
                }
            }
            "ResourceGather" | "ResourceGatherNd" => self.gather(graph, id, frozen, is_needed),
            "VariableShape" => {
                let node = graph.node_mut(id);
                node.op = "Shape".to_owned();
                let out_type = node.attrs.get("out_type").cloned();
                node.attrs.clear();
                node.attrs.insert("T".to_owned(), Attr::Type(frozen.ty));
                node.attrs.extend(out_type.map(|ty| ("out_type".to_owned(), ty)));
            }
            "VarIsInitializedOp" | "IsVariableInitialized" => {
                let node = graph.node_mut(id);
                node.op = "Const".to_owned();
                node.inputs.clear();
                node.attrs = constant(Constant::Dense(DenseTensor::scalar(true)));
            }
            op if passes_on(op) => {
                let node = graph.node_mut(id);
                if op == "DisableCopyOnRead" {
                    node.op = "Identity".to_owned();
                }
                node.attrs.insert("T".to_owned(), Attr::Type(frozen.ty));
                // `Merge` says in its second output where a value came from.
                let n_outputs = if op.ends_with("Switch") { 2 } else { 1 };
                (0..n_outputs).for_each(|output| {
                    changed.insert(Edge { node: id, output }, frozen);
                });
            }
            "If" | "StatelessIf" | "While" | "StatelessWhile" | "Case" | "StatelessCase" => {
                self.branches(graph, id, inputs, changed);
            }
            op if assigns(op) => self.assign(graph, id, frozen, is_needed),
            _ => {
                let what = format!("`{op}` of a variable is not supported");
                self.problems.push(Problem::unsupported(what).at(format!("node {}", node.name)));
            }
        }
    }

    /// A node that reads or changes a variable of TensorFlow 1's kind.
    fn reference(
        &mut self,
        graph: &mut Graph,
        id: NodeId,
        frozen: Frozen,
        changed: &mut Changed,
        is_needed: bool,
    ) {
        let node = graph.node_mut(id);
        if assigns(&node.op) {
            return self.assign(graph, id, frozen, is_needed);
        }
        if node.op == "IsVariableInitialized" {
            node.op = "Const".to_owned();
            node.inputs.clear();
            node.attrs = constant(Constant::Dense(DenseTensor::scalar(true)));
            return;
        }
        if let Some(plain) = node.op.strip_prefix("Ref").map(str::to_owned) {
            node.op = plain;
            for output in 0..2 {
                changed.insert(Edge { node: id, output }, frozen);
            }
        } else if is_needed {
            self.read.push(frozen.variable);
        }
    }

    fn assign(&mut self, graph: &mut Graph, id: NodeId, frozen: Frozen, is_needed: bool) {
        self.assigned.insert(frozen.variable, graph.node(id).name.clone());
        let node = graph.node_mut(id);
        if is_needed {
            self.read.push(frozen.variable);
        } else {
            node.op = "NoOp".to_owned();
            node.inputs.clear();
            node.attrs.clear();
        }
    }

    /// `ResourceGather(handle, i) == GatherV2(value, i, 0)`.
    fn gather(&mut self, graph: &mut Graph, id: NodeId, frozen: Frozen, is_needed: bool) {
        let node = graph.node(id);
        let nd = node.op == "ResourceGatherNd";
        let index_type = node.attrs.get("Tindices").cloned();
        let batch_dims = node.attrs.get("batch_dims").and_then(Attr::as_int).unwrap_or(0);
        let mut attrs = tensorferry_ir::Attrs::new();
        attrs.insert("Tparams".to_owned(), Attr::Type(frozen.ty));
        attrs.extend(index_type.map(|ty| ("Tindices".to_owned(), ty)));
        if !nd {
            let axis = graph.free_name(&format!("{}/axis", graph.node(id).name));
            let mut axis = Node::new(axis, "Const");
            let at = i32::try_from(batch_dims).unwrap_or(0);
            axis.attrs = constant(Constant::Dense(DenseTensor::scalar(at)));
            let axis = graph.push(axis);
            graph.node_mut(id).inputs.push(axis.into());
            attrs.insert("Taxis".to_owned(), Attr::Type(tensorferry_tensor::DType::Int32.into()));
            attrs.insert("batch_dims".to_owned(), Attr::Int(batch_dims));
        }
        let node = graph.node_mut(id);
        node.op = if nd { "GatherNd" } else { "GatherV2" }.to_owned();
        node.attrs = attrs;
        if is_needed {
            self.read.push(frozen.variable);
        }
    }

    /// Makes functions that take values, and patches the types of the node that calls them.
    fn branches(
        &mut self,
        graph: &mut Graph,
        id: NodeId,
        inputs: &[Option<Frozen>],
        changed: &mut Changed,
    ) {
        let node = graph.node(id);
        let is_loop = node.op.ends_with("While");
        // The first input of `If` and `Case` chooses and goes to no function.
        let skipped = usize::from(!is_loop);
        let arguments: Vec<Option<Frozen>> = inputs.iter().skip(skipped).copied().collect();
        let mut attrs = node.attrs.clone();
        let mut results: Vec<Option<Frozen>> = Vec::new();
        for (name, attr) in &mut attrs {
            let functions: Vec<&mut Attr> = match attr {
                Attr::Func(_) => vec![attr],
                Attr::List(all) => all.iter_mut().collect(),
                _ => continue,
            };
            for attr in functions {
                let Attr::Func(function) = attr else { continue };
                let (made, gives) = self.function(&function.name, &arguments);
                function.name = made;
                if name != "cond" {
                    results = gives;
                }
            }
        }
        let patch = |attr: Option<&mut Attr>, frozen: &[Option<Frozen>]| {
            let Some(Attr::List(types)) = attr else { return };
            for (ty, frozen) in types.iter_mut().zip(frozen) {
                if let Some(frozen) = frozen {
                    *ty = Attr::Type(frozen.ty);
                }
            }
        };
        if is_loop {
            patch(attrs.get_mut("T"), &arguments);
            for (output, frozen) in (0_u32..).zip(&arguments) {
                if let Some(frozen) = frozen {
                    changed.insert(Edge { node: id, output }, *frozen);
                }
            }
        } else {
            patch(attrs.get_mut("Tin"), &arguments);
            patch(attrs.get_mut("Tout"), &results);
            for (output, frozen) in (0_u32..).zip(results) {
                if let Some(frozen) = frozen {
                    changed.insert(Edge { node: id, output }, frozen);
                }
            }
        }
        graph.node_mut(id).attrs = attrs;
    }

    /// A function in which some arguments are values; what its results are.
    fn function(
        &mut self,
        name: &str,
        arguments: &[Option<Frozen>],
    ) -> (String, Vec<Option<Frozen>>) {
        let key: Vec<(usize, Type)> = arguments
            .iter()
            .enumerate()
            .filter_map(|(i, frozen)| Some((i, (*frozen)?.ty)))
            .collect();
        let key = (name.to_owned(), key);
        let is_fresh = key.1.is_empty();
        if let Some(made) = self.made.get(&key) {
            return made.clone();
        }
        let Some(function) = self.functions.get(name).filter(|_| !is_fresh) else {
            return (name.to_owned(), Vec::new());
        };
        let mut function = function.clone();
        let mut changed = Changed::default();
        let nodes = function.argument_nodes();
        for ((argument, node), frozen) in function.arguments.iter_mut().zip(nodes).zip(arguments) {
            let (Some(frozen), Some(node)) = (frozen, node) else { continue };
            argument.ty = frozen.ty;
            function.graph.node_mut(node).attrs.insert("T".to_owned(), Attr::Type(frozen.ty));
            changed.insert(node.into(), *frozen);
        }
        self.graph(&mut function.graph, &mut changed, &[]);
        let mut results = Vec::new();
        for (result, edge) in &mut function.results {
            let frozen = changed.get(edge).copied();
            if let Some(frozen) = frozen {
                result.ty = frozen.ty;
            }
            results.push(frozen);
        }
        let mut new_name = format!("{name}_frozen");
        while self.functions.contains_key(&new_name) {
            new_name.push('_');
        }
        function.name.clone_from(&new_name);
        self.functions.insert(new_name.clone(), function);
        self.made.insert(key, (new_name.clone(), results.clone()));
        (new_name, results)
    }

    fn finish(mut self) -> Result<(), Problems> {
        for (variable, node) in &self.assigned {
            let name = &self.variables[*variable];
            if self.read.contains(variable) {
                let what = format!(
                    "the model changes the variable `{name}` while it runs, and TensorFlow.js has no variables in graphs"
                );
                let problem = Problem::unsupported(what).at(format!("node {node}"));
                self.problems.push(problem.hint(
                    "export the model without state: no stateful recurrent layers, no counters",
                ));
            } else {
                let what = format!("the variable `{name}`, which no output needs, is not kept");
                self.log.dropped.push(what);
            }
        }
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Problems(self.problems)),
        }
    }
}

/// The attributes of a `Const`.
pub(crate) fn constant(value: Constant) -> tensorferry_ir::Attrs {
    let ty = Attr::Type(value.dtype().into());
    [("dtype".to_owned(), ty), ("value".to_owned(), Attr::Tensor(value))].into()
}
