//! Checkpoints that we write: read back, and held against TensorFlow's bytes.

use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{ByteSource, SourceRef, Store, collect};
use tensorferry_tensor_bundle::{Bundle, BundleFiles, BundleWriter, Error};

use crate::support::{open, store};

const FLOAT: i32 = 1;
const STRING: i32 = 7;

fn source(bytes: impl Into<Bytes>) -> SourceRef {
    Arc::new(bytes.into())
}

fn read_back(files: &BundleFiles) -> Bundle {
    let data = collect(files.data.as_ref()).expect("bytes in memory");
    let index = collect(files.index.as_ref()).expect("bytes in memory");
    open(&store(index, &[&data])).expect("we wrote it")
}

/// The tensors of a checkpoint of TensorFlow, written again in the order of its shard.
fn rewritten(bundle: &Bundle) -> BundleFiles {
    let mut keys: Vec<&str> = bundle.keys().collect();
    keys.sort_by_key(|key| bundle.entry(key).expect("a key of the bundle").offset);
    let mut writer = BundleWriter::new();
    for key in keys {
        let entry = bundle.entry(key).expect("a key of the bundle");
        match entry.dtype {
            STRING => writer
                .strings(key, &entry.shape, &bundle.strings(key).expect("TensorFlow's tensors fit"))
                .expect("TensorFlow's tensors fit"),
            dtype => {
                writer
                    .tensor(
                        key,
                        dtype,
                        &entry.shape,
                        bundle.tensor(key).expect("TensorFlow's tensors fit"),
                    )
                    .expect("TensorFlow's tensors fit");
            }
        }
    }
    writer.finish().expect("TensorFlow's tensors fit")
}

#[test]
fn the_bytes_are_those_of_tensorflow() {
    for (index, data) in [
        (
            &include_bytes!("../data/keras.index")[..],
            &include_bytes!("../data/keras.data-00000-of-00001")[..],
        ),
        (
            &include_bytes!("../data/strings.index")[..],
            &include_bytes!("../data/strings.data-00000-of-00001")[..],
        ),
    ] {
        let bundle = open(&store(Bytes::from_static(index), &[data])).unwrap();
        let files = rewritten(&bundle);
        // The index first: it then reads the tensors itself.
        assert_eq!(collect(files.index.as_ref()).unwrap(), index);
        assert_eq!(collect(files.data.as_ref()).unwrap(), data);
        assert_eq!(files.index.byte_len(), index.len() as u64);
    }
}

#[test]
fn many_tensors_fill_several_blocks() {
    let mut writer = BundleWriter::new();
    let key = |i: u32| format!("layer_{i:05}/kernel/.ATTRIBUTES/VARIABLE_VALUE");
    let n = 20_000;
    for i in (0..n).rev() {
        writer.tensor(&key(i), FLOAT, &[1], source(i.to_le_bytes().to_vec())).unwrap();
    }
    let files = writer.finish().unwrap();
    assert!(files.index.byte_len() > 1 << 19, "two blocks and more");
    let bundle = read_back(&files);
    assert_eq!(bundle.keys().count(), n as usize);
    for i in 0..n {
        let bytes = collect(bundle.tensor(&key(i)).unwrap().as_ref()).unwrap();
        assert_eq!(bytes, i.to_le_bytes().as_slice());
    }
}

/// Bytes that come in pieces, and how often they were asked for.
struct Counted(std::sync::atomic::AtomicUsize);

impl ByteSource for Counted {
    fn byte_len(&self) -> u64 {
        12
    }

    fn for_each_piece(
        &self,
        sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (0..3_u32).try_for_each(|i| sink(&i.to_le_bytes()))
    }
}

#[test]
fn a_stream_passes_once_where_the_shard_is_written_first() {
    let counted = Arc::new(Counted(0.into()));
    let mut writer = BundleWriter::new();
    writer.tensor("a", 3, &[3], counted.clone()).unwrap();
    writer.tensor("empty", FLOAT, &[0, 7], source(Vec::new())).unwrap();
    writer.tensor("scalar", 9, &[], source(vec![1; 8])).unwrap();
    writer.strings("s", &[], &[Bytes::from_static(b"graph")]).unwrap();
    let files = writer.finish().unwrap();
    let data = collect(files.data.as_ref()).unwrap();
    let index = collect(files.index.as_ref()).unwrap();
    assert_eq!(counted.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    let [first, second] = files.into_parts("v");
    assert_eq!(first.files[0].0, "v.data-00000-of-00001");
    assert_eq!(second.files[0].0, "v.index");
    let store = store(index, &[&data]);
    assert!(store.open("v.data-00000-of-00001").is_ok());
    let bundle = open(&store).unwrap();
    for key in ["a", "empty", "scalar", "s"] {
        bundle.verify(key).unwrap();
    }
    assert_eq!(bundle.entry("empty").unwrap().shape, [0, 7]);
    assert_eq!(bundle.strings("s").unwrap(), [Bytes::from_static(b"graph")]);
}

#[test]
fn what_cannot_be_read_back_is_refused() {
    let mut writer = BundleWriter::new();
    writer.tensor("a", FLOAT, &[1], source(vec![0; 4])).unwrap();
    let refused: [(&str, i32, &[u64], usize); 6] = [
        ("a", FLOAT, &[1], 4),
        ("b", FLOAT, &[2], 4),
        ("c", STRING, &[1], 4),
        ("", FLOAT, &[1], 4),
        ("d", 99, &[1], 4),
        ("e", FLOAT, &[u64::MAX, u64::MAX], 4),
    ];
    for (key, dtype, shape, n) in refused {
        let error = writer.tensor(key, dtype, shape, source(vec![0; n])).unwrap_err();
        assert!(matches!(error, Error::Entry { .. }), "{key}: {error}");
    }
    let long = "k".repeat(5000);
    assert!(matches!(
        writer.tensor(&long, FLOAT, &[], source(vec![0; 4])),
        Err(Error::Limit { .. })
    ));
    assert!(writer.strings("f", &[2], &[Bytes::new()]).is_err());
}
