//! A graph made ready to run: ops looked up, facts inferred, constants folded, faster ways found,
//! order fixed.

use std::collections::HashMap;

use tensorferry_ir::{Edge, Graph, NodeId};
use tensorferry_ops::{
    Effect, Error, Fact, Flow, Instance, Kernel, NoContext, Place, Result, Value,
};

use crate::frames::FrameGraph;
use crate::infer::Inference;
use crate::ways::{self, Draft};

/// Constants larger than this are not made by folding: a graph of a few bytes may name gigabytes.
const FOLDED_BYTES_MAX: usize = 1 << 20;

/// A graph made ready for inputs with certain facts.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The function; `None` for the main graph.
    pub(crate) function: Option<String>,
    pub(crate) body: Body,
}

/// How a plan runs.
#[derive(Debug)]
pub(crate) enum Body {
    /// One step after the other.
    Straight(Straight),
    /// TensorFlow 1's control flow: whatever has its inputs runs.
    Frames(FrameGraph),
}

/// Steps in order, and the places that their values are kept in.
#[derive(Debug)]
pub(crate) struct Straight {
    pub(crate) steps: Vec<Step>,
    pub(crate) n_slots: usize,
    /// Where each input goes.
    pub(crate) feeds: Vec<usize>,
    pub(crate) constants: Vec<(usize, Value)>,
    pub(crate) results: Vec<usize>,
}

/// One node that runs.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) instance: Instance,
    /// A faster way to run it, and perhaps steps that follow it.
    pub(crate) way: Option<Box<dyn Kernel>>,
    pub(crate) inputs: Vec<Input>,
    /// The place of the first output; the others follow.
    pub(crate) outputs: usize,
    pub(crate) n_outputs: usize,
    /// What the plan counts on where it does not follow from the inputs: what others have put into
    /// a list or a variable is found out when it is read.
    pub(crate) expected: Vec<Fact>,
    /// Bytes of the outputs, when their shapes are known.
    pub(crate) n_bytes: Option<u64>,
    /// Outputs that nobody reads.
    pub(crate) unread: Vec<usize>,
}

/// A value that a step reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    pub(crate) slot: usize,
    /// Nobody reads it later: the step may reuse its memory.
    pub(crate) is_last_use: bool,
}

/// What to plan.
pub(crate) struct Request<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) function: Option<&'a str>,
    /// The nodes' outputs that are fed, with what is known of them.
    pub(crate) feeds: &'a [(Edge, Fact)],
    pub(crate) results: &'a [Edge],
    /// Nodes that run although nobody reads them.
    pub(crate) also: &'a [NodeId],
    /// Faster ways are made ready; else the plan only shows what is wrong.
    pub(crate) is_for_running: bool,
}

impl Plan {
    /// Plans a graph.
    pub(crate) fn new(request: &Request<'_>, inference: &mut Inference<'_>) -> Result<Self> {
        let ops = inference.ops();
        let needed = needed(request);
        let is_framed = request.graph.ids().any(|id| {
            let op = ops.find(&request.graph.node(id).op);
            needed[id.idx()] && op.is_some_and(|def| def.spec.flow != Flow::None)
        });
        let body = match is_framed {
            true => Body::Frames(FrameGraph::new(request, ops, &needed)?),
            false => Body::Straight(straight(request, &needed, inference)?),
        };
        Ok(Self { function: request.function.map(str::to_owned), body })
    }
}

/// A node as errors name it.
pub(crate) fn place(function: Option<&str>, name: &str, op: &str) -> Place {
    Place { function: function.map(str::to_owned), node: name.to_owned(), op: op.to_owned() }
}

