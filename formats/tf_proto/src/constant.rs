//! The elements of a `TensorProto`, whichever of its fields holds them.

use bytes::Bytes;

use crate::tensorflow::{DataType, TensorProto, TensorShapeProto};

/// The most dims of a tensor: what HDF5 allows, and four times what TensorFlow writes.
const RANK_MAX: usize = 32;

/// No file that can be read here holds as many elements, and every count below is exact in `f64`.
const ELEMENTS_MAX: u64 = 1 << 53;

/// A tensor taken out of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// Element type, as numbered by [`DataType`].
    pub dtype: i32,
    /// The dims, outermost first.
    pub shape: Vec<u64>,
    /// Row-major little-endian elements; for strings a little-endian `u32` length and the bytes
    /// of each. A view of the message where that holds them so.
    pub data: Bytes,
}

/// Why a `TensorProto` gives no elements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstantError {
    /// Resources, variants, references, and types that no converter meets.
    #[error("element type {0} cannot be stored")]
    Dtype(i32),
    /// A rank or dim that is unknown, negative or beyond a limit.
    #[error("the shape is unknown, negative or too large")]
    Shape,
    /// More elements than the shape has, or raw bytes of another length.
    #[error("{found} bytes of data, expected {expected}")]
    Length {
        /// What the shape takes.
        expected: u64,
        /// What is stored.
        found: u64,
    },
    /// Raw bytes and a list of numbers: readers would not agree on which counts.
    #[error("the elements are stored twice")]
    Twice,
    /// Fewer elements than the shape has, and the rest would take too much memory.
    #[error("{bytes} bytes made of repeated values, which passes the limit of {limit}")]
    TooMuchFill {
        /// What the elements that are not stored take.
        bytes: u64,
        /// The limit given by the caller.
        limit: u64,
    },
}

/// The dims of a fully known shape.
///
/// `None` when the rank or a dim is unknown or negative, or a limit (32 dims,
/// 2^53 elements) is passed.
pub fn known_shape(shape: &TensorShapeProto) -> Option<Vec<u64>> {
    if shape.unknown_rank || shape.dim.len() > RANK_MAX {
        return None;
    }
    let dims: Vec<u64> =
        shape.dim.iter().map(|dim| u64::try_from(dim.size).ok()).collect::<Option<_>>()?;
    element_count(&dims)?;
    Some(dims)
}

/// The elements of `tensor`. `fill_max` is the most bytes that are made of values that are not
/// stored: a message of ten bytes may stand for gigabytes of zeros.
///
/// Source of the rules: `tensor_content` holds all elements raw (strings excepted); otherwise the
/// list for the type holds them, its last one stands for all that are missing, and an empty list
/// for zeros. Halves are bit patterns in 32-bit integers, complex numbers are pairs.
///
/// # Errors
/// See [`ConstantError`].
pub fn decode_constant(tensor: &TensorProto, fill_max: u64) -> Result<Constant, ConstantError> {
    let shape = match &tensor.tensor_shape {
        Some(shape) => known_shape(shape).ok_or(ConstantError::Shape)?,
        None => Vec::new(),
    };
    let n = element_count(&shape).ok_or(ConstantError::Shape)?;
    let dtype = tensor.dtype;
    let data = if dtype == i32::from(DataType::DtString) {
        strings(&tensor.string_val, n, fill_max)?
    } else {
        let size = element_size(dtype).ok_or(ConstantError::Dtype(dtype))?;
        let expected = n.checked_mul(size).ok_or(ConstantError::Shape)?;
        if tensor.tensor_content.is_empty() {
            filled(numbers(tensor, size), size, expected, fill_max)?
        } else {
            check_length(expected, &tensor.tensor_content)?;
            if !numbers(tensor, size).is_empty() {
                return Err(ConstantError::Twice);
            }
            tensor.tensor_content.clone()
        }
    };
    Ok(Constant { dtype, shape, data })
}

/// Number of elements of a shape, `None` from 2^53 on.
pub fn element_count(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_u64, |n, dim| n.checked_mul(*dim)).filter(|n| *n < ELEMENTS_MAX)
}

fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("memory is addressed with 64 bits at most")
}

fn check_length(expected: u64, bytes: &[u8]) -> Result<(), ConstantError> {
    let found = len_u64(bytes);
    if found == expected { Ok(()) } else { Err(ConstantError::Length { expected, found }) }
}

