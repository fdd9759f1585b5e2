//! What Keras predicted, as JSON for the tests in other languages.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tensorferry_conformance::manifest::{ArrayRef, Call, Case};
use tensorferry_conformance::npy::{Array, io_of};

/// Keras computes some models in half precision, TensorFlow.js in single: they may differ by one
/// unit in the last place of a half. Also what float16 and uint16 weights may cost.
const HALF_TOLERANCE: f64 = 1.0 / 1024.0;

/// What 8-bit weights may cost: five steps of the 255 that a code has.
const UINT8_TOLERANCE: f64 = 5.0 / 255.0;

/// The recorded calls of a case, and how far a result may be from them.
pub fn calls_of(case: &Case) -> Value {
    let io = io_of(case.model.as_deref().unwrap_or_default());
    let calls = if case.no_io { Vec::new() } else { case.calls() };
    let mut entry = json!({
        "calls": calls.iter().map(|call| call_json(call, &io)).collect::<Vec<_>>(),
    });
    if let Some(difference) = reference_difference(case, &calls, &io) {
        entry["reference_difference"] = json!(difference);
    }
    if let Some(tolerance) = tolerance(case) {
        entry["tolerance"] = json!(tolerance);
    }
    entry
}

/// The bound of a case that is not held to the usual one.
fn tolerance(case: &Case) -> Option<f64> {
    let has = |prefixes: &[&str]| {
        case.args.iter().any(|arg| prefixes.iter().any(|prefix| arg.starts_with(prefix)))
    };
    if has(&["--quantize_uint8", "--quantization_bytes=1"]) {
        return Some(UINT8_TOLERANCE);
    }
    let in_half = case.tolerance.is_some_and(|tolerance| tolerance.rtol >= 0.01);
    (in_half || has(&["--quantize_", "--quantization_bytes"])).then_some(HALF_TOLERANCE)
}

fn call_json(call: &Call, io: &BTreeMap<String, Array>) -> Value {
    let arrays = |list: &[ArrayRef]| -> Vec<Value> {
        list.iter().map(|array| array_json(array, io)).collect()
    };
    json!({
        "by_name": call.signature.is_some(),
        "inputs": arrays(&call.inputs),
        "outputs": arrays(&call.outputs),
    })
}

/// An array as TensorFlow.js would have it: float32, int32, bool or strings.
fn array_json(array: &ArrayRef, io: &BTreeMap<String, Array>) -> Value {
    let Some(key) = &array.key else {
        return json!({
            "name": array.name, "dtype": "string", "shape": array.shape, "values": array.values,
        });
    };
    let numbers = io[key].to_f64();
    let (dtype, bytes): (&str, Vec<u8>) = match array.dtype.as_str() {
        "bool" => ("bool", numbers.iter().map(|x| u8::from(*x != 0.0)).collect()),
        name if name.contains("int") => {
            ("int32", numbers.iter().flat_map(|x| (*x as i32).to_le_bytes()).collect())
        }
        _ => ("float32", numbers.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect()),
    };
    json!({ "name": array.name, "dtype": dtype, "shape": array.shape, "base64": base64(&bytes) })
}

/// How far the reference's quantized model is from Keras in TensorFlow.js, as `check.mjs` measures.
fn reference_difference(case: &Case, calls: &[Call], io: &BTreeMap<String, Array>) -> Option<f64> {
    if !case.quantized {
        return None;
    }
    let recorded: Value = serde_json::from_slice(&fs::read(case.tfjs_outputs()).ok()?).ok()?;
    let mut max = 0.0_f64;
    for (call, outputs) in calls.iter().zip(recorded["calls"].as_array()?) {
        for (wanted, got) in call.outputs.iter().zip(outputs.as_array()?) {
            let wanted = io.get(wanted.key.as_ref()?)?.to_f64();
            for (w, g) in wanted.iter().zip(got["values"].as_array()?) {
                max = max.max((g.as_f64()? - w).abs() / w.abs().max(1.0));
            }
        }
    }
    Some(max)
}

/// The bytes as base64.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
