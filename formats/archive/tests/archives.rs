//! Archives of every kind: good ones are read, hostile ones are refused with the reason.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Crc;
use tensorferry_archive::{Archive, Error, Kind, Limits, write};
use tensorferry_store::{SourceRef, collect, read_all};

/// An entry as it is put into a hand-made archive, every field open to mistakes.
#[derive(Clone)]
struct Entry {
    name: &'static [u8],
    local_name: &'static [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: Vec<u8>,
    byte_len: u32,
    made_by: u16,
    attributes: u32,
    /// Added to the place where the directory says that the entry is.
    shift: i32,
    /// Left out of the file: only the directory has it.
    is_ghost: bool,
}

fn stored(name: &'static [u8], content: &[u8]) -> Entry {
    let mut crc = Crc::new();
    crc.update(content);
    Entry {
        name,
        local_name: name,
        flags: 0,
        method: 0,
        crc: crc.sum(),
        packed: content.to_vec(),
        byte_len: content.len() as u32,
        made_by: 0,
        attributes: 0,
        shift: 0,
        is_ghost: false,
    }
}

fn deflated(name: &'static [u8], content: &[u8]) -> Entry {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    Entry { method: 8, packed: encoder.finish().unwrap(), ..stored(name, content) }
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let at = (out.len() as i32 + entry.shift) as u32;
        let common = |name: &[u8]| {
            let mut bytes = Vec::new();
            bytes.extend([20, 0]);
            bytes.extend(entry.flags.to_le_bytes());
            bytes.extend(entry.method.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend(entry.crc.to_le_bytes());
            bytes.extend((entry.packed.len() as u32).to_le_bytes());
            bytes.extend(entry.byte_len.to_le_bytes());
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0; 2]);
            bytes
        };
        if !entry.is_ghost {
            out.extend(b"PK\x03\x04");
            out.extend(common(entry.local_name));
            out.extend(entry.local_name);
            out.extend(&entry.packed);
        }
        directory.extend(b"PK\x01\x02");
        directory.extend(entry.made_by.to_le_bytes());
        directory.extend(common(entry.name));
        directory.extend([0; 6]);
        directory.extend(entry.attributes.to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(entry.name);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn open(bytes: Vec<u8>) -> Result<Archive, Error> {
    Archive::open(Arc::new(Bytes::from(bytes)), &Limits::default())
}

/// Opens an archive and every entry in it.
fn read(bytes: Vec<u8>) -> Result<Vec<(String, Bytes)>, Error> {
    let archive = open(bytes)?;
    let names = archive.names().map(str::to_owned).collect::<Vec<_>>();
    let contents = names.into_iter().map(|name| {
        let blob = archive.open_entry(&name)?;
        archive.verify(&name)?;
        Ok((name, read_all(blob.as_ref()).unwrap()))
    });
    contents.collect()
}

#[test]
fn stored_and_deflated_entries_are_read() {
    let text = b"{\"class_name\": \"Sequential\"}".repeat(50);
    let bytes = zip(&[
        stored(b"metadata.json", b"{}"),
        deflated(b"config.json", &text),
        stored(b"assets/", b""),
        deflated("assets/wörter".as_bytes(), b""),
    ]);
    let entries = read(bytes.clone()).unwrap();
    let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["metadata.json", "config.json", "assets/wörter"]);
    assert_eq!(&entries[1].1[..], text);
    let missing = open(bytes).unwrap().open_entry("nothing").map(drop).unwrap_err();
    assert_eq!((missing.kind(), missing.entry()), (Kind::Missing, "nothing"));
}

#[test]
fn a_stored_entry_is_a_view_of_the_archive() {
    let bytes = Bytes::from(zip(&[stored(b"w", &[7; 100])]));
    let archive = Archive::open(Arc::new(bytes.clone()), &Limits::default()).unwrap();
    let view = read_all(archive.open_entry("w").unwrap().as_ref()).unwrap();
    assert_eq!(view.as_ptr(), bytes[31..].as_ptr());
}

