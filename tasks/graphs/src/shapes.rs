//! Steps that move elements.

use tensorferry_ir::{Attr, Edge};
use tensorferry_tensor::DType;

use crate::Step;
use crate::bounds::Bounds;
use crate::maker::{ELEMENTS_MAX, Maker, Value};

pub(crate) const STEPS: &[Step] = &[
    reshape,
    reshape_to_computed,
    transpose,
    transpose_back,
    expand,
    squeeze,
    concat,
    split,
    stack,
    strided,
    slice,
    pad,
    tile,
    gather,
    broadcast_to,
    reverse,
];

fn with_dims(m: &mut Maker<'_>) -> Option<Value> {
    m.pick(|value| value.is_float() && !value.shape.is_empty())
}

fn sizes(shape: &[usize]) -> Vec<i32> {
    shape.iter().map(|dim| *dim as i32).collect()
}

/// The product of the dims before or after a place, as one dim.
fn reshape(m: &mut Maker<'_>) -> Option<()> {
    let x = m.float()?;
    let n = x.len();
    let shape = match m.decide(4) {
        0 => vec![n],
        1 if n.is_multiple_of(2) => vec![2, n / 2],
        2 if n.is_multiple_of(4) => vec![1, 2, 2, n / 4],
        _ => x.shape.clone(),
    };
    let mut wanted = sizes(&shape);
    if let Some(last) = wanted.last_mut().filter(|_| m.flag()) {
        *last = -1;
    }
    let wanted = m.ints(&wanted);
    m.push("Reshape", &[&x, &wanted], &[], &shape, x.bounds)
}

/// To the shape of another value, or to the batch and the rest, as Keras' `Flatten` does.
fn reshape_to_computed(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() >= 2)?;
    let rank = x.shape.len();
    let id = m.node("Shape", &[&x], &[("out_type", Attr::Type(DType::Int32.into()))]);
    let whole = of(m, id.into(), DType::Int32, &[rank], Bounds::integers(100.0));
    if m.flag() {
        return m.push("Reshape", &[&x, &whole], &[], &x.shape, x.bounds);
    }
    let (zero, one) = (m.ints(&[0]), m.ints(&[1]));
    let attrs = [("shrink_axis_mask", Attr::Int(1)), ("Index", Attr::Type(DType::Int32.into()))];
    let id = m.node("StridedSlice", &[&whole, &zero, &one, &one], &attrs);
    let batch = of(m, id.into(), DType::Int32, &[], Bounds::integers(100.0));
    let rest = m.int(-1);
    let attrs = [("N", Attr::Int(2)), ("axis", Attr::Int(0))];
    let id = m.node("Pack", &[&batch, &rest], &attrs);
    let wanted = of(m, id.into(), DType::Int32, &[2], Bounds::integers(100.0));
    let shape = [x.shape[0], x.len() / x.shape[0].max(1)];
    m.push("Reshape", &[&x, &wanted], &[], &shape, x.bounds)
}

/// A value that only the step itself goes on with.
fn of(m: &mut Maker<'_>, edge: Edge, dtype: DType, shape: &[usize], bounds: Bounds) -> Value {
    // The maker keeps it too, where it is one to go on with.
    let _ = m.value(edge, dtype, shape, bounds);
    Value { edge, dtype, shape: shape.to_vec(), bounds, is_open: false }
}

fn permutation(m: &mut Maker<'_>, rank: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..rank).collect();
    (0..rank).map(|_| left.remove(m.below(left.len()))).collect()
}

fn transposed(m: &mut Maker<'_>, x: &Value, order: &[usize]) -> Option<Value> {
    let shape: Vec<usize> = order.iter().map(|axis| x.shape[*axis]).collect();
    let order = m.ints(&sizes(order));
    m.push("Transpose", &[x, &order], &[], &shape, x.bounds)?;
    m.values.last().cloned()
}

fn transpose(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() >= 2)?;
    let order = permutation(m, x.shape.len());
    transposed(m, &x, &order).map(drop)
}

/// There, something that does not mind, and back.
fn transpose_back(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() >= 2)?;
    let order = permutation(m, x.shape.len());
    let mut there = transposed(m, &x, &order)?;
    if m.flag() {
        m.push("Relu", &[&there], &[], &there.shape, there.bounds)?;
        there = m.values.last()?.clone();
    }
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, axis)| back[*axis] = i);
    transposed(m, &there, &back).map(drop)
}

