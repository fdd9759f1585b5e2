//! A checkpoint on its way out: tensors that are still streams, and the index over them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tensorferry_store::{ByteSource, Part, SourceRef};
use tensorferry_tf_proto::tensorflow::tensor_shape_proto::Dim;
use tensorferry_tf_proto::tensorflow::{BundleEntryProto, BundleHeaderProto, TensorShapeProto};
use tensorferry_tf_proto::{Message, element_count, element_size, tensorflow};

use crate::checksum;
use crate::error::Error;
use crate::strings;
use crate::table::{self, KEY_MAX};

/// The version that TensorFlow stamps on checkpoints.
const PRODUCER: i32 = 1;

/// Tag of `BundleEntryProto.crc32c`: field 6, four bytes.
const CRC_TAG: u8 = (6 << 3) | 5;

/// Collects the tensors of a checkpoint with one data shard.
///
/// Nothing is read before the files are written. Then the shard is streamed, and the checksums
/// that the index needs are taken as the bytes pass.
#[derive(Default)]
pub struct BundleWriter {
    tensors: Vec<Pending>,
    by_key: BTreeMap<String, usize>,
}

/// A tensor that is to be written.
struct Pending {
    dtype: i32,
    shape: Vec<u64>,
    content: Content,
}

/// What is stored of a tensor.
enum Content {
    /// The elements; their checksum is taken as they pass.
    Stream(SourceRef),
    /// Encoded strings, whose checksum is not that of their bytes.
    Strings { bytes: Bytes, masked_crc: u32 },
}

/// The two files of a checkpoint, in writing order: the shard first, since its checksums go into
/// the index.
pub struct BundleFiles {
    /// The bytes of all tensors, one after the other.
    pub data: SourceRef,
    /// The sorted table of keys.
    pub index: SourceRef,
}

impl BundleWriter {
    /// A checkpoint without tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor of numbers or booleans: its type as numbered in `types.proto`, its dims and
    /// its row-major little-endian bytes.
    ///
    /// Tensors lie in the shard in the order in which they are added.
    ///
    /// # Errors
    /// A key that is empty, too long or taken; a type without a size; more or fewer bytes than the
    /// shape asks for.
    pub fn tensor(
        &mut self,
        key: &str,
        dtype: i32,
        shape: &[u64],
        data: SourceRef,
    ) -> Result<(), Error> {
        let size = element_size(dtype)
            .ok_or_else(|| Error::entry(key, format!("elements of type {dtype} have no size")))?;
        let expected = element_count(shape).and_then(|n| n.checked_mul(size));
        if expected != Some(data.byte_len()) {
            let what = format!("{} bytes for the shape {shape:?}", data.byte_len());
            return Err(Error::entry(key, what));
        }
        self.add(key, Pending { dtype, shape: shape.to_vec(), content: Content::Stream(data) })
    }

    /// Adds a tensor of byte strings, in row-major order.
    ///
    /// # Errors
    /// A key that is empty, too long or taken; another number of strings than the shape asks for.
    pub fn strings(&mut self, key: &str, shape: &[u64], values: &[Bytes]) -> Result<(), Error> {
        if element_count(shape) != u64::try_from(values.len()).ok() {
            let what = format!("{} strings for the shape {shape:?}", values.len());
            return Err(Error::entry(key, what));
        }
        let (bytes, masked_crc) = strings::write(values);
        let dtype = i32::from(tensorflow::DataType::DtString);
        let content = Content::Strings { bytes, masked_crc };
        self.add(key, Pending { dtype, shape: shape.to_vec(), content })
    }

    fn add(&mut self, key: &str, tensor: Pending) -> Result<(), Error> {
        if key.is_empty() || key.starts_with('\0') {
            return Err(Error::entry(key, "a key of the format itself"));
        }
        if key.len() > KEY_MAX {
            return Err(Error::Limit { what: "the bytes of a key", limit: 4096 });
        }
        if self.by_key.insert(key.to_owned(), self.tensors.len()).is_some() {
            return Err(Error::entry(key, "two tensors of one key"));
        }
        self.tensors.push(tensor);
        Ok(())
    }

