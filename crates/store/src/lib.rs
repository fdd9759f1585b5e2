//! Named blobs that we read from, and the package of named blobs that we produce.
//!
//! Nothing in the library opens a file. A face hands it a [`Store`] (a folder, a ZIP, a browser's
//! `File`, bytes in memory) and gets a [`Package`] back, which the face puts where it belongs.

mod blob;
mod package;
mod source;
mod store;

pub use blob::{Blob, BlobRef, SubBlob, read_all};
pub use package::{Package, PackageSink, Part};
pub use source::{BlobSource, ByteSink, ByteSource, Concat, Fill, SourceRef, collect};
pub use store::{Entry, MemoryStore, Store, StoreError, is_contained};
