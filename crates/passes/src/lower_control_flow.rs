//! Says `If` and `While` in the ops of TensorFlow 1: switches, merges and frames.
//!
//! `If(p, x)` becomes `Merge(else(Switch(x, p):0), then(Switch(x, p):1))`; `While(x)` becomes, for each
//! value, `m = Merge(Enter(x), NextIteration(body(Switch(m, c):1)))` with `c = LoopCond(cond(m))`, and
//! gives `Exit(Switch(m, c):0)`.
//! Requires: only on request; no call is left but those two. Leaves: no `If` and no `While`; a
//! constant inside of a loop waits for the turn, so that it is there in every turn.

use std::collections::HashMap;

use tensorferry_ir::{Attr, Edge, Function, Graph, Model, Node, NodeId, Type};
use tensorferry_ops::{Effect, Registry};
use tensorferry_tensor::DType;

use crate::Log;
use crate::prune::prune;

const NAME: &str = "lower_control_flow";

/// Lowers every graph, what is called before what calls it.
pub(crate) fn lower_control_flow(model: &mut Model, ops: &Registry, log: &mut Log) {
    let mut lowered: HashMap<String, Function> = HashMap::new();
    let mut open: Vec<String> = model.functions.keys().cloned().collect();
    // The verifier has seen to it that no function calls itself.
    while let Some(name) = open.last().cloned() {
        let function = match model.functions.get(&name) {
            Some(function) if !lowered.contains_key(&name) => function,
            _ => {
                open.pop();
                continue;
            }
        };
        let callees = function.graph.nodes().iter().filter(|node| is_flow(node));
        let waiting: Vec<String> = callees
            .flat_map(|node| {
                ["then_branch", "else_branch", "cond", "body"].map(|a| callee(node, a))
            })
            .flatten()
            .filter(|callee| model.functions.contains_key(callee) && !lowered.contains_key(callee))
            .collect();
        if !waiting.is_empty() {
            open.extend(waiting);
            continue;
        }
        let mut function = function.clone();
        let moved = Lowering { graph: &mut function.graph, functions: &lowered, ops, log }.run();
        function.results.iter_mut().for_each(|(_, edge)| moved.edge(edge));
        moved.nodes(&mut function.control_results);
        lowered.insert(name, function);
    }
    let moved = Lowering { graph: &mut model.graph, functions: &lowered, ops, log }.run();
    for signature in model.signatures.values_mut() {
        signature.outputs.iter_mut().for_each(|output| moved.edge(&mut output.edge));
    }
    model.functions.extend(lowered);
    prune(model);
}

fn is_flow(node: &Node) -> bool {
    matches!(node.op.as_str(), "If" | "StatelessIf" | "While" | "StatelessWhile")
}

fn callee(node: &Node, attr: &str) -> Option<String> {
    match node.attrs.get(attr) {
        Some(Attr::Func(function)) => Some(function.name.clone()),
        _ => None,
    }
}

/// What stands in the place of nodes that were lowered.
#[derive(Default)]
struct Moved {
    edges: HashMap<Edge, Edge>,
    after: HashMap<NodeId, Vec<NodeId>>,
}

impl Moved {
    fn edge(&self, edge: &mut Edge) {
        if let Some(new) = self.edges.get(edge) {
            *edge = *new;
        }
    }

    fn nodes(&self, ids: &mut Vec<NodeId>) {
        if ids.iter().any(|id| self.after.contains_key(id)) {
            let new = |id: &NodeId| self.after.get(id).cloned().unwrap_or_else(|| vec![*id]);
            *ids = ids.iter().flat_map(new).collect();
        }
    }
}

struct Lowering<'a> {
    graph: &'a mut Graph,
    functions: &'a HashMap<String, Function>,
    ops: &'a Registry,
    log: &'a mut Log,
}

/// What the nodes of a body wait for.
#[derive(Clone, Copy)]
struct Gate {
    pivot: NodeId,
    /// Inside of a frame everything must, constants too.
    is_loop: bool,
}

