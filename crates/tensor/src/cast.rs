//! Changing the element type of a tensor while its bytes stream by.

use std::io;
use std::sync::Arc;

use half::{bf16, f16};
use tensorferry_store::{ByteSource, SourceRef};

use crate::{DType, Tensor};

/// Pieces of about this many elements are cast at a time.
const PIECE_ELEMENTS: usize = 1 << 16;

/// Why a cast is refused before or while it runs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CastError {
    /// There is no such conversion.
    #[error("{from} cannot become {to}")]
    NoSuchCast {
        /// The type that is there.
        from: DType,
        /// The type asked for.
        to: DType,
    },
    /// A value does not fit the target type.
    #[error("element {index} is {value}, outside of {to}")]
    OutOfRange {
        /// Row-major index of the element.
        index: u64,
        /// Its value.
        value: String,
        /// The type asked for.
        to: DType,
    },
}

/// `tensor` with elements of type `to`. The bytes are cast when they are read, piece by piece.
///
/// Widening is exact. Narrowing rounds floats to nearest even; an integer that does not fit is an
/// `InvalidData` error while reading, whose inner error is a [`CastError`], never wrapped around.
/// A finite `float64` beyond `float32` is such an error too; `clamp` saturates instead of refusing.
///
/// # Errors
/// [`CastError::NoSuchCast`] for pairs without a numeric meaning (strings, complex to real).
pub fn cast(tensor: &Tensor, to: DType, clamp: bool) -> Result<Tensor, CastError> {
    let from = tensor.dtype();
    if from == to {
        return Ok(tensor.clone());
    }
    let is_complex = |d| matches!(d, DType::Complex64 | DType::Complex128);
    if from == DType::String || to == DType::String || is_complex(from) != is_complex(to) {
        return Err(CastError::NoSuchCast { from, to });
    }
    let source = CastSource { inner: tensor.data().clone(), from, to, clamp, len: tensor.len() };
    Ok(Tensor::new(to, tensor.shape().to_vec(), Arc::new(source))
        .expect("as many elements as before, each of the target's size"))
}

/// A source whose elements of `size` bytes have their bytes reversed: big-endian data made
/// little-endian. For complex numbers `size` is that of one half.
pub fn swap_bytes(inner: SourceRef, size: usize) -> SourceRef {
    if size <= 1 {
        return inner;
    }
    Arc::new(SwapSource { inner, size })
}

struct CastSource {
    inner: SourceRef,
    from: DType,
    to: DType,
    clamp: bool,
    len: u64,
}

impl ByteSource for CastSource {
    fn byte_len(&self) -> u64 {
        self.len * self.to.byte_size().expect("strings are not cast") as u64
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let size = self.from.byte_size().expect("strings are not cast");
        let mut out = Vec::new();
        let mut index = 0;
        for_each_whole(self.inner.as_ref(), size, &mut |elements| {
            out.clear();
            cast_elements(self.from, self.to, self.clamp, elements, index, &mut out)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            index += (elements.len() / size) as u64;
            sink(&out)
        })
    }
}

struct SwapSource {
    inner: SourceRef,
    size: usize,
}

impl ByteSource for SwapSource {
    fn byte_len(&self) -> u64 {
        self.inner.byte_len()
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut out = Vec::new();
        for_each_whole(self.inner.as_ref(), self.size, &mut |elements| {
            out.clear();
            out.extend_from_slice(elements);
            out.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
            sink(&out)
        })
    }
}

/// Gives the source's bytes in runs of whole elements of `size` bytes, at most 65,536 elements at
/// a time, whatever the pieces are that the source gives.
///
/// # Errors
/// What the source and the sink say; `UnexpectedEof` when the data ends inside an element.
pub fn for_each_whole(
    source: &dyn ByteSource,
    size: usize,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut carry: Vec<u8> = Vec::with_capacity(size);
    source.for_each_piece(&mut |mut piece| {
        if !carry.is_empty() {
            let n = piece.len().min(size - carry.len());
            carry.extend_from_slice(&piece[..n]);
            piece = &piece[n..];
            if carry.len() < size {
                return Ok(());
            }
            sink(&carry)?;
            carry.clear();
        }
        let whole = piece.len() - piece.len() % size;
        for run in piece[..whole].chunks(PIECE_ELEMENTS * size) {
            sink(run)?;
        }
        carry.extend_from_slice(&piece[whole..]);
        Ok(())
    })?;
    if carry.is_empty() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the data ends inside an element"))
}

