//! Writes what our engine computes as TensorFlow and Keras do, for `tests-js` to run in WebAssembly.
//!
//! `index.json` has the cases, and names the folder of what was recorded of single ops.
//!
//! Usage: `engine_cases FOLDER`. `cargo xtask test` calls it. A model that differs natively, which
//! `docs/ops.md` and `docs/layers.md` list, is not among them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tensorferry::engine::{Engine, EngineOptions};
use tensorferry_agreement::engine::{self, EngineCall};
use tensorferry_agreement::engine_layers::{Subject, subjects};
use tensorferry_agreement::recorded::base64;
use tensorferry_conformance::fixtures;
use tensorferry_conformance::manifest::{Case, graph_cases};
use tensorferry_tensor::{DType, DenseTensor, Storage};

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).expect("usage: engine_cases FOLDER");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let mut entries: Vec<Value> = graph_cases().iter().filter_map(graph_entry).collect();
    entries.extend(subjects().iter().filter_map(layers_entry));
    let ops = fixtures::root().join("ops");
    let index = json!({ "cases": entries, "ops": ops });
    let index = serde_json::to_vec(&index).expect("it is JSON");
    fs::write(folder.join("index.json"), index).expect("the folder can be written");
}

fn graph_entry(case: &Case) -> Option<Value> {
    // Without the files that tables are filled from: the package cannot be given any yet.
    let store = engine::golden_store(case).ok()?;
    let mut engine = Engine::load(&store, &EngineOptions::default()).ok()?;
    engine::run(case, &mut engine).ok()?;
    let calls = engine::calls(case, &engine).ok()?;
    Some(entry(&case.id, "graph", &case.golden(), engine::tolerance(case), &calls))
}

fn layers_entry(subject: &Subject) -> Option<Value> {
    let mut engine = Engine::load(&subject.store(), &EngineOptions::default()).ok()?;
    let calls = subject.engine_calls(&engine).ok()?;
    for call in &calls {
        let found = engine.run(&call.inputs, &[]).ok()?;
        let mut pairs = call.outputs.iter().zip(&found);
        if pairs.any(|((_, expected), (_, found))| subject.difference(expected, found).is_some()) {
            return None;
        }
    }
    Some(entry(&subject.name, "layers", &subject.path, subject.tolerances(), &calls))
}

fn entry(
    id: &str,
    kind: &str,
    path: &Path,
    (rtol, atol): (f64, f64),
    calls: &[EngineCall],
) -> Value {
    let all = |tensors: &[(String, DenseTensor)]| tensors.iter().map(array).collect::<Vec<_>>();
    let calls: Vec<Value> = calls
        .iter()
        .map(|call| json!({ "inputs": all(&call.inputs), "outputs": all(&call.outputs) }))
        .collect();
    json!({ "id": id, "kind": kind, "path": path, "rtol": rtol, "atol": atol, "calls": calls })
}

/// JavaScript has no half precision: such numbers go as float32.
fn array((name, tensor): &(String, DenseTensor)) -> Value {
    let wide: Option<Vec<f32>> = match tensor.storage() {
        Storage::Float16(all) => Some(all.iter().map(|x| f32::from(*x)).collect()),
        Storage::BFloat16(all) => Some(all.iter().map(|x| f32::from(*x)).collect()),
        _ => None,
    };
    let (stored, bytes) = match wide {
        Some(wide) => (DType::Float32, DenseTensor::new(tensor.shape(), wide).to_bytes()),
        None => (tensor.dtype(), tensor.to_bytes()),
    };
    json!({
        "name": name,
        "dtype": tensor.dtype().name(),
        "stored": stored.name(),
        "shape": tensor.shape(),
        "base64": base64(&bytes),
    })
}
