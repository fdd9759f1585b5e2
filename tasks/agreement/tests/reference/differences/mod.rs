//! The differences from the reference that we want, each as a rule that undoes it and nothing else.

mod header;
mod keras3;
mod layers;
mod walk;
mod weights;

use tensorferry_conformance::compare::json_difference;
use tensorferry_conformance::layers_model::WrittenModel;
use tensorferry_conformance::manifest::Case;

/// Our output and the reference's for one case.
#[derive(Clone)]
pub(crate) struct Pair<'a> {
    /// The case.
    pub(crate) case: &'a Case,
    /// What we wrote.
    pub(crate) ours: WrittenModel,
    /// What the reference wrote.
    pub(crate) theirs: WrittenModel,
}

/// One difference that is wanted.
pub(crate) struct Rule {
    /// A short name.
    pub(crate) id: &'static str,
    /// What differs, in one line.
    pub(crate) title: &'static str,
    /// Why ours is better, or why it does not matter.
    pub(crate) reason: &'static str,
    /// Takes this difference, where it is there, out of the pair.
    pub(crate) apply: fn(&mut Pair<'_>),
}

/// The rules that account for every difference, none of which can be left out.
///
/// # Errors
/// The first difference that no rule accounts for.
pub(crate) fn explain(pair: &Pair<'_>) -> Result<Vec<&'static str>, String> {
    if difference(&pair.ours, &pair.theirs).is_none() {
        return Ok(Vec::new());
    }
    let mut needed = rules_that_act(pair);
    if let Some(difference) = difference_under(pair, &needed) {
        return Err(difference);
    }
    for rule in needed.clone() {
        let without: Vec<&Rule> = needed.iter().copied().filter(|r| r.id != rule.id).collect();
        if difference_under(pair, &without).is_none() {
            needed = without;
        }
    }
    Ok(needed.iter().map(|rule| rule.id).collect())
}

fn rules_that_act(pair: &Pair<'_>) -> Vec<&'static Rule> {
    let mut pair = pair.clone();
    let mut acts = |rule: &Rule| {
        let before = pair.clone();
        (rule.apply)(&mut pair);
        before.ours != pair.ours || before.theirs != pair.theirs
    };
    RULES.iter().filter(|rule| acts(rule)).collect()
}

fn difference_under(pair: &Pair<'_>, rules: &[&Rule]) -> Option<String> {
    let mut pair = pair.clone();
    for rule in rules {
        (rule.apply)(&mut pair);
    }
    difference(&pair.ours, &pair.theirs)
}

fn difference(ours: &WrittenModel, theirs: &WrittenModel) -> Option<String> {
    let names = |model: &WrittenModel| -> Vec<String> {
        model.weights().map(|weight| weight.name.clone()).collect()
    };
    if names(ours) != names(theirs) {
        return Some(format!("weights are {:?} instead of {:?}", names(ours), names(theirs)));
    }
    for (a, b) in ours.weights().zip(theirs.weights()) {
        if let Some(difference) = json_difference(&a.spec, &b.spec) {
            return Some(format!("weight `{}`: {difference}", a.name));
        }
        if a.bytes != b.bytes {
            return Some(format!("weight `{}` has other bytes", a.name));
        }
    }
    let layout = |model: &WrittenModel| -> Vec<(Vec<(String, usize)>, usize)> {
        model.groups.iter().map(|group| (group.shards.clone(), group.weights.len())).collect()
    };
    if layout(ours) != layout(theirs) {
        return Some(format!("shards are {:?} instead of {:?}", layout(ours), layout(theirs)));
    }
    json_difference(&ours.json, &theirs.json)
}

/// All rules, in the order in which they are applied.
pub(crate) const RULES: &[Rule] = &[
    header::CONVERTED_BY,
    header::GENERATED_BY,
    header::TRAINING_CONFIG,
    weights::OPTIMIZER_VARIABLES,
    weights::KERAS_ZIP_NAMES,
    weights::SHARED_VARIABLES,
    weights::KERAS3_H5_NAMES,
    weights::TFJS_NAMES,
    weights::ORDER,
    weights::NUMPY1_CODES,
    keras3::DTYPE_POLICY,
    keras3::BATCH_SHAPE,
    keras3::CONNECTIONS,
    keras3::NESTED_NODES,
    keras3::NEW_KEYS,
    layers::MODULE_KEYS,
    layers::DICT_IO,
    layers::REGULARIZERS,
    layers::CONSTRAINTS,
    layers::SEPARABLE,
    layers::LEAKY_RELU,
    layers::SILU,
    layers::KEEPDIMS,
    layers::SUBTRACT,
    layers::OUTPUT_TWICE,
    layers::OPERATORS,
    layers::BIDIRECTIONAL,
    layers::PLAIN_DTYPE,
    layers::LAMBDA_CODE,
];
