//! A model made ready, and what its runs leave behind.

use std::collections::BTreeMap;

use tensorferry_ir::{Edge, Function, Graph, Model, NodeId, Signature, SignatureTensor, verify};
use tensorferry_kernels::{Tools, Workers};
use tensorferry_ops::{Effect, Error, Fact, Registry, Resources, Result, Value};
use tensorferry_tensor::DenseTensor;

use crate::infer::Inference;
use crate::observer::Observer;
use crate::plans::{Plans, Which};
use crate::run::Run;

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most nodes that one run executes, those in loops as often as they run. A loop that never
    /// ends is found by it.
    pub steps: u64,
    /// The most bytes that the outputs of one node take. What a node is about to make is compared
    /// with it before there is memory for it, wherever its shape is known by then.
    pub bytes: u64,
    /// The most bytes that the outputs of all nodes of one run take together, those in loops as
    /// often as they run: a bound of its memory and, roughly, of its time.
    pub bytes_in_all: u64,
}

impl Default for Limits {
    /// Some seconds of doing nothing, and what a 32-bit machine can address: what really computes
    /// takes far fewer steps and bytes.
    fn default() -> Self {
        // Where pointers have 32 bits, nothing is larger than half of what they reach.
        let bytes = (1 << 32).min(isize::MAX as u64);
        Self { steps: 50_000_000, bytes, bytes_in_all: u64::MAX }
    }
}

/// A model made ready to run one of its signatures.
#[derive(Debug)]
pub struct Program {
    pub(crate) model: Model,
    pub(crate) ops: Registry,
    signature: Signature,
    main: Plans,
    initializer: Option<Plans>,
    pub(crate) functions: BTreeMap<String, Plans>,
    /// What inputs are that a caller need not give, by name.
    defaults: BTreeMap<String, Plans>,
    pub(crate) limits: Limits,
}

/// How a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Number of threads; in WebAssembly there is one. Results do not depend on it.
    pub threads: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { threads: 1 }
    }
}

/// What one run leaves for the next: tables, variables, threads and memory.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) resources: Resources,
    pub(crate) tools: Tools,
    /// Handles that the initializer graph made, by the input that takes each.
    handles: Option<Vec<(SignatureTensor, Value)>>,
}

impl State {
    /// A state for runs with these options. [`State::default`] is for runs on one thread.
    pub fn new(options: RunOptions) -> Self {
        let mut state = Self::default();
        state.tools.workers = Workers::new(options.threads);
        state
    }

    /// Variables, files that tables are filled from, the seed of random ops that have none, and what
    /// graphs print.
    pub fn resources(&mut self) -> &mut Resources {
        &mut self.resources
    }
}

impl Program {
    /// Makes `model` ready.
    ///
    /// # Errors
    /// What the verifier finds first, an op that `ops` has not, shapes that do not go together.
    pub fn new(model: &Model, signature: &str, ops: &Registry, limits: Limits) -> Result<Self> {
        if let Some(defect) = verify(model, ops).into_iter().next() {
            return Err(Error::invalid(defect.to_string()));
        }
        let found = model.signatures.get(signature).cloned();
        let signature =
            found.ok_or_else(|| Error::invalid(format!("there is no signature `{signature}`")))?;
        let mut inference = Inference::new(model, ops);
        let feeds: Vec<(Edge, Fact)> = signature
            .inputs
            .iter()
            .map(|tensor| (tensor.edge, Fact::new(tensor.ty, tensor.shape.clone())))
            .collect();
        let results: Vec<Edge> = signature.outputs.iter().map(|tensor| tensor.edge).collect();
        let defaults = plan_defaults(model, &signature, &mut inference)?;
        let main = Plans::new(Which::Main, feeds, results, Vec::new(), &mut inference)?;
        let mut functions = BTreeMap::new();
        for (name, function) in reachable(model, signature.outputs.is_empty()) {
            functions.insert(name.clone(), Plans::of_function(function, &mut inference)?);
        }
        let initializer = plan_initializer(model, ops, &mut inference)?;
        let (model, ops) = (model.clone(), *ops);
        Ok(Self { model, ops, signature, main, initializer, functions, defaults, limits })
    }

    /// The inputs that a caller gives, in order; those that the model makes itself are not among
    /// them.
    pub fn inputs(&self) -> Vec<&SignatureTensor> {
        let is_own = |input: &&SignatureTensor| input.resource_id.is_none();
        self.signature.inputs.iter().filter(is_own).collect()
    }

