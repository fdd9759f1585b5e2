//! Stored weights find their layer and variable.
//!
//! Writers name weights in many ways (`dense/kernel:0`, `sequential/dense/kernel`, `dense_1_W`,
//! `encoder/e1/kernel`), so names alone are not trusted: within one layer of the model the order
//! that every Keras keeps (`layer.weights`) decides, and names confirm it.

use std::collections::HashMap;

use tensorferry_tensor::Tensor;

use crate::variables::{Leaf, VarNode};

/// The weights that a file holds for one of the model's own layers, in the file's order.
#[derive(Debug, Clone)]
pub struct StoredLayer {
    /// The layer's name.
    pub name: String,
    /// Its weights.
    pub weights: Vec<StoredWeight>,
}

/// One weight as a file holds it.
#[derive(Debug, Clone)]
pub struct StoredWeight {
    /// Its name as stored, without the `:0`.
    pub name: String,
    /// The weight.
    pub tensor: Tensor,
    /// Where its bytes lie, when they lie plainly in one piece.
    pub location: Option<Location>,
}

/// A run of bytes in one of the input's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: String,
    /// The first byte.
    pub start: u64,
    /// How many.
    pub byte_len: u64,
}

/// A weight whose place in the model is known.
#[derive(Debug, Clone)]
pub struct BoundWeight {
    /// Its place. For a weight of a layer of unknown class only the stored name is known, and it
    /// stands in every name of the leaf.
    pub leaf: Leaf,
    /// The weight as it is stored.
    pub stored: StoredWeight,
    /// True when the layer's class is unknown, so that the place is a guess from the name.
    pub is_guess: bool,
}

impl BoundWeight {
    /// A weight of a layer of unknown class: what is known is its stored name,
    /// `<layer>/<anything>`.
    pub fn guess(stored: StoredWeight) -> Self {
        let (layer, variable) = match stored.name.rsplit_once('/') {
            Some((layer, variable)) => (layer.to_owned(), variable.to_owned()),
            None => (stored.name.clone(), stored.name.clone()),
        };
        let leaf = Leaf {
            object_path: format!("layers/{layer}"),
            layer_path: vec![layer.clone()],
            layer,
            tfjs_name: stored.name.clone(),
            keras2_name: stored.name.clone(),
            index: 0,
            variable,
            trainable: true,
            dims: None,
        };
        Self { leaf, stored, is_guess: true }
    }
}

/// Why the weights of a layer do not fit its config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The file has another number of weights than the layer.
    #[error("layer `{layer}` has {stored} stored weights, its config makes {expected}{missing}")]
    Count {
        /// The layer.
        layer: String,
        /// Weights in the file.
        stored: usize,
        /// Weights by the config.
        expected: usize,
        /// Names of those that are not there, as `; missing: …`, or empty.
        missing: String,
    },
}

/// What binding found beside the bound weights.
#[derive(Debug, Clone, Default)]
pub struct Bound {
    /// The weights, in the order of [`VarNode::leaves`].
    pub weights: Vec<BoundWeight>,
    /// Stored names that no layer of the model takes.
    pub surplus: Vec<String>,
    /// Layers whose stored names said something else than the order; the order was followed.
    pub renamed_layers: Vec<String>,
}

/// Binds what a file holds for each layer to the model's variables.
///
/// # Errors
/// All layers whose weights do not fit, never only the first.
pub fn bind(tree: &VarNode, stored: Vec<StoredLayer>) -> Result<Bound, Vec<BindError>> {
    let mut by_name: HashMap<String, Vec<StoredWeight>> = HashMap::new();
    let mut surplus = Vec::new();
    let layers: HashMap<&str, &VarNode> =
        tree.children.iter().map(|layer| (layer.name.as_str(), layer)).collect();
    for layer in stored {
        if layers.contains_key(layer.name.as_str()) {
            by_name.entry(layer.name).or_default().extend(layer.weights);
        } else {
            surplus.extend(layer.weights.into_iter().map(|weight| weight.name));
        }
    }
    let mut leaves: HashMap<String, Vec<Leaf>> = HashMap::new();
    for leaf in tree.leaves() {
        leaves.entry(leaf.layer.clone()).or_default().push(leaf);
    }
    let mut bound = Bound { surplus, ..Bound::default() };
    let mut errors = Vec::new();
    for layer in &tree.children {
        let expected = leaves.remove(&layer.name).unwrap_or_default();
        let stored = by_name.remove(&layer.name).unwrap_or_default();
        if let Err(error) = bind_layer(layer, expected, stored, &mut bound) {
            errors.push(error);
        }
    }
    if errors.is_empty() { Ok(bound) } else { Err(errors) }
}

