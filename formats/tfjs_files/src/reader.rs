//! From a manifest and its shards to tensors.

use std::ops::Range;

use tensorferry_store::{BlobRef, StoreError};
use tensorferry_tensor::{DType, Tensor};

use crate::shards::Shards;
use crate::{Error, Group, Kind, WeightEntry, dequantize};

/// Bytes of a length before each string.
const PREFIX: u64 = 4;

/// Bytes that are read at a time while the lengths of strings are walked through.
const WINDOW: u64 = 1 << 16;

/// A weight where it lies.
#[derive(Debug, Clone)]
pub struct StoredWeight {
    /// What the manifest says of it; its name among other things.
    pub entry: WeightEntry,
    /// Which group of the manifest it belongs to.
    pub group_index: usize,
    /// The stored bytes: codes if the weight is quantized. A slice of its shard where one shard
    /// holds it whole.
    pub stored: Tensor,
    /// Its bytes in the group's.
    pub byte_range: Range<u64>,
    /// The shard that holds its first byte, and that byte's offset in it; `None` without bytes.
    pub first_byte: Option<(String, u64)>,
}

impl StoredWeight {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// The tensor as TensorFlow.js has it once loaded: of type `entry.dtype`, dequantized while it
    /// is read.
    pub fn loaded(&self) -> Tensor {
        match &self.entry.quantization {
            None => self.stored.clone(),
            Some(quantization) => dequantize(&self.stored, quantization, self.entry.dtype)
                .expect("the manifest was checked: codes of this type for this dtype"),
        }
    }
}

/// All weights of a manifest, in its order. Nothing is copied; `open` gives a shard by its path
/// in the manifest.
///
/// # Errors
/// A shard that cannot be opened; shards that hold fewer or more bytes than the group's weights
/// take; strings whose lengths do not fit their bytes.
pub fn read_weights(
    groups: &[Group],
    open: &dyn Fn(&str) -> Result<BlobRef, StoreError>,
) -> Result<Vec<StoredWeight>, Error> {
    let mut out = Vec::new();
    for (group_index, group) in groups.iter().enumerate() {
        let shards = Shards::open(group, open)?;
        let ranges = layout(group_index, group, &shards)?;
        for (entry, range) in group.weights.iter().zip(ranges) {
            let data = shards.slice(range.clone())?;
            let stored = Tensor::new(entry.stored_dtype(), entry.shape.clone(), data)
                .map_err(|error| Error::malformed(&*entry.name, error.to_string()))?;
            let first_byte = match range.is_empty() {
                true => None,
                false => shards.locate(range.start).map(|(path, at)| (path.to_owned(), at)),
            };
            out.push(StoredWeight {
                entry: entry.clone(),
                group_index,
                stored,
                byte_range: range,
                first_byte,
            });
        }
    }
    Ok(out)
}

/// Where each weight of a group lies in the group's bytes, which they fill exactly.
fn layout(group_index: usize, group: &Group, shards: &Shards) -> Result<Vec<Range<u64>>, Error> {
    let mut at = 0_u64;
    let mut ranges = Vec::with_capacity(group.weights.len());
    for (i, entry) in group.weights.iter().enumerate() {
        let field = || format!("weightsManifest[{group_index}].weights[{i}].shape");
        let end = match entry.stored_dtype() {
            DType::String => end_of_strings(entry, shards, at)?,
            _ => entry
                .stored_byte_len()
                .and_then(|byte_len| at.checked_add(byte_len))
                .ok_or_else(|| Error::new(Kind::Limit, "too many elements").at(field()))?,
        };
        ranges.push(at..end);
        at = end;
    }
    if at != shards.byte_len() {
        return Err(shards.wrong_length(at));
    }
    Ok(ranges)
}

/// Where the strings of `entry` end that begin at `at`.
fn end_of_strings(entry: &WeightEntry, shards: &Shards, at: u64) -> Result<u64, Error> {
    let n = tensorferry_tensor::element_count(&entry.shape).unwrap_or(u64::MAX);
    let left = shards.byte_len().saturating_sub(at);
    let cut = |what: String| {
        let file = shards.locate(shards.byte_len().saturating_sub(1)).map_or("", |(path, _)| path);
        Error::new(Kind::Truncated, what).in_file(file).at(&*entry.name)
    };
    // Checked first: a shape may claim 2^53 strings, and each takes four bytes at least.
    if n.checked_mul(PREFIX).is_none_or(|least| least > left) {
        return Err(cut(format!("{n} strings in {left} bytes")));
    }
    let mut end = at;
    let mut window = Vec::new();
    let mut window_at = 0;
    for i in 0..n {
        if end < window_at || end + PREFIX > window_at + len(&window) {
            window = shards.read(end, WINDOW)?;
            window_at = end;
        }
        let from = usize::try_from(end - window_at).unwrap_or(usize::MAX);
        let prefix = window.get(from..).and_then(|rest| rest.first_chunk::<4>());
        let Some(prefix) = prefix else {
            return Err(cut(format!("the data ends before string {i} of {n}")));
        };
        let byte_len = u64::from(u32::from_le_bytes(*prefix));
        // Both are far below 2^63: an offset in a file and a 32-bit length.
        end += PREFIX + byte_len;
        if end > shards.byte_len() {
            return Err(cut(format!("string {i} of {n} has {byte_len} bytes")
                + &format!(", {} are left", shards.byte_len() + byte_len - end)));
        }
    }
    Ok(end)
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
