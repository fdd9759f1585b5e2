//! A tensor that knows its type and shape and can produce its bytes.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{SourceRef, collect};

use crate::DType;

/// A dtype, a shape, and row-major little-endian bytes that are mapped or streamed.
#[derive(Clone)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<u64>,
    data: SourceRef,
}

/// Number of elements of a shape, `None` when it passes 2^53 (no file of ours holds so many).
pub fn element_count(shape: &[u64]) -> Option<u64> {
    // A zero anywhere makes the product zero, whatever the other dims are.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_u64, |n, dim| n.checked_mul(*dim)).filter(|n| *n < 1 << 53)
}

impl Tensor {
    /// A tensor over `data`.
    ///
    /// # Errors
    /// `InvalidData` when the length of `data` is not that of the shape. The length of a string
    /// tensor cannot be told from its shape and is not checked here.
    pub fn new(dtype: DType, shape: Vec<u64>, data: SourceRef) -> io::Result<Self> {
        let expected = element_count(&shape)
            .and_then(|n| n.checked_mul(dtype.byte_size().unwrap_or(0) as u64))
            .ok_or_else(|| invalid(format!("shape {shape:?} has too many elements")))?;
        if dtype != DType::String && expected != data.byte_len() {
            return Err(invalid(format!(
                "{} bytes for {dtype} {shape:?}, which takes {expected}",
                data.byte_len()
            )));
        }
        Ok(Self { dtype, shape, data })
    }

    /// A `float32` tensor over values in memory.
    ///
    /// # Panics
    /// When the number of values is not that of the shape.
    pub fn from_f32(shape: &[u64], values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::new(DType::Float32, shape.to_vec(), Arc::new(Bytes::from(bytes)))
            .expect("the caller gives as many values as the shape has elements")
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dims, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> u64 {
        element_count(&self.shape).expect("checked when the tensor was made")
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the bytes come from.
    pub fn data(&self) -> &SourceRef {
        &self.data
    }

    /// Length of the data in bytes.
    pub fn byte_len(&self) -> u64 {
        self.data.byte_len()
    }

    /// The same bytes under another shape.
    ///
    /// # Errors
    /// When the number of elements differs.
    pub fn reshaped(self, shape: Vec<u64>) -> io::Result<Self> {
        Self::new(self.dtype, shape, self.data)
    }

    /// All elements as `f64`, for small numeric tensors (complex ones give two numbers each).
    ///
    /// # Errors
    /// What the data source says; `InvalidData` for strings.
    pub fn to_f64(&self) -> io::Result<Vec<f64>> {
        if self.dtype == DType::String {
            return Err(invalid("a string tensor has no numbers".to_owned()));
        }
        let bytes = collect(self.data.as_ref())?;
        Ok(crate::cast::decode_f64(self.dtype, &bytes).collect())
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_must_fit_the_shape() {
        let data: SourceRef = Arc::new(Bytes::from_static(&[0; 12]));
        assert!(Tensor::new(DType::Float32, vec![3], data.clone()).is_ok());
        assert!(Tensor::new(DType::Float32, vec![], data.clone()).is_err());
        assert!(Tensor::new(DType::Float32, vec![u64::MAX, 2], data.clone()).is_err());
        assert!(Tensor::new(DType::Float32, vec![u64::MAX, 0], data).is_err());
    }
}