fn bind_layer(
    layer: &VarNode,
    expected: Vec<Leaf>,
    stored: Vec<StoredWeight>,
    bound: &mut Bound,
) -> Result<(), BindError> {
    if layer.has_unknown() {
        bound.weights.extend(guess(layer, expected, stored));
        return Ok(());
    }
    let order =
        match match_by_order(&expected, &stored).or_else(|| match_by_name(&expected, &stored)) {
            Some(order) => order,
            None if expected.len() == stored.len() => {
                bound.renamed_layers.push(layer.name.clone());
                (0..stored.len()).collect()
            }
            None => return Err(count_error(layer, &expected, &stored)),
        };
    let mut stored: Vec<Option<StoredWeight>> = stored.into_iter().map(Some).collect();
    for (leaf, at) in expected.into_iter().zip(order) {
        let taken = stored.get_mut(at).and_then(Option::take);
        let stored = taken.expect("a matching uses each stored weight once");
        bound.weights.push(BoundWeight { leaf, stored, is_guess: false });
    }
    Ok(())
}

/// The stored order is the expected one, and every name ends in its variable's name.
fn match_by_order(expected: &[Leaf], stored: &[StoredWeight]) -> Option<Vec<usize>> {
    let fits = expected.len() == stored.len()
        && expected
            .iter()
            .zip(stored)
            .all(|(leaf, weight)| last_part(&weight.name) == leaf.variable);
    fits.then(|| (0..stored.len()).collect())
}

/// Every expected weight is the only one whose stored name ends in its Keras or TF.js name.
fn match_by_name(expected: &[Leaf], stored: &[StoredWeight]) -> Option<Vec<usize>> {
    if expected.len() != stored.len() {
        return None;
    }
    let mut at: HashMap<&str, usize> = HashMap::new();
    for (i, weight) in stored.iter().enumerate() {
        // A name that is there twice names nothing.
        if at.insert(&weight.name, i).is_some() {
            return None;
        }
    }
    let mut used = vec![false; stored.len()];
    expected
        .iter()
        .map(|leaf| {
            let names = [&leaf.keras2_name, &leaf.tfjs_name];
            let i = names.into_iter().find_map(|name| at.get(name.as_str()).copied())?;
            let is_free = !std::mem::replace(used.get_mut(i)?, true);
            is_free.then_some(i)
        })
        .collect()
}

/// Weights of a layer that holds an unknown class: what fits by name is bound, the rest keeps its
/// stored name.
fn guess(
    layer: &VarNode,
    expected: Vec<Leaf>,
    stored: Vec<StoredWeight>,
) -> impl Iterator<Item = BoundWeight> {
    let mut known: HashMap<String, Leaf> =
        expected.into_iter().map(|leaf| (leaf.keras2_name.clone(), leaf)).collect();
    let layer = layer.name.clone();
    stored.into_iter().map(move |stored| match known.remove(&stored.name) {
        Some(leaf) => BoundWeight { leaf, stored, is_guess: false },
        None => {
            let mut weight = BoundWeight::guess(stored);
            weight.leaf.layer.clone_from(&layer);
            weight.leaf.layer_path = vec![layer.clone()];
            weight
        }
    })
}

