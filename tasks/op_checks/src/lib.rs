//! One op on recorded inputs, against what TensorFlow's kernel gave.
//!
//! It stands alone, so that the same check runs natively (`tasks/conformance/tests/ops.rs`) and in
//! WebAssembly (`tests-js/ops.test.mjs`).

mod vectors;

use tensorferry_ir::{Shape, parse_attrs, parse_tensors};
use tensorferry_kernels::Tools;
use tensorferry_ops::{ALL, Args, Fact, Instance, NoContext, Value};
use tensorferry_tensor::DenseTensor;
use wasm_bindgen::prelude::wasm_bindgen;

/// One op on some inputs; all texts are in the engine's text form.
#[derive(Debug, Clone, Copy)]
pub struct OpCase<'a> {
    /// TensorFlow's name.
    pub op: &'a str,
    /// The node's attributes.
    pub attrs: &'a str,
    /// The inputs.
    pub inputs: &'a str,
    /// The outputs; `None` when TensorFlow refuses the inputs.
    pub outputs: Option<&'a str>,
    /// There are more outputs, which TensorFlow leaves unset.
    pub is_partial: bool,
}

impl<'a> OpCase<'a> {
    /// A line of a recorded file: op, attributes, inputs and outputs between tabs. `!` and an error
    /// in place of the outputs says that TensorFlow refuses, `...` behind them that there are more.
    pub fn of_line(line: &'a str) -> Option<Self> {
        let parts: Vec<&str> = line.split('\t').collect();
        let &[op, attrs, inputs, outputs] = &parts[..] else { return None };
        let is_partial = outputs.ends_with(" ...");
        let outputs = outputs.trim_end_matches(" ...");
        let outputs = (!outputs.starts_with('!')).then_some(outputs);
        Some(Self { op, attrs, inputs, outputs, is_partial })
    }
}

/// What is wrong with the op of a recorded line; nothing when it does what TensorFlow does.
#[wasm_bindgen(js_name = checkLine)]
pub fn check_line(line: &str) -> Option<String> {
    match OpCase::of_line(line) {
        Some(case) => check(&case).err(),
        None => Some("the line is not four texts between tabs".to_owned()),
    }
}

fn outputs(instance: &Instance, inputs: &[DenseTensor]) -> Result<Vec<DenseTensor>, String> {
    let values = inputs.iter().cloned().map(Value::from).collect();
    let outputs = instance.eval(values, &mut NoContext::default()).map_err(|e| e.to_string())?;
    let tensors = outputs.iter().map(|value| value.tensor().cloned());
    tensors.collect::<Option<_>>().ok_or_else(|| "an output is no tensor".to_owned())
}

/// What may be known of inputs before a run: their values, or only their shapes.
fn known_and_shapes(inputs: &[DenseTensor]) -> [Vec<Fact>; 2] {
    let known: Vec<Fact> = inputs.iter().map(Fact::of).collect();
    let shapes = known.iter().map(|fact| Fact { value: None, ..fact.clone() }).collect();
    [known, shapes]
}

/// What is said of the outputs before they are computed must be true of them.
fn check_facts(
    instance: &Instance,
    inputs: &[DenseTensor],
    expected: &[DenseTensor],
) -> Result<(), String> {
    for facts in known_and_shapes(inputs) {
        let inferred = instance.infer(&facts, &mut NoContext::default());
        let inferred = inferred.map_err(|error| format!("infer: {error}"))?;
        if inferred.len() != instance.n_outputs() {
            return Err(format!("{} facts of {} outputs", inferred.len(), instance.n_outputs()));
        }
        for (fact, output) in inferred.iter().zip(expected) {
            let found = Shape::of(output.shape());
            if fact.ty != output.dtype().into() || !fact.shape.agrees(&found) {
                let dtype = output.dtype();
                return Err(format!("inferred {} {}, not {dtype} {found}", fact.ty, fact.shape));
            }
        }
    }
    Ok(())
}

/// Faster ways give what TensorFlow gives, too: each one that may be used for these inputs.
fn check_ways(
    instance: &Instance,
    inputs: &[DenseTensor],
    expected: &[DenseTensor],
) -> Result<(), String> {
    let tolerance = instance.def.spec.tolerance;
    for facts in known_and_shapes(inputs) {
        let mut start = 0;
        while let Some((i, name, way)) = instance.prepare(start, &facts) {
            let values = way.inputs.iter().map(|i| inputs[*i].clone().into());
            let mut values = Args::from(values.collect::<Vec<Value>>());
            let found = way.kernel.run(&mut values, &mut Tools::default());
            let found = found.map_err(|e| format!("{name}: {e}"))?;
            for (found, expected) in found.iter().zip(expected).take(way.n_outputs) {
                let found = found.tensor().ok_or_else(|| format!("{name} gives no tensor"))?;
                if let Some(what) = tolerance.difference(found, expected) {
                    return Err(format!("{name}: {what}"));
                }
            }
            start = i + 1;
        }
    }
    Ok(())
}

/// Compares an op with what was recorded of it.
///
/// # Errors
/// The first difference, or what the op says.
pub fn check(case: &OpCase<'_>) -> Result<(), String> {
    let def = ALL.find(case.op).ok_or("it is not defined")?;
    let attrs = parse_attrs(case.attrs).map_err(|e| format!("attributes: {e}"))?;
    let inputs = parse_tensors(case.inputs).map_err(|e| format!("inputs: {e}"))?;
    let instance = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string());
    let Some(expected) = case.outputs else {
        let refused = instance.and_then(|instance| outputs(&instance, &inputs));
        return refused
            .map_or(Ok(()), |found| Err(format!("TensorFlow refuses, we give {found:?}")));
    };
    let expected = parse_tensors(expected).map_err(|e| format!("outputs: {e}"))?;
    let instance = instance?;
    check_facts(&instance, &inputs, &expected)?;
    let mut found = outputs(&instance, &inputs)?;
    if case.is_partial {
        found.truncate(expected.len());
    }
    if found.len() != expected.len() {
        return Err(format!("{} outputs instead of {}", found.len(), expected.len()));
    }
    if let Some(what) = inputs.first().and_then(|x| vectors::misfit(case.op, x, &found)) {
        return Err(what);
    }
    let found = vectors::aligned(case.op, found, &expected);
    let pairs = found.iter().zip(&expected).enumerate();
    let mut differences = pairs
        .filter_map(|(i, (a, b))| Some(format!("{i}: {}", def.spec.tolerance.difference(a, b)?)));
    if let Some(what) = differences.next() {
        return Err(format!("output {what}"));
    }
    check_ways(&instance, &inputs, &expected)
}
