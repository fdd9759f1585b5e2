//! The sorted table in `variables.index`: a footer, an index of blocks, blocks of keys and values.

use bytes::Bytes;
use tensorferry_store::Blob;

use crate::checksum;
use crate::cursor::{Cursor, push_varint};
use crate::error::Error;

/// Bytes of the footer, and of the magic number at its end.
const FOOTER: u64 = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;

/// Bytes after a block: its compression, and a masked checksum.
const TRAILER: u64 = 5;

/// Bytes of rows after which a block ends, as TensorFlow writes checkpoints.
const BLOCK: usize = 256 << 10;

/// Every so many rows a key is written whole.
const RESTART_INTERVAL: usize = 16;

/// Keys are attribute paths; no file system takes a longer one.
pub(crate) const KEY_MAX: usize = 4096;

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

/// Writes a table without compression. Rows come in ascending order of their keys.
pub(crate) struct Builder {
    file: Vec<u8>,
    block: BlockBuilder,
    /// A key at or after the last of each block, and where the block is.
    index: BlockBuilder,
    /// The block that ended last; its key waits for the next row, which may allow a shorter one.
    ended: Option<(Vec<u8>, Vec<u8>)>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            file: Vec::new(),
            block: BlockBuilder::new(RESTART_INTERVAL),
            index: BlockBuilder::new(1),
            ended: None,
        }
    }

    pub(crate) fn row(&mut self, key: &[u8], value: &[u8]) {
        if let Some((last, handle)) = self.ended.take() {
            self.index.row(&separator(&last, key), &handle);
        }
        self.block.row(key, value);
        if self.block.byte_len() >= BLOCK {
            self.end_block();
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.end_block();
        let mut footer = push_block(&mut self.file, BlockBuilder::new(1));
        if let Some((last, handle)) = self.ended.take() {
            self.index.row(&successor(&last), &handle);
        }
        footer.extend(push_block(&mut self.file, self.index));
        footer.resize(40, 0);
        self.file.extend(footer);
        self.file.extend(MAGIC.to_le_bytes());
        self.file
    }

    fn end_block(&mut self) {
        if self.block.n_rows == 0 {
            return;
        }
        let block = std::mem::replace(&mut self.block, BlockBuilder::new(RESTART_INTERVAL));
        let last = block.last.clone();
        let handle = push_block(&mut self.file, block);
        self.ended = Some((last, handle));
    }
}

/// Appends a block and its trailer to the file, and gives its handle.
fn push_block(file: &mut Vec<u8>, block: BlockBuilder) -> Vec<u8> {
    let len = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let body = block.finish();
    let mut handle = Vec::new();
    push_varint(&mut handle, len(file));
    push_varint(&mut handle, len(&body));
    let kind = [0];
    let crc = crc32c::crc32c_append(crc32c::crc32c(&body), &kind);
    file.extend(body);
    file.extend(kind);
    file.extend(checksum::mask(crc).to_le_bytes());
    handle
}

struct BlockBuilder {
    body: Vec<u8>,
    restarts: Vec<u32>,
    interval: usize,
    n_rows: usize,
    last: Vec<u8>,
}

impl BlockBuilder {
    fn new(interval: usize) -> Self {
        // There is one restart point even where there is no row.
        Self { body: Vec::new(), restarts: vec![0], interval, n_rows: 0, last: Vec::new() }
    }

    fn byte_len(&self) -> usize {
        self.body.len() + 4 * self.restarts.len() + 4
    }

    fn row(&mut self, key: &[u8], value: &[u8]) {
        let mut shared = 0;
        if !self.n_rows.is_multiple_of(self.interval) {
            shared = key.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        } else if self.n_rows > 0 {
            // A block ends long before it has 4 GiB.
            self.restarts.push(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        }
        let own = key.get(shared..).unwrap_or_default();
        for len in [shared, own.len(), value.len()] {
            push_varint(&mut self.body, u64::try_from(len).unwrap_or(u64::MAX));
        }
        self.body.extend_from_slice(own);
        self.body.extend_from_slice(value);
        self.last = key.to_vec();
        self.n_rows += 1;
    }

    fn finish(self) -> Vec<u8> {
        let mut body = self.body;
        self.restarts.iter().for_each(|at| body.extend(at.to_le_bytes()));
        let n = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        body.extend(n.to_le_bytes());
        body
    }
}

/// A short key that is at least `last` and less than `next`, as TensorFlow chooses it.
fn separator(last: &[u8], next: &[u8]) -> Vec<u8> {
    let shared = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    let pair = last.get(shared).zip(next.get(shared));
    match (pair, last.get(..shared)) {
        (Some((a, b)), Some(head)) if *a < 0xff && a + 1 < *b => [head, &[a + 1]].concat(),
        _ => last.to_vec(),
    }
}

/// A short key that is at least `last`.
fn successor(last: &[u8]) -> Vec<u8> {
    let at = last.iter().position(|byte| *byte != 0xff);
    match at.and_then(|at| Some((last.get(..at)?, last.get(at)?))) {
        Some((head, byte)) => [head, &[byte + 1]].concat(),
        None => last.to_vec(),
    }
}
