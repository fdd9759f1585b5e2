//! The files of a group as one run of bytes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{BlobRef, BlobSource, Concat, SourceRef, StoreError, SubBlob};

use crate::{Error, Group, Kind};

/// Bytes of a file that are looked at to tell what it is instead of a shard.
const HEAD: u64 = 64;

/// The open shards of a group.
pub(crate) struct Shards {
    shards: Vec<Shard>,
    byte_len: u64,
}

struct Shard {
    path: String,
    blob: BlobRef,
    /// Where its bytes begin in the group.
    start: u64,
}

impl Shard {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.blob.byte_len())
    }
}

impl Shards {
    /// Opens all files of `group`.
    pub(crate) fn open(
        group: &Group,
        open: &dyn Fn(&str) -> Result<BlobRef, StoreError>,
    ) -> Result<Self, Error> {
        let mut shards = Vec::with_capacity(group.paths.len());
        let mut byte_len = 0_u64;
        for path in &group.paths {
            let blob = open(path).map_err(|error| {
                Error::new(Kind::Device, error.to_string())
                    .in_file(path)
                    .hint("put all files that model.json lists beside it")
            })?;
            let start = byte_len;
            byte_len = byte_len
                .checked_add(blob.byte_len())
                .ok_or_else(|| Error::new(Kind::Limit, "2^64 bytes of shards").in_file(path))?;
            shards.push(Shard { path: path.clone(), blob, start });
        }
        Ok(Self { shards, byte_len })
    }

    /// Length of all shards together.
    pub(crate) fn byte_len(&self) -> u64 {
        self.byte_len
    }

    /// The file that holds the byte, and the byte's offset in it.
    pub(crate) fn locate(&self, at: u64) -> Option<(&str, u64)> {
        let shard = self.overlapping(at..at.checked_add(1)?).next()?;
        Some((&shard.path, at - shard.start))
    }

    /// The bytes of `range` as a source: a slice where one shard holds them all.
    pub(crate) fn slice(&self, range: Range<u64>) -> Result<SourceRef, Error> {
        let mut parts: Vec<SourceRef> = Vec::new();
        for shard in self.overlapping(range.clone()) {
            let start = range.start.max(shard.start) - shard.start;
            let end = range.end.min(shard.end()) - shard.start;
            let part = SubBlob::new(shard.blob.clone(), start..end)
                .map_err(|error| Error::device(&error).in_file(&shard.path))?;
            parts.push(Arc::new(BlobSource(Arc::new(part))));
        }
        Ok(match parts.len() {
            0 => Arc::new(Bytes::new()),
            1 => parts.swap_remove(0),
            _ => Arc::new(Concat(parts)),
        })
    }

    /// A few bytes; less than asked for at the end.
    pub(crate) fn read(&self, at: u64, byte_len: u64) -> Result<Vec<u8>, Error> {
        let range = at..at.saturating_add(byte_len).min(self.byte_len);
        let mut out = Vec::new();
        for shard in self.overlapping(range.clone()) {
            let start = range.start.max(shard.start) - shard.start;
            let end = range.end.min(shard.end()) - shard.start;
            let bytes = shard.blob.read(start..end);
            out.extend(bytes.map_err(|error| Error::device(&error).in_file(&shard.path))?);
        }
        Ok(out)
    }

    /// The error for shards that hold another number of bytes than the weights take, naming the
    /// shard that is most likely the broken one.
    pub(crate) fn wrong_length(&self, expected: u64) -> Error {
        let is_short = self.byte_len < expected;
        let kind = if is_short { Kind::Truncated } else { Kind::Malformed };
        let Some(suspect) = self.suspect() else {
            return Error::new(kind, "no shard is listed").expected(bytes(expected), "no file");
        };
        let others = self.byte_len - suspect.blob.byte_len();
        let error = Error::new(kind, if is_short { "bytes are missing" } else { "too many bytes" })
            .in_file(&suspect.path);
        let error = match expected.checked_sub(others) {
            Some(expected) => error.expected(bytes(expected), bytes(suspect.blob.byte_len())),
            None => {
                error.expected(format!("{} in all shards", bytes(expected)), bytes(self.byte_len))
            }
        };
        let is_odd = |shard: &Shard| foreign(shard).map(|what| (what, shard.path.clone()));
        match self.shards.iter().find_map(is_odd) {
            Some((what, path)) => error.hint(format!("`{path}` is {what} and no weights")),
            None => error.hint("download or convert the model again; a file was cut or replaced"),
        }
    }

    /// The converter cuts shards of one length, the last one shorter: the first that differs.
    fn suspect(&self) -> Option<&Shard> {
        let (last, all_but_last) = self.shards.split_last()?;
        let longest = all_but_last.iter().map(|shard| shard.blob.byte_len()).max().unwrap_or(0);
        let shorter = all_but_last.iter().find(|shard| shard.blob.byte_len() != longest);
        Some(shorter.unwrap_or(last))
    }

    fn overlapping(&self, range: Range<u64>) -> impl Iterator<Item = &Shard> {
        let first = self.shards.partition_point(|shard| shard.end() <= range.start);
        self.shards
            .iter()
            .skip(first)
            .take_while(move |shard| shard.start < range.end)
            .filter(|shard| shard.blob.byte_len() > 0)
    }
}

/// What a file is that was put in the place of a shard, when its first bytes tell.
fn foreign(shard: &Shard) -> Option<&'static str> {
    let head = shard.blob.read(0..HEAD.min(shard.blob.byte_len())).ok()?;
    let text = String::from_utf8_lossy(&head).trim_start().to_ascii_lowercase();
    if text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<?xml") {
        return Some("a web page (an error page of the server, most likely)");
    }
    if text.starts_with("version https://git-lfs") {
        return Some("a pointer of Git LFS (run `git lfs pull`)");
    }
    None
}

fn bytes(n: u64) -> String {
    format!("{n} bytes")
}
