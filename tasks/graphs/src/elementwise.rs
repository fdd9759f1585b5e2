//! Steps that compute each element from one element of each input.

use tensorferry_ir::Attr;
use tensorferry_tensor::DType;

use crate::Step;
use crate::bounds::Bounds;
use crate::maker::{Maker, UNIT, Value};

pub(crate) const STEPS: &[Step] = &[
    exact_unary,
    smooth_unary,
    jumping_unary,
    binary,
    with_constant,
    with_neutral,
    quotient,
    nothing,
    comparison,
    choice,
    cast,
    integers,
    twice_the_same,
];

/// Ops that give multiples of the same unit.
fn exact_unary(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let op = *m.one_of(&["Neg", "Abs", "Relu", "Relu6", "LeakyRelu", "Square"]);
    let bounds = match op {
        "Relu6" => Bounds { max: x.bounds.max.min(6.0), ..x.bounds },
        "LeakyRelu" => x.bounds.either(x.bounds.times(Bounds::multiples(0.25, 0.25))),
        "Square" => x.bounds.times(x.bounds),
        _ => x.bounds,
    };
    let attrs = [("alpha", Attr::Float(0.25))];
    let attrs = if op == "LeakyRelu" { &attrs[..] } else { &[] };
    m.push(op, &[&x], attrs, &x.shape, bounds)
}

/// Ops that round, and are nowhere steep.
fn smooth_unary(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let max = x.bounds.max;
    let op = *m.one_of(&[
        "Sigmoid", "Tanh", "Elu", "Softplus", "Softsign", "Sin", "Exp", "Erf", "Sqrt", "Log1p",
        "Rsqrt",
    ]);
    let (slope, largest) = match op {
        "Sigmoid" | "Tanh" | "Softsign" | "Sin" => (1.0, 1.0),
        "Erf" => (1.2, 1.0),
        "Elu" => (1.0, max.max(1.0)),
        "Softplus" => (1.0, max + 1.0),
        "Exp" => (max.exp(), max.exp()),
        // Of what was made at least 1 before.
        _ => (1.0, max + 1.0),
    };
    if op == "Exp" && max > 6.0 {
        return None;
    }
    if !matches!(op, "Sqrt" | "Log1p" | "Rsqrt") {
        return m.push(op, &[&x], &[], &x.shape, x.bounds.through(slope, largest));
    }
    let one = m.filled(&[], 1.0, 1.0);
    let above = at_least_one(m, &x, &one)?;
    m.push(op, &[&above], &[], &above.shape, above.bounds.through(slope, largest))
}

/// `|x| + 1`.
fn at_least_one(m: &mut Maker<'_>, x: &Value, one: &Value) -> Option<Value> {
    m.push("Abs", &[x], &[], &x.shape, x.bounds)?;
    let abs = m.values.last()?.clone();
    m.push("AddV2", &[&abs, one], &[], &x.shape, abs.bounds.plus(one.bounds))?;
    m.values.last().cloned()
}

/// Ops that jump: only of numbers that are the same however they are computed.
fn jumping_unary(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.bounds.is_exact())?;
    let op = *m.one_of(&["Floor", "Ceil", "Round", "Sign"]);
    let max = if op == "Sign" { 1.0 } else { x.bounds.max + 1.0 };
    m.push(op, &[&x], &[], &x.shape, Bounds::integers(max))
}

/// The shape of two that are broadcast.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], i: usize| match (i + shape.len()).checked_sub(rank) {
        Some(at) => shape[at],
        None => 1,
    };
    (0..rank)
        .map(|i| match (dim(a, i), dim(b, i)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        })
        .collect()
}

fn combine(m: &mut Maker<'_>, a: &Value, b: &Value) -> Option<()> {
    let shape = broadcast(&a.shape, &b.shape)?;
    let op = *m.one_of(&["AddV2", "Mul", "Sub", "Maximum", "Minimum", "SquaredDifference", "Add"]);
    let sum = a.bounds.plus(b.bounds);
    let bounds = match op {
        "Mul" => a.bounds.times(b.bounds),
        "Maximum" | "Minimum" => a.bounds.either(b.bounds),
        "SquaredDifference" => sum.times(sum),
        _ => sum,
    };
    m.push(op, &[a, b], &[], &shape, bounds)
}

fn binary(m: &mut Maker<'_>) -> Option<()> {
    let a = m.float()?;
    let b = m.pick(|b| b.is_float() && broadcast(&a.shape, &b.shape).is_some())?;
    combine(m, &a, &b)
}

/// A constant on either side: one number, one for each channel, one for each element, or more dims
/// than the other has.
fn with_constant(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let shape = match m.decide(5) {
        0 => Vec::new(),
        1 => x.shape.clone(),
        2 => [&[2], &x.shape[..]].concat(),
        _ => x.shape.last().copied().into_iter().collect(),
    };
    let constant = m.constant(&shape);
    if m.flag() { combine(m, &x, &constant) } else { combine(m, &constant, &x) }
}

