//! Chunked data: where the chunks are, and their elements in row-major order.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hdf5_reader::btree_v1::{BTreeV1Key, collect_btree_v1_leaves_storage};
use hdf5_reader::chunk_index::{self, ChunkEntry};
use hdf5_reader::extensible_array::collect_extensible_array_chunk_entries_storage;
use hdf5_reader::fixed_array::collect_fixed_array_chunk_entries_storage;
use hdf5_reader::messages::filter_pipeline::FilterDescription;
use hdf5_reader::messages::layout::ChunkIndexing;
use tensorferry_store::ByteSource;

use crate::dataset::fill;
use crate::error::{Error, Kind};
use crate::file::Context;
use crate::filters;
use crate::limits::Limits;

/// What a chunked dataset is made of.
pub(crate) struct ChunkGrid {
    pub(crate) path: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) max_shape: Option<Vec<u64>>,
    /// Elements of a chunk along each axis.
    pub(crate) chunk: Vec<u32>,
    pub(crate) element_size: u64,
    pub(crate) filters: Arc<[FilterDescription]>,
    pub(crate) fill: Option<Bytes>,
}

/// The decoded data of a chunked dataset.
pub(crate) struct ChunkSource {
    context: Arc<Context>,
    grid: ChunkGrid,
    /// Sorted by offsets; each inside the shape, on the grid and there once.
    entries: Vec<ChunkEntry>,
    byte_len: u64,
    chunk_len: usize,
}

impl ChunkSource {
    /// Reads the chunk index at `index`. `dataset` is the address of the dataset's header.
    pub(crate) fn open(
        context: Arc<Context>,
        grid: ChunkGrid,
        dataset: u64,
        index: u64,
        indexing: Option<&ChunkIndexing>,
    ) -> Result<Self, Error> {
        filters::check(&grid.path, &grid.filters)?;
        let (byte_len, chunk_len) = grid.check()?;
        let entries = if context.is_undefined(index) {
            Vec::new()
        } else {
            grid.entries(&context, index, indexing, chunk_len)?
        };
        let stored = grid.check_stored(&context, &entries, chunk_len)?;
        if stored < byte_len {
            context.charge_fill(&grid.path, dataset, byte_len - stored)?;
        }
        Ok(Self { context, grid, entries, byte_len, chunk_len })
    }

    /// Decodes one chunk and puts its rows into `slab`, whose first row is row `first` of the
    /// dataset.
    fn place(&self, entry: &ChunkEntry, first: u64, slab: &mut [u8]) -> Result<(), Error> {
        let grid = &self.grid;
        let start = entry.address.saturating_add(self.context.base());
        let end = start.saturating_add(entry.size);
        if end > self.context.blob.byte_len() {
            let what = format!("the chunk at {:?} lies outside of the file", entry.offsets);
            return Err(Error::new(Kind::Truncated, &grid.path, what).at(start));
        }
        let stored =
            self.context.blob.read(start..end).map_err(|error| Error::io(&grid.path, &error))?;
        let element_size = usize::try_from(grid.element_size).unwrap_or(usize::MAX);
        let decoded;
        let chunk: &[u8] = if grid.filters.is_empty() && stored.len() == self.chunk_len {
            &stored
        } else {
            decoded = filters::decode(
                &stored,
                &grid.filters,
                entry.filter_mask,
                element_size,
                self.chunk_len,
            )
            .map_err(|what| {
                let what = format!("the chunk at {:?} is broken: {what}", entry.offsets);
                Error::malformed(&grid.path, what).at(start)
            })?;
            &decoded
        };
        copy_box(grid, entry, first, chunk, slab).ok_or_else(|| {
            Error::malformed(&grid.path, format!("the chunk at {:?} does not fit", entry.offsets))
        })
    }
}

impl ByteSource for ChunkSource {
    fn byte_len(&self) -> u64 {
        self.byte_len
    }

    fn for_each_piece(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let (Some(n_rows), Some(step)) = (self.grid.shape.first(), self.grid.chunk.first()) else {
            return Ok(());
        };
        let (n_rows, step) = (*n_rows, u64::from(*step).max(1));
        let row_len = self.byte_len / n_rows.max(1);
        let too_large =
            || Error::limit(&self.grid.path, "one row of its chunks does not fit into memory");
        let slab_len =
            usize::try_from(row_len.saturating_mul(step.min(n_rows))).map_err(|_| too_large())?;
        let mut slab = Vec::new();
        slab.try_reserve_exact(slab_len).map_err(|_| too_large())?;
        slab.resize(slab_len, 0);
        let mut entries = self.entries.as_slice();
        let mut first = 0;
        while first < n_rows {
            let rows = step.min(n_rows - first);
            let len = usize::try_from(row_len * rows).map_err(|_| too_large())?;
            let slab = slab.get_mut(..len).ok_or_else(too_large)?;
            let here = entries.partition_point(|e| e.offsets.first() == Some(&first));
            let (now, later) = entries.split_at(here);
            fill(slab, self.grid.fill.as_deref());
            for entry in now {
                self.place(entry, first, slab)?;
            }
            sink(slab)?;
            entries = later;
            first += rows;
        }
        Ok(())
    }
}

