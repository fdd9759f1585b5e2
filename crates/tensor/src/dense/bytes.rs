//! Between elements and the bytes of files: row-major, little-endian.

use std::io;

use bytes::Bytes;
use half::{bf16, f16};
use tensorferry_store::collect;

use super::{Buffer, Complex, DenseTensor, Element, Storage, dense_len};
use crate::{DType, Tensor};

impl DenseTensor {
    /// The tensor with these bytes, as a view of them where they are aligned. Strings are a
    /// little-endian `u32` length and the bytes of each.
    ///
    /// # Errors
    /// `InvalidData` when the number of bytes is not that of the shape.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: Bytes) -> io::Result<Self> {
        let n = dense_len(shape).ok_or_else(|| invalid("the shape has too many elements"))?;
        let storage = if dtype == DType::String {
            Storage::String(strings(&bytes, n)?.into())
        } else {
            let size = dtype.byte_size().unwrap_or(1);
            if n.checked_mul(size) != Some(bytes.len()) {
                return Err(invalid("the number of bytes is not that of the shape"));
            }
            numbers(dtype, bytes)
        };
        Self::from_storage(shape, storage).ok_or_else(|| invalid("elements are missing"))
    }

    /// The elements of a tensor whose bytes are mapped or streamed.
    ///
    /// # Errors
    /// What reading says; `InvalidData` when a dim does not fit memory.
    pub fn from_tensor(tensor: &Tensor) -> io::Result<Self> {
        let shape = tensor.shape().iter().map(|dim| usize::try_from(*dim).ok());
        let shape: Vec<usize> =
            shape.collect::<Option<_>>().ok_or_else(|| invalid("a dim does not fit memory"))?;
        let bytes = match tensor.data().as_bytes() {
            Some(bytes) => bytes,
            None => collect(tensor.data().as_ref())?,
        };
        Self::from_bytes(tensor.dtype(), &shape, bytes)
    }

    /// The bytes, as [`DenseTensor::from_bytes`] reads them; those of numbers are shared.
    pub fn to_bytes(&self) -> Bytes {
        match self.storage() {
            Storage::Float16(all) => all.to_bytes(f16::to_le_bytes),
            Storage::BFloat16(all) => all.to_bytes(bf16::to_le_bytes),
            Storage::Float32(all) => all.to_bytes(f32::to_le_bytes),
            Storage::Float64(all) => all.to_bytes(f64::to_le_bytes),
            Storage::Int8(all) => all.to_bytes(i8::to_le_bytes),
            Storage::Int16(all) => all.to_bytes(i16::to_le_bytes),
            Storage::Int32(all) => all.to_bytes(i32::to_le_bytes),
            Storage::Int64(all) => all.to_bytes(i64::to_le_bytes),
            Storage::UInt8(all) => all.to_bytes(u8::to_le_bytes),
            Storage::UInt16(all) => all.to_bytes(u16::to_le_bytes),
            Storage::UInt32(all) => all.to_bytes(u32::to_le_bytes),
            Storage::UInt64(all) => all.to_bytes(u64::to_le_bytes),
            Storage::Bool(all) => all.iter().map(|x| u8::from(*x)).collect(),
            Storage::Complex64(all) => {
                all.iter().flat_map(|z| [z.re, z.im]).flat_map(f32::to_le_bytes).collect()
            }
            Storage::Complex128(all) => {
                all.iter().flat_map(|z| [z.re, z.im]).flat_map(f64::to_le_bytes).collect()
            }
            Storage::String(all) => {
                let mut out = Vec::new();
                for one in all.iter() {
                    let len = u32::try_from(one.len()).expect("no string of ours has 4 GB");
                    out.extend_from_slice(&len.to_le_bytes());
                    out.extend_from_slice(one);
                }
                out.into()
            }
        }
    }
}

