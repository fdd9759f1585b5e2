//! One run of a program.

use tensorferry_ir::{CALL_DEPTH_MAX, FuncRef, Shape};
use tensorferry_ops::{
    Args, Context, Effect, Error, Fact, Instance, NoContext, Resources, Result, Value,
};

use crate::frames;
use crate::observer::Observer;
use crate::plan::{Body, Step, Straight, byte_len, place};
use crate::plans::Plans;
use crate::program::{Limits, Program, State};

/// What goes on during a run.
pub(crate) struct Run<'a> {
    program: &'a Program,
    state: &'a mut State,
    observer: Option<&'a mut dyn Observer>,
    steps_left: u64,
    bytes_left: u64,
    depth: usize,
}

/// A run, as a node sees it.
struct AtNode<'r, 'a> {
    run: &'r mut Run<'a>,
    function: Option<&'r str>,
    name: &'r str,
}

impl Context for AtNode<'_, '_> {
    fn call(&mut self, function: &FuncRef, args: Vec<Value>) -> Result<Vec<Value>> {
        self.run.call(&function.name, args)
    }

    fn resources(&mut self) -> &mut Resources {
        &mut self.run.state.resources
    }

    fn node_name(&self) -> &str {
        self.name
    }

    fn site(&self) -> String {
        format!("{}/{}", self.function.unwrap_or_default(), self.name)
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(program: &'a Program, state: &'a mut State) -> Self {
        let Limits { steps, bytes_in_all, .. } = program.limits;
        Self {
            program,
            state,
            observer: None,
            steps_left: steps,
            bytes_left: bytes_in_all,
            depth: 0,
        }
    }

    /// The same run, seen by `observer`.
    pub(crate) fn observed_by(mut self, observer: Option<&'a mut dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Runs a plan.
    pub(crate) fn plan(&mut self, plans: &Plans, inputs: Vec<Value>) -> Result<Vec<Value>> {
        self.tick()?;
        let plan = plans.get(&inputs, &self.program.model, &self.program.ops)?;
        let function = plan.function.as_deref();
        let results = match &plan.body {
            Body::Straight(straight) => self.straight(straight, function, inputs),
            Body::Frames(graph) => frames::run(graph, self, function, inputs),
        };
        results?.into_iter().map(Value::read).collect()
    }

    fn call(&mut self, name: &str, args: Vec<Value>) -> Result<Vec<Value>> {
        if self.depth >= CALL_DEPTH_MAX {
            return Err(Error::limit(format!("functions are over {CALL_DEPTH_MAX} deep")));
        }
        let program = self.program;
        let plans = program.functions.get(name);
        let plans =
            plans.ok_or_else(|| Error::invalid(format!("there is no function `{name}`")))?;
        self.depth += 1;
        let result = self.plan(plans, args);
        self.depth -= 1;
        result
    }

    /// Counts one node.
    pub(crate) fn tick(&mut self) -> Result<()> {
        let left = self.steps_left.checked_sub(1);
        self.steps_left =
            left.ok_or_else(|| Error::limit("it ran too many steps: a loop does not end"))?;
        Ok(())
    }

    fn straight(
        &mut self,
        plan: &Straight,
        function: Option<&str>,
        inputs: Vec<Value>,
    ) -> Result<Vec<Value>> {
        let mut slots: Vec<Option<Value>> = vec![None; plan.n_slots];
        for (slot, value) in plan.feeds.iter().zip(inputs) {
            slots[*slot] = Some(value);
        }
        for (slot, value) in &plan.constants {
            slots[*slot] = Some(value.clone());
        }
        for step in &plan.steps {
            let outputs = self.step(step, function, &mut slots);
            let outputs = outputs.map_err(|e| e.at(place(function, &step.name, &step.op)))?;
            for (slot, value) in slots[step.outputs..].iter_mut().zip(outputs) {
                *slot = Some(value);
            }
            step.unread.iter().for_each(|slot| slots[*slot] = None);
        }
        let missing = || Error::invalid("a result was not computed");
        plan.results.iter().map(|slot| slots[*slot].clone().ok_or_else(missing)).collect()
    }

    fn step(
        &mut self,
        step: &Step,
        function: Option<&str>,
        slots: &mut [Option<Value>],
    ) -> Result<Vec<Value>> {
        let take = |input: &crate::plan::Input| match input.is_last_use {
            true => slots[input.slot].take(),
            false => slots[input.slot].clone(),
        };
        let inputs: Option<Vec<Value>> = step.inputs.iter().map(take).collect();
        let inputs = inputs.ok_or_else(|| Error::invalid("an input was not computed"))?;
        self.tick()?;
        match step.n_bytes {
            Some(n_bytes) => self.check_bytes(n_bytes)?,
            // Steps that were joined have other inputs than the node that they end with.
            None if step.way.is_none() => self.check_outputs(&step.instance, &inputs)?,
            None => {}
        }
        let Some(kernel) = &step.way else {
            let outputs = self.node(&step.instance, function, &step.name, inputs)?;
            step.expected.iter().zip(&outputs).try_for_each(agree)?;
            self.count_bytes(&outputs)?;
            return Ok(outputs);
        };
        let inputs = read(&step.instance, inputs)?;
        self.begin(&step.instance, &step.name);
        let mut inputs = Args::from(inputs);
        let outputs = kernel.run(&mut inputs, &mut self.state.tools);
        self.end();
        let outputs = outputs?;
        self.count_bytes(&outputs)?;
        // What nobody else reads is written again.
        for value in inputs.into_values() {
            if let Value::Tensor(tensor) = value
                && let Ok(buffer) = tensor.try_into_vec::<f32>()
            {
                self.state.tools.buffers.give(buffer);
            }
        }
        Ok(outputs)
    }

    /// Refuses outputs that take too many bytes, as far as their shapes follow from the inputs.
    pub(crate) fn check_outputs(&self, instance: &Instance, inputs: &[Value]) -> Result<()> {
        if instance.def.spec.effect == Effect::Control {
            return Ok(());
        }
        let fact = |value: &Value| match value {
            Value::Tensor(tensor) => Fact::of(tensor),
            other => Fact::new(other.ty(), Shape::UNKNOWN),
        };
        let facts: Vec<Fact> = inputs.iter().map(fact).collect();
        let outputs = instance.infer(&facts, &mut NoContext::default())?;
        self.check_bytes(byte_len(&outputs).unwrap_or(0))
    }

    fn check_bytes(&self, n_bytes: u64) -> Result<()> {
        let max = self.program.limits.bytes;
        if n_bytes > max {
            return Err(Error::limit(format!("its outputs take {n_bytes} bytes, over {max}")));
        }
        if n_bytes > self.bytes_left {
            return Err(self.too_many_bytes());
        }
        Ok(())
    }

    /// Counts what a node made, strings with their text. What it took over from its inputs counts
    /// again: a run that makes so much is no small one either way. Lists have limits of their own.
    pub(crate) fn count_bytes(&mut self, outputs: &[Value]) -> Result<()> {
        if self.program.limits.bytes_in_all == u64::MAX {
            return Ok(());
        }
        let tensors = outputs.iter().filter_map(Value::tensor);
        let made: u64 = tensors.map(|tensor| tensor.byte_len() as u64).sum();
        let left = self.bytes_left.checked_sub(made);
        self.bytes_left = left.ok_or_else(|| self.too_many_bytes())?;
        Ok(())
    }

    fn too_many_bytes(&self) -> Error {
        let max = self.program.limits.bytes_in_all;
        Error::limit(format!("with it the outputs of the run take over {max} bytes"))
    }

    fn begin(&mut self, instance: &Instance, name: &str) {
        if let Some(observer) = &mut self.observer {
            observer.begin(name, instance.def.spec.name);
        }
    }

    fn end(&mut self) {
        if let Some(observer) = &mut self.observer {
            observer.end();
        }
    }

    /// Runs one node.
    pub(crate) fn node(
        &mut self,
        instance: &Instance,
        function: Option<&str>,
        name: &str,
        inputs: Vec<Value>,
    ) -> Result<Vec<Value>> {
        let inputs = read(instance, inputs)?;
        self.begin(instance, name);
        let outputs = instance.eval(inputs, &mut AtNode { run: self, function, name });
        self.end();
        let outputs = outputs?;
        if outputs.len() != instance.n_outputs() {
            let expected = instance.n_outputs();
            return Err(Error::invalid(format!("{} outputs, not {expected}", outputs.len())));
        }
        Ok(outputs)
    }
}

/// Refuses a value that is not what the plan counts on.
fn agree((fact, value): (&Fact, &Value)) -> Result<()> {
    let (ty, shape) = (value.ty(), Shape::of(value.shape()));
    if fact.ty != ty || value.tensor().is_some() && !fact.shape.agrees(&shape) {
        let (known, expected) = (&fact.shape, fact.ty);
        return Err(Error::invalid(format!("it gives {ty} {shape}, expected {expected} {known}")));
    }
    Ok(())
}

/// The inputs with variables of TensorFlow 1 read, unless the op is one that changes them.
fn read(instance: &Instance, inputs: Vec<Value>) -> Result<Vec<Value>> {
    let is_ref = |value: &Value| matches!(value, Value::Ref(_));
    let changes = instance.def.spec.inputs.first().is_some_and(|input| input.starts_with("ref:"));
    match changes || !inputs.iter().any(is_ref) {
        true => Ok(inputs),
        false => inputs.into_iter().map(Value::read).collect(),
    }
}