impl ChunkGrid {
    /// Bytes of the dataset and of one decoded chunk.
    fn check(&self) -> Result<(u64, usize), Error> {
        if self.chunk.len() != self.shape.len() || self.chunk.is_empty() {
            let what = format!("chunks {:?} for shape {:?}", self.chunk, self.shape);
            return Err(Error::malformed(&self.path, what));
        }
        if self.chunk.contains(&0) {
            return Err(Error::malformed(&self.path, "a chunk without elements"));
        }
        let byte_len = self.shape.iter().try_fold(self.element_size, |n, dim| n.checked_mul(*dim));
        let chunk_len =
            self.chunk.iter().try_fold(self.element_size, |n, dim| n.checked_mul(u64::from(*dim)));
        // The format itself counts the bytes of a chunk with 32 bits.
        let chunk_len = chunk_len.filter(|len| *len <= u64::from(u32::MAX));
        match (byte_len, chunk_len.and_then(|len| usize::try_from(len).ok())) {
            (Some(byte_len), Some(chunk_len)) => Ok((byte_len, chunk_len)),
            _ => Err(Error::limit(&self.path, "a chunk of more than 4 GiB")),
        }
    }

    /// All chunks that are stored, sorted by offsets.
    fn entries(
        &self,
        context: &Context,
        index: u64,
        indexing: Option<&ChunkIndexing>,
        chunk_len: usize,
    ) -> Result<Vec<ChunkEntry>, Error> {
        let storage = context.h5.storage();
        let (offset_size, length_size) = (context.offset_size(), context.length_size());
        let rank = self.shape.len();
        let (shape, chunk) = (self.shape.as_slice(), self.chunk.as_slice());
        let element_size = usize::try_from(self.element_size).unwrap_or(usize::MAX);
        let found = match indexing {
            None => collect_btree_v1_leaves_storage(
                storage,
                index,
                offset_size,
                length_size,
                u32::try_from(rank).ok(),
                chunk,
                None,
            )
            .map(|leaves| leaves.into_iter().filter_map(|leaf| from_leaf(leaf, rank)).collect()),
            Some(ChunkIndexing::SingleChunk { filtered_size, filters }) => {
                Ok(vec![chunk_index::single_chunk_entry(index, *filtered_size, *filters, rank)])
            }
            Some(ChunkIndexing::Implicit) => chunk_index::collect_implicit_chunk_entries(
                index,
                shape,
                chunk,
                element_size,
                None,
                context.blob.byte_len(),
            ),
            Some(ChunkIndexing::FixedArray { .. }) => collect_fixed_array_chunk_entries_storage(
                storage,
                index,
                offset_size,
                length_size,
                shape,
                chunk,
                None,
            ),
            Some(ChunkIndexing::ExtensibleArray { .. }) => {
                collect_extensible_array_chunk_entries_storage(
                    storage,
                    index,
                    offset_size,
                    length_size,
                    shape,
                    self.max_shape.as_deref(),
                    chunk,
                    None,
                )
            }
            Some(ChunkIndexing::BTreeV2) => chunk_index::collect_v2_chunk_entries_storage(
                storage,
                index,
                offset_size,
                length_size,
                u32::try_from(rank).unwrap_or(u32::MAX),
                chunk,
                None,
            ),
        };
        let found: Vec<ChunkEntry> = found.map_err(|error| Error::parsed(&self.path, &error))?;
        self.sorted(context, found, chunk_len)
    }

    /// Checks the chunks of an index, and drops those that lie outside of the shape: HDF5 keeps
    /// them when a dataset shrinks.
    fn sorted(
        &self,
        context: &Context,
        found: Vec<ChunkEntry>,
        chunk_len: usize,
    ) -> Result<Vec<ChunkEntry>, Error> {
        let mut entries = Vec::new();
        for mut entry in found {
            let on_grid = entry.offsets.len() == self.shape.len()
                && entry.offsets.iter().zip(&self.chunk).all(|(at, dim)| at % u64::from(*dim) == 0);
            if !on_grid {
                let what = format!("a chunk at {:?}, between the chunks", entry.offsets);
                return Err(Error::malformed(&self.path, what));
            }
            let is_inside = entry.offsets.iter().zip(&self.shape).all(|(at, dim)| at < dim);
            if !is_inside || context.is_undefined(entry.address) {
                continue;
            }
            if entry.size == 0 {
                // Indexes of unfiltered chunks do not store the size.
                entry.size = chunk_len as u64;
            }
            entries.push(entry);
        }
        entries.sort_by(|a, b| a.offsets.cmp(&b.offsets));
        let twice = entries.windows(2).find(|pair| match pair {
            [a, b] => a.offsets == b.offsets,
            _ => false,
        });
        match twice {
            Some([entry, ..]) => {
                let what = format!("the chunk at {:?} is there twice", entry.offsets);
                Err(Error::malformed(&self.path, what))
            }
            _ => Ok(entries),
        }
    }

