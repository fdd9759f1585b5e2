//! What the cases of graph models ask for, and what became of each.

use std::collections::BTreeMap;

use tensorferry::engine::{Engine, EngineOptions};
use tensorferry::{ConvertOptions, InputFormat, OutputFormat};
use tensorferry_conformance::layers_model::Files;
use tensorferry_conformance::manifest::{ArrayRef, Case};
use tensorferry_conformance::npy::{Array, io_of};
use tensorferry_diagnostics::Problems;
use tensorferry_tensor::{DType, DenseTensor};

use crate::run::{convert, folder_store, store_of};

/// Graph models with which TensorFlow.js 4.22 does not compute what TensorFlow does, and why.
pub const TFJS_DIFFERS: &[(&str, &str)] = &[
    ("k2_tf_op_lambda.h5.layers.as_graph", OUT_OF_RANGE),
    ("k2_tf_op_lambda.sm.layers.as_graph", OUT_OF_RANGE),
    ("k2_tf_op_lambda.sm.graph.made", OUT_OF_RANGE),
    ("op_bfloat16.sm.graph.made", "TensorFlow rounds to 8 bits after every op"),
    ("op_bitwise_and.sm.graph.made", "TensorFlow.js looks for the inputs by wrong names"),
    ("op_complex_const.sm.graph.made", "TensorFlow.js repeats complex numbers wrongly"),
    ("op_ragged_gather.sm.graph.made", UNKNOWN),
    ("op_ragged_range.sm.graph.made", UNKNOWN),
    ("op_ragged_to_tensor.sm.graph.made", UNKNOWN),
    ("op_special_values.sm.graph.made", "TensorFlow.js gives 0 where TensorFlow gives NaN"),
    ("op_string_split_v2.sm.graph.made", UNKNOWN),
    ("op_string_passthrough.sm.graph.made", "TensorFlow.js gathers no strings"),
    ("tf2_map_fn.sm.graph.made", DISPOSED),
    ("tf2_map_fn.sm.graph.cfv2.made", DISPOSED),
    ("tf2_tensor_array.sm.graph.made", DISPOSED),
    ("tf2_tensor_array.sm.graph.cfv2.made", DISPOSED),
    ("k2_text_vectorization.sm.layers.as_graph", UNKNOWN),
    ("k2_text_vectorization.sm.graph.made", UNKNOWN),
    ("k3_text_vectorization.export.graph.made", UNKNOWN),
    ("k3_act_sparsemax.export.graph.made", "TensorFlow.js does not broadcast there"),
];

const OUT_OF_RANGE: &str = "TensorFlow.js reads beyond a buffer";
const UNKNOWN: &str = "the op is in TensorFlow.js' list and not in its code";
const DISPOSED: &str = "TensorFlow.js frees a tensor that a list of a loop still holds";

/// What a case's arguments ask for; `None` for arguments that only the command line judges.
pub fn options_of(case: &Case) -> Option<ConvertOptions> {
    let mut options = ConvertOptions {
        input_format: Some(match case.input_format.as_deref()? {
            "tf_saved_model" => InputFormat::TfSavedModel,
            "tf_frozen_model" => InputFormat::TfFrozenModel,
            "tf_hub" => InputFormat::TfHub,
            _ => return None,
        }),
        output_format: Some(OutputFormat::TfjsGraphModel),
        ..ConvertOptions::default()
    };
    let list = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let truth = |text: Option<&str>| !matches!(text, Some("False" | "false" | "0" | ""));
    for argument in &case.args {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        match name {
            "--output_node_names" => options.graph.output_node_names = list(value?),
            "--signature_name" => options.signature_name = Some(value?.to_owned()),
            "--saved_model_tags" => options.saved_model_tags = list(value?),
            "--skip_op_check" => options.graph.skip_op_check = true,
            "--strip_debug_ops" => options.graph.strip_debug_ops = truth(value),
            "--use_structured_outputs_names" => options.graph.structured_outputs = truth(value),
            "--input_format" | "--output_format" | "--control_flow_v2" | "--experiments" => {}
            _ if name.starts_with('-') => return None,
            _ => {}
        }
    }
    Some(options)
}

/// What became of a case.
pub enum Outcome {
    /// It was converted, and our engine computes TensorFlow's numbers with the result.
    Agrees(Files),
    /// It was converted; the engine says why it does not compute them.
    Differs(Files, String),
    /// It was refused.
    Refused(Problems),
}

