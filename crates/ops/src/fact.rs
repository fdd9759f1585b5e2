//! What is known of a value before it is computed.

use tensorferry_ir::{Dim, Shape, Type};
use tensorferry_tensor::DenseTensor;

/// Type and shape of a value, and the value itself when it is constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The type.
    pub ty: Type,
    /// The shape, dims of which may be unknown.
    pub shape: Shape,
    /// The value, when it is known.
    pub value: Option<DenseTensor>,
    /// Of few integers, most often dims: those elements that are known, where not all are.
    pub elements: Option<Vec<Option<i64>>>,
}

impl Fact {
    /// Of a type and a shape.
    pub fn new(ty: impl Into<Type>, shape: Shape) -> Self {
        Self { ty: ty.into(), shape, value: None, elements: None }
    }

    /// Of a value that is there.
    pub fn of(value: &DenseTensor) -> Self {
        let shape = Shape::of(value.shape());
        Self { ty: value.dtype().into(), shape, value: Some(value.clone()), elements: None }
    }

    /// The dims, when their number is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        self.shape.dims()
    }

    /// The number of dims, when it is known.
    pub fn rank(&self) -> Option<usize> {
        self.shape.rank()
    }

    /// All elements, when the value is known and has integers or booleans.
    pub fn ints(&self) -> Option<Vec<i64>> {
        self.value.as_ref()?.to_i64()
    }

    /// The one element, when the value is known.
    pub fn int(&self) -> Option<i64> {
        self.ints()?.first().copied()
    }

    /// The elements, each of which may be unknown; `None` when nothing is known of them.
    pub fn elements(&self) -> Option<Vec<Option<i64>>> {
        match self.ints() {
            Some(all) => Some(all.into_iter().map(Some).collect()),
            None => self.elements.clone(),
        }
    }

    /// The shape that the value names, `-1` being an unknown dim.
    pub fn as_shape(&self) -> Shape {
        match self.elements() {
            Some(dims) => {
                let known = |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok());
                let dim = |n: Option<i64>| known(n).map_or(Dim::Unknown, Dim::Known);
                Shape(Some(dims.into_iter().map(dim).collect()))
            }
            // The number of elements of a shape tensor is the rank.
            None => match self.dims() {
                Some([Dim::Known(rank)]) => Shape::of_rank(*rank),
                _ => Shape::UNKNOWN,
            },
        }
    }
}
