//! What must be refused is refused by name, and broken files never end a program.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{file, root, root_with};
use tensorferry_hdf5::{Child, Error, File, Group, Kind, Limits};
use tensorferry_store::collect;

/// Reads everything under `group`.
fn read_all(group: &Group, n_objects: &mut u32) -> Result<(), Error> {
    for name in group.attr_names()? {
        group.attr(&name)?;
    }
    for child in group.children()? {
        *n_objects += 1;
        match child {
            Child::Group(group) => read_all(&group, n_objects)?,
            Child::Dataset(dataset) => {
                for name in dataset.attr_names()? {
                    dataset.attr(&name)?;
                }
                if dataset.datatype().byte_size().is_none() {
                    dataset.strings()?;
                } else {
                    let data = dataset.data()?;
                    data.for_each_piece(&mut |_| Ok(())).map_err(inner)?;
                }
            }
        }
    }
    Ok(())
}

/// The error that travelled through the stream.
fn inner(error: io::Error) -> Error {
    error.into_inner().expect("our own error").downcast::<Error>().map(|e| *e).expect("our own")
}

#[test]
fn what_leads_out_or_is_not_supported_is_refused_by_name() {
    struct Case {
        group: &'static str,
        kind: Kind,
        path: &'static str,
        what: &'static str,
    }
    let case = |group, kind, path, what| Case { group, kind, path, what };
    let cases = [
        case("external", Kind::Unsupported, "external/link", "another file, `other.h5`"),
        case("dangling", Kind::Malformed, "dangling/link", "which does not exist"),
        case("loop", Kind::Limit, "loop/a", "more than 16 soft links"),
        case("cycle", Kind::Malformed, "cycle/inner/back", "leads back"),
        case("climb", Kind::Malformed, "climb/up", "leads back"),
        case("vlen", Kind::Unsupported, "vlen/data", "variable-length sequence"),
        case("reference", Kind::Unsupported, "reference/data", "type reference"),
        case("region", Kind::Unsupported, "region/data", "type reference"),
        case("compound", Kind::Unsupported, "compound/data", "compound of 2 fields"),
        case("narrow", Kind::Unsupported, "narrow/data", "integer with unused bits"),
        case("float", Kind::Unsupported, "float/data", "bfloat16 declared as a float"),
        case("filter", Kind::Unsupported, "filter/data", "filter 6"),
        case("storage", Kind::Unsupported, "storage/data", "in another file"),
        case("virtual", Kind::Unsupported, "virtual/data", "virtual dataset"),
        case("bomb", Kind::Limit, "bomb/data", "more than 200 times"),
        case("never", Kind::Limit, "never/data", "never written"),
    ];
    for version in ["refused_v0", "refused_latest"] {
        let limits = Limits { unpacked_free_bytes: 1 << 20, ..Limits::default() };
        let root = root_with(file(version), limits).unwrap();
        assert_eq!(root.names().unwrap().len(), cases.len());
        for Case { group, kind, path, what } in &cases {
            let group = root.group(group).unwrap();
            let error = read_all(&group, &mut 0).unwrap_err();
            let text = error.to_string();
            assert_eq!(error.kind(), *kind, "{version}: {text}");
            assert_eq!(error.path(), *path, "{version}: {text}");
            assert!(text.contains(what), "{version}: {text}");
        }
    }
}

#[test]
fn soft_links_inside_the_file_are_followed() {
    for version in ["links_v0", "links_v3"] {
        let root = root(file(version)).unwrap();
        for path in ["soft", "g/relative", "g/up", "folder/data", "hard", "/g/h/data"] {
            let data = collect(root.dataset(path).unwrap().data().unwrap().as_ref()).unwrap();
            assert_eq!(data.len(), 12, "{version}: {path}");
        }
        let error = root.dataset("g/nothing").unwrap_err();
        assert_eq!((error.kind(), error.path()), (Kind::Missing, "g/nothing"));
    }
}

#[test]
fn zeros_that_unpack_to_little_are_read() {
    let root = root(file("refused_v0")).unwrap();
    let bomb = root.dataset("bomb/data").unwrap();
    assert_eq!(collect(bomb.data().unwrap().as_ref()).unwrap().len(), 4 << 20);
}

/// Places of `needle` in `bytes`.
fn find(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    bytes.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle).map(|(i, _)| i).collect()
}

