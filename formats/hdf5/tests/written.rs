//! What the writer writes, the reader reads; and the bytes are always the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use common::{corpus, file, root, unhex};
use tensorferry_hdf5::{
    Attr, AttrValue, Child, Datatype, Group, GroupBuilder, Kind, NAME_LIST_BYTES_MAX, Value, Writer,
};
use tensorferry_store::{ByteSource, SourceRef, collect};

const F32: Datatype = Datatype::Float { size: 4, big_endian: false };

fn finish(writer: Writer) -> Vec<u8> {
    let source = writer.finish().unwrap();
    let bytes = collect(source.as_ref()).unwrap();
    assert_eq!(bytes.len() as u64, source.byte_len());
    bytes.to_vec()
}

fn bytes(n: usize) -> SourceRef {
    Arc::new(Bytes::from((0..n).map(|i| i as u8).collect::<Vec<_>>()))
}

#[test]
fn attributes_of_every_kind_come_back() {
    let long = "x".repeat(70_000) + "ü";
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let cases = [
        ("text", Value::Text("grün".into()), AttrValue::Strings(strings(&["grün"]))),
        ("empty", Value::Text(String::new()), AttrValue::Strings(strings(&[""]))),
        ("long", Value::Text(long.clone()), AttrValue::Strings(vec![long])),
        ("ascii", Value::Ascii("2.15.0".into()), AttrValue::Strings(strings(&["2.15.0"]))),
        (
            "list",
            Value::AsciiList(strings(&["a", "", "a"])),
            AttrValue::Strings(strings(&["a", "", "a"])),
        ),
        (
            "fixed",
            Value::FixedList(strings(&["a", "bcd", ""])),
            AttrValue::Strings(strings(&["a", "bcd", ""])),
        ),
        ("none", Value::EmptyList, AttrValue::Floats(vec![])),
        ("int", Value::Int(-7), AttrValue::Ints(vec![-7])),
        ("float", Value::Float(0.1), AttrValue::Floats(vec![0.1])),
        ("bool", Value::Bool(true), AttrValue::Ints(vec![1])),
        ("ints", Value::Ints(vec![1, -2]), AttrValue::Ints(vec![1, -2])),
        ("floats", Value::Floats(vec![1.5]), AttrValue::Floats(vec![1.5])),
    ];
    let mut writer = Writer::new();
    for (name, value, _) in &cases {
        writer.root().attr(name, value.clone());
    }
    let root = root(finish(writer)).unwrap();
    for (name, _, expected) in cases {
        assert_eq!(root.attr(name).unwrap().unwrap().value, expected, "{name}");
    }
}

#[test]
fn lists_of_names_are_cut_as_keras_cuts_them() {
    let names =
        |n: usize, len: usize| -> Vec<String> { (0..n).map(|i| format!("{i:0len$}")).collect() };
    // Number of names, length of each, and the attributes that they end up in.
    let cases: [(usize, usize, &[&str]); 6] = [
        (0, 1, &["names"]),
        (3, 5, &["names"]),
        (6000, 10, &["names"]),
        (6452, 10, &["names0", "names1"]),
        (700, 100, &["names0", "names1"]),
        (2000, 100, &["names0", "names1", "names2", "names3"]),
    ];
    for (n, len, attributes) in cases {
        let names = names(n, len);
        let mut writer = Writer::new();
        writer.root().string_list("names", &names);
        let root = root(finish(writer)).unwrap();
        assert_eq!(root.attr_names().unwrap(), attributes, "{n} of {len}");
        assert_eq!(root.string_list("names").unwrap().unwrap(), names, "{n} of {len}");
        for attribute in attributes {
            let strings = root.attr(attribute).unwrap().unwrap();
            let n_bytes = strings.as_strings().unwrap().len() * len;
            assert!(n_bytes <= NAME_LIST_BYTES_MAX, "{attribute}: {n_bytes}");
        }
    }
}

#[test]
fn datasets_of_every_type_come_back() {
    let int = |size, signed| Datatype::Int { size, signed, big_endian: false };
    let types = [
        F32,
        Datatype::Float { size: 2, big_endian: false },
        Datatype::Float { size: 8, big_endian: true },
        int(1, true),
        int(8, false),
        Datatype::Bool,
        Datatype::Complex { size: 8, big_endian: false },
        Datatype::Complex { size: 16, big_endian: true },
        Datatype::Opaque { size: 2, tag: String::new() },
        Datatype::Opaque { size: 3, tag: "eightchr".to_owned() },
    ];
    let mut writer = Writer::new();
    for (i, datatype) in types.iter().enumerate() {
        for shape in [&[2, 3][..], &[], &[0, 3]] {
            let n: u64 = shape.iter().product();
            let data = bytes((n * datatype.byte_size().unwrap()) as usize);
            let path = format!("g{i}/d{}", shape.len() + shape.contains(&0) as usize);
            let name = Value::Text("bfloat16".into());
            writer.root().dataset(&path, datatype.clone(), shape, data).attr("dtype", name);
        }
    }
    writer.root().strings("words", &[2, 2], &["a", "", "ü", "a"].map(String::from));
    let root = root(finish(writer)).unwrap();
    for (i, datatype) in types.iter().enumerate() {
        for (name, shape) in [("d2", &[2, 3][..]), ("d0", &[]), ("d3", &[0, 3])] {
            let dataset = root.dataset(&format!("g{i}/{name}")).unwrap();
            assert_eq!((dataset.datatype(), dataset.shape()), (datatype, shape));
            let data = collect(dataset.data().unwrap().as_ref()).unwrap();
            assert_eq!(data, collect(bytes(data.len()).as_ref()).unwrap());
            assert_eq!(dataset.byte_range().map_or(0, |range| range.start % 8), 0);
            let dtype = dataset.attr("dtype").unwrap().unwrap();
            assert_eq!(dtype.as_str(), Some("bfloat16"));
        }
    }
    let words = root.dataset("words").unwrap();
    assert_eq!(
        (words.shape(), words.strings().unwrap()),
        (&[2, 2][..], vec!["a".to_owned(), String::new(), "ü".to_owned(), "a".to_owned()])
    );
}