/// Converts a case and runs the result on the recorded inputs.
pub fn outcome(case: &Case, options: &ConvertOptions) -> Option<Outcome> {
    let store = store_of(&case.input_path()?);
    let files = match convert(&store, options) {
        Ok(converted) => converted.files,
        Err(problems) => return Some(Outcome::Refused(problems)),
    };
    Some(match run(case, &files) {
        Ok(()) => Outcome::Agrees(files),
        Err(what) => Outcome::Differs(files, what),
    })
}

fn run(case: &Case, files: &Files) -> Result<(), String> {
    let store = folder_store("model", files.clone());
    let mut engine =
        Engine::load(&store, &EngineOptions::default()).map_err(|problems| problems.to_string())?;
    let arrays = io_of(case.model.as_deref().unwrap_or_default());
    let names: Vec<String> = engine.outputs().iter().map(|output| output.name.clone()).collect();
    for call in case.calls().iter().filter(|_| !case.no_io) {
        let inputs: Vec<(String, DenseTensor)> = call
            .inputs
            .iter()
            .filter_map(|array| {
                let known = engine.inputs().iter().any(|input| is_named(&input.name, &array.name));
                let name = array.name.split(':').next().unwrap_or_default();
                let own = engine.inputs().iter().find(|input| is_named(&input.name, name))?;
                known.then(|| (own.name.clone(), tensor(array, &arrays)))
            })
            .collect();
        let outputs = engine.run(&inputs, &names).map_err(|problems| problems.to_string())?;
        let mut n_compared = 0;
        for array in &call.outputs {
            let found = outputs.iter().find(|(name, _)| is_named(name, &array.name));
            let Some((_, found)) = found else { continue };
            n_compared += 1;
            if let Some(what) = difference(case, &tensor(array, &arrays), found) {
                return Err(format!("{}: {what}", array.name));
            }
        }
        // A conversion of some outputs alone has no others.
        if n_compared < names.len().min(call.outputs.len()) {
            return Err(format!("{n_compared} outputs of {names:?} were compared"));
        }
    }
    Ok(())
}

/// Frozen graphs' tensors are recorded as `node:0`.
fn is_named(ours: &str, recorded: &str) -> bool {
    ours == recorded || ours.trim_end_matches(":0") == recorded.trim_end_matches(":0")
}

fn tensor(array: &ArrayRef, arrays: &BTreeMap<String, Array>) -> DenseTensor {
    let dtype = DType::from_name(&array.dtype).expect("a dtype of TensorFlow");
    match (&array.key, &array.values) {
        (Some(key), _) => {
            let data = arrays[key].data.clone();
            DenseTensor::from_bytes(dtype, &array.shape, data).expect("bytes of the shape")
        }
        (None, Some(values)) => {
            let words: Vec<bytes::Bytes> = values.iter().map(|word| word.clone().into()).collect();
            DenseTensor::new(&array.shape, words)
        }
        _ => DenseTensor::zeros(dtype, &array.shape).expect("a small tensor"),
    }
}

/// The first difference from TensorFlow's output.
fn difference(case: &Case, expected: &DenseTensor, found: &DenseTensor) -> Option<String> {
    if found.shape() != expected.shape() {
        return Some(format!("shape {:?} instead of {:?}", found.shape(), expected.shape()));
    }
    let (Some(a), Some(b)) = (found.to_f64(), expected.to_f64()) else {
        return (found != expected).then(|| "other strings".to_owned());
    };
    let (rtol, atol) =
        case.tolerance.map_or((1e-4, 1e-5), |t| (t.rtol.min(1e-2), t.atol.min(1e-3)));
    let is_exact = !(expected.dtype().is_float() || expected.dtype().name().starts_with("complex"));
    let (rtol, atol) = if is_exact { (0.0, 0.0) } else { (rtol, atol) };
    let close = |(x, y): (&f64, &f64)| {
        x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= atol + rtol * y.abs()
    };
    let at = a.iter().zip(&b).position(|pair| !close(pair))?;
    Some(format!("element {at} is {} instead of {}", a[at], b[at]))
}

/// How many nodes of each op a written graph model has, functions included.
pub fn ops_of(files: &Files) -> BTreeMap<String, usize> {
    let mut ops = BTreeMap::new();
    let json: serde_json::Value =
        serde_json::from_slice(&files["model.json"]).expect("it was written by us");
    let topology = &json["modelTopology"];
    let functions = topology["library"]["function"].as_array().into_iter().flatten();
    let inner = functions.flat_map(|function| function["nodeDef"].as_array().into_iter().flatten());
    for node in topology["node"].as_array().into_iter().flatten().chain(inner) {
        *ops.entry(node["op"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    ops
}
