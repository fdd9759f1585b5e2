//! HDF5 files built message by message, so that any of them can be wrong.
//!
//! Superblock version 2 and object headers of version 2, after the HDF Group's file format
//! specification 3.0.

use hdf5_reader::checksum::jenkins_lookup3;

/// The address that means "none".
pub const UNDEFINED: u64 = u64::MAX;

const SUPERBLOCK_LEN: usize = 48;

/// A message of an object header: its type and its body.
pub type Message = (u8, Vec<u8>);

/// A file in the making.
pub struct RawHdf5 {
    bytes: Vec<u8>,
}

impl Default for RawHdf5 {
    fn default() -> Self {
        Self { bytes: vec![0; SUPERBLOCK_LEN] }
    }
}

impl RawHdf5 {
    /// Where the next thing goes.
    pub fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Adds bytes at a multiple of eight and gives their address.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.end();
        self.bytes.extend(bytes);
        at
    }

    /// Where the next object goes.
    pub fn next(&self) -> u64 {
        self.end().next_multiple_of(8)
    }

    /// Adds an object header and gives its address.
    pub fn object(&mut self, messages: &[Message]) -> u64 {
        let mut body = Vec::new();
        for (kind, message) in messages {
            body.push(*kind);
            body.extend(len16(message.len()).to_le_bytes());
            body.push(0);
            body.extend(message);
        }
        // Flags: the length of the messages has four bytes.
        let mut header = b"OHDR\x02\x02".to_vec();
        header.extend(u32::try_from(body.len()).expect("inputs are small").to_le_bytes());
        header.extend(body);
        header.extend(jenkins_lookup3(&header).to_le_bytes());
        self.put(&header)
    }

    /// Writes over what is there; a checksum it lies under is not repaired.
    pub fn patch(&mut self, at: u64, bytes: &[u8]) {
        let at = usize::try_from(at).expect("an address of this file");
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The file whose root is the object at `root`.
    pub fn finish(mut self, root: u64) -> Vec<u8> {
        let mut superblock = b"\x89HDF\r\n\x1a\n\x02\x08\x08\0".to_vec();
        for number in [0, UNDEFINED, self.end(), root] {
            superblock.extend(number.to_le_bytes());
        }
        superblock.extend(jenkins_lookup3(&superblock).to_le_bytes());
        self.patch(0, &superblock);
        self.bytes
    }
}

fn len16(len: usize) -> u16 {
    u16::try_from(len).expect("inputs of tests are small")
}

/// A shape.
pub fn dataspace(shape: &[u64]) -> Message {
    let is_simple = u8::from(!shape.is_empty());
    let mut body = vec![2, u8::try_from(shape.len()).expect("few dims"), 0, is_simple];
    body.extend(shape.iter().flat_map(|dim| dim.to_le_bytes()));
    (1, body)
}

/// Little-endian float32.
pub fn float32() -> Message {
    let body = [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
    (3, body.to_vec())
}

/// Text of a fixed length, UTF-8, filled with NULs.
pub fn fixed_text(len: usize) -> Vec<u8> {
    let mut body = vec![0x13, 0x11, 0, 0];
    body.extend(u32::try_from(len).expect("inputs are small").to_le_bytes());
    body
}

/// Text of variable length, UTF-8.
pub fn variable_text() -> Vec<u8> {
    let mut body = vec![0x19, 0x01, 0x01, 0, 16, 0, 0, 0];
    body.extend([0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]);
    body
}

/// An attribute of any type and shape.
pub fn attribute(name: &str, datatype: &[u8], shape: &[u64], data: &[u8]) -> Message {
    let (_, space) = dataspace(shape);
    let mut body = vec![3, 0];
    for len in [name.len() + 1, datatype.len(), space.len()] {
        body.extend(len16(len).to_le_bytes());
    }
    body.push(1);
    body.extend(name.as_bytes());
    body.push(0);
    body.extend([datatype, &space, data].concat());
    (12, body)
}

/// An attribute of one text.
pub fn text_attribute(name: &str, text: &str) -> Message {
    attribute(
        name,
        &fixed_text(text.len().max(1)),
        &[],
        if text.is_empty() { b"\0" } else { text.as_bytes() },
    )
}

/// An attribute of several texts.
pub fn names_attribute(name: &str, names: &[&str]) -> Message {
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0).max(1);
    let mut data = Vec::new();
    for name in names {
        data.extend(name.as_bytes());
        data.resize(data.len() + width - name.len(), 0);
    }
    attribute(name, &fixed_text(width), &[names.len() as u64], &data)
}

