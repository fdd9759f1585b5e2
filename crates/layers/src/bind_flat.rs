//! Weights of a TensorFlow.js manifest find their layer and variable.
//!
//! A manifest is one flat list. Its names come from TensorFlow.js (`lstm/kernel`), from Keras 2
//! (`lstm/lstm_cell/kernel`), from Keras 3 through the reference converter (`sequential/d/kernel`,
//! `layers/dense/vars/0`), or, with a suffix that made them unique, from none of these.

use std::collections::{HashMap, HashSet};

use crate::bind::{BindError, Bound, BoundWeight, StoredWeight, tfjs_resolves};
use crate::variables::{Leaf, VarNode};

/// Binds a flat list of weights.
///
/// Names decide; only when they fail and there are exactly as many weights as the model has, their
/// order does, provided that each name still ends in its variable's name.
///
/// # Errors
/// Every layer that misses a weight.
pub fn bind_flat(tree: &VarNode, stored: Vec<StoredWeight>) -> Result<Bound, Vec<BindError>> {
    let leaves = tree.leaves();
    let names: Vec<&str> = stored.iter().map(|weight| weight.name.as_str()).collect();
    let mut by_name = match_names(&leaves, &names);
    match_layers(&leaves, &names, &mut by_name);
    let is_complete = by_name.iter().all(Option::is_some);
    let order = if is_complete { by_name } else { match_order(&leaves, &names).unwrap_or(by_name) };
    let mut left: Vec<Option<StoredWeight>> = stored.into_iter().map(Some).collect();
    let mut bound = Bound::default();
    let mut missing: Vec<Leaf> = Vec::new();
    for (leaf, at) in leaves.into_iter().zip(order) {
        match at.and_then(|at| left.get_mut(at)?.take()) {
            Some(stored) => bound.weights.push(BoundWeight { leaf, stored, is_guess: false }),
            None => missing.push(leaf),
        }
    }
    let has_unknown = tree.has_unknown();
    for stored in left.into_iter().flatten() {
        match has_unknown && !is_state(&stored.name) {
            true => bound.weights.push(BoundWeight::guess(stored)),
            false => bound.surplus.push(stored.name),
        }
    }
    if missing.is_empty() { Ok(bound) } else { Err(errors(tree, &missing)) }
}

/// For each leaf the weight that one of its names names.
fn match_names(leaves: &[Leaf], names: &[&str]) -> Vec<Option<usize>> {
    let mut at: HashMap<&str, usize> = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        at.insert(name, i);
    }
    // Names that TensorFlow.js or the reference shorten or lengthen, tried after the exact ones.
    let mut loose: HashMap<String, Option<usize>> = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        for short in [without_cell(name), without_model(name)].into_iter().flatten() {
            // Two weights of one shortened name: it names neither.
            loose.entry(short).and_modify(|at| *at = None).or_insert(Some(i));
        }
    }
    let mut used = vec![false; names.len()];
    leaves
        .iter()
        .map(|leaf| {
            let object = format!("{}/vars/{}", leaf.object_path, leaf.index);
            let exact = [&leaf.tfjs_name, &leaf.keras2_name, &object];
            let found = exact
                .into_iter()
                .find_map(|name| at.get(name.as_str()).copied())
                .or_else(|| loose.get(&leaf.tfjs_name).copied().flatten())
                .or_else(|| loose.get(&leaf.keras2_name).copied().flatten())?;
            let is_used = std::mem::replace(used.get_mut(found)?, true);
            (!is_used).then_some(found)
        })
        .collect()
}

/// Gives leaves without a weight the free weights that name their layer, when there are as many:
/// Keras 3 calls `kernel` what TensorFlow.js calls `depthwise_kernel`.
fn match_layers(leaves: &[Leaf], names: &[&str], order: &mut [Option<usize>]) {
    let used: HashSet<usize> = order.iter().flatten().copied().collect();
    let mut free: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, name) in names.iter().enumerate().filter(|(i, _)| !used.contains(i)) {
        let parts: HashSet<&str> = name.split('/').collect();
        for part in parts {
            free.entry(part).or_default().push(i);
        }
    }
    let mut wanting: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, leaf) in leaves.iter().enumerate() {
        if order.get(i).is_some_and(Option::is_none) {
            let layer = leaf.layer_path.last().map_or("", String::as_str);
            wanting.entry(layer).or_default().push(i);
        }
    }
    for (layer, leaves) in wanting {
        let Some(weights) = free.get(layer).filter(|found| found.len() == leaves.len()) else {
            continue;
        };
        for (leaf, weight) in leaves.into_iter().zip(weights) {
            if let Some(slot) = order.get_mut(leaf) {
                *slot = Some(*weight);
            }
        }
    }
}

/// The order of Keras (layer by layer) or of TensorFlow.js (all trained weights first).
fn match_order(leaves: &[Leaf], names: &[&str]) -> Option<Vec<Option<usize>>> {
    if leaves.len() != names.len() {
        return None;
    }
    let fits = |order: &[usize]| {
        order.iter().zip(names).all(|(leaf, name)| {
            let last = name.rsplit('/').next().unwrap_or(name);
            leaves.get(*leaf).is_some_and(|leaf| last.starts_with(&leaf.variable))
        })
    };
    let keras: Vec<usize> = (0..leaves.len()).collect();
    let mut tfjs = keras.clone();
    tfjs.sort_by_key(|i| leaves.get(*i).is_some_and(|leaf| !leaf.trainable));
    let order = [keras, tfjs].into_iter().find(|order| fits(order))?;
    let mut weight_of = vec![None; leaves.len()];
    for (weight, leaf) in order.into_iter().enumerate() {
        *weight_of.get_mut(leaf)? = Some(weight);
    }
    Some(weight_of)
}

