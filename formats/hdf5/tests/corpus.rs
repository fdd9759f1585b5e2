//! Every file of the corpus reads as h5py reads it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{corpus, root, unhex};
use serde_json::Value;
use tensorferry_hdf5::{Attr, AttrValue, Child, Dataset, Group};
use tensorferry_store::collect;

#[test]
fn files_read_as_h5py_reads_them() {
    let mut n_objects = 0;
    for (name, about) in corpus() {
        let Some(objects) = about["objects"].as_object() else { continue };
        let root = root(unhex(about["file"].as_str().unwrap())).unwrap();
        for (path, expected) in objects {
            let place = format!("{name}: {path}");
            match root.get(path).unwrap_or_else(|e| panic!("{place}: {e}")) {
                Some(Child::Group(group)) => check_group(&place, &group, expected),
                Some(Child::Dataset(dataset)) => check_dataset(&place, &dataset, expected),
                None => panic!("{place} is missing"),
            }
            n_objects += 1;
        }
    }
    assert!(n_objects > 300, "the corpus holds {n_objects} objects");
}

fn check_group(place: &str, group: &Group, expected: &Value) {
    assert_eq!(strings(&expected["children"]), group.names().unwrap(), "{place}");
    let listed: Vec<_> = group.children().unwrap().iter().map(|c| c.name().to_owned()).collect();
    let objects: Vec<_> =
        group.names().unwrap().into_iter().filter(|name| name != "named").collect();
    assert_eq!(listed, objects, "{place}");
    let mut names = group.attr_names().unwrap();
    names.sort();
    check_attrs(place, names, |name| group.attr(name).unwrap().unwrap(), expected);
}

fn check_dataset(place: &str, dataset: &Dataset, expected: &Value) {
    let shape: Vec<u64> = serde_json::from_value(expected["shape"].clone()).unwrap();
    assert_eq!(dataset.shape(), shape, "{place}");
    let mut names = dataset.attr_names().unwrap();
    names.sort();
    check_attrs(place, names, |name| dataset.attr(name).unwrap().unwrap(), expected);
    if expected["strings"].is_array() {
        assert_eq!(dataset.strings().unwrap(), strings(&expected["strings"]), "{place}");
        return;
    }
    let data = dataset.data().unwrap_or_else(|e| panic!("{place}: {e}"));
    let bytes = collect(data.as_ref()).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(&bytes[..], unhex(expected["hex"].as_str().unwrap()), "{place}");
    assert_eq!(data.byte_len(), bytes.len() as u64, "{place}");
    let offset = expected["contiguous"].as_u64();
    let is_range = offset.is_some() && !bytes.is_empty();
    assert_eq!(
        dataset.byte_range().map(|r| r.start).filter(|_| is_range),
        offset.filter(|_| is_range),
        "{place}"
    );
}

fn check_attrs(place: &str, names: Vec<String>, get: impl Fn(&str) -> Attr, expected: &Value) {
    let expected = expected["attrs"].as_object().unwrap();
    assert_eq!(names, expected.keys().cloned().collect::<Vec<_>>(), "{place}");
    for (name, value) in expected {
        let attr = get(name);
        if value["null"] == true {
            assert_eq!(attr.value, AttrValue::Null, "{place}@{name}");
            continue;
        }
        let shape: Vec<u64> = serde_json::from_value(value["shape"].clone()).unwrap();
        assert_eq!(attr.shape, shape, "{place}@{name}");
        if value["strings"].is_array() {
            assert_eq!(attr.as_strings().unwrap(), strings(&value["strings"]), "{place}@{name}");
        } else {
            let numbers = strings(&value["numbers"]);
            let expected: Vec<f64> = numbers.iter().map(|n| n.parse().unwrap()).collect();
            assert_eq!(attr.as_f64().unwrap(), expected, "{place}@{name}");
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn datatypes_are_told_apart() {
    for version in ["types_v0", "types_v3", "types_latest"] {
        let root = root(common::file(version)).unwrap();
        for (path, expected) in [
            ("little/f2", "float16"),
            ("big/f8", "float64 (big-endian)"),
            ("little/i1", "int8"),
            ("big/u4", "uint32 (big-endian)"),
            ("little/c8", "complex64"),
            ("big/c16", "complex128 (big-endian)"),
            ("bool", "bool"),
            ("vlen", "string"),
            ("fixed", "string of 3 bytes"),
            ("bfloat16", "opaque of 2 bytes"),
        ] {
            let dataset = root.dataset(path).unwrap();
            assert_eq!(dataset.datatype().to_string(), expected, "{version}: {path}");
        }
        let marked = root.dataset("bfloat16").unwrap().attr("dtype").unwrap().unwrap();
        assert_eq!(marked.as_str(), Some("bfloat16"));
    }
}

#[test]
fn name_lists_in_pieces_are_joined_and_empty_ones_are_empty() {
    for version in ["keras_v0", "keras_v3"] {
        let root = root(common::file(version)).unwrap();
        let list = |group: &str, name: &str| root.group(group).unwrap().string_list(name).unwrap();
        assert_eq!(list("", "layer_names").unwrap(), ["dense", "a10", "B"]);
        assert_eq!(list("dense", "weight_names").unwrap(), ["dense/kernel:0", "dense/bias:0"]);
        assert_eq!(list("z", "weight_names").unwrap(), [""; 0]);
        assert_eq!(list("z", "layer_names"), None);
        assert_eq!(root.names().unwrap(), ["B", "a10", "a2", "dense", "z"]);
        let kernel = root.group("dense").unwrap().dataset("dense/kernel:0").unwrap();
        assert_eq!(kernel.path(), "dense/dense/kernel:0");
        assert_eq!(kernel.byte_range().unwrap().end - kernel.byte_range().unwrap().start, 24);
    }
}

#[test]
fn contiguous_data_is_a_view_of_the_file() {
    let bytes = bytes::Bytes::from(common::file("keras_v0"));
    let file = tensorferry_hdf5::File::open(
        std::sync::Arc::new(bytes.clone()),
        tensorferry_hdf5::Limits::default(),
    );
    let kernel = file.unwrap().root().unwrap().dataset("dense/dense/kernel:0").unwrap();
    let view = kernel.data().unwrap().as_bytes().unwrap();
    let start = kernel.byte_range().unwrap().start as usize;
    assert_eq!(view.as_ptr(), bytes[start..].as_ptr());
}
