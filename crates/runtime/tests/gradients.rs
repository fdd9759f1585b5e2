//! Gradients compared with finite differences, through graphs that the runtime runs.

use std::collections::BTreeMap;

use tensorferry_ir::{Edge, Model, SignatureTensor, parse_model};
use tensorferry_ops::{ALL, gradients};
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::DenseTensor;

struct Case {
    /// Nodes that compute `y` from inputs `a` and maybe `b`, in double precision.
    nodes: &'static str,
    /// The shapes of the inputs.
    shapes: &'static [&'static [usize]],
}

const CASES: &[Case] = &[
    Case { nodes: "y = MatMul(a, b) {}", shapes: &[&[2, 3], &[3, 4]] },
    Case { nodes: "y = MatMul(a, b) {transpose_a=true}", shapes: &[&[3, 2], &[3, 4]] },
    Case { nodes: "y = MatMul(a, b) {transpose_b=true}", shapes: &[&[2, 3], &[4, 3]] },
    Case {
        nodes: "y = MatMul(a, b) {transpose_a=true, transpose_b=true}",
        shapes: &[&[3, 2], &[4, 3]],
    },
    Case {
        nodes: "y = Conv2D(a, b) {strides=[1, 1, 1, 1], padding=\"SAME\"}",
        shapes: &[&[2, 4, 3, 2], &[3, 2, 2, 3]],
    },
    Case {
        nodes: "y = Conv2D(a, b) {strides=[1, 2, 1, 1], padding=\"VALID\", dilations=[1, 1, 2, 1]}",
        shapes: &[&[1, 5, 5, 2], &[2, 2, 2, 2]],
    },
    Case {
        nodes: "y = Conv2D(a, b) {strides=[1, 1, 2, 2], padding=\"SAME\", data_format=\"NCHW\"}",
        shapes: &[&[1, 4, 3, 4], &[2, 2, 2, 4]],
    },
    Case {
        nodes: "y = DepthwiseConv2dNative(a, b) {strides=[1, 1, 1, 1], padding=\"SAME\"}",
        shapes: &[&[1, 3, 3, 2], &[2, 2, 2, 2]],
    },
    Case { nodes: "y = BiasAdd(a, b)", shapes: &[&[2, 3], &[3]] },
    Case { nodes: "y = BiasAdd(a, b) {data_format=\"NCHW\"}", shapes: &[&[2, 3, 2, 2], &[3]] },
    Case { nodes: "y = Relu(a)", shapes: &[&[2, 5]] },
    Case { nodes: "y = Softmax(a)", shapes: &[&[2, 4]] },
    Case {
        nodes: "i = Const() {dtype=int32, value=int32[1]} y = Mean(a, i)",
        shapes: &[&[2, 4, 3]],
    },
    Case {
        nodes: "i = Const() {dtype=int32, value=int32[0, -1]} y = Sum(a, i) {keep_dims=true}",
        shapes: &[&[2, 4, 3]],
    },
    Case {
        nodes: "i = Const() {dtype=int32, value=int32[[2, 0], [2, 2]]} \
                z = Const() {dtype=int32, value=int32<>[0]} y = GatherV2(a, i, z)",
        shapes: &[&[3, 2]],
    },
    Case { nodes: "y = Add(a, b)", shapes: &[&[2, 1, 3], &[4, 1]] },
    // A value used twice: its gradients add up.
    Case { nodes: "n = Neg(a) r = Relu(a) y = AddV2(n, r)", shapes: &[&[6]] },
    // A layer.
    Case { nodes: "m = MatMul(a, b) r = Relu(m) y = Softmax(r)", shapes: &[&[2, 3], &[3, 4]] },
];

/// Numbers without a pattern, none of them near 0 (`Relu` has no slope there).
fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
        if state & (1 << 40) == 0 { 0.1 + unit } else { -0.1 - unit }
    };
    std::iter::repeat_with(next).take(n).collect()
}

fn model(case: &Case) -> (Model, Vec<Edge>) {
    let names = ["a", "b"];
    let placeholders: String = names
        .iter()
        .take(case.shapes.len())
        .map(|name| format!("{name} = Placeholder() {{dtype=float64}}\n"))
        .collect();
    let text = format!("graph {{ {placeholders} {} }}", case.nodes);
    let model = parse_model(&text).expect("a case is sound");
    let inputs = names.iter().take(case.shapes.len());
    let edges =
        inputs.map(|name| model.graph.find(name).expect("a case is sound").into()).collect();
    (model, edges)
}

