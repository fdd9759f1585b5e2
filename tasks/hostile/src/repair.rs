//! Making checksums right again after a change, so that what lies behind them is tried too.

use std::ops::Range;

/// Where a superblock or an object header says that it ends: quicker than trying.
fn end_of_header(bytes: &[u8], start: usize) -> Option<usize> {
    let block = bytes.get(start..)?;
    if block.starts_with(b"\x89HDF") {
        return Some(start + 44);
    }
    if !block.starts_with(b"OHDR\x02") {
        return None;
    }
    let flags = *block.get(5)?;
    let times = if flags & 0x20 == 0 { 0 } else { 16 };
    let phases = if flags & 0x10 == 0 { 0 } else { 4 };
    let at = 6 + times + phases;
    let width = 1 << (flags & 3);
    let mut len = [0; 8];
    len[..width].copy_from_slice(block.get(at..at + width)?);
    start.checked_add(at + width)?.checked_add(usize::try_from(u64::from_le_bytes(len)).ok()?)
}

/// A run of bytes and how its checksum, behind it, is computed.
type Block = (Range<usize>, fn(&[u8]) -> u32);

/// Runs of bytes that are followed by their own checksum.
#[derive(Debug, Clone, Default)]
pub struct Checksums {
    blocks: Vec<Block>,
}

impl Checksums {
    /// The blocks of an HDF5 file, found by trying every length behind a signature.
    pub fn of_hdf5(bytes: &[u8]) -> Self {
        const SIGNATURES: [&[u8]; 9] =
            [b"\x89HDF", b"OHDR", b"OCHK", b"BTHD", b"BTLF", b"FRHP", b"FHDB", b"FAHD", b"FADB"];
        let mut blocks: Vec<Block> = Vec::new();
        let is_start =
            |at: &usize| SIGNATURES.iter().any(|signature| bytes[*at..].starts_with(signature));
        for start in (0..bytes.len()).filter(is_start) {
            let is_end = |end: &usize| {
                let sum = hdf5_reader::checksum::jenkins_lookup3(&bytes[start..*end]);
                bytes[*end..].starts_with(&sum.to_le_bytes())
            };
            let last = bytes.len().saturating_sub(4);
            let told = end_of_header(bytes, start).filter(|end| *end <= last && is_end(end));
            let end = told.or_else(|| (start + 8..last.min(start + 4096) + 1).find(is_end));
            if let Some(end) = end {
                blocks.push((start..end, hdf5_reader::checksum::jenkins_lookup3));
            }
        }
        Self { blocks }
    }

    /// The blocks of a sorted table such as `variables.index`.
    pub fn of_table(bytes: &[u8]) -> Self {
        let ranges = crate::raw_table::blocks(bytes).unwrap_or_default();
        // The block's kind of compression is under the checksum too.
        let blocks = ranges.into_iter().map(|range| {
            (range.start..range.end + 1, crate::raw_table::masked_crc as fn(&[u8]) -> u32)
        });
        Self { blocks: blocks.collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Computes the checksum of every block that shares bytes with `changed` again. A change of a
    /// checksum itself stays.
    pub fn repair(&self, bytes: &mut [u8], changed: Range<usize>) {
        for (block, checksum) in &self.blocks {
            if changed.start < block.end && block.start < changed.end {
                let sum = checksum(&bytes[block.clone()]);
                if let Some(place) = bytes.get_mut(block.end..block.end + 4) {
                    place.copy_from_slice(&sum.to_le_bytes());
                }
            }
        }
    }
}
