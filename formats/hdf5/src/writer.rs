//! Writing a file: a tree of groups, attributes and datasets, laid out and then streamed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tensorferry_store::{Concat, SourceRef};

use crate::datatype::{Datatype, Padding};
use crate::encode;
use crate::error::{Error, Kind};
use crate::heap::HeapWriter;
use crate::limits::Limits;

/// Keras cuts lists of names into attributes of at most this many bytes, because HDF5's object
/// headers hold no more than 64 KB in one message.
pub const NAME_LIST_BYTES_MAX: usize = 64512;
/// Where the superblock ends.
const SUPERBLOCK_LEN: u64 = 48;
/// Every dataset starts at a multiple of this many bytes, so that mapped data is aligned.
const ALIGNMENT: u64 = 8;

/// The value of an attribute to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One text of variable length, UTF-8: what h5py makes of a Python `str`.
    Text(String),
    /// One text of variable length, marked as ASCII: what h5py makes of Python `bytes`.
    Ascii(String),
    /// A list of texts of variable length, marked as ASCII: h5py's lists of `bytes`.
    AsciiList(Vec<String>),
    /// A list of texts of one fixed length, filled up with NULs: NumPy's `S` arrays.
    FixedList(Vec<String>),
    /// A list without elements, which h5py stores as float64.
    EmptyList,
    /// One int64.
    Int(i64),
    /// One float64.
    Float(f64),
    /// One boolean.
    Bool(bool),
    /// An array of int64 with one dim.
    Ints(Vec<i64>),
    /// An array of float64 with one dim.
    Floats(Vec<f64>),
}

/// A file in the making: its root group.
#[derive(Default)]
pub struct Writer {
    root: GroupBuilder,
}

/// A group in the making.
#[derive(Default)]
pub struct GroupBuilder {
    attributes: Attributes,
    groups: BTreeMap<String, GroupBuilder>,
    datasets: BTreeMap<String, DatasetBuilder>,
}

/// A dataset in the making; it takes attributes.
pub struct DatasetBuilder {
    attributes: Attributes,
    datatype: Datatype,
    shape: Vec<u64>,
    content: Content,
}

#[derive(Default)]
struct Attributes(Vec<(String, Value)>);

enum Content {
    Bytes(SourceRef),
    Strings(Vec<String>),
}

impl Writer {
    /// An empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// The root group.
    pub fn root(&mut self) -> &mut GroupBuilder {
        &mut self.root
    }

    /// The bytes of the file. The same tree gives the same bytes; nothing depends on the time.
    ///
    /// The data of datasets is passed on from its sources when the result is read, so memory
    /// holds only names, attributes and texts. HDF5 1.8 and newer read the file: superblock
    /// version 2, links and attributes in the object headers.
    ///
    /// # Errors
    /// When a name is empty, has a `/` or is too long, a dataset and a group have one name, a
    /// source has not the length of its shape, a type cannot be written, or an attribute is
    /// larger than 64 KB.
    pub fn finish(self) -> Result<SourceRef, Error> {
        let mut layout = Layout { heap: HeapWriter::new(SUPERBLOCK_LEN), ..Layout::default() };
        self.root.collect_text("", 0, &mut layout.heap)?;
        let mut at = layout.heap.end();
        self.root.place_data("", &mut at, &mut layout)?;
        layout.headers_at = at;
        let root = self.root.write_header("", &mut layout)?;
        let end = layout.headers_at + layout.headers.len() as u64;
        let mut start = encode::superblock(end, root);
        start.extend(layout.heap.into_bytes());
        let mut parts: Vec<SourceRef> = vec![Arc::new(Bytes::from(start))];
        parts.extend(layout.data);
        parts.push(Arc::new(Bytes::from(layout.headers)));
        Ok(Arc::new(Concat(parts)))
    }
}

impl Attributes {
    fn set(&mut self, name: &str, value: Value) {
        self.0.retain(|(earlier, _)| earlier != name);
        self.0.push((name.to_owned(), value));
    }
}