/// The nodes that the results and effects need, fed ones included.
fn needed(request: &Request<'_>) -> Vec<bool> {
    let graph = request.graph;
    let mut needed = vec![false; graph.len()];
    let mut open: Vec<NodeId> =
        request.results.iter().map(|edge| edge.node).chain(request.also.iter().copied()).collect();
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut needed[id.idx()], true) {
            continue;
        }
        if request.feeds.iter().any(|(edge, _)| edge.node == id) {
            continue;
        }
        let node = graph.node(id);
        open.extend(node.inputs.iter().map(|edge| edge.node));
        open.extend(&node.control);
    }
    needed
}

/// Facts by output, while a graph is planned.
pub(crate) type Facts = HashMap<Edge, Fact>;

fn straight(
    request: &Request<'_>,
    needed: &[bool],
    inference: &mut Inference<'_>,
) -> Result<Straight> {
    let (graph, ops) = (request.graph, inference.ops());
    let order = graph.topological_order().map_err(|id| {
        let node = graph.node(id);
        Error::invalid("it depends on itself").at(place(request.function, &node.name, &node.op))
    })?;
    let mut facts: Facts = request.feeds.iter().cloned().collect();
    let mut slots = Slots::default();
    let feeds = request.feeds.iter().map(|(edge, _)| slots.of(*edge)).collect();
    let mut drafts = Vec::new();
    for id in order {
        if !needed[id.idx()] || request.feeds.iter().any(|(edge, _)| edge.node == id) {
            continue;
        }
        let node = graph.node(id);
        let at = |e: Error| e.at(place(request.function, &node.name, &node.op));
        let instance = ops.instance(node).map_err(at)?;
        let inputs: Vec<Fact> = node
            .inputs
            .iter()
            .map(|edge| facts.get(edge).cloned())
            .collect::<Option<_>>()
            .ok_or_else(|| at(Error::invalid("an input has no such output")))?;
        let mut outputs = inference.node(&instance, &inputs).map_err(at)?;
        fold(&instance, &inputs, &mut outputs);
        let edges: Vec<Edge> =
            (0_u32..).take(outputs.len()).map(|output| Edge { node: id, output }).collect();
        let is_known = !outputs.is_empty() && outputs.iter().all(|fact| fact.value.is_some());
        if !is_known || !instance.is_pure() {
            drafts.push(Draft {
                name: node.name.clone(),
                op: node.op.clone(),
                instance,
                inputs: node.inputs.clone(),
                outputs: edges.clone(),
                way: None,
            });
        }
        facts.extend(edges.into_iter().zip(outputs));
    }
    if request.is_for_running {
        drafts = ways::choose(drafts, &facts, request.results);
    }
    let steps = drafts.into_iter().map(|draft| draft.into_step(&mut slots, &facts)).collect();
    let missing = || Error::invalid("a result has no such output");
    let results: Vec<usize> = request
        .results
        .iter()
        .map(|edge| facts.contains_key(edge).then(|| slots.of(*edge)).ok_or_else(missing))
        .collect::<Result<_>>()?;
    Ok(finish(steps, &slots, feeds, facts, results))
}

/// The outputs of a pure op with constant inputs, unless they are large.
pub(crate) fn fold(instance: &Instance, inputs: &[Fact], outputs: &mut [Fact]) {
    if !instance.is_pure() || outputs.iter().all(|fact| fact.value.is_some()) {
        return;
    }
    let values: Option<Vec<Value>> =
        inputs.iter().map(|fact| fact.value.clone().map(Value::from)).collect();
    let Some(values) = values else { return };
    // Shapes do not tell how long strings become: what is made of much text is not made here.
    let n_text_bytes: usize = values
        .iter()
        .filter_map(Value::tensor)
        .filter(|tensor| tensor.dtype().byte_size().is_none())
        .map(|tensor| tensor.byte_len())
        .sum();
    if n_text_bytes > FOLDED_BYTES_MAX {
        return;
    }
    // A constant is there already; anything else is only made when it is small.
    let byte_len = |fact: &Fact| {
        let size = fact.ty.dtype()?.byte_size().unwrap_or(0);
        fact.shape.n_elements()?.checked_mul(size)
    };
    let is_small = outputs.iter().all(|f| byte_len(f).is_some_and(|n| n <= FOLDED_BYTES_MAX));
    if !is_small && !inputs.is_empty() {
        return;
    }
    // What fails here fails again when it runs, if it runs.
    let Ok(made) = instance.eval(values, &mut NoContext::default()) else { return };
    for (fact, value) in outputs.iter_mut().zip(made) {
        if let Some(tensor) = value.tensor() {
            *fact = Fact::of(tensor);
        }
    }
}

