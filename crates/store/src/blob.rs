//! A run of bytes that can be read by range.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Shared handle to a blob.
pub type BlobRef = Arc<dyn Blob>;

/// A run of bytes readable by range: a mapped file, a slice of memory, a browser's `File`.
pub trait Blob: Send + Sync {
    /// Length in bytes.
    fn byte_len(&self) -> u64;

    /// The bytes of `range`. A mapped or in-memory blob answers without copying.
    ///
    /// # Errors
    /// `UnexpectedEof` when the range leaves the blob; whatever the device says otherwise.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;

    /// Fills `out` with the bytes at `at`, for a reader that passes over them once: a mapped file is
    /// read then instead of being brought into the address space page by page.
    ///
    /// # Errors
    /// As [`Blob::read`].
    fn read_into(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(out.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = self.read(at..end)?;
        if bytes.len() != out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.copy_from_slice(&bytes);
        Ok(())
    }

    /// True when [`Blob::read`] neither copies nor asks a device: a mapped file, bytes in memory.
    fn is_at_hand(&self) -> bool {
        false
    }
}

impl Blob for Bytes {
    fn byte_len(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        check(&range, self.len() as u64)?;
        // The range lies within a length that is a `usize`, so the casts are exact.
        Ok(self.slice(range.start as usize..range.end as usize))
    }

    fn is_at_hand(&self) -> bool {
        true
    }
}

/// A part of another blob: a stored ZIP entry, an HDF5 file behind a user block.
pub struct SubBlob {
    inner: BlobRef,
    range: Range<u64>,
}

impl SubBlob {
    /// The bytes of `range` of `inner` as a blob of its own.
    ///
    /// # Errors
    /// `UnexpectedEof` when the range leaves `inner`.
    pub fn new(inner: BlobRef, range: Range<u64>) -> io::Result<Self> {
        check(&range, inner.byte_len())?;
        Ok(Self { inner, range })
    }
}

impl Blob for SubBlob {
    fn byte_len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        check(&range, self.byte_len())?;
        self.inner.read(self.range.start + range.start..self.range.start + range.end)
    }

    fn read_into(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        check(&(at..at.saturating_add(out.len() as u64)), self.byte_len())?;
        self.inner.read_into(self.range.start + at, out)
    }

    fn is_at_hand(&self) -> bool {
        self.inner.is_at_hand()
    }
}

/// The whole blob as bytes.
///
/// # Errors
/// What [`Blob::read`] says.
pub fn read_all(blob: &dyn Blob) -> io::Result<Bytes> {
    blob.read(0..blob.byte_len())
}

fn check(range: &Range<u64>, len: u64) -> io::Result<()> {
    if range.start <= range.end && range.end <= len {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("bytes {}..{} of a run of {len} bytes", range.start, range.end),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_outside_the_blob_is_an_error() {
        let blob: BlobRef = Arc::new(Bytes::from_static(b"abcdef"));
        assert_eq!(&blob.read(2..4).unwrap()[..], b"cd");
        assert_eq!(blob.read(2..7).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let sub = SubBlob::new(blob.clone(), 1..4).unwrap();
        assert_eq!(&read_all(&sub).unwrap()[..], b"bcd");
        assert!(sub.is_at_hand());
        let mut out = [0; 2];
        sub.read_into(1, &mut out).unwrap();
        assert_eq!(&out, b"cd");
        for at in [2, 3, u64::MAX] {
            assert_eq!(
                sub.read_into(at, &mut out).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
        }
        assert!(sub.read(0..4).is_err());
        assert!(SubBlob::new(blob, 4..9).is_err());
    }
}
