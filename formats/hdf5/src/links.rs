//! The links of a group, old and new style, compact and dense.

use std::collections::HashMap;

use hdf5_reader::btree_v1;
use hdf5_reader::btree_v2::{BTreeV2Header, BTreeV2Record, collect_btree_v2_records_storage};
use hdf5_reader::fractal_heap::{FractalHeap, FractalHeapDirectBlockCache};
use hdf5_reader::io::Cursor;
use hdf5_reader::local_heap::LocalHeap;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::link::{self, LinkMessage, LinkTarget};
use hdf5_reader::messages::link_info::LinkInfoMessage;
use hdf5_reader::messages::symbol_table_msg::SymbolTableMessage;
use hdf5_reader::object_header::ObjectHeader;
use hdf5_reader::symbol_table::SymbolTableNode;

use crate::error::Error;
use crate::file::Context;
use crate::limits::Limits;

/// What kind of object a header describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Group,
    Dataset,
    /// A named datatype: it holds no data.
    Datatype,
}

/// The kind of the object that `header` describes.
pub(crate) fn kind_of(header: &ObjectHeader) -> ObjectKind {
    let is_group = |message: &HdfMessage| {
        matches!(
            message,
            HdfMessage::SymbolTable(_)
                | HdfMessage::Link(_)
                | HdfMessage::LinkInfo(_)
                | HdfMessage::GroupInfo(_)
        )
    };
    let is_dataset = |message: &HdfMessage| {
        matches!(message, HdfMessage::Dataspace(_) | HdfMessage::DataLayout(_))
    };
    if header.messages.iter().any(is_group) {
        ObjectKind::Group
    } else if header.messages.iter().any(is_dataset) {
        ObjectKind::Dataset
    } else if header.messages.iter().any(|m| matches!(m, HdfMessage::Datatype(_))) {
        ObjectKind::Datatype
    } else {
        ObjectKind::Group
    }
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// An object header.
    Hard(u64),
    /// A path, from the root when it starts with `/`, else from the link's group.
    Soft(String),
    /// An object of another file, by file name.
    External(String),
}

/// A name in a group.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) target: Target,
    order: Option<u64>,
}

/// All links of one group in iteration order.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) all: Vec<Link>,
    by_name: HashMap<String, usize>,
}

impl Links {
    pub(crate) fn get(&self, name: &str) -> Option<&Link> {
        self.by_name.get(name).and_then(|i| self.all.get(*i))
    }

