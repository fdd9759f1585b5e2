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
}

impl Fact {
    /// Of a type and a shape.
    pub fn new(ty: impl Into<Type>, shape: Shape) -> Self {
        Self { ty: ty.into(), shape, value: None }
    }

    /// Of a value that is there.
    pub fn of(value: &DenseTensor) -> Self {
        let shape = Shape::of(value.shape());
        Self { ty: value.dtype().into(), shape, value: Some(value.clone()) }
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

    /// The shape that the value names, `-1` being an unknown dim.
    pub fn as_shape(&self) -> Shape {
        match self.ints() {
            Some(dims) => {
                let dim = |n: i64| usize::try_from(n).map_or(Dim::Unknown, Dim::Known);
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
