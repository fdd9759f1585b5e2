//! Files that NumPy wrote, broken files, and what we write.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use tensorferry_npy::{Array, Class, Descr, Error, Kind, Limits, read, write};

fn file(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    fs::read(path).unwrap().into()
}

fn load(name: &str) -> Result<Array, Error> {
    read(&file(name), &Limits::default())
}

#[test]
fn every_type_and_order_is_read_as_numpy_means_it() {
    let bytes_of = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>();
    let counted: Vec<f32> = (0_u8..24).map(f32::from).collect();
    let f8: Vec<u8> = [0.5_f64, 1.5, 2.5].iter().flat_map(|x| x.to_le_bytes()).collect();
    let i2: Vec<u8> = (0_i16..6).flat_map(i16::to_le_bytes).collect();
    for (name, descr, shape, data) in [
        ("f4_2x3", "<f4", &[2, 3][..], bytes_of(&counted[..6])),
        ("f4_fortran", "<f4", &[2, 3, 4], bytes_of(&counted)),
        ("f8_big", "<f8", &[3], f8),
        ("i2_big_fortran", "<i2", &[3, 2], i2),
        ("c8_big", "<c8", &[2], bytes_of(&[1.0, 2.0, 3.0, -4.0])),
        ("f2_scalar", "<f2", &[], vec![0, 0x3e]),
        ("b1", "|b1", &[2], vec![1, 0]),
        ("u8", "<u8", &[1], vec![255; 8]),
        ("i8_empty", "<i8", &[0, 3], vec![]),
        ("v2", "<i4", &[2], vec![0, 0, 0, 0, 1, 0, 0, 0]),
    ] {
        let array = load(&format!("{name}.npy")).unwrap();
        assert_eq!(array.descr.to_string(), descr, "{name}");
        assert_eq!((&array.shape[..], &array.data[..]), (shape, &data[..]), "{name}");
    }
}

#[test]
fn text_comes_without_its_padding() {
    let texts = |name: &str| load(name).unwrap().texts().unwrap();
    assert_eq!(texts("s.npy"), [&b"ab"[..], b"", b"c\0d"]);
    assert_eq!(texts("u.npy"), ["aä".as_bytes(), "😀".as_bytes(), b""]);
    assert_eq!(load("b1.npy").unwrap().texts(), None);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    for (name, what) in [
        ("objects.npy", "the array holds pickled objects, which are never loaded"),
        ("records.npy", "arrays of records are not read"),
    ] {
        let error = load(name).unwrap_err();
        assert_eq!((error.class, &error.what[..]), (Class::Unsupported, what));
    }
}

#[test]
fn every_truncation_is_an_error_and_names_its_byte() {
    let whole = file("f4_2x3.npy");
    for len in 0..whole.len() {
        let error = read(&whole.slice(..len), &Limits::default()).unwrap_err();
        assert_eq!((error.class, error.offset), (Class::Truncated, len), "{len} bytes");
    }
}

#[test]
fn broken_headers_are_refused_with_what_is_wrong() {
    let with = |header: &str| {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        read(&file.into(), &Limits::default()).unwrap_err().to_string()
    };
    for (header, expected) in [
        ("", "the header has no `{` here, at byte 10"),
        ("{}", "the header has no `descr`, at byte 10"),
        ("{'x': 1}", "the header has a key `x`, at byte 15"),
        ("{'shape': (1", "the header has no `)` here, at byte 22"),
        ("{'shape': (-1,)", "a dim is no number, at byte 21"),
        ("{'descr': '<f3'}", "elements of type `<f3` are not read, at byte 20"),
        ("{'descr': '<f", "a string of the header does not end, at byte 21"),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}",
            "the array is too large, at byte 10",
        ),
        (
            "{'descr': '|S0', 'fortran_order': False, 'shape': (9999999999,)}",
            "the array is too large, at byte 10",
        ),
        (
            "{'descr': '|S0', 'fortran_order': False, 'shape': (9999999999999, 9999999999999)}",
            "the array is too large, at byte 10",
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
            "something follows the header, at byte 65",
        ),
    ] {
        assert_eq!(with(header), expected, "{header}");
    }
    let mut long = file("b1.npy").to_vec();
    long.push(0);
    let error = read(&long.into(), &Limits::default()).unwrap_err();
    assert_eq!(error.what, "something follows the elements");
    let deep = format!("{{'shape': ({})", "1,".repeat(65));
    assert!(with(&deep).starts_with("the array has over 64 dims"), "{}", with(&deep));
}

#[test]
fn what_is_written_is_what_numpy_wrote() {
    for name in ["f4_2x3.npy", "b1.npy", "u8.npy", "i8_empty.npy", "f2_scalar.npy", "u.npy"] {
        let (head, data) = write(&load(name).unwrap());
        assert_eq!([head, data].concat(), file(name), "{name}");
    }
    let texts = [&b"\xff"[..], b"ab"];
    let array = Array::of_texts(&[2], &texts);
    assert_eq!(array.descr, Descr { kind: Kind::ByteText, byte_len: 2 });
    assert_eq!(array.texts().unwrap(), texts);
}

proptest! {
    #[test]
    fn no_mutation_panics(at in 0_usize..400, byte in any::<u8>(), to in any::<prop::sample::Index>()) {
        let mut bytes = file("f4_fortran.npy").to_vec();
        let len = to.index(bytes.len() + 1);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(len.max(1));
        let _ = read(&bytes.into(), &Limits::default());
    }
}
