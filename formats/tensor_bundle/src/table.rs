//! The sorted table in `variables.index`: a footer, an index of blocks, blocks of keys and values.

use bytes::Bytes;
use tensorferry_store::Blob;

use crate::checksum;
use crate::cursor::Cursor;
use crate::error::Error;

/// Bytes of the footer, and of the magic number at its end.
const FOOTER: u64 = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;

/// Bytes after a block: its compression, and a masked checksum.
const TRAILER: u64 = 5;

/// Keys are attribute paths; no file system takes a longer one.
const KEY_MAX: usize = 4096;

/// A hundred times what the largest model in the field has.
const ROWS_MAX: usize = 1_000_000;

/// A key may repeat the one before it for three bytes, so few bytes can stand for many keys. Real
/// tables have 5 bytes of keys per byte.
const KEY_BYTES_PER_INDEX_BYTE: u64 = 16;
const KEY_BYTES_FREE: u64 = 16 << 20;

/// Snappy turns three bytes into 64 at most.
const SNAPPY_RATIO_MAX: usize = 32;

/// Rows of a table, strictly ascending by key.
pub(crate) type Rows = Vec<(Vec<u8>, Bytes)>;

/// Reads every row; each block's checksum is verified.
pub(crate) fn read(file: &dyn Blob) -> Result<Rows, Error> {
    let broken = |what| Error::Index { at: file.byte_len().saturating_sub(FOOTER), what };
    let start = file.byte_len().checked_sub(FOOTER).ok_or(broken("too short for a footer"))?;
    let mut footer = Cursor::new(file.read(start..file.byte_len())?);
    let handles = footer.take(40).ok_or(broken("too short for a footer"))?;
    if footer.rest().as_ref() != MAGIC.to_le_bytes() {
        return Err(broken("no checkpoint index (its last eight bytes are others)"));
    }
    let mut handles = Cursor::new(handles);
    let (meta, index) = Handle::read(&mut handles)
        .zip(Handle::read(&mut handles))
        .ok_or(broken("broken block handles"))?;

    let mut reader = Reader {
        file,
        end: start,
        key_bytes_left: KEY_BYTES_FREE + start.saturating_mul(KEY_BYTES_PER_INDEX_BYTE),
    };
    // Nothing here needs the meta block; reading it finds damage.
    reader.rows(meta, &mut Vec::new())?;
    let mut blocks = Vec::new();
    reader.rows(index, &mut blocks)?;

    let mut rows = Vec::new();
    let mut at = 0;
    for (_, handle) in blocks {
        let handle =
            Handle::read(&mut Cursor::new(handle)).filter(|handle| handle.offset >= at).ok_or(
                Error::Index { at: index.offset, what: "broken or overlapping block handles" },
            )?;
        at = handle.offset.saturating_add(handle.len);
        reader.rows(handle, &mut rows)?;
    }
    Ok(rows)
}

/// Where a block is.
#[derive(Debug, Clone, Copy)]
struct Handle {
    offset: u64,
    len: u64,
}

impl Handle {
    fn read(cursor: &mut Cursor) -> Option<Self> {
        Some(Self { offset: cursor.varint64()?, len: cursor.varint64()? })
    }
}

struct Reader<'a> {
    file: &'a dyn Blob,
    /// Where the footer begins.
    end: u64,
    key_bytes_left: u64,
}

impl Reader<'_> {
    /// The body of a block, verified and decompressed.
    fn block(&self, handle: Handle) -> Result<Bytes, Error> {
        let broken = |what| Error::Index { at: handle.offset, what };
        let body_end = handle.offset.checked_add(handle.len);
        let end = body_end.and_then(|end| end.checked_add(TRAILER)).filter(|end| *end <= self.end);
        let (Some(body_end), Some(end)) = (body_end, end) else {
            return Err(broken("the block leaves the file"));
        };
        let body = self.file.read(handle.offset..body_end)?;
        let mut trailer = Cursor::new(self.file.read(body_end..end)?);
        let kind = trailer.take(1).ok_or(broken("no trailer"))?;
        let masked = trailer.u32_le().ok_or(broken("no trailer"))?;
        let found = crc32c::crc32c_append(crc32c::crc32c(&body), &kind);
        checksum::check(|| format!("block at byte {} of the index", handle.offset), masked, found)?;
        match kind.as_ref() {
            [0] => Ok(body),
            [1] => decompressed(&body).ok_or(broken("the block's snappy data is broken")),
            _ => Err(broken("unknown compression of a block")),
        }
    }

    /// Appends the rows of a block.
    fn rows(&mut self, handle: Handle, rows: &mut Rows) -> Result<(), Error> {
        let broken = |what| Error::Index { at: handle.offset, what };
        let block = self.block(handle)?;
        let body_len = restarts_at(&block).ok_or(broken("broken restart points"))?;
        let mut cursor = Cursor::new(block.slice(..body_len));
        // The first row of a block has nothing to share with.
        let mut prefix = Vec::new();
        while !cursor.is_at_end() {
            let (key, value) = row(&mut cursor, &prefix).ok_or(broken("broken row"))?;
            if rows.last().is_some_and(|(last, _)| *last >= key) {
                return Err(broken("keys out of order"));
            }
            if key.len() > KEY_MAX {
                return Err(Error::Limit { what: "the bytes of a key", limit: 4096 });
            }
            let key_len = u64::try_from(key.len()).unwrap_or(u64::MAX);
            self.key_bytes_left = self
                .key_bytes_left
                .checked_sub(key_len)
                .ok_or(broken("far more bytes in keys than in the file"))?;
            if rows.len() >= ROWS_MAX {
                return Err(Error::Limit { what: "the tensors", limit: 1_000_000 });
            }
            prefix.clone_from(&key);
            rows.push((key, value));
        }
        Ok(())
    }
}

/// One row: how much of the last key to keep, the rest of the key, the value.
fn row(cursor: &mut Cursor, last: &[u8]) -> Option<(Vec<u8>, Bytes)> {
    let n_shared = cursor.varint32()?;
    let n_own = cursor.varint32()?;
    let n_value = cursor.varint32()?;
    let mut key = last.get(..n_shared)?.to_vec();
    key.extend_from_slice(&cursor.take(n_own)?);
    Some((key, cursor.take(n_value)?))
}

/// Where the rows of a block end and its restart points begin.
fn restarts_at(block: &Bytes) -> Option<usize> {
    let count_at = block.len().checked_sub(4)?;
    let count = Cursor::new(block.slice(count_at..)).u32_le()?;
    count_at.checked_sub(usize::try_from(count).ok()?.checked_mul(4)?)
}

fn decompressed(body: &[u8]) -> Option<Bytes> {
    let len = snap::raw::decompress_len(body).ok()?;
    if len > body.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return None;
    }
    snap::raw::Decoder::new().decompress_vec(body).ok().map(Bytes::from)
}
