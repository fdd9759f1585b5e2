//! An open checkpoint: its keys, and the tensors behind them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{Blob, BlobRef, SourceRef, StoreError};
use tensorferry_tf_proto::tensorflow::{BundleHeaderProto, bundle_header_proto::Endianness};
use tensorferry_tf_proto::{Message, tensorflow};

use crate::entry::Entry;
use crate::error::Error;
use crate::stored::Stored;
use crate::{partition, strings, table};

/// TensorFlow writes one shard per device.
const SHARDS_MAX: i32 = 100_000;

/// The version of the format that is read here; there has been no other.
const VERSION: i32 = 1;

/// A checkpoint whose index was read and verified, and whose data shards are open.
pub struct Bundle {
    /// By name; boxes of partitioned variables are in `parts`.
    entries: BTreeMap<String, Entry>,
    /// The boxes, by their keys, which are no text.
    parts: BTreeMap<Vec<u8>, Entry>,
    shards: BTreeMap<u32, BlobRef>,
}

impl Bundle {
    /// Reads the index and opens the shards that its entries name, and only those.
    ///
    /// `prefix` is the index's name without `.index`; `open_shard` gets a name such as
    /// `variables/variables.data-00000-of-00001`.
    ///
    /// # Errors
    /// See [`Error`]. Every entry is checked here: its shape, its size, its place in its shard.
    pub fn open(
        index: &dyn Blob,
        prefix: &str,
        open_shard: &dyn Fn(&str) -> Result<BlobRef, StoreError>,
    ) -> Result<Self, Error> {
        let mut rows = table::read(index)?.into_iter();
        let n_shards = match rows.next() {
            Some((key, value)) if key.is_empty() => header(value)?,
            _ => return Err(Error::Index { at: 0, what: "no header entry" }),
        };
        let mut bundle =
            Self { entries: BTreeMap::new(), parts: BTreeMap::new(), shards: BTreeMap::new() };
        for (key, value) in rows {
            if key.first() == Some(&0) {
                let entry = Entry::read(&String::from_utf8_lossy(&key), value)?;
                bundle.parts.insert(key, entry);
            } else {
                let key = String::from_utf8(key).map_err(|e| {
                    let key = String::from_utf8_lossy(e.as_bytes());
                    Error::entry(&key, "the key is not UTF-8")
                })?;
                let entry = Entry::read(&key, value)?;
                bundle.entries.insert(key, entry);
            }
        }
        bundle.open_shards(n_shards, prefix, open_shard)?;
        Ok(bundle)
    }

    fn open_shards(
        &mut self,
        n_shards: u32,
        prefix: &str,
        open_shard: &dyn Fn(&str) -> Result<BlobRef, StoreError>,
    ) -> Result<(), Error> {
        let parts = self.parts.iter().map(|(key, entry)| (String::from_utf8_lossy(key), entry));
        let named = self.entries.iter().map(|(key, entry)| (key.as_str().into(), entry));
        for (key, entry) in named.chain(parts) {
            if !entry.slices.is_empty() {
                continue;
            }
            if entry.shard >= n_shards {
                let what = format!("in shard {} of {n_shards}", entry.shard);
                return Err(Error::entry(&key, what));
            }
            let shard = match self.shards.get(&entry.shard) {
                Some(shard) => shard,
                None => {
                    let name = format!("{prefix}.data-{:05}-of-{n_shards:05}", entry.shard);
                    self.shards.entry(entry.shard).or_insert(open_shard(&name)?)
                }
            };
            let end = entry.offset.checked_add(entry.size);
            if end.is_none_or(|end| end > shard.byte_len()) {
                let what = format!(
                    "{} bytes at {} of data shard {}, which has {} bytes",
                    entry.size,
                    entry.offset,
                    entry.shard,
                    shard.byte_len()
                );
                return Err(Error::entry(&key, what));
            }
        }
        Ok(())
    }

