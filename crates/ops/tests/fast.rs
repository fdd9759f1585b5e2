//! Faster ways on random shapes and attributes, compared with `eval`, and with `eval` of what they
//! take over.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use tensorferry_ir::{Attrs, Dim, Shape, parse_attrs};
use tensorferry_kernels::{Tools, Workers};
use tensorferry_ops::{ALL, Args, Fact, Instance, NoContext, Value, Way};
use tensorferry_tensor::DenseTensor;

/// The same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % n
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Numbers between -1 and 1.
    fn tensor(&mut self, shape: &[usize]) -> DenseTensor {
        let n = shape.iter().product();
        let all: Vec<f32> = (0..n).map(|_| self.below(1 << 20) as f32 / 524_288.0 - 1.0).collect();
        DenseTensor::new(shape, all)
    }
}

fn instance(op: &str, attrs: &str, n_inputs: usize) -> Instance {
    let attrs: Attrs = parse_attrs(attrs).unwrap_or_else(|e| panic!("{attrs}: {e}"));
    Instance::new(ALL.find(op).unwrap(), &attrs, n_inputs).unwrap_or_else(|e| panic!("{op}: {e}"))
}

fn eval(instance: &Instance, inputs: &[DenseTensor]) -> DenseTensor {
    let values = inputs.iter().cloned().map(Value::from).collect();
    let outputs = instance.eval(values, &mut NoContext::default());
    outputs.unwrap_or_else(|e| panic!("{instance:?}: {e}"))[0].tensor().unwrap().clone()
}

fn run(way: &Way, inputs: &[&DenseTensor], n_threads: usize) -> DenseTensor {
    let mut tools = Tools { workers: Workers::new(n_threads), ..Tools::default() };
    // Memory that was used before must not shine through.
    (8..18).for_each(|bits| tools.buffers.give(vec![f32::NAN; 1 << bits]));
    let values: Vec<Value> = inputs.iter().map(|x| (*x).clone().into()).collect();
    let outputs = way.kernel.run(&mut Args::from(values), &mut tools);
    outputs.unwrap_or_else(|e| panic!("{way:?}: {e}"))[0].tensor().unwrap().clone()
}

/// Sums of up to `n` products of numbers below 1, in another order.
fn assert_close(found: &DenseTensor, expected: &DenseTensor, n: usize, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let allowed = 4e-7 * (n as f64 + 8.0);
    let (found, expected) = (found.to_f64().unwrap(), expected.to_f64().unwrap());
    for (i, (x, y)) in found.iter().zip(&expected).enumerate() {
        assert!((x - y).abs() <= allowed || x == y, "{what}: element {i} is {x}, not {y}");
    }
}

/// Every way of an op, with constant weights and with weights that come late, against `eval`.
fn check(op: &str, attrs: &str, inputs: &[DenseTensor], n: usize) -> usize {
    let instance = instance(op, attrs, inputs.len());
    let expected = eval(&instance, inputs);
    let shape_of = |x: &DenseTensor| Fact { value: None, ..Fact::of(x) };
    let first = |x: &DenseTensor| Fact {
        // The batch may have any size.
        shape: Shape(Some(
            x.shape()
                .iter()
                .enumerate()
                .map(|(i, n)| if i == 0 { Dim::Unknown } else { (*n).into() })
                .collect(),
        )),
        ..shape_of(x)
    };
    let rest = |f: fn(&DenseTensor) -> Fact| inputs[1..].iter().map(f).collect::<Vec<_>>();
    let mut n_ways = 0;
    for facts in [
        [vec![first(&inputs[0])], rest(Fact::of)].concat(),
        [vec![shape_of(&inputs[0])], rest(Fact::of)].concat(),
        inputs.iter().map(shape_of).collect(),
    ] {
        let mut start = 0;
        while let Some((i, name, way)) = instance.prepare(start, &facts) {
            let taken: Vec<&DenseTensor> = way.inputs.iter().map(|i| &inputs[*i]).collect();
            let found = run(&way, &taken, 1);
            assert_close(&found, &expected, n, &format!("{name} of {op} {{{attrs}}}"));
            for n_threads in [2, 3] {
                assert_eq!(run(&way, &taken, n_threads), found, "{n_threads} threads, {op}");
            }
            (start, n_ways) = (i + 1, n_ways + 1);
        }
    }
    n_ways
}

const N: usize = 40;

struct Convolution {
    attrs: String,
    x: Vec<usize>,
    filter: Vec<usize>,
    is_channels_first: bool,
}