fn numbers(dtype: DType, bytes: Bytes) -> Storage {
    fn pod<const N: usize, T: Element + bytemuck::Pod>(
        bytes: Bytes,
        f: impl Fn([u8; N]) -> T,
    ) -> Storage {
        let mapped = Buffer::mapped(bytes.clone());
        T::wrap(mapped.unwrap_or_else(|| decoded(&bytes, f).into()))
    }
    match dtype {
        DType::Float16 => pod(bytes, f16::from_le_bytes),
        DType::BFloat16 => pod(bytes, bf16::from_le_bytes),
        DType::Float32 => pod(bytes, f32::from_le_bytes),
        DType::Float64 => pod(bytes, f64::from_le_bytes),
        DType::Int8 => pod(bytes, i8::from_le_bytes),
        DType::Int16 => pod(bytes, i16::from_le_bytes),
        DType::Int32 => pod(bytes, i32::from_le_bytes),
        DType::Int64 => pod(bytes, i64::from_le_bytes),
        DType::UInt8 => pod(bytes, u8::from_le_bytes),
        DType::UInt16 => pod(bytes, u16::from_le_bytes),
        DType::UInt32 => pod(bytes, u32::from_le_bytes),
        DType::UInt64 => pod(bytes, u64::from_le_bytes),
        DType::Bool => Storage::Bool(bytes.iter().map(|b| *b != 0).collect::<Vec<_>>().into()),
        DType::Complex64 => {
            let parts = decoded(&bytes, f32::from_le_bytes);
            Storage::Complex64(pairs(&parts).into())
        }
        DType::Complex128 => {
            let parts = decoded(&bytes, f64::from_le_bytes);
            Storage::Complex128(pairs(&parts).into())
        }
        DType::String => Storage::String(Vec::new().into()),
    }
}

fn decoded<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| f(*chunk)).collect()
}

fn pairs<T: Copy>(parts: &[T]) -> Vec<Complex<T>> {
    parts.as_chunks::<2>().0.iter().map(|[re, im]| Complex::new(*re, *im)).collect()
}

fn strings(bytes: &Bytes, n: usize) -> io::Result<Vec<Bytes>> {
    let broken = || invalid("the strings do not fill their bytes");
    // Each string takes four bytes at least, so this bounds what is allocated.
    if n > bytes.len() / 4 {
        return Err(broken());
    }
    let mut at = 0_usize;
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let head = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(broken)?;
        let len = usize::try_from(u32::from_le_bytes(*head)).map_err(|_| broken())?;
        let end = (at + 4).checked_add(len).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(broken)?;
        all.push(bytes.slice(at + 4..end));
        at = end;
    }
    if at == bytes.len() { Ok(all) } else { Err(broken()) }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_back_to_the_tensor() {
        for dtype in DType::all() {
            let zeros = DenseTensor::zeros(dtype, &[2, 3]).unwrap();
            assert_eq!(zeros.dtype(), dtype);
            let back = DenseTensor::from_bytes(dtype, &[2, 3], zeros.to_bytes()).unwrap();
            assert_eq!(back, zeros);
            assert!(DenseTensor::from_bytes(dtype, &[7], zeros.to_bytes()).is_err());
        }
        let words = DenseTensor::vector(vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")]);
        let back = DenseTensor::from_bytes(DType::String, &[2], words.to_bytes()).unwrap();
        assert_eq!(back, words);
    }

    #[test]
    fn aligned_bytes_are_not_copied() {
        let values = DenseTensor::vector(vec![1.0_f64, 2.0]);
        let bytes = Bytes::from_owner(bytemuck::cast_slice::<f64, u8>(&[1.0, 2.0]).to_vec());
        let start = bytes.as_ptr().align_offset(8);
        let mapped = DenseTensor::from_bytes(DType::Float64, &[2], bytes.clone()).unwrap();
        assert_eq!(mapped, values);
        if start == 0 {
            let elements = mapped.as_slice::<f64>().unwrap();
            assert_eq!(elements.as_ptr().cast::<u8>(), bytes.as_ptr());
        }
    }

    #[test]
    fn an_unshared_vector_is_not_copied() {
        let values = vec![1_i32, 2, 3];
        let place = values.as_ptr();
        let tensor = DenseTensor::vector(values);
        let shared = tensor.clone();
        let tensor = tensor.try_into_vec::<i32>().unwrap_err();
        assert_eq!(tensor, shared);
        drop(shared);
        let tensor = tensor.try_into_vec::<f32>().unwrap_err();
        assert!(tensor.clone().try_into_vec::<i32>().is_err(), "the clone shares them");
        let taken = tensor.try_into_vec::<i32>().unwrap();
        assert_eq!(taken.as_ptr(), place);
        let taken = DenseTensor::vector(taken).into_vec::<i32>().unwrap();
        assert_eq!(taken.as_ptr(), place);
    }
}