    /// All keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// What is stored under `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The row-major little-endian bytes of a tensor; for strings a little-endian `u32` length
    /// and the bytes of each.
    ///
    /// A numeric tensor is compared with its checksum when it is read: before the first byte is
    /// given where the shard is at hand, else at the end of the stream. Strings are compared here.
    ///
    /// # Errors
    /// An unknown key, a type that has no bytes, broken strings, boxes that do not fit together.
    pub fn tensor(&self, key: &str) -> Result<SourceRef, Error> {
        let entry = self.get(key)?;
        if entry.is_string() {
            return Ok(Arc::new(strings::encode(key, &self.strings(key)?)?));
        }
        if entry.slices.is_empty() {
            return self.stored(key, entry);
        }
        let sources = entry.slices.iter().map(|slice| {
            let part = self.parts.get(&slice.key).filter(|part| {
                part.shape == slice.len && part.dtype == entry.dtype && part.slices.is_empty()
            });
            self.stored(key, part.ok_or_else(|| Error::entry(key, "a part is missing or differs"))?)
        });
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        partition::join(key, entry, sources)
    }

    /// The byte strings of a string tensor, in row-major order; both checksums are compared.
    ///
    /// # Errors
    /// An unknown key, another type, damaged data.
    pub fn strings(&self, key: &str) -> Result<Vec<Bytes>, Error> {
        let entry = self.get(key)?;
        if !entry.is_string() || !entry.slices.is_empty() {
            return Err(Error::entry(key, "no string tensor"));
        }
        let data = self.shard(key, entry)?.read(entry.offset..entry.offset + entry.size)?;
        strings::read(key, entry, data)
    }

    /// Reads a tensor once and compares it with its checksum.
    ///
    /// # Errors
    /// As [`Bundle::tensor`], and when the data is damaged.
    pub fn verify(&self, key: &str) -> Result<(), Error> {
        let source = self.tensor(key)?;
        source.for_each_piece(&mut |_| Ok(())).map_err(unwrapped)
    }

    fn get(&self, key: &str) -> Result<&Entry, Error> {
        self.entry(key).ok_or_else(|| Error::NotFound(key.to_owned()))
    }

    fn shard(&self, key: &str, entry: &Entry) -> Result<&BlobRef, Error> {
        self.shards
            .get(&entry.shard)
            .ok_or_else(|| Error::entry(key, "in a shard that is not open"))
    }

    /// A numeric tensor in one run of bytes.
    fn stored(&self, key: &str, entry: &Entry) -> Result<SourceRef, Error> {
        if entry.byte_len().is_none() {
            let dtype = tensorflow::DataType::try_from(entry.dtype);
            let dtype = dtype.map_or_else(|_| entry.dtype.to_string(), |d| d.as_str_name().into());
            return Err(Error::entry(key, format!("elements of type {dtype} cannot be read")));
        }
        let range = entry.offset..entry.offset + entry.size;
        let shard = self.shard(key, entry)?.clone();
        Ok(Arc::new(Stored::new(key.to_owned(), shard, range, entry.masked_crc)))
    }
}

/// The number of shards, when this is a header that we can read.
fn header(value: Bytes) -> Result<u32, Error> {
    let wrong = |what| Error::Index { at: 0, what };
    let header =
        BundleHeaderProto::decode(value).map_err(|_| wrong("the header entry is broken"))?;
    if header.endianness != i32::from(Endianness::Little) {
        return Err(Error::BigEndian);
    }
    if header.version.is_some_and(|version| version.min_consumer > VERSION) {
        return Err(wrong("written by a later version of the format"));
    }
    if header.num_shards > SHARDS_MAX {
        return Err(Error::Limit { what: "the data shards", limit: 100_000 });
    }
    u32::try_from(header.num_shards).map_err(|_| wrong("a negative number of data shards"))
}

/// Our own error out of one that went through a stream.
fn unwrapped(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::Io(error),
    }
}
