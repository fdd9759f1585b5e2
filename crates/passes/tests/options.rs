//! What a caller asks of a graph: other inputs and outputs, TensorFlow 1's control flow.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;

use tensorferry_ir::{Model, parse_model};
use tensorferry_ops::ALL;
use tensorferry_passes::{Log, Options, optimize, prepare};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

/// Two calls, one in the other, as TensorFlow 2 wraps a signature.
const CALLS: &str = "
    signature s { input x = x float32 <2> output y = call:1 float32 <2> }
    graph { x = Placeholder() {dtype=float32} call = StatefulPartitionedCall(x) {f=@outer, Tin=[float32], Tout=[float32, float32]} }
    function outer(a: float32) returns (p: float32 = inner, r: float32 = n) {
      a = _Arg() {index=0}
      inner = PartitionedCall(a) {f=@inner, Tin=[float32], Tout=[float32]}
      n = Neg(inner)
    }
    function inner(b: float32) returns (r: float32 = e) {
      b = _Arg() {index=0}
      s = Square(b)
      e = Exp(s)
    }";

fn prepared(text: &str, options: &Options) -> Result<(Model, Log), String> {
    let model = parse_model(text).unwrap();
    prepare(model, &ALL, options).map_err(|problems| problems.to_string())
}

fn run(model: &Model, inputs: &[(&str, Vec<f32>)]) -> BTreeMap<String, Vec<f64>> {
    let (name, signature) = model.signatures.iter().next().unwrap();
    let program = Program::new(model, name, &ALL, Limits::default()).unwrap();
    let tensor = |numbers: &[f32]| match numbers {
        [one] => DenseTensor::scalar(*one),
        all => DenseTensor::vector(all.to_vec()),
    };
    let inputs: BTreeMap<String, DenseTensor> =
        inputs.iter().map(|(name, numbers)| ((*name).to_owned(), tensor(numbers))).collect();
    let outputs = program.run(&mut State::default(), &inputs).unwrap();
    let names = signature.outputs.iter().map(|output| output.name.clone());
    names.zip(outputs.iter().map(|value| value.tensor().unwrap().to_f64().unwrap())).collect()
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Edge case 66, and `--input_node_names`: names of the stored graph, and of what was inlined.
#[test]
fn any_graph_can_be_cut_at_inputs_and_outputs() {
    let exp = |x: f64| x.exp();
    type Case = (&'static [&'static str], &'static [&'static str], &'static str, [f64; 2]);
    let cases: [Case; 5] = [
        (&[], &["inner/s"], "x", [1.0, 4.0]),
        (&[], &["call"], "x", [exp(1.0), exp(4.0)]),
        (&[" inner/s:0 "], &[], "inner/s:0", [-exp(1.0), -exp(2.0)]),
        (&["inner/s"], &["inner/e", "n"], "inner/s", [exp(1.0), exp(2.0)]),
        (&["x"], &["n"], "x", [-exp(1.0), -exp(4.0)]),
    ];
    for (inputs, outputs, fed, expected) in cases {
        let options =
            Options { inputs: names(inputs), outputs: names(outputs), ..Options::default() };
        let (model, mut log) = prepared(CALLS, &options).unwrap();
        let model = optimize(model, &ALL, &options, &mut log).unwrap();
        let signature = model.signatures.values().next().unwrap();
        assert_eq!(signature.inputs.len(), 1, "{inputs:?}");
        assert_eq!(signature.inputs[0].shape.to_string(), "<2>", "{inputs:?}");
        let found = run(&model, &[(fed, vec![1.0, 2.0])]);
        let first = outputs.first().copied().unwrap_or("y");
        for (a, b) in found[first].iter().zip(expected) {
            assert!((a - b).abs() < 1e-3, "{inputs:?} {outputs:?}: {found:?}");
        }
        assert_eq!(found.len(), outputs.len().max(1));
    }
}

