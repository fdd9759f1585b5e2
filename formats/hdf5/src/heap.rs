//! Global heaps to write: the texts of variable length of a file.

use std::collections::HashMap;

/// The format asks for collections of at least this many bytes.
const COLLECTION_LEN_MIN: usize = 4096;
/// A collection is closed when it has this many bytes, so that reading one text does not mean
/// reading all of them. A longer text has a collection of its own.
const COLLECTION_LEN_FULL: usize = 64 << 10;
const HEADER_LEN: usize = 16;

/// Texts placed into collections. Each reference has an object of its own, since HDF5 frees the
/// object when an attribute is deleted, whoever else refers to it.
#[derive(Default)]
pub(crate) struct HeapWriter {
    start: u64,
    /// Complete collections.
    bytes: Vec<u8>,
    /// Objects of the collection that is being filled, without its header.
    open: Vec<u8>,
    n_open: u16,
    /// Address of the collection and index in it, for each time that a text was added.
    places: HashMap<String, Vec<(u64, u32)>>,
}

impl HeapWriter {
    /// Heaps from byte `start` of the file on.
    pub(crate) fn new(start: u64) -> Self {
        Self { start, ..Self::default() }
    }

    pub(crate) fn add_all(&mut self, texts: &[String]) {
        texts.iter().for_each(|text| self.add(text));
    }

    /// Adds a text. All texts are added before the first reference is asked for.
    pub(crate) fn add(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let object_len = HEADER_LEN + text.len().next_multiple_of(8);
        let is_full = HEADER_LEN + self.open.len() + object_len > COLLECTION_LEN_FULL;
        if self.n_open > 0 && (is_full || self.n_open == u16::MAX) {
            self.close();
        }
        self.n_open += 1;
        let address = self.start + self.bytes.len() as u64;
        let place = (address, u32::from(self.n_open));
        self.places.entry(text.to_owned()).or_default().push(place);
        self.open.extend(self.n_open.to_le_bytes());
        // Used once as far as HDF5 knows, and four reserved bytes.
        self.open.extend([1, 0, 0, 0, 0, 0]);
        self.open.extend((text.len() as u64).to_le_bytes());
        self.open.extend(text.as_bytes());
        self.open.resize(self.open.len().next_multiple_of(8), 0);
    }

    fn close(&mut self) {
        let used = HEADER_LEN + self.open.len();
        let len = used.max(COLLECTION_LEN_MIN);
        self.bytes.extend(b"GCOL\x01\0\0\0");
        self.bytes.extend((len as u64).to_le_bytes());
        self.bytes.append(&mut self.open);
        self.n_open = 0;
        // What is left is object 0. Its length counts its header; below that it has none.
        let left = len - used;
        if left >= HEADER_LEN {
            self.bytes.extend([0; 8]);
            self.bytes.extend((left as u64).to_le_bytes());
            self.bytes.resize(self.bytes.len() + left - HEADER_LEN, 0);
        } else {
            self.bytes.resize(self.bytes.len() + left, 0);
        }
    }

    /// The first byte behind all heaps.
    pub(crate) fn end(&mut self) -> u64 {
        if self.n_open > 0 {
            self.close();
        }
        self.start + self.bytes.len() as u64
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Length, address and index of a text that was added; every time it was added once.
    pub(crate) fn reference(&mut self, text: &str) -> Vec<u8> {
        // Empty text has no object, which index 0 says.
        let place = self.places.get_mut(text).and_then(Vec::pop);
        let (address, index) = place.unwrap_or((0, 0));
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut out = len.to_le_bytes().to_vec();
        out.extend(address.to_le_bytes());
        out.extend(index.to_le_bytes());
        out
    }

    pub(crate) fn references(&mut self, texts: &[String]) -> Vec<u8> {
        texts.iter().flat_map(|text| self.reference(text)).collect()
    }
}
