//! Single ops: our definitions against what TensorFlow's kernels gave.

use std::collections::BTreeMap;
use std::env;

use tensorferry_conformance::op_cases::{FEW_CASES, op_cases};
use tensorferry_op_checks::{OpCase, check};
use tensorferry_ops::{ALL, OpDef};

/// So many cases are recorded; more is better, fewer is a mistake.
const CASES_MIN: usize = 5_000;

#[test]
fn ops_give_what_tensorflow_gives() {
    let cases = op_cases();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let mut failures = Vec::new();
    let mut n_by_op = BTreeMap::<&str, (usize, usize)>::new();
    for case in &cases {
        let result = OpCase::of_line(&case.line).ok_or("it is no case".to_owned());
        let result = result.and_then(|line| check(&line));
        let n = n_by_op.entry(&case.op).or_default();
        n.0 += 1;
        if let Err(what) = result {
            n.1 += 1;
            failures.push(format!("{} {}: {what}", case.place, case.op));
            if env::var_os("VERBOSE").is_some() {
                failures.push(format!("    {}", case.line));
            }
        }
    }
    let failing = n_by_op.iter().filter(|(_, n)| n.1 > 0);
    let failing: Vec<String> = failing.map(|(op, n)| format!("{op} {}/{}", n.1, n.0)).collect();
    assert!(failures.is_empty(), "{}\n\n{}", failures.join("\n"), failing.join(", "));
}

#[test]
fn every_op_has_ten_cases_or_a_reason() {
    let n = tensorferry_conformance::op_cases::n_op_cases();
    let few = |def: &&OpDef| {
        let names = std::iter::once(&def.spec.name).chain(def.spec.aliases);
        names.filter_map(|name| n.get(*name)).sum::<usize>() < 10
    };
    let missing: Vec<&str> = ALL
        .ops()
        .filter(few)
        .map(|def| def.spec.name)
        .filter(|name| !FEW_CASES.iter().any(|(few, _)| few == name))
        .collect();
    assert!(missing.is_empty(), "fewer than ten cases: {missing:?}");
    let idle: Vec<&str> = FEW_CASES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !ALL.find(name).is_some_and(|def| few(&def)))
        .collect();
    assert!(idle.is_empty(), "have ten cases, or are no ops: {idle:?}");
}
