//! The central directory: where it is, and what each of its records says.

use std::ops::Range;

use tensorferry_store::{Blob, is_contained};

use crate::error::{Error, Kind};
use crate::fields::{Fields, extra};

/// Entries of one archive. Keras writes three, and one for each file of the vocabulary assets.
pub(crate) const ENTRIES_MAX: u64 = 1000;
/// A comment of the archive is at most this long by the format.
const COMMENT_MAX: u64 = u16::MAX as u64;
const END_LEN: u64 = 22;
const LOCATOR_LEN: u64 = 20;
const END64_LEN: u64 = 56;
const ZIP64_EXTRA: u16 = 1;
/// Encryption, patch data, strong encryption, masked headers.
const REFUSED_FLAGS: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
/// Sizes and checksum follow the data and are zero in the local header.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FILE_TYPE_MASK: u32 = 0xF000;
const SYMLINK: u32 = 0xA000;

/// How an entry's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflated,
}

/// One file of the archive.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) crc32: u32,
    /// Bytes of the content.
    pub(crate) byte_len: u64,
    /// Where the packed content lies in the archive.
    pub(crate) data: Range<u64>,
}

/// A record of the central directory.
struct Record {
    name: Vec<u8>,
    made_by: u16,
    flags: u16,
    method: u16,
    crc32: u32,
    packed_len: u64,
    byte_len: u64,
    attributes: u32,
    local: u64,
}

/// Reads the directory and every local header. Directories among the entries are checked and
/// left out.
pub(crate) fn read(blob: &dyn Blob) -> Result<Vec<Entry>, Error> {
    let (n_entries, place) = find(blob)?;
    if n_entries > ENTRIES_MAX {
        let what = format!("{n_entries} entries, where {ENTRIES_MAX} are allowed");
        return Err(Error::new(Kind::Limit, "", what));
    }
    let directory = blob.read(place.clone()).map_err(|error| Error::io("", &error))?;
    let mut fields = Fields(&directory);
    let mut entries: Vec<Entry> = Vec::new();
    let mut taken: Vec<Range<u64>> = Vec::new();
    for _ in 0..n_entries {
        let record = record(&mut fields).ok_or_else(|| {
            Error::malformed("", "a record of the directory is broken").at(place.start)
        })?;
        let name = name(&record)?;
        if entries.iter().any(|entry| entry.name == name) {
            return Err(Error::malformed(&name, "this name is there twice"));
        }
        let entry = checked(blob, &record, name, place.start)?;
        taken.push(record.local..entry.data.end);
        entries.push(entry);
    }
    if !fields.0.is_empty() {
        return Err(Error::malformed("", "the directory has more records than it says"));
    }
    taken.sort_by_key(|range| range.start);
    for pair in taken.windows(2) {
        if let [a, b] = pair
            && b.start < a.end
        {
            return Err(Error::malformed("", "two entries share bytes").at(b.start));
        }
    }
    entries.retain(|entry| !entry.name.ends_with('/'));
    Ok(entries)
}

/// Number of records and place of the central directory.
fn find(blob: &dyn Blob) -> Result<(u64, Range<u64>), Error> {
    let len = blob.byte_len();
    let tail_at = len.saturating_sub(END_LEN + COMMENT_MAX);
    let tail = blob.read(tail_at..len).map_err(|error| Error::io("", &error))?;
    let no_end = || {
        Error::new(Kind::Truncated, "", "this is not a complete ZIP archive: its end is missing")
    };
    // The record that reaches to the end of the file with its comment; the last one, should the
    // comment hold something that looks like one.
    let (end_at, mut end) = tail
        .windows(4)
        .enumerate()
        .rev()
        .filter(|(_, window)| window == b"PK\x05\x06")
        .find_map(|(i, _)| {
            let end = tail.get(i..)?;
            let comment = Fields(end.get(20..22)?).u16()?;
            (end.len() as u64 == END_LEN + u64::from(comment))
                .then_some((tail_at + i as u64, Fields(end.get(4..)?)))
        })
        .ok_or_else(no_end)?;
    let mut number16 = || end.u16().ok_or_else(no_end);
    let (disk, first_disk, here, total) = (number16()?, number16()?, number16()?, number16()?);
    let size = end.u32().ok_or_else(no_end)?;
    let offset = end.u32().ok_or_else(no_end)?;
    if disk != first_disk || here != total || !matches!(disk, 0 | u16::MAX) {
        return Err(Error::new(Kind::Unsupported, "", "an archive in several parts is not read"));
    }
    let needs64 = total == u16::MAX || size == u32::MAX || offset == u32::MAX || disk == u16::MAX;
    let (n_entries, size, offset, next) = match find64(blob, end_at)? {
        Some(found) => found,
        None if needs64 => {
            return Err(Error::malformed("", "the ZIP64 record is missing").at(end_at));
        }
        None => (u64::from(total), u64::from(size), u64::from(offset), end_at),
    };
    // Bytes before the first entry or after the directory could be another archive.
    if offset.checked_add(size) != Some(next) {
        let what = "the directory is not where the end of the archive says";
        return Err(Error::malformed("", what).at(end_at));
    }
    Ok((n_entries, offset..next))
}

