//! A recorded case as calls of our engine, and how far it may be from TensorFlow.

use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;
use tensorferry::engine::{Engine, EngineOptions, TensorSpec};
use tensorferry_conformance::fixtures;
use tensorferry_conformance::manifest::{ArrayRef, Call, Case};
use tensorferry_conformance::npy::{Array, io_of};
use tensorferry_store::MemoryStore;
use tensorferry_tensor::{DType, DenseTensor};

/// What goes in and what TensorFlow made of it, under the engine's names.
#[derive(Clone)]
pub struct EngineCall {
    /// One tensor for each input.
    pub inputs: Vec<(String, DenseTensor)>,
    /// One tensor for each output.
    pub outputs: Vec<(String, DenseTensor)>,
}

/// What the reference wrote, in memory.
///
/// # Errors
/// When a file cannot be read.
pub fn golden_store(case: &Case) -> Result<MemoryStore, String> {
    let mut store = MemoryStore::folder("golden");
    for file in &case.reference.files {
        let bytes = fs::read(case.golden().join(&file.path)).map_err(|e| e.to_string())?;
        store = store.with(file.path.clone(), bytes);
    }
    Ok(store)
}

/// The engine on what the reference wrote.
///
/// # Errors
/// What loading says.
pub fn load(case: &Case) -> Result<Engine, String> {
    let store = golden_store(case)?;
    let mut engine =
        Engine::load(&store, &EngineOptions::default()).map_err(|problems| problems.to_string())?;
    for (name, content) in assets(case) {
        engine.set_asset(&name, content);
    }
    Ok(engine)
}

/// The files that the case's SavedModel fills tables from: TensorFlow.js has no place for them.
fn assets(case: &Case) -> Vec<(String, Vec<u8>)> {
    let model = case.model.as_deref().unwrap_or_default();
    let folder = fixtures::root().join("models").join(model).join("saved_model/assets");
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let read = |path: std::path::PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, fs::read(&path).ok()?))
    };
    entries.filter_map(|entry| read(entry.ok()?.path())).collect()
}

/// The calls that were recorded.
///
/// # Errors
/// When none is, or an output of the model is in none: then nothing would be compared.
pub fn calls(case: &Case, engine: &Engine) -> Result<Vec<EngineCall>, String> {
    let arrays = io_of(case.model.as_deref().unwrap_or_default());
    let calls: Vec<EngineCall> =
        case.calls().iter().map(|call| engine_call(call, engine, &arrays)).collect();
    if calls.is_empty() {
        return Err("no call is recorded, so nothing would be compared".to_owned());
    }
    for call in &calls {
        let (n, n_outputs) = (call.outputs.len(), engine.outputs().len());
        if n < n_outputs {
            return Err(format!("only {n} outputs were compared"));
        }
    }
    Ok(calls)
}

fn engine_call(call: &Call, engine: &Engine, arrays: &BTreeMap<String, Array>) -> EngineCall {
    // The reference keeps some names and gives the tensor's own, `x:0`, for others.
    let short = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let place = |specs: &[TensorSpec], name: &str| {
        specs.iter().find(|spec| short(&spec.name) == short(name)).map(|spec| spec.name.clone())
    };
    let inputs = call
        .inputs
        .iter()
        .filter_map(|array| Some((place(engine.inputs(), &array.name)?, tensor(array, arrays))));
    let outputs = call.outputs.iter().enumerate().filter_map(|(i, array)| {
        // An output whose name is lost is called by its tensor, which TensorFlow numbers.
        let numbered = if i == 0 { "Identity".to_owned() } else { format!("Identity_{i}") };
        // A conversion of some outputs alone has no others.
        let name =
            place(engine.outputs(), &array.name).or_else(|| place(engine.outputs(), &numbered))?;
        Some((name, tensor(array, arrays)))
    });
    EngineCall { inputs: inputs.collect(), outputs: outputs.collect() }
}

/// A recorded array.
///
/// # Panics
/// When the fixtures are not what the manifest says.
pub fn tensor(array: &ArrayRef, arrays: &BTreeMap<String, Array>) -> DenseTensor {
    let dtype = DType::from_name(&array.dtype).expect("a dtype of TensorFlow");
    match (&array.key, &array.values) {
        (Some(key), _) => {
            let data = arrays[key].data.clone();
            DenseTensor::from_bytes(dtype, &array.shape, data).expect("bytes of the shape")
        }
        (None, Some(values)) => {
            let words: Vec<Bytes> = values.iter().map(|word| word.clone().into()).collect();
            DenseTensor::new(&array.shape, words)
        }
        _ => DenseTensor::zeros(dtype, &array.shape).expect("a small tensor"),
    }
}

/// Relative and absolute tolerance of a case for floating point.
pub fn tolerance(case: &Case) -> (f64, f64) {
    // The oracle's judgement where it has one; else what summing in another order may change.
    case.tolerance.map_or((1e-4, 1e-5), |t| (t.rtol.min(1e-2), t.atol.min(1e-3)))
}

/// The first difference from TensorFlow's output.
pub fn difference(case: &Case, expected: &DenseTensor, found: &DenseTensor) -> Option<String> {
    if found.dtype() != expected.dtype() || found.shape() != expected.shape() {
        return Some(format!("{found:?} instead of {expected:?}"));
    }
    let (Some(a), Some(b)) = (found.to_f64(), expected.to_f64()) else {
        return (found != expected).then(|| format!("{found:?} instead of {expected:?}"));
    };
    let (rtol, atol) = tolerance(case);
    // Integers and truth are the same or wrong.
    let is_exact = !(expected.dtype().is_float() || expected.dtype().name().starts_with("complex"));
    let (rtol, atol) = if is_exact { (0.0, 0.0) } else { (rtol, atol) };
    let close = |(x, y): (&f64, &f64)| {
        x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= atol + rtol * y.abs()
    };
    let at = a.iter().zip(&b).position(|pair| !close(pair))?;
    Some(format!("element {at} is {} instead of {}", a[at], b[at]))
}

/// Runs all calls of a case.
///
/// # Errors
/// What the engine says, or the first difference.
pub fn run(case: &Case, engine: &mut Engine) -> Result<(), String> {
    for call in calls(case, engine)? {
        let names: Vec<String> = call.outputs.iter().map(|(name, _)| name.clone()).collect();
        let found = engine.run(&call.inputs, &names).map_err(|problems| problems.to_string())?;
        for ((name, expected), (_, found)) in call.outputs.iter().zip(&found) {
            if let Some(difference) = difference(case, expected, found) {
                return Err(format!("{name}: {difference}"));
            }
        }
    }
    Ok(())
}
