//! What follows of a few integers, most often dims, some of which are unknown.
//!
//! `Shape`, a slice of it, a new dim packed in: that is how graphs make the shapes that they reshape
//! to. The batch is unknown and the rest is not; knowing the rest is what this is for.

use tensorferry_ir::Type;
use tensorferry_tensor::{DType, DenseTensor};

use crate::registry::Instance;
use crate::spec::Arg;
use crate::wide::Narrow;
use crate::{Fact, NoContext, Value};

/// Shapes have few dims; what is longer is data.
const LEN_MAX: usize = 64;

/// What unknown elements are while an op that moves elements runs twice: what differs is unknown.
/// Real dims are smaller.
const MARKS: [i64; 2] = [0x3b9a_ca07, 0x3b9a_ca09];

/// Fills in the elements of outputs that are known in part.
pub(crate) fn fill(instance: &Instance, inputs: &[Fact], outputs: &mut [Fact]) {
    let is_small = |fact: &Fact| {
        let is_int = matches!(fact.ty, Type::Data(DType::Int32 | DType::Int64));
        is_int && fact.rank().is_some_and(|rank| rank <= 1)
    };
    let says_something = |fact: &Fact| fact.elements.is_some() || fact.value.is_some();
    if !inputs.iter().any(says_something) || !outputs.iter().all(is_small) {
        return;
    }
    let spec = &instance.def.spec;
    let found = match (spec.moves, spec.algebra.is_elementwise) {
        (true, _) => moved(instance, inputs),
        (_, true) => elementwise(instance, inputs),
        _ => None,
    };
    let Some(found) = found else { return };
    for (fact, elements) in outputs.iter_mut().zip(found) {
        if fact.value.is_none() && elements.len() <= LEN_MAX {
            fact.elements = Some(elements);
        }
    }
}

/// A tensor of these elements, unknown ones being `mark`.
fn marked(fact: &Fact, mark: i64) -> Option<Value> {
    let shape = fact.shape.known().filter(|shape| shape.len() <= 1)?;
    let len = tensorferry_tensor::dense_len(&shape).filter(|len| *len <= LEN_MAX)?;
    let nothing = vec![None; len];
    let elements = fact.elements.as_ref().unwrap_or(&nothing);
    let all: Vec<i64> = elements.iter().map(|one| one.unwrap_or(mark)).collect();
    let dtype = fact.ty.dtype().filter(|ty| matches!(ty, DType::Int32 | DType::Int64))?;
    (all.len() == len).then(|| i64::narrow(dtype, &shape, all).into())
}

/// The outputs' integers.
fn run(instance: &Instance, inputs: Vec<Value>) -> Option<Vec<Vec<i64>>> {
    let outputs = instance.eval(inputs, &mut NoContext::default()).ok()?;
    outputs.iter().map(|value| value.tensor().and_then(DenseTensor::to_i64)).collect()
}

/// For ops whose outputs are elements of those inputs that are of the outputs' type; the other
/// inputs, which say where from, must be known.
fn moved(instance: &Instance, inputs: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
    let spec = &instance.def.spec;
    let data = Arg::parse(spec.outputs.first()?).ty;
    let is_data = instance.input_types();
    let all = |mark: i64| -> Option<Vec<Value>> {
        let one = |(fact, ty): (&Fact, &&str)| match &fact.value {
            Some(value) => Some(value.clone().into()),
            None if *ty == data => marked(fact, mark),
            None => None,
        };
        inputs.iter().zip(&is_data).map(one).collect()
    };
    let (a, b) = (run(instance, all(MARKS[0])?)?, run(instance, all(MARKS[1])?)?);
    let same = |(a, b): (Vec<i64>, Vec<i64>)| {
        a.into_iter().zip(b).map(|(a, b)| (a == b).then_some(a)).collect()
    };
    Some(a.into_iter().zip(b).map(same).collect())
}

/// For ops that compute each output element from one element of each input.
fn elementwise(instance: &Instance, inputs: &[Fact]) -> Option<Vec<Vec<Option<i64>>>> {
    let all: Option<Vec<Vec<Option<i64>>>> = inputs.iter().map(Fact::elements).collect();
    let all = all?;
    let n = all.iter().map(Vec::len).max()?;
    if n > LEN_MAX || all.iter().any(|one| one.len() != n && one.len() != 1) {
        return None;
    }
    // One is a number that everything can be divided by.
    let values = inputs.iter().map(|fact| match &fact.value {
        Some(value) => Some(value.clone().into()),
        None => marked(fact, 1),
    });
    let outputs = run(instance, values.collect::<Option<_>>()?)?;
    let is_known =
        |i: usize| all.iter().all(|one| one[if one.len() == 1 { 0 } else { i }].is_some());
    let known = |all: Vec<i64>| {
        all.into_iter().enumerate().map(|(i, x)| is_known(i).then_some(x)).collect()
    };
    Some(outputs.into_iter().map(known).collect())
}
