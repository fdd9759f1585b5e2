//! Whether the calls of a model's layers can be made at all, one after the other.
//!
//! TensorFlow.js does not check: it tries the calls again and again, for ever, when one of them
//! waits for a layer that is not there, or for itself.

use std::collections::HashMap;

use serde_json::Value;
use tensorferry_diagnostics::{Problem, Problems};

use super::calls::{Tensor, boundary};
use super::json::{Members, layer_name, layers};
use crate::variables::is_model_class;

/// Checks a whole model in Keras 2's form and the models in it.
///
/// # Errors
///
/// Layers with the same name, references to what is not there, and calls in a circle.
pub(super) fn check(model: &Value) -> Result<(), Problems> {
    let mut problems = Vec::new();
    let mut open = vec![(model, String::new())];
    while let Some((object, place)) = open.pop() {
        let class_name = object.get("class_name").and_then(Value::as_str).unwrap_or_default();
        let Some(config) = object.get("config") else { continue };
        if is_model_class(class_name) {
            if class_name != "Sequential"
                && let Some(members) = config.as_object()
                && let Err(problem) = check_graph(members)
            {
                problems.push(problem.at(place.clone()));
            }
            for layer in layers(config) {
                let name = layer_name(layer);
                let inner =
                    if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") };
                if holds_model(layer) {
                    open.push((layer, inner));
                }
            }
        } else if let Some(inner) = config.get("layer") {
            open.push((inner, place));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn holds_model(layer: &Value) -> bool {
    let class_name = layer.get("class_name").and_then(Value::as_str).unwrap_or_default();
    is_model_class(class_name) || layer.get("config").is_some_and(|c| c.get("layer").is_some())
}

/// One call of a layer.
#[derive(Default)]
struct Call {
    /// How many of its inputs are not there yet; the same input twice counts twice.
    missing: usize,
    /// The calls that take its result.
    users: Vec<usize>,
}

/// A layer's calls: the numbers they go by, and their places among all calls.
struct Range {
    /// 1 for models, whose call 0 is built in.
    first: u64,
    start: usize,
    len: usize,
}

fn check_graph(model: &Members) -> Result<(), Problem> {
    let layers = model.get("layers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut ranges: HashMap<&str, Range> = HashMap::with_capacity(layers.len());
    let mut calls = Vec::new();
    for layer in layers {
        let nodes = layer.get("inbound_nodes").and_then(Value::as_array);
        let class_name = layer.get("class_name").and_then(Value::as_str).unwrap_or_default();
        let first = u64::from(is_model_class(class_name));
        // A layer without calls is an input, which stands for itself.
        let len = nodes.map_or(0, Vec::len).max(1);
        let range = Range { first, start: calls.len(), len };
        calls.extend((0..len).map(|_| Call::default()));
        if ranges.insert(layer_name(layer), range).is_some() {
            let what = format!("two layers are called `{}`", layer_name(layer));
            return Err(Problem::input(what));
        }
    }
    for layer in layers {
        connect(layer, &ranges, &mut calls)?;
    }
    run(layers, &mut calls)?;
    for key in ["input_layers", "output_layers"] {
        let Some(ends) = model.get(key) else { continue };
        let tensors = boundary(ends)
            .ok_or_else(|| Problem::input(format!("`{key}` of the model is broken")))?;
        for tensor in tensors {
            find(&tensor, &ranges).map_err(|what| Problem::input(format!("`{key}`: {what}")))?;
        }
    }
    Ok(())
}

/// Adds a layer's calls to those that they take from.
fn connect(
    layer: &Value,
    ranges: &HashMap<&str, Range>,
    calls: &mut [Call],
) -> Result<(), Problem> {
    let name = layer_name(layer);
    let broken = |what: String| Problem::input(format!("layer `{name}`: {what}"));
    let nodes = layer.get("inbound_nodes").and_then(Value::as_array);
    let start = ranges.get(name).map_or(0, |range| range.start);
    for (nth, node) in nodes.into_iter().flatten().enumerate() {
        let Some(entries) = node.as_array() else {
            return Err(broken("`inbound_nodes` holds something that is no call".to_owned()));
        };
        // The first operators of TensorFlow 2.4 were noted without the outer list.
        let is_bare = entries.first().is_some_and(Value::is_string);
        let entries = if is_bare { std::slice::from_ref(node) } else { entries.as_slice() };
        for entry in entries {
            let tensor = Tensor::from_triple(entry);
            let tensor = tensor
                .ok_or_else(|| broken("a call takes something else than tensors".to_owned()))?;
            let from = find(&tensor, ranges).map_err(broken)?;
            if let Some(from) = from
                && let Some(call) = calls.get_mut(from)
            {
                call.users.push(start + nth);
                calls.get_mut(start + nth).into_iter().for_each(|call| call.missing += 1);
            }
        }
    }
    Ok(())
}

/// The call that makes a tensor; `None` for the call that is built into a model.
fn find(tensor: &Tensor, ranges: &HashMap<&str, Range>) -> Result<Option<usize>, String> {
    let name = &tensor.layer;
    let Some(range) = ranges.get(name.as_str()) else {
        return Err(format!("there is no layer `{name}`"));
    };
    let Some(nth) = tensor.node.checked_sub(range.first) else { return Ok(None) };
    let nth = usize::try_from(nth).ok().filter(|nth| *nth < range.len);
    let nth = nth.ok_or_else(|| format!("layer `{name}` has no call {}", tensor.node))?;
    Ok(Some(range.start + nth))
}

/// Makes every call whose inputs are there, until none is left.
fn run(layers: &[Value], calls: &mut [Call]) -> Result<(), Problem> {
    let mut ready: Vec<usize> =
        calls.iter().enumerate().filter(|(_, call)| call.missing == 0).map(|(i, _)| i).collect();
    let mut done = 0_usize;
    while let Some(at) = ready.pop() {
        done += 1;
        let users = calls.get_mut(at).map(|call| std::mem::take(&mut call.users));
        for user in users.into_iter().flatten() {
            if let Some(call) = calls.get_mut(user) {
                call.missing -= 1;
                if call.missing == 0 {
                    ready.push(user);
                }
            }
        }
    }
    if done == calls.len() {
        return Ok(());
    }
    let stuck = calls.iter().position(|call| call.missing > 0).unwrap_or(0);
    let mut before = 0_usize;
    let layer = layers.iter().find(|layer| {
        let nodes = layer.get("inbound_nodes").and_then(Value::as_array);
        before += nodes.map_or(0, Vec::len).max(1);
        stuck < before
    });
    let name = layer.map(layer_name).unwrap_or_default();
    Err(Problem::input(format!("the calls of the layers go in a circle, at layer `{name}`")))
}
