//! Small graphs that keep something or run functions: ours against what TensorFlow gave.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use tensorferry_conformance::scenes::{Scene, scenes};
use tensorferry_ir::{Attr, parse_attrs, parse_model, parse_tensors};
use tensorferry_ops::{ALL, Tolerance};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

/// So many scenes are recorded; more is better, fewer is a mistake.
const SCENES_MIN: usize = 800;

fn check(scene: &Scene) -> Result<(), String> {
    let model = parse_model(&scene.model).map_err(|e| e.to_string())?;
    let lacking: BTreeSet<String> =
        scene.ops().into_iter().filter(|op| op != "_Arg" && ALL.find(op).is_none()).collect();
    if !lacking.is_empty() {
        return Err(format!("{lacking:?} are not defined"));
    }
    let program = match Program::new(&model, "f", &ALL, Limits::default()) {
        Ok(program) => program,
        // What is known to fail may fail before it runs.
        Err(_) if scene.runs[0].outputs.is_none() => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let mut state = State::default();
    for (path, content) in parse_attrs(&scene.files).map_err(|e| e.to_string())? {
        let Attr::Str(content) = content else { return Err(format!("`{path}` is no file")) };
        state.resources().set_asset(&path, content);
    }
    for (i, run) in scene.runs.iter().enumerate() {
        let inputs = parse_tensors(&run.inputs).map_err(|e| format!("inputs: {e}"))?;
        let names = program.inputs().into_iter().map(|input| input.name.clone());
        let inputs: BTreeMap<String, DenseTensor> = names.zip(inputs).collect();
        let found = program.run(&mut state, &inputs);
        let Some(expected) = &run.outputs else {
            return found.map_or(Ok(()), |_| Err(format!("TensorFlow refuses run {i}")));
        };
        let expected = parse_tensors(expected).map_err(|e| format!("outputs: {e}"))?;
        let found = found.map_err(|e| format!("run {i}: {e}"))?;
        if found.len() != expected.len() {
            return Err(format!("{} outputs instead of {}", found.len(), expected.len()));
        }
        for (j, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let found = found.tensor().ok_or_else(|| format!("output {j} is no tensor"))?;
            // What is kept comes back as it was; the sums and products of loops are TensorFlow's.
            if let Some(what) = Tolerance::Exact.difference(found, expected) {
                return Err(format!("run {i}, output {j}: {what}"));
            }
        }
    }
    Ok(())
}

#[test]
fn scenes_give_what_tensorflow_gives() {
    let all = scenes();
    assert!(all.len() >= SCENES_MIN, "only {} scenes", all.len());
    let mut failures = Vec::new();
    for scene in &all {
        if let Err(what) = check(scene) {
            failures.push(format!("{} {}: {what}", scene.place, scene.name));
            if env::var_os("VERBOSE").is_some() {
                failures.push(format!("    {}", scene.model));
            }
        }
    }
    assert!(failures.is_empty(), "{}\n{}", failures.join("\n"), failures.len());
}