    /// Reads the links of the group whose header this is. They come in byte-wise order of their
    /// names, or in order of creation when the group tracks it, which is what h5py does too.
    pub(crate) fn read(
        context: &Context,
        path: &str,
        header: &ObjectHeader,
    ) -> Result<Self, Error> {
        let mut all = Vec::new();
        let mut tracks_order = false;
        for message in &header.messages {
            match message {
                HdfMessage::SymbolTable(table) => read_old(context, path, table, &mut all)?,
                HdfMessage::Link(link) => all.push(from_message(link)),
                HdfMessage::LinkInfo(info) => {
                    tracks_order |= info.creation_order_tracked;
                    read_dense(context, path, info, &mut all)?;
                }
                _ => {}
            }
        }
        if tracks_order && all.iter().all(|link| link.order.is_some()) {
            all.sort_by_key(|link| link.order);
        } else {
            all.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let mut by_name = HashMap::with_capacity(all.len());
        for (i, link) in all.iter().enumerate() {
            check_name(path, &link.name)?;
            if by_name.insert(link.name.clone(), i).is_some() {
                return Err(Error::malformed(
                    path,
                    format!("the name `{}` is there twice", link.name),
                ));
            }
        }
        Ok(Self { all, by_name })
    }
}

fn check_name(path: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.contains('/') || name.contains('\0') {
        return Err(Error::malformed(path, format!("`{name}` is not a name of an object")));
    }
    if name.len() > Limits::NAME_LEN_MAX {
        let what =
            format!("a name of {} bytes, where {} are allowed", name.len(), Limits::NAME_LEN_MAX);
        return Err(Error::limit(path, what));
    }
    Ok(())
}

fn from_message(message: &LinkMessage) -> Link {
    let target = match &message.target {
        LinkTarget::Hard { address } => Target::Hard(*address),
        LinkTarget::Soft { path } => Target::Soft(path.clone()),
        LinkTarget::External { filename, .. } => Target::External(filename.clone()),
    };
    Link { name: message.name.clone(), target, order: message.creation_order }
}

/// An old-style group: a B-tree of symbol table nodes, their names in a local heap.
fn read_old(
    context: &Context,
    path: &str,
    table: &SymbolTableMessage,
    all: &mut Vec<Link>,
) -> Result<(), Error> {
    let (offset_size, length_size) = (context.offset_size(), context.length_size());
    let storage = context.h5.storage();
    let parsed = |error: hdf5_reader::error::Error| Error::parsed(path, &error);
    let heap = LocalHeap::parse_at_storage(storage, table.heap_address, offset_size, length_size)
        .map_err(parsed)?;
    let leaves = btree_v1::collect_btree_v1_leaves_storage(
        storage,
        table.btree_address,
        offset_size,
        length_size,
        None,
        &[],
        None,
    )
    .map_err(parsed)?;
    if leaves.is_empty() {
        return Ok(());
    }
    let segment_len = usize::try_from(heap.data_segment_size)
        .map_err(|_| Error::malformed(path, "its local heap is larger than memory"))?;
    let names = storage.read_range(heap.data_segment_address, segment_len).map_err(parsed)?;
    // Two addresses, two numbers and 16 bytes for each symbol, behind a prefix of 8 bytes.
    let symbol_len = 2 * usize::from(offset_size) + 24;
    for (_, address) in &leaves {
        let prefix = storage.read_range(*address, 8).map_err(parsed)?;
        let n_symbols = match prefix.as_ref() {
            [b'S', b'N', b'O', b'D', 1, _, low, high] => u16::from_le_bytes([*low, *high]),
            _ => {
                let what = "a node of its symbol table has no valid signature";
                return Err(Error::malformed(path, what).at(context.base() + address));
            }
        };
        let node_len = 8 + usize::from(n_symbols) * symbol_len;
        let bytes = storage.read_range(*address, node_len).map_err(parsed)?;
        let mut cursor = Cursor::new(bytes.as_ref());
        let node = SymbolTableNode::parse(&mut cursor, offset_size, length_size).map_err(parsed)?;
        for entry in &node.entries {
            let name = heap_string(path, &names, entry.link_name_offset)?;
            let target = if entry.cache_type == 2 {
                let [a, b, c, d, ..] = entry.scratch;
                let offset = u32::from_le_bytes([a, b, c, d]);
                Target::Soft(heap_string(path, &names, u64::from(offset))?)
            } else {
                Target::Hard(entry.object_header_address)
            };
            all.push(Link { name, target, order: None });
        }
    }
    Ok(())
}

fn heap_string(path: &str, segment: &[u8], offset: u64) -> Result<String, Error> {
    let tail = usize::try_from(offset).ok().and_then(|offset| segment.get(offset..));
    let text = tail.and_then(|tail| tail.split(|byte| *byte == 0).next());
    let is_ended = tail.is_some_and(|tail| text.is_some_and(|text| text.len() < tail.len()));
    match text {
        Some(text) if is_ended => std::str::from_utf8(text)
            .map(str::to_owned)
            .map_err(|_| Error::malformed(path, "a name in it is not UTF-8")),
        _ => Err(Error::malformed(path, "a name in it lies outside of its heap")),
    }
}

/// A new-style group with many links: a fractal heap of link messages, found through a B-tree.
fn read_dense(
    context: &Context,
    path: &str,
    info: &LinkInfoMessage,
    all: &mut Vec<Link>,
) -> Result<(), Error> {
    if context.is_undefined(info.fractal_heap_address) {
        return Ok(());
    }
    let (offset_size, length_size) = (context.offset_size(), context.length_size());
    let mut heap = DenseHeap::open(context, path, info.fractal_heap_address)?;
    for record in dense_records(context, path, info.btree_name_index_address)? {
        let id = match &record {
            BTreeV2Record::LinkNameHash { heap_id, .. }
            | BTreeV2Record::CreationOrder { heap_id, .. } => heap_id,
            _ => return Err(Error::malformed(path, "its name index holds no links")),
        };
        let bytes = heap.object(id)?;
        let message = link::parse(&mut Cursor::new(&bytes), offset_size, length_size, bytes.len())
            .map_err(|error| Error::parsed(path, &error))?;
        all.push(from_message(&message));
    }
    Ok(())
}

/// All records of the version 2 B-tree at `address`.
pub(crate) fn dense_records(
    context: &Context,
    path: &str,
    address: u64,
) -> Result<Vec<BTreeV2Record>, Error> {
    let (offset_size, length_size) = (context.offset_size(), context.length_size());
    let storage = context.h5.storage();
    let header = BTreeV2Header::parse_at_storage(storage, address, offset_size, length_size)
        .map_err(|error| Error::parsed(path, &error))?;
    collect_btree_v2_records_storage(storage, &header, offset_size, length_size, None, &[], None)
        .map_err(|error| Error::parsed(path, &error))
}

/// A fractal heap, each of whose blocks is verified once.
pub(crate) struct DenseHeap<'a> {
    context: &'a Context,
    path: &'a str,
    heap: FractalHeap,
    blocks: FractalHeapDirectBlockCache,
}

impl<'a> DenseHeap<'a> {
    pub(crate) fn open(context: &'a Context, path: &'a str, address: u64) -> Result<Self, Error> {
        let heap = FractalHeap::parse_at_storage(
            context.h5.storage(),
            address,
            context.offset_size(),
            context.length_size(),
        )
        .map_err(|error| Error::parsed(path, &error))?;
        if heap.io_filters_len > 0 {
            return Err(Error::unsupported(path, "a heap with filters is not read"));
        }
        Ok(Self { context, path, heap, blocks: FractalHeapDirectBlockCache::default() })
    }

    pub(crate) fn object(&mut self, id: &[u8]) -> Result<Vec<u8>, Error> {
        self.heap
            .get_object_storage_cached(
                id,
                self.context.h5.storage(),
                self.context.offset_size(),
                self.context.length_size(),
                &mut self.blocks,
            )
            .map_err(|error| Error::parsed(self.path, &error))
    }
}