fn convolution(random: &mut Random, is_depthwise: bool) -> Convolution {
    let (n, h, w) = (1 + random.below(2), 5 + random.below(9), 5 + random.below(9));
    let (c, out) = (1 + random.below(20), 1 + random.below(40));
    let [kh, kw] = random.one_of(&[[1, 1], [3, 3], [5, 5], [2, 4]]);
    let (sh, sw) = (1 + random.below(2), 1 + random.below(3));
    let (dh, dw) = random.one_of(&[(1, 1), (1, 1), (2, 2)]);
    // TensorFlow has no explicit padding, and no dilation, with every stride; ours has.
    let padding = random.one_of(&["SAME", "VALID", "EXPLICIT"]);
    let (padding, kh) =
        if padding == "VALID" && (kh - 1) * dh >= h.min(w) { ("SAME", 1) } else { (padding, kh) };
    let (padding, kw) =
        if padding == "VALID" && (kw - 1) * dw >= w { ("SAME", kw) } else { (padding, kw) };
    let is_channels_first = random.below(5) == 0;
    let explicit = if padding == "EXPLICIT" && !is_depthwise {
        "explicit_paddings=[0, 0, 1, 2, 3, 0, 0, 0], "
    } else {
        ""
    };
    let padding = if explicit.is_empty() && padding == "EXPLICIT" { "SAME" } else { padding };
    let is_channels_first = is_channels_first && explicit.is_empty();
    let (strides, dilations, format) = match is_channels_first {
        true => (format!("1, 1, {sh}, {sw}"), format!("1, 1, {dh}, {dw}"), "NCHW"),
        false => (format!("1, {sh}, {sw}, 1"), format!("1, {dh}, {dw}, 1"), "NHWC"),
    };
    let attrs = format!(
        "strides=[{strides}], dilations=[{dilations}], padding=\"{padding}\", {explicit}\
         data_format=\"{format}\""
    );
    let x = if is_channels_first { vec![n, c, h, w] } else { vec![n, h, w, c] };
    let filter = vec![kh, kw, c, if is_depthwise { 1 } else { out }];
    Convolution { attrs, x, filter, is_channels_first }
}

#[test]
fn convolutions_agree_with_eval() {
    let mut random = Random(1);
    let mut n_ways = 0;
    for i in 0..2 * N {
        let is_depthwise = i % 2 == 0;
        let op = if is_depthwise { "DepthwiseConv2dNative" } else { "Conv2D" };
        let Convolution { attrs, x, filter, .. } = convolution(&mut random, is_depthwise);
        let inputs = [random.tensor(&x), random.tensor(&filter)];
        n_ways += check(op, &attrs, &inputs, filter[0] * filter[1] * filter[2]);
    }
    assert_eq!(n_ways, 2 * N * 3, "every convolution has a way for every knowledge of its inputs");
}

#[test]
fn fused_ops_agree_with_eval() {
    let mut random = Random(2);
    let mut n_ways = 0;
    for i in 0..N {
        let is_depthwise = i % 2 == 0;
        let op = if is_depthwise { "FusedDepthwiseConv2dNative" } else { "_FusedConv2D" };
        let conv = convolution(&mut random, is_depthwise);
        if conv.is_channels_first {
            continue;
        }
        let out = if is_depthwise { conv.filter[2] } else { conv.filter[3] };
        let fused = random.one_of(&[
            "[\"BiasAdd\"]",
            "[\"BiasAdd\", \"Relu\"]",
            "[\"BiasAdd\", \"Relu6\"]",
            "[\"BiasAdd\", \"Elu\"]",
            "[\"BiasAdd\", \"Sigmoid\"]",
            "[\"BiasAdd\", \"Tanh\"]",
            "[\"BiasAdd\", \"LeakyRelu\"]",
            "[\"BiasAdd\", \"Prelu\"]",
        ]);
        let attrs = format!("{}, fused_ops={fused}, leakyrelu_alpha=0.3", conv.attrs);
        let mut inputs = vec![random.tensor(&conv.x), random.tensor(&conv.filter)];
        inputs.push(random.tensor(&[out]));
        if fused.contains("Prelu") {
            inputs.push(random.tensor(&[out]));
        }
        n_ways += check(op, &attrs, &inputs, conv.filter[0] * conv.filter[1] * conv.filter[2]);
    }
    assert!(n_ways > N, "{n_ways} ways");
    for _ in 0..N {
        let (m, k, n) = (1 + random.below(30), 1 + random.below(50), 1 + random.below(70));
        let (flip_a, flip_b) = (random.below(2) == 0, random.below(2) == 0);
        let inputs = [
            random.tensor(&if flip_a { [k, m] } else { [m, k] }),
            random.tensor(&if flip_b { [n, k] } else { [k, n] }),
            random.tensor(&[n]),
        ];
        let flips = format!("transpose_a={flip_a}, transpose_b={flip_b}");
        assert_eq!(check("MatMul", &flips, &inputs[..2], k), 3);
        let attrs = format!("{flips}, fused_ops=[\"BiasAdd\", \"Relu\"]");
        assert_eq!(check("_FusedMatMul", &attrs, &inputs, k), 3);
    }
}

