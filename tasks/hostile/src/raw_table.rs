//! Sorted tables (`variables.index`) taken apart and put together with any content.

use std::ops::Range;

const FOOTER: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// CRC-32C, masked as in tables and checkpoints.
pub fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn handle(bytes: &mut &[u8]) -> Option<Range<usize>> {
    let start = usize::try_from(read_varint(bytes)?).ok()?;
    Some(start..start + usize::try_from(read_varint(bytes)?).ok()?)
}

/// The rows of an uncompressed block.
fn rows_of(block: &[u8]) -> Option<Vec<Row>> {
    let count_at = block.len().checked_sub(4)?;
    let count = u32::from_le_bytes(block[count_at..].try_into().ok()?) as usize;
    let mut bytes = &block[..count_at.checked_sub(count * 4)?];
    let mut rows: Vec<Row> = Vec::new();
    while !bytes.is_empty() {
        let n_shared = read_varint(&mut bytes)? as usize;
        let n_own = read_varint(&mut bytes)? as usize;
        let n_value = read_varint(&mut bytes)? as usize;
        let mut key = rows.last().map_or(&[][..], |(key, _)| key).get(..n_shared)?.to_vec();
        key.extend(bytes.get(..n_own)?);
        rows.push((key, bytes.get(n_own..n_own + n_value)?.to_vec()));
        bytes = &bytes[n_own + n_value..];
    }
    Some(rows)
}

/// All blocks of a table, the index of blocks last. `None` for what is no table.
pub fn blocks(table: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut footer = table.get(table.len().checked_sub(FOOTER)?..)?;
    let meta = handle(&mut footer)?;
    let index = handle(&mut footer)?;
    let mut all = vec![meta];
    for (_, value) in rows_of(table.get(index.clone())?)? {
        all.push(handle(&mut &value[..])?);
    }
    all.push(index);
    Some(all)
}

/// All rows of an uncompressed table. `None` for what is no table.
pub fn read(table: &[u8]) -> Option<Vec<Row>> {
    let blocks = blocks(table)?;
    let mut rows = Vec::new();
    for block in &blocks[1..blocks.len() - 1] {
        rows.extend(rows_of(table.get(block.clone())?)?);
    }
    Some(rows)
}

fn push_block(rows: &[Row], out: &mut Vec<u8>) -> Vec<u8> {
    let start = out.len();
    for (key, value) in rows {
        varint(0, out);
        varint(key.len() as u64, out);
        varint(value.len() as u64, out);
        out.extend(key);
        out.extend(value);
    }
    out.extend(0_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    let len = out.len() - start;
    out.push(0);
    let crc = masked_crc(&out[start..]);
    out.extend(crc.to_le_bytes());
    let mut handle = Vec::new();
    varint(start as u64, &mut handle);
    varint(len as u64, &mut handle);
    handle
}

/// A table of these rows in one block, whatever they are.
pub fn write(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    let data = push_block(rows, &mut out);
    let meta = push_block(&[], &mut out);
    let last = rows.last().map(|(key, _)| key.clone()).unwrap_or_default();
    let index = push_block(&[(last, data)], &mut out);
    let mut footer = [meta, index].concat();
    footer.resize(FOOTER - 8, 0);
    out.extend(footer);
    out.extend(MAGIC.to_le_bytes());
    out
}
