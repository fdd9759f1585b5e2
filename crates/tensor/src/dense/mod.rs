//! Tensors in memory: a shape and typed elements that are cheap to share.

mod assemble;
mod buffer;
mod bytes;
mod complex;
mod storage;

use std::fmt;

pub use assemble::{Run, assemble};
pub use buffer::Buffer;
pub use complex::Complex;
pub use storage::{Element, Storage};

use crate::DType;

/// A shape and its elements in row-major order. Cloning shares the elements.
#[derive(Clone, PartialEq)]
pub struct DenseTensor {
    shape: Vec<usize>,
    storage: Storage,
}

/// Number of elements of a shape; `None` when it does not fit `usize`.
pub fn dense_len(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |n, dim| n.checked_mul(*dim))
}

impl DenseTensor {
    /// A tensor of `shape` with `elements`.
    ///
    /// # Panics
    /// When the number of elements is not that of the shape: that is a mistake of the caller.
    pub fn new<T: Element>(shape: &[usize], elements: impl Into<Buffer<T>>) -> Self {
        let elements = elements.into();
        assert_eq!(dense_len(shape), Some(elements.len()), "elements of the shape {shape:?}");
        Self { shape: shape.to_vec(), storage: T::wrap(elements) }
    }

    /// A tensor of `shape` over `storage`; `None` when the number of elements is another.
    pub fn from_storage(shape: &[usize], storage: Storage) -> Option<Self> {
        (dense_len(shape) == Some(storage.len())).then(|| Self { shape: shape.to_vec(), storage })
    }

    /// A tensor without dims.
    pub fn scalar<T: Element>(value: T) -> Self {
        Self::new(&[], vec![value])
    }

    /// A tensor with one dim.
    pub fn vector<T: Element>(elements: Vec<T>) -> Self {
        Self::new(&[elements.len()], elements)
    }

    /// Zeros, `false` or empty strings. `None` when the shape has too many elements for memory to
    /// be addressed.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Option<Self> {
        let storage = Storage::zeros(dtype, dense_len(shape)?);
        Some(Self { shape: shape.to_vec(), storage })
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.storage.dtype()
    }

    /// The dims, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of dims.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.storage.len()
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, whatever their type is.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The elements without the shape.
    pub fn into_storage(self) -> Storage {
        self.storage
    }

    /// The elements, when they are of type `T`.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::view(&self.storage).map(|buffer| &**buffer)
    }

    /// The elements as a vector, without a copy when nobody else holds them.
    ///
    /// # Errors
    /// The tensor itself, when the elements are not of type `T`.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, Self> {
        let shape = self.shape;
        match T::take(self.storage) {
            Ok(buffer) => Ok(buffer.into_vec()),
            Err(storage) => Err(Self { shape, storage }),
        }
    }

    /// The elements as a vector, when they are of type `T` and nobody else holds them.
    ///
    /// # Errors
    /// The tensor itself, when that is not so.
    pub fn try_into_vec<T: Element>(self) -> Result<Vec<T>, Self> {
        let shape = self.shape;
        let buffer = match T::take(self.storage) {
            Ok(buffer) => buffer,
            Err(storage) => return Err(Self { shape, storage }),
        };
        buffer.try_into_vec().map_err(|buffer| Self { shape, storage: T::wrap(buffer) })
    }

    /// The same elements under another shape; `None` when the number of elements differs.
    pub fn reshaped(self, shape: &[usize]) -> Option<Self> {
        Self::from_storage(shape, self.storage)
    }

    /// Bytes that the elements take; strings count their own bytes.
    pub fn byte_len(&self) -> usize {
        match &self.storage {
            Storage::String(all) => all.iter().map(|one| one.len() + 4).sum(),
            other => other.len() * other.dtype().byte_size().unwrap_or(0),
        }
    }

    /// All elements as `i64`: integers and booleans only. `None` for other types and for numbers
    /// beyond `i64`.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        fn each<T: Copy>(all: &[T], f: impl Fn(T) -> i64) -> Vec<i64> {
            all.iter().map(|x| f(*x)).collect()
        }
        Some(match &self.storage {
            Storage::Int8(all) => each(all, i64::from),
            Storage::Int16(all) => each(all, i64::from),
            Storage::Int32(all) => each(all, i64::from),
            Storage::Int64(all) => all.to_vec(),
            Storage::UInt8(all) => each(all, i64::from),
            Storage::UInt16(all) => each(all, i64::from),
            Storage::UInt32(all) => each(all, i64::from),
            Storage::UInt64(all) => {
                all.iter().map(|x| i64::try_from(*x).ok()).collect::<Option<_>>()?
            }
            Storage::Bool(all) => each(all, i64::from),
            _ => return None,
        })
    }

    /// All elements as `f64`, rounded where an integer has more than 53 bits. Complex numbers give
    /// two numbers each. `None` for strings.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        fn each<T: Copy>(all: &[T], f: impl Fn(T) -> f64) -> Vec<f64> {
            all.iter().map(|x| f(*x)).collect()
        }
        Some(match &self.storage {
            Storage::Float16(all) => each(all, f64::from),
            Storage::BFloat16(all) => each(all, f64::from),
            Storage::Float32(all) => each(all, f64::from),
            Storage::Float64(all) => all.to_vec(),
            Storage::UInt64(all) => each(all, |x| x as f64),
            Storage::Complex64(all) => {
                all.iter().flat_map(|z| [f64::from(z.re), f64::from(z.im)]).collect()
            }
            Storage::Complex128(all) => all.iter().flat_map(|z| [z.re, z.im]).collect(),
            Storage::String(_) => return None,
            _ => self.to_i64()?.into_iter().map(|x| x as f64).collect(),
        })
    }
}

impl fmt::Debug for DenseTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        write!(f, "{} {:?}", self.dtype(), self.shape)?;
        if self.len() <= SHOWN { write!(f, " {:?}", self.storage) } else { Ok(()) }
    }
}
