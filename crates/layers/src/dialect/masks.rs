//! Masks that early Keras 3 wrote into the graph although the layers make them anyway.
//!
//! Up to 3.4 or so an `Embedding(mask_zero=True)` or a `Masking` left operators in the model
//! (`NotEqual`, `Any`), and the layers behind got `mask=<their tensor>`. Keras 2 and TensorFlow.js
//! pass the same mask along by themselves.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::calls::{Argument, Call};
use super::json::{Members, layer_name, text};
use super::operators;

/// Layers that hand their mask on stop the walk here; a real model has a few in a row.
const STEPS_MAX: usize = 256;

/// Removes `mask` arguments that say what is so anyway, then the operators that nothing uses.
pub(super) fn drop_implied(model: &Members, layers: &mut Vec<Value>, calls: &mut Vec<Vec<Call>>) {
    let has_mask = calls
        .iter()
        .flatten()
        .any(|call| call.kwargs.iter().any(|(key, value)| key == "mask" && value.holds_tensors()));
    if !has_mask {
        return;
    }
    let at: HashMap<String, usize> =
        layers.iter().enumerate().map(|(i, layer)| (layer_name(layer).to_owned(), i)).collect();
    let mut implied = Vec::new();
    for (i, of_layer) in calls.iter().enumerate() {
        for (j, call) in of_layer.iter().enumerate() {
            let view = View { layers, calls, at: &at };
            if view.is_implied(call) {
                implied.push((i, j));
            }
        }
    }
    for (i, j) in implied {
        if let Some(call) = calls.get_mut(i).and_then(|of_layer| of_layer.get_mut(j)) {
            call.take("mask");
        }
    }
    drop_unused(model, layers, calls, &at);
}

#[derive(Clone, Copy)]
struct View<'a> {
    layers: &'a [Value],
    calls: &'a [Vec<Call>],
    at: &'a HashMap<String, usize>,
}

/// What a mask is: where a layer's input is not this value.
#[derive(PartialEq)]
struct Rule {
    input: String,
    value: f64,
}

impl<'a> View<'a> {
    fn is_implied(self, call: &Call) -> bool {
        let mask = call.kwargs.iter().find(|(key, _)| key == "mask").map(|(_, mask)| mask);
        let Some(Argument::Tensor(mask)) = mask else { return false };
        let Some(wanted) = self.rule_of_operator(&mask.layer) else { return false };
        let mut layer = match call.args.first() {
            Some(Argument::Tensor(input)) => input.layer.as_str(),
            _ => return false,
        };
        for _ in 0..STEPS_MAX {
            if self.rule_of_layer(layer).is_some_and(|rule| rule == wanted) {
                return true;
            }
            match self.only_input(layer) {
                Some(before) if passes_masks(self.class_name(layer)) => layer = before,
                _ => return false,
            }
        }
        false
    }

    /// `NotEqual(x, c)`, or `Any` of that over the last axis.
    fn rule_of_operator(self, name: &str) -> Option<Rule> {
        let call = self.only_call(name)?;
        match self.class_name(name) {
            "Any" => self.rule_of_operator_below(call),
            "NotEqual" => not_equal(call),
            _ => None,
        }
    }

    fn rule_of_operator_below(self, call: &Call) -> Option<Rule> {
        let Some(Argument::Tensor(inner)) = call.args.first() else { return None };
        let is_comparison = self.class_name(&inner.layer) == "NotEqual";
        not_equal(self.only_call(&inner.layer).filter(|_| is_comparison)?)
    }

    /// The mask that a layer makes from its input.
    fn rule_of_layer(self, name: &str) -> Option<Rule> {
        let config = self.layer(name)?.get("config")?;
        let value = match self.class_name(name) {
            "Embedding" if config.get("mask_zero")?.as_bool()? => 0.0,
            "Masking" => config.get("mask_value")?.as_f64()?,
            _ => return None,
        };
        Some(Rule { input: self.only_input(name)?.to_owned(), value })
    }

    fn only_call(self, name: &str) -> Option<&'a Call> {
        let calls = self.calls.get(*self.at.get(name)?)?;
        calls.first().filter(|_| calls.len() == 1)
    }

    fn only_input(&self, name: &str) -> Option<&str> {
        let calls = self.calls.get(*self.at.get(name)?)?;
        match calls.first().filter(|_| calls.len() == 1)?.args.first()? {
            Argument::Tensor(tensor) => Some(&tensor.layer),
            _ => None,
        }
    }

    fn layer(&self, name: &str) -> Option<&Value> {
        self.layers.get(*self.at.get(name)?)
    }

    fn class_name(&self, name: &str) -> &str {
        let class_name = self.layer(name).and_then(|layer| layer.get("class_name"));
        class_name.and_then(Value::as_str).unwrap_or_default()
    }
}

fn not_equal(call: &Call) -> Option<Rule> {
    match call.args.as_slice() {
        [Argument::Tensor(input), Argument::Value(value)] => {
            Some(Rule { input: input.layer.clone(), value: value.as_f64()? })
        }
        _ => None,
    }
}

/// Layers behind which the mask of their input still holds, in Keras and in TensorFlow.js.
fn passes_masks(class_name: &str) -> bool {
    matches!(
        class_name,
        "Activation"
            | "AlphaDropout"
            | "BatchNormalization"
            | "Bidirectional"
            | "Dense"
            | "Dropout"
            | "GRU"
            | "GaussianDropout"
            | "GaussianNoise"
            | "LSTM"
            | "LayerNormalization"
            | "LeakyReLU"
            | "ReLU"
            | "SimpleRNN"
            | "SpatialDropout1D"
    )
}

/// Removes operators whose result nobody takes; in one sweep from the users down.
fn drop_unused(
    model: &Members,
    layers: &mut Vec<Value>,
    calls: &mut Vec<Vec<Call>>,
    at: &HashMap<String, usize>,
) {
    let mut users = vec![0_usize; layers.len()];
    let mut count = |name: &str| {
        if let Some(n) = at.get(name).and_then(|i| users.get_mut(*i)) {
            *n += 1;
        }
    };
    calls.iter().flatten().flat_map(Call::tensors).for_each(|t| count(&t.layer));
    let outputs = model.get("output_layers").and_then(super::calls::boundary);
    outputs.iter().flatten().for_each(|t| count(&t.layer));

    let is_operator =
        |i: usize| layers.get(i).and_then(Value::as_object).is_some_and(operators::is_operator);
    let is_mask = |i: usize| {
        let class_name = layers.get(i).and_then(Value::as_object).map(|l| text(l, "class_name"));
        is_operator(i) && matches!(class_name, Some("NotEqual" | "Any"))
    };
    let mut open: Vec<usize> =
        users.iter().enumerate().filter(|(i, n)| **n == 0 && is_mask(*i)).map(|(i, _)| i).collect();
    let mut dropped = HashSet::new();
    while let Some(i) = open.pop() {
        if !dropped.insert(i) {
            continue;
        }
        for tensor in calls.get(i).into_iter().flatten().flat_map(Call::tensors) {
            let Some(from) = at.get(&tensor.layer).copied() else { continue };
            if let Some(n) = users.get_mut(from) {
                *n = n.saturating_sub(1);
                if *n == 0 && is_mask(from) {
                    open.push(from);
                }
            }
        }
    }
    let mut keep = (0..layers.len()).map(|i| !dropped.contains(&i));
    layers.retain(|_| keep.next().unwrap_or(true));
    let mut keep = (0..calls.len()).map(|i| !dropped.contains(&i));
    calls.retain(|_| keep.next().unwrap_or(true));
}
