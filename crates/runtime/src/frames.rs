//! TensorFlow 1's control flow: values carry the turn of the loop they are in, and may be dead.
//!
//! Whatever has all its inputs runs; a node with a dead input gives dead outputs. `Switch` kills one
//! of its outputs, `Merge` waits for the first input that lives. `Enter` opens a frame, or finds the
//! one that its frame's name has in this turn; `NextIteration` goes to the next turn of its frame,
//! `Exit` back to the turn in which the frame was opened. A dead `NextIteration` ends there. An
//! `Exit` is dead in every turn but the last, so its death counts only where the frame was never
//! entered alive.

use std::collections::{HashMap, VecDeque};

use tensorferry_ir::{Attr, Edge};
use tensorferry_ops::{Error, Flow, Instance, Registry, Result, Value};
use tensorferry_tensor::DenseTensor;

use crate::plan::{Request, place};
use crate::run::Run;

/// A graph with its edges turned around: who waits for each output.
#[derive(Debug)]
pub(crate) struct FrameGraph {
    nodes: Vec<FrameNode>,
    /// Where each input goes.
    feeds: Vec<Edge>,
    results: Vec<Edge>,
}

#[derive(Debug)]
struct FrameNode {
    name: String,
    op: String,
    /// `None` for nodes that are fed or not needed.
    instance: Option<Instance>,
    flow: Flow,
    n_inputs: usize,
    n_control: usize,
    users: Vec<User>,
    frame: String,
    /// An `Enter` whose value is there in every turn.
    is_invariant: bool,
}

/// Someone who waits for an output; `input` is `None` for a control edge.
#[derive(Debug, Clone, Copy)]
struct User {
    node: usize,
    output: usize,
    input: Option<usize>,
}

impl FrameGraph {
    pub(crate) fn new(request: &Request<'_>, ops: &Registry, needed: &[bool]) -> Result<Self> {
        let graph = request.graph;
        let mut nodes = Vec::with_capacity(graph.len());
        for id in graph.ids() {
            let node = graph.node(id);
            let is_fed = request.feeds.iter().any(|(edge, _)| edge.node == id);
            let at = |e: Error| e.at(place(request.function, &node.name, &node.op));
            let instance = match needed[id.idx()] && !is_fed {
                true => Some(ops.instance(node).map_err(at)?),
                false => None,
            };
            let text =
                |name: &str| node.attrs.get(name).and_then(Attr::as_text).unwrap_or_default();
            nodes.push(FrameNode {
                name: node.name.clone(),
                op: node.op.clone(),
                flow: instance.as_ref().map_or(Flow::None, |i| i.def.spec.flow),
                instance,
                n_inputs: node.inputs.len(),
                n_control: node.control.len(),
                users: Vec::new(),
                frame: text("frame_name").to_owned(),
                is_invariant: node.attrs.get("is_constant") == Some(&Attr::Bool(true)),
            });
        }
        let runs: Vec<_> = graph.ids().filter(|id| nodes[id.idx()].instance.is_some()).collect();
        for id in runs {
            let node = graph.node(id);
            for (i, edge) in node.inputs.iter().enumerate() {
                let user = User { node: id.idx(), output: edge.output as usize, input: Some(i) };
                nodes[edge.node.idx()].users.push(user);
            }
            for source in &node.control {
                nodes[source.idx()].users.push(User { node: id.idx(), output: 0, input: None });
            }
        }
        let feeds = request.feeds.iter().map(|(edge, _)| *edge).collect();
        Ok(Self { nodes, feeds, results: request.results.to_vec() })
    }
}

/// A value, or the news that there is none.
type Token = Option<Value>;

/// A turn of a frame: the frame's index and the turn's number.
type Turn = (usize, u64);

/// What a node waits for in one turn.
#[derive(Default)]
struct Waiting {
    inputs: Vec<Token>,
    n_data: usize,
    n_control: usize,
    n_dead: usize,
    has_dead_control: bool,
    /// For `Merge`: which input came first, alive.
    first: Option<usize>,
    /// For `Merge`: a dead `Enter` arrived, and no other input ever will.
    is_never_entered: bool,
    has_run: bool,
}

/// A frame that was opened.
struct Frame {
    parent: Option<Turn>,
    invariants: Vec<(usize, Token)>,
    n_turns: u64,
    /// No value entered alive.
    is_dead: bool,
}

struct Engine<'g, 'r, 'a> {
    graph: &'g FrameGraph,
    run: &'r mut Run<'a>,
    function: Option<&'g str>,
    frames: Vec<Frame>,
    opened: HashMap<(Turn, &'g str), usize>,
    waiting: HashMap<(Turn, usize), Waiting>,
    ready: VecDeque<(Turn, usize, Waiting)>,
    results: Vec<Token>,
}

