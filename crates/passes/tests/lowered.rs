//! Ops that TensorFlow.js lacks, each on the inputs that were recorded for it: what it is said with
//! gives what TensorFlow gave, or it is refused.
//!
//! `docs/lowered.md` is written from what this test finds; `BLESS=1` rewrites it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::{env, fs};

use tensorferry_conformance::fixtures::repository;
use tensorferry_conformance::op_cases::op_cases;
use tensorferry_ir::{
    Attr, Constant, Edge, Model, Node, Shape, Signature, SignatureTensor, parse_attrs,
    parse_tensors,
};
use tensorferry_op_checks::OpCase;
use tensorferry_ops::{ALL, Instance};
use tensorferry_passes::{Options, is_tfjs_op, optimize, prepare};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

/// Relative to the largest number of an output: what another order of steps may change.
const TOLERANCE: f64 = 2e-5;

/// A graph of one op; inputs that are not fed are constants.
fn graph(case: &OpCase<'_>, inputs: &[DenseTensor], fed: &BTreeSet<usize>) -> Model {
    let mut model = Model::default();
    let mut signature = Signature::default();
    let mut edges = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let name = format!("x{i}");
        let dtype = Attr::Type(input.dtype().into());
        let node = match fed.contains(&i) {
            true => Node::new(name.clone(), "Placeholder").attr("dtype", dtype),
            false => Node::new(name.clone(), "Const")
                .attr("dtype", dtype)
                .attr("value", Attr::Tensor(Constant::Dense(input.clone()))),
        };
        let edge = Edge::from(model.graph.push(node));
        edges.push(edge);
        if fed.contains(&i) {
            signature.inputs.push(SignatureTensor {
                name,
                edge,
                ty: input.dtype().into(),
                shape: Shape::of(input.shape()),
                resource_id: None,
            });
        }
    }
    let mut node = Node::new("op", case.op).inputs(&edges);
    node.attrs = parse_attrs(case.attrs).unwrap();
    let n_outputs =
        Instance::new(ALL.find(case.op).unwrap(), &node.attrs, inputs.len()).unwrap().n_outputs();
    let id = model.graph.push(node);
    let expected = parse_tensors(case.outputs.unwrap()).unwrap();
    for output in 0..u32::try_from(n_outputs).unwrap() {
        let ty = expected[output as usize].dtype().into();
        let name = format!("y{output}");
        let node = Node::new(name.clone(), "Identity").inputs(&[Edge { node: id, output }]);
        let edge = Edge::from(model.graph.push(node.attr("T", Attr::Type(ty))));
        signature.outputs.push(SignatureTensor {
            name,
            edge,
            ty,
            shape: Shape::UNKNOWN,
            resource_id: None,
        });
    }
    model.signatures.insert("serving_default".to_owned(), signature);
    model
}

/// What may be fed while the rest is constant: everything, then the first inputs, then the last.
fn choices(n: usize) -> Vec<BTreeSet<usize>> {
    let first = (1..=n).rev().map(|k| (0..k).collect());
    let last = (1..n).map(|k| (k..n).collect());
    first.chain(last).collect()
}

fn difference(a: &DenseTensor, b: &DenseTensor) -> Option<String> {
    if (a.dtype(), a.shape()) != (b.dtype(), b.shape()) {
        return Some(format!("{a:?} instead of {b:?}"));
    }
    let (Some(x), Some(y)) = (a.to_f64(), b.to_f64()) else {
        return (a != b).then(|| format!("{a:?} instead of {b:?}"));
    };
    let scale = y.iter().filter(|y| y.is_finite()).fold(1.0_f64, |scale, y| scale.max(y.abs()));
    let is_exact = !b.dtype().is_float() && !b.dtype().name().starts_with("complex");
    let bound = if is_exact { 0.0 } else { TOLERANCE * scale };
    let apart =
        |(x, y): &(&f64, &f64)| !(x == y || (x.is_nan() && y.is_nan()) || (*x - *y).abs() <= bound);
    let pair = x.iter().zip(&y).find(apart)?;
    Some(format!("{} instead of {}", pair.0, pair.1))
}