fn run(model: &Model, inputs: &[DenseTensor], outputs: &[Edge]) -> Vec<Vec<f64>> {
    let mut model = model.clone();
    let tensor = |name: &str, edge: Edge| SignatureTensor {
        name: name.to_owned(),
        edge,
        ty: tensorferry_tensor::DType::Float64.into(),
        shape: tensorferry_ir::Shape::UNKNOWN,
        resource_id: None,
    };
    let signature = model.signatures.entry("f".to_owned()).or_default();
    for name in ["a", "b"].into_iter().take(inputs.len()) {
        signature
            .inputs
            .push(tensor(name, model.graph.find(name).expect("a case is sound").into()));
    }
    signature.outputs = outputs.iter().map(|edge| tensor("out", *edge)).collect();
    let program = Program::new(&model, "f", &ALL, Limits::default()).expect("a case is sound");
    let fed: BTreeMap<String, DenseTensor> =
        ["a", "b"].map(str::to_owned).into_iter().zip(inputs.iter().cloned()).collect();
    let values = program.run(&mut State::default(), &fed).expect("a case is sound");
    values
        .iter()
        .map(|value| value.tensor().expect("a case is sound").to_f64().expect("a case is sound"))
        .collect()
}

#[test]
fn gradients_are_finite_differences() {
    const STEP: f64 = 1e-5;
    for (number, case) in (1_u64..).zip(CASES) {
        let (mut model, xs) = model(case);
        let y: Edge = model.graph.find("y").expect("a case is sound").into();
        let inputs: Vec<DenseTensor> = case
            .shapes
            .iter()
            .zip(number * 100..)
            .map(|(shape, seed)| DenseTensor::new(shape, numbers(shape.iter().product(), seed)))
            .collect();
        // Outputs are weighted before they are summed, so that each element counts differently.
        let n = run(&model, &inputs, &[y])[0].len();
        let weights = numbers(n, number);
        let shape = {
            let mut probe = model.clone();
            let shape = tensorferry_ops::Builder::new(&mut probe.graph, "probe").shape_of(y);
            run(&probe, &inputs, &[shape])[0].iter().map(|dim| *dim as usize).collect::<Vec<_>>()
        };
        let weighted = {
            let mut build = tensorferry_ops::Builder::new(&mut model.graph, "test");
            let weights = build.constant(DenseTensor::new(&shape, weights.clone()));
            (weights, build.add("Identity", &[y], &[]))
        };
        let total = |inputs: &[DenseTensor]| -> f64 {
            let out = &run(&model, inputs, &[weighted.1])[0];
            out.iter().zip(&weights).map(|(y, w)| y * w).sum()
        };
        let mut expected: Vec<Vec<f64>> = Vec::new();
        for i in 0..inputs.len() {
            let values = inputs[i].to_f64().expect("a case is sound");
            let slope = |at: usize| {
                let moved = |by: f64| {
                    let mut values = values.clone();
                    values[at] += by;
                    let mut inputs = inputs.clone();
                    inputs[i] = DenseTensor::new(case.shapes[i], values);
                    total(&inputs)
                };
                (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
            };
            expected.push((0..values.len()).map(slope).collect());
        }
        // d(Σ w·y) by the inputs: what arrives at y is w.
        let found = {
            let mut graph = model.graph.clone();
            let mut build = tensorferry_ops::Builder::new(&mut graph, "test");
            let product = build.add("Mul", &[y, weighted.0], &[]);
            let grads = gradients(&mut graph, &ALL, &[product], &xs).expect("a case is sound");
            let edges: Vec<Edge> =
                grads.into_iter().map(|grad| grad.expect("a case is sound")).collect();
            let with_grads = Model { graph, ..model.clone() };
            run(&with_grads, &inputs, &edges)
        };
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.len(), expected.len(), "{}: input {i}", case.nodes);
            for (x, y) in found.iter().zip(expected) {
                assert!(
                    (x - y).abs() < 1e-6 * y.abs().max(1.0),
                    "{}: input {i}: {x} instead of {y}",
                    case.nodes
                );
            }
        }
    }
}
