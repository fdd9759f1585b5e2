//! Writing an archive as Keras does: stored entries, no dates, always the same bytes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Crc;
use tensorferry_store::{Concat, SourceRef, is_contained};

use crate::directory::ENTRIES_MAX;

/// 1980-01-01 00:00:00, the first date there is, which Python's `ZipInfo` has too.
const DATE: u32 = 0x0021_0000;
/// Readers must know ZIP 2.0; with 64-bit numbers, 4.5.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Made on Unix, so that the permissions below count.
const UNIX: u16 = 3 << 8;
/// A file that its owner may read and write, as Python marks entries.
const ATTRIBUTES: u32 = 0o600 << 16;
/// The name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
const ZIP64_EXTRA: u16 = 1;

struct Placed<'a> {
    name: &'a str,
    crc32: u32,
    byte_len: u64,
    offset: u64,
}

/// An archive of the named contents in their order. Each content is read once here for its
/// checksum, and again when the archive is read.
///
/// # Errors
/// What a content says when it is read; `InvalidInput` for a name that is no path inside a
/// folder, a name that is there twice, or too many entries.
pub fn write(entries: &[(String, SourceRef)]) -> io::Result<SourceRef> {
    check(entries)?;
    let mut parts: Vec<SourceRef> = Vec::new();
    let mut placed = Vec::new();
    let mut offset = 0;
    for (name, content) in entries {
        let mut crc = Crc::new();
        content.for_each_piece(&mut |piece| {
            crc.update(piece);
            Ok(())
        })?;
        let entry = Placed { name, crc32: crc.sum(), byte_len: content.byte_len(), offset };
        let header = entry.local_header();
        offset += header.len() as u64 + entry.byte_len;
        parts.push(Arc::new(Bytes::from(header)));
        parts.push(content.clone());
        placed.push(entry);
    }
    let mut end: Vec<u8> = placed.iter().flat_map(Placed::record).collect();
    let size = end.len() as u64;
    end.extend(end_records(placed.len(), size, offset));
    parts.push(Arc::new(Bytes::from(end)));
    Ok(Arc::new(Concat(parts)))
}

fn check(entries: &[(String, SourceRef)]) -> io::Result<()> {
    let refuse = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if entries.len() as u64 > ENTRIES_MAX {
        return refuse(format!("{} entries, where {ENTRIES_MAX} are allowed", entries.len()));
    }
    for (i, (name, _)) in entries.iter().enumerate() {
        if !is_contained(name) {
            return refuse(format!("`{name}` is not a path inside an archive"));
        }
        if entries.iter().take(i).any(|(earlier, _)| earlier == name) {
            return refuse(format!("`{name}` is there twice"));
        }
    }
    Ok(())
}

/// A number of 32 bits, or all ones when it does not fit.
fn short(number: u64) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// A length, which is at most 4,096 for names and a few bytes for extra fields.
fn short16(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("a checked name or one of our own fields").to_le_bytes()
}

/// The extra field with those of the numbers that do not fit into 32 bits.
fn extra64(numbers: &[u64]) -> Vec<u8> {
    let long: Vec<u8> = numbers
        .iter()
        .filter(|number| **number >= u64::from(u32::MAX))
        .flat_map(|number| number.to_le_bytes())
        .collect();
    if long.is_empty() {
        return long;
    }
    [&ZIP64_EXTRA.to_le_bytes()[..], &short16(long.len()), &long].concat()
}

impl Placed<'_> {
    fn version(&self) -> u16 {
        let is_long = |number: u64| number >= u64::from(u32::MAX);
        if is_long(self.byte_len) || is_long(self.offset) { VERSION_64 } else { VERSION }
    }

    /// What local header and directory record have in common: version to extra length.
    fn common(&self, extra_len: usize) -> Vec<u8> {
        let flags = if self.name.is_ascii() { 0 } else { FLAG_UTF8 };
        [
            &self.version().to_le_bytes()[..],
            &flags.to_le_bytes(),
            &0_u16.to_le_bytes(),
            &DATE.to_le_bytes(),
            &self.crc32.to_le_bytes(),
            &short(self.byte_len),
            &short(self.byte_len),
            &short16(self.name.len()),
            &short16(extra_len),
        ]
        .concat()
    }

    fn local_header(&self) -> Vec<u8> {
        // Here both lengths must be in the extra field when one is.
        let extra = extra64(&[self.byte_len, self.byte_len]);
        [&b"PK\x03\x04"[..], &self.common(extra.len()), self.name.as_bytes(), &extra].concat()
    }

    fn record(&self) -> Vec<u8> {
        let extra = extra64(&[self.byte_len, self.byte_len, self.offset]);
        [
            &b"PK\x01\x02"[..],
            &(self.version() | UNIX).to_le_bytes(),
            &self.common(extra.len()),
            // No comment, on the first disk, no internal attributes.
            &[0; 6],
            &ATTRIBUTES.to_le_bytes(),
            &short(self.offset),
            self.name.as_bytes(),
            &extra,
        ]
        .concat()
    }
}

/// The records that end the archive: `size` bytes of directory at `offset`.
fn end_records(n_entries: usize, size: u64, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let n_long = n_entries as u64;
    if size >= u64::from(u32::MAX) || offset >= u64::from(u32::MAX) {
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend((VERSION_64 | UNIX).to_le_bytes());
        out.extend(VERSION_64.to_le_bytes());
        out.extend([0; 8]);
        for number in [n_long, n_long, size, offset] {
            out.extend(number.to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend((offset + size).to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(short16(n_entries));
    out.extend(short16(n_entries));
    out.extend(short(size));
    out.extend(short(offset));
    out.extend([0; 2]);
    out
}
