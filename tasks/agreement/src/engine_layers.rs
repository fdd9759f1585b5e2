//! Keras models with what Keras predicted, for our engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tensorferry::engine::Engine;
use tensorferry_conformance::fixtures;
use tensorferry_conformance::layers_model::files_of;
use tensorferry_conformance::manifest::{
    ArrayRef, Artifact, Call, Tolerance, cases, layer_models, load_model,
};
use tensorferry_conformance::npy::{Array, io_of};
use tensorferry_store::MemoryStore;
use tensorferry_tensor::DenseTensor;

use crate::engine::{EngineCall, tensor};

/// A model and what Keras predicted with it, under Keras' names.
pub struct Subject {
    /// Its name, such as `k2_cnn.h5`.
    pub name: String,
    /// The file or folder that holds it.
    pub path: PathBuf,
    /// What was recorded.
    pub calls: Vec<EngineCall>,
    /// How far a runtime may be from Keras, as the oracle judged.
    pub tolerance: Option<Tolerance>,
}

/// Each Keras file of the fixtures once, the layers models that the reference made of them, and the
/// small models of single layers.
pub fn subjects() -> Vec<Subject> {
    let mut seen = BTreeSet::new();
    let mut subjects = Vec::new();
    for case in cases() {
        let (Some(model), Some(artifact)) = (&case.model, &case.artifact) else { continue };
        if case.no_io {
            continue;
        }
        let arrays = io_of(model);
        let calls: Vec<EngineCall> =
            case.calls().iter().map(|call| recorded(call, &arrays)).collect();
        if calls.is_empty() {
            continue;
        }
        let mut add = |name: String, path: PathBuf| {
            if path.exists() && seen.insert(name.clone()) {
                let (calls, tolerance) = (calls.clone(), case.tolerance);
                subjects.push(Subject { name, path, calls, tolerance });
            }
        };
        // TensorFlow.js' files are inputs of later cases; they come from goldens below.
        let is_keras = case.input_format.as_deref().is_some_and(|f| f.starts_with("keras"));
        if let Some(path) = case.input_path().filter(|_| is_keras) {
            add(format!("{model}.{artifact}"), path);
        }
        let is_layers = case.output_format.as_deref() == Some("tfjs_layers_model");
        if is_layers && !case.quantized && case.reference.status == "success" {
            add(case.id.clone(), case.golden());
        }
    }
    subjects.extend(layer_models().iter().flat_map(|name| single_layers(name)));
    subjects
}

/// The files of a small model that `tasks/oracle/record_layers.py` made.
pub fn single_layers(name: &str) -> Vec<Subject> {
    let arrays = io_of(name);
    let folder = fixtures::root().join("models").join(name);
    let subject = |artifact: Artifact| Subject {
        name: format!("{name}.{}", artifact.id),
        path: folder.join(&artifact.path),
        calls: artifact.calls.iter().map(|call| recorded(call, &arrays)).collect(),
        // Halves are told by what comes out of them.
        tolerance: None,
    };
    load_model(name).artifacts.into_iter().map(subject).collect()
}

fn recorded(call: &Call, arrays: &BTreeMap<String, Array>) -> EngineCall {
    let all = |list: &[ArrayRef]| -> Vec<(String, DenseTensor)> {
        list.iter().map(|array| (array.name.clone(), tensor(array, arrays))).collect()
    };
    EngineCall { inputs: all(&call.inputs), outputs: all(&call.outputs) }
}

impl Subject {
    /// The file or folder in memory.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn store(&self) -> MemoryStore {
        store_of(&self.path)
    }

    /// Relative and absolute tolerance for floating point.
    pub fn tolerances(&self) -> (f64, f64) {
        // The oracle's judgement where it has one; else what summing in another order may change.
        let is_half = self.tolerance.is_some_and(|t| t.rtol >= 0.01);
        if is_half { (1e-2, 1e-3) } else { (1e-5, 1e-5) }
    }

    /// The first difference from Keras' outputs.
    pub fn difference(&self, expected: &DenseTensor, found: &DenseTensor) -> Option<String> {
        let kind = |tensor: &DenseTensor| (tensor.dtype(), tensor.shape().to_vec());
        if kind(found) != kind(expected) {
            return Some(format!("{:?} instead of {:?}", kind(found), kind(expected)));
        }
        let (Some(a), Some(b)) = (found.to_f64(), expected.to_f64()) else {
            return (found != expected).then(|| format!("{found:?} instead of {expected:?}"));
        };
        let is_exact = !expected.dtype().is_float();
        let (rtol, atol) = if is_exact { (0.0, 0.0) } else { self.tolerances() };
        let close = |(x, y): (&f64, &f64)| {
            x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= atol + rtol * y.abs()
        };
        let at = a.iter().zip(&b).position(|pair| !close(pair))?;
        Some(format!("element {at} is {} instead of {}", a[at], b[at]))
    }

    /// The calls with the engine's inputs in its order, under its names, and what is expected of
    /// each of its outputs in its order.
    ///
    /// # Errors
    /// When it has another number of inputs or outputs than Keras.
    pub fn engine_calls(&self, engine: &Engine) -> Result<Vec<EngineCall>, String> {
        self.calls.iter().map(|call| in_order(call, engine)).collect()
    }
}

fn in_order(call: &EngineCall, engine: &Engine) -> Result<EngineCall, String> {
    let (inputs, outputs) = (engine.inputs(), engine.outputs());
    if inputs.len() != call.inputs.len() || outputs.len() != call.outputs.len() {
        return Err(format!("it has {} inputs, {} outputs", inputs.len(), outputs.len()));
    }
    // Keras 3 may give several outputs one name; then the order says which is which.
    let is_once = |name: &String| {
        outputs.iter().filter(|spec| spec.name == *name).count() == 1
            && call.outputs.iter().filter(|(other, _)| other == name).count() == 1
    };
    let has_names = call.outputs.iter().all(|(name, _)| is_once(name));
    let ordered = |i: usize, name: &String, all: &[(String, DenseTensor)], by_name: bool| {
        let named = all.iter().find(|(own, _)| by_name && own == name);
        (name.clone(), named.unwrap_or(&all[i]).1.clone())
    };
    let input = |(i, spec): (usize, &tensorferry::engine::TensorSpec)| {
        ordered(i, &spec.name, &call.inputs, true)
    };
    let output = |(i, spec): (usize, &tensorferry::engine::TensorSpec)| {
        ordered(i, &spec.name, &call.outputs, has_names)
    };
    Ok(EngineCall {
        inputs: inputs.iter().enumerate().map(input).collect(),
        outputs: outputs.iter().enumerate().map(output).collect(),
    })
}

/// A file or a folder in memory.
fn store_of(path: &Path) -> MemoryStore {
    let name = path.file_name().expect("a model has a name").to_string_lossy().into_owned();
    if path.is_file() {
        return MemoryStore::file(name, fs::read(path).expect("the fixture is there"));
    }
    let files = files_of(path);
    let is_tfjs = files.contains_key("model.json");
    let empty = MemoryStore::folder(name);
    let store = files.into_iter().fold(empty, |store, (name, bytes)| store.with(name, bytes));
    if is_tfjs { store.pointing_at("model.json") } else { store }
}
