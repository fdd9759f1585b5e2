//! Plans of one graph: one for each set of input shapes that it meets.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tensorferry_ir::{Edge, Function, Graph, Model, NodeId, Shape, Type};
use tensorferry_ops::{Error, Fact, Registry, Result, Value};

use crate::infer::Inference;
use crate::plan::{Plan, Request};

/// Plans kept for one graph. A graph that meets more shapes, such as a loop whose tensors grow, is
/// planned once for dims that are not known.
const PLANS_MAX: usize = 8;

/// A graph of a model, and the plans made of it so far.
#[derive(Debug)]
pub(crate) struct Plans {
    which: Which,
    /// What is known of each input, whatever its shape is.
    pub(crate) inputs: Vec<Fact>,
    feeds: Vec<Edge>,
    results: Vec<Edge>,
    also: Vec<NodeId>,
    by_shape: Mutex<Vec<ByShape>>,
    general: OnceLock<Arc<Plan>>,
}

/// The shapes of the inputs, and the plan for them.
type ByShape = (Vec<Vec<usize>>, Arc<Plan>);

/// Which graph it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    Main,
    Initializer,
    Function(String),
}

impl Which {
    fn graph<'a>(&self, model: &'a Model) -> Result<&'a Graph> {
        let missing = |name: &str| Error::invalid(format!("there is no function `{name}`"));
        Ok(match self {
            Self::Main => &model.graph,
            Self::Initializer => &model.initializer,
            Self::Function(name) => &model.functions.get(name).ok_or_else(|| missing(name))?.graph,
        })
    }

    fn function(&self) -> Option<&str> {
        match self {
            Self::Function(name) => Some(name),
            _ => None,
        }
    }
}

impl Plans {
    /// Plans of a graph that is fed at `feeds`. What is wrong whatever the shapes are is found here.
    pub(crate) fn new(
        which: Which,
        feeds: Vec<(Edge, Fact)>,
        results: Vec<Edge>,
        also: Vec<NodeId>,
        inference: &mut Inference<'_>,
    ) -> Result<Self> {
        let (feeds, inputs) = feeds.into_iter().unzip();
        let (by_shape, general) = (Mutex::default(), OnceLock::new());
        let plans = Self { which, inputs, feeds, results, also, by_shape, general };
        plans.make(&plans.inputs, inference, false)?;
        Ok(plans)
    }

    /// Plans of a function, whose arguments may have any shape.
    pub(crate) fn of_function(function: &Function, inference: &mut Inference<'_>) -> Result<Self> {
        let missing = || Error::invalid(format!("an argument of `{}` has no node", function.name));
        let nodes = function.argument_nodes().into_iter().zip(&function.arguments);
        let feeds = nodes.map(|(node, argument)| {
            Ok((node.ok_or_else(missing)?.into(), Fact::new(argument.ty, Shape::UNKNOWN)))
        });
        let feeds = feeds.collect::<Result<_>>()?;
        let results = function.results.iter().map(|(_, edge)| *edge).collect();
        let which = Which::Function(function.name.clone());
        Self::new(which, feeds, results, function.control_results.clone(), inference)
    }

    fn make(
        &self,
        inputs: &[Fact],
        inference: &mut Inference<'_>,
        is_for_running: bool,
    ) -> Result<Plan> {
        let feeds: Vec<(Edge, Fact)> =
            self.feeds.iter().copied().zip(inputs.iter().cloned()).collect();
        let request = Request {
            graph: self.which.graph(inference.model())?,
            function: self.which.function(),
            feeds: &feeds,
            results: &self.results,
            also: &self.also,
            is_for_running,
        };
        Plan::new(&request, inference)
    }

    /// The plan for these inputs, made now if it is the first time.
    pub(crate) fn get(&self, inputs: &[Value], model: &Model, ops: &Registry) -> Result<Arc<Plan>> {
        check(&self.inputs, inputs)?;
        let key: Vec<Vec<usize>> = inputs.iter().map(|value| value.shape().to_vec()).collect();
        // Nothing is half written when a thread fails here: plans are added whole.
        let mut plans = self.by_shape.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(shapes, _)| *shapes == key) {
            return Ok(plan.clone());
        }
        if plans.len() < PLANS_MAX {
            let facts: Vec<Fact> = self.inputs.iter().zip(inputs).map(of_shape).collect();
            // With all shapes known an error may be found in a branch that is never taken.
            if let Ok(plan) = self.make(&facts, &mut Inference::new(model, ops), true) {
                let plan = Arc::new(plan);
                plans.push((key, plan.clone()));
                return Ok(plan);
            }
        }
        drop(plans);
        if let Some(plan) = self.general.get() {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.make(&self.inputs, &mut Inference::new(model, ops), true)?);
        Ok(self.general.get_or_init(|| plan).clone())
    }
}

/// A fact with the shape of a value. Handles and lists keep what was known of them.
fn of_shape((fact, value): (&Fact, &Value)) -> Fact {
    match (fact.ty, value.tensor()) {
        (Type::Resource | Type::Variant, _) | (_, None) => fact.clone(),
        (ty, Some(tensor)) => Fact::new(ty, Shape::of(tensor.shape())),
    }
}

/// What is given must be what was planned for.
fn check(facts: &[Fact], values: &[Value]) -> Result<()> {
    if facts.len() != values.len() {
        return Err(Error::invalid(format!("{} inputs, not {}", values.len(), facts.len())));
    }
    for (i, (fact, value)) in facts.iter().zip(values).enumerate() {
        let shape = Shape::of(value.shape());
        if fact.ty != value.ty() || !fact.shape.agrees(&shape) {
            let (ty, known) = (fact.ty, &fact.shape);
            let found = value.ty();
            return Err(Error::invalid(format!(
                "input {i} is {found} {shape}, expected {ty} {known}"
            )));
        }
    }
    Ok(())
}
