//! Running a model: whatever converts, or was converted, computed by our own engine.

mod compare;
mod draw;
mod fit;
mod load;
mod spec;

use std::collections::BTreeMap;

use tensorferry_diagnostics::{Kind, Problem, Problems};
use tensorferry_ir::{Edge, Model, NodeId, Signature, SignatureTensor};
use tensorferry_ops::{ALL, Error};
use tensorferry_runtime::{Limits, Program, RunOptions, State};
use tensorferry_store::Store;
use tensorferry_tensor::DenseTensor;

pub use compare::{Difference, OutputDifference, Verification, VerifyOptions, difference, verify};
pub use draw::{DrawOptions, draw};
pub use spec::TensorSpec;
pub use tensorferry_runtime::Observer;

use crate::InputFormat;

/// Sets of outputs for which a plan is kept; older ones are planned again.
const PLANS_MAX: usize = 16;

/// How a model is loaded and run.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Overrides the look at the input's bytes.
    pub input_format: Option<InputFormat>,
    /// Which signature to run; `None` picks the only or the default one.
    pub signature: Option<String>,
    /// The most nodes that one run executes, those in loops as often as they run.
    pub steps: u64,
    /// The most bytes that the outputs of one node take; compared before there is memory for them.
    pub bytes: u64,
    /// Number of threads; in WebAssembly there is one. Results do not depend on it.
    pub threads: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let Limits { steps, bytes, .. } = Limits::default();
        Self { input_format: None, signature: None, steps, bytes, threads: 1 }
    }
}

/// Which of TensorFlow.js' two kinds of model it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelClass {
    /// Keras layers.
    Layers,
    /// A graph of TensorFlow's ops.
    Graph,
    /// A SavedModel: always a graph, and often one of Keras layers.
    Either,
}

impl ModelClass {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layers => "layers",
            Self::Graph => "graph",
            Self::Either => "either",
        }
    }
}

/// A model that can be run.
pub struct Engine {
    file: String,
    class: ModelClass,
    kind: String,
    warnings: Vec<Problem>,
    model: Model,
    signature: Signature,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    limits: Limits,
    /// A plan for each set of inputs and outputs that was asked for, the latest last.
    plans: Vec<(Signature, Program)>,
    state: State,
}

impl Engine {
    /// Loads what the store holds and plans all its outputs.
    ///
    /// # Errors
    /// What is wrong with the files, and what the engine cannot run.
    pub fn load(store: &dyn Store, options: &EngineOptions) -> Result<Self, Problems> {
        load::load(store, options)
            .and_then(|loaded| {
                let limits =
                    Limits { steps: options.steps, bytes: options.bytes, ..Limits::default() };
                Self::new(loaded, options, limits)
            })
            .map_err(|problems| crate::convert::name_input(store, problems))
    }

