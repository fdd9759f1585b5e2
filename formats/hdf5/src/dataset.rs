//! Datasets: type, shape, and the bytes as a slice of the file or a stream.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::filter_pipeline::FilterDescription;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::object_header::ObjectHeader;
use tensorferry_store::{BlobSource, ByteSource, SourceRef, SubBlob, collect};

use crate::attribute::{Attr, extent, read_attr, string_list, strings};
use crate::chunks::{ChunkGrid, ChunkSource};
use crate::datatype::Datatype;
use crate::error::{Error, Kind};
use crate::file::Context;
use crate::numbers;

/// Fill values are given in pieces of about this many bytes.
const FILL_PIECE_BYTES: usize = 1 << 20;

/// A dataset of an HDF5 file.
#[derive(Clone)]
pub struct Dataset {
    pub(crate) context: Arc<Context>,
    path: String,
    pub(crate) address: u64,
    shape: Vec<u64>,
    n_elements: u64,
    datatype: Datatype,
    layout: DataLayout,
    max_shape: Option<Vec<u64>>,
    filters: Arc<[FilterDescription]>,
    /// The value of elements that were never written; `None` is zeros.
    fill: Option<Bytes>,
}

impl Dataset {
    /// `header` is the object header at `address`.
    pub(crate) fn read(
        context: Arc<Context>,
        path: String,
        address: u64,
        header: &ObjectHeader,
    ) -> Result<Self, Error> {
        let (mut space, mut datatype, mut layout) = (None, None, None);
        let (mut filters, mut fill) = (Vec::new(), None);
        for message in &header.messages {
            match message {
                HdfMessage::Dataspace(message) => space = Some(message),
                HdfMessage::Datatype(message) => datatype = Some(message),
                HdfMessage::DataLayout(message) => layout = Some(message.layout.clone()),
                HdfMessage::FilterPipeline(message) => filters = message.filters.clone(),
                // The newer of the two messages comes later where both are there.
                HdfMessage::FillValue(message) => fill = message.value.clone().or(fill),
                HdfMessage::ExternalFiles(_) => {
                    return Err(Error::unsupported(&path, "its data in another file is not read"));
                }
                _ => {}
            }
        }
        let missing = |what: &str| Error::malformed(&path, format!("a dataset without {what}"));
        let space = space.ok_or_else(|| missing("a dataspace"))?;
        let datatype = datatype.ok_or_else(|| missing("a datatype"))?;
        let layout = layout.ok_or_else(|| missing("a data layout"))?;
        let (shape, n_elements) = extent(&path, space)?;
        let size = datatype.size;
        let mut datatype = Datatype::from_raw(&datatype.datatype, size);
        if let Datatype::Float { .. } | Datatype::Int { .. } = datatype
            && let Some(text) = numbers::unusual(&context, &path, address)?
        {
            datatype = Datatype::Other { size, text: text.to_owned() };
        }
        // When fill values are written does not matter to a reader; a wrong size does.
        if let (Some(fill), Some(size)) = (&fill, datatype.byte_size())
            && fill.len() as u64 != size
        {
            return Err(Error::malformed(&path, "its fill value has another size than its type"));
        }
        let is_zero = |fill: &Vec<u8>| fill.iter().all(|byte| *byte == 0);
        Ok(Self {
            context,
            address,
            shape,
            n_elements: n_elements.unwrap_or(0),
            datatype,
            layout,
            max_shape: space.max_dims.clone(),
            filters: filters.into(),
            fill: fill.filter(|fill| !is_zero(fill)).map(Bytes::from),
            path,
        })
    }

    /// Path from the root, without a leading `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Dims, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Number of elements, below 2^53.
    pub fn n_elements(&self) -> u64 {
        self.n_elements
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// The attribute of that name, or `None`. Keras marks the opaque data of bfloat16 with
    /// `dtype`.
    ///
    /// # Errors
    /// When the attributes or this value cannot be read.
    pub fn attr(&self, name: &str) -> Result<Option<Attr>, Error> {
        read_attr(&self.context, &self.path, self.address, name)
    }

    /// Names of all attributes, in the order of the file.
    ///
    /// # Errors
    /// When the attributes cannot be read.
    pub fn attr_names(&self) -> Result<Vec<String>, Error> {
        let messages = self.context.attributes(&self.path, self.address)?;
        Ok(messages.iter().map(|message| message.name.clone()).collect())
    }

    /// A list of names, as [`crate::Group::string_list`].
    ///
    /// # Errors
    /// When the attribute cannot be read or holds something else than text.
    pub fn string_list(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        string_list(&self.context, &self.path, self.address, name)
    }

    /// The bytes of the file that are this dataset's data, where they lie in one run unfiltered.
    pub fn byte_range(&self) -> Option<Range<u64>> {
        match &self.layout {
            DataLayout::Contiguous { address, .. } if !self.context.is_undefined(*address) => {
                self.file_range(*address, self.byte_len().ok()?).ok()
            }
            _ => None,
        }
    }

    /// All elements, row-major, in the byte order of [`Dataset::datatype`].
    ///
    /// Contiguous data is a slice of the file, without a copy where the file is in memory or
    /// mapped. Chunked data is decoded while it is read, one row of chunks (the chunks with the
    /// same first index) in memory at a time. What was never written comes as the fill value.
    ///
    /// # Errors
    /// When the type has no plain bytes (text of variable length, references, compounds), a
    /// filter is not supported, the data lies outside of the file, or a limit is passed. A chunk
    /// that cannot be decoded is an error while reading, an `io::Error` around an [`Error`].
    pub fn data(&self) -> Result<SourceRef, Error> {
        self.datatype.readable(&self.path)?;
        self.stored_bytes()
    }

    /// All elements of a dataset of text, row-major.
    ///
    /// # Errors
    /// When it holds no text, the text is not UTF-8, or the data cannot be read.
    pub fn strings(&self) -> Result<Vec<String>, Error> {
        let Datatype::String { size, padding, .. } = &self.datatype else {
            return Err(Error::malformed(
                &self.path,
                format!("{} where text is expected", self.datatype),
            ));
        };
        // What is never written is empty text, and costs more in memory than zeros do.
        if self.byte_len()? > self.context.blob.byte_len().saturating_mul(4).saturating_add(1 << 20)
        {
            return Err(Error::limit(&self.path, "more text than the file has bytes"));
        }
        let data = collect(self.stored_bytes()?.as_ref()).map_err(|e| self.while_reading(e))?;
        strings(&self.context, &self.path, &data, self.n_elements, *size, *padding)
    }

    fn while_reading(&self, error: io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => inner.clone(),
            None => Error::io(&self.path, &error),
        }
    }