#[test]
fn thousands_of_groups_come_back_in_order_of_their_names() {
    let mut writer = Writer::new();
    for i in 0..3000 {
        writer.root().dataset(&format!("layer_{i}/vars/0"), F32, &[1], bytes(4));
    }
    let root = root(finish(writer)).unwrap();
    let names = root.names().unwrap();
    assert_eq!((names.len(), names[2].as_str()), (3000, "layer_10"));
    assert_eq!(root.children().unwrap().len(), 3000);
}

#[test]
fn what_cannot_be_written_is_refused() {
    type Mistake = fn(&mut GroupBuilder);
    let mistakes: [(&str, Mistake, Kind); 5] = [
        ("64 KB", |g| _ = g.attr("a", Value::Floats(vec![0.0; 9000])), Kind::Limit),
        ("12 bytes", |g| _ = g.dataset("d", F32, &[4], bytes(12)), Kind::Malformed),
        (
            "this name",
            |g| {
                g.group("x");
                g.dataset("x", F32, &[1], bytes(4));
            },
            Kind::Malformed,
        ),
        ("no name", |g| _ = g.dataset("a/", F32, &[1], bytes(4)), Kind::Malformed),
        ("no name", |g| _ = g.attr("", Value::Int(1)), Kind::Malformed),
    ];
    for (what, mistake, kind) in mistakes {
        let mut writer = Writer::new();
        mistake(writer.root());
        let error = writer.finish().map(drop).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// Copies everything that the writer can say.
fn copy(from: &Group, to: &mut GroupBuilder) {
    for name in from.attr_names().unwrap() {
        to.attr(&name, value(from.attr(&name).unwrap().unwrap()));
    }
    for child in from.children().unwrap() {
        match child {
            Child::Group(group) => copy(&group, to.group(group.name())),
            Child::Dataset(dataset) => {
                let copied = match dataset.datatype() {
                    Datatype::String { size: None, .. } => {
                        to.strings(dataset.name(), dataset.shape(), &dataset.strings().unwrap())
                    }
                    datatype => to.dataset(
                        dataset.name(),
                        datatype.clone(),
                        dataset.shape(),
                        dataset.data().unwrap(),
                    ),
                };
                for name in dataset.attr_names().unwrap() {
                    copied.attr(&name, value(dataset.attr(&name).unwrap().unwrap()));
                }
            }
        }
    }
}

fn value(attr: Attr) -> Value {
    match (attr.value, attr.shape.len()) {
        (AttrValue::Strings(mut one), 0) => Value::Text(one.remove(0)),
        (AttrValue::Strings(list), _) => Value::AsciiList(list),
        (AttrValue::Ints(list), _) => Value::Ints(list),
        (AttrValue::Floats(list), _) => Value::Floats(list),
        (AttrValue::Null | AttrValue::Other(_), _) => Value::EmptyList,
    }
}

#[test]
fn copies_of_the_corpus_are_fixed_points() {
    let mut n_files = 0;
    for (name, about) in corpus() {
        // Soft links would come out as copies, which is fine; what is refused would not.
        if about["objects"].is_null() {
            continue;
        }
        let original = root(unhex(about["file"].as_str().unwrap())).unwrap();
        let mut first = Writer::new();
        copy(&original, first.root());
        let first = finish(first);
        let mut second = Writer::new();
        copy(&root(first.clone()).unwrap(), second.root());
        assert_eq!(first, finish(second), "{name}");
        n_files += 1;
    }
    assert!(n_files >= 20, "{n_files}");
}

/// Zeros that exist only while they are read.
struct Zeros(u64);

impl ByteSource for Zeros {
    fn byte_len(&self) -> u64 {
        self.0
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let piece = vec![0; 1 << 20];
        let mut left = self.0;
        while left > 0 {
            let n = left.min(1 << 20);
            sink(&piece[..n as usize])?;
            left -= n;
        }
        Ok(())
    }
}

#[test]
fn data_is_streamed_and_never_collected() {
    let mut writer = Writer::new();
    let n = 1 << 33;
    writer.root().dataset("large", F32, &[n], Arc::new(Zeros(4 * n)));
    writer.root().attr("after", Value::Int(1));
    // 32 GiB are laid out in no time and no memory; reading them all would take too long here.
    let source = writer.finish().unwrap();
    assert!(source.byte_len() > 4 * n && source.byte_len() < 4 * n + 10_000);
    let mut n_pieces = 0;
    let stop = source.for_each_piece(&mut |_| {
        n_pieces += 1;
        if n_pieces == 10 { Err(io::Error::other("enough")) } else { Ok(()) }
    });
    assert_eq!(stop.unwrap_err().to_string(), "enough");
}

#[test]
fn every_prefix_and_flipped_bit_of_a_written_file_is_survived() {
    let mut writer = Writer::new();
    copy(&root(file("small_v0")).unwrap(), writer.root());
    let whole = finish(writer);
    for len in 0..whole.len() {
        assert!(root(whole[..len].to_vec()).is_err(), "cut at {len}");
    }
    for i in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[i / 8] ^= 1 << (i % 8);
        if let Ok(root) = root(bytes) {
            let _ = root.children();
        }
    }
}
