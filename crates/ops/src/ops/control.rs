//! Control flow of TensorFlow 2: ops that run functions.

use tensorferry_ir::{FuncRef, Shape, Type};
use tensorferry_tensor::Storage;

use crate::{Args, Case, Context, Effect, Error, Fact, InferContext, Op, Result, Spec, Value};

register![If, While, Branches, PartitionedCall];

/// TensorFlow's reading of any scalar as a condition: a number is true when it is not zero, a
/// string when it is not empty, anything else when it has elements.
fn is_true(value: &Value) -> Result<bool> {
    let Some(tensor) = value.tensor() else { fail!("a condition is a tensor") };
    if tensor.rank() > 0 {
        return Ok(!tensor.is_empty());
    }
    Ok(match tensor.storage() {
        Storage::String(all) => all.iter().any(|one| !one.is_empty()),
        _ => tensor.to_f64().unwrap_or_default().iter().any(|x| *x != 0.0),
    })
}

fn unknown(n: usize) -> Vec<Shape> {
    vec![Shape::UNKNOWN; n]
}

/// What is true of the results of both functions.
fn common(a: Vec<Fact>, b: &[Fact]) -> Vec<Shape> {
    a.into_iter().zip(b).map(|(a, b)| a.shape.common(&b.shape)).collect()
}

attrs! {
    /// Runs one of two functions.
    struct If {
        /// Types of the outputs.
        Tout: Vec<Type>,
        /// Runs when the condition holds.
        then_branch: FuncRef,
        /// Runs when it does not.
        else_branch: FuncRef,
    }
}

impl Op for If {
    const SPEC: Spec = Spec {
        name: "If",
        aliases: &["StatelessIf"],
        inputs: &["cond: Tcond", "input: Tin..."],
        outputs: &["output: Tout..."],
        effect: Effect::Control,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(unknown(self.Tout.len()))
    }

    fn infer_in(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>> {
        let args = inputs.get(1..).unwrap_or_default();
        let yes = context.call(&self.then_branch, args)?;
        let no = context.call(&self.else_branch, args)?;
        Ok(common(yes, &no))
    }

    fn eval_in(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        let holds = is_true(inputs.value(0)?)?;
        let mut args = inputs.into_values();
        args.remove(0);
        context.call(if holds { &self.then_branch } else { &self.else_branch }, args)
    }
}

attrs! {
    /// Runs a function again and again while another one says so.
    struct While {
        /// Says whether there is another turn.
        cond: FuncRef,
        /// Gives the values of the next turn.
        body: FuncRef,
    }
}

impl Op for While {
    const SPEC: Spec = Spec {
        name: "While",
        aliases: &["StatelessWhile"],
        inputs: &["input: T..."],
        outputs: &["output: T..."],
        effect: Effect::Control,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, inputs: &[Fact]) -> Result<Vec<Shape>> {
        Ok(unknown(inputs.len()))
    }

    fn infer_in(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>> {
        // A dim that a turn changes is unknown in all turns; each round makes one unknown at least.
        let forget = |fact: &Fact| Fact::new(fact.ty, fact.shape.clone());
        let mut facts: Vec<Fact> = inputs.iter().map(forget).collect();
        loop {
            let after = context.call(&self.body, &facts)?;
            ensure!(after.len() == facts.len(), "the body has {} results", after.len());
            let shapes: Vec<Shape> =
                facts.iter().zip(&after).map(|(a, b)| a.shape.common(&b.shape)).collect();
            if facts.iter().zip(&shapes).all(|(fact, shape)| fact.shape == *shape) {
                return Ok(shapes);
            }
            facts.iter_mut().zip(shapes).for_each(|(fact, shape)| fact.shape = shape);
        }
    }

    fn eval_in(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        let mut values = inputs.into_values();
        loop {
            let goes_on = context.call(&self.cond, values.clone())?;
            let goes_on = goes_on.first().ok_or_else(|| Error::invalid("`cond` has no result"))?;
            if !is_true(goes_on)? {
                return Ok(values);
            }
            let n = values.len();
            values = context.call(&self.body, values)?;
            ensure!(values.len() == n, "the body has {} results, not {n}", values.len());
        }
    }
}

attrs! {
    /// Runs one of several functions; the last one where the index is out of range.
    struct Branches {
        /// Types of the outputs.
        Tout: Vec<Type>,
        /// The functions.
        branches: Vec<FuncRef>,
    }
}

impl Op for Branches {
    const SPEC: Spec = Spec {
        name: "Case",
        aliases: &["StatelessCase"],
        inputs: &["branch_index: int32", "input: Tin..."],
        outputs: &["output: Tout..."],
        effect: Effect::Control,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(unknown(self.Tout.len()))
    }

    fn infer_in(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>> {
        let args = inputs.get(1..).unwrap_or_default();
        let mut shapes: Option<Vec<Shape>> = None;
        for branch in &self.branches {
            let facts = context.call(branch, args)?;
            shapes = Some(match shapes {
                None => facts.into_iter().map(|fact| fact.shape).collect(),
                Some(before) => {
                    before.iter().zip(&facts).map(|(a, b)| a.common(&b.shape)).collect()
                }
            });
        }
        shapes.ok_or_else(|| Error::invalid("there is no branch"))
    }

    fn eval_in(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        let index = usize::try_from(inputs.int(0)?).ok();
        let branch = index.and_then(|i| self.branches.get(i)).or(self.branches.last());
        let branch = branch.ok_or_else(|| Error::invalid("there is no branch"))?;
        let mut args = inputs.into_values();
        args.remove(0);
        context.call(branch, args)
    }
}

attrs! {
    /// Runs a function.
    struct PartitionedCall {
        /// Types of the outputs.
        Tout: Vec<Type>,
        /// The function.
        f: FuncRef,
    }
}

impl Op for PartitionedCall {
    const SPEC: Spec = Spec {
        name: "PartitionedCall",
        aliases: &["StatefulPartitionedCall"],
        inputs: &["args: Tin..."],
        outputs: &["output: Tout..."],
        effect: Effect::Control,
        ..Spec::PURE
    };
    const CASES: &'static [Case] = &[];

    fn infer(&self, _: &[Fact]) -> Result<Vec<Shape>> {
        Ok(unknown(self.Tout.len()))
    }

    fn infer_in(&self, inputs: &[Fact], context: &mut dyn InferContext) -> Result<Vec<Shape>> {
        Ok(context.call(&self.f, inputs)?.into_iter().map(|fact| fact.shape).collect())
    }

    fn eval_in(&self, inputs: Args, context: &mut dyn Context) -> Result<Vec<Value>> {
        context.call(&self.f, inputs.into_values())
    }
}