    /// True for an input that has a value where a caller gives none.
    pub fn is_optional(&self, input: &str) -> bool {
        self.defaults.contains_key(input)
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> &[SignatureTensor] {
        &self.signature.outputs
    }

    /// Runs the model once. `inputs` are by name.
    ///
    /// # Errors
    /// When an input is missing or of another type or shape, and what the nodes say.
    pub fn run(
        &self,
        state: &mut State,
        inputs: &BTreeMap<String, DenseTensor>,
    ) -> Result<Vec<Value>> {
        let workers = state.tools.workers.clone();
        workers.enter(|| self.run_observed(state, inputs, None))
    }

    /// Runs the model once; `observer` sees every node.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_observed<'a>(
        &'a self,
        state: &'a mut State,
        inputs: &BTreeMap<String, DenseTensor>,
        observer: Option<&'a mut dyn Observer>,
    ) -> Result<Vec<Value>> {
        self.initialize(state)?;
        let mut values = Vec::new();
        for input in &self.signature.inputs {
            values.push(self.input(state, inputs, input)?);
        }
        Run::new(self, state).observed_by(observer).plan(&self.main, values)
    }

    fn input(
        &self,
        state: &mut State,
        inputs: &BTreeMap<String, DenseTensor>,
        input: &SignatureTensor,
    ) -> Result<Value> {
        let given = inputs.get(&input.name).cloned().map(Value::from);
        if let (None, Some(default)) = (&given, self.defaults.get(&input.name)) {
            return self.default(state, inputs, default);
        }
        let own = || {
            let handles = state.handles.as_deref().unwrap_or_default();
            let found = handles.iter().find(|(handle, _)| {
                handle.resource_id == input.resource_id || handle.name == input.name
            });
            found.filter(|_| input.resource_id.is_some()).map(|(_, value)| value.clone())
        };
        let value = given
            .or_else(own)
            .ok_or_else(|| Error::invalid(format!("the input `{}` is missing", input.name)))?;
        Ok(value)
    }

    /// The value of an input that was not given.
    fn default(
        &self,
        state: &mut State,
        inputs: &BTreeMap<String, DenseTensor>,
        default: &Plans,
    ) -> Result<Value> {
        let required = self.signature.inputs.iter();
        let required = required.filter(|input| !self.defaults.contains_key(&input.name));
        let mut values = Vec::new();
        for input in required {
            values.push(self.input(state, inputs, input)?);
        }
        let found = Run::new(self, state).plan(default, values)?.into_iter().next();
        found.ok_or_else(|| Error::invalid("the default of an input was not computed"))
    }

    /// Fills tables, once.
    fn initialize(&self, state: &mut State) -> Result<()> {
        if state.handles.is_some() {
            return Ok(());
        }
        let mut values = Vec::new();
        if let Some(plan) = &self.initializer {
            values = Run::new(self, state).plan(plan, Vec::new())?;
        }
        let outputs = self.model.initializer_outputs.iter().cloned();
        state.handles = Some(outputs.zip(values).collect());
        Ok(())
    }
}

/// Plans of what inputs are where no caller gives them: those that are `PlaceholderWithDefault`.
fn plan_defaults(
    model: &Model,
    signature: &Signature,
    inference: &mut Inference<'_>,
) -> Result<BTreeMap<String, Plans>> {
    let node = |tensor: &SignatureTensor| model.graph.node(tensor.edge.node);
    let (optional, required): (Vec<&SignatureTensor>, Vec<&SignatureTensor>) =
        signature.inputs.iter().partition(|tensor| node(tensor).op == "PlaceholderWithDefault");
    let mut all = BTreeMap::new();
    for tensor in optional {
        let fact =
            |tensor: &&SignatureTensor| (tensor.edge, Fact::new(tensor.ty, tensor.shape.clone()));
        let feeds = required.iter().map(fact).collect();
        let results = node(tensor).inputs.clone();
        let plans = Plans::new(Which::Main, feeds, results, Vec::new(), inference)?;
        all.insert(tensor.name.clone(), plans);
    }
    Ok(all)
}

/// The functions that are called, directly or not. With nothing to compute none is.
fn reachable(model: &Model, is_empty: bool) -> BTreeMap<&String, &Function> {
    let mut found = BTreeMap::new();
    if is_empty {
        return found;
    }
    let mut open: Vec<&Graph> = vec![&model.graph, &model.initializer];
    while let Some(graph) = open.pop() {
        let attrs = graph.nodes().iter().flat_map(|node| node.attrs.values());
        for callee in attrs.flat_map(|attr| attr.functions()) {
            let Some((name, function)) = model.functions.get_key_value(&callee.name) else {
                continue;
            };
            if found.insert(name, function).is_none() {
                open.push(&function.graph);
            }
        }
    }
    found
}

/// The graph that fills tables runs whole: nobody reads what its nodes do.
fn plan_initializer(
    model: &Model,
    ops: &Registry,
    inference: &mut Inference<'_>,
) -> Result<Option<Plans>> {
    if model.initializer.is_empty() {
        return Ok(None);
    }
    let results: Vec<Edge> = model.initializer_outputs.iter().map(|tensor| tensor.edge).collect();
    let has_effect = |id: &NodeId| {
        let node = model.initializer.node(*id);
        ops.find(&node.op).is_none_or(|def| def.spec.effect != Effect::Pure)
    };
    let also: Vec<NodeId> = model.initializer.ids().filter(has_effect).collect();
    Plans::new(Which::Initializer, Vec::new(), results, also, inference).map(Some)
}