    /// Bytes of the dataset that lie in stored chunks. Refuses chunks that unpack to far more
    /// than they take in the file.
    fn check_stored(
        &self,
        context: &Context,
        entries: &[ChunkEntry],
        chunk_len: usize,
    ) -> Result<u64, Error> {
        let chunk_len = chunk_len as u64;
        let (mut inside, mut packed, mut seen) = (0_u64, 0_u64, HashSet::new());
        for entry in entries {
            let elements = entry
                .offsets
                .iter()
                .zip(&self.shape)
                .zip(&self.chunk)
                .map(|((at, dim), chunk)| (dim - at).min(u64::from(*chunk)))
                .product::<u64>();
            inside = inside.saturating_add(elements.saturating_mul(self.element_size));
            // Chunks that share their bytes count once, or a bomb could be made of them.
            if seen.insert(entry.address) {
                packed = packed.saturating_add(entry.size);
            }
        }
        let packed = packed.min(context.blob.byte_len());
        let largest = entries.iter().map(|entry| entry.size).max().unwrap_or(0);
        let unpacked = chunk_len.saturating_mul(entries.len() as u64);
        let free = context.limits.unpacked_free_bytes;
        for (unpacked, packed) in [(unpacked, packed), (chunk_len.min(unpacked), largest)] {
            if unpacked > free && unpacked > packed.saturating_mul(Limits::RATIO_MAX) {
                let what = format!(
                    "{packed} stored bytes unpack to {unpacked}, which is more than {} times as many",
                    Limits::RATIO_MAX
                );
                return Err(Error::limit(&self.path, what));
            }
        }
        Ok(inside)
    }
}

fn from_leaf((key, address): (BTreeV1Key, u64), rank: usize) -> Option<ChunkEntry> {
    match key {
        BTreeV1Key::RawData { chunk_size, filter_mask, mut offsets } => {
            // The last number is an offset inside the element, always zero.
            offsets.truncate(rank);
            Some(ChunkEntry { address, size: u64::from(chunk_size), filter_mask, offsets })
        }
        _ => None,
    }
}

/// Copies the part of `chunk` that lies inside the dataset to its place in `slab`. `None` when
/// something does not fit, which the checks before rule out.
fn copy_box(
    grid: &ChunkGrid,
    entry: &ChunkEntry,
    first: u64,
    chunk: &[u8],
    slab: &mut [u8],
) -> Option<()> {
    let rank = grid.shape.len();
    let size = grid.element_size;
    // Along each axis: how many elements, and how far apart in bytes here and there.
    let mut counts = Vec::with_capacity(rank);
    let mut strides = vec![(size, size); rank];
    for axis in 0..rank {
        let left = grid.shape.get(axis)? - entry.offsets.get(axis)?;
        counts.push(left.min(u64::from(*grid.chunk.get(axis)?)));
    }
    for axis in (0..rank.checked_sub(1)?).rev() {
        let (from, to) = *strides.get(axis + 1)?;
        let chunk_dim = u64::from(*grid.chunk.get(axis + 1)?);
        *strides.get_mut(axis)? =
            (from.checked_mul(chunk_dim)?, to.checked_mul(*grid.shape.get(axis + 1)?)?);
    }
    let mut base = 0_u64;
    for axis in 0..rank {
        let at = entry.offsets.get(axis)? - if axis == 0 { first } else { 0 };
        base = base.checked_add(at.checked_mul(strides.get(axis)?.1)?)?;
    }
    let run = usize::try_from(counts.last()?.checked_mul(size)?).ok()?;
    let mut index = vec![0_u64; rank - 1];
    loop {
        let (mut from, mut to) = (0_u64, base);
        for (i, stride) in index.iter().zip(&strides) {
            from += i * stride.0;
            to += i * stride.1;
        }
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        let source = chunk.get(from..from.checked_add(run)?)?;
        slab.get_mut(to..to.checked_add(run)?)?.copy_from_slice(source);
        // The next index in row-major order.
        let next = (0..rank - 1)
            .rev()
            .find(|axis| index.get(*axis).zip(counts.get(*axis)).is_some_and(|(i, n)| i + 1 < *n));
        let Some(axis) = next else { return Some(()) };
        *index.get_mut(axis)? += 1;
        index.get_mut(axis + 1..)?.fill(0);
    }
}
