//! Whether numbers are laid out as their size says: the parser keeps only size and byte order.

use crate::error::Error;
use crate::file::Context;

/// Message types.
const DATATYPE: u16 = 3;
const CONTINUATION: u16 = 16;
/// The message is elsewhere: the dataset has a named type.
const FLAG_SHARED: u8 = 2;
/// The parser allows as many, and has been through them before this is asked.
const CHUNKS_MAX: usize = 1024;

/// The bytes of the datatype message of the object at `address`; `None` for a named type.
fn datatype_bytes(context: &Context, address: u64) -> Option<Vec<u8>> {
    let read = |at: u64, len: u64| {
        let bytes = context.h5.storage().read_range(at, usize::try_from(len).ok()?).ok()?;
        Some(bytes.as_ref().to_vec())
    };
    let prefix = read(address, 16)?;
    let is_v2 = prefix.starts_with(b"OHDR");
    let flags = *prefix.get(5)?;
    // In version 2 a message may carry its order of creation.
    let envelope = if is_v2 { 4 + if flags & 4 == 0 { 0 } else { 2 } } else { 8 };
    let mut chunks = if is_v2 {
        let times = if flags & 0x20 == 0 { 0 } else { 16 };
        let phases = if flags & 0x10 == 0 { 0 } else { 4 };
        let (size_at, size_len) = (6 + times + phases, 1_u64 << (flags & 3));
        let size = number(&read(address.checked_add(size_at)?, size_len)?)?;
        vec![(address.checked_add(size_at + size_len)?, size)]
    } else {
        vec![(address.checked_add(16)?, number(prefix.get(8..12)?)?)]
    };
    let mut i = 0;
    while let Some((at, len)) = chunks.get(i).copied().filter(|_| i < CHUNKS_MAX) {
        let chunk = read(at, len)?;
        let mut left = chunk.as_slice();
        while let Some((head, rest)) = left.split_at_checked(envelope) {
            let (kind, size, flags) = if is_v2 {
                (u64::from(*head.first()?), number(head.get(1..3)?)?, *head.get(3)?)
            } else {
                (number(head.get(..2)?)?, number(head.get(2..4)?)?, *head.get(4)?)
            };
            // What is left of a chunk of version 2 may be too short for a message.
            let Some((body, rest)) = rest.split_at_checked(usize::try_from(size).ok()?) else {
                break;
            };
            if kind == u64::from(DATATYPE) {
                return (flags & FLAG_SHARED == 0).then(|| body.to_vec());
            }
            if kind == u64::from(CONTINUATION) {
                let (offset_len, length_len) = (context.offset_size(), context.length_size());
                let (offset, length) = body.split_at_checked(usize::from(offset_len))?;
                let offset = number(offset)?;
                let length = number(length.get(..usize::from(length_len))?)?;
                // In version 2 it starts with a signature and ends with a checksum.
                let frame = if is_v2 { (4, 8) } else { (0, 0) };
                chunks.push((offset.checked_add(frame.0)?, length.checked_sub(frame.1)?));
            }
            left = rest;
        }
        i += 1;
    }
    None
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    let mut all = [0; 8];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(all))
}

/// Refuses floats that are not those of IEEE 754 and integers with unused bits, which would read
/// as other numbers than they are. `None` when the type is an ordinary one, else what it is.
pub(crate) fn unusual(
    context: &Context,
    path: &str,
    address: u64,
) -> Result<Option<&'static str>, Error> {
    let Some(bytes) = datatype_bytes(context, address) else { return Ok(None) };
    let cut = || Error::malformed(path, "its datatype ends before its last field");
    let (&[class, bits, sign, _, size, 0, 0, 0], fields) =
        bytes.split_first_chunk::<8>().ok_or_else(cut)?
    else {
        return Ok(None);
    };
    let (offset_precision, fields) = fields.split_at_checked(4).ok_or_else(cut)?;
    let n_bits = u16::from(size) * 8;
    let fills_bytes = match offset_precision {
        [0, 0, low, high] => u16::from_le_bytes([*low, *high]) == n_bits,
        _ => false,
    };
    if class & 15 == 0 {
        return Ok((!fills_bytes).then_some("integer with unused bits"));
    }
    let [exponent_at, exponent, fraction_at, fraction, bias @ ..] =
        fields.first_chunk::<8>().ok_or_else(cut)?;
    let layout =
        (size, *exponent_at, *exponent, *fraction_at, *fraction, u32::from_le_bytes(*bias));
    // The implied leading one, and the sign in the highest bit.
    let is_common = fills_bytes && bits >> 4 & 7 == 2 && u16::from(sign) == n_bits - 1;
    Ok(match layout {
        (2, 10, 5, 0, 10, 15) | (4, 23, 8, 0, 23, 127) | (8, 52, 11, 0, 52, 1023) if is_common => {
            None
        }
        (2, 7, 8, 0, 7, 127) if is_common => Some("bfloat16 declared as a float"),
        _ => Some("float with an unusual layout"),
    })
}
