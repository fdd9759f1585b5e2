//! String tensors: lengths, a checksum of the lengths, then the strings end to end.

use bytes::Bytes;

use crate::checksum;
use crate::cursor::{Cursor, push_varint};
use crate::entry::Entry;
use crate::error::Error;
use tensorferry_tf_proto::element_count;

/// The strings of `entry`, whose stored bytes are `data`; both checksums are verified.
pub(crate) fn read(key: &str, entry: &Entry, data: Bytes) -> Result<Vec<Bytes>, Error> {
    let wrong = |what| Error::entry(key, what);
    let n = element_count(&entry.shape).ok_or(wrong("too many elements"))?;
    let n = usize::try_from(n).ok().filter(|n| *n <= data.len());
    let n = n.ok_or(wrong("fewer bytes than strings"))?;
    let mut cursor = Cursor::new(data);
    let mut lens = Vec::with_capacity(n);
    let mut crc = 0;
    for _ in 0..n {
        let len = cursor.varint64().ok_or(wrong("broken string length"))?;
        crc = hash_len(crc, len);
        lens.push(usize::try_from(len).map_err(|_| wrong("broken string length"))?);
    }
    let masked = cursor.u32_le().ok_or(wrong("no checksum of string lengths"))?;
    checksum::check(|| format!("`{key}`: lengths of the strings"), masked, crc)?;
    let rest = cursor.rest();
    crc = crc32c::crc32c_append(crc, &masked.to_le_bytes());
    crc = crc32c::crc32c_append(crc, &rest);
    checksum::check(|| format!("`{key}`"), entry.masked_crc, crc)?;
    let strings = lens.into_iter().map(|len| cursor.take(len)).collect::<Option<Vec<_>>>();
    strings.filter(|_| cursor.is_at_end()).ok_or(wrong("string lengths do not add up to the data"))
}

/// Strings as a checkpoint stores them, with the masked checksum of the entry.
pub(crate) fn write(strings: &[Bytes]) -> (Bytes, u32) {
    let mut out = Vec::new();
    let mut crc = 0;
    for string in strings {
        let len = u64::try_from(string.len()).unwrap_or(u64::MAX);
        crc = hash_len(crc, len);
        push_varint(&mut out, len);
    }
    let masked = checksum::mask(crc).to_le_bytes();
    out.extend(masked);
    crc = crc32c::crc32c_append(crc, &masked);
    for string in strings {
        out.extend_from_slice(string);
        crc = crc32c::crc32c_append(crc, string);
    }
    (out.into(), checksum::mask(crc))
}

/// Lengths are hashed as numbers of four bytes, or of eight where four are too few.
fn hash_len(crc: u32, len: u64) -> u32 {
    match u32::try_from(len) {
        Ok(len) => crc32c::crc32c_append(crc, &len.to_le_bytes()),
        Err(_) => crc32c::crc32c_append(crc, &len.to_le_bytes()),
    }
}

/// Strings as TensorFlow.js stores them: a little-endian `u32` length before each.
pub(crate) fn encode(key: &str, strings: &[Bytes]) -> Result<Bytes, Error> {
    let mut all = Vec::new();
    for string in strings {
        let len = u32::try_from(string.len());
        let len = len.map_err(|_| Error::entry(key, "a string of more than 4 GiB"))?;
        all.extend_from_slice(&len.to_le_bytes());
        all.extend_from_slice(string);
    }
    Ok(all.into())
}
