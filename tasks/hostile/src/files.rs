//! Several files in one run of bytes, and what a reader made of an input in one number.

use bytes::Bytes;
use tensorferry_store::{ByteSource, MemoryStore};

use crate::choices::{Choices, run};

/// Files one after the other, each behind its length; the last one needs none.
pub fn join(files: &[&[u8]]) -> Vec<u8> {
    let Some((last, first)) = files.split_last() else { return Vec::new() };
    let mut bytes: Vec<u8> = first.iter().flat_map(|file| run(file)).collect();
    bytes.extend(*last);
    bytes
}

/// The inverse of [`join`].
pub fn split<const N: usize>(bytes: &[u8]) -> [Bytes; N] {
    let mut choices = Choices::new(bytes);
    std::array::from_fn(|i| {
        let file = if i + 1 == N { choices.rest() } else { choices.run() };
        Bytes::copy_from_slice(file)
    })
}

/// A folder of these files.
pub fn folder(files: &[(String, Bytes)]) -> MemoryStore {
    files.iter().fold(MemoryStore::folder("folder"), |store, (name, bytes)| {
        store.with(name.clone(), bytes.clone())
    })
}

/// A number for everything that was read: equal inputs give equal numbers, others hardly ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    crc: u32,
    /// Bytes that went in.
    pub byte_len: u64,
}

impl Digest {
    /// More bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.byte_len += bytes.len() as u64;
    }

    /// More text, its length before it.
    pub fn add_text(&mut self, text: &str) {
        self.add(&text.len().to_le_bytes());
        self.add(text.as_bytes());
    }

    /// All bytes of a source.
    ///
    /// # Errors
    /// The source's.
    ///
    /// # Panics
    /// When it gives another number of bytes than it said.
    pub fn add_source(&mut self, source: &dyn ByteSource) -> std::io::Result<()> {
        let before = self.byte_len;
        source.for_each_piece(&mut |piece| {
            self.add(piece);
            Ok(())
        })?;
        assert_eq!(self.byte_len - before, source.byte_len(), "a source of another length");
        Ok(())
    }
}
