//! Joined and packed steps give what the nodes give one by one, whatever the shapes and threads are.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, HashMap};

use tensorferry_ir::{Edge, Model, parse_model};
use tensorferry_ops::{ALL, NoContext, Value};
use tensorferry_runtime::{Limits, Observer, Program, RunOptions, State};
use tensorferry_tensor::DenseTensor;

/// A block as MobileNet and ResNet have it, its ops apart, and a head.
const BLOCK: &str = "
    signature f { input x = x float32 <?,?,?,3> output y = y float32 <?,5> output m = act float32 <?,?,?,4> }
    graph {
      x = Placeholder() {dtype=float32}
      k1 = Const() {dtype=float32, value=K1}
      c1 = Conv2D(x, k1) {strides=[1, 1, 1, 1], padding=\"SAME\"}
      b1 = Const() {dtype=float32, value=float32<4>[0.5, -0.25, 1, 2]}
      a1 = BiasAdd(c1, b1)
      s = Const() {dtype=float32, value=float32<4>[1.5, 0.5, -1, 2]}
      o = Const() {dtype=float32, value=float32<4>[0, 1, -1, 0.25]}
      mean = Const() {dtype=float32, value=float32<4>[0.1, 0.2, -0.3, 0.4]}
      var = Const() {dtype=float32, value=float32<4>[1, 4, 0.25, 2]}
      n1 = FusedBatchNormV3(a1, s, o, mean, var) {is_training=false, epsilon=0.001}
      act = Relu6(n1)
      k2 = Const() {dtype=float32, value=K2}
      border = Const() {dtype=int32, value=int32<4,2>[0, 0, 2, 0, 1, 1, 0, 0]}
      wide = Pad(act, border)
      d = DepthwiseConv2dNative(wide, k2) {strides=[1, 1, 1, 1], padding=\"VALID\"}
      n2 = FusedBatchNormV3(d, s, o, mean, var) {is_training=false, epsilon=0.001}
      sum = AddV2(act, n2)
      sig = Sigmoid(sum)
      swish = Mul(sum, sig)
      half = Const() {dtype=float32, value=float32<>[0.5]}
      scaled = Mul(half, swish)
      tanh = Tanh(scaled)
      axes = Const() {dtype=int32, value=int32<2>[1, 2]}
      pool = Mean(tanh, axes)
      w = Const() {dtype=float32, value=W}
      wb = Const() {dtype=float32, value=float32<5>[1, 2, 3, 4, 5]}
      dense = MatMul(pool, w)
      logits = BiasAdd(dense, wb)
      y = Softmax(logits)
    }";

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0).collect()
}

fn constant(shape: &[usize], seed: usize) -> String {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let all = numbers(shape.iter().product(), seed);
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("float32<{}>[{}]", dims.join(","), all.join(", "))
}

fn block() -> Model {
    let text = BLOCK
        .replace("K1", &constant(&[3, 3, 3, 4], 1))
        .replace("K2", &constant(&[3, 3, 4, 1], 2))
        .replace("value=W", &format!("value={}", constant(&[4, 5], 3)));
    parse_model(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// Every node by itself, in order.
fn one_by_one(model: &Model, x: &DenseTensor, outputs: &[Edge]) -> Vec<DenseTensor> {
    let graph = &model.graph;
    let mut values: HashMap<Edge, Value> = HashMap::new();
    for id in graph.topological_order().unwrap() {
        let node = graph.node(id);
        if node.op == "Placeholder" {
            values.insert(id.into(), x.clone().into());
            continue;
        }
        let inputs = node.inputs.iter().map(|edge| values[edge].clone()).collect();
        let made = ALL.instance(node).unwrap().eval(inputs, &mut NoContext::default()).unwrap();
        for (output, value) in (0_u32..).zip(made) {
            values.insert(Edge { node: id, output }, value);
        }
    }
    outputs.iter().map(|edge| values[edge].tensor().unwrap().clone()).collect()
}

fn input(shape: &[usize], seed: usize) -> BTreeMap<String, DenseTensor> {
    let x = DenseTensor::new(shape, numbers(shape.iter().product(), seed));
    BTreeMap::from([("x".to_owned(), x)])
}

fn tensors(values: &[Value]) -> Vec<DenseTensor> {
    values.iter().map(|value| value.tensor().unwrap().clone()).collect()
}

#[test]
fn joined_steps_give_what_nodes_give_one_by_one() {
    let model = block();
    let program = Program::new(&model, "f", &ALL, Limits::default()).unwrap();
    let edges: Vec<Edge> = program.outputs().iter().map(|output| output.edge).collect();
    let mut state = State::default();
    // More sets of shapes than plans are kept, each met twice.
    let shapes = (1..12).map(|i| [1 + i % 3, 4 + i, 3 + (i * 5) % 7, 3]).cycle().take(22);
    for (i, shape) in shapes.enumerate() {
        let inputs = input(&shape, i);
        let found = tensors(&program.run(&mut state, &inputs).unwrap());
        let expected = one_by_one(&model, &inputs["x"], &edges);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.shape(), expected.shape());
            let pairs = found.to_f64().unwrap().into_iter().zip(expected.to_f64().unwrap());
            for (a, b) in pairs {
                // Some thirty products are summed in another order, and scaled by up to 4.
                assert!((a - b).abs() <= 2e-5 * b.abs().max(1.0), "{a} instead of {b}, {shape:?}");
            }
        }
    }
}

#[test]
fn the_same_bits_come_from_any_number_of_threads() {
    let model = block();
    let program = Program::new(&model, "f", &ALL, Limits::default()).unwrap();
    let inputs = input(&[2, 65, 63, 3], 9);
    let one = tensors(&program.run(&mut State::default(), &inputs).unwrap());
    for threads in [1, 2, 3] {
        let mut state = State::new(RunOptions { threads });
        for _ in 0..3 {
            assert_eq!(
                tensors(&program.run(&mut state, &inputs).unwrap()),
                one,
                "{threads} threads"
            );
        }
    }
}

/// Counts what runs.
#[derive(Default)]
struct Steps(Vec<&'static str>);

impl Observer for Steps {
    fn begin(&mut self, _: &str, op: &'static str) {
        self.0.push(op);
    }

    fn end(&mut self) {}
}

#[test]
fn steps_are_joined() {
    let model = block();
    let program = Program::new(&model, "f", &ALL, Limits::default()).unwrap();
    let mut steps = Steps::default();
    let inputs = input(&[1, 8, 8, 3], 1);
    program.run_observed(&mut State::default(), &inputs, Some(&mut steps)).unwrap();
    let mut expected =
        vec!["Conv2D", "DepthwiseConv2dNative", "Sigmoid", "Mean", "MatMul", "Softmax"];
    expected.sort_unstable();
    steps.0.sort_unstable();
    assert_eq!(steps.0, expected);
    Steps::default().end();
}

#[test]
fn a_result_is_not_written_again_by_the_next_run() {
    let model = block();
    let program = Program::new(&model, "f", &ALL, Limits::default()).unwrap();
    let mut state = State::default();
    let first = program.run(&mut state, &input(&[1, 16, 16, 3], 1)).unwrap();
    let copy: Vec<Vec<f64>> = tensors(&first).iter().map(|t| t.to_f64().unwrap()).collect();
    program.run(&mut state, &input(&[1, 16, 16, 3], 2)).unwrap();
    let now: Vec<Vec<f64>> = tensors(&first).iter().map(|t| t.to_f64().unwrap()).collect();
    assert_eq!(copy, now);
}