/// The messages that every group has: links lie in the header.
pub fn group() -> Vec<Message> {
    let mut link_info = vec![0, 0];
    link_info.extend([0xff; 16]);
    vec![(2, link_info), (10, vec![0, 0])]
}

fn link(kind: u8, name: &[u8], target: &[u8]) -> Message {
    // Flags: a name's length of two bytes, the kind is stored.
    let mut body = vec![1, 0x09, kind];
    body.extend(len16(name.len()).to_le_bytes());
    body.extend(name);
    body.extend(target);
    (6, body)
}

/// A link to the object at an address.
pub fn hard(name: &str, address: u64) -> Message {
    link(0, name.as_bytes(), &address.to_le_bytes())
}

/// A link to a path.
pub fn soft(name: &str, path: &str) -> Message {
    link(1, name.as_bytes(), &[&len16(path.len()).to_le_bytes()[..], path.as_bytes()].concat())
}

/// A link to an object in another file.
pub fn external(name: &str, file: &str, path: &str) -> Message {
    let target = [&[0][..], file.as_bytes(), &[0], path.as_bytes(), &[0]].concat();
    link(64, name.as_bytes(), &[&len16(target.len()).to_le_bytes()[..], &target].concat())
}

/// Data in one run.
pub fn contiguous(address: u64, byte_len: u64) -> Message {
    (8, [&[3, 1][..], &address.to_le_bytes(), &byte_len.to_le_bytes()].concat())
}

/// One chunk that is the whole dataset, filtered, `stored` bytes at `address`.
pub fn one_chunk(shape: &[u64], stored: u64, address: u64) -> Message {
    let mut body = vec![4, 2, 0x02, u8::try_from(shape.len() + 1).expect("few dims"), 8];
    // The size of an element is the last dim.
    for dim in shape.iter().chain([&4]) {
        body.extend(dim.to_le_bytes());
    }
    body.push(1);
    body.extend(stored.to_le_bytes());
    body.extend(0_u32.to_le_bytes());
    body.extend(address.to_le_bytes());
    (8, body)
}

/// Data that lies in other files, put together.
pub fn virtual_layout() -> Message {
    (8, [&[4, 3][..], &0_u64.to_le_bytes(), &0_u32.to_le_bytes()].concat())
}

/// Data in another file, named in the heap at `heap`.
pub fn external_files(heap: u64) -> Message {
    let mut body = vec![1, 0, 0, 0, 1, 0, 1, 0];
    for number in [heap, 0, 0, 4096] {
        body.extend(number.to_le_bytes());
    }
    (7, body)
}

/// A pipeline of filters without parameters.
pub fn filters(ids: &[u16]) -> Message {
    let mut body = vec![2, u8::try_from(ids.len()).expect("few filters")];
    for id in ids {
        body.extend(id.to_le_bytes());
        if *id >= 256 {
            body.extend(0_u16.to_le_bytes());
        }
        body.extend([0; 4]);
    }
    (11, body)
}

/// The header goes on at `address`.
pub fn continuation(address: u64, byte_len: u64) -> Message {
    (16, [address.to_le_bytes(), byte_len.to_le_bytes()].concat())
}

/// A block of more messages of a header.
pub fn continuation_block(messages: &[Message]) -> Vec<u8> {
    let mut block = b"OCHK".to_vec();
    for (kind, message) in messages {
        block.push(*kind);
        block.extend(len16(message.len()).to_le_bytes());
        block.push(0);
        block.extend(message);
    }
    block.extend(jenkins_lookup3(&block).to_le_bytes());
    block
}

/// A group of the old kind: a tree and a heap of names.
pub fn symbol_table(tree: u64, heap: u64) -> Message {
    (17, [tree.to_le_bytes(), heap.to_le_bytes()].concat())
}

/// A node of a tree of groups at `level` with one child.
pub fn tree_node(level: u8, child: u64) -> Vec<u8> {
    let mut node = b"TREE\0".to_vec();
    node.push(level);
    node.extend(1_u16.to_le_bytes());
    for number in [UNDEFINED, UNDEFINED, 0, child, 8] {
        node.extend(number.to_le_bytes());
    }
    // Room for the other children that a node always has.
    node.resize(544, 0);
    node
}

/// A heap of names whose data is at `data`.
pub fn local_heap(data: u64, byte_len: u64) -> Vec<u8> {
    let mut heap = b"HEAP\0\0\0\0".to_vec();
    for number in [byte_len, 1, data] {
        heap.extend(number.to_le_bytes());
    }
    heap
}