/// `lstm/lstm_cell/kernel` as `lstm/kernel`.
fn without_cell(name: &str) -> Option<String> {
    let (front, variable) = name.rsplit_once('/')?;
    let (kept, _) = front.rsplit_once('/')?;
    let short = format!("{kept}/{variable}");
    debug_assert!(tfjs_resolves(name, &short), "the rule is TensorFlow.js' own");
    Some(short)
}

/// `sequential/d/kernel` as `d/kernel`.
fn without_model(name: &str) -> Option<String> {
    name.split_once('/').map(|(_, rest)| rest.to_owned())
}

/// State that the reference exports from `.keras` files together with the weights.
fn is_state(name: &str) -> bool {
    ["optimizer/", "metrics/", "compile_metrics/"].iter().any(|state| name.starts_with(state))
}

fn errors(tree: &VarNode, missing: &[Leaf]) -> Vec<BindError> {
    let all = tree.leaves();
    let mut layers: Vec<&str> = missing.iter().map(|leaf| leaf.layer.as_str()).collect();
    layers.dedup();
    layers
        .into_iter()
        .map(|layer| {
            let of_layer = |leaf: &&Leaf| leaf.layer == layer;
            let expected = all.iter().filter(of_layer).count();
            let names: Vec<&str> =
                missing.iter().filter(of_layer).map(|leaf| leaf.tfjs_name.as_str()).collect();
            BindError::Count {
                layer: layer.to_owned(),
                stored: expected - names.len(),
                expected,
                missing: format!("; missing: {}", names.join(", ")),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tensorferry_tensor::Tensor;

    use super::*;

    fn tree() -> VarNode {
        let model = json!({"name": "m", "layers": [
            {"class_name": "BatchNormalization", "config": {"name": "bn", "scale": false}},
            {"class_name": "LSTM", "config": {"name": "l", "use_bias": false}},
            {"class_name": "Dense", "config": {"name": "d"}},
        ]});
        VarNode::of_model("Sequential", model.as_object().unwrap())
    }

    fn bound(names: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let stored = names.iter().map(|name| StoredWeight {
            name: (*name).to_owned(),
            tensor: Tensor::from_f32(&[], &[0.0]),
            location: None,
        });
        match bind_flat(&tree(), stored.collect()) {
            Ok(bound) => Ok(bound.weights.into_iter().map(|w| w.stored.name).collect()),
            Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn names_of_every_writer_are_known() {
        // Each list is in the order of the leaves.
        let lists = [
            [
                "bn/beta",
                "bn/moving_mean",
                "bn/moving_variance",
                "l/kernel",
                "l/recurrent_kernel",
                "d/kernel",
                "d/bias",
            ],
            [
                "bn/beta",
                "bn/moving_mean",
                "bn/moving_variance",
                "l/lstm_cell/kernel",
                "l/lstm_cell_3/recurrent_kernel",
                "d/kernel",
                "d/bias",
            ],
            [
                "m/bn/beta",
                "m/bn/moving_mean",
                "m/bn/moving_variance",
                "l/lstm_cell/kernel",
                "l/lstm_cell/recurrent_kernel",
                "m/d/kernel",
                "m/d/bias",
            ],
            [
                "layers/batch_normalization/vars/0",
                "layers/batch_normalization/vars/1",
                "layers/batch_normalization/vars/2",
                "layers/lstm/cell/vars/0",
                "layers/lstm/cell/vars/1",
                "layers/dense/vars/0",
                "layers/dense/vars/1",
            ],
        ];
        for list in lists {
            let mut shuffled = list;
            shuffled.reverse();
            assert_eq!(bound(&shuffled).unwrap(), list);
        }
    }

    #[test]
    fn the_order_decides_when_names_do_not() {
        let trained_first = [
            "x/beta",
            "y/kernel",
            "y/recurrent_kernel",
            "z/kernel_1",
            "z/bias_1",
            "x/moving_mean",
            "x/moving_variance",
        ];
        let expected = [
            "x/beta",
            "x/moving_mean",
            "x/moving_variance",
            "y/kernel",
            "y/recurrent_kernel",
            "z/kernel_1",
            "z/bias_1",
        ];
        assert_eq!(bound(&trained_first).unwrap(), expected);
    }

    #[test]
    fn a_layer_takes_the_weights_that_name_it() {
        let names = [
            "bn/beta",
            "bn/moving_mean",
            "bn/moving_variance",
            "m/l/cell/a",
            "m/l/cell/b",
            "d/w",
            "d/b",
        ];
        assert_eq!(bound(&names).unwrap(), names);
    }

    #[test]
    fn a_missing_weight_is_named() {
        let errors = bound(&[
            "bn/beta",
            "bn/moving_mean",
            "bn/moving_variance",
            "l/kernel",
            "l/recurrent_kernel",
            "d/kernel",
        ]);
        assert_eq!(
            errors.unwrap_err(),
            ["layer `d` has 1 stored weights, its config makes 2; missing: d/bias"]
        );
    }
}