    /// The files.
    ///
    /// # Errors
    /// More bytes than the format can count.
    pub fn finish(self) -> Result<BundleFiles, Error> {
        let mut stored = Vec::new();
        let mut end = 0_u64;
        for tensor in self.tensors {
            let (source, crc): (SourceRef, _) = match tensor.content {
                Content::Stream(source) => (source, OnceLock::new()),
                Content::Strings { bytes, masked_crc } => {
                    (Arc::new(bytes), OnceLock::from(masked_crc))
                }
            };
            let (offset, len) = (end, source.byte_len());
            end = end.checked_add(len).filter(|end| i64::try_from(*end).is_ok()).ok_or(
                Error::Limit { what: "the bytes of all tensors", limit: i64::MAX.unsigned_abs() },
            )?;
            let entry = entry(tensor.dtype, &tensor.shape, offset, len);
            stored.push(Tensor { source, crc, entry });
        }
        let stored = Arc::new(stored);
        let rows: Vec<_> = self.by_key.into_iter().collect();
        let data = Arc::new(Data { tensors: stored.clone(), byte_len: end });
        let mut index = Index { tensors: stored, rows, byte_len: 0 };
        // Checksums have a fixed width, so the table is as long as it will be.
        index.byte_len = length(&index.table(&|_| Ok(0))?);
        Ok(BundleFiles { data, index: Arc::new(index) })
    }
}

impl BundleFiles {
    /// The files as parts of a package, in writing order, named as TensorFlow names them:
    /// `variables/variables` gives `variables/variables.index`.
    pub fn into_parts(self, prefix: &str) -> [Part; 2] {
        [
            Part::file(format!("{prefix}.data-00000-of-00001"), self.data),
            Part::file(format!("{prefix}.index"), self.index),
        ]
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// An entry without its checksum, which follows it.
fn entry(dtype: i32, shape: &[u64], offset: u64, size: u64) -> Vec<u8> {
    let number = |value: u64| i64::try_from(value).expect("the bytes of all tensors fit");
    // A dim beyond an i64 stands beside a zero, and what there is then is nothing.
    let dim = |size: &u64| Dim { size: i64::try_from(*size).unwrap_or(i64::MAX), ..Dim::default() };
    let shape = TensorShapeProto { dim: shape.iter().map(dim).collect(), unknown_rank: false };
    let entry = BundleEntryProto {
        dtype,
        shape: Some(shape),
        offset: number(offset),
        size: number(size),
        ..BundleEntryProto::default()
    };
    entry.encode_to_vec()
}

/// A tensor with its row, ready to be streamed.
struct Tensor {
    source: SourceRef,
    /// Masked, once the bytes have passed.
    crc: OnceLock<u32>,
    /// The row's value, without the checksum.
    entry: Vec<u8>,
}

impl Tensor {
    /// Gives the bytes and remembers their checksum.
    fn stream(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut crc = 0;
        self.source.for_each_piece(&mut |piece| {
            if self.crc.get().is_none() {
                crc = crc32c::crc32c_append(crc, piece);
            }
            sink(piece)
        })?;
        self.crc.get_or_init(|| checksum::mask(crc));
        Ok(())
    }

    /// The masked checksum; reads the bytes when they have not passed yet.
    fn masked_crc(&self) -> io::Result<u32> {
        if let Some(crc) = self.crc.get() {
            return Ok(*crc);
        }
        self.stream(&mut |_| Ok(()))?;
        Ok(*self.crc.get().expect("the bytes have passed"))
    }
}

/// The data shard.
struct Data {
    tensors: Arc<Vec<Tensor>>,
    byte_len: u64,
}

impl ByteSource for Data {
    fn byte_len(&self) -> u64 {
        self.byte_len
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.tensors.iter().try_for_each(|tensor| tensor.stream(sink))
    }
}

/// The index. It is made when it is written, and reads those tensors once more whose bytes have
/// not passed before.
struct Index {
    tensors: Arc<Vec<Tensor>>,
    /// Keys, ascending, with the tensor's number.
    rows: Vec<(String, usize)>,
    byte_len: u64,
}

impl Index {
    fn table(&self, crc_of: &dyn Fn(&Tensor) -> io::Result<u32>) -> io::Result<Vec<u8>> {
        let version = tensorflow::VersionDef { producer: PRODUCER, ..Default::default() };
        let header =
            BundleHeaderProto { num_shards: 1, version: Some(version), ..Default::default() };
        let mut builder = table::Builder::new();
        builder.row(b"", &header.encode_to_vec());
        for (key, tensor) in &self.rows {
            let tensor = self.tensors.get(*tensor).expect("rows name tensors");
            let mut value = tensor.entry.clone();
            value.push(CRC_TAG);
            value.extend(crc_of(tensor)?.to_le_bytes());
            builder.row(key.as_bytes(), &value);
        }
        Ok(builder.finish())
    }
}

impl ByteSource for Index {
    fn byte_len(&self) -> u64 {
        self.byte_len
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        sink(&self.table(&Tensor::masked_crc)?)
    }
}