/// The elements as `f64`, complex ones as two numbers.
pub(crate) fn decode_f64(dtype: DType, bytes: &[u8]) -> Box<dyn Iterator<Item = f64> + '_> {
    macro_rules! read {
        ($t:ty) => {
            Box::new(bytes.chunks_exact(size_of::<$t>()).map(|b| {
                f64::from(<$t>::from_le_bytes(b.try_into().expect("chunks of this size")))
            }))
        };
        ($t:ty as f64) => {
            Box::new(
                bytes.chunks_exact(size_of::<$t>()).map(|b| {
                    <$t>::from_le_bytes(b.try_into().expect("chunks of this size")) as f64
                }),
            )
        };
    }
    match dtype {
        DType::Float16 => read!(f16),
        DType::BFloat16 => read!(bf16),
        DType::Float32 | DType::Complex64 => read!(f32),
        DType::Float64 | DType::Complex128 => read!(f64),
        DType::Int8 => read!(i8),
        DType::Int16 => read!(i16),
        DType::Int32 => read!(i32),
        DType::Int64 => read!(i64 as f64),
        DType::UInt8 | DType::Bool => read!(u8),
        DType::UInt16 => read!(u16),
        DType::UInt32 => read!(u32),
        DType::UInt64 => read!(u64 as f64),
        DType::String => Box::new(std::iter::empty()),
    }
}

fn decode_i128(dtype: DType, bytes: &[u8]) -> Option<Box<dyn Iterator<Item = i128> + '_>> {
    macro_rules! read {
        ($t:ty) => {
            Some(Box::new(bytes.chunks_exact(size_of::<$t>()).map(|b| {
                i128::from(<$t>::from_le_bytes(b.try_into().expect("chunks of this size")))
            })))
        };
    }
    match dtype {
        DType::Int8 => read!(i8),
        DType::Int16 => read!(i16),
        DType::Int32 => read!(i32),
        DType::Int64 => read!(i64),
        DType::UInt8 | DType::Bool => read!(u8),
        DType::UInt16 => read!(u16),
        DType::UInt32 => read!(u32),
        DType::UInt64 => read!(u64),
        _ => None,
    }
}

fn cast_elements(
    from: DType,
    to: DType,
    clamp: bool,
    bytes: &[u8],
    first_index: u64,
    out: &mut Vec<u8>,
) -> Result<(), CastError> {
    let out_of_range = |i: usize, value: String| CastError::OutOfRange {
        index: first_index + i as u64,
        value,
        to,
    };
    // Integers go through i128, so that no 64-bit value is rounded on the way.
    if let (Some(values), Some((low, high))) = (decode_i128(from, bytes), integer_range(to)) {
        for (i, value) in values.enumerate() {
            let value = if to == DType::Bool { i128::from(value != 0) } else { value };
            if !clamp && !(low..=high).contains(&value) {
                return Err(out_of_range(i, value.to_string()));
            }
            let size = to.byte_size().expect("an integer type");
            out.extend_from_slice(&value.clamp(low, high).to_le_bytes()[..size]);
        }
        return Ok(());
    }
    for (i, value) in decode_f64(from, bytes).enumerate() {
        match to {
            DType::Float64 | DType::Complex128 => out.extend_from_slice(&value.to_le_bytes()),
            DType::Float32 | DType::Complex64 => {
                let narrow = value as f32;
                if value.is_finite() && narrow.is_infinite() && !clamp {
                    return Err(out_of_range(i, value.to_string()));
                }
                let fits =
                    if value.is_finite() { narrow.clamp(f32::MIN, f32::MAX) } else { narrow };
                out.extend_from_slice(&fits.to_le_bytes());
            }
            DType::Float16 => {
                let narrow = f16::from_f64(value);
                if value.is_finite() && narrow.is_infinite() && !clamp {
                    return Err(out_of_range(i, value.to_string()));
                }
                let fits = if value.is_finite() && narrow.is_infinite() {
                    f16::MAX.copysign(narrow)
                } else {
                    narrow
                };
                out.extend_from_slice(&fits.to_le_bytes());
            }
            DType::BFloat16 => out.extend_from_slice(&bf16::from_f64(value).to_le_bytes()),
            _ => {
                let (low, high) = integer_range(to).expect("the other targets are integers");
                let whole = value.trunc();
                if !clamp && (!whole.is_finite() || whole < low as f64 || whole > high as f64) {
                    return Err(out_of_range(i, value.to_string()));
                }
                let whole =
                    if to == DType::Bool { i128::from(value != 0.0) } else { whole as i128 };
                let size = to.byte_size().expect("an integer type");
                out.extend_from_slice(&whole.clamp(low, high).to_le_bytes()[..size]);
            }
        }
    }
    Ok(())
}

