//! Bytes of known length that are produced piece by piece.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::blob::BlobRef;

/// Shared handle to a source.
pub type SourceRef = Arc<dyn ByteSource>;

/// Fills the memory that it is given with the bytes that come next.
pub type Fill<'a> = dyn FnMut(&mut [u8]) -> io::Result<()> + 'a;

/// Takes bytes in order.
pub trait ByteSink {
    /// More bytes.
    ///
    /// # Errors
    /// The device's.
    fn piece(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// `len` more bytes, which `fill` puts into memory of the sink's own, part after part.
    ///
    /// # Errors
    /// The device's, and those of `fill`.
    fn fill(&mut self, len: u64, fill: &mut Fill<'_>) -> io::Result<()> {
        in_pieces(len, fill, &mut |piece| self.piece(piece))
    }
}

/// What `fill` gives, as pieces, for a sink that has no memory to fill.
pub(crate) fn in_pieces(
    len: u64,
    fill: &mut Fill<'_>,
    piece: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    const PIECE: u64 = 64 << 10;
    let mut memory = vec![0; usize::try_from(len.min(PIECE)).unwrap_or(0)];
    let mut left = len;
    while left > 0 {
        // Not longer than `memory`, so the cast is exact.
        let part = &mut memory[..left.min(PIECE) as usize];
        fill(part)?;
        piece(part)?;
        left -= part.len() as u64;
    }
    Ok(())
}

/// Bytes of known length, produced in order and as often as asked.
///
/// Mapped data goes through as one piece; decoded, cast or quantized data comes in pieces of a
/// bounded size, so a tensor never has to be in memory whole.
pub trait ByteSource: Send + Sync {
    /// Length in bytes. [`ByteSource::for_each_piece`] gives exactly this many.
    fn byte_len(&self) -> u64;

    /// Gives every piece in order to `sink`, and stops at the first error.
    ///
    /// # Errors
    /// The sink's error, or `InvalidData` when the stored bytes cannot be decoded.
    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;

    /// Gives all bytes in order to a sink that may have memory of its own for them, which saves a
    /// copy where the source would have to make one.
    ///
    /// # Errors
    /// As [`ByteSource::for_each_piece`].
    fn write_to(&self, sink: &mut dyn ByteSink) -> io::Result<()> {
        self.for_each_piece(&mut |piece| sink.piece(piece))
    }

    /// The bytes themselves where they are at hand without decoding or copying.
    fn as_bytes(&self) -> Option<Bytes> {
        None
    }
}

impl ByteSource for Bytes {
    fn byte_len(&self) -> u64 {
        self.len() as u64
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        sink(self)
    }

    fn as_bytes(&self) -> Option<Bytes> {
        Some(self.clone())
    }
}

/// Several sources one after the other.
pub struct Concat(pub Vec<SourceRef>);

impl ByteSource for Concat {
    fn byte_len(&self) -> u64 {
        self.0.iter().map(|part| part.byte_len()).sum()
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.0.iter().try_for_each(|part| part.for_each_piece(sink))
    }

    fn write_to(&self, sink: &mut dyn ByteSink) -> io::Result<()> {
        self.0.iter().try_for_each(|part| part.write_to(sink))
    }
}

/// A blob as a source: given whole where it is at hand, piece by piece where it is not.
pub struct BlobSource(pub BlobRef);

impl ByteSource for BlobSource {
    fn byte_len(&self) -> u64 {
        self.0.byte_len()
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        const PIECE: u64 = 1 << 20;
        if let Some(bytes) = self.as_bytes() {
            return sink(&bytes);
        }
        let len = self.0.byte_len();
        let mut at = 0;
        while at < len {
            let end = len.min(at + PIECE);
            sink(&self.0.read(at..end)?)?;
            at = end;
        }
        Ok(())
    }

    fn write_to(&self, sink: &mut dyn ByteSink) -> io::Result<()> {
        let mut at = 0;
        sink.fill(self.0.byte_len(), &mut |out| {
            self.0.read_into(at, out)?;
            at += out.len() as u64;
            Ok(())
        })
    }

    fn as_bytes(&self) -> Option<Bytes> {
        if !self.0.is_at_hand() {
            return None;
        }
        self.0.read(0..self.0.byte_len()).ok()
    }
}

/// All bytes of a source in memory. For small things: attributes, names, tests.
///
/// # Errors
/// What the source says, or `InvalidData` when it gives another number of bytes than it declared.
pub fn collect(source: &dyn ByteSource) -> io::Result<Bytes> {
    if let Some(bytes) = source.as_bytes() {
        return Ok(bytes);
    }
    let mut all = Vec::new();
    source.for_each_piece(&mut |piece| {
        all.extend_from_slice(piece);
        Ok(())
    })?;
    if all.len() as u64 != source.byte_len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} bytes came where {} were declared", all.len(), source.byte_len()),
        ));
    }
    Ok(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concat_gives_its_parts_in_order() {
        let parts: Vec<SourceRef> =
            vec![Arc::new(Bytes::from_static(b"ab")), Arc::new(Bytes::from_static(b"cde"))];
        let whole = Concat(parts);
        assert_eq!(whole.byte_len(), 5);
        assert_eq!(&collect(&whole).unwrap()[..], b"abcde");
    }
}
