//! One row of the index as a type that cannot be wrong.

use bytes::Bytes;
use tensorferry_tf_proto::tensorflow::{BundleEntryProto, TensorSliceProto};
use tensorferry_tf_proto::{Message, element_count, element_size, known_shape, tensorflow};

use crate::error::Error;

/// The most boxes that one partitioned variable is put together from; they are compared pairwise.
const SLICES_MAX: usize = 4096;

/// Where a tensor is, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Element type as numbered in TensorFlow's `types.proto`.
    pub dtype: i32,
    /// The dims, outermost first.
    pub shape: Vec<u64>,
    /// Which data shard.
    pub shard: u32,
    /// First byte in the shard.
    pub offset: u64,
    /// Number of bytes in the shard; 0 for a partitioned variable.
    pub size: u64,
    /// Masked CRC-32C of the data.
    pub(crate) masked_crc: u32,
    /// The boxes that a partitioned variable is stored in; empty for all others.
    pub slices: Vec<Slice>,
}

/// A box in a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// First index in each dim.
    pub start: Vec<u64>,
    /// Length in each dim.
    pub len: Vec<u64>,
    /// The key of the box's own entry.
    pub(crate) key: Vec<u8>,
}

impl Entry {
    /// Reads the value of `key`.
    pub(crate) fn read(key: &str, value: Bytes) -> Result<Self, Error> {
        let wrong = |what: &str| Error::entry(key, what);
        let proto = BundleEntryProto::decode(value).map_err(|e| wrong(&e.to_string()))?;
        let shape = proto.shape.as_ref().map_or(Some(Vec::new()), known_shape);
        let shape = shape.ok_or_else(|| wrong("the shape is unknown, negative or too large"))?;
        let number = |value: i64, what| u64::try_from(value).map_err(|_| wrong(what));
        let size = number(proto.size, "negative size")?;
        let entry = Self {
            dtype: proto.dtype,
            shard: u32::try_from(proto.shard_id).map_err(|_| wrong("negative shard"))?,
            offset: number(proto.offset, "negative offset")?,
            size,
            masked_crc: proto.crc32c,
            slices: slices(key, &shape, &proto.slices)?,
            shape,
        };
        match (entry.slices.is_empty(), entry.byte_len()) {
            (true, Some(expected)) if expected != size => Err(wrong(&format!(
                "{size} bytes are stored, expected {expected} for shape {:?}",
                entry.shape
            ))),
            _ => Ok(entry),
        }
    }

    /// Bytes of all elements by type and shape; `None` for strings and other types without a size.
    pub fn byte_len(&self) -> Option<u64> {
        element_count(&self.shape)?.checked_mul(element_size(self.dtype)?)
    }

    /// True for byte strings.
    pub fn is_string(&self) -> bool {
        self.dtype == i32::from(tensorflow::DataType::DtString)
    }
}

/// The boxes of a partitioned variable, each inside the shape.
fn slices(key: &str, shape: &[u64], protos: &[TensorSliceProto]) -> Result<Vec<Slice>, Error> {
    if protos.len() > SLICES_MAX {
        return Err(Error::Limit { what: "the parts of a variable", limit: 4096 });
    }
    let slice = |proto: &TensorSliceProto| -> Option<Slice> {
        if proto.extent.len() != shape.len() {
            return None;
        }
        let (mut start, mut len) = (Vec::new(), Vec::new());
        for (extent, dim) in proto.extent.iter().zip(shape) {
            let from = u64::try_from(extent.start).ok()?;
            let n = match extent.length {
                Some(n) => u64::try_from(n).ok()?,
                None => *dim,
            };
            from.checked_add(n).filter(|end| end <= dim)?;
            start.push(from);
            len.push(n);
        }
        Some(Slice { start, len, key: slice_key(key, proto) })
    };
    protos
        .iter()
        .map(|proto| slice(proto).ok_or_else(|| Error::entry(key, "a part outside the variable")))
        .collect()
}

/// The key under which a box of the variable `name` is stored.
///
/// Numbers are written so that keys sort as they do: a zero, the name with its end marked, the
/// rank, and start and length of each dim; a dim covered whole is 0 and -1.
fn slice_key(name: &str, slice: &TensorSliceProto) -> Vec<u8> {
    let mut key = vec![0];
    for byte in name.bytes() {
        // A zero byte ends the name and 0xff could be mistaken for what marks a zero in it.
        match byte {
            0 => key.extend([0, 0xff]),
            0xff => key.extend([0xff, 0]),
            _ => key.push(byte),
        }
    }
    key.extend([0, 1]);
    let rank = u64::try_from(slice.extent.len()).unwrap_or(u64::MAX).to_be_bytes();
    let rank: Vec<u8> = rank.into_iter().skip_while(|byte| *byte == 0).collect();
    key.push(u8::try_from(rank.len()).expect("a u64 has eight bytes"));
    key.extend(rank);
    for extent in &slice.extent {
        push_signed(&mut key, extent.start);
        push_signed(&mut key, extent.length.unwrap_or(-1));
    }
    key
}

/// A signed number as big-endian bytes whose leading ones tell how many there are: as many as
/// hold the number, its sign, and one bit per byte for the length.
fn push_signed(key: &mut Vec<u8>, value: i64) {
    let magnitude = if value < 0 { !value } else { value };
    let n_bits = usize::try_from(64 - magnitude.leading_zeros()).expect("64 at most");
    let len = n_bits / 7 + 1;
    let mut bytes = [if value < 0 { 0xff } else { 0 }; 10];
    bytes.iter_mut().skip(2).zip(value.to_be_bytes()).for_each(|(byte, b)| *byte = b);
    // `len` leading ones over the first bytes; a negative number flips them.
    let ones = u16::MAX << (16 - len);
    let kept = bytes.iter().skip(10 - len).copied();
    let [first, second] = ones.to_be_bytes();
    key.extend(kept.enumerate().map(|(i, byte)| match i {
        0 => byte ^ first,
        1 => byte ^ second,
        _ => byte,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_keys_are_those_of_tensorflow() {
        // Taken from an index that TensorFlow wrote, and from the rule for longer ones.
        let cases: [(i64, &[u8]); 8] = [
            (0, b"\x80"),
            (2, b"\x82"),
            (63, b"\xbf"),
            (64, b"\xc0\x40"),
            (-1, b"\x7f"),
            (-64, b"\x40"),
            (-65, b"\x3f\xbf"),
            (1 << 13, b"\xe0\x20\x00"),
        ];
        for (value, expected) in cases {
            let mut key = Vec::new();
            push_signed(&mut key, value);
            assert_eq!(key, expected, "{value}");
        }
        let mut longest = Vec::new();
        push_signed(&mut longest, i64::MAX);
        assert_eq!(longest, b"\xff\xc0\x7f\xff\xff\xff\xff\xff\xff\xff");
    }

    #[test]
    fn numbers_in_keys_sort_as_numbers() {
        let mut values: Vec<i64> = vec![i64::MIN, i64::MAX, 0];
        values.extend(
            (0..63).flat_map(|bit| [1 << bit, (1 << bit) - 1, -(1 << bit), -(1 << bit) - 1]),
        );
        values.sort_unstable();
        values.dedup();
        let keys: Vec<Vec<u8>> = values
            .iter()
            .map(|value| {
                let mut key = Vec::new();
                push_signed(&mut key, *value);
                key
            })
            .collect();
        assert!(keys.is_sorted());
    }
}
