//! Passes on small graphs: what they leave, and that it computes the same.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;

use tensorferry_ir::{Edge, Model, Shape, Signature, SignatureTensor, Type, parse_model};
use tensorferry_ops::ALL;
use tensorferry_passes::{Options, optimize, prepare};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::{DType, DenseTensor};

/// A graph from `x` to `y`, and `z` where it has one.
struct Case {
    name: &'static str,
    /// The shape of `x`.
    x: &'static [usize],
    nodes: &'static str,
    /// The ops that are left, sorted, constants and placeholders left out.
    left: &'static [&'static str],
}

const CONV: &str = "f = Const() {dtype=float32, value=float32[[[[1, 2], [3, -4]]]]} \
    c = Conv2D(x, f) {strides=[1, 1, 1, 1], padding=\"SAME\"} ";

const NORM: &str = "s = Const() {dtype=float32, value=float32[2, 3]} o = Const() {dtype=float32, value=float32[1, -1]} \
    m = Const() {dtype=float32, value=float32[0.5, 0.25]} v = Const() {dtype=float32, value=float32[4, 9]} ";

const CASES: &[Case] = &[
    Case {
        name: "a batch norm behind a convolution",
        x: &[1, 2, 3, 2],
        nodes: "CONV NORM y = FusedBatchNormV3(c, s, o, m, v) {is_training=false, epsilon=0.001}",
        left: &["_FusedConv2D"],
    },
    Case {
        name: "a batch norm behind a convolution that others read",
        x: &[1, 2, 3, 2],
        nodes: "CONV NORM b = FusedBatchNormV3(c, s, o, m, v) {is_training=false, epsilon=0.001} \
                y = AddV2(c, b)",
        left: &["AddV2", "AddV2", "Conv2D", "Mul"],
    },
    Case {
        name: "a filter that a folded and an unfolded convolution share",
        x: &[1, 2, 3, 2],
        nodes: "CONV NORM b = FusedBatchNormV3(c, s, o, m, v) {is_training=false, epsilon=0.001} \
                d = Conv2D(x, f) {strides=[1, 1, 1, 1], padding=\"SAME\"} y = AddV2(d, b)",
        left: &["AddV2", "Conv2D", "_FusedConv2D"],
    },
    Case {
        name: "a batch norm that computes its statistics",
        x: &[1, 2, 3, 2],
        nodes: "CONV NORM e = Const() {dtype=float32, value=float32<0>[]} \
                y = FusedBatchNormV3(c, s, o, e, e) {is_training=true, epsilon=0.001}",
        left: &[
            "AddV2",
            "AddV2",
            "Conv2D",
            "Mean",
            "Mean",
            "Mul",
            "Mul",
            "Rsqrt",
            "SquaredDifference",
            "Sub",
        ],
    },
    Case {
        name: "product, sum and activation behind a convolution",
        x: &[1, 2, 3, 2],
        nodes: "CONV NORM p = Mul(c, s) q = AddV2(p, o) y = Relu(q)",
        left: &["_FusedConv2D"],
    },
    Case {
        name: "an activation whose input is read too",
        x: &[1, 2, 3, 2],
        nodes: "CONV NORM b = BiasAdd(c, s) r = Relu(b) y = AddV2(r, b)",
        left: &["AddV2", "Relu", "_FusedConv2D"],
    },
    Case {
        name: "a depthwise convolution with bias, scale and activation",
        x: &[1, 2, 3, 2],
        nodes: "f = Const() {dtype=float32, value=float32[[[[1, 2], [3, -4]]]]} \
                w = Const() {dtype=float32, value=float32[1, 2, 3, 4]} \
                c = DepthwiseConv2dNative(x, f) {strides=[1, 1, 1, 1], padding=\"SAME\"} \
                b = BiasAdd(c, w) p = Mul(b, w) y = Relu6(p)",
        left: &["FusedDepthwiseConv2dNative"],
    },
    Case {
        name: "a transposed matrix with bias",
        x: &[2, 3],
        nodes: "f = Const() {dtype=float32, value=float32[[1, 2, 3], [4, 5, 6]]} \
                c = MatMul(x, f) {transpose_b=true} w = Const() {dtype=float32, value=float32[10, 20]} \
                p = Mul(c, w) q = Sub(p, w) y = LeakyRelu(q) {alpha=0.1}",
        left: &["_FusedMatMul"],
    },
    Case {
        name: "a sum with a matrix, which is no bias",
        x: &[1, 2],
        nodes: "f = Const() {dtype=float32, value=float32[[1, 2], [3, 4]]} c = MatMul(x, f) \
                w = Const() {dtype=float32, value=float32[[1, 2], [3, 4], [5, 6]]} y = AddV2(c, w)",
        left: &["AddV2", "MatMul"],
    },
    Case {
        name: "what changes nothing",
        x: &[2, 3],
        nodes: "one = Const() {dtype=float32, value=float32<>[1]} zero = Const() {dtype=float32, value=float32<>[0]} \
                a = Mul(x, one) b = AddV2(zero, a) c = Sub(b, zero) d = Identity(c) y = Relu(d)",
        left: &["Relu"],
    },
    Case {
        name: "a one with dims, which makes the result larger",
        x: &[3],
        nodes: "one = Const() {dtype=float32, value=float32[[1], [1]]} y = Mul(x, one)",
        left: &["Mul"],
    },
    Case {
        name: "two transposes",
        x: &[2, 3],
        nodes: "p = Const() {dtype=int32, value=int32[1, 0]} a = Transpose(x, p) b = Transpose(a, p) \
                y = Relu(b)",
        left: &["Relu"],
    },
    Case {
        name: "a leaky activation of Keras",
        x: &[2, 2],
        nodes: "k = Const() {dtype=float32, value=float32[-0.5, -0.25]} n = Neg(x) r = Relu(n) t = Mul(k, r) \
                p = Relu(x) y = AddV2(p, t)",
        left: &["Prelu"],
    },
    Case {
        name: "a leaky activation with minimum and maximum, by a subtraction",
        x: &[2, 2],
        nodes: "zero = Const() {dtype=float32, value=float32<>[0]} k = Const() {dtype=float32, value=float32[0.5, 0.25]} \
                a = Maximum(x, zero) n = Neg(x) b = Relu(n) t = Mul(b, k) y = Sub(a, t)",
        left: &["Prelu"],
    },
    Case {
        name: "the same twice",
        x: &[2, 3],
        nodes: "a = Square(x) b = Square(x) y = AddV2(a, b)",
        left: &["AddV2", "Square"],
    },
    Case {
        name: "what can be computed now",
        x: &[2, 3],
        nodes: "a = Const() {dtype=float32, value=float32[1, 2, 3]} b = Square(a) c = Exp(b) y = Mul(x, c)",
        left: &["Mul"],
    },
    Case {
        name: "ops that are said with others",
        x: &[2, 2],
        nodes: "k = Const() {dtype=float32, value=float32[[0.5, -0.3], [0, 0.7]]} a = Erfc(x) b = Softsign(a) \
                c = Xlogy(k, b) d = Xdivy(k, c) e = MulNoNan(d, k) y = TruncateMod(e, b)",
        left: &[
            "Abs", "Abs", "Abs", "AddV2", "Erf", "FloorMod", "Log", "Mul", "Mul", "Mul", "RealDiv",
            "RealDiv", "SelectV2", "SelectV2", "SelectV2", "Sign", "Sub",
        ],
    },
    Case {
        name: "blocks of space as channels",
        x: &[2, 4, 6, 3],
        nodes: "y = SpaceToDepth(x) {block_size=2}",
        left: &["Reshape", "Reshape", "Transpose"],
    },
    Case {
        name: "a roll over two axes",
        x: &[3, 4],
        nodes: "s = Const() {dtype=int32, value=int32[1, -5]} a = Const() {dtype=int32, value=int32[0, 1]} y = Roll(x, s, a)",
        left: &["ConcatV2", "ConcatV2", "Identity", "Slice", "Slice", "Slice", "Slice"],
    },
    Case {
        name: "a convolution in groups",
        x: &[1, 3, 3, 4],
        nodes: "f = Const() {dtype=float32, value=float32[[[[1, 2], [3, -4]]]]} \
                y = Conv2D(x, f) {strides=[1, 1, 1, 1], padding=\"SAME\"}",
        left: &["ConcatV2", "Conv2D", "Conv2D", "Split"],
    },
    Case {
        name: "sums of segments and scatters",
        x: &[3, 2],
        nodes: "i = Const() {dtype=int32, value=int32[0, 2, 0]} n = Const() {dtype=int32, value=int32<>[3]} \
                s = UnsortedSegmentSum(x, i, n) r = Const() {dtype=int32, value=int32[[1], [1], [0]]} \
                y = TensorScatterAdd(s, r, x)",
        left: &["AddV2", "ScatterNd", "ScatterNd"],
    },
    Case {
        name: "a band of a matrix, and rows that a list of truths chooses",
        x: &[3, 3],
        nodes: "l = Const() {dtype=int32, value=int32<>[1]} u = Const() {dtype=int32, value=int32<>[0]} \
                b = MatrixBandPart(x, l, u) n = Neg(x) c = Const() {dtype=bool, value=bool[true, false, true]} \
                y = Select(c, b, n)",
        left: &["Neg", "SelectV2", "SelectV2"],
    },
    Case {
        name: "an ellipsis, and stacks of other shapes",
        x: &[2, 3, 2, 2],
        nodes: "e = Einsum(x) {equation=\"...ij->...ji\", N=1} \
                f = Const() {dtype=float32, value=float32<2,1,2,2>[1, 2, 3, 4, 5, 6, 7, 8]} \
                y = BatchMatMulV2(e, f)",
        left: &["BatchMatMulV2", "Einsum"],
    },
    Case {
        name: "assertions, which nobody waits for",
        x: &[2, 3],
        nodes: "z = Const() {dtype=float32, value=float32<>[0]} g = Greater(x, z) \
                i = Const() {dtype=int32, value=int32[0, 1]} all = All(g, i) \
                a = Assert(all, x) {T=[float32]} n = CheckNumerics(x, ^a) {message=\"\"} y = Neg(n)",
        left: &["Neg"],
    },
];

