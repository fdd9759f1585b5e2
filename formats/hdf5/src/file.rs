//! An opened file: its superblock, and what all of its objects share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdf5_reader::messages::attribute::AttributeMessage;
use hdf5_reader::object_header::ObjectHeader;
use hdf5_reader::{Hdf5File, OpenOptions};
use tensorferry_store::BlobRef;

use crate::error::{Error, Kind};
use crate::group::Group;
use crate::limits::Limits;
use crate::links::Links;
use crate::storage::BlobStorage;

/// One object header; HDF5 itself allows messages of 64 KB and moves larger things elsewhere.
const HEADER_BYTES_MAX: usize = 16 << 20;
/// Smallest space that an object takes in a file: a header prefix and an entry in its group.
const OBJECT_BYTES_MIN: u64 = 32;
/// How often every object may be opened, so that a few groups which link each other crosswise
/// do not become a walk without end.
const WALKS_MAX: u64 = 16;

/// An HDF5 file.
#[derive(Clone)]
pub struct File {
    context: Arc<Context>,
}

impl File {
    /// Reads the superblock of `blob`.
    ///
    /// # Errors
    /// When the blob is no HDF5 file, is shorter than its superblock says, or is of a version
    /// that is not known.
    pub fn open(blob: BlobRef, limits: Limits) -> Result<Self, Error> {
        Ok(Self { context: Arc::new(Context::open(blob, limits)?) })
    }

    /// True when the bytes at the start are an HDF5 signature. A file behind a user block has it
    /// at byte 512, 1024, 2048 and so on.
    pub fn is_hdf5(start: &[u8]) -> bool {
        start.starts_with(&hdf5_reader::superblock::HDF5_MAGIC)
    }

    /// Version of the superblock, 0 to 3.
    pub fn superblock_version(&self) -> u8 {
        self.context.h5.superblock().version
    }

    /// The root group.
    ///
    /// # Errors
    /// When its object header cannot be read or is not a group's.
    pub fn root(&self) -> Result<Group, Error> {
        Group::root(self.context.clone())
    }
}

/// What all objects of one file share.
pub(crate) struct Context {
    pub(crate) blob: BlobRef,
    pub(crate) h5: Hdf5File,
    pub(crate) limits: Limits,
    links: Mutex<HashMap<u64, Arc<Links>>>,
    attributes: Mutex<HashMap<u64, Arc<Vec<AttributeMessage>>>>,
    filled: Mutex<(u64, HashSet<u64>)>,
    opens_left: AtomicU64,
}

impl Context {
    fn open(blob: BlobRef, limits: Limits) -> Result<Self, Error> {
        let len = blob.byte_len();
        let storage = Arc::new(BlobStorage::new(blob.clone()));
        let options = OpenOptions::default()
            .with_max_object_header_bytes(HEADER_BYTES_MAX)
            .with_max_chunk_bytes(1 << 20)
            .with_max_read_bytes(1 << 20)
            .with_chunk_cache_bytes(0);
        let h5 = Hdf5File::from_storage_with_options(storage, options).map_err(|error| {
            if matches!(error, hdf5_reader::error::Error::InvalidMagic) {
                return Error::malformed("", "this is not an HDF5 file: it has no signature");
            }
            Error::parsed("", &error)
        })?;
        let end = h5.superblock().eof_address;
        if end > len {
            let what = format!("the file has {len} bytes where its superblock says {end}");
            return Err(Error::new(Kind::Truncated, "", what).at(len));
        }
        let opens = (len / OBJECT_BYTES_MIN + 1024).saturating_mul(WALKS_MAX);
        Ok(Self {
            blob,
            h5,
            limits,
            links: Mutex::default(),
            attributes: Mutex::default(),
            filled: Mutex::default(),
            opens_left: AtomicU64::new(opens),
        })
    }

    /// Size in bytes of an address in this file.
    pub(crate) fn offset_size(&self) -> u8 {
        self.h5.superblock().offset_size
    }

    /// Size in bytes of a length in this file.
    pub(crate) fn length_size(&self) -> u8 {
        self.h5.superblock().length_size
    }

    /// Byte of the blob at which address 0 lies: behind the user block.
    pub(crate) fn base(&self) -> u64 {
        self.h5.superblock().base_address
    }

    /// True for the address that stands for "none".
    pub(crate) fn is_undefined(&self, address: u64) -> bool {
        hdf5_reader::io::Cursor::is_undefined_offset(address, self.offset_size())
    }

    pub(crate) fn header(&self, path: &str, address: u64) -> Result<Arc<ObjectHeader>, Error> {
        let spent = self
            .opens_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if spent.is_err() {
            return Err(Error::limit(
                path,
                "the groups link each other more often than the file can hold objects",
            ));
        }
        self.h5.get_or_parse_header(address).map_err(|error| {
            let error = Error::parsed(path, &error);
            if error.offset().is_some() { error } else { error.at(self.base() + address) }
        })
    }

    /// The links of the group at `address`, read once.
    pub(crate) fn links(&self, path: &str, address: u64) -> Result<Arc<Links>, Error> {
        if let Some(links) = lock(&self.links).get(&address) {
            return Ok(links.clone());
        }
        let header = self.header(path, address)?;
        let links = Arc::new(Links::read(self, path, &header)?);
        lock(&self.links).insert(address, links.clone());
        Ok(links)
    }

    /// The attributes of the object at `address`, read once.
    pub(crate) fn attributes(
        &self,
        path: &str,
        address: u64,
    ) -> Result<Arc<Vec<AttributeMessage>>, Error> {
        if let Some(attributes) = lock(&self.attributes).get(&address) {
            return Ok(attributes.clone());
        }
        let header = self.header(path, address)?;
        let attributes = Arc::new(crate::attribute::read_messages(self, path, &header)?);
        lock(&self.attributes).insert(address, attributes.clone());
        Ok(attributes)
    }

    /// Counts `bytes` that the dataset at `address` has without having stored them. Counted once
    /// for each dataset.
    pub(crate) fn charge_fill(&self, path: &str, address: u64, bytes: u64) -> Result<(), Error> {
        let limit = self
            .blob
            .byte_len()
            .saturating_mul(self.limits.fill_per_file_byte)
            .saturating_add(self.limits.fill_free_bytes);
        let mut filled = lock(&self.filled);
        if filled.1.contains(&address) {
            return Ok(());
        }
        let total = filled.0.saturating_add(bytes);
        if total > limit {
            let what = format!(
                "{bytes} bytes were never written, {total} in the whole file, where {limit} are \
                 allowed for its size"
            );
            return Err(Error::limit(path, what));
        }
        filled.0 = total;
        filled.1.insert(address);
        Ok(())
    }
}

/// Nothing here is left half-changed by a panic, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