#[test]
fn stacks_of_products_agree_with_eval() {
    let mut random = Random(3);
    for _ in 0..N {
        let (m, k, n) = (1 + random.below(20), 1 + random.below(30), 1 + random.below(40));
        let (flip_a, flip_b) = (random.below(2) == 0, random.below(2) == 0);
        let (stack_a, stack_b): (&[usize], &[usize]) = random.one_of(&[
            (&[3], &[3]),
            (&[2, 3], &[2, 3]),
            (&[2, 3], &[1, 3]),
            (&[2, 1], &[3]),
            (&[2, 3], &[]),
            (&[], &[2]),
        ]);
        let a = [stack_a, &if flip_a { [k, m] } else { [m, k] }].concat();
        let b = [stack_b, &if flip_b { [n, k] } else { [k, n] }].concat();
        let inputs = [random.tensor(&a), random.tensor(&b)];
        let attrs = format!("adj_x={flip_a}, adj_y={flip_b}");
        assert!(check("BatchMatMulV2", &attrs, &inputs, k) >= 2, "{a:?} {b:?}");
    }
}

#[test]
fn pooling_and_rows_agree_with_eval() {
    let mut random = Random(4);
    for _ in 0..N {
        let Convolution { x, is_channels_first, .. } = convolution(&mut random, true);
        let (k, s) = (1 + random.below(3), 1 + random.below(3));
        let (ksize, strides, format) = match is_channels_first {
            true => (format!("1, 1, {k}, {k}"), format!("1, 1, {s}, {s}"), "NCHW"),
            false => (format!("1, {k}, {k}, 1"), format!("1, {s}, {s}, 1"), "NHWC"),
        };
        let padding = random.one_of(&["SAME", "VALID"]);
        let attrs = format!(
            "ksize=[{ksize}], strides=[{strides}], padding=\"{padding}\", data_format=\"{format}\""
        );
        let input = [random.tensor(&x)];
        assert_eq!(check("MaxPool", &attrs, &input, 0), 3);
        assert_eq!(check("AvgPool", &attrs, &input, k * k), 3);
        let axes = random.one_of(&[vec![1, 2], vec![-1], vec![0], vec![0, 1, 2, 3], vec![2, 3]]);
        let keep = format!("keep_dims={}", random.below(2) == 0);
        for op in ["Sum", "Mean", "Max"] {
            let inputs = [input[0].clone(), DenseTensor::vector::<i32>(axes.clone())];
            let n = if op == "Sum" { x.iter().product() } else { 8 };
            check(op, &keep, &inputs, n);
        }
        check("Softmax", "", &input, 8);
        check("LogSoftmax", "", &input, 8);
    }
}

#[test]
fn arithmetic_agrees_with_eval() {
    let mut random = Random(5);
    let mut n_ways = 0;
    for _ in 0..N {
        let x: &[usize] = random.one_of(&[&[2, 3, 4, 5][..], &[7], &[1, 1], &[3, 17], &[]]);
        let last = x.last().copied().unwrap_or(1);
        let y: Vec<usize> = random.one_of(&[x.to_vec(), vec![last], vec![], vec![1]]);
        let y = if y.len() > x.len() { Vec::new() } else { y };
        for op in ["AddV2", "Sub", "Mul", "RealDiv", "SquaredDifference"] {
            let inputs = [random.tensor(x), random.tensor(&y)];
            n_ways += check(op, "", &inputs, 0);
            // The result has the shape of the second one.
            let inputs = [inputs[1].clone(), inputs[0].clone()];
            check(op, "", &inputs, 0);
        }
    }
    assert!(n_ways >= N * 5, "{n_ways} ways");
}