fn integer_range(dtype: DType) -> Option<(i128, i128)> {
    Some(match dtype {
        DType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        DType::UInt8 => (0, u8::MAX.into()),
        DType::UInt16 => (0, u16::MAX.into()),
        DType::UInt32 => (0, u32::MAX.into()),
        DType::UInt64 => (0, u64::MAX.into()),
        DType::Bool => (0, 1),
        _ => return None,
    })
}

/// For tests: a source that gives its bytes in pieces of `n`.
#[cfg(test)]
pub(crate) struct InPieces(pub(crate) bytes::Bytes, pub(crate) usize);

#[cfg(test)]
impl ByteSource for InPieces {
    fn byte_len(&self) -> u64 {
        self.0.len() as u64
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.0.chunks(self.1).try_for_each(sink)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tensorferry_store::collect;

    use super::*;

    fn tensor(dtype: DType, bytes: Vec<u8>, piece: usize) -> Tensor {
        let n = (bytes.len() / dtype.byte_size().unwrap()) as u64;
        Tensor::new(dtype, vec![n], Arc::new(InPieces(bytes.into(), piece))).unwrap()
    }

    fn le<T: Copy, const N: usize>(values: &[T], f: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|v| f(*v)).collect()
    }

    #[test]
    fn pieces_that_cut_elements_are_joined() {
        let bytes = le(&[1.5_f64, -2.0, 1e-3, 4e8], f64::to_le_bytes);
        for piece in [1, 3, 7, 8, 9, 100] {
            let narrow = cast(&tensor(DType::Float64, bytes.clone(), piece), DType::Float32, false);
            assert_eq!(narrow.unwrap().to_f64().unwrap(), [1.5, -2.0, f64::from(1e-3_f32), 4e8]);
        }
    }

    #[test]
    fn an_integer_that_does_not_fit_is_refused_and_named() {
        let bytes = le(&[1_i64, -7, 1 << 40], i64::to_le_bytes);
        let int64 = tensor(DType::Int64, bytes, 8);
        let narrow = cast(&int64, DType::Int32, false).unwrap();
        let error = collect(narrow.data().as_ref()).unwrap_err();
        assert_eq!(error.to_string(), "element 2 is 1099511627776, outside of int32");
        let clamped = cast(&int64, DType::Int32, true).unwrap();
        assert_eq!(clamped.to_f64().unwrap(), [1.0, -7.0, f64::from(i32::MAX)]);
    }

    #[test]
    fn infinities_pass_and_overflow_is_refused() {
        let ok = tensor(DType::Float64, le(&[f64::INFINITY, f64::NAN], f64::to_le_bytes), 8);
        let values = cast(&ok, DType::Float32, false).unwrap().to_f64().unwrap();
        assert!(values[0].is_infinite() && values[1].is_nan());
        let big = tensor(DType::Float64, le(&[1e300_f64], f64::to_le_bytes), 8);
        assert!(cast(&big, DType::Float32, false).unwrap().to_f64().is_err());
        assert_eq!(
            cast(&big, DType::Float32, true).unwrap().to_f64().unwrap(),
            [f64::from(f32::MAX)]
        );
    }

    #[test]
    fn halves_widen_exactly() {
        let bytes = le(&[0x3c00_u16, 0xc000, 0x7c00, 0x0001], u16::to_le_bytes);
        let wide = cast(&tensor(DType::Float16, bytes, 2), DType::Float32, false).unwrap();
        assert_eq!(wide.to_f64().unwrap(), [1.0, -2.0, f64::INFINITY, 2f64.powi(-24)]);
        let bytes = le(&[0x3f80_u16, 0xc040], u16::to_le_bytes);
        let wide = cast(&tensor(DType::BFloat16, bytes, 2), DType::Float32, false).unwrap();
        assert_eq!(wide.to_f64().unwrap(), [1.0, -3.0]);
    }

    #[test]
    fn big_endian_becomes_little() {
        let big: SourceRef = Arc::new(InPieces(vec![0x3f, 0x80, 0, 0, 0x40, 0, 0, 0].into(), 3));
        let little = Tensor::new(DType::Float32, vec![2], swap_bytes(big, 4)).unwrap();
        assert_eq!(little.to_f64().unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn strings_are_not_numbers() {
        let text =
            Tensor::new(DType::String, vec![1], Arc::new(Bytes::from_static(&[0; 4]))).unwrap();
        assert!(matches!(cast(&text, DType::Int32, false), Err(CastError::NoSuchCast { .. })));
    }
}
