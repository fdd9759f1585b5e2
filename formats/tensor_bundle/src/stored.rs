//! The bytes of a tensor in its shard, compared with their checksum.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tensorferry_store::{BlobRef, ByteSink, ByteSource};

use crate::checksum;
use crate::error::Error;

/// Read at a time where the shard is not at hand.
const PIECE: u64 = 1 << 20;

/// A range of a shard.
///
/// The checksum is compared once for all readings. Where the shard is at hand, that is before the
/// first piece is given. Where it is not, and in [`ByteSource::write_to`], it is compared as the
/// bytes pass, and a reader that got them all gets the error at the end.
pub(crate) struct Stored {
    pub(crate) key: String,
    pub(crate) shard: BlobRef,
    /// Inside the shard.
    pub(crate) range: Range<u64>,
    pub(crate) masked_crc: u32,
    is_verified: AtomicBool,
}

impl Stored {
    pub(crate) fn new(key: String, shard: BlobRef, range: Range<u64>, masked_crc: u32) -> Self {
        Self { key, shard, range, masked_crc, is_verified: AtomicBool::new(false) }
    }

    /// All bytes, verified; for a shard at hand.
    fn whole(&self) -> Result<Bytes, Error> {
        let bytes = self.shard.read(self.range.clone())?;
        if !self.is_verified.load(Ordering::Relaxed) {
            self.check(crc32c::crc32c(&bytes))?;
        }
        Ok(bytes)
    }

    fn check(&self, crc: u32) -> Result<(), Error> {
        checksum::check(|| format!("`{}`", self.key), self.masked_crc, crc)?;
        self.is_verified.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl ByteSource for Stored {
    fn byte_len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.shard.is_at_hand() {
            return sink(&self.whole()?);
        }
        let mut crc = 0;
        let mut at = self.range.start;
        while at < self.range.end {
            let end = self.range.end.min(at + PIECE);
            let piece = self.shard.read(at..end)?;
            crc = crc32c::crc32c_append(crc, &piece);
            sink(&piece)?;
            at = end;
        }
        self.check(crc).map_err(io::Error::from)
    }

    fn write_to(&self, sink: &mut dyn ByteSink) -> io::Result<()> {
        let is_verified = self.is_verified.load(Ordering::Relaxed);
        let mut crc = 0;
        let mut at = self.range.start;
        sink.fill(self.byte_len(), &mut |out| {
            self.shard.read_into(at, out)?;
            // Now, while the bytes are in the processor's cache.
            if !is_verified {
                crc = crc32c::crc32c_append(crc, out);
            }
            at = at.saturating_add(u64::try_from(out.len()).unwrap_or(u64::MAX));
            Ok(())
        })?;
        if is_verified { Ok(()) } else { self.check(crc).map_err(io::Error::from) }
    }

    /// `None` too when the checksum is wrong: the stream then says so.
    fn as_bytes(&self) -> Option<Bytes> {
        if self.shard.is_at_hand() { self.whole().ok() } else { None }
    }
}