/// Bytes of one element of a numeric type; `None` for strings, resources, variants, references
/// and the types of less than a byte.
pub fn element_size(dtype: i32) -> Option<u64> {
    use DataType as D;
    Some(match D::try_from(dtype).ok()? {
        D::DtInt8 | D::DtUint8 | D::DtQint8 | D::DtQuint8 | D::DtBool => 1,
        D::DtInt16 | D::DtUint16 | D::DtQint16 | D::DtQuint16 | D::DtHalf | D::DtBfloat16 => 2,
        D::DtFloat | D::DtInt32 | D::DtUint32 | D::DtQint32 => 4,
        D::DtDouble | D::DtInt64 | D::DtUint64 | D::DtComplex64 => 8,
        D::DtComplex128 => 16,
        _ => return None,
    })
}

/// The elements of the list that belongs to the type, each in its own size.
fn numbers(tensor: &TensorProto, size: u64) -> Vec<u8> {
    use DataType as D;
    // Integers of less than 32 bits are stored in 32 and keep their low bytes.
    let narrow = |list: &[i32]| -> Vec<u8> {
        let size = usize::try_from(size).expect("an element has 16 bytes at most");
        list.iter().flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect()
    };
    let t = tensor;
    match t.dtype() {
        D::DtFloat => t.float_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        D::DtDouble => t.double_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        D::DtHalf | D::DtBfloat16 => narrow(&t.half_val),
        D::DtInt64 => t.int64_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        D::DtUint32 => t.uint32_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        D::DtUint64 => t.uint64_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        D::DtBool => t.bool_val.iter().map(|v| u8::from(*v)).collect(),
        D::DtComplex64 => t.scomplex_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        D::DtComplex128 => t.dcomplex_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        _ => narrow(&t.int_val),
    }
}

/// `stored`, and its last element of `size` bytes (or zeros) up to `expected` bytes.
fn filled(
    mut stored: Vec<u8>,
    size: u64,
    expected: u64,
    fill_max: u64,
) -> Result<Bytes, ConstantError> {
    let found = len_u64(&stored);
    if found > expected || !found.is_multiple_of(size) {
        return Err(ConstantError::Length { expected, found });
    }
    let len = fill_len(found, expected, fill_max)?;
    let size = usize::try_from(size).expect("an element has 16 bytes at most");
    let last = stored.len().checked_sub(size).and_then(|start| stored.get(start..));
    match last.map(<[u8]>::to_vec) {
        Some(last) if last.iter().any(|byte| *byte != 0) => {
            stored.reserve_exact(len - stored.len());
            while stored.len() < len {
                stored.extend_from_slice(&last);
            }
        }
        _ => stored.resize(len, 0),
    }
    Ok(stored.into())
}

/// `expected` as a length, when what is missing from `found` is within the limit.
fn fill_len(found: u64, expected: u64, limit: u64) -> Result<usize, ConstantError> {
    let bytes = expected - found;
    match usize::try_from(expected) {
        Ok(len) if bytes <= limit => Ok(len),
        _ => Err(ConstantError::TooMuchFill { bytes, limit }),
    }
}