    /// Bytes of one element as stored.
    fn element_size(&self) -> u64 {
        let reference = 8 + u64::from(self.context.offset_size());
        self.datatype.byte_size().unwrap_or(reference)
    }

    /// Bytes of all elements.
    fn byte_len(&self) -> Result<u64, Error> {
        self.n_elements
            .checked_mul(self.element_size())
            .ok_or_else(|| Error::limit(&self.path, "it has more bytes than can be counted"))
    }

    fn stored_bytes(&self) -> Result<SourceRef, Error> {
        let len = self.byte_len()?;
        if len == 0 {
            return Ok(Arc::new(Bytes::new()));
        }
        match &self.layout {
            DataLayout::Compact { data } => {
                let data = usize::try_from(len).ok().and_then(|len| data.get(..len));
                let data = data.ok_or_else(|| self.too_short())?;
                Ok(Arc::new(Bytes::copy_from_slice(data)))
            }
            DataLayout::Contiguous { address, .. } if self.context.is_undefined(*address) => {
                self.context.charge_fill(&self.path, self.address, len)?;
                Ok(Arc::new(FillSource { len, value: self.fill.clone() }))
            }
            DataLayout::Contiguous { address, size } => {
                if *size < len {
                    return Err(self.too_short());
                }
                let range = self.file_range(*address, len)?;
                let part = SubBlob::new(self.context.blob.clone(), range)
                    .map_err(|error| Error::io(&self.path, &error))?;
                Ok(Arc::new(BlobSource(Arc::new(part))))
            }
            DataLayout::Chunked { address, dims, chunk_indexing, .. } => {
                let mut dims = dims.clone();
                // The message lists the size of an element as one more dim.
                if dims.len() == self.shape.len() + 1 {
                    dims.pop();
                }
                let grid = ChunkGrid {
                    path: self.path.clone(),
                    shape: self.shape.clone(),
                    max_shape: self.max_shape.clone(),
                    chunk: dims,
                    element_size: self.element_size(),
                    filters: self.filters.clone(),
                    fill: self.fill.clone(),
                };
                let source = ChunkSource::open(
                    self.context.clone(),
                    grid,
                    self.address,
                    *address,
                    chunk_indexing.as_ref(),
                )?;
                Ok(Arc::new(source))
            }
        }
    }

    fn file_range(&self, address: u64, len: u64) -> Result<Range<u64>, Error> {
        let start = address.checked_add(self.context.base());
        let end = start.and_then(|start| start.checked_add(len));
        match (start, end) {
            (Some(start), Some(end)) if end <= self.context.blob.byte_len() => Ok(start..end),
            _ => {
                let what = format!("its {len} bytes lie outside of the file");
                Err(Error::new(Kind::Truncated, &self.path, what).at(address))
            }
        }
    }

    fn too_short(&self) -> Error {
        Error::malformed(&self.path, "fewer bytes are stored than its shape has")
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.path, self.datatype, self.shape)
    }
}

/// Elements that were never written.
struct FillSource {
    len: u64,
    value: Option<Bytes>,
}

impl ByteSource for FillSource {
    fn byte_len(&self) -> u64 {
        self.len
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let size = self.value.as_ref().map_or(1, Bytes::len);
        let whole = (FILL_PIECE_BYTES / size.max(1)).max(1) * size;
        let mut piece = vec![0_u8; usize::try_from(self.len).map_or(whole, |len| len.min(whole))];
        fill(&mut piece, self.value.as_deref());
        let mut left = self.len;
        while left > 0 {
            let n = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            sink(piece.get(..n).unwrap_or_default())?;
            left -= n as u64;
        }
        Ok(())
    }
}

/// Sets every element of `bytes` to `value`, or to zero.
pub(crate) fn fill(bytes: &mut [u8], value: Option<&[u8]>) {
    match value {
        Some(value) if !value.is_empty() => {
            for element in bytes.chunks_mut(value.len()) {
                let n = element.len();
                element.copy_from_slice(value.get(..n).unwrap_or_default());
            }
        }
        _ => bytes.fill(0),
    }
}
