//! Single ops: our definitions against what TensorFlow's kernels gave.

mod vectors;

use std::collections::BTreeMap;
use std::env;

use tensorferry_conformance::op_cases::{FEW_CASES, OpCase, op_cases};
use tensorferry_ir::{Shape, parse_attrs, parse_tensors};
use tensorferry_kernels::Tools;
use tensorferry_ops::{ALL, Args, Fact, Instance, NoContext, OpDef, Value};
use tensorferry_tensor::DenseTensor;

/// So many cases are recorded; more is better, fewer is a mistake.
const CASES_MIN: usize = 5_000;

fn outputs(instance: &Instance, inputs: &[DenseTensor]) -> Result<Vec<DenseTensor>, String> {
    let values = inputs.iter().cloned().map(Value::from).collect();
    let outputs = instance.eval(values, &mut NoContext::default()).map_err(|e| e.to_string())?;
    let tensors = outputs.iter().map(|value| value.tensor().cloned());
    tensors.collect::<Option<_>>().ok_or_else(|| "an output is no tensor".to_owned())
}

/// What is said of the outputs before they are computed must be true of them.
fn check_facts(
    instance: &Instance,
    inputs: &[DenseTensor],
    expected: &[DenseTensor],
) -> Result<(), String> {
    let known: Vec<Fact> = inputs.iter().map(Fact::of).collect();
    let shapes = known.iter().map(|fact| Fact { value: None, ..fact.clone() }).collect();
    for facts in [known, shapes] {
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
    let known: Vec<Fact> = inputs.iter().map(Fact::of).collect();
    let shapes = known.iter().map(|fact| Fact { value: None, ..fact.clone() }).collect();
    let tolerance = instance.def.spec.tolerance;
    for facts in [known, shapes] {
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

fn check(def: &'static OpDef, case: &OpCase) -> Result<(), String> {
    let attrs = parse_attrs(&case.attrs).map_err(|e| format!("attributes: {e}"))?;
    let inputs = parse_tensors(&case.inputs).map_err(|e| format!("inputs: {e}"))?;
    let instance = Instance::new(def, &attrs, inputs.len()).map_err(|e| e.to_string());
    let Some(expected) = &case.outputs else {
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
    if let Some(what) = inputs.first().and_then(|x| vectors::misfit(&case.op, x, &found)) {
        return Err(what);
    }
    let found = vectors::aligned(&case.op, found, &expected);
    let pairs = found.iter().zip(&expected).enumerate();
    let mut differences = pairs
        .filter_map(|(i, (a, b))| Some(format!("{i}: {}", def.spec.tolerance.difference(a, b)?)));
    if let Some(what) = differences.next() {
        return Err(format!("output {what}"));
    }
    check_ways(&instance, &inputs, &expected)
}

#[test]
fn ops_give_what_tensorflow_gives() {
    let cases = op_cases();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let mut failures = Vec::new();
    let mut n_by_op = BTreeMap::<&str, (usize, usize)>::new();
    for case in &cases {
        let def = ALL.find(&case.op);
        let result = def.ok_or_else(|| "it is not defined".to_owned());
        let result = result.and_then(|def| check(def, case));
        let n = n_by_op.entry(&case.op).or_default();
        n.0 += 1;
        if let Err(what) = result {
            n.1 += 1;
            failures.push(format!("{} {}: {what}", case.place, case.op));
            if env::var_os("VERBOSE").is_some() {
                failures.push(format!("    {} | {}", case.attrs, case.inputs));
            }
        }
    }
    let failing = n_by_op.iter().filter(|(_, n)| n.1 > 0);
    let failing: Vec<String> = failing.map(|(op, n)| format!("{op} {}/{}", n.1, n.0)).collect();
    assert!(failures.is_empty(), "{}\n\n{}", failures.join("\n"), failing.join(", "));
}

#[test]
fn every_op_has_ten_cases_or_a_reason() {
    let n = tensorferry_conformance::op_cases::n_op_cases();
    let few = |def: &&OpDef| {
        let names = std::iter::once(&def.spec.name).chain(def.spec.aliases);
        names.filter_map(|name| n.get(*name)).sum::<usize>() < 10
    };
    let missing: Vec<&str> = ALL
        .ops()
        .filter(few)
        .map(|def| def.spec.name)
        .filter(|name| !FEW_CASES.iter().any(|(few, _)| few == name))
        .collect();
    assert!(missing.is_empty(), "fewer than ten cases: {missing:?}");
    let idle: Vec<&str> = FEW_CASES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !ALL.find(name).is_some_and(|def| few(&def)))
        .collect();
    assert!(idle.is_empty(), "have ten cases, or are no ops: {idle:?}");
}