fn expand(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() <= 4)?;
    let at = m.below(x.shape.len() + 1);
    let mut shape = x.shape.clone();
    shape.insert(at, 1);
    let axis = m.int(at as i32);
    m.push("ExpandDims", &[&x, &axis], &[], &shape, x.bounds)
}

fn squeeze(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.contains(&1))?;
    let at = x.shape.iter().position(|dim| *dim == 1)?;
    let mut shape = x.shape.clone();
    let attr = match m.flag() {
        true => {
            shape.remove(at);
            Attr::ints(&[at as i64])
        }
        false => {
            shape.retain(|dim| *dim != 1);
            Attr::ints(&[])
        }
    };
    m.push("Squeeze", &[&x], &[("squeeze_dims", attr)], &shape, x.bounds)
}

fn concat(m: &mut Maker<'_>) -> Option<()> {
    let a = with_dims(m)?;
    let axis = m.below(a.shape.len());
    let fits = |b: &Value| {
        let same = |(i, dim): (usize, &usize)| i == axis || b.shape.get(i) == Some(dim);
        b.is_float() && b.shape.len() == a.shape.len() && a.shape.iter().enumerate().all(same)
    };
    let b = m.pick(fits)?;
    let mut shape = a.shape.clone();
    shape[axis] += b.shape[axis];
    let axis = m.int(axis as i32);
    m.push("ConcatV2", &[&a, &b, &axis], &[("N", Attr::Int(2))], &shape, a.bounds.either(b.bounds))
}

fn split(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.iter().any(|dim| dim % 2 == 0))?;
    let axis = x.shape.iter().position(|dim| dim % 2 == 0)?;
    let mut shape = x.shape.clone();
    shape[axis] /= 2;
    let place = m.int(axis as i32);
    let id = m.node("Split", &[&place, &x], &[("num_split", Attr::Int(2))]);
    m.graph.node_mut(id).attrs.insert("T".to_owned(), Attr::Type(DType::Float32.into()));
    for output in 0..2 {
        m.value(Edge { node: id, output }, DType::Float32, &shape, x.bounds)?;
    }
    Some(())
}

/// Two of one shape in a new dim, and perhaps apart again.
fn stack(m: &mut Maker<'_>) -> Option<()> {
    let a = m.float()?;
    let b = m.pick(|b| b.is_float() && b.shape == a.shape)?;
    let at = m.below(a.shape.len() + 1);
    let mut shape = a.shape.clone();
    shape.insert(at, 2);
    let bounds = a.bounds.either(b.bounds);
    let attrs = [("N", Attr::Int(2)), ("axis", Attr::Int(at as i64))];
    m.push("Pack", &[&a, &b], &attrs, &shape, bounds)?;
    let packed = m.values.last()?.clone();
    if m.flag() {
        let attrs = [("num", Attr::Int(2)), ("axis", Attr::Int(at as i64))];
        let id = m.node("Unpack", &[&packed], &attrs);
        for output in 0..2 {
            m.value(Edge { node: id, output }, DType::Float32, &a.shape, bounds)?;
        }
    }
    Some(())
}

/// Every element, every other one, or those from the end, of the first axis.
fn strided(m: &mut Maker<'_>) -> Option<()> {
    let x = with_dims(m)?;
    let rows = x.shape[0];
    let (begin, end, stride, kept, mask) = match m.decide(4) {
        0 => (0, 0, 1, rows, 1),
        1 => (0, rows as i32, 2, rows.div_ceil(2), 0),
        2 => (-1, 0, -1, rows, 1),
        _ => (rows as i32 - 1, rows as i32, 1, 1, 0),
    };
    let mut shape = x.shape.clone();
    shape[0] = kept;
    let shrinks = kept == 1 && stride == 1 && rows > 1 && m.flag();
    if shrinks {
        shape.remove(0);
    }
    let bounds: Vec<Value> = [begin, end, stride].iter().map(|n| m.ints(&[*n])).collect();
    let attrs = [
        ("end_mask", Attr::Int(mask)),
        ("shrink_axis_mask", Attr::Int(i64::from(shrinks))),
        ("Index", Attr::Type(DType::Int32.into())),
    ];
    m.push("StridedSlice", &[&x, &bounds[0], &bounds[1], &bounds[2]], &attrs, &shape, x.bounds)
}