const ROOT: Turn = (0, 0);

/// Runs a graph.
pub(crate) fn run(
    graph: &FrameGraph,
    run: &mut Run<'_>,
    function: Option<&str>,
    inputs: Vec<Value>,
) -> Result<Vec<Value>> {
    let root = Frame { parent: None, invariants: Vec::new(), n_turns: 1, is_dead: false };
    let mut engine = Engine {
        graph,
        run,
        function,
        frames: vec![root],
        opened: HashMap::new(),
        waiting: HashMap::new(),
        ready: VecDeque::new(),
        results: vec![None; graph.results.len()],
    };
    for (i, node) in graph.nodes.iter().enumerate() {
        if node.instance.is_some() && node.n_inputs + node.n_control == 0 {
            engine.ready.push_back((ROOT, i, Waiting::default()));
        }
    }
    for (edge, value) in graph.feeds.iter().zip(inputs) {
        let mut tokens = vec![None; edge.output as usize];
        tokens.push(Some(value));
        engine.send(ROOT, edge.node.idx(), &tokens, false);
    }
    while let Some((turn, node, waiting)) = engine.ready.pop_front() {
        engine.fire(turn, node, waiting)?;
    }
    let missing = |edge: &Edge| {
        let node = &graph.nodes[edge.node.idx()];
        let what = "the result was never computed: the branch that computes it was not taken";
        Error::invalid(what).at(place(function, &node.name, &node.op))
    };
    let results = std::mem::take(&mut engine.results);
    results
        .into_iter()
        .zip(&graph.results)
        .map(|(token, edge)| token.ok_or_else(|| missing(edge)))
        .collect()
}

impl<'g> Engine<'g, '_, '_> {
    /// Gives the outputs of `node` to those who wait for them in `turn`.
    fn send(&mut self, turn: Turn, node: usize, outputs: &[Token], is_dead: bool) {
        let graph = self.graph;
        for (edge, result) in graph.results.iter().zip(&mut self.results) {
            if edge.node.idx() == node && turn == ROOT {
                *result = outputs.get(edge.output as usize).cloned().flatten();
            }
        }
        for user in &graph.nodes[node].users {
            match user.input {
                Some(input) => {
                    let token = outputs.get(user.output).cloned().flatten();
                    self.give(turn, user.node, input, token, node);
                }
                None => self.give_control(turn, user.node, is_dead),
            }
        }
    }

    fn give(&mut self, turn: Turn, node: usize, input: usize, token: Token, source: usize) {
        let FrameNode { n_inputs, flow, .. } = self.graph.nodes[node];
        let waiting = self.waiting.entry((turn, node)).or_default();
        if waiting.inputs.is_empty() {
            waiting.inputs = vec![None; n_inputs];
        }
        waiting.n_data += 1;
        match token {
            Some(value) => {
                waiting.first.get_or_insert(input);
                waiting.inputs[input] = Some(value);
            }
            None => {
                waiting.n_dead += 1;
                let is_enter = self.graph.nodes[source].flow == Flow::Enter;
                waiting.is_never_entered |= flow == Flow::Merge && is_enter;
            }
        }
        self.check(turn, node);
    }

    fn give_control(&mut self, turn: Turn, node: usize, is_dead: bool) {
        let waiting = self.waiting.entry((turn, node)).or_default();
        waiting.n_control += 1;
        waiting.has_dead_control |= is_dead;
        self.check(turn, node);
    }

    /// Moves a node to those that are ready when it has all that it waits for.
    fn check(&mut self, turn: Turn, node: usize) {
        let FrameNode { n_inputs, n_control, flow, .. } = self.graph.nodes[node];
        let Some(waiting) = self.waiting.get_mut(&(turn, node)) else { return };
        let has_all = waiting.n_data == n_inputs && waiting.n_control == n_control;
        let is_ready = match flow {
            Flow::Merge => {
                let is_dead = waiting.n_dead == n_inputs || waiting.is_never_entered;
                waiting.n_control == n_control && (waiting.first.is_some() || is_dead)
            }
            _ => has_all,
        };
        if is_ready && !waiting.has_run {
            waiting.has_run = true;
            let taken = Waiting {
                inputs: std::mem::take(&mut waiting.inputs),
                first: waiting.first,
                n_dead: waiting.n_dead,
                has_dead_control: waiting.has_dead_control,
                ..Waiting::default()
            };
            // What comes later finds places for it, and that the node has run.
            waiting.inputs = vec![None; n_inputs];
            self.ready.push_back((turn, node, taken));
        }
        if has_all {
            self.waiting.remove(&(turn, node));
        }
    }

