//! NumPy's `.npz` as the oracle writes it: a ZIP of stored (uncompressed) `.npy` members.

use std::collections::BTreeMap;
use std::fs;

use bytes::Bytes;

use crate::fixtures;

/// One array, in row-major order and little-endian bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// NumPy's spelling of the element type, such as `<f4`.
    pub descr: String,
    /// The dims.
    pub shape: Vec<usize>,
    /// The elements' bytes.
    pub data: Bytes,
}

impl Array {
    /// The elements as floating-point numbers (complex: real and imaginary parts in turn).
    ///
    /// # Panics
    /// When the element type is not a number.
    pub fn to_f64(&self) -> Vec<f64> {
        fn each<const N: usize>(data: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            data.as_chunks::<N>().0.iter().map(|bytes| f(*bytes)).collect()
        }
        let data = &self.data[..];
        match self.descr.as_str() {
            "<f4" | "<c8" => each(data, |b| f64::from(f32::from_le_bytes(b))),
            "<f8" => each(data, f64::from_le_bytes),
            "<f2" => each(data, |b| half::f16::from_le_bytes(b).to_f64()),
            "<i4" => each(data, |b| f64::from(i32::from_le_bytes(b))),
            // No fixture holds an integer beyond 2^53.
            "<i8" => each(data, |b| i64::from_le_bytes(b) as f64),
            "|b1" | "|u1" => each::<1>(data, |[b]| f64::from(b)),
            "|i1" => each::<1>(data, |[b]| f64::from(b.cast_signed())),
            other => panic!("no rule for elements of type `{other}`"),
        }
    }
}

/// The arrays recorded for the model called `name`; empty when it has none.
///
/// # Panics
/// When the file is not an `.npz` of stored members.
pub fn io_of(name: &str) -> BTreeMap<String, Array> {
    let path = fixtures::root().join("models").join(name).join("io.npz");
    if !path.exists() {
        return BTreeMap::new();
    }
    let bytes = Bytes::from(fs::read(&path).expect("the file exists"));
    npz(&bytes).unwrap_or_else(|| panic!("{} is not an .npz of stored members", path.display()))
}

/// The members of an `.npz`, without their `.npy` suffix; `None` when it is anything else.
pub fn npz(zip: &Bytes) -> Option<BTreeMap<String, Array>> {
    const END: [u8; 4] = *b"PK\x05\x06";
    const MEMBER: [u8; 4] = *b"PK\x01\x02";
    let end = zip.windows(4).rposition(|window| window == END)?;
    let n_members = u16_at(zip, end + 10)?;
    let mut at = u32_at(zip, end + 16)?;
    let mut arrays = BTreeMap::new();
    for _ in 0..n_members {
        if zip.get(at..at + 4)? != MEMBER || u16_at(zip, at + 10)? != 0 {
            return None;
        }
        let len = u32_at(zip, at + 20)?;
        let name_len = u16_at(zip, at + 28)?;
        let rest = u16_at(zip, at + 30)? + u16_at(zip, at + 32)?;
        let local = u32_at(zip, at + 42)?;
        let name = std::str::from_utf8(zip.get(at + 46..at + 46 + name_len)?).ok()?;
        let start = local + 30 + u16_at(zip, local + 26)? + u16_at(zip, local + 28)?;
        zip.get(start..start + len)?;
        let array = npy(&zip.slice(start..start + len))?;
        arrays.insert(name.strip_suffix(".npy")?.to_owned(), array);
        at += 46 + name_len + rest;
    }
    Some(arrays)
}

/// One `.npy` of format 1.0 in row-major order.
fn npy(file: &Bytes) -> Option<Array> {
    if file.get(..8)? != b"\x93NUMPY\x01\0" {
        return None;
    }
    let start = 10 + u16_at(file, 8)?;
    let header = std::str::from_utf8(file.get(10..start)?).ok()?;
    if !header.contains("'fortran_order': False") {
        return None;
    }
    let descr = between(header, "'descr': '", "'")?.to_owned();
    let shape = between(header, "'shape': (", ")")?
        .split(',')
        .map(str::trim)
        .filter(|dim| !dim.is_empty())
        .map(|dim| dim.parse().ok())
        .collect::<Option<_>>()?;
    Some(Array { descr, shape, data: file.slice(start..) })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(inner, _)| inner)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tutorial_model_computes_two_x_minus_one() {
        let arrays = io_of("k2_tutorial");
        let (x, y) = (arrays["in0"].to_f64(), arrays["out0"].to_f64());
        assert_eq!(arrays["in0"].shape, [4, 1]);
        for (x, y) in x.iter().zip(&y) {
            let tolerance = 0.05 * x.abs().max(1.0); // it was learned, not computed
            assert!((2.0 * x - 1.0 - y).abs() < tolerance, "f({x}) = {y}");
        }
    }

    #[test]
    fn what_is_no_npz_is_none() {
        for bytes in [&b""[..], b"PK\x05\x06", b"PK\x05\x06\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(npz(&Bytes::copy_from_slice(bytes)), None);
        }
    }
}
