//! A file's bytes to an array.

use bytes::Bytes;

use crate::array::{Array, Descr, Kind, element_count};
use crate::error::{Class, Error};
use crate::header::{self, Header};
use crate::limits::Limits;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a whole `.npy`. What is stored little-endian and row-major is borrowed.
///
/// # Errors
/// See [`Class`]. Nothing larger than the file itself is allocated.
pub fn read(file: &Bytes, limits: &Limits) -> Result<Array, Error> {
    let short = |at| Error::new(Class::Truncated, at, "the file ends early");
    if file.get(..MAGIC.len()) != Some(MAGIC) {
        return match MAGIC.starts_with(file) {
            true => Err(short(file.len())),
            false => Err(Error::malformed(0, "this is no .npy file")),
        };
    }
    let byte = |at: usize| file.get(at).copied().map(usize::from).ok_or_else(|| short(at));
    let (major, minor) = (byte(6)?, byte(7)?);
    let (len, start) = match (major, minor) {
        (1, 0) => (byte(8)? | byte(9)? << 8, 10),
        (2 | 3, 0) => (byte(8)? | byte(9)? << 8 | byte(10)? << 16 | byte(11)? << 24, 12),
        _ => {
            let what = format!("version {major}.{minor} of the format is not read");
            return Err(Error::new(Class::Unsupported, 6, what));
        }
    };
    if len > limits.header_bytes {
        return Err(Error::new(Class::Limit, 8, format!("the header has {len} bytes")));
    }
    let end = start + len;
    let text = file.get(start..end).ok_or_else(|| short(file.len()))?;
    let text = std::str::from_utf8(text)
        .map_err(|e| Error::malformed(start + e.valid_up_to(), "the header is no text"))?;
    let header = header::parse(text, start, limits.dims)?;
    let large = || Error::new(Class::Limit, start, "the array is too large");
    // Elements of no bytes could be any number, so both are bounded.
    let is_allowed = |n: &usize| *n <= limits.data_bytes;
    let n_elements = element_count(&header.shape).filter(is_allowed).ok_or_else(large)?;
    let data_len =
        n_elements.checked_mul(header.descr.byte_len).filter(is_allowed).ok_or_else(large)?;
    let there = file.len() - end;
    if there < data_len {
        return Err(short(file.len()));
    }
    if there > data_len {
        return Err(Error::malformed(end + data_len, "something follows the elements"));
    }
    Ok(ordered(header, file.slice(end..)))
}

/// Turns the bytes of each element and the order of the elements.
fn ordered(header: Header, mut data: Bytes) -> Array {
    let Header { descr, is_big_endian, is_fortran, shape } = header;
    let word = word_len(descr);
    if is_big_endian && word > 1 {
        let mut turned = data.to_vec();
        turned.chunks_exact_mut(word).for_each(<[u8]>::reverse);
        data = turned.into();
    }
    if is_fortran && shape.len() > 1 && !data.is_empty() {
        data = row_major(&shape, descr.byte_len, &data);
    }
    Array { descr, shape, data }
}

/// Bytes that belong together: half of a complex number, one code point.
fn word_len(descr: Descr) -> usize {
    match descr.kind {
        Kind::Complex => descr.byte_len / 2,
        Kind::Text => 4,
        Kind::ByteText => 1,
        Kind::Bool | Kind::Int | Kind::UInt | Kind::Float => descr.byte_len,
    }
}

/// Elements that are stored first axis fastest, last axis fastest.
fn row_major(shape: &[usize], byte_len: usize, data: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(data.len());
    let mut strides = Vec::with_capacity(shape.len());
    shape.iter().fold(byte_len, |stride, dim| {
        strides.push(stride);
        stride * dim
    });
    let mut index = vec![0_usize; shape.len()];
    let mut at = 0_usize;
    while out.len() < data.len() {
        out.extend_from_slice(data.get(at..at + byte_len).unwrap_or_default());
        for ((i, dim), stride) in index.iter_mut().zip(shape).zip(&strides).rev() {
            *i += 1;
            at += stride;
            if *i < *dim {
                break;
            }
            at -= stride * dim;
            *i = 0;
        }
    }
    out.into()
}
