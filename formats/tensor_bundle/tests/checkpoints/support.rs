//! Writes checkpoints for tests, right ones and wrong ones.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{Blob, BlobRef, MemoryStore, Store, StoreError};
use tensorferry_tensor_bundle::{Bundle, Error};
use tensorferry_tf_proto::Message;
use tensorferry_tf_proto::tensorflow::{
    BundleEntryProto, BundleHeaderProto, TensorShapeProto, tensor_shape_proto::Dim,
};

/// The checksum as it is stored.
pub(crate) fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A block without its trailer; every `interval` rows a key is written whole.
fn block(rows: &[(Vec<u8>, Vec<u8>)], interval: usize) -> Vec<u8> {
    let (mut out, mut restarts, mut last) = (Vec::new(), Vec::new(), &Vec::new());
    for (i, (key, value)) in rows.iter().enumerate() {
        let mut shared = key.iter().zip(last).take_while(|(a, b)| a == b).count();
        if i % interval == 0 {
            restarts.push(out.len() as u32);
            shared = 0;
        }
        varint(&mut out, shared);
        varint(&mut out, key.len() - shared);
        varint(&mut out, value.len());
        out.extend(&key[shared..]);
        out.extend(value);
        last = key;
    }
    restarts.iter().for_each(|at| out.extend(at.to_le_bytes()));
    out.extend((restarts.len() as u32).to_le_bytes());
    out
}

/// A sorted table with `rows_per_block` rows in a block; in a single block no key is written whole
/// but the first.
pub(crate) fn table(
    rows: &[(Vec<u8>, Vec<u8>)],
    rows_per_block: usize,
    with_snappy: bool,
) -> Vec<u8> {
    let mut file = Vec::new();
    let interval = if rows_per_block == usize::MAX { usize::MAX } else { 16 };
    let push = |file: &mut Vec<u8>, body: Vec<u8>| -> Vec<u8> {
        let body = match with_snappy {
            true => snap::raw::Encoder::new().compress_vec(&body).expect("a few bytes compress"),
            false => body,
        };
        let mut handle = Vec::new();
        varint(&mut handle, file.len());
        varint(&mut handle, body.len());
        let kind = [u8::from(with_snappy)];
        let crc = crc32c::crc32c_append(crc32c::crc32c(&body), &kind);
        file.extend(body);
        file.extend(kind);
        file.extend(masked(crc).to_le_bytes());
        handle
    };
    let mut index = Vec::new();
    for rows in rows.chunks(rows_per_block) {
        let handle = push(&mut file, block(rows, interval));
        index.push((rows.last().expect("chunks are not empty").0.clone(), handle));
    }
    let mut footer = push(&mut file, block(&[], interval));
    footer.extend(push(&mut file, block(&index, interval)));
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    file
}

/// A header for `num_shards` shards.
pub(crate) fn header(num_shards: i32) -> BundleHeaderProto {
    BundleHeaderProto { num_shards, ..Default::default() }
}

/// An entry of float32 elements with the right size.
pub(crate) fn floats(shape: &[i64], shard_id: i32, offset: i64, data: &[u8]) -> BundleEntryProto {
    let dim = shape.iter().map(|size| Dim { size: *size, name: String::new() }).collect();
    BundleEntryProto {
        dtype: 1,
        shape: Some(TensorShapeProto { dim, unknown_rank: false }),
        shard_id,
        offset,
        size: shape.iter().product::<i64>() * 4,
        crc32c: masked(crc32c::crc32c(data)),
        slices: Vec::new(),
    }
}

/// The rows of a table, sorted.
pub(crate) fn rows(
    header: &BundleHeaderProto,
    entries: &[(&str, BundleEntryProto)],
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = BTreeMap::from([(Vec::new(), header.encode_to_vec())]);
    rows.extend(entries.iter().map(|(key, e)| (key.as_bytes().to_vec(), e.encode_to_vec())));
    rows.into_iter().collect()
}

/// Opens `v.index` and shards out of a store in memory.
pub(crate) fn open(store: &MemoryStore) -> Result<Bundle, Error> {
    let index = store.open("v.index")?;
    Bundle::open(index.as_ref(), "v", &|name| store.open(name))
}

/// A store of an index and shards named as TensorFlow names them.
pub(crate) fn store(index: impl Into<Bytes>, shards: &[&[u8]]) -> MemoryStore {
    let n = shards.len();
    shards.iter().enumerate().fold(
        MemoryStore::folder("m").with("v.index", index),
        |store, (i, shard)| {
            store.with(format!("v.data-{i:05}-of-{n:05}"), Bytes::copy_from_slice(shard))
        },
    )
}

/// A blob that is not at hand, as a file read by range.
pub(crate) struct Remote(pub(crate) Bytes);

impl Blob for Remote {
    fn byte_len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.0.read(range).map(|bytes| Bytes::copy_from_slice(&bytes))
    }
}

/// `bundle` opened from blobs that are not at hand.
pub(crate) fn open_remote(index: &[u8], shard: &'static [u8]) -> Result<Bundle, Error> {
    let open = |_: &str| -> Result<BlobRef, StoreError> {
        Ok(Arc::new(Remote(Bytes::from_static(shard))))
    };
    Bundle::open(&Remote(Bytes::copy_from_slice(index)), "v", &open)
}
