//! Datatypes, dataspaces and messages as bytes.

use crate::datatype::{Datatype, Padding};

/// The address that stands for "none".
pub(crate) const UNDEFINED: u64 = u64::MAX;
/// A header message counts its bytes with 16 bits.
pub(crate) const MESSAGE_LEN_MAX: usize = u16::MAX as usize;
/// Bytes of a reference to text in a global heap: length, address, index.
pub(crate) const REFERENCE_LEN: u64 = 16;

const CLASS_INT: u8 = 0;
const CLASS_FLOAT: u8 = 1;
const CLASS_STRING: u8 = 3;
const CLASS_OPAQUE: u8 = 5;
const CLASS_COMPOUND: u8 = 6;
const CLASS_ENUM: u8 = 8;
const CLASS_VLEN: u8 = 9;

/// A datatype message of version 1, which every HDF5 reads. `None` for types that are not
/// written.
pub(crate) fn datatype(datatype: &Datatype) -> Option<Vec<u8>> {
    Some(match datatype {
        Datatype::Float { size, big_endian } => float(*size, *big_endian)?,
        Datatype::Int { size, signed, big_endian } => int(*size, *signed, *big_endian),
        Datatype::Bool => {
            let mut out = class(CLASS_ENUM, [2, 0, 0], 1);
            out.extend(int(1, true, false));
            // The names, each filled up to eight bytes, and the values.
            out.extend(b"FALSE\0\0\0TRUE\0\0\0\0\0\x01");
            out
        }
        Datatype::Complex { size, big_endian } => {
            let half = float(size / 2, *big_endian)?;
            let mut out = class(CLASS_COMPOUND, [2, 0, 0], u32::from(*size));
            for (name, offset) in [(b'r', 0), (b'i', size / 2)] {
                out.extend([name, 0, 0, 0, 0, 0, 0, 0]);
                out.extend(u32::from(offset).to_le_bytes());
                // No array: rank, permutation and dims of version 1 are zero.
                out.extend([0; 28]);
                out.extend(&half);
            }
            out
        }
        Datatype::String { size: Some(size), utf8, padding } => {
            let padding = match padding {
                Padding::NullTerminated => 0,
                Padding::NullPadded => 1,
                Padding::SpacePadded => 2,
            };
            class(CLASS_STRING, [padding | u8::from(*utf8) << 4, 0, 0], *size)
        }
        Datatype::String { size: None, utf8, .. } => {
            // Kind 1 is text; the base type is one byte.
            let mut out = class(CLASS_VLEN, [1, u8::from(*utf8), 0], 16);
            out.extend(int(1, false, false));
            out
        }
        Datatype::Opaque { size, tag } => {
            let mut padded = tag.as_bytes().to_vec();
            padded.resize(tag.len().next_multiple_of(8), 0);
            let len = u8::try_from(padded.len()).ok()?;
            let mut out = class(CLASS_OPAQUE, [len, 0, 0], *size);
            out.extend(padded);
            out
        }
        Datatype::Other { .. } => return None,
    })
}

/// The first eight bytes of a datatype of version 1.
fn class(class: u8, bits: [u8; 3], size: u32) -> Vec<u8> {
    let [a, b, c] = bits;
    let mut out = vec![class | 1 << 4, a, b, c];
    out.extend(size.to_le_bytes());
    out
}

fn int(size: u8, signed: bool, big_endian: bool) -> Vec<u8> {
    let bits = u8::from(big_endian) | u8::from(signed) << 3;
    let mut out = class(CLASS_INT, [bits, 0, 0], u32::from(size));
    out.extend([0, 0]);
    out.extend((u16::from(size) * 8).to_le_bytes());
    out
}