    fn fire(&mut self, turn: Turn, node: usize, waiting: Waiting) -> Result<()> {
        let graph = self.graph;
        let this = &graph.nodes[node];
        self.run.tick().map_err(|e| e.at(place(self.function, &this.name, &this.op)))?;
        let is_dead = match this.flow {
            Flow::Merge => waiting.first.is_none(),
            _ => waiting.n_dead > 0 || waiting.has_dead_control,
        };
        let n_outputs = this.instance.as_ref().map_or(0, Instance::n_outputs);
        let outputs = match is_dead {
            true => vec![None; n_outputs],
            false => {
                let outputs = self.outputs(this, waiting);
                outputs.map_err(|e| e.at(place(self.function, &this.name, &this.op)))?
            }
        };
        match this.flow {
            Flow::Enter => self.enter(turn, node, outputs, is_dead),
            Flow::NextIteration if is_dead => {}
            Flow::NextIteration => {
                let next = (turn.0, turn.1 + 1);
                self.open_turn(next);
                self.send(next, node, &outputs, false);
            }
            Flow::Exit => {
                let frame = &self.frames[turn.0];
                if let Some(parent) = frame.parent.filter(|_| !is_dead || frame.is_dead) {
                    self.send(parent, node, &outputs, is_dead);
                }
            }
            _ => self.send(turn, node, &outputs, is_dead),
        }
        Ok(())
    }

    fn outputs(&mut self, this: &FrameNode, waiting: Waiting) -> Result<Vec<Token>> {
        let Some(instance) = &this.instance else { return Ok(Vec::new()) };
        let first = waiting.first.unwrap_or(0);
        if this.flow == Flow::Merge {
            let value = waiting.inputs.into_iter().nth(first).flatten();
            let index = i32::try_from(first).unwrap_or(i32::MAX);
            let mut outputs = vec![value, Some(DenseTensor::scalar(index).into())];
            outputs.truncate(instance.n_outputs());
            return Ok(outputs);
        }
        let inputs: Option<Vec<Value>> = waiting.inputs.into_iter().collect();
        let inputs = inputs.ok_or_else(|| Error::invalid("an input was not computed"))?;
        if this.flow == Flow::Switch {
            return switch(inputs, instance.n_outputs());
        }
        if this.flow != Flow::None {
            return Ok(inputs.into_iter().map(Some).collect());
        }
        self.run.check_outputs(instance, &inputs)?;
        let outputs = self.run.node(instance, self.function, &this.name, inputs)?;
        self.run.count_bytes(&outputs)?;
        Ok(outputs.into_iter().map(Some).collect())
    }

    fn enter(&mut self, turn: Turn, node: usize, outputs: Vec<Token>, is_dead: bool) {
        let graph = self.graph;
        let this = &graph.nodes[node];
        let key = (turn, this.frame.as_str());
        let next = self.frames.len();
        let frame = *self.opened.entry(key).or_insert(next);
        if frame == next {
            let parent = Some(turn);
            self.frames.push(Frame { parent, invariants: Vec::new(), n_turns: 1, is_dead });
        }
        self.frames[frame].is_dead &= is_dead;
        let turns = if this.is_invariant { self.frames[frame].n_turns } else { 1 };
        for i in 0..turns {
            self.send((frame, i), node, &outputs, is_dead);
        }
        if this.is_invariant {
            self.frames[frame].invariants.push((node, outputs.into_iter().next().flatten()));
        }
    }

    /// A turn begins with what is there in every turn.
    fn open_turn(&mut self, turn: Turn) {
        let frame = &mut self.frames[turn.0];
        if turn.1 < frame.n_turns {
            return;
        }
        frame.n_turns = turn.1 + 1;
        for (node, token) in frame.invariants.clone() {
            let is_dead = token.is_none();
            self.send(turn, node, &[token], is_dead);
        }
    }
}

/// The data at the output that the second input chooses; the others are dead.
fn switch(inputs: Vec<Value>, n_outputs: usize) -> Result<Vec<Token>> {
    let mut inputs = inputs.into_iter();
    let (Some(data), Some(choice)) = (inputs.next(), inputs.next()) else {
        return Err(Error::invalid("a switch has two inputs"));
    };
    let index = choice.tensor().and_then(|t| t.to_i64()).and_then(|all| all.first().copied());
    let index = index.ok_or_else(|| Error::invalid("what chooses is no integer"))?;
    // An index out of range takes the last way, as `Case` does.
    let index = usize::try_from(index).ok().filter(|i| *i < n_outputs);
    let index = index.unwrap_or(n_outputs.saturating_sub(1));
    let mut outputs = vec![None; n_outputs];
    if let Some(place) = outputs.get_mut(index) {
        *place = Some(data);
    }
    Ok(outputs)
}