/// Bytes that values with these facts take, when their shapes are known. Handles and lists are
/// nothing here: what they hold was counted when it was made.
pub(crate) fn byte_len<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Option<u64> {
    /// A string is a handle of bytes, whatever they are.
    const STRING_BYTES: usize = 32;
    facts.into_iter().try_fold(0, |sum: u64, fact| {
        let Some(dtype) = fact.ty.dtype() else { return Some(sum) };
        let size = dtype.byte_size().unwrap_or(STRING_BYTES) as u64;
        // Too many to count is too many.
        let known = fact.shape.known()?.into_iter();
        let n = known.fold(1, |n: u64, dim| n.saturating_mul(dim as u64));
        Some(sum.saturating_add(n.saturating_mul(size)))
    })
}

impl Draft {
    fn into_step(self, slots: &mut Slots, facts: &Facts) -> Step {
        let outputs: Option<Vec<&Fact>> = self.outputs.iter().map(|edge| facts.get(edge)).collect();
        let inputs = self.inputs.iter().map(|edge| slots.of(*edge));
        let inputs = inputs.map(|slot| Input { slot, is_last_use: false }).collect();
        let follows = self.instance.def.spec.effect == Effect::Pure;
        let expected = match &outputs {
            Some(outputs) if !follows => outputs.iter().map(|fact| (*fact).clone()).collect(),
            _ => Vec::new(),
        };
        Step {
            expected,
            name: self.name,
            op: self.op,
            instance: self.instance,
            way: self.way,
            inputs,
            outputs: slots.all(&self.outputs),
            n_outputs: self.outputs.len(),
            n_bytes: outputs.and_then(byte_len),
            unread: Vec::new(),
        }
    }
}

fn finish(
    mut steps: Vec<Step>,
    slots: &Slots,
    feeds: Vec<usize>,
    facts: Facts,
    results: Vec<usize>,
) -> Straight {
    let mut is_read = vec![false; slots.n];
    results.iter().for_each(|slot| is_read[*slot] = true);
    for step in steps.iter_mut().rev() {
        step.unread =
            (step.outputs..step.outputs + step.n_outputs).filter(|s| !is_read[*s]).collect();
        for input in step.inputs.iter_mut().rev() {
            input.is_last_use = !std::mem::replace(&mut is_read[input.slot], true);
        }
    }
    let constants = facts.into_iter().filter_map(|(edge, fact)| {
        let slot = slots.by_edge.get(&edge).copied().filter(|slot| is_read[*slot])?;
        Some((slot, fact.value?.into()))
    });
    let constants = constants.filter(|(slot, _)| !feeds.contains(slot)).collect();
    Straight { steps, n_slots: slots.n, feeds, constants, results }
}

/// Places of values.
#[derive(Default)]
struct Slots {
    by_edge: HashMap<Edge, usize>,
    n: usize,
}

impl Slots {
    fn of(&mut self, edge: Edge) -> usize {
        *self.by_edge.entry(edge).or_insert_with(|| {
            self.n += 1;
            self.n - 1
        })
    }

    /// Places in a row; the first of them.
    fn all(&mut self, edges: &[Edge]) -> usize {
        let first = self.n;
        for (i, edge) in edges.iter().enumerate() {
            self.by_edge.insert(*edge, first + i);
        }
        self.n += edges.len();
        first
    }
}
