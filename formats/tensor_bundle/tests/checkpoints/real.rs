//! Checkpoints that TensorFlow wrote.

use crate::support::{open, open_remote, store};
use bytes::Bytes;
use tensorferry_store::collect;
use tensorferry_tf_proto::{Message, tensorflow};

macro_rules! files {
    ($name:literal) => {
        (
            include_bytes!(concat!("../data/", $name, ".index")) as &[u8],
            include_bytes!(concat!("../data/", $name, ".data-00000-of-00001")) as &'static [u8],
        )
    };
}

const KERAS: (&[u8], &[u8]) = files!("keras");
const STRINGS: (&[u8], &[u8]) = files!("strings");
const PARTITIONED: (&[u8], &[u8]) = files!("partitioned");

const OBJECTS: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

fn bundle((index, shard): (&[u8], &[u8])) -> tensorferry_tensor_bundle::Bundle {
    open(&store(Bytes::copy_from_slice(index), &[shard])).expect("TensorFlow wrote it")
}

#[test]
fn every_tensor_matches_its_checksum() {
    for (files, n_keys) in [(KERAS, 9), (STRINGS, 10), (PARTITIONED, 3)] {
        let bundle = bundle(files);
        let remote = open_remote(files.0, files.1).unwrap();
        assert_eq!(bundle.keys().count(), n_keys, "{:?}", bundle.keys().collect::<Vec<_>>());
        for key in bundle.keys() {
            bundle.verify(key).unwrap();
            let bytes = collect(bundle.tensor(key).unwrap().as_ref()).unwrap();
            assert_eq!(bytes, collect(remote.tensor(key).unwrap().as_ref()).unwrap(), "{key}");
        }
    }
}

#[test]
fn a_tensor_is_a_view_of_its_shard() {
    let store = store(KERAS.0, &[KERAS.1]);
    let bundle = open(&store).unwrap();
    let key = "layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE";
    let entry = bundle.entry(key).unwrap();
    assert_eq!((entry.dtype, &entry.shape[..], entry.shard), (1, &[4, 6][..], 0));
    let bytes = bundle.tensor(key).unwrap().as_bytes().unwrap();
    assert_eq!(bytes.len(), 96);
    let shard = tensorferry_store::Store::open(&store, "v.data-00000-of-00001").unwrap();
    let shard = shard.read(0..shard.byte_len()).unwrap();
    assert!(shard.as_ptr_range().contains(&bytes.as_ptr()));
}

#[test]
fn the_object_graph_names_every_key() {
    let bundle = bundle(KERAS);
    let objects = bundle.strings(OBJECTS).unwrap().remove(0);
    let objects = tensorflow::TrackableObjectGraph::decode(objects).unwrap();
    let named = objects.nodes.iter().flat_map(|node| &node.attributes);
    let mut named: Vec<&str> = named.map(|attribute| attribute.checkpoint_key.as_str()).collect();
    named.push(OBJECTS);
    named.sort_unstable();
    assert_eq!(named, bundle.keys().collect::<Vec<_>>());
}

#[test]
fn every_type_gives_its_bytes() {
    let bundle = bundle(STRINGS);
    let long = "x".repeat(200);
    let words = format!("\0\0\0\0\x02\0\0\0ab\x06\0\0\0äöü\u{c8}\0\0\0{long}").into_bytes();
    // The length byte 200 is no ASCII: undo what `format!` made of it.
    let words: Vec<u8> = {
        let at = words.windows(2).position(|pair| pair == "\u{c8}".as_bytes()).unwrap();
        [&words[..at], &[200], &words[at + 2..]].concat()
    };
    let cases: [(&str, &[u64], &[u8]); 9] = [
        ("words", &[4], &words),
        ("grid", &[2, 2], b"\x01\0\0\0a\x01\0\0\0b\x01\0\0\0c\x01\0\0\0d"),
        ("half", &[3], b"\x00\x3c\x00\x40\x00\x42"),
        ("b", &[2], b"\x01\x00"),
        ("bf", &[2], b"\x80\x3f\x00\x40"),
        ("c", &[1], b"\x00\x00\x80\x3f\x00\x00\x00\x40"),
        ("empty", &[0, 3], b""),
        ("scalar", &[], b"\xfb\xff\xff\xff\xff\xff\xff\xff"),
        ("c128", &[1], b"\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40"),
    ];
    for (name, shape, expected) in cases {
        let key = format!("m/{name}/.ATTRIBUTES/VARIABLE_VALUE");
        assert_eq!(bundle.entry(&key).unwrap().shape, shape, "{name}");
        let bytes = collect(bundle.tensor(&key).unwrap().as_ref()).unwrap();
        assert_eq!(bytes, expected, "{name}");
    }
}

#[test]
fn a_partitioned_variable_is_put_together() {
    let bundle = bundle(PARTITIONED);
    let rows: Vec<u8> = (0..140).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let cols: Vec<u8> = (0..12_i32).flat_map(i32::to_le_bytes).collect();
    for (key, n_parts, expected) in [("rows", 3, rows), ("cols", 3, cols)] {
        assert_eq!(bundle.entry(key).unwrap().slices.len(), n_parts);
        let source = bundle.tensor(key).unwrap();
        assert_eq!(source.byte_len(), expected.len() as u64);
        assert_eq!(collect(source.as_ref()).unwrap(), expected, "{key}");
    }
}
