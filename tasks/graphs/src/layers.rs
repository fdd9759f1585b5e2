//! Steps as layers make them: products with weights, normalization, activation, pooling, sums.

use tensorferry_ir::Attr;
use tensorferry_tensor::DType;

use crate::Step;
use crate::bounds::Bounds;
use crate::maker::{Maker, Value};

pub(crate) const STEPS: &[Step] = &[
    convolution,
    convolution,
    depthwise,
    matrix,
    batched,
    normalization,
    bias,
    activation,
    pooling,
    reduction,
    softmax,
    leaky_by_hand,
    largest,
];

fn is_image(value: &Value) -> bool {
    value.is_float() && value.shape.len() == 4 && value.shape[1..3].iter().all(|dim| *dim >= 2)
}

/// Rows or columns that a window leaves.
fn windows(len: usize, size: usize, stride: usize, is_same: bool) -> usize {
    match is_same {
        true => len.div_ceil(stride),
        false => (len - size) / stride + 1,
    }
}

fn padding(is_same: bool) -> Attr {
    Attr::text(if is_same { "SAME" } else { "VALID" })
}

/// What stands behind a product in most models.
fn tail(m: &mut Maker<'_>) -> Option<()> {
    if m.flag() {
        bias(m)?;
    }
    if m.decide(3) == 0 {
        normalization(m)?;
    }
    if m.flag() {
        activation(m)?;
    }
    Some(())
}

fn convolution(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(is_image)?;
    let [n, h, w, c] = x.shape[..] else { return None };
    let (size, stride, is_same) = (1 + m.below(2), 1 + m.below(2), m.flag());
    let channels = 1 + m.below(4);
    let filter = m.constant(&[size, size, c, channels]);
    let shape = [n, windows(h, size, stride, is_same), windows(w, size, stride, is_same), channels];
    let stride = stride as i64;
    let attrs = [("strides", Attr::ints(&[1, stride, stride, 1])), ("padding", padding(is_same))];
    let bounds = x.bounds.times(filter.bounds).sum(size * size * c);
    m.push("Conv2D", &[&x, &filter], &attrs, &shape, bounds)?;
    tail(m)
}

fn depthwise(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(is_image)?;
    let [n, h, w, c] = x.shape[..] else { return None };
    let (size, stride, is_same) = (1 + m.below(2), 1 + m.below(2), m.flag());
    let multiplier = 1 + m.below(2);
    let filter = m.constant(&[size, size, c, multiplier]);
    let shape =
        [n, windows(h, size, stride, is_same), windows(w, size, stride, is_same), c * multiplier];
    let stride = stride as i64;
    let attrs = [("strides", Attr::ints(&[1, stride, stride, 1])), ("padding", padding(is_same))];
    let bounds = x.bounds.times(filter.bounds).sum(size * size);
    m.push("DepthwiseConv2dNative", &[&x, &filter], &attrs, &shape, bounds)?;
    tail(m)
}

fn matrix(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() == 2)?;
    let (transpose_a, transpose_b) = (m.decide(4) == 0, m.flag());
    let (rows, inner) = match transpose_a {
        true => (x.shape[1], x.shape[0]),
        false => (x.shape[0], x.shape[1]),
    };
    let units = 1 + m.below(5);
    let weights = m.constant(&if transpose_b { [units, inner] } else { [inner, units] });
    let attrs =
        [("transpose_a", Attr::Bool(transpose_a)), ("transpose_b", Attr::Bool(transpose_b))];
    let bounds = x.bounds.times(weights.bounds).sum(inner);
    m.push("MatMul", &[&x, &weights], &attrs, &[rows, units], bounds)?;
    tail(m)
}

/// A stack of matrices with its own transpose.
fn batched(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() == 3)?;
    let attrs = [("adj_x", Attr::Bool(false)), ("adj_y", Attr::Bool(true))];
    let shape = [x.shape[0], x.shape[1], x.shape[1]];
    let bounds = x.bounds.times(x.bounds).sum(x.shape[2]);
    m.push("BatchMatMulV2", &[&x, &x], &attrs, &shape, bounds)
}

/// With given statistics; the variance is so that the quotient is never large.
fn normalization(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(is_image)?;
    let c = x.shape[3];
    let (scale, offset, mean) = (m.constant(&[c]), m.constant(&[c]), m.constant(&[c]));
    let variances: Vec<f32> = (0..c).map(|i| 0.5 + i as f32).collect();
    let variance = m.floats(&[c], variances, 0.5);
    let centred = x.bounds.plus(mean.bounds);
    let normal = centred.through(1.5, centred.max * 1.5);
    let bounds = normal.times(scale.bounds).plus(offset.bounds);
    let attrs = [("is_training", Attr::Bool(false)), ("epsilon", Attr::Float(0.001))];
    let inputs = [&x, &scale, &offset, &mean, &variance];
    let id = m.node("FusedBatchNormV3", &inputs, &attrs);
    m.graph.node_mut(id).attrs.insert("U".to_owned(), Attr::Type(DType::Float32.into()));
    m.value(id, DType::Float32, &x.shape, bounds)
}