fn slice(m: &mut Maker<'_>) -> Option<()> {
    let x = with_dims(m)?;
    let axis = m.below(x.shape.len());
    let from = m.below(x.shape[axis]);
    let mut shape = x.shape.clone();
    shape[axis] -= from;
    let mut begin = vec![0; shape.len()];
    begin[axis] = from as i32;
    let size = if m.flag() { vec![-1; shape.len()] } else { sizes(&shape) };
    let (begin, size) = (m.ints(&begin), m.ints(&size));
    m.push("Slice", &[&x, &begin, &size], &[], &shape, x.bounds)
}

fn pad(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() == 4)?;
    let amounts: Vec<i32> =
        (0..8).map(|i| if (2..6).contains(&i) { m.decide(2) as i32 } else { 0 }).collect();
    let shape: Vec<usize> = x
        .shape
        .iter()
        .zip(amounts.chunks(2))
        .map(|(dim, pair)| dim + pair.iter().sum::<i32>() as usize)
        .collect();
    let mut paddings = m.ints(&amounts);
    let (wanted, four_by_two) = (m.ints(&[4, 2]), [4, 2]);
    let id = m.node("Reshape", &[&paddings, &wanted], &[]);
    paddings = of(m, id.into(), DType::Int32, &four_by_two, Bounds::integers(1.0));
    match m.decide(3) {
        0 => {
            let value = m.constant(&[]);
            let bounds = x.bounds.either(value.bounds);
            m.push("PadV2", &[&x, &paddings, &value], &[], &shape, bounds)
        }
        1 if x.shape[1..3].iter().all(|dim| *dim >= 2) => {
            let mode = if m.flag() { "REFLECT" } else { "SYMMETRIC" };
            let attrs = [("mode", Attr::text(mode))];
            m.push("MirrorPad", &[&x, &paddings], &attrs, &shape, x.bounds)
        }
        _ => m.push("Pad", &[&x, &paddings], &[], &shape, x.bounds),
    }
}

fn tile(m: &mut Maker<'_>) -> Option<()> {
    let x = with_dims(m)?;
    let times: Vec<i32> = x.shape.iter().map(|_| 1 + m.decide(2) as i32).collect();
    let shape: Vec<usize> = x.shape.iter().zip(&times).map(|(dim, n)| dim * *n as usize).collect();
    if shape.iter().product::<usize>() > ELEMENTS_MAX {
        return None;
    }
    let times = m.ints(&times);
    m.push("Tile", &[&x, &times], &[], &shape, x.bounds)
}

fn gather(m: &mut Maker<'_>) -> Option<()> {
    let x = with_dims(m)?;
    let axis = m.below(x.shape.len());
    let indices: Vec<i32> = (0..2).map(|_| m.below(x.shape[axis]) as i32).collect();
    let (indices, place) = (m.ints(&indices), m.int(axis as i32));
    let mut shape = x.shape.clone();
    shape[axis] = 2;
    let attrs = [
        ("Tparams", Attr::Type(DType::Float32.into())),
        ("Tindices", Attr::Type(DType::Int32.into())),
        ("Taxis", Attr::Type(DType::Int32.into())),
        ("batch_dims", Attr::Int(0)),
    ];
    m.push("GatherV2", &[&x, &indices, &place], &attrs, &shape, x.bounds)
}

fn broadcast_to(m: &mut Maker<'_>) -> Option<()> {
    let x = m.pick(|value| value.is_float() && value.shape.len() <= 3)?;
    let shape = [&[3], &x.shape[..]].concat();
    let wanted = m.ints(&sizes(&shape));
    m.push("BroadcastTo", &[&x, &wanted], &[], &shape, x.bounds)
}

fn reverse(m: &mut Maker<'_>) -> Option<()> {
    let x = with_dims(m)?;
    let axis = m.below(x.shape.len()) as i32;
    let axis = m.ints(&[axis]);
    m.push("ReverseV2", &[&x, &axis], &[], &x.shape, x.bounds)
}