/// The same content with every number moved into the 64-bit records.
fn zip64() -> Vec<u8> {
    let five = 5_u64.to_le_bytes();
    let mut crc = Crc::new();
    crc.update(b"hello");
    let common = |extra_len: u16| {
        let mut bytes = vec![45, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(crc.sum().to_le_bytes());
        bytes.extend([0xFF; 8]);
        bytes.extend([1, 0]);
        bytes.extend(extra_len.to_le_bytes());
        bytes
    };
    let local = [&b"PK\x03\x04"[..], &common(20), b"a", &[1, 0, 16, 0], &five, &five, b"hello"];
    let mut out = local.concat();
    let at = out.len() as u64;
    let record = [
        &b"PK\x01\x02\x2d\0"[..],
        &common(28),
        &[0; 10],
        &[0xFF; 4],
        b"a",
        &[1, 0, 24, 0],
        &five,
        &five,
        &[0; 8],
    ];
    out.extend(record.concat());
    let end = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [1, 1, end - at, at] {
        out.extend(number.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(end.to_le_bytes());
    out.extend([1, 0, 0, 0]);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([0xFF; 12]);
    out.extend([0; 2]);
    out
}

#[test]
fn numbers_of_64_bits_are_read() {
    let whole = zip64();
    assert_eq!(read(whole.clone()).unwrap(), [("a".to_owned(), Bytes::from_static(b"hello"))]);
    for len in 0..whole.len() {
        assert!(read(whole[..len].to_vec()).is_err(), "cut at {len}");
    }
    for i in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[i / 8] ^= 1 << (i % 8);
        let _ = read(bytes);
    }
}

#[test]
fn hostile_archives_are_refused_with_the_reason() {
    let good = || stored(b"a", b"hello");
    let packed = || deflated(b"a", &[b'x'; 1000]);
    let cases = [
        ("duplicate", zip(&[good(), good()]), Kind::Malformed, "there twice"),
        (
            "overlap",
            zip(&[good(), Entry { name: b"b", is_ghost: true, shift: -36, ..good() }]),
            Kind::Malformed,
            "differ",
        ),
        (
            "the same bytes under one name twice",
            zip(&[good(), Entry { is_ghost: true, shift: -36, ..good() }]),
            Kind::Malformed,
            "there twice",
        ),
        (
            "nested",
            zip(&[
                stored(b"a", &zip(&[stored(b"b", b"hello")])[..36]),
                Entry { is_ghost: true, shift: -36, ..stored(b"b", b"hello") },
            ]),
            Kind::Malformed,
            "share bytes",
        ),
        ("encrypted", zip(&[Entry { flags: 1, ..good() }]), Kind::Unsupported, "encrypted"),
        ("strongly", zip(&[Entry { flags: 1 << 6, ..good() }]), Kind::Unsupported, "encrypted"),
        ("bzip2", zip(&[Entry { method: 12, ..good() }]), Kind::Unsupported, "method 12"),
        ("parent", zip(&[stored(b"../a", b"x")]), Kind::Malformed, "leads out"),
        ("absolute", zip(&[stored(b"/a", b"x")]), Kind::Malformed, "leads out"),
        ("drive", zip(&[stored(b"c:\\a", b"x")]), Kind::Malformed, "leads out"),
        ("nothing", zip(&[stored(b"", b"x")]), Kind::Malformed, "leads out"),
        ("latin 1", zip(&[stored(b"\xe4", b"x")]), Kind::Malformed, "UTF-8"),
        ("a NUL", zip(&[stored(b"a\0b", b"x")]), Kind::Malformed, "leads out"),
        (
            "a symbolic link",
            zip(&[Entry { made_by: 3 << 8, attributes: 0xA1FF << 16, ..good() }]),
            Kind::Unsupported,
            "symbolic link",
        ),
        ("full folder", zip(&[stored(b"a/", b"x")]), Kind::Malformed, "with content"),
        ("other name", zip(&[Entry { local_name: b"b", ..good() }]), Kind::Malformed, "differ"),
        ("shifted", zip(&[Entry { shift: 1, ..good() }]), Kind::Malformed, "differ"),
        ("outside", zip(&[Entry { shift: 9999, ..good() }]), Kind::Truncated, "outside"),
        ("lengths", zip(&[Entry { byte_len: 4, ..good() }]), Kind::Malformed, "two lengths"),
        ("wrong crc", zip(&[Entry { crc: 1, ..good() }]), Kind::Malformed, "checksum"),
        ("wrong crc", zip(&[Entry { crc: 1, ..packed() }]), Kind::Malformed, "checksum"),
        ("too long", zip(&[Entry { byte_len: 999, ..packed() }]), Kind::Malformed, "as many"),
        ("too short", zip(&[Entry { byte_len: 1001, ..packed() }]), Kind::Malformed, "as many"),
        ("not deflate", zip(&[Entry { method: 8, ..good() }]), Kind::Malformed, "is broken"),
        ("declared", zip(&[Entry { byte_len: 1 << 30, ..packed() }]), Kind::Limit, "200 times"),
        ("bomb", zip(&[deflated(b"a", &vec![0; 70 << 20])]), Kind::Limit, "200 times"),
        ("too many", zip(&vec![good(); 1001]), Kind::Limit, "1001 entries"),
        ("a prefix", [&b"#!"[..], &zip(&[good()])].concat(), Kind::Malformed, "not where"),
        ("a suffix", [&zip(&[good()])[..], b"x"].concat(), Kind::Truncated, "its end"),
        ("nothing", vec![], Kind::Truncated, "its end"),
        ("hdf5", b"\x89HDF\r\n\x1a\n".repeat(10), Kind::Truncated, "its end"),
    ];
    for (name, bytes, kind, what) in cases {
        let error = read(bytes).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(what), "{name}: {error}");
        assert!(!error.to_string().contains('\n'), "{name}");
    }
}

#[test]
fn every_prefix_is_an_error() {
    let whole = zip(&[stored(b"a", b"hello"), deflated(b"b/c", &[b'x'; 300])]);
    assert!(read(whole.clone()).is_ok());
    for len in 0..whole.len() {
        let error = read(whole[..len].to_vec()).unwrap_err();
        assert_eq!(error.kind(), Kind::Truncated, "cut at {len}: {error}");
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_changes_no_content() {
    let whole = zip(&[stored(b"a", b"hello"), deflated(b"b/c", &[b'x'; 300])]);
    let expected = read(whole.clone()).unwrap();
    for i in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[i / 8] ^= 1 << (i % 8);
        let start = Instant::now();
        if let Ok(entries) = read(bytes) {
            assert_eq!(entries, expected, "bit {i}");
        }
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn what_is_written_is_read_again() {
    let content = |bytes: &'static [u8]| -> SourceRef { Arc::new(Bytes::from_static(bytes)) };
    let entries = vec![
        ("metadata.json".to_owned(), content(b"{}")),
        ("model.weights.h5".to_owned(), content(&[1; 5000])),
        ("assets/ä".to_owned(), content(b"")),
    ];
    let source = write(&entries).unwrap();
    let bytes = collect(source.as_ref()).unwrap();
    assert_eq!(bytes.len() as u64, source.byte_len());
    let again = read(bytes.to_vec()).unwrap();
    assert_eq!(again.len(), entries.len());
    for ((name, content), (expected, source)) in again.iter().zip(&entries) {
        assert_eq!((name, content), (expected, &collect(source.as_ref()).unwrap()));
    }
    assert_eq!(bytes, collect(write(&entries).unwrap().as_ref()).unwrap());
    for names in [&["a", "a"][..], &["../a"], &[""], &["a/"]] {
        let entries: Vec<_> = names.iter().map(|n| ((*n).to_owned(), content(b""))).collect();
        assert!(write(&entries).is_err(), "{names:?}");
    }
}