    /// An engine for a graph that is in memory; `limits` takes the place of the options' steps.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub(crate) fn of_graph(
        model: Model,
        options: &EngineOptions,
        limits: Limits,
    ) -> Result<Self, Problems> {
        let summary = tensorferry_front::Summary::default();
        let (class, assets) = (ModelClass::Graph, Vec::new());
        let loaded = load::Loaded { file: String::new(), class, model, summary, assets };
        Self::new(loaded, options, limits)
    }

    fn new(
        loaded: load::Loaded,
        options: &EngineOptions,
        limits: Limits,
    ) -> Result<Self, Problems> {
        let load::Loaded { file, class, model, summary, assets } = loaded;
        let signature = load::signature(&model, options.signature.as_deref())?;
        let own = signature.inputs.iter().filter(|input| input.resource_id.is_none());
        let mut engine = Self {
            file,
            class,
            kind: summary.kind,
            warnings: summary.warnings,
            inputs: own.map(TensorSpec::of).collect(),
            outputs: signature.outputs.iter().map(TensorSpec::of).collect(),
            model,
            signature,
            limits,
            plans: Vec::new(),
            state: State::new(RunOptions { threads: options.threads }),
        };
        assets.into_iter().for_each(|(path, content)| engine.set_asset(&path, content));
        engine.plan(engine.signature.clone())?;
        Ok(engine)
    }

    /// What the model is, such as `TensorFlow.js graph model`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Which of TensorFlow.js' two kinds of model it is.
    pub fn class(&self) -> ModelClass {
        self.class
    }

    /// What reading it had to say.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// What a caller gives, in order.
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    /// What comes out, in order.
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    /// Names of the ops that the model's graphs hold, sorted, each once.
    pub fn ops(&self) -> Vec<&str> {
        let graphs = [&self.model.graph, &self.model.initializer].into_iter();
        let graphs = graphs.chain(self.model.functions.values().map(|function| &function.graph));
        let mut ops: Vec<&str> =
            graphs.flat_map(|graph| graph.nodes()).map(|node| node.op.as_str()).collect();
        ops.sort_unstable();
        ops.dedup();
        ops
    }

    /// Gives the content of a file that the model fills a table from by its path: the files in the
    /// folder `assets` of a SavedModel. The name without its folders will do.
    pub fn set_asset(&mut self, path: &str, content: impl Into<bytes::Bytes>) {
        self.state.resources().set_asset(path, content);
    }

    /// Random ops without seeds of their own follow from this number, which is 0 unless set.
    pub fn set_seed(&mut self, seed: u64) {
        self.state.resources().set_seed(seed);
    }

    /// What the model printed since this was asked last.
    pub fn take_messages(&mut self) -> Vec<String> {
        self.state.resources().take_messages()
    }

    /// Runs the model once. `outputs` are names of outputs, or of any node of a graph; none means
    /// all outputs. They come back in that order, under the names that were asked for.
    ///
    /// # Errors
    /// Every input that is missing, unknown, or of another type or shape; what a node says.
    pub fn run(
        &mut self,
        inputs: &[(String, DenseTensor)],
        outputs: &[String],
    ) -> Result<Vec<(String, DenseTensor)>, Problems> {
        self.run_observed(inputs, outputs, None)
    }

    /// Runs the model once; `observer` sees every node.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_observed(
        &mut self,
        inputs: &[(String, DenseTensor)],
        outputs: &[String],
        observer: Option<&mut dyn Observer>,
    ) -> Result<Vec<(String, DenseTensor)>, Problems> {
        let (names, edges) = self.wanted(outputs)?;
        let (signature, inputs) = self.fitted(inputs, &edges)?;
        self.plan(signature)?;
        let (_, program) = self.plans.last().expect("it was just planned");
        let values = match observer {
            Some(observer) => program.run_observed(&mut self.state, &inputs, Some(observer)),
            None => program.run(&mut self.state, &inputs),
        };
        let values = values.map_err(|error| problem(&error).in_file(&self.file))?;
        let named = names.into_iter().zip(values).map(|(name, value)| {
            let no_tensor =
                || Problem::unsupported("the output is a handle or a list, not a tensor").at(&name);
            let tensor = value.tensor().cloned().ok_or_else(no_tensor)?;
            Ok((name, tensor))
        });
        named.collect::<Result<_, Problem>>().map_err(Problems::from)
    }

    /// Names and places of the outputs that are asked for.
    fn wanted(&self, outputs: &[String]) -> Result<(Vec<String>, Vec<Edge>), Problems> {
        if outputs.is_empty() {
            let all = &self.signature.outputs;
            let names = self.outputs.iter().map(|output| output.name.clone()).collect();
            return Ok((names, all.iter().map(|output| output.edge).collect()));
        }
        let mut problems = Vec::new();
        let mut edges = Vec::new();
        for name in outputs {
            match self.find_output(name) {
                Some(edge) => edges.push(edge),
                None => problems.push(unknown("output", name, &self.outputs)),
            }
        }
        if problems.is_empty() { Ok((outputs.to_vec(), edges)) } else { Err(Problems(problems)) }
    }

    fn find_output(&self, name: &str) -> Option<Edge> {
        if let Some(place) = self.place(&self.signature.outputs, name) {
            return Some(self.signature.outputs[place].edge);
        }
        let (node, output) = name.rsplit_once(':').unwrap_or((name, "0"));
        let edge = Edge { node: self.model.graph.find(node)?, output: output.parse().ok()? };
        let node = self.model.graph.node(edge.node);
        let outputs = ALL.find(&node.op).and_then(|_| ALL.instance(node).ok())?;
        ((edge.output as usize) < outputs.n_outputs()).then_some(edge)
    }

    /// The tensor that a caller means: by its own name, with or without `:0`, or by its node's.
    fn place(&self, tensors: &[SignatureTensor], name: &str) -> Option<usize> {
        let short = |name: &str| name.strip_suffix(":0").unwrap_or(name).to_owned();
        let by = |test: &dyn Fn(&SignatureTensor) -> bool| tensors.iter().position(test);
        by(&|tensor| tensor.name == name)
            .or_else(|| by(&|tensor| short(&tensor.name) == short(name)))
            .or_else(|| {
                by(&|tensor| {
                    let node = &self.model.graph.node(tensor.edge.node).name;
                    tensor.edge.output == 0 && *node == short(name)
                })
            })
    }

    /// What is to be planned, and the given inputs by its names, of its types and shapes.
    fn fitted(
        &self,
        given: &[(String, DenseTensor)],
        edges: &[Edge],
    ) -> Result<(Signature, BTreeMap<String, DenseTensor>), Problems> {
        let mut problems = Vec::new();
        let mut fitted = BTreeMap::new();
        let mut refused = Vec::new();
        for (name, tensor) in given {
            let place = self.place(&self.signature.inputs, name);
            let spec = place.and_then(|place| {
                let name = &self.signature.inputs[place].name;
                self.inputs.iter().find(|spec| spec.name == *name)
            });
            let Some(spec) = spec else {
                problems.push(unknown("input", name, &self.inputs));
                continue;
            };
            match fit::fit(spec, tensor) {
                Ok(tensor) => {
                    if fitted.insert(spec.name.clone(), tensor).is_some() {
                        problems.push(Problem::usage("the input is given twice").at(&spec.name));
                    }
                }
                Err(problem) => {
                    refused.push(&spec.name);
                    problems.push(problem);
                }
            }
        }
        let is_given = |name: &String| fitted.contains_key(name) || refused.contains(&name);
        let mut inputs = self.needed_inputs(edges);
        // An input that is computed from others has a default.
        let has_default =
            |input: &SignatureTensor| !self.model.graph.node(input.edge.node).inputs.is_empty();
        inputs.retain(|input| is_given(&input.name) || !has_default(input));
        let is_missing =
            |input: &&SignatureTensor| input.resource_id.is_none() && !is_given(&input.name);
        for input in inputs.iter().filter(is_missing) {
            let spec = TensorSpec::of(input);
            problems.push(
                Problem::usage(format!("the input `{}` is missing", spec.name)).hint(format!(
                    "it is {} of shape {}",
                    spec.type_name(),
                    spec.shape_text()
                )),
            );
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let output = |edge: &Edge| {
            let known = self.signature.outputs.iter().find(|output| output.edge == *edge);
            known.cloned().unwrap_or_else(|| load::output_at(&self.model.graph, *edge))
        };
        let outputs = edges.iter().map(output).collect();
        Ok((Signature { inputs, outputs }, fitted))
    }

    /// The inputs from which these outputs are computed.
    fn needed_inputs(&self, edges: &[Edge]) -> Vec<SignatureTensor> {
        let graph = &self.model.graph;
        let mut is_needed = vec![false; graph.len()];
        let mut open: Vec<NodeId> = edges.iter().map(|edge| edge.node).collect();
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut is_needed[id.idx()], true) {
                continue;
            }
            let node = graph.node(id);
            open.extend(node.inputs.iter().map(|edge| edge.node));
            open.extend(&node.control);
        }
        let inputs = self.signature.inputs.iter();
        let is_all = self.signature.outputs.iter().map(|output| &output.edge).eq(edges);
        // A call of all outputs takes all inputs, also those that nothing uses.
        inputs.filter(|input| is_all || is_needed[input.edge.node.idx()]).cloned().collect()
    }

    /// Makes the plan for these inputs and outputs the last one.
    fn plan(&mut self, signature: Signature) -> Result<(), Problem> {
        if let Some(place) = self.plans.iter().position(|(planned, _)| *planned == signature) {
            let plan = self.plans.remove(place);
            self.plans.push(plan);
            return Ok(());
        }
        // A name that no file can have: names of signatures are not empty.
        let name = String::new();
        self.model.signatures.insert(name.clone(), signature.clone());
        let program = Program::new(&self.model, &name, &ALL, self.limits);
        self.model.signatures.remove(&name);
        let program = program.map_err(|error| problem(&error).in_file(&self.file))?;
        if self.plans.len() == PLANS_MAX {
            self.plans.remove(0);
        }
        self.plans.push((signature, program));
        Ok(())
    }
}

