//! What TensorFlow gives for single ops, as `tasks/oracle/record_ops.py` recorded it.

use std::collections::BTreeMap;
use std::fs;

use crate::fixtures;
use crate::scenes::n_scenes;

/// One op on some inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpCase {
    /// File and line.
    pub place: String,
    /// TensorFlow's name.
    pub op: String,
    /// Op, attributes, inputs and outputs between tabs, in the engine's text form.
    pub line: String,
    /// TensorFlow refuses the inputs.
    pub is_refused: bool,
}

/// Every recorded case, in the order of the files.
///
/// # Panics
/// When there is no file or a line is not four texts between tabs.
pub fn op_cases() -> Vec<OpCase> {
    let folder = fixtures::root().join("ops");
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a listed file").path()).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (i, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", i + 1);
            let parts: Vec<&str> = line.split('\t').collect();
            let &[op, _, _, outputs] = &parts[..] else {
                panic!("{place} has {} texts, not 4", parts.len())
            };
            let (op, is_refused) = (op.to_owned(), outputs.starts_with('!'));
            all.push(OpCase { place, op, line: line.to_owned(), is_refused });
        }
    }
    all
}

/// Ops that have fewer cases than ten, each with its reason.
pub const FEW_CASES: &[(&str, &str)] = &[
    ("FusedDepthwiseConv2dNative", "made by the converter; TensorFlow has no kernel"),
    ("LogicalXor", "TensorFlow has no such op: it composes it"),
    ("PlaceholderWithDefault", "its output is its input"),
    ("Prelu", "made by the converter; TensorFlow has no such op"),
    ("StatelessRandomGetAlg", "it has no input"),
    ("_FusedConv2D", "made by TensorFlow's optimizer; graphs of the fixtures have it"),
    ("_FusedMatMul", "made by TensorFlow's optimizer; graphs of the fixtures have it"),
    ("_SwitchN", "made by TensorFlow's runtime of `Case`; a graph of the fixtures has it"),
];

/// How many cases each op has outputs for. One that is never alone counts the scenes that it is in.
pub fn n_op_cases() -> BTreeMap<String, usize> {
    let mut n = BTreeMap::new();
    op_cases()
        .into_iter()
        .filter(|case| !case.is_refused)
        .for_each(|case| *n.entry(case.op).or_default() += 1);
    let in_scenes = n_scenes();
    for (op, count) in in_scenes {
        n.entry(op).or_insert(count);
    }
    n
}