impl GroupBuilder {
    /// Sets an attribute.
    pub fn attr(&mut self, name: &str, value: Value) -> &mut Self {
        self.attributes.set(name, value);
        self
    }

    /// Sets a list of names as Keras does: no names as an empty array of numbers, up to 64,512
    /// bytes as one attribute, more as `name0`, `name1`, … of equal lengths. Each length counts
    /// as much as that of the longest name.
    pub fn string_list(&mut self, name: &str, names: &[String]) -> &mut Self {
        let longest = names.iter().map(String::len).max().unwrap_or(0).max(1);
        let n_max = (NAME_LIST_BYTES_MAX / longest).max(1);
        let reference_len = encode::REFERENCE_LEN as usize;
        if names.is_empty() {
            return self.attr(name, Value::EmptyList);
        }
        if names.len() <= n_max && names.len() * reference_len <= NAME_LIST_BYTES_MAX {
            return self.attr(name, Value::AsciiList(names.to_vec()));
        }
        if names.len() <= n_max {
            return self.attr(name, Value::FixedList(names.to_vec()));
        }
        // As `numpy.array_split`: the first parts are one longer.
        let n_parts = names.len().div_ceil(n_max);
        let (len, n_longer) = (names.len() / n_parts, names.len() % n_parts);
        let mut left = names;
        for i in 0..n_parts {
            let (part, rest) = left.split_at(left.len().min(len + usize::from(i < n_longer)));
            self.attr(&format!("{name}{i}"), Value::FixedList(part.to_vec()));
            left = rest;
        }
        self
    }

    /// The child group of that name, made when it is not there; `a/b` goes through several.
    pub fn group(&mut self, path: &str) -> &mut GroupBuilder {
        let mut at = self;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = at.groups.entry(part.to_owned()).or_default();
        }
        at
    }

    /// Adds a dataset of numbers or opaque bytes; `a/b` puts it into child groups. `data` is
    /// row-major in the byte order of `datatype`. A dataset of the same name is replaced.
    pub fn dataset(
        &mut self,
        path: &str,
        datatype: Datatype,
        shape: &[u64],
        data: SourceRef,
    ) -> &mut DatasetBuilder {
        self.insert(path, datatype, shape, Content::Bytes(data))
    }

    /// Adds a dataset of texts of variable length, UTF-8.
    pub fn strings(
        &mut self,
        path: &str,
        shape: &[u64],
        strings: &[String],
    ) -> &mut DatasetBuilder {
        let datatype =
            Datatype::String { size: None, utf8: true, padding: Padding::NullTerminated };
        self.insert(path, datatype, shape, Content::Strings(strings.to_vec()))
    }

    fn insert(
        &mut self,
        path: &str,
        datatype: Datatype,
        shape: &[u64],
        content: Content,
    ) -> &mut DatasetBuilder {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let builder = DatasetBuilder {
            attributes: Attributes::default(),
            datatype,
            shape: shape.to_vec(),
            content,
        };
        let datasets = &mut self.group(parent).datasets;
        datasets.insert(name.to_owned(), builder);
        datasets.get_mut(name).expect("it was put there in the line before")
    }

    /// Checks all names, and puts every text into the heap in the order in which the later
    /// passes take them out.
    fn collect_text(&self, path: &str, depth: usize, heap: &mut HeapWriter) -> Result<(), Error> {
        if depth >= Limits::GROUP_DEPTH_MAX {
            return Err(Error::limit(path, "more groups in each other than can be read again"));
        }
        self.attributes.collect_text(path, heap)?;
        for (name, group) in &self.groups {
            let path = child_path(path, name)?;
            if self.datasets.contains_key(name) {
                return Err(Error::malformed(&path, "a group and a dataset have this name"));
            }
            group.collect_text(&path, depth + 1, heap)?;
        }
        for (name, dataset) in &self.datasets {
            let path = child_path(path, name)?;
            dataset.attributes.collect_text(&path, heap)?;
            if let Content::Strings(strings) = &dataset.content {
                heap.add_all(strings);
            }
        }
        Ok(())
    }

    /// Decides where the data of every dataset lies, from byte `at` on.
    fn place_data(&self, path: &str, at: &mut u64, layout: &mut Layout) -> Result<(), Error> {
        for (name, group) in &self.groups {
            group.place_data(&child_path(path, name)?, at, layout)?;
        }
        for (name, dataset) in &self.datasets {
            let path = child_path(path, name)?;
            let len = dataset.byte_len(&path)?;
            let content: SourceRef = match &dataset.content {
                Content::Bytes(source) => source.clone(),
                Content::Strings(strings) => Arc::new(Bytes::from(layout.heap.references(strings))),
            };
            if content.byte_len() != len {
                let what = format!("{} bytes for a shape of {len}", content.byte_len());
                return Err(Error::malformed(&path, what));
            }
            if len == 0 {
                layout.placed.insert(path, (encode::UNDEFINED, 0));
                continue;
            }
            layout.placed.insert(path.clone(), (*at, len));
            let padding = (ALIGNMENT - len % ALIGNMENT) % ALIGNMENT;
            *at = at
                .checked_add(len)
                .and_then(|end| end.checked_add(padding))
                .ok_or_else(|| Error::limit(&path, "a file beyond 2^64 bytes"))?;
            layout.data.push(content);
            if padding > 0 {
                layout.data.push(Arc::new(Bytes::from(vec![0; padding as usize])));
            }
        }
        Ok(())
    }

    /// Writes the headers of everything below and of the group, and gives the group's address.
    fn write_header(&self, path: &str, layout: &mut Layout) -> Result<u64, Error> {
        let mut messages = encode::group_messages().to_vec();
        let mut link = |path: &str, name: &str, address| {
            encode::hard_link(name, address)
                .map(|body| messages.push((6, body)))
                .ok_or_else(|| Error::limit(path, "a name that is too long"))
        };
        for (name, group) in &self.groups {
            let path = child_path(path, name)?;
            let address = group.write_header(&path, layout)?;
            link(&path, name, address)?;
        }
        for (name, dataset) in &self.datasets {
            let path = child_path(path, name)?;
            let address = dataset.write_header(&path, layout)?;
            link(&path, name, address)?;
        }
        self.attributes.write(path, layout, &mut messages)?;
        layout.push_header(path, &messages)
    }
}

