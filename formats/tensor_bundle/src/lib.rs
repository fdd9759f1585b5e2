//! TensorFlow checkpoint v2: the sorted-table index and its data shards.
//!
//! [`Bundle::open`] reads `variables.index` and verifies every block of it. [`Bundle::tensor`]
//! gives a tensor's bytes out of its shard; they are compared with their checksum before, or
//! while, they are given. Nothing is copied where a shard is mapped. [`BundleWriter`] writes a
//! checkpoint with one shard, byte for byte as TensorFlow does.
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::as_conversions, clippy::indexing_slicing, clippy::panic)]

mod bundle;
mod checksum;
mod cursor;
mod entry;
mod error;
mod partition;
mod stored;
mod strings;
mod table;
mod writer;

pub use bundle::Bundle;
pub use entry::{Entry, Slice};
pub use error::Error;
pub use writer::{BundleFiles, BundleWriter};