fn count_error(layer: &VarNode, expected: &[Leaf], stored: &[StoredWeight]) -> BindError {
    const NAMED_MAX: usize = 5;
    let is_there =
        |leaf: &Leaf| stored.iter().any(|w| w.name == leaf.keras2_name || w.name == leaf.tfjs_name);
    let missing: Vec<&str> = expected
        .iter()
        .filter(|leaf| !is_there(leaf))
        .map(|leaf| leaf.keras2_name.as_str())
        .take(NAMED_MAX)
        .collect();
    BindError::Count {
        layer: layer.name.clone(),
        stored: stored.len(),
        expected: expected.len(),
        missing: match missing.is_empty() || stored.len() > expected.len() {
            true => String::new(),
            false => format!("; missing: {}", missing.join(", ")),
        },
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// True when TensorFlow.js takes a weight called `name` for the variable `tfjs_name`: it looks for
/// the name itself and then for the name without its second-to-last part, where TensorFlow writes
/// the cell's name (`lstm/lstm_cell/kernel`).
pub fn tfjs_resolves(name: &str, tfjs_name: &str) -> bool {
    if name == tfjs_name {
        return true;
    }
    let Some((front, variable)) = name.rsplit_once('/') else { return false };
    let shortened = match front.rsplit_once('/') {
        Some((kept, _cell)) => format!("{kept}/{variable}"),
        None => variable.to_owned(),
    };
    shortened == tfjs_name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> VarNode {
        let model = json!({"name": "m", "layers": [
            {"class_name": "Sequential", "config": {"name": "inner", "layers": [
                {"class_name": "BatchNormalization", "config": {"name": "bn"}},
                {"class_name": "Dense", "config": {"name": "d"}}]}},
            {"class_name": "Dense", "config": {"name": "out", "use_bias": false}},
        ]});
        VarNode::of_model("Functional", model.as_object().unwrap())
    }

    fn stored(name: &str, weights: &[&str]) -> StoredLayer {
        let weights = weights
            .iter()
            .enumerate()
            .map(|(i, name)| StoredWeight {
                name: (*name).to_owned(),
                tensor: Tensor::from_f32(&[], &[i as f32]),
                location: None,
            })
            .collect();
        StoredLayer { name: name.to_owned(), weights }
    }

    fn bound_names(layers: Vec<StoredLayer>) -> Vec<(String, String)> {
        let bound = bind(&tree(), layers).unwrap();
        bound.weights.into_iter().map(|w| (w.leaf.tfjs_name, w.stored.name)).collect()
    }

    #[test]
    fn order_names_and_count_decide_in_turn() {
        let by_order = [
            "i/bn/gamma",
            "i/bn/beta",
            "i/d/kernel",
            "i/d/bias",
            "i/bn/moving_mean",
            "i/bn/moving_variance",
        ];
        let by_name =
            ["bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance", "d/kernel", "d/bias"];
        let old = ["a_g", "a_b", "b_W", "b_b", "a_m", "a_s"];
        for names in [by_order, by_name, old] {
            let bound =
                bound_names(vec![stored("out", &["out_1/kernel"]), stored("inner", &names)]);
            let of = |name: &str| bound.iter().find(|(leaf, _)| leaf == name).unwrap().1.clone();
            let expected = if names == by_name { "d/kernel" } else { names[2] };
            assert_eq!(of("d/kernel"), expected);
            assert_eq!(of("bn/moving_mean"), if names == by_name { names[2] } else { names[4] });
            assert_eq!(of("out/kernel"), "out_1/kernel");
        }
    }

    #[test]
    fn every_layer_that_does_not_fit_is_named() {
        let errors = bind(&tree(), vec![stored("inner", &["bn/gamma"]), stored("extra", &["x"])])
            .unwrap_err();
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "layer `inner` has 1 stored weights, its config makes 6; missing: bn/beta, d/kernel, d/bias, bn/moving_mean, bn/moving_variance",
                "layer `out` has 0 stored weights, its config makes 1; missing: out/kernel",
            ]
        );
    }

    #[test]
    fn tfjs_drops_the_cell_name_once() {
        assert!(tfjs_resolves("l/lstm_cell/kernel", "l/kernel"));
        assert!(tfjs_resolves("l/kernel", "l/kernel"));
        assert!(!tfjs_resolves("s/l/kernel", "l/kernel"));
        assert!(!tfjs_resolves("a/b/c/kernel", "a/kernel"));
    }
}
