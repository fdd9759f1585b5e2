//! Checkpoints made by hand: several shards, snappy, damage and lies.

use crate::support::{floats, header, masked, open, open_remote, rows, store, table};
use bytes::Bytes;
use tensorferry_store::{MemoryStore, collect};
use tensorferry_tensor_bundle::{Bundle, Error};
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::{
    BundleEntryProto, TensorShapeProto, TensorSliceProto, VersionDef, tensor_slice_proto::Extent,
};

const ONE: &[u8] = b"\x00\x00\x80\x3f";
const TWO: &[u8] = b"\x00\x00\x00\x40";

/// A table of the given entries with a header for `n_shards`.
fn index(n_shards: i32, entries: &[(&str, BundleEntryProto)]) -> Bytes {
    table(&rows(&header(n_shards), entries), 2, false).into()
}

fn refusal(store: &MemoryStore, key: &str) -> String {
    match open(store).and_then(|bundle| bundle.verify(key)) {
        Ok(()) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn shards_are_opened_when_an_entry_names_them() {
    let entries = [("a", floats(&[1], 0, 0, ONE)), ("b", floats(&[1], 2, 4, TWO))];
    let shards = MemoryStore::folder("m")
        .with("v.index", index(3, &entries))
        .with("v.data-00000-of-00003", ONE)
        // Shard 1 is missing and nobody asks for it.
        .with("v.data-00002-of-00003", [ONE, TWO].concat());
    let bundle = open(&shards).unwrap();
    assert_eq!(collect(bundle.tensor("a").unwrap().as_ref()).unwrap(), ONE);
    assert_eq!(collect(bundle.tensor("b").unwrap().as_ref()).unwrap(), TWO);
    assert_eq!(refusal(&shards, "c"), "`c` is not in the checkpoint");

    let entries = [("a", floats(&[1], 1, 0, ONE))];
    let missing = MemoryStore::folder("m").with("v.index", index(3, &entries));
    assert_eq!(refusal(&missing, "a"), "`v.data-00001-of-00003` does not exist");
}

#[test]
fn blocks_may_be_many_and_compressed() {
    let names: Vec<String> = (0..100).map(|i| format!("layer/{i:03}/kernel")).collect();
    let entries: Vec<_> =
        names.iter().map(|name| (name.as_str(), floats(&[1], 0, 0, ONE))).collect();
    for with_snappy in [false, true] {
        for rows_per_block in [1, 7, 1000] {
            let index = table(&rows(&header(1), &entries), rows_per_block, with_snappy);
            let bundle = open(&store(index, &[ONE])).unwrap();
            assert!(bundle.keys().eq(names.iter()), "{with_snappy} {rows_per_block}");
            bundle.verify("layer/099/kernel").unwrap();
        }
    }
}

#[test]
fn lies_are_told_with_the_key() {
    let good = || floats(&[1], 0, 0, ONE);
    let cases = [
        (floats(&[1], 1, 0, ONE), "`k`: in shard 1 of 1"),
        (floats(&[1], -1, 0, ONE), "`k`: negative shard"),
        (floats(&[1], 0, -4, ONE), "`k`: negative offset"),
        (BundleEntryProto { size: -1, ..good() }, "`k`: negative size"),
        (floats(&[1], 0, 1, ONE), "`k`: 4 bytes at 1 of data shard 0, which has 4 bytes"),
        (
            floats(&[1], 0, i64::MAX, ONE),
            "`k`: 4 bytes at 9223372036854775807 of data shard 0, which has 4 bytes",
        ),
        (
            BundleEntryProto { size: 3, ..good() },
            "`k`: 3 bytes are stored, expected 4 for shape [1]",
        ),
        (
            BundleEntryProto { shape: floats(&[-1], 0, 0, ONE).shape, ..good() },
            "`k`: the shape is unknown, negative or too large",
        ),
        (
            BundleEntryProto {
                shape: Some(TensorShapeProto { dim: vec![], unknown_rank: true }),
                ..good()
            },
            "`k`: the shape is unknown, negative or too large",
        ),
        (
            BundleEntryProto { dtype: 21, ..good() },
            "`k`: elements of type DT_VARIANT cannot be read",
        ),
        (BundleEntryProto { dtype: 999, ..good() }, "`k`: elements of type 999 cannot be read"),
        (
            floats(&[1], 0, 0, TWO),
            "`k`: the checksum is 0xdd54c4ab, expected 0x091c567b: the file was damaged",
        ),
    ];
    for (entry, expected) in cases {
        assert_eq!(refusal(&store(index(1, &[("k", entry)]), &[ONE]), "k"), expected);
    }
}

#[test]
fn headers_that_we_cannot_follow_are_refused() {
    let entries = [("k", floats(&[1], 0, 0, ONE))];
    let mut big_endian = header(1);
    big_endian.endianness = 1;
    let mut late = header(1);
    late.version = Some(VersionDef { min_consumer: 2, ..Default::default() });
    for (header, expected) in [
        (big_endian, "the checkpoint is big-endian; save it again on a little-endian machine"),
        (late, "byte 0 of the index: written by a later version of the format"),
        (header(-1), "byte 0 of the index: a negative number of data shards"),
        (header(100_001), "the data shards pass the limit of 100000"),
    ] {
        let index = table(&rows(&header, &entries), 9, false);
        assert_eq!(refusal(&store(index, &[ONE]), "k"), expected);
    }
    let headless = table(&rows(&header(1), &entries)[1..], 9, false);
    assert_eq!(refusal(&store(headless, &[ONE]), "k"), "byte 0 of the index: no header entry");
}

#[test]
fn keys_must_ascend() {
    let sorted =
        rows(&header(1), &[("a", floats(&[1], 0, 0, ONE)), ("b", floats(&[1], 0, 0, ONE))]);
    for order in [[0, 2, 1], [0, 1, 1], [1, 0, 2]] {
        let rows: Vec<_> = order.iter().map(|i| sorted[*i].clone()).collect();
        for rows_per_block in [1, 9] {
            let index = table(&rows, rows_per_block, false);
            let refusal = refusal(&store(index, &[ONE]), "a");
            assert!(refusal.ends_with("keys out of order"), "{order:?}: {refusal}");
        }
    }
}

#[test]
fn parts_must_tile_their_variable() {
    // `v` of shape [2] in parts of one element, stored under their keys.
    let part = |start: i64, length: i64| TensorSliceProto {
        extent: vec![Extent { start, length: Some(length) }],
    };
    let cases = [
        (vec![part(0, 1), part(1, 1)], "accepted"),
        (vec![part(0, 1), part(0, 1)], "`v`: the parts overlap"),
        (vec![part(0, 1)], "`v`: the parts have other elements than the variable"),
        (vec![part(0, 1), part(1, 2)], "`v`: a part outside the variable"),
        (vec![part(0, 1), part(1, i64::MAX)], "`v`: a part outside the variable"),
        (vec![part(0, 0), part(1, 1)], "`v`: a part is missing or differs"),
        (vec![TensorSliceProto { extent: vec![] }], "`v`: a part outside the variable"),
    ];
    for (slices, expected) in cases {
        let whole = BundleEntryProto { size: 0, slices, ..floats(&[2], 0, 0, b"") };
        let mut rows = rows(&header(1), &[("v", whole)]);
        for (key, offset, data) in
            [(b"\0v\0\x01\x01\x01\x80\x81", 0, ONE), (b"\0v\0\x01\x01\x01\x81\x81", 4, TWO)]
        {
            rows.insert(
                rows.len() - 1,
                (key.to_vec(), floats(&[1], 0, offset, data).encode_to_vec()),
            );
        }
        let store = store(table(&rows, 9, false), &[&[ONE, TWO].concat()]);
        assert_eq!(refusal(&store, "v"), expected);
        if expected == "accepted" {
            let source = open(&store).unwrap().tensor("v").unwrap();
            assert_eq!(collect(source.as_ref()).unwrap(), [ONE, TWO].concat());
        }
    }
}

#[test]
fn a_small_file_cannot_ask_for_much() {
    // Each row repeats a key of 4,000 bytes and adds a few.
    let long = "k".repeat(4000);
    let entries: Vec<_> =
        (0..10_000).map(|i| (format!("{long}{i:06}"), floats(&[0], 0, 0, b""))).collect();
    let entries: Vec<_> = entries.iter().map(|(key, e)| (key.as_str(), e.clone())).collect();
    let index = table(&rows(&header(1), &entries), usize::MAX, false);
    let refusal = refusal(&store(index, &[ONE]), "k");
    assert!(refusal.ends_with("far more bytes in keys than in the file"), "{refusal}");

    // Snappy data that promises 4 GiB.
    let bomb = b"\xff\xff\xff\xff\x0f\x00\x00";
    let mut file = bomb.to_vec();
    file.push(1);
    file.extend(masked(crc32c::crc32c(&file)).to_le_bytes());
    file.extend([0, bomb.len() as u8, 0, bomb.len() as u8]);
    file.resize(file.len() + 36, 0);
    file.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    let error = open(&MemoryStore::folder("m").with("v.index", file)).err().unwrap();
    assert_eq!(error.to_string(), "byte 0 of the index: the block's snappy data is broken");
}

const REAL: (&[u8], &[u8]) = (
    include_bytes!("../data/strings.index"),
    include_bytes!("../data/strings.data-00000-of-00001"),
);

fn verify_all(bundle: &Bundle) -> Result<(), Error> {
    bundle.keys().try_for_each(|key| bundle.verify(key))
}

#[test]
fn no_prefix_of_an_index_is_an_index() {
    for len in 0..REAL.0.len() {
        assert!(open(&store(&REAL.0[..len], &[REAL.1])).is_err(), "{len} bytes");
    }
    for len in 0..REAL.1.len() {
        assert!(open(&store(REAL.0, &[&REAL.1[..len]])).is_err(), "{len} bytes of data");
    }
}

#[test]
fn every_flipped_bit_under_a_checksum_is_found() {
    // Of the footer, 40 bytes hold two handles and padding; the rest is the magic number.
    let footer = REAL.0.len() - 48;
    let mut index = REAL.0.to_vec();
    for bit in 0..index.len() * 8 {
        index[bit / 8] ^= 1 << (bit % 8);
        let result = open(&store(index.clone(), &[REAL.1]));
        assert!(result.is_err() || (footer..footer + 40).contains(&(bit / 8)), "bit {bit}");
        index[bit / 8] ^= 1 << (bit % 8);
    }
    let mut data = REAL.1.to_vec();
    for bit in 0..data.len() * 8 {
        data[bit / 8] ^= 1 << (bit % 8);
        let bundle = open(&store(REAL.0, &[&data])).unwrap();
        assert!(verify_all(&bundle).is_err(), "bit {bit} of the data");
        data[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn damage_is_found_in_a_stream_too() {
    static DAMAGED: &[u8] = b"\x00\x00\x80\x3e";
    let bundle = open_remote(&index(1, &[("k", floats(&[1], 0, 0, ONE))]), DAMAGED).unwrap();
    let source = bundle.tensor("k").unwrap();
    assert!(source.as_bytes().is_none());
    let error = collect(source.as_ref()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("`k`: the checksum is"), "{error}");
    assert!(matches!(bundle.verify("k"), Err(Error::Checksum { .. })));
}