fn strings(list: &[Bytes], n: u64, fill_max: u64) -> Result<Bytes, ConstantError> {
    let n_stored = u64::try_from(list.len()).expect("memory is addressed with 64 bits at most");
    if n_stored > n {
        return Err(ConstantError::Length { expected: n, found: n_stored });
    }
    let mut data = Vec::new();
    let mut push = |string: &[u8]| -> Result<(), ConstantError> {
        let len = u32::try_from(string.len()).map_err(|_| ConstantError::Shape)?;
        data.extend_from_slice(&len.to_le_bytes());
        data.extend_from_slice(string);
        Ok(())
    };
    list.iter().try_for_each(|string| push(string))?;
    let last: &[u8] = list.last().map_or(&[], |last| last);
    let bytes = (n - n_stored).saturating_mul(len_u64(last).saturating_add(4));
    if bytes > fill_max {
        return Err(ConstantError::TooMuchFill { bytes, limit: fill_max });
    }
    (n_stored..n).try_for_each(|_| push(last))?;
    Ok(data.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorflow::tensor_shape_proto::Dim;

    const FILL_MAX: u64 = 1 << 10;

    fn tensor(dtype: DataType, dims: &[i64]) -> TensorProto {
        let dim = dims.iter().map(|size| Dim { size: *size, name: String::new() }).collect();
        let shape = TensorShapeProto { dim, unknown_rank: false };
        TensorProto { dtype: dtype.into(), tensor_shape: Some(shape), ..Default::default() }
    }

    fn data(tensor: TensorProto) -> Vec<u8> {
        decode_constant(&tensor, FILL_MAX).unwrap().data.to_vec()
    }

    #[test]
    fn every_list_gives_the_bytes_of_its_type() {
        use DataType as D;
        let t = tensor;
        let cases = [
            (TensorProto { float_val: vec![1.0, 2.0], ..t(D::DtFloat, &[2]) }, "0000803f00000040"),
            (
                TensorProto { float_val: vec![1.0], ..t(D::DtFloat, &[3]) },
                "0000803f0000803f0000803f",
            ),
            (t(D::DtFloat, &[2]), "0000000000000000"),
            (t(D::DtFloat, &[0, 5]), ""),
            (TensorProto { double_val: vec![1.0], ..t(D::DtDouble, &[]) }, "000000000000f03f"),
            (
                TensorProto { int_val: vec![1, -2], ..t(D::DtInt32, &[3]) },
                "01000000fefffffffeffffff",
            ),
            (TensorProto { int_val: vec![-2], ..t(D::DtInt8, &[2]) }, "fefe"),
            (TensorProto { int_val: vec![300], ..t(D::DtUint16, &[1]) }, "2c01"),
            (TensorProto { half_val: vec![0x3c00], ..t(D::DtHalf, &[1]) }, "003c"),
            (TensorProto { half_val: vec![0x3f80], ..t(D::DtBfloat16, &[2]) }, "803f803f"),
            (TensorProto { int64_val: vec![-1], ..t(D::DtInt64, &[]) }, "ffffffffffffffff"),
            (TensorProto { uint32_val: vec![7], ..t(D::DtUint32, &[]) }, "07000000"),
            (TensorProto { uint64_val: vec![7], ..t(D::DtUint64, &[]) }, "0700000000000000"),
            (TensorProto { bool_val: vec![true, false], ..t(D::DtBool, &[3]) }, "010000"),
            (
                TensorProto { scomplex_val: vec![1.0, 2.0], ..t(D::DtComplex64, &[2]) },
                "0000803f000000400000803f00000040",
            ),
            (
                TensorProto { dcomplex_val: vec![1.0, 0.0], ..t(D::DtComplex128, &[1]) },
                "000000000000f03f0000000000000000",
            ),
            (
                TensorProto {
                    string_val: vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")],
                    ..t(D::DtString, &[3])
                },
                "0100000061020000006263020000006263",
            ),
            (t(D::DtString, &[2]), "0000000000000000"),
            (
                TensorProto {
                    tensor_content: Bytes::from_static(b"\x01\x02"),
                    ..t(D::DtInt8, &[2])
                },
                "0102",
            ),
        ];
        for (i, (tensor, expected)) in cases.into_iter().enumerate() {
            let hex: String = data(tensor).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "case {i}");
        }
    }

    #[test]
    fn raw_content_is_a_view() {
        let content = Bytes::from(vec![0; 64]);
        let tensor =
            TensorProto { tensor_content: content.clone(), ..tensor(DataType::DtFloat, &[4, 4]) };
        let constant = decode_constant(&tensor, 0).unwrap();
        assert_eq!(constant.data.as_ptr(), content.as_ptr());
        assert_eq!(constant.shape, [4, 4]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        use ConstantError as E;
        use DataType as D;
        let t = tensor;
        let cases = [
            (t(D::DtResource, &[]), E::Dtype(20)),
            (TensorProto { dtype: 101, ..t(D::DtFloat, &[]) }, E::Dtype(101)),
            (t(D::DtFloat, &[-1]), E::Shape),
            (t(D::DtFloat, &[i64::MAX, i64::MAX]), E::Shape),
            (t(D::DtFloat, &[1; 33]), E::Shape),
            (t(D::DtFloat, &[1 << 30]), E::TooMuchFill { bytes: 1 << 32, limit: FILL_MAX }),
            (t(D::DtString, &[1 << 30]), E::TooMuchFill { bytes: 1 << 32, limit: FILL_MAX }),
            (
                TensorProto { float_val: vec![0.0; 2], ..t(D::DtFloat, &[1]) },
                E::Length { expected: 4, found: 8 },
            ),
            (
                TensorProto { scomplex_val: vec![0.0; 3], ..t(D::DtComplex64, &[2]) },
                E::Length { expected: 16, found: 12 },
            ),
            (
                TensorProto { tensor_content: Bytes::from_static(b"abc"), ..t(D::DtFloat, &[1]) },
                E::Length { expected: 4, found: 3 },
            ),
        ];
        for (tensor, expected) in cases {
            assert_eq!(decode_constant(&tensor, FILL_MAX), Err(expected));
        }
    }
}
