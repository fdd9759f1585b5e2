//! From tensors to a manifest and the files it names.

use std::collections::HashSet;
use std::sync::Arc;

use tensorferry_store::{Concat, Part, SourceRef};
use tensorferry_tensor::{DType, Tensor};

use crate::limits::SHARDS_MAX;
use crate::manifest::duplicate_name;
use crate::{Error, Group, Kind, Quantized, StoredWeight, WeightEntry};

/// A weight ready to be written.
#[derive(Debug, Clone)]
pub struct NamedTensor {
    /// What the manifest will say of it.
    entry: WeightEntry,
    /// Its stored bytes.
    stored: Tensor,
}

impl NamedTensor {
    /// A weight that is stored as it is; see [`storable`](crate::storable).
    pub fn new(name: impl Into<String>, tensor: Tensor) -> Self {
        let entry = WeightEntry::new(name, tensor.shape().to_vec(), tensor.dtype());
        Self { entry, stored: tensor }
    }

    /// A weight stored as codes, see [`quantize`](crate::quantize()).
    pub fn quantized(name: impl Into<String>, quantized: Quantized) -> Self {
        let Quantized { tensor, quantization } = quantized;
        let mut entry = WeightEntry::new(name, tensor.shape().to_vec(), DType::Float32);
        entry.quantization = Some(quantization);
        Self { entry, stored: tensor }
    }

    /// Marks what kind of weight it is, as TensorFlow.js does with `optimizer`, and copies the
    /// fields that we do not know.
    #[must_use]
    pub fn like(mut self, entry: &WeightEntry) -> Self {
        self.entry.group.clone_from(&entry.group);
        self.entry.extra.clone_from(&entry.extra);
        self
    }

    /// What the manifest will say of it.
    pub fn entry(&self) -> &WeightEntry {
        &self.entry
    }

    /// Its stored bytes.
    pub fn stored(&self) -> &Tensor {
        &self.stored
    }
}

/// A weight that goes over as it is stored.
impl From<StoredWeight> for NamedTensor {
    fn from(weight: StoredWeight) -> Self {
        Self { entry: weight.entry, stored: weight.stored }
    }
}

/// How weights are laid out in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightFiles {
    /// Each group is cut every this many bytes.
    Shards(u64),
    /// One file of any size for the whole model, which is one group then.
    Single,
}

/// What is to be written.
pub struct Plan {
    /// The manifest.
    pub groups: Vec<Group>,
    /// The weight files: one part for each group that has bytes.
    pub parts: Vec<Part>,
}

/// Lays groups of weights out in files named `group{g}-shard{i}of{n}.bin`, both from 1. The bytes
/// of a group's weights follow each other without gaps; a group without bytes has no file.
///
/// # Errors
/// `duplicate weight name`; a shard size of 0, or one so small that there would be more than
/// 100,000 files; a type that TensorFlow.js does not have.
pub fn plan(groups: Vec<Vec<NamedTensor>>, files: WeightFiles) -> Result<Plan, Error> {
    let (groups, shard_size) = match files {
        WeightFiles::Shards(0) => {
            return Err(Error::new(Kind::Usage, "a shard size of 0 bytes"));
        }
        WeightFiles::Shards(size) if !groups.is_empty() => (groups, size),
        // TensorFlow.js reads groups one after the other: joined, the order of weights is kept.
        // A model without any group gets an empty one.
        _ => (vec![groups.into_iter().flatten().collect()], u64::MAX),
    };
    let mut names = HashSet::new();
    for weight in groups.iter().flatten() {
        check(weight)?;
        if !names.insert(weight.entry.name.as_str()) {
            return Err(duplicate_name(&weight.entry.name));
        }
    }
    let mut out = Plan { groups: Vec::new(), parts: Vec::new() };
    let mut n_files = 0;
    for (i, weights) in groups.into_iter().enumerate() {
        let byte_len = total(&weights)?;
        let lens = file_lens(byte_len, shard_size, &mut n_files)?;
        let n = lens.len();
        let names = (1..=n).map(|shard| format!("group{}-shard{shard}of{n}.bin", i + 1));
        let files: Vec<(String, u64)> = names.zip(lens).collect();
        let (entries, sources): (Vec<WeightEntry>, Vec<SourceRef>) =
            weights.into_iter().map(|weight| (weight.entry, weight.stored.data().clone())).unzip();
        let paths = files.iter().map(|(name, _)| name.clone()).collect();
        out.groups.push(Group { paths, weights: entries, extra: serde_json::Map::new() });
        if !files.is_empty() {
            out.parts.push(Part { files, content: Arc::new(Concat(sources)) });
        }
    }
    Ok(out)
}

fn check(weight: &NamedTensor) -> Result<(), Error> {
    let dtype = weight.entry.dtype;
    let is_known = matches!(
        dtype,
        DType::Float32 | DType::Int32 | DType::Bool | DType::Complex64 | DType::String
    );
    if is_known {
        return Ok(());
    }
    let what = format!("dtype {dtype} is not supported by TensorFlow.js");
    Err(Error::new(Kind::Unsupported, what).at(&*weight.entry.name))
}

fn total(weights: &[NamedTensor]) -> Result<u64, Error> {
    weights
        .iter()
        .try_fold(0_u64, |sum, weight| sum.checked_add(weight.stored.byte_len()))
        .ok_or_else(|| Error::new(Kind::Limit, "2^64 bytes of weights"))
}

/// Lengths of the files of one group; `n_files` counts those of all groups.
fn file_lens(byte_len: u64, shard_size: u64, n_files: &mut usize) -> Result<Vec<u64>, Error> {
    let n = byte_len.div_ceil(shard_size);
    let n = usize::try_from(n).ok().filter(|n| *n <= SHARDS_MAX.saturating_sub(*n_files));
    let Some(n) = n else {
        let what = format!("more than {SHARDS_MAX} shards of {shard_size} bytes");
        return Err(Error::new(Kind::Usage, what).hint("choose a larger shard size"));
    };
    *n_files += n;
    let mut lens = vec![shard_size; n];
    if let Some(last) = lens.last_mut() {
        // Not zero: `n` is rounded up.
        *last = byte_len - (byte_len - 1) / shard_size * shard_size;
    }
    Ok(lens)
}
