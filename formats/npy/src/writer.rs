//! An array to a file's bytes.

use bytes::Bytes;

use crate::array::Array;

/// NumPy aligns the elements to this.
const ALIGNMENT: usize = 64;
/// The magic, the version, and two bytes for the header's length.
const PREFIX_LEN: usize = 10;

/// The beginning of a `.npy` of format 1.0, and the elements. They are apart so that the elements
/// need no copy; one after the other they are the file.
pub fn write(array: &Array) -> (Bytes, Bytes) {
    let dims: Vec<String> = array.shape.iter().map(ToString::to_string).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut header = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        array.descr,
        dims.join(", "),
    );
    let padding = ALIGNMENT - (PREFIX_LEN + header.len() + 1) % ALIGNMENT;
    header.extend(std::iter::repeat_n(' ', padding % ALIGNMENT));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    let len = u16::try_from(header.len()).expect("64 dims of 20 digits are shorter");
    file.extend(len.to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    (file.into(), array.data.clone())
}