impl DatasetBuilder {
    /// Sets an attribute.
    pub fn attr(&mut self, name: &str, value: Value) -> &mut Self {
        self.attributes.set(name, value);
        self
    }

    fn byte_len(&self, path: &str) -> Result<u64, Error> {
        let size = self.datatype.byte_size().unwrap_or(encode::REFERENCE_LEN);
        if self.shape.contains(&0) {
            return Ok(0);
        }
        self.shape
            .iter()
            .try_fold(size, |n, dim| n.checked_mul(*dim))
            .ok_or_else(|| Error::limit(path, "its shape has too many elements"))
    }

    fn write_header(&self, path: &str, layout: &mut Layout) -> Result<u64, Error> {
        let datatype = encode::datatype(&self.datatype).ok_or_else(|| {
            Error::unsupported(path, format!("elements of type {} are not written", self.datatype))
        })?;
        let space = encode::dataspace(&self.shape)
            .ok_or_else(|| Error::limit(path, "it has too many dims"))?;
        let (address, len) = layout.placed.get(path).copied().expect("every dataset was placed");
        let mut messages = vec![
            (1, space),
            (3, datatype),
            (5, encode::no_fill_value()),
            (8, encode::contiguous(address, len)),
        ];
        self.attributes.write(path, layout, &mut messages)?;
        layout.push_header(path, &messages)
    }
}

impl Attributes {
    fn collect_text(&self, path: &str, heap: &mut HeapWriter) -> Result<(), Error> {
        for (name, value) in &self.0 {
            if name.is_empty() || name.len() > Limits::NAME_LEN_MAX || name.contains('\0') {
                return Err(Error::malformed(
                    path,
                    format!("`{name}` is no name for an attribute"),
                ));
            }
            match value {
                Value::Text(text) | Value::Ascii(text) => heap.add(text),
                Value::AsciiList(texts) => heap.add_all(texts),
                _ => {}
            }
        }
        Ok(())
    }