/// The same from the ZIP64 records before the end record at `end_at`, with the place of the
/// first of them.
fn find64(blob: &dyn Blob, end_at: u64) -> Result<Option<(u64, u64, u64, u64)>, Error> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_LEN) else { return Ok(None) };
    let io = |error| Error::io("", &error);
    let locator = blob.read(locator_at..end_at).map_err(io)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let broken = || Error::malformed("", "the ZIP64 record is broken").at(locator_at);
    let at = locator.get(8..16).and_then(|b| Fields(b).u64()).ok_or_else(broken)?;
    // The record may be longer by a part that is not defined, which nobody writes.
    if at.checked_add(END64_LEN) != Some(locator_at) {
        return Err(broken());
    }
    let record = blob.read(at..locator_at).map_err(io)?;
    let mut fields = Fields(&record);
    let mut parse = || {
        let is_record = fields.take(4)? == b"PK\x06\x06" && fields.u64()? == END64_LEN - 12;
        fields.take(4)?;
        let is_one_part = fields.u32()? == 0 && fields.u32()? == 0;
        let (here, total) = (fields.u64()?, fields.u64()?);
        let (size, offset) = (fields.u64()?, fields.u64()?);
        (is_record && is_one_part && here == total).then_some((total, size, offset, at))
    };
    parse().map(Some).ok_or_else(broken)
}

fn record(fields: &mut Fields<'_>) -> Option<Record> {
    if fields.take(4)? != b"PK\x01\x02" {
        return None;
    }
    let (made_by, _needed, flags, method) =
        (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
    let _date = fields.u32()?;
    let crc32 = fields.u32()?;
    let (packed_len, byte_len) = (fields.u32()?, fields.u32()?);
    let (name_len, extra_len, comment_len) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let (_disk, _internal) = (fields.u16()?, fields.u16()?);
    let attributes = fields.u32()?;
    let local = fields.u32()?;
    let name = fields.take(usize::from(name_len))?.to_vec();
    let extras = fields.take(usize::from(extra_len))?;
    fields.take(usize::from(comment_len))?;
    // The numbers that do not fit are in the extra field, in this order.
    let mut long = Fields(extra(extras, ZIP64_EXTRA).unwrap_or_default());
    let mut widen =
        |short: u32| if short == u32::MAX { long.u64() } else { Some(u64::from(short)) };
    let (byte_len, packed_len, local) = (widen(byte_len)?, widen(packed_len)?, widen(local)?);
    let record =
        Record { name, made_by, flags, method, crc32, packed_len, byte_len, attributes, local };
    Some(record)
}

/// The name, when it is one that cannot lead out of a folder. That of a directory ends with `/`.
fn name(record: &Record) -> Result<String, Error> {
    let name = String::from_utf8(record.name.clone())
        .map_err(|_| Error::malformed("", "the name of an entry is not UTF-8"))?;
    let is_link = record.made_by >> 8 == 3 && record.attributes >> 16 & FILE_TYPE_MASK == SYMLINK;
    if is_link {
        return Err(Error::new(Kind::Unsupported, &name, "a symbolic link is not read"));
    }
    if !is_contained(name.strip_suffix('/').unwrap_or(&name)) {
        return Err(Error::malformed(&name, "this name leads out of the archive"));
    }
    Ok(name)
}

/// Compares a record with its local header and finds the data.
fn checked(
    blob: &dyn Blob,
    record: &Record,
    name: String,
    directory_at: u64,
) -> Result<Entry, Error> {
    let refuse = |what: String| Err(Error::new(Kind::Unsupported, &name, what));
    if record.flags & REFUSED_FLAGS != 0 {
        return refuse("an encrypted entry is not read".to_owned());
    }
    let method = match record.method {
        0 => Method::Stored,
        8 => Method::Deflated,
        method => return refuse(format!("compression method {method} is not supported")),
    };
    if method == Method::Stored && record.packed_len != record.byte_len {
        return Err(Error::malformed(&name, "it is not compressed and has two lengths"));
    }
    if name.ends_with('/') && record.byte_len != 0 {
        return Err(Error::malformed(&name, "a directory with content"));
    }
    let outside = || {
        Error::new(Kind::Truncated, &name, "its bytes lie outside of the archive").at(record.local)
    };
    let header_end = record.local.checked_add(30).filter(|end| *end <= directory_at);
    let header = blob
        .read(record.local..header_end.ok_or_else(outside)?)
        .map_err(|e| Error::io(&name, &e))?;
    let differs =
        || Error::malformed(&name, "its header and the directory differ").at(record.local);
    let (name_len, extra_len) = local_header(&header, record).ok_or_else(differs)?;
    let name_at = record.local + 30;
    let start = name_at + u64::from(name_len) + u64::from(extra_len);
    let end = start.checked_add(record.packed_len).filter(|end| *end <= directory_at);
    let data = start..end.ok_or_else(outside)?;
    let local_name = blob.read(name_at..name_at + u64::from(name_len));
    if local_name.map_err(|error| Error::io(&name, &error))?[..] != record.name {
        return Err(differs());
    }
    Ok(Entry { name, method, crc32: record.crc32, byte_len: record.byte_len, data })
}

/// Lengths of name and extra fields of a local header that agrees with its record.
fn local_header(header: &[u8], record: &Record) -> Option<(u16, u16)> {
    let mut fields = Fields(header);
    if fields.take(4)? != b"PK\x03\x04" {
        return None;
    }
    let (_needed, flags, method) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let _date = fields.u32()?;
    let (crc32, packed_len, byte_len) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_len, extra_len) = (fields.u16()?, fields.u16()?);
    // A length of all ones is in the extra field, where Python reserves it for every entry that
    // it streams; the directory has the true one.
    let same = |short: u32, long: u64| u64::from(short) == long || short == u32::MAX;
    let is_described_later = flags & FLAG_DESCRIPTOR != 0 && crc32 == 0;
    let agrees = is_described_later
        || crc32 == record.crc32
            && same(packed_len, record.packed_len)
            && same(byte_len, record.byte_len);
    let same_kind = flags & REFUSED_FLAGS == 0 && method == record.method;
    (agrees && same_kind && flags == record.flags).then_some((name_len, extra_len))
}