/// What changes nothing, except perhaps the shape.
fn with_neutral(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let (op, number) = *m.one_of(&[
        ("AddV2", 0.0),
        ("Sub", 0.0),
        ("Mul", 1.0),
        ("RealDiv", 1.0),
        ("Mul", 0.0),
        ("Mul", -1.0),
    ]);
    let neutral_shape = match m.decide(3) {
        0 => vec![],
        1 => x.shape.last().copied().into_iter().collect(),
        _ => vec![1; x.shape.len() + 1],
    };
    let neutral = m.filled(&neutral_shape, number, 1.0);
    let shape = broadcast(&x.shape, &neutral_shape)?;
    let is_first = matches!(op, "AddV2" | "Mul") && m.flag();
    let inputs = if is_first { [&neutral, &x] } else { [&x, &neutral] };
    m.push(op, &inputs, &[], &shape, x.bounds)
}

/// A quotient by a constant that is no power of two.
fn quotient(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let divisor = m.floats(&[], vec![3.0], 1.0);
    m.push("RealDiv", &[&x, &divisor], &[], &x.shape, x.bounds.through(0.5, x.bounds.max))
}

fn nothing(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let op = *m.one_of(&["Identity", "StopGradient", "Identity", "PreventGradient"]);
    m.push(op, &[&x], &[], &x.shape, x.bounds)
}

fn comparison(m: &mut Maker<'_>) -> Option<()> {
    let is_exact = |value: &Value| value.dtype != DType::Bool && value.bounds.is_exact();
    let a = m.pick(is_exact)?;
    let fits =
        |b: &Value| is_exact(b) && b.dtype == a.dtype && broadcast(&a.shape, &b.shape).is_some();
    let b = m.pick(fits)?;
    let op = *m.one_of(&["Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual"]);
    let shape = broadcast(&a.shape, &b.shape)?;
    let id = m.node(op, &[&a, &b], &[]);
    m.value(id, DType::Bool, &shape, Bounds::integers(1.0))?;
    let last = m.values.last()?.clone();
    if m.flag() {
        let id = m.node("LogicalNot", &[&last], &[]);
        m.value(id, DType::Bool, &shape, Bounds::integers(1.0))?;
    }
    Some(())
}

/// One of two by truths.
fn choice(m: &mut Maker<'_>) -> Option<()> {
    let truth = m.pick(|value| value.dtype == DType::Bool)?;
    let fits = |a: &Value| a.is_float() && broadcast(&truth.shape, &a.shape).is_some();
    let a = m.pick(fits)?;
    let both = broadcast(&truth.shape, &a.shape)?;
    let b = m.pick(|b| b.is_float() && broadcast(&both, &b.shape).is_some())?;
    let shape = broadcast(&both, &b.shape)?;
    let id = m.node("SelectV2", &[&truth, &a, &b], &[]);
    m.graph.node_mut(id).attrs.insert("T".to_owned(), Attr::Type(DType::Float32.into()));
    m.value(id, DType::Float32, &shape, a.bounds.either(b.bounds))
}

fn cast(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.bounds.is_exact())?;
    let to = match x.dtype {
        DType::Float32 => DType::Int32,
        _ => DType::Float32,
    };
    let bounds = Bounds::integers(x.bounds.max.max(1.0));
    let attrs = [("SrcT", Attr::Type(x.dtype.into())), ("DstT", Attr::Type(to.into()))];
    let id = m.node("Cast", &[&x], &attrs);
    m.value(id, to, &x.shape, bounds)
}

/// Integers with one another and with constants.
fn integers(m: &mut Maker<'_>) -> Option<()> {
    let a = m.pick(|value| value.dtype == DType::Int32)?;
    let b = match m.flag() {
        true => m.int(3),
        false => {
            let fits =
                |b: &Value| b.dtype == DType::Int32 && broadcast(&a.shape, &b.shape).is_some();
            m.pick(fits)?
        }
    };
    let shape = broadcast(&a.shape, &b.shape)?;
    let (op, max) = match m.decide(5) {
        0 => ("Mul", a.bounds.max * b.bounds.max),
        1 => ("Maximum", a.bounds.max.max(b.bounds.max)),
        2 if b.bounds.max == 3.0 && b.shape.is_empty() => {
            // A value of the graph may be 0; the constant is not.
            let three = m.int(3);
            let op = *m.one_of(&["FloorMod", "FloorDiv"]);
            let id = m.node(op, &[&a, &three], &[]);
            return m.value(id, DType::Int32, &a.shape, Bounds::integers(a.bounds.max.max(3.0)));
        }
        _ => ("AddV2", a.bounds.max + b.bounds.max),
    };
    let id = m.node(op, &[&a, &b], &[]);
    m.value(id, DType::Int32, &shape, Bounds::integers(max))
}

/// The same op twice with the same input, and both read: duplicates are merged.
fn twice_the_same(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let constant = m.constant(&[]);
    let again = m.filled(&[], 0.5, UNIT);
    for other in [&constant, &constant, &again] {
        m.push("Mul", &[&x, other], &[], &x.shape, x.bounds.times(other.bounds))?;
    }
    let n = m.values.len();
    let (a, b) = (m.values[n - 2].clone(), m.values[n - 3].clone());
    m.push("Sub", &[&a, &b], &[], &x.shape, a.bounds.plus(b.bounds))
}
