//! Steps that call functions, and nodes that nobody reads.

use tensorferry_ir::{Attr, Edge, FuncRef, NodeId};
use tensorferry_tensor::DType;

use crate::Step;
use crate::bounds::Bounds;
use crate::elementwise;
use crate::maker::{Maker, Value};

pub(crate) const STEPS: &[Step] = &[call, branch, turns, after];

/// A function in a function in a function is deep enough.
const DEPTH_MAX: usize = 3;

fn types(values: &[Value]) -> Attr {
    Attr::types(&values.iter().map(|value| value.dtype.into()).collect::<Vec<_>>())
}

/// Some steps on the arguments; the last value is the result.
fn body(m: &mut Maker<'_>, steps: u64) -> Option<Value> {
    for _ in 0..=m.decide(steps) {
        let step = *m.one_of(elementwise::STEPS);
        let _ = step(m);
    }
    if m.depth < DEPTH_MAX && m.decide(6) == 0 {
        let _ = call(m);
    }
    m.values.last().cloned()
}

/// The outputs of a call that gives what `results` are like.
fn outputs(m: &mut Maker<'_>, id: NodeId, results: &[Value]) -> Option<()> {
    for (output, result) in (0_u32..).zip(results) {
        m.value(Edge { node: id, output }, result.dtype, &result.shape, result.bounds)?;
    }
    Some(())
}

/// A function, called once or twice with other arguments.
fn call(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let y = m.float()?;
    let arguments = [&x, &y];
    let (f, results) = m.function(&arguments, |m, given| {
        let last = body(m, 4)?;
        Some(vec![last, given[1].clone()])
    })?;
    let op = *m.one_of(&["PartitionedCall", "StatefulPartitionedCall"]);
    let attrs =
        [("Tin", types(&[x.clone(), y.clone()])), ("Tout", types(&results)), ("f", Attr::Func(f))];
    for _ in 0..=m.decide(2) {
        let id = m.node(op, &[&x, &y], &attrs);
        m.graph.node_mut(id).attrs.remove("T");
        outputs(m, id, &results)?;
    }
    Some(())
}

/// One truth: whether a sum of exact numbers is above 0.
fn truth(m: &mut Maker<'_>) -> Option<Value> {
    let exact = |value: &Value| value.is_float() && value.bounds.is_exact();
    let x = m.pick(exact)?;
    let axes: Vec<i32> = (0..x.shape.len() as i32).collect();
    let axes = m.ints(&axes);
    let sum = x.bounds.sum(x.len());
    if !sum.is_exact() {
        return None;
    }
    m.push("Sum", &[&x, &axes], &[("keep_dims", Attr::Bool(false))], &[], sum)?;
    let sum = m.values.last()?.clone();
    let zero = m.filled(&[], 0.0, 1.0);
    let id = m.node("Greater", &[&sum, &zero], &[]);
    m.value(id, DType::Bool, &[], Bounds::integers(1.0))?;
    m.values.last().cloned()
}

/// One of two functions whose results have one shape.
fn branch(m: &mut Maker<'_>) -> Option<()> {
    let holds = truth(m)?;
    let x = m.float()?;
    let mut side = |op: &str| {
        m.function(&[&x], |m, given| {
            let constant = m.constant(&[]);
            let bounds = match op {
                "Mul" => given[0].bounds.times(constant.bounds),
                _ => given[0].bounds.plus(constant.bounds),
            };
            m.push(op, &[&given[0], &constant], &[], &given[0].shape, bounds)?;
            Some(vec![m.values.last()?.clone()])
        })
    };
    let ((yes, a), (no, b)) = (side("Mul")?, side("AddV2")?);
    let op = *m.one_of(&["If", "StatelessIf"]);
    let attrs = [
        ("Tcond", Attr::Type(DType::Bool.into())),
        ("Tin", types(std::slice::from_ref(&x))),
        ("Tout", types(&a)),
        ("then_branch", Attr::Func(yes)),
        ("else_branch", Attr::Func(no)),
    ];
    let id = m.node(op, &[&holds, &x], &attrs);
    m.value(id, DType::Float32, &x.shape, a[0].bounds.either(b[0].bounds))
}

/// A loop of up to three turns, each of which squashes what it has.
fn turns(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let n = m.decide(4) as i32;
    let start = m.int(0);
    let cond = m.function(&[&start, &x], |m, given| {
        let end = m.int(n);
        let id = m.node("Less", &[&given[0], &end], &[]);
        m.value(id, DType::Bool, &[], Bounds::integers(1.0))?;
        Some(vec![m.values.last()?.clone()])
    })?;
    let turn = m.function(&[&start, &x], |m, given| {
        let one = m.int(1);
        let id = m.node("AddV2", &[&given[0], &one], &[]);
        m.value(id, DType::Int32, &[], Bounds::integers(4.0))?;
        let next = m.values.last()?.clone();
        m.push("Tanh", &[&given[1]], &[], &given[1].shape, given[1].bounds.through(1.0, 1.0))?;
        Some(vec![next, m.values.last()?.clone()])
    })?;
    let attrs: [(&str, Attr); 3] = [
        ("T", types(&[start.clone(), x.clone()])),
        ("cond", function(cond.0)),
        ("body", function(turn.0)),
    ];
    let op = *m.one_of(&["While", "StatelessWhile"]);
    let id = m.node(op, &[&start, &x], &attrs);
    let once = x.bounds.through(1.0, x.bounds.max.max(1.0));
    let all = (0..n).fold(once, |bounds, _| bounds.through(1.0, bounds.max));
    m.value(Edge { node: id, output: 1 }, DType::Float32, &x.shape, all)
}

fn function(f: FuncRef) -> Attr {
    Attr::Func(f)
}

/// A node that only waits, or that asks for something and that nobody reads.
fn after(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let id = match m.flag() {
        true => m.node("NoOp", &[], &[]),
        false => {
            let attrs = [("message", Attr::text("finite"))];
            m.node("CheckNumerics", &[&x], &attrs)
        }
    };
    let earlier = x.edge.node;
    m.graph.node_mut(id).control.push(earlier);
    m.push("Identity", &[&x], &[], &x.shape, x.bounds)?;
    let reader = m.values.last()?.edge.node;
    m.graph.node_mut(reader).control.push(id);
    Some(())
}