    fn write(
        &self,
        path: &str,
        layout: &mut Layout,
        messages: &mut Vec<(u8, Vec<u8>)>,
    ) -> Result<(), Error> {
        for (name, value) in &self.0 {
            let (datatype, shape, data) = value.encode(&mut layout.heap);
            let body = encode::datatype(&datatype).and_then(|datatype| {
                encode::attribute(name, &datatype, &encode::dataspace(&shape)?, &data)
            });
            let body = body.ok_or_else(|| {
                Error::limit(&format!("{path}@{name}"), "an attribute of more than 64 KB")
            })?;
            messages.push((12, body));
        }
        Ok(())
    }
}

impl Value {
    /// Type, shape and bytes; texts come out of the heap.
    fn encode(&self, heap: &mut HeapWriter) -> (Datatype, Vec<u64>, Vec<u8>) {
        let vlen = |utf8| Datatype::String { size: None, utf8, padding: Padding::NullTerminated };
        let int = Datatype::Int { size: 8, signed: true, big_endian: false };
        let float = Datatype::Float { size: 8, big_endian: false };
        match self {
            Self::Text(text) => (vlen(true), vec![], heap.reference(text)),
            Self::Ascii(text) => (vlen(!text.is_ascii()), vec![], heap.reference(text)),
            Self::AsciiList(texts) => {
                let is_ascii = texts.iter().all(|text| text.is_ascii());
                (vlen(!is_ascii), vec![texts.len() as u64], heap.references(texts))
            }
            Self::FixedList(texts) => {
                let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
                let mut data = Vec::with_capacity(texts.len() * width);
                for text in texts {
                    data.extend(text.as_bytes());
                    data.resize(data.len() + width - text.len(), 0);
                }
                let size = Some(u32::try_from(width).unwrap_or(u32::MAX));
                let fixed = Datatype::String { size, utf8: false, padding: Padding::NullPadded };
                (fixed, vec![texts.len() as u64], data)
            }
            Self::EmptyList => (float, vec![0], vec![]),
            Self::Int(value) => (int, vec![], value.to_le_bytes().to_vec()),
            Self::Float(value) => (float, vec![], value.to_le_bytes().to_vec()),
            Self::Bool(value) => (Datatype::Bool, vec![], vec![u8::from(*value)]),
            Self::Ints(values) => {
                let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (int, vec![values.len() as u64], data)
            }
            Self::Floats(values) => {
                let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (float, vec![values.len() as u64], data)
            }
        }
    }
}

/// What is known of the file while it is laid out: superblock, heaps, data, headers.
#[derive(Default)]
struct Layout {
    heap: HeapWriter,
    /// Address and length of the data of each dataset, by path.
    placed: BTreeMap<String, (u64, u64)>,
    data: Vec<SourceRef>,
    headers_at: u64,
    headers: Vec<u8>,
}

impl Layout {
    fn push_header(&mut self, path: &str, messages: &[(u8, Vec<u8>)]) -> Result<u64, Error> {
        let address = self.headers_at + self.headers.len() as u64;
        let header = encode::object_header(messages)
            .ok_or_else(|| Error::limit(path, "its names and attributes take more than 4 GiB"))?;
        self.headers.extend(header);
        self.headers.resize(self.headers.len().next_multiple_of(8), 0);
        Ok(address)
    }
}

fn child_path(parent: &str, name: &str) -> Result<String, Error> {
    let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
    if name.is_empty() || name.contains(['/', '\0']) || name == "." {
        return Err(Error::malformed(&path, "a part of this path is no name for an object"));
    }
    if name.len() > Limits::NAME_LEN_MAX {
        return Err(Error::new(Kind::Limit, &path, "a name that is too long"));
    }
    Ok(path)
}