fn bias(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() >= 2)?;
    let constant = m.constant(&x.shape[x.shape.len() - 1..]);
    let (op, bounds) = match m.decide(4) {
        0 => ("AddV2", x.bounds.plus(constant.bounds)),
        1 => ("Mul", x.bounds.times(constant.bounds)),
        _ => ("BiasAdd", x.bounds.plus(constant.bounds)),
    };
    m.push(op, &[&x, &constant], &[], &x.shape, bounds)
}

/// On what was made last, so that it stands behind a product where there is one.
fn activation(m: &mut Maker<'_>) -> Option<()> {
    let x = m.values.last().filter(|value| value.is_float())?.clone();
    let op = *m.one_of(&["Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu", "Tanh", "Selu"]);
    let max = x.bounds.max;
    let bounds = match op {
        "Relu" => x.bounds,
        "Relu6" => Bounds { max: max.min(6.0), ..x.bounds },
        "LeakyRelu" => x.bounds.either(x.bounds.times(Bounds::multiples(0.5, 0.5))),
        "Sigmoid" | "Tanh" => x.bounds.through(1.0, 1.0),
        _ => x.bounds.through(1.8, 1.8 * max.max(1.0)),
    };
    let attrs = [("alpha", Attr::Float(0.5))];
    let attrs = if op == "LeakyRelu" { &attrs[..] } else { &[] };
    m.push(op, &[&x], attrs, &x.shape, bounds)
}

fn pooling(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(is_image)?;
    let [n, h, w, c] = x.shape[..] else { return None };
    let (stride, is_same) = (1 + m.below(2), m.flag());
    let shape = [n, windows(h, 2, stride, is_same), windows(w, 2, stride, is_same), c];
    let stride = stride as i64;
    let attrs = [
        ("ksize", Attr::ints(&[1, 2, 2, 1])),
        ("strides", Attr::ints(&[1, stride, stride, 1])),
        ("padding", padding(is_same)),
    ];
    match m.flag() {
        true => m.push("MaxPool", &[&x], &attrs, &shape, x.bounds),
        // At the border fewer than four are averaged.
        false => m.push("AvgPool", &[&x], &attrs, &shape, x.bounds.through(1.0, x.bounds.max)),
    }
}

fn reduction(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && !value.shape.is_empty())?;
    let rank = x.shape.len();
    let first = m.below(rank);
    let mut axes = vec![first];
    if m.flag() && rank > 1 {
        axes.push((first + 1) % rank);
    }
    let keeps = m.flag();
    let n: usize = axes.iter().map(|axis| x.shape[*axis]).product();
    let kept = |(i, dim): (usize, &usize)| match (axes.contains(&i), keeps) {
        (false, _) => Some(*dim),
        (true, true) => Some(1),
        (true, false) => None,
    };
    let shape: Vec<usize> = x.shape.iter().enumerate().filter_map(kept).collect();
    let (op, bounds) = *m.one_of(&[
        ("Sum", x.bounds.sum(n)),
        ("Mean", x.bounds.sum(n).through(1.0 / n as f64, x.bounds.max)),
        ("Max", x.bounds),
        ("Min", x.bounds),
    ]);
    // Negative axes count from the end.
    let from_end = if m.flag() { rank as i32 } else { 0 };
    let axes: Vec<i32> = axes.iter().map(|axis| *axis as i32 - from_end).collect();
    let axes = m.ints(&axes);
    m.push(op, &[&x, &axes], &[("keep_dims", Attr::Bool(keeps))], &shape, bounds)
}

fn softmax(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && !value.shape.is_empty())?;
    m.push("Softmax", &[&x], &[], &x.shape, x.bounds.through(2.0, 1.0))
}

/// `relu(x) - a * relu(-x)`, as Keras says a leaky activation.
fn leaky_by_hand(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && !value.shape.is_empty())?;
    let slopes = m.constant(&x.shape[x.shape.len() - 1..]);
    m.push("Relu", &[&x], &[], &x.shape, x.bounds)?;
    let positive = m.values.last()?.clone();
    m.push("Neg", &[&x], &[], &x.shape, x.bounds)?;
    let negated = m.values.last()?.clone();
    m.push("Relu", &[&negated], &[], &x.shape, x.bounds)?;
    let negative = m.values.last()?.clone();
    let sloped = x.bounds.times(slopes.bounds);
    let inputs = if m.flag() { [&slopes, &negative] } else { [&negative, &slopes] };
    m.push("Mul", &inputs, &[], &x.shape, sloped)?;
    let part = m.values.last()?.clone();
    let op = *m.one_of(&["Sub", "AddV2"]);
    m.push(op, &[&positive, &part], &[], &x.shape, x.bounds.plus(sloped))
}

/// Where the largest of exact numbers is.
fn largest(m: &mut Maker<'_>) -> Option<()> {
    let is_exact =
        |value: &Value| value.is_float() && value.bounds.is_exact() && !value.shape.is_empty();
    let x = m.pick(is_exact)?;
    let axis = m.int(-1);
    let attrs = [("output_type", Attr::Type(DType::Int32.into()))];
    let op = *m.one_of(&["ArgMax", "ArgMin"]);
    let id = m.node(op, &[&x, &axis], &attrs);
    let shape = &x.shape[..x.shape.len() - 1];
    m.value(id, DType::Int32, shape, Bounds::integers(x.shape[shape.len()] as f64))
}