fn float(size: u8, big_endian: bool) -> Option<Vec<u8>> {
    // Bits of exponent and fraction, and the bias, of IEEE 754.
    let (exponent, fraction, bias): (u8, u8, u32) = match size {
        2 => (5, 10, 15),
        4 => (8, 23, 127),
        8 => (11, 52, 1023),
        _ => return None,
    };
    // The leading one of the fraction is implied (2 << 4); the sign is the highest bit.
    let bits = [u8::from(big_endian) | 2 << 4, size * 8 - 1, 0];
    let mut out = class(CLASS_FLOAT, bits, u32::from(size));
    out.extend([0, 0]);
    out.extend((u16::from(size) * 8).to_le_bytes());
    out.extend([fraction, exponent, 0, fraction]);
    out.extend(bias.to_le_bytes());
    Some(out)
}

/// A dataspace message of version 2; no dims is a scalar.
pub(crate) fn dataspace(shape: &[u64]) -> Option<Vec<u8>> {
    let rank = u8::try_from(shape.len()).ok()?;
    let mut out = vec![2, rank, 0, u8::from(rank > 0)];
    out.extend(shape.iter().flat_map(|dim| dim.to_le_bytes()));
    Some(out)
}

/// An attribute message of version 3. `None` when it does not fit into a message.
pub(crate) fn attribute(name: &str, datatype: &[u8], space: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let len = |n: usize| u16::try_from(n).ok().map(u16::to_le_bytes);
    let mut out = vec![3, 0];
    out.extend(len(name.len() + 1)?);
    out.extend(len(datatype.len())?);
    out.extend(len(space.len())?);
    out.push(u8::from(!name.is_ascii()));
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(datatype);
    out.extend(space);
    out.extend(data);
    (out.len() <= MESSAGE_LEN_MAX).then_some(out)
}

/// A link message to the object at `address`.
pub(crate) fn hard_link(name: &str, address: u64) -> Option<Vec<u8>> {
    let len = u16::try_from(name.len()).ok()?;
    // A name length of two bytes (1), with a character set, which is UTF-8 (1 << 4).
    let mut out = vec![1, 1 | 1 << 4, 1];
    out.extend(len.to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(address.to_le_bytes());
    Some(out)
}

/// The messages of a group without links: all its links will be messages of the header.
pub(crate) fn group_messages() -> [(u8, Vec<u8>); 2] {
    let mut link_info = vec![0, 0];
    link_info.extend(UNDEFINED.to_le_bytes());
    link_info.extend(UNDEFINED.to_le_bytes());
    [(2, link_info), (10, vec![0, 0])]
}

/// A layout message of version 3: `len` bytes in one run at `address`.
pub(crate) fn contiguous(address: u64, len: u64) -> Vec<u8> {
    let mut out = vec![3, 1];
    out.extend(address.to_le_bytes());
    out.extend(len.to_le_bytes());
    out
}

/// A fill value message of version 3: zeros, allocated late, written when set.
pub(crate) fn no_fill_value() -> Vec<u8> {
    vec![3, 2 | 2 << 2]
}

/// An object header of version 2 with its checksum. `None` when it is too large.
pub(crate) fn object_header(messages: &[(u8, Vec<u8>)]) -> Option<Vec<u8>> {
    let len: usize = messages.iter().map(|(_, body)| 4 + body.len()).sum();
    // The length takes four bytes (2); no times, no order of attributes.
    let mut out = b"OHDR\x02\x02".to_vec();
    out.extend(u32::try_from(len).ok()?.to_le_bytes());
    for (kind, body) in messages {
        out.push(*kind);
        out.extend(u16::try_from(body.len()).ok()?.to_le_bytes());
        out.push(0);
        out.extend(body);
    }
    let sum = hdf5_reader::checksum::jenkins_lookup3(&out);
    out.extend(sum.to_le_bytes());
    Some(out)
}

/// A superblock of version 2, read since HDF5 1.8.
pub(crate) fn superblock(end: u64, root: u64) -> Vec<u8> {
    let mut out = hdf5_reader::superblock::HDF5_MAGIC.to_vec();
    out.extend([2, 8, 8, 0]);
    for address in [0, UNDEFINED, end, root] {
        out.extend(address.to_le_bytes());
    }
    let sum = hdf5_reader::checksum::jenkins_lookup3(&out);
    out.extend(sum.to_le_bytes());
    out
}
