//! The attributes of a node.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use tensorferry_tensor::{DType, DenseTensor, Tensor};

use crate::{Shape, Type};

/// Attributes by name. TensorFlow's map has no order; ours is sorted, so that text is the same.
pub type Attrs = BTreeMap<String, Attr>;

/// The attribute under which the node of a variable has the value that a checkpoint holds for it.
/// TensorFlow's own begin with an underscore too where they are no part of an op.
pub const VALUE_ATTR: &str = "_value";

/// The attribute under which a node that holds the path of an asset has the asset's bytes.
pub const ASSET_ATTR: &str = "_asset";

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attr {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number, in single precision as TensorFlow stores it.
    Float(f32),
    /// A byte string, mostly a word such as `NHWC`.
    Str(Bytes),
    /// The type of a value.
    Type(Type),
    /// A shape.
    Shape(Shape),
    /// A tensor.
    Tensor(Constant),
    /// A function of the library, and attributes to call it with.
    Func(FuncRef),
    /// Values of one kind.
    List(Vec<Attr>),
}

/// Names a function and gives it attributes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FuncRef {
    /// The function's name in [`crate::Model::functions`].
    pub name: String,
    /// Attributes of this call.
    pub attrs: Attrs,
}

/// A tensor that is part of a model: in memory, or where its file has it.
#[derive(Debug, Clone)]
pub enum Constant {
    /// In memory.
    Dense(DenseTensor),
    /// In a file, mapped or streamed; read when it is needed.
    Stored(Tensor),
}

impl Constant {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Dense(tensor) => tensor.dtype(),
            Self::Stored(tensor) => tensor.dtype(),
        }
    }

    /// The dims.
    pub fn shape(&self) -> Vec<u64> {
        match self {
            Self::Dense(tensor) => tensor.shape().iter().map(|dim| *dim as u64).collect(),
            Self::Stored(tensor) => tensor.shape().to_vec(),
        }
    }

    /// The elements, as a view of the mapped file where that is possible.
    ///
    /// # Errors
    /// What reading says.
    pub fn dense(&self) -> io::Result<DenseTensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor.clone()),
            Self::Stored(tensor) => DenseTensor::from_tensor(tensor),
        }
    }
}

impl PartialEq for Constant {
    /// Compares the elements; a constant that cannot be read equals nothing.
    fn eq(&self, other: &Self) -> bool {
        match (self.dense(), other.dense()) {
            (Ok(a), Ok(b)) => {
                a.dtype() == b.dtype() && a.shape() == b.shape() && a.to_bytes() == b.to_bytes()
            }
            _ => false,
        }
    }
}

impl Attr {
    /// A string.
    pub fn text(text: &str) -> Self {
        Self::Str(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// A list of integers.
    pub fn ints(all: &[i64]) -> Self {
        Self::List(all.iter().copied().map(Self::Int).collect())
    }

    /// A list of types.
    pub fn types(all: &[Type]) -> Self {
        Self::List(all.iter().copied().map(Self::Type).collect())
    }

    /// The functions named in it, those in calls' attributes too.
    pub fn functions(&self) -> Vec<&FuncRef> {
        match self {
            Self::Func(function) => {
                let inner = function.attrs.values().flat_map(Self::functions);
                std::iter::once(function).chain(inner).collect()
            }
            Self::List(all) => all.iter().flat_map(Self::functions).collect(),
            _ => Vec::new(),
        }
    }

    /// The type, when it is one.
    pub fn as_type(&self) -> Option<Type> {
        match self {
            Self::Type(ty) => Some(*ty),
            _ => None,
        }
    }

    /// The integer, when it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The list, when it is one.
    pub fn as_list(&self) -> Option<&[Attr]> {
        match self {
            Self::List(all) => Some(all),
            _ => None,
        }
    }

    /// The text, when it is UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Str(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The types of a list of types.
    pub fn as_types(&self) -> Option<Vec<Type>> {
        self.as_list()?.iter().map(Self::as_type).collect()
    }
}