impl Lowering<'_> {
    fn run(mut self) -> Moved {
        let mut moved = Moved::default();
        for id in self.graph.ids().collect::<Vec<_>>() {
            if !is_flow(self.graph.node(id)) {
                continue;
            }
            let outputs = match self.graph.node(id).op.ends_with("While") {
                true => self.lower_while(id),
                false => self.lower_if(id),
            };
            let Some(outputs) = outputs else {
                let name = self.graph.node(id).name.clone();
                self.log.refused(NAME, &name, "its functions or its condition are not understood");
                continue;
            };
            self.log.applied(NAME);
            for (output, edge) in (0_u32..).zip(&outputs) {
                moved.edges.insert(Edge { node: id, output }, *edge);
            }
            moved.after.insert(id, outputs.iter().map(|edge| edge.node).collect());
        }
        for id in self.graph.ids() {
            let node = self.graph.node_mut(id);
            node.inputs.iter_mut().for_each(|edge| moved.edge(edge));
            moved.nodes(&mut node.control);
        }
        moved
    }

    fn push(&mut self, name: &str, op: &str, inputs: &[Edge], ty: Option<Type>) -> NodeId {
        let mut node = Node::new(self.graph.free_name(name), op).inputs(inputs);
        if let Some(ty) = ty {
            node.attrs.insert("T".to_owned(), Attr::Type(ty));
        }
        self.graph.push(node)
    }

    fn function(&self, node: &Node, attr: &str) -> Option<Function> {
        self.functions.get(&callee(node, attr)?).cloned()
    }

    /// A condition as a truth value.
    fn truth(&mut self, name: &str, edge: Edge, ty: Option<Type>) -> Option<Edge> {
        let bool = Type::Data(DType::Bool);
        match ty {
            None => Some(edge),
            Some(ty) if ty == bool => Some(edge),
            Some(Type::Data(dtype)) if dtype != DType::String => {
                let id = self.push(&format!("{name}/condition"), "Cast", &[edge], None);
                let attrs = &mut self.graph.node_mut(id).attrs;
                attrs.insert("SrcT".to_owned(), Attr::Type(Type::Data(dtype)));
                attrs.insert("DstT".to_owned(), Attr::Type(bool));
                Some(id.into())
            }
            Some(_) => None,
        }
    }

    fn lower_if(&mut self, id: NodeId) -> Option<Vec<Edge>> {
        let node = self.graph.node(id).clone();
        let (then, other) =
            (self.function(&node, "then_branch")?, self.function(&node, "else_branch")?);
        let (condition, inputs) = node.inputs.split_first()?;
        let condition_type = node.attrs.get("Tcond").and_then(Attr::as_type);
        let condition = self.truth(&node.name, *condition, condition_type)?;
        let types = types(&node, "Tin");
        let at = |part: &str| format!("{}/{part}", node.name);
        let mut switches = Vec::new();
        for (i, input) in inputs.iter().enumerate() {
            let name = at(&format!("switch_{i}"));
            let switch = self.push(&name, "Switch", &[*input, condition], ty(&types, i));
            self.graph.node_mut(switch).control.clone_from(&node.control);
            switches.push(switch);
        }
        let bool = Some(Type::Data(DType::Bool));
        let pred = self.push(&at("switch_pred"), "Switch", &[condition, condition], bool);
        self.graph.node_mut(pred).control.clone_from(&node.control);
        let mut results = Vec::new();
        for (output, part, function) in [(0, "else", &other), (1, "then", &then)] {
            let pivot = Edge { node: pred, output };
            let pivot = self.push(&at(&format!("pivot_{part}")), "Identity", &[pivot], bool);
            let arguments: Vec<Edge> =
                switches.iter().map(|switch| Edge { node: *switch, output }).collect();
            let gate = Gate { pivot, is_loop: false };
            let mut edges = self.splice(function, &at(part), &arguments, gate);
            // What does not come from an argument lives whichever branch is taken.
            for (i, edge) in edges.iter_mut().enumerate() {
                let name = at(&format!("{part}/result_{i}"));
                let ty = function.results.get(i).map(|(result, _)| result.ty);
                let switch = self.push(&name, "Switch", &[*edge, condition], ty);
                *edge = Edge { node: switch, output };
            }
            results.push(edges);
        }
        let [others, thens] = &results[..] else { return None };
        let types = then.results.iter().map(|(result, _)| Some(result.ty));
        let pairs: Vec<_> = others.iter().zip(thens).zip(types).collect();
        let merges = pairs.into_iter().enumerate().map(|(i, ((a, b), ty))| {
            let merge = self.push(&at(&format!("merge_{i}")), "Merge", &[*a, *b], ty);
            self.graph.node_mut(merge).attrs.insert("N".to_owned(), Attr::Int(2));
            Edge::from(merge)
        });
        Some(merges.collect())
    }

    fn lower_while(&mut self, id: NodeId) -> Option<Vec<Edge>> {
        let node = self.graph.node(id).clone();
        let (cond, body) = (self.function(&node, "cond")?, self.function(&node, "body")?);
        let types = types(&node, "T");
        let at = |part: String| format!("{}/{part}", node.name);
        let merges = self.enter(&node, &types);
        let first = *merges.first()?;
        let turn = self.push(&at("turn".into()), "Identity", &[first.into()], ty(&types, 0));
        let arguments: Vec<Edge> = merges.iter().map(|merge| Edge::from(*merge)).collect();
        let gate = Gate { pivot: turn, is_loop: true };
        let result = *self.splice(&cond, &at("cond".into()), &arguments, gate).first()?;
        let result = self.truth(&node.name, result, cond.results.first().map(|(r, _)| r.ty))?;
        let loop_cond = self.push(&at("loop_cond".into()), "LoopCond", &[result], None);
        let switches: Vec<NodeId> = merges
            .iter()
            .enumerate()
            .map(|(i, merge)| {
                let inputs = [(*merge).into(), loop_cond.into()];
                self.push(&at(format!("switch_{i}")), "Switch", &inputs, ty(&types, i))
            })
            .collect();
        let inside = |switch: &NodeId| Edge { node: *switch, output: 1 };
        let goes_on =
            self.push(&at("goes_on".into()), "Identity", &[inside(&switches[0])], ty(&types, 0));
        let arguments: Vec<Edge> = switches.iter().map(inside).collect();
        let gate = Gate { pivot: goes_on, is_loop: true };
        let results = self.splice(&body, &at("body".into()), &arguments, gate);
        for (i, (result, merge)) in results.into_iter().zip(&merges).enumerate() {
            // TensorFlow.js has constants at hand before the loop begins.
            let result = match self.graph.node(result.node).op == "Const" {
                true => {
                    let name = at(format!("result_{i}"));
                    let gated = self.push(&name, "Identity", &[result], ty(&types, i));
                    self.graph.node_mut(gated).control.push(goes_on);
                    gated.into()
                }
                false => result,
            };
            let name = at(format!("next_{i}"));
            let next = self.push(&name, "NextIteration", &[result], ty(&types, i));
            self.graph.node_mut(*merge).inputs.push(next.into());
        }
        let exits = switches.iter().enumerate().map(|(i, switch)| {
            let exit =
                self.push(&at(format!("exit_{i}")), "Exit", &[(*switch).into()], ty(&types, i));
            Edge::from(exit)
        });
        Some(exits.collect())
    }

    /// Opens the frame of a loop: an `Enter` and a `Merge` for each value, whose second input is
    /// still to come.
    fn enter(&mut self, node: &Node, types: &[Type]) -> Vec<NodeId> {
        let mut merges = Vec::new();
        for (i, input) in node.inputs.iter().enumerate() {
            let name = format!("{}/enter_{i}", node.name);
            let enter = self.push(&name, "Enter", &[*input], ty(types, i));
            let enter_node = self.graph.node_mut(enter);
            enter_node.control.clone_from(&node.control);
            let attrs = &mut enter_node.attrs;
            attrs.insert("frame_name".to_owned(), Attr::text(&node.name));
            attrs.insert("is_constant".to_owned(), Attr::Bool(false));
            let parallel = node.attrs.get("parallel_iterations").cloned();
            attrs.insert("parallel_iterations".to_owned(), parallel.unwrap_or(Attr::Int(10)));
            let name = format!("{}/merge_{i}", node.name);
            let merge = self.push(&name, "Merge", &[enter.into()], ty(types, i));
            self.graph.node_mut(merge).attrs.insert("N".to_owned(), Attr::Int(2));
            merges.push(merge);
        }
        merges
    }

    /// Copies a body; gives its results.
    fn splice(
        &mut self,
        function: &Function,
        prefix: &str,
        arguments: &[Edge],
        gate: Gate,
    ) -> Vec<Edge> {
        let graph = &function.graph;
        let mut map: HashMap<NodeId, NodeId> = HashMap::new();
        let mut given: HashMap<NodeId, Edge> = HashMap::new();
        for (node, argument) in function.argument_nodes().into_iter().zip(arguments) {
            given.extend(node.map(|id| (id, *argument)));
        }
        for id in graph.ids().filter(|id| !given.contains_key(id)) {
            let node = graph.node(id);
            let name = self.graph.free_name(&format!("{prefix}/{}", node.name));
            let mut new = Node::new(name, node.op.clone());
            new.attrs = node.attrs.clone();
            // Two frames of one name would be one.
            if let Some(frame) = node.attrs.get("frame_name").and_then(Attr::as_text) {
                let frame = Attr::text(&format!("{prefix}/{frame}"));
                new.attrs.insert("frame_name".to_owned(), frame);
            }
            map.insert(id, self.graph.push(new));
        }
        let edge = |edge: &Edge| match given.get(&edge.node) {
            Some(argument) => *argument,
            None => Edge { node: map[&edge.node], output: edge.output },
        };
        for (id, new) in &map {
            let node = graph.node(*id);
            let mut control: Vec<NodeId> =
                node.control.iter().map(|id| edge(&(*id).into()).node).collect();
            let effect = self.ops.find(&node.op).map_or(Effect::Stateful, |d| d.spec.effect);
            let waits = match node.inputs.is_empty() {
                true => gate.is_loop || node.op != "Const",
                // Flow has its gate in what flows.
                false => effect != Effect::Pure && effect != Effect::Control,
            };
            if waits && control.is_empty() {
                control.push(gate.pivot);
            }
            let copied = self.graph.node_mut(*new);
            copied.inputs = node.inputs.iter().map(edge).collect();
            copied.control = control;
        }
        function.results.iter().map(|(_, result)| edge(result)).collect()
    }
}

/// The types in a list.
fn types(node: &Node, attr: &str) -> Vec<Type> {
    let list = node.attrs.get(attr).and_then(Attr::as_list).unwrap_or_default();
    list.iter().filter_map(Attr::as_type).collect()
}

fn ty(types: &[Type], i: usize) -> Option<Type> {
    types.get(i).copied()
}