#[test]
fn a_loop_in_a_b_tree_is_an_error() {
    let original = file("small_v0");
    // Node type 0 is a group's, 1 is that of chunks; the level follows.
    let nodes = find(&original, b"TREE");
    assert!(nodes.len() >= 3, "{nodes:?}");
    for node in nodes {
        let is_group = original[node + 4] == 0;
        let mut bytes = original.clone();
        bytes[node + 5] = 1;
        // Signature, type, level, count, two siblings, first key; the key of a chunk is longer.
        let child = node + 24 + if is_group { 8 } else { 8 + 2 * 8 };
        bytes[child..child + 8].copy_from_slice(&(node as u64).to_le_bytes());
        let error = root(bytes).and_then(|root| read_all(&root, &mut 0)).unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{error}");
        assert!(error.to_string().contains("B-tree"), "{error}");
    }
}

#[test]
fn other_bytes_are_no_hdf5_file() {
    for bytes in [&b""[..], b"PK\x03\x04", b"\x89HDF\r\n\x1a", &[0; 4096]] {
        let error = root(bytes.to_vec()).map(drop).unwrap_err();
        assert!(matches!(error.kind(), Kind::Malformed | Kind::Truncated), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
}

/// Opens and reads `bytes`, in bounded time.
fn try_bytes(bytes: Vec<u8>) -> Result<u32, Error> {
    let start = Instant::now();
    let mut n_objects = 0;
    // A flipped bit can make a shape of many never-written bytes; less of them is faster.
    let limits =
        Limits { unpacked_free_bytes: 1 << 20, fill_free_bytes: 1 << 20, ..Limits::default() };
    let result = root_with(bytes, limits).and_then(|root| read_all(&root, &mut n_objects));
    assert!(start.elapsed() < Duration::from_secs(5));
    result.map(|()| n_objects)
}

#[test]
fn every_prefix_is_an_error() {
    for name in ["small_v0", "small_v1", "small_v3", "userblock"] {
        let whole = file(name);
        assert!(try_bytes(whole.clone()).is_ok());
        for len in 0..whole.len() {
            let error = try_bytes(whole[..len].to_vec()).unwrap_err();
            assert!(
                matches!(error.kind(), Kind::Truncated | Kind::Malformed),
                "{name} cut at {len}: {error}"
            );
        }
    }
}

#[test]
fn every_flipped_bit_is_survived() {
    for name in ["small_v0", "small_v3"] {
        let whole = file(name);
        let mut n_refused = 0;
        for i in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[i / 8] ^= 1 << (i % 8);
            n_refused += u32::from(try_bytes(bytes).is_err());
        }
        // Most bits are data or unused space.
        assert!(n_refused > 500, "{name}: {n_refused}");
    }
}

/// The same with the checksums made right again, so that what lies behind them is tried too.
#[test]
fn every_flipped_bit_behind_a_checksum_is_survived() {
    let whole = file("small_v3");
    let blocks = checksummed_blocks(&whole);
    assert!(blocks.len() >= 4, "{blocks:?}");
    for block in blocks {
        for i in block.start * 8..block.end * 8 {
            let mut bytes = whole.clone();
            bytes[i / 8] ^= 1 << (i % 8);
            let sum = hdf5_reader::checksum::jenkins_lookup3(&bytes[block.clone()]);
            bytes[block.end..block.end + 4].copy_from_slice(&sum.to_le_bytes());
            let _ = try_bytes(bytes);
        }
    }
}

/// Runs of bytes that are followed by their own checksum, found by trying.
fn checksummed_blocks(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let signatures: [&[u8]; 9] =
        [b"\x89HDF", b"OHDR", b"OCHK", b"BTHD", b"BTLF", b"FRHP", b"FHDB", b"FAHD", b"FADB"];
    let mut blocks = Vec::new();
    for start in signatures.iter().flat_map(|signature| find(bytes, signature)) {
        let end = (start + 8..bytes.len().min(start + 2048) - 4).find(|end| {
            let sum = hdf5_reader::checksum::jenkins_lookup3(&bytes[start..*end]);
            bytes[*end..*end + 4] == sum.to_le_bytes()
        });
        blocks.extend(end.map(|end| start..end));
    }
    blocks
}

#[test]
fn bytes_set_to_extremes_are_survived() {
    for name in ["small_v0", "small_v1", "links_v3"] {
        let whole = file(name);
        for i in 0..whole.len() {
            for value in [0, 0x7F, 0x80, 0xFF] {
                let mut bytes = whole.clone();
                bytes[i] = value;
                let _ = try_bytes(bytes);
            }
        }
    }
}

/// Groups that link each other crosswise have more paths than any walk could finish.
#[test]
fn a_web_of_links_is_not_walked_forever() {
    let limits = Limits::default();
    let bytes = Bytes::from(file("refused_latest"));
    let root = File::open(Arc::new(bytes), limits).unwrap().root().unwrap();
    let start = Instant::now();
    let error = (0..).find_map(|_| root.names().and_then(|_| root.group("cycle")).err()).unwrap();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}