fn unknown(what: &str, name: &str, known: &[TensorSpec]) -> Problem {
    let names: Vec<&str> = known.iter().map(|spec| spec.name.as_str()).collect();
    let problem = Problem::usage(format!("the model has no {what} `{name}`"));
    match names.is_empty() {
        true => problem.hint(format!("it has no {what}s")),
        false => problem.hint(format!("its {what}s: {}", names.join(", "))),
    }
}

/// What an op says, as a problem with the model.
fn problem(error: &Error) -> Problem {
    let kind = match error.kind {
        tensorferry_ops::Kind::Invalid => Kind::Input,
        tensorferry_ops::Kind::Unsupported => Kind::Unsupported,
        tensorferry_ops::Kind::Limit => Kind::Limit,
    };
    let Some((first, rest)) = error.trace.split_first() else {
        return Problem::new(kind, &error.what);
    };
    let mut field = format!("node `{}` ({})", first.node, first.op);
    if let Some(function) = &first.function {
        field.push_str(&format!(" of function `{function}`"));
    }
    let callers: Vec<String> =
        rest.iter().map(|place| format!("`{}` ({})", place.node, place.op)).collect();
    let problem = Problem::new(kind, &error.what).at(field);
    if callers.is_empty() {
        problem
    } else {
        problem.hint(format!("called by {}", callers.join(", ")))
    }
}
