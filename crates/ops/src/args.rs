//! The inputs of a node while it runs.

use bytes::Bytes;
use tensorferry_tensor::{DType, DenseTensor, Element};

use crate::{Error, Resource, Result, TensorList, Value, Variant};

/// Inputs in the op's order. An op that [takes](Args::take) one may reuse its memory.
#[derive(Debug)]
pub struct Args(Vec<Value>);

impl From<Vec<Value>> for Args {
    fn from(values: Vec<Value>) -> Self {
        Self(values)
    }
}

impl Args {
    /// Number of inputs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All inputs.
    pub fn into_values(self) -> Vec<Value> {
        self.0
    }

    /// Input `i`.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn value(&self, i: usize) -> Result<&Value> {
        self.0.get(i).ok_or_else(|| Error::invalid(format!("there is no input {i}")))
    }

    /// Input `i`, which is a tensor.
    ///
    /// # Errors
    /// When it is a handle or a list.
    pub fn tensor(&self, i: usize) -> Result<&DenseTensor> {
        let value = self.value(i)?;
        value.tensor().ok_or_else(|| Error::invalid(format!("input {i} is {}", value.ty())))
    }

    /// Input `i` itself, which leaves an empty place.
    ///
    /// # Errors
    /// When it is a handle or a list.
    pub fn take(&mut self, i: usize) -> Result<DenseTensor> {
        self.tensor(i)?;
        match std::mem::replace(&mut self.0[i], DenseTensor::scalar(false).into()) {
            Value::Tensor(tensor) => Ok(tensor),
            _ => Err(Error::invalid(format!("input {i} is no tensor"))),
        }
    }

    /// The inputs from `start` up to `end`, which are tensors.
    ///
    /// # Errors
    /// When one is not.
    pub fn tensors(&self, start: usize, end: usize) -> Result<Vec<&DenseTensor>> {
        (start..end).map(|i| self.tensor(i)).collect()
    }

    /// Nothing, when two inputs have one element type.
    ///
    /// # Errors
    /// When they have not: whatever copies from both needs it.
    pub fn same_dtype(&self, i: usize, j: usize) -> Result<()> {
        let (a, b) = (self.tensor(i)?.dtype(), self.tensor(j)?.dtype());
        if a == b {
            return Ok(());
        }
        Err(Error::invalid(format!("input {i} is {a} and input {j} is {b}")))
    }

    /// The elements of input `i`.
    ///
    /// # Errors
    /// When they are of another type.
    pub fn slice<T: Element>(&self, i: usize) -> Result<&[T]> {
        let tensor = self.tensor(i)?;
        tensor.as_slice().ok_or_else(|| {
            Error::unsupported(format!("input {i} is {}, expected {}", tensor.dtype(), T::DTYPE))
        })
    }

    /// The elements of input `i`, which are integers of any size.
    ///
    /// # Errors
    /// When they are something else.
    pub fn ints(&self, i: usize) -> Result<Vec<i64>> {
        let tensor = self.tensor(i)?;
        let all = tensor.to_i64().filter(|_| tensor.dtype() != DType::Bool);
        all.ok_or_else(|| {
            Error::invalid(format!("input {i} is {}, expected integers", tensor.dtype()))
        })
    }

    /// The elements of input `i`, none of which is negative.
    ///
    /// # Errors
    /// When one is, or they are no integers.
    pub fn sizes(&self, i: usize) -> Result<Vec<usize>> {
        let size = |n: i64| {
            usize::try_from(n)
                .map_err(|_| Error::invalid(format!("input {i} holds {n}, which is no size")))
        };
        self.ints(i)?.into_iter().map(size).collect()
    }

    /// The one element of input `i`, an integer.
    ///
    /// # Errors
    /// When there are more or fewer, or it is something else.
    pub fn int(&self, i: usize) -> Result<i64> {
        match self.ints(i)?[..] {
            [one] => Ok(one),
            ref all => Err(Error::invalid(format!("input {i} has {} elements, not 1", all.len()))),
        }
    }

    /// The one element of input `i`, a number.
    ///
    /// # Errors
    /// When there are more or fewer, or it is a string.
    pub fn number(&self, i: usize) -> Result<f64> {
        let all = self.tensor(i)?.to_f64();
        match all.as_deref() {
            Some([one]) => Ok(*one),
            _ => Err(Error::invalid(format!("input {i} is not one number"))),
        }
    }

    /// The elements of input `i` as numbers.
    ///
    /// # Errors
    /// When they are strings.
    pub fn numbers(&self, i: usize) -> Result<Vec<f64>> {
        let all = self.tensor(i)?.to_f64();
        all.ok_or_else(|| Error::invalid(format!("input {i} has strings, expected numbers")))
    }

    /// The one element of input `i`, a string.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn string(&self, i: usize) -> Result<&Bytes> {
        match self.slice::<Bytes>(i)? {
            [one] => Ok(one),
            all => Err(Error::invalid(format!("input {i} has {} strings, not 1", all.len()))),
        }
    }

    /// Input `i`, which is a handle.
    ///
    /// # Errors
    /// When it is a tensor or a list.
    pub fn resource(&self, i: usize) -> Result<&Resource> {
        match self.value(i)? {
            Value::Resource(resource) | Value::Ref(resource) => Ok(resource),
            other => Err(Error::invalid(format!("input {i} is {}, expected resource", other.ty()))),
        }
    }

    /// Input `i`, which is a list of tensors.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn list(&self, i: usize) -> Result<&TensorList> {
        match self.value(i)? {
            Value::Variant(Variant::List(list)) => Ok(list),
            other => Err(Error::invalid(format!("input {i} is {}, expected a list", other.ty()))),
        }
    }

    /// Input `i` itself, which is a list of tensors and leaves an empty place: a list that nobody
    /// else holds is changed where it is.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn take_list(&mut self, i: usize) -> Result<TensorList> {
        self.list(i)?;
        match std::mem::replace(&mut self.0[i], DenseTensor::scalar(false).into()) {
            Value::Variant(Variant::List(list)) => {
                Ok(std::sync::Arc::try_unwrap(list).unwrap_or_else(|list| (*list).clone()))
            }
            _ => Err(Error::invalid(format!("input {i} is no list"))),
        }
    }
}