fn model(case: &Case) -> Model {
    let nodes = case.nodes.replace("CONV", CONV).replace("NORM", NORM);
    let text = format!("graph {{ x = Placeholder() {{dtype=float32}} {nodes} }}");
    let mut model = parse_model(&text).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let tensor = |name: &str, shape: Shape| SignatureTensor {
        name: name.to_owned(),
        edge: Edge::from(model.graph.find(name).unwrap()),
        ty: Type::Data(DType::Float32),
        shape,
        resource_id: None,
    };
    let signature = Signature {
        inputs: vec![tensor("x", Shape::of(case.x))],
        outputs: vec![tensor("y", Shape::UNKNOWN)],
    };
    model.signatures.insert("serving_default".to_owned(), signature);
    model
}

fn run(model: &Model, x: &DenseTensor) -> Vec<f64> {
    let program = Program::new(model, "serving_default", &ALL, Limits::default()).unwrap();
    let inputs: BTreeMap<String, DenseTensor> = [("x".to_owned(), x.clone())].into();
    let outputs = program.run(&mut State::default(), &inputs).unwrap();
    outputs[0].tensor().unwrap().to_f64().unwrap()
}

#[test]
fn passes_leave_what_is_expected_and_it_computes_the_same() {
    for case in CASES {
        let options = Options::default();
        let (before, mut log) = prepare(model(case), &ALL, &options)
            .unwrap_or_else(|problems| panic!("{}: {problems}", case.name));
        let after = optimize(before.clone(), &ALL, &options, &mut log)
            .unwrap_or_else(|problems| panic!("{}: {problems}", case.name));
        let mut left: Vec<&str> = after
            .graph
            .nodes()
            .iter()
            .map(|node| node.op.as_str())
            .filter(|op| !matches!(*op, "Const" | "Placeholder"))
            .collect();
        left.sort_unstable();
        assert_eq!(left, case.left, "{}\n{after}", case.name);
        let n: usize = case.x.iter().product();
        let numbers: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() * 2.0).collect();
        let x = DenseTensor::new(case.x, numbers);
        let (expected, found) = (run(&before, &x), run(&after, &x));
        assert_eq!(expected.len(), found.len(), "{}", case.name);
        for (a, b) in expected.iter().zip(&found) {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{}: {a} and {b}", case.name);
        }
    }
}

