//! What flows along the edges while a graph runs.

use std::sync::Arc;

use tensorferry_ir::{Shape, Type};
use tensorferry_tensor::{DType, DenseTensor};

use crate::Resource;

/// A tensor, a handle, or a list.
#[derive(Debug, Clone)]
pub enum Value {
    /// A tensor of elements.
    Tensor(DenseTensor),
    /// A handle of something that is shared and changed.
    Resource(Resource),
    /// A variable of TensorFlow 1: whoever does not change it reads its value.
    Ref(Resource),
    /// A value that is no array.
    Variant(Variant),
}

/// A value of type variant.
#[derive(Debug, Clone)]
pub enum Variant {
    /// A list of tensors. It is a value: a changed list is another list.
    List(Arc<TensorList>),
}

/// TensorFlow's `TensorList`.
#[derive(Debug, Clone)]
pub struct TensorList {
    /// The type of every item.
    pub element_dtype: DType,
    /// What is known of every item's shape.
    pub element_shape: Shape,
    /// The items; those that were never set are zeros of the element's shape.
    items: Vec<Option<DenseTensor>>,
    /// Bytes of all items.
    n_bytes: usize,
}

impl TensorList {
    /// A list of items.
    ///
    /// # Errors
    /// When they are too many, or too large together.
    pub fn new(
        element_dtype: DType,
        element_shape: Shape,
        items: Vec<Option<DenseTensor>>,
    ) -> crate::Result<Self> {
        let n_bytes = items.iter().flatten().map(DenseTensor::byte_len).sum();
        let list = Self { element_dtype, element_shape, items, n_bytes };
        list.check()?;
        Ok(list)
    }

    /// The items.
    pub fn items(&self) -> &[Option<DenseTensor>] {
        &self.items
    }

    /// Sets the item at `i`, or forgets it; the list grows as needed.
    ///
    /// # Errors
    /// As [`TensorList::new`].
    pub fn set(&mut self, i: usize, item: Option<DenseTensor>) -> crate::Result<()> {
        if i >= self.items.len() {
            self.resize(i.saturating_add(1))?;
        }
        self.n_bytes += item.as_ref().map_or(0, DenseTensor::byte_len);
        let old = std::mem::replace(&mut self.items[i], item);
        self.n_bytes -= old.map_or(0, |old| old.byte_len());
        self.check()
    }

    /// Gives the list so many items.
    ///
    /// # Errors
    /// As [`TensorList::new`].
    pub fn resize(&mut self, n: usize) -> crate::Result<()> {
        crate::resources::check_items(n)?;
        for item in self.items.get(n..).unwrap_or_default().iter().flatten() {
            self.n_bytes -= item.byte_len();
        }
        self.items.resize(n, None);
        Ok(())
    }

    fn check(&self) -> crate::Result<()> {
        crate::resources::check_held(self.n_bytes)
    }
}

impl Value {
    /// Its type.
    pub fn ty(&self) -> Type {
        match self {
            Self::Tensor(tensor) => tensor.dtype().into(),
            Self::Resource(_) => Type::Resource,
            Self::Ref(variable) => {
                variable.as_variable().map_or(Type::Resource, |variable| variable.dtype.into())
            }
            Self::Variant(_) => Type::Variant,
        }
    }

    /// Its shape; handles and lists are scalars.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => tensor.shape(),
            Self::Resource(_) | Self::Ref(_) | Self::Variant(_) => &[],
        }
    }

    /// The tensor, when it is one.
    pub fn tensor(&self) -> Option<&DenseTensor> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The value itself: what a variable holds, where this is one of TensorFlow 1.
    ///
    /// # Errors
    /// When nothing was assigned to it.
    pub fn read(self) -> crate::Result<Self> {
        match self {
            Self::Ref(variable) => Ok(variable.as_variable()?.read()?.into()),
            other => Ok(other),
        }
    }

    /// Bytes that the value takes, those that it shares included.
    pub fn byte_len(&self) -> usize {
        match self {
            Self::Tensor(tensor) => tensor.byte_len(),
            Self::Resource(_) | Self::Ref(_) => 0,
            Self::Variant(Variant::List(list)) => list.n_bytes,
        }
    }
}

impl From<DenseTensor> for Value {
    fn from(tensor: DenseTensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<TensorList> for Value {
    fn from(list: TensorList) -> Self {
        Self::Variant(Variant::List(Arc::new(list)))
    }
}
