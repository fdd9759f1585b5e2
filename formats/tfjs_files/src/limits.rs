//! How much a `model.json` may name.

/// Weights of a model. Large language models have some thousand.
pub const WEIGHTS_MAX: usize = 1_000_000;

/// Shards of a model: 400 GB at the converter's 4 MiB, and what a folder can still be listed with.
pub const SHARDS_MAX: usize = 100_000;

/// Dims of a tensor, as in HDF5. TensorFlow.js itself stops at 6.
pub const RANK_MAX: usize = 32;

/// Length of a weight's name in bytes, as that of a path.
pub const NAME_BYTES_MAX: usize = 4096;