/// True when the op was said with others, which gave what TensorFlow gave; false when it was refused.
fn is_lowered(
    case: &OpCase<'_>,
    inputs: &[DenseTensor],
    fed: &BTreeSet<usize>,
) -> Result<bool, String> {
    let options = Options::default();
    let model = graph(case, inputs, fed);
    let (before, mut log) = prepare(model, &ALL, &options).map_err(|e| format!("prepare: {e}"))?;
    let Ok(after) = optimize(before, &ALL, &options, &mut log) else { return Ok(false) };
    if let Some(node) = after.graph.nodes().iter().find(|node| node.op == case.op) {
        return Err(format!("`{}` is still there", node.name));
    }
    let program = Program::new(&after, "serving_default", &ALL, Limits::default());
    let program = program.map_err(|e| format!("it does not run: {e}\n{after}"))?;
    let values: BTreeMap<String, DenseTensor> =
        fed.iter().map(|i| (format!("x{i}"), inputs[*i].clone())).collect();
    let found = program.run(&mut State::default(), &values);
    let found = found.map_err(|e| format!("it does not run: {e}\n{after}"))?;
    let expected = parse_tensors(case.outputs.unwrap()).unwrap();
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        if let Some(what) = difference(found.tensor().unwrap(), expected) {
            return Err(format!("output {i} is {what}\n{after}"));
        }
    }
    Ok(true)
}

#[test]
fn what_tensorflow_js_lacks_is_said_with_what_it_has() {
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let only = env::var("OP").ok();
    for recorded in op_cases() {
        let case = OpCase::of_line(&recorded.line).unwrap();
        let is_wanted = case.outputs.is_some() && !case.is_partial && !is_tfjs_op(case.op);
        if !is_wanted || only.as_ref().is_some_and(|op| *op != case.op) {
            continue;
        }
        let inputs = parse_tensors(case.inputs).unwrap();
        let mut is_any = false;
        for fed in choices(inputs.len()) {
            match is_lowered(&case, &inputs, &fed) {
                Ok(lowered) => is_any |= lowered,
                Err(what) => wrong.push(format!("{} {} {fed:?}: {what}", recorded.place, case.op)),
            }
        }
        let n = found.entry(case.op.to_owned()).or_default();
        (n.0, n.1) = (n.0 + 1, n.1 + usize::from(is_any));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    if only.is_none() {
        write(&found);
    }
}

fn write(found: &BTreeMap<String, (usize, usize)>) {
    let lowered: Vec<_> = found.iter().filter(|(_, n)| n.1 > 0).collect();
    let refused: Vec<_> =
        found.iter().filter(|(_, n)| n.1 == 0).map(|(op, _)| op.as_str()).collect();
    let mut text = format!(
        "# Ops that TensorFlow.js lacks\n\nWritten by `crates/passes/tests/lowered.rs`; run it with \
         `BLESS=1`.\n\n{} ops that TensorFlow.js 4.22 does not run are said with ops that it runs. Each \
         recorded case of TensorFlow was run so.\n\n| op | cases | said with others |\n| --- | --- | --- |\n",
        lowered.len()
    );
    for (op, (n, n_lowered)) in &lowered {
        writeln!(text, "| `{op}` | {n} | {n_lowered} |").unwrap();
    }
    let refused: Vec<String> = refused.iter().map(|op| format!("`{op}`")).collect();
    write!(
        text,
        "\nThe others are refused, each with its nodes and where to cut (`--skip_op_check` writes them \
         anyway); with constant inputs all are computed beforehand:\n{}.\n",
        refused.join(", ")
    )
    .unwrap();
    let file = repository().join("docs/lowered.md");
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/lowered.md is out of date; run this test with `BLESS=1`");
}