#[test]
fn what_cannot_be_cut_is_told_with_what_may_have_been_meant() {
    let cases: [(&[&str], &[&str], &str); 3] = [
        (&[], &["model/s"], "the graph has no node `model/s`, or no such output of it"),
        (&["none"], &[], "--input_node_names: the graph has no node `none`"),
        (&[], &["n:1", "m"], "the graph has no node `m`"),
    ];
    for (inputs, outputs, expected) in cases {
        let options =
            Options { inputs: names(inputs), outputs: names(outputs), ..Options::default() };
        let error = prepared(CALLS, &options).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let options = Options { outputs: names(&["x/s"]), ..Options::default() };
    let error = prepare(parse_model(CALLS).unwrap(), &ALL, &options).unwrap_err();
    assert_eq!(error.0[0].hint.as_deref(), Some("nodes called so: inner/s"));
}

#[test]
fn an_input_that_is_still_needed_stays_and_one_that_is_not_goes() {
    let text = "
        signature s { input x = x float32 <2> input z = z float32 <2> output y = y float32 <2> }
        graph {
          x = Placeholder() {dtype=float32} z = Placeholder() {dtype=float32}
          a = Unknowable(x) {T=float32} b = Mul(a, z) y = Neg(b)
        }";
    let options = Options { inputs: names(&["a"]), ..Options::default() };
    let (model, log) = prepared(text, &options).unwrap();
    let inputs = &model.signatures["s"].inputs;
    let found: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(found, ["a", "z"]);
    assert!(log.warnings[0].what.contains("the outputs need the input `z` too"), "{log:?}");
    assert_eq!(log.dropped, ["input `x`: nothing needs it any more"]);
    let found = run(&model, &[("a", vec![1.0, 2.0]), ("z", vec![3.0, 4.0])]);
    assert_eq!(found["y"], [-3.0, -8.0]);
}

/// Branches, loops, loops in branches in loops, results that are constants or arguments.
const FLOWS: [&str; 3] = [
    "signature s { input x = x float32 <> output y = y float32 <> output k = y:1 float32 <> }
     graph {
       x = Placeholder() {dtype=float32}
       z = Const() {dtype=float32, value=float32<>[0]}
       p = Greater(x, z)
       y = If(p, x) {Tcond=bool, Tin=[float32], Tout=[float32, float32], then_branch=@yes, else_branch=@no}
     }
     function yes(a: float32) returns (r: float32 = n, k: float32 = c) {
       a = _Arg() {index=0} c = Const() {dtype=float32, value=float32<>[7]} n = Mul(a, c)
     }
     function no(a: float32) returns (r: float32 = a, k: float32 = n) { a = _Arg() {index=0} n = Neg(a) }",
    "signature s { input x = x float32 <> output y = y float32 <> output n = y:2 float32 <> }
     graph {
       x = Placeholder() {dtype=float32}
       o = Const() {dtype=float32, value=float32<>[1]}
       y = While(x, o, o) {T=[float32, float32, float32], cond=@less, body=@step}
     }
     function less(a: float32, b: float32, n: float32) returns (r: bool = r) {
       a = _Arg() {index=0} b = _Arg() {index=1} n = _Arg() {index=2}
       c = Const() {dtype=float32, value=float32<>[100]}
       r = Less(a, c)
     }
     function step(a: float32, b: float32, n: float32) returns (a: float32 = t, b: float32 = b, n: float32 = c) {
       a = _Arg() {index=0} b = _Arg() {index=1} n = _Arg() {index=2}
       c = Const() {dtype=float32, value=float32<>[2]}
       q = Square(a) s = AddV2(q, b) t = Maximum(s, c)
     }",
    "signature s { input x = x float32 <> output y = y float32 <> }
     graph {
       x = Placeholder() {dtype=float32}
       i = Const() {dtype=float32, value=float32<>[0]}
       w = While(i, x) {T=[float32, float32], cond=@three, body=@outer}
       y = Identity(w:1)
     }
     function three(i: float32, a: float32) returns (r: bool = r) {
       i = _Arg() {index=0} a = _Arg() {index=1}
       c = Const() {dtype=float32, value=float32<>[3]} r = Less(i, c)
     }
     function outer(i: float32, a: float32) returns (i: float32 = j, a: float32 = b) {
       i = _Arg() {index=0} a = _Arg() {index=1}
       one = Const() {dtype=float32, value=float32<>[1]} j = AddV2(i, one)
       p = Greater(a, one)
       b = If(p, a, i) {Tcond=bool, Tin=[float32, float32], Tout=[float32], then_branch=@halve, else_branch=@more}
     }
     function halve(a: float32, i: float32) returns (r: float32 = w:1) {
       a = _Arg() {index=0} i = _Arg() {index=1}
       z = Const() {dtype=float32, value=float32<>[0]}
       w = While(z, a) {T=[float32, float32], cond=@three, body=@inner}
     }
     function inner(i: float32, a: float32) returns (i: float32 = j, a: float32 = b) {
       i = _Arg() {index=0} a = _Arg() {index=1}
       one = Const() {dtype=float32, value=float32<>[1]} j = AddV2(i, one)
       h = Const() {dtype=float32, value=float32<>[0.5]} b = Mul(a, h)
     }
     function more(a: float32, i: float32) returns (r: float32 = s) {
       a = _Arg() {index=0} i = _Arg() {index=1}
       t = Const() {dtype=float32, value=float32<>[20]} m = AddV2(a, t) s = AddV2(m, i)
     }",
];

/// Edge case 60: the same functions as ops of both versions of TensorFlow.
#[test]
fn control_flow_of_version_1_computes_what_that_of_version_2_does() {
    for text in FLOWS {
        let options = Options::default();
        let (model, mut log) = prepared(text, &options).unwrap();
        let v2 = optimize(model.clone(), &ALL, &options, &mut log).unwrap();
        let options = Options { control_flow_v2: false, ..options };
        let v1 = optimize(model, &ALL, &options, &mut log).unwrap();
        let is_v2 = |model: &Model| {
            model.graph.nodes().iter().any(|node| matches!(&*node.op, "If" | "While"))
        };
        assert!(is_v2(&v2) && !is_v2(&v1) && v1.functions.is_empty(), "{v1}");
        for x in [-3.0_f32, 0.5, 1.5, 8.0, 200.0] {
            let inputs = [("x", vec![x])];
            assert_eq!(run(&v1, &inputs), run(&v2, &inputs), "{x}\n{v1}");
        }
    }
}