#[test]
fn every_op_that_tensorflow_js_lacks_is_named_with_its_nodes() {
    let case = Case {
        name: "ops that are not there",
        x: &[2],
        nodes: "a = Lgamma(x) b = Digamma(a) c = Lgamma(b) y = Neg(c)",
        left: &[],
    };
    let options = Options::default();
    let (before, mut log) = prepare(model(&case), &ALL, &options).unwrap();
    let problems = optimize(before.clone(), &ALL, &options, &mut log).unwrap_err();
    let text = problems.to_string();
    assert!(text.starts_with("Unsupported Ops in the model: Digamma, Lgamma"), "{text}");
    assert!(text.contains("node `a`, `c`: TensorFlow.js has no op `Lgamma`"), "{text}");
    assert!(text.contains("node `b`: TensorFlow.js has no op `Digamma`"), "{text}");
    let options = Options { skip_op_check: true, ..options };
    assert!(optimize(before, &ALL, &options, &mut log).is_ok());
}

#[test]
fn the_same_graph_gives_the_same_graph() {
    for case in CASES {
        let options = Options::default();
        let texts: Vec<String> = (0..2)
            .map(|_| {
                let (before, mut log) = prepare(model(case), &ALL, &options).unwrap();
                optimize(before, &ALL, &options, &mut log).unwrap().to_string()
            })
            .collect();
        assert_eq!(texts[0], texts[1], "{}", case.name);
    }
}

/// What looked likely is told with its reason, beside what was done.
#[test]
fn every_pass_says_what_it_did_and_what_not() {
    let nodes = "CONV NORM b = BiasAdd(c, s) r = Relu(b) y = AddV2(r, b)";
    let model = model(&Case { name: "", x: &[1, 2, 3, 2], nodes, left: &[] });
    let (model, mut log) = prepare(model, &ALL, &Options::default()).unwrap();
    optimize(model, &ALL, &Options::default(), &mut log).unwrap();
    let names: Vec<&str> = log.steps.iter().map(|step| step.pass).collect();
    let first = ["name_tables", "inline_calls", "cut_graph", "strip_debug"];
    assert!(names.starts_with(&first), "{names:?}");
    let fuse = log.steps.iter().find(|step| step.pass == "fuse_bias").unwrap();
    assert_eq!(fuse.applied, [("fuse_bias", 1)].into());
    assert!(fuse.n_nodes_after < fuse.n_nodes_before);
    let [refusal] = &fuse.refused[..] else { panic!("{:?}", fuse.refused) };
    assert_eq!((&*refusal.node, &*refusal.reason), ("r", "`b` is read by other nodes too"));
}
