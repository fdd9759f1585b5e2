//! HDF5 files: groups, attributes, datasets, filters; reads and writes what Keras uses.
//!
//! [`File`] reads: superblocks 0 to 3, old and new groups, compact and dense attributes,
//! contiguous, compact and chunked data under every chunk index, and the filters gzip, shuffle,
//! fletcher32 and LZF. The block structures are parsed by the crate `hdf5-reader`, which no type
//! of this crate shows; links, limits, strings and chunks are ours. [`Writer`] lays out files
//! that HDF5 1.12 and newer read. The format is the HDF Group's "HDF5 File Format Specification
//! Version 3.0".
//!
//! What points outside the file or would run foreign code is refused by name and never skipped:
//! external links, external storage, virtual datasets, references, other filters.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::panic))]

mod attribute;
mod chunks;
mod dataset;
mod datatype;
mod encode;
mod error;
mod file;
mod filters;
mod group;
mod heap;
mod limits;
mod links;
mod numbers;
mod storage;
mod writer;

pub use attribute::{Attr, AttrValue};
pub use dataset::Dataset;
pub use datatype::{Datatype, Padding};
pub use error::{Error, Kind};
pub use file::File;
pub use group::{Child, Group};
pub use limits::Limits;
pub use writer::{DatasetBuilder, GroupBuilder, NAME_LIST_BYTES_MAX, Value, Writer};