/// Ops that may follow, with their inputs but the first.
fn followers(
    random: &mut Random,
    shape: &[usize],
) -> Vec<(&'static str, String, Vec<DenseTensor>)> {
    let c = *shape.last().unwrap();
    let mut positive = random.tensor(&[c]).into_vec::<f32>().unwrap();
    positive.iter_mut().for_each(|x| *x = x.abs() + 0.1);
    let statistics = vec![
        random.tensor(&[c]),
        random.tensor(&[c]),
        random.tensor(&[c]),
        DenseTensor::vector(positive),
    ];
    let alpha = format!("alpha={}", random.one_of(&["0.1", "0.5"]));
    vec![
        ("BiasAdd", String::new(), vec![random.tensor(&[c])]),
        ("AddV2", String::new(), vec![random.tensor(shape)]),
        ("Mul", String::new(), vec![random.tensor(&[1, 1, 1, c])]),
        ("Sub", String::new(), vec![random.tensor(&[])]),
        ("RealDiv", String::new(), vec![DenseTensor::scalar(3.0_f32)]),
        ("FusedBatchNormV3", "is_training=false, epsilon=0.001".to_owned(), statistics),
        ("Relu", String::new(), vec![]),
        ("Relu6", String::new(), vec![]),
        ("Sigmoid", String::new(), vec![]),
        ("LeakyRelu", alpha, vec![]),
        ("Prelu", String::new(), vec![random.tensor(&[c])]),
    ]
}

#[test]
fn what_follows_is_taken_over() {
    let mut random = Random(6);
    let mut n_taken = 0;
    for i in 0..4 * N {
        let conv = convolution(&mut random, i % 2 == 0);
        if conv.is_channels_first {
            continue;
        }
        let op = if i % 2 == 0 { "DepthwiseConv2dNative" } else { "Conv2D" };
        let first = instance(op, &conv.attrs, 2);
        let inputs = [random.tensor(&conv.x), random.tensor(&conv.filter)];
        let mut expected = eval(&first, &inputs);
        let is_late = random.below(4) == 0;
        let weights =
            Fact { value: Fact::of(&inputs[1]).value.filter(|_| !is_late), ..Fact::of(&inputs[1]) };
        let facts = [Fact { value: None, ..Fact::of(&inputs[0]) }, weights];
        let (_, _, mut way) = first.prepare(0, &facts).expect("a convolution has a way");
        let mut taken: Vec<DenseTensor> = way.inputs.iter().map(|i| inputs[*i].clone()).collect();
        let mut names = vec![op];
        for _ in 0..1 + random.below(4) {
            let all = followers(&mut random, expected.shape());
            let (op, attrs, rest) = random.one_of(&all);
            let next = instance(op, &attrs, 1 + rest.len());
            let is_variable = op == "AddV2" || random.below(4) == 0;
            let mut facts = vec![Fact { value: None, ..Fact::of(&expected) }];
            facts.extend(rest.iter().map(|x| match is_variable {
                true => Fact { value: None, ..Fact::of(x) },
                false => Fact::of(x),
            }));
            expected = eval(&next, &[vec![expected.clone()], rest.clone()].concat());
            let Some(follow) = next.follow(&facts, 0) else { break };
            assert!(way.kernel.absorb(&follow.post), "{names:?}, {op}");
            taken.extend(follow.operand.map(|i| rest[i - 1].clone()));
            names.push(op);
            n_taken += 1;
            let found = run(&way, &taken.iter().collect::<Vec<_>>(), 1 + random.below(3));
            let n = conv.filter[..3].iter().product::<usize>();
            assert_close(&found, &expected, 40 * n, &format!("{names:?} {}", conv.attrs));
        }
    }
    assert!(n_taken > 200, "{n_taken} steps were taken over");
}

#[test]
fn what_is_taken_in_place_is_not_what_others_read() {
    let relu = instance("Relu", "", 1);
    let x = DenseTensor::vector(vec![-1.0_f32; 1000]);
    let (_, _, way) = relu.prepare(0, &[Fact::of(&x)]).unwrap();
    assert_eq!(run(&way, &[&x], 1), DenseTensor::vector(vec![0.0_f32; 1000]));
    assert_eq!(x, DenseTensor::vector(vec![-1.0_f32; 1000]));
    // When nobody else reads it, its memory is used again.
    let mut inputs = Args::from(vec![Value::from(x)]);
    let place = inputs.slice::<f32>(0).unwrap().as_ptr();
    let outputs = way.kernel.run(&mut inputs, &mut Tools::default()).unwrap();
    assert_eq!(outputs[0].tensor().unwrap().as_slice::<f32>().unwrap().as_ptr(), place);
}
