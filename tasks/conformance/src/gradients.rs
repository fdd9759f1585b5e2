//! TensorFlow's gradients of single ops, as `tasks/oracle/record_gradients.py` recorded them.

use std::collections::BTreeMap;
use std::fs;

use crate::fixtures;

/// One op on some inputs; all texts are in the engine's text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradientCase {
    /// File and line.
    pub place: String,
    /// TensorFlow's name.
    pub op: String,
    /// The node's attributes.
    pub attrs: String,
    /// The inputs.
    pub inputs: String,
    /// The gradient of the first output.
    pub arriving: String,
    /// The gradient of each input; `None` where there is none.
    pub gradients: Vec<Option<String>>,
}

/// Every recorded case.
///
/// # Panics
/// When the file is missing, or a line has no text for an input.
pub fn gradient_cases() -> Vec<GradientCase> {
    let file = fixtures::root().join("gradients/ops.tsv");
    let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let case = |(i, line): (usize, &str)| {
        let place = format!("gradients/ops.tsv:{}", i + 1);
        let parts: Vec<&str> = line.split('\t').collect();
        let [op, attrs, inputs, arriving, gradients @ ..] = &parts[..] else {
            panic!("{place} has {} texts", parts.len())
        };
        assert!(!gradients.is_empty(), "{place} has no gradient");
        let one = |text: &&str| (*text != "-").then(|| (*text).to_owned());
        let gradients = gradients.iter().map(one).collect();
        let [op, attrs, inputs, arriving] =
            [op, attrs, inputs, arriving].map(|text| (*text).to_owned());
        GradientCase { place, op, attrs, inputs, arriving, gradients }
    };
    text.lines().enumerate().map(case).collect()
}

/// How many cases each op has.
pub fn n_gradient_cases() -> BTreeMap<String, usize> {
    let mut n = BTreeMap::new();
    gradient_cases().into_iter().for_each(|case| *n.entry(case.op).or_default() += 1);
    n
}
