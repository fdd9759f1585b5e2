//! Facts through graphs and the functions that they call.

use std::collections::HashMap;

use tensorferry_ir::{CALL_DEPTH_MAX, Edge, FuncRef, Model, Shape};
use tensorferry_ops::{Error, Fact, InferContext, Instance, Registry, Result};

use crate::plan::place;

/// How often the nodes of a model are looked at while it is planned, and [`NODES_MIN`] beside that.
/// Loops inside loops are looked at several times; a model that needs more than this is made to.
const LOOKS_PER_NODE: usize = 64;

/// See [`LOOKS_PER_NODE`].
const NODES_MIN: usize = 20_000;

/// Infers facts in one model.
pub(crate) struct Inference<'a> {
    model: &'a Model,
    ops: &'a Registry,
    n_left: usize,
    depth: usize,
}

impl<'a> Inference<'a> {
    pub(crate) fn new(model: &'a Model, ops: &'a Registry) -> Self {
        let functions = model.functions.values().map(|function| function.graph.len());
        let n_nodes = functions.sum::<usize>() + model.graph.len() + model.initializer.len();
        let n_left = NODES_MIN.saturating_add(LOOKS_PER_NODE.saturating_mul(n_nodes));
        Self { model, ops, n_left, depth: 0 }
    }

    pub(crate) fn model(&self) -> &'a Model {
        self.model
    }

    pub(crate) fn ops(&self) -> &'a Registry {
        self.ops
    }

    /// What is known of a node's outputs.
    pub(crate) fn node(&mut self, instance: &Instance, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let left = self.n_left.checked_sub(1);
        self.n_left = left.ok_or_else(|| Error::limit("its functions are too many to plan"))?;
        instance.infer(inputs, self)
    }

    fn function(&mut self, name: &str, args: &[Fact]) -> Result<Vec<Fact>> {
        let function = self.model.functions.get(name);
        let function =
            function.ok_or_else(|| Error::invalid(format!("there is no function `{name}`")))?;
        if function.arguments.len() != args.len() {
            let n = function.arguments.len();
            let what = format!("the function `{name}` takes {n} arguments, not {}", args.len());
            return Err(Error::invalid(what));
        }
        let graph = &function.graph;
        let mut facts: HashMap<Edge, Fact> = HashMap::new();
        let nodes = function.argument_nodes();
        for (node, fact) in nodes.iter().zip(args) {
            node.iter().for_each(|node| drop(facts.insert((*node).into(), fact.clone())));
        }
        let unknown = |ty| Fact::new(ty, Shape::UNKNOWN);
        let has_flow = graph.nodes().iter().any(|node| {
            let def = self.ops.find(&node.op);
            def.is_some_and(|def| def.spec.flow != tensorferry_ops::Flow::None)
        });
        let Some(order) = graph.topological_order().ok().filter(|_| !has_flow) else {
            return Ok(function.results.iter().map(|(result, _)| unknown(result.ty)).collect());
        };
        for id in order.into_iter().filter(|id| !nodes.contains(&Some(*id))) {
            let node = graph.node(id);
            let at = |e: Error| e.at(place(Some(name), &node.name, &node.op));
            let instance = self.ops.instance(node).map_err(at)?;
            let inputs = node.inputs.iter().map(|edge| facts.get(edge).cloned());
            let inputs: Option<Vec<Fact>> = inputs.collect();
            let inputs = inputs.ok_or_else(|| at(Error::invalid("an input has no such output")))?;
            let mut outputs = self.node(&instance, &inputs).map_err(at)?;
            crate::plan::fold(&instance, &inputs, &mut outputs);
            for (output, fact) in (0_u32..).zip(outputs) {
                facts.insert(Edge { node: id, output }, fact);
            }
        }
        let results = function.results.iter();
        Ok(results
            .map(|(result, edge)| facts.get(edge).cloned().unwrap_or_else(|| unknown(result.ty)))
            .collect())
    }
}

impl InferContext for Inference<'_> {
    fn call(&mut self, function: &FuncRef, args: &[Fact]) -> Result<Vec<Fact>> {
        if self.depth >= CALL_DEPTH_MAX {
            return Err(Error::limit(format!("functions are over {CALL_DEPTH_MAX} deep")));
        }
        self.depth += 1;
        let result = self.function(&function.name, args);
        self.depth -= 1;
        result
    }
}
