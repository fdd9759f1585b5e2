//! A blob as the parser wants to read it, with a bound on how much it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdf5_reader::error::{Error, Result};
use hdf5_reader::{Storage, StorageBuffer};
use tensorferry_store::BlobRef;

/// A well-formed file has its structures read a few times over (a prefix first, then the whole).
/// Structures that overlap would have the same bytes read any number of times.
const STRUCTURE_READS_PER_BYTE: u64 = 16;
/// For small files, which callers walk several times.
const STRUCTURE_READS_FREE: u64 = 64 << 20;

/// Serves the parser's reads from a blob without copying what is in memory.
pub(crate) struct BlobStorage {
    blob: BlobRef,
    left: AtomicU64,
}

impl BlobStorage {
    pub(crate) fn new(blob: BlobRef) -> Self {
        let left = blob
            .byte_len()
            .saturating_mul(STRUCTURE_READS_PER_BYTE)
            .saturating_add(STRUCTURE_READS_FREE);
        Self { blob, left: AtomicU64::new(left) }
    }
}

impl Storage for BlobStorage {
    fn len(&self) -> u64 {
        self.blob.byte_len()
    }

    fn read_range(&self, offset: u64, len: usize) -> Result<StorageBuffer> {
        let out_of_bounds = || Error::OffsetOutOfBounds(offset.saturating_add(len as u64));
        let end = offset.checked_add(len as u64).ok_or_else(out_of_bounds)?;
        if end > self.blob.byte_len() {
            return Err(out_of_bounds());
        }
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(len as u64))
            .map_err(|_| Error::ResourceLimit("the file's structures overlap too often".into()))?;
        let bytes = self.blob.read(offset..end)?;
        StorageBuffer::from_shared_owner(Arc::new(bytes), 0, len)
    }
}
